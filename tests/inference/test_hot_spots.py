"""Hot spots of recordings whose sources are known: where, when, how loud, and none in noise."""

from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from tests.imaging.sound_fields import SPIRAL
from tests.inference.places_heard import Sounding, heard

from sonoscope.core import audio
from sonoscope.core.array import TETRAHEDRON, MicArray
from sonoscope.core.audio import AudioFile, Recording
from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.core.errors import InputError, SonoscopeError
from sonoscope.imaging.image import Method, added, places
from sonoscope.imaging.views import PlaneView, SphereView
from sonoscope.inference import hot_spots
from sonoscope.inference.hot_spots import ImageSettings, Looker, all_spots, look, warnings
from sonoscope.signal.ambisonics import foa_gains

RATE_HZ = 48_000
LOW, HIGH = (891.0, 1122.0), (7127.0, 8979.0)
TWO = [
    Sounding((3.0, 0.6, 0.4), 1e-3, (6000, 12000)),
    Sounding((3.0, -0.5, -0.2), 1e-4, (6000, 12000)),
]


def written(path: Path, samples: Float[ndarray, "channel sample"]) -> AudioFile:
    audio.write(path, Recording(samples.astype(np.float32), RATE_HZ))
    return audio.probe(path)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> AudioFile:
    sound = heard(SPIRAL.positions, TWO, RATE_HZ, 0.5, noise=1e-4)
    return written(tmp_path_factory.mktemp("two") / "two.wav", sound)


@pytest.mark.parametrize("method", ["clean-sc", "music", "functional", "orthogonal"])
@pytest.mark.slow
def test_two_places_on_a_plane_are_found_by_any_method(two: AudioFile, method: Method) -> None:
    wanted = ImageSettings(method, (HIGH,), plane_m=3.0)
    ((image,),) = look(two, Looker.of(two, SPIRAL, wanted))
    assert len(image.spots) == 2
    for spot, source in zip(image.spots, TWO, strict=True):
        assert spot.place_m is not None
        assert np.linalg.norm(spot.place_m - source.place_m) < 0.01
        share = 10 * np.log10((HIGH[1] - HIGH[0]) / 6000 * source.power)
        assert 10 * np.log10(spot.power) == pytest.approx(share, abs=0.5)
    assert image.spots[0].level_db(-26.0) - image.spots[0].level_db() == pytest.approx(120.0)


def test_without_a_method_there_is_one(two: AudioFile) -> None:
    assert Looker.of(two, SPIRAL, ImageSettings(bands_hz=(HIGH,))).method == "clean-sc"
    looker = Looker.of(two, SPIRAL, ImageSettings())
    assert isinstance(looker.view, PlaneView)
    assert looker.assumed
    assert "assumed 3 m away" in warnings(two, looker)[0]
    assert len(looker.bands) > 10
    assert all(2 * block <= two.n_samples for _, block in looker.bands)


def test_each_window_has_what_sounds_in_it(tmp_path: Path) -> None:
    sources = [
        Sounding((3.0, 0.6, 0.4), 1e-3, (6000, 12000), (0.0, 0.5)),
        Sounding((3.0, -0.5, -0.2), 1e-3, (6000, 12000), (0.5, 1.0)),
    ]
    file = written(tmp_path / "a.wav", heard(SPIRAL.positions, sources, RATE_HZ, 1.0, noise=1e-4))
    wanted = ImageSettings(bands_hz=(HIGH,), window_s=0.25, sphere=True)
    told: list[float] = []
    images = [each[0] for each in look(file, Looker.of(file, SPIRAL, wanted), told.append)]
    assert [(image.start_s, image.end_s) for image in images] == [
        (0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0),
    ]  # fmt: skip
    assert told == sorted(told)
    assert told[-1] == 1.0
    for number, image in enumerate(images):
        (spot,) = image.spots
        want = np.array(sources[number // 2].place_m)
        assert float(angle_between(spot.direction, want)) < np.deg2rad(0.5)
    whole = added(images)
    assert (whole.start_s, whole.end_s, len(whole.spots)) == (0.0, 1.0, 4)
    assert [len(place.spots) for place in places(all_spots(images))] == [2, 2]


def test_a_recording_read_in_pieces_is_the_same(
    two: AudioFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker = Looker.of(two, SPIRAL, ImageSettings(bands_hz=(HIGH,), plane_m=3.0))
    ((whole,),) = look(two, looker)
    monkeypatch.setattr(hot_spots, "_PIECE", 24 * 5000)
    ((pieces,),) = look(two, looker)
    for one, other in zip(whole.spots, pieces.spots, strict=True):
        assert float(angle_between(one.direction, other.direction)) < 1e-3
        assert one.power == pytest.approx(other.power, rel=0.03)


@pytest.mark.parametrize("array", [SPIRAL, TETRAHEDRON], ids=["spiral", "tetra"])
@pytest.mark.slow
def test_noise_has_no_hot_spot(tmp_path: Path, array: MicArray) -> None:
    noise = 0.01 * np.random.default_rng(1).standard_normal((array.n_capsules, RATE_HZ // 2))
    file = written(tmp_path / "noise.wav", noise)
    wanted = ImageSettings(bands_hz=(LOW, HIGH))
    (images,) = look(file, Looker.of(file, array, wanted))
    assert all_spots(images) == ()


def test_digital_silence_has_none_either(tmp_path: Path) -> None:
    file = written(tmp_path / "silence.wav", np.zeros((24, RATE_HZ // 2)))
    for method in ("clean-sc", "capon", "music", "srp-phat"):
        wanted = ImageSettings(method, (HIGH,), plane_m=3.0)
        (images,) = look(file, Looker.of(file, SPIRAL, wanted))
        assert all_spots(images) == ()
        assert np.all(np.isfinite(images[0].values))


@pytest.mark.parametrize("scale", ["foa", "n3d", "fuma"])
def test_ambisonics_of_any_scale_are_heard_all_around(tmp_path: Path, scale: str) -> None:
    draw = np.random.default_rng(2)
    want = unit_vector(2.5, -0.4)
    foa = foa_gains(want)[:, None] * 0.05 * draw.standard_normal(RATE_HZ // 2)
    foa += 0.002 * draw.standard_normal(foa.shape)
    if scale == "n3d":
        foa[1:] *= 3**0.5
    elif scale == "fuma":
        foa = np.stack([foa[0] / 2**0.5, foa[3], foa[1], foa[2]])
    file = written(tmp_path / "foa.wav", foa)
    looker = Looker.of(file, scale, ImageSettings(bands_hz=(LOW,)))  # type: ignore[arg-type]
    assert isinstance(looker.view, SphereView)
    assert looker.method == "capon"
    ((image,),) = look(file, looker)
    (spot,) = image.spots
    assert float(angle_between(spot.direction, want)) < np.deg2rad(1)
    assert spot.power == pytest.approx(0.05**2 * (LOW[1] - LOW[0]) / 24_000, rel=0.15)


def test_what_cannot_be_looked_at_is_refused(two: AudioFile, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must have 4 channels, one a capsule.*but 24 was given"):
        Looker.of(two, TETRAHEDRON, ImageSettings())
    short = written(tmp_path / "short.wav", np.zeros((24, 100)))
    for wanted, line in (
        (ImageSettings(bands_hz=((100.0, 90.0),)), "a band must lie between 0 and 24000 Hz"),
        (ImageSettings(bands_hz=((100.0, 30_000.0),)), "a band must lie between 0 and 24000 Hz"),
        (ImageSettings(plane_m=3.0, size_m=(1.0, -1.0)), "height of a plane must be above 0"),
    ):
        with pytest.raises(SonoscopeError, match=line):
            Looker.of(two, SPIRAL, wanted)
    with pytest.raises(InputError, match="must last at least"):
        Looker.of(short, SPIRAL, ImageSettings())
