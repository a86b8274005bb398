"""The measured responses that lie beside the project say what their sources say of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.measured_rooms import LARGE_TETRAHEDRON, TURN_DEG, octave, t60_s, table
from numpy.typing import NDArray
from scipy.io import savemat
from scipy.signal import fftconvolve

from sonoscope.core import audio
from sonoscope.core.array import TETRAHEDRON, MicArray
from sonoscope.core.audio import Recording
from sonoscope.core.direction import angle_between, angles, sphere_grid, unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets.responses import read_room
from sonoscope.signal.receiver import Capsules, IdealFoa, plane_wave_response
from sonoscope.simulation.measured import MeasuredRoom, misfit_db

RATE = 24_000
SOURCES_DEG = (45.0, 15.0, -15.0, -45.0)


@pytest.fixture
def sphere(shared: Path) -> MeasuredRoom:
    return read_room(shared / "sphere-anechoic" / "SOFiA_A3_struct.mat")


@pytest.fixture
def listening_lab(shared: Path) -> MeasuredRoom:
    return read_room(shared / "room-sdm" / "sdm_listening_lab.mat")


def _wet(room: MeasuredRoom, position: int, seed: int) -> NDArray[np.float64]:
    """Let a second of noise sound there."""
    dry = np.random.default_rng(seed).standard_normal(RATE)
    return np.stack([fftconvolve(dry, taps) for taps in room.spot(position).response])


@pytest.mark.shared
def test_the_sphere_is_four_responses_of_110_capsules(sphere: MeasuredRoom) -> None:
    assert isinstance(sphere.channels, MicArray)
    assert (sphere.n_positions, sphere.channels.n_capsules) == (4, 110)
    assert sphere.channels.radius_m == pytest.approx(0.0875)
    azimuth, elevation = np.rad2deg(angles(sphere.directions))
    np.testing.assert_allclose(azimuth, SOURCES_DEG, atol=1e-9)
    np.testing.assert_allclose(elevation, 0, atol=1e-9)
    np.testing.assert_allclose(sphere.distance_m, 2.5)
    # each window begins 1 ms before its loudest half millisecond
    np.testing.assert_allclose(sphere.arrival / 44_100, 0.95e-3, atol=0.05e-3)


@pytest.mark.slow
@pytest.mark.shared
def test_in_foa_scenes_of_the_sphere_sound_comes_from_where_it_was_measured(
    sphere: MeasuredRoom,
) -> None:
    heard = sphere.heard_by(IdealFoa(), RATE)
    for i, azimuth_deg in enumerate(SOURCES_DEG):
        spectrum = np.fft.rfft(_wet(heard, i, i), axis=1)
        hz = np.fft.rfftfreq(2 * spectrum.shape[1] - 1, 1 / RATE)
        band = spectrum[:, (hz > 300) & (hz < 1_500)]
        found, up = np.rad2deg(angles((band[0].conj() * band[[3, 1, 2]]).real.sum(axis=1)))
        assert found - azimuth_deg == pytest.approx(TURN_DEG, abs=2.0)
        assert abs(up) < 2


@pytest.mark.slow
@pytest.mark.shared
def test_in_scenes_of_four_capsules_a_maximum_likelihood_search_finds_it(
    sphere: MeasuredRoom,
) -> None:
    """A matched field over the sphere, from theory, knows nothing of the encoder."""
    heard = sphere.heard_by(Capsules(LARGE_TETRAHEDRON), RATE)
    grid = sphere_grid(10_000)
    hz = np.arange(300.0, 3_000.0, 20.0)
    field = plane_wave_response(Capsules(LARGE_TETRAHEDRON), grid, hz)
    field = field / np.linalg.norm(field, axis=1, keepdims=True)
    for i in (2, 3):  # of the others some capsules heard next to nothing: see the test below
        wet = _wet(heard, i, i)
        turn = np.exp(-2j * np.pi * hz[:, None] / RATE * np.arange(wet.shape[1]))
        power = np.abs(np.einsum("fcd,fc->fd", field.conj(), turn @ wet.T)) ** 2
        found = grid[(power / power.sum(axis=1, keepdims=True)).sum(axis=0).argmax()]
        turned = np.deg2rad(SOURCES_DEG[i] + TURN_DEG)
        assert np.rad2deg(angle_between(found, unit_vector(turned, 0.0))) < 5


@pytest.mark.shared
def test_two_sources_of_the_sphere_fell_silent_before_all_capsules_were_measured(
    sphere: MeasuredRoom,
) -> None:
    """The first plays 20 dB lower to half of the capsules, the second 5 dB to two of five."""
    first, second, *others = misfit_db(sphere)
    assert 20 < first < 24
    assert 6 < second < 10
    assert max(others) < 3
    assert misfit_db(sphere.only([3])) == pytest.approx(others[1:])


@pytest.mark.shared
def test_the_sdm_room_is_what_its_source_says(listening_lab: MeasuredRoom) -> None:
    assert listening_lab.rate_hz == 48_000
    assert np.rad2deg(angle_between(listening_lab.directions[0], unit_vector(0.0, 0.0))) < 3
    assert np.isnan(listening_lab.distance_m).all()
    assert 0.1 < t60_s(listening_lab.responses[0, 0], 48_000) < 0.2


@pytest.mark.shared
@pytest.mark.parametrize("receiver", [IdealFoa(), Capsules(TETRAHEDRON)])
def test_the_sdm_room_decays_for_every_receiver_as_it_does_for_pressure(
    listening_lab: MeasuredRoom, receiver: IdealFoa | Capsules
) -> None:
    heard = listening_lab.heard_by(receiver, 48_000)
    for centre_hz in (500, 1_000, 2_000, 4_000):
        wanted = t60_s(octave(listening_lab.responses[0, 0], centre_hz, 48_000), 48_000)
        channels = heard.responses[0][:1] if heard.channels == "foa" else heard.responses[0]
        decays = [t60_s(octave(taps, centre_hz, 48_000), 48_000) for taps in channels]
        assert np.mean(decays) == pytest.approx(wanted, rel=0.06)


@pytest.mark.shared
def test_the_direct_sound_of_the_sdm_room_comes_from_ahead(listening_lab: MeasuredRoom) -> None:
    heard = listening_lab.heard_by(IdealFoa(), RATE)
    start = int(heard.arrival[0]) - 2
    direct = heard.responses[0][:, start : start + 24]
    flow = (direct[0] * direct[[3, 1, 2]]).sum(axis=1)
    assert np.rad2deg(angle_between(flow, listening_lab.directions[0])) < 2


@pytest.mark.shared
def test_a_fuma_room_points_where_its_direct_sound_comes_from(shared: Path) -> None:
    towards = unit_vector(np.deg2rad(13.8), 0.0)
    path = shared / "foa-recordings" / "room_1_bf.wav"
    heard = read_room(path, channels="fuma", direction=towards).heard_by(IdealFoa(), RATE)
    start = int(heard.arrival[0]) - 5
    direct = heard.responses[0][:, start : start + 40]
    w, *yzx = direct
    flow = np.array([(w * channel).sum() for channel in (yzx[2], yzx[0], yzx[1])])
    assert np.rad2deg(angle_between(flow, towards)) < 0.2
    # a plane wave in SN3D: as much in the three directions together as in W
    assert sum((channel**2).sum() for channel in yzx) == pytest.approx((w**2).sum(), rel=0.01)


@pytest.mark.shared
def test_of_third_order_the_first_four_channels_are_read(shared: Path) -> None:
    path = shared / "foa-recordings" / "room_2_01-08ch.wav"
    room = read_room(path, channels="n3d", direction=unit_vector(0.98, 0.0), distance_m=2.0)
    assert room.responses.shape[:2] == (1, 4)
    assert room.spot(0).distance_m == 2.0


@pytest.mark.slow
@pytest.mark.shared
def test_the_bench_prints_both_rooms(shared: Path, tmp_path: Path) -> None:
    directions, decays = table(tmp_path, shared).split("\n\n")
    assert [row.split("|")[1].strip() for row in directions.splitlines()[2:]] == [
        "45", "15", "-15", "-45",
    ]  # fmt: skip
    assert len(decays.splitlines()) == 8


# ── without the shared data ──────────────────────────────────────────────────────────────────────


def _struct(**changed: Any) -> dict[str, Any]:
    """Give a SOFiA struct of six capsules that hear two pulses, 20 ms apart."""
    taps = np.zeros((1_500, 6), np.float32)
    taps[100] = 1.0
    taps[1_060] = 0.5
    content: dict[str, Any] = {
        "irChOne": taps,
        "azimuth": np.array([0, 0.5, 1, 1.5, 0, 0]) * np.pi,
        "elevation": np.array([0.5, 0.5, 0.5, 0.5, 0, 1]) * np.pi,
        "fs": 48_000.0,
        "radius": 0.05,
        "sourcePosition": "90° 300° AZ, 60° EL",
        "sourceDistance": 1.5,
        "scatterer": 1,
        "name": "six",
        "engineer": "Ann",
        "quadGrid": "octahedron",
    }
    return content | changed


def test_sources_one_after_the_other_are_cut_apart(tmp_path: Path) -> None:
    path = tmp_path / "six.mat"
    savemat(path, {"six": _struct()})
    room = read_room(path)
    azimuth, elevation = np.rad2deg(angles(room.directions))
    np.testing.assert_allclose(azimuth, [90, -60])
    np.testing.assert_allclose(elevation, [30, 30])  # 60 from the zenith
    assert isinstance(room.channels, MicArray)
    assert room.channels.baffle == "rigid"
    np.testing.assert_allclose(room.channels.directions[4:, 2], [1, -1])
    assert room.credit.startswith("six, Ann")
    np.testing.assert_allclose(np.abs(room.responses).max(axis=(1, 2)), [1, 0.5])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"sourcePosition": "in front"}, "sourcePosition must read like"),
        ({"sourcePosition": "0° 90° 180° AZ, 90° EL"}, "must hold 3 direct sounds"),
        ({"irChOne": np.ones((100, 5))}, "irChOne must have a column for each of 6 positions"),
        ({"radius": 87.5}, "on a sphere of less than 10 m"),
        ({"elevation": np.full(6, 90.0)}, "must be radians"),
        ({"fs": 48_000.5}, "fs must be 8000..192000 Hz"),
    ],
)
def test_a_struct_is_refused_that_cannot_be(
    tmp_path: Path, changed: dict[str, Any], says: str
) -> None:
    path = tmp_path / "six.mat"
    savemat(path, {"six": _struct(**changed)})
    with pytest.raises(InputError, match=r"six\.mat: ") as refusal:
        read_room(path)
    assert says in str(refusal.value)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"azi_rad": np.zeros(3)}, "must be of one length"),
        ({"p": np.full(40, np.nan)}, "p must be finite numbers"),
        ({"p": np.zeros(40)}, "and p a sound"),
        ({"fs": 0}, "fs must be"),
        ({"fs": "fast"}, "fs must be finite numbers"),
        ({"fs": [1, 2]}, "fs must be one number"),
    ],
)
def test_sdm_data_are_refused_that_cannot_be(
    tmp_path: Path, changed: dict[str, Any], says: str
) -> None:
    path = tmp_path / "lab.mat"
    content = {"p": np.eye(1, 40), "azi_rad": np.zeros(40), "ele_rad": np.zeros(40), "fs": 48_000}
    savemat(path, content)
    assert read_room(path, credit="Ann, CC0").credit == "Ann, CC0"
    savemat(path, content | changed)
    with pytest.raises(InputError, match=says):
        read_room(path)


def test_the_kind_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "six.wav"
    savemat(path, {"six": _struct()}, appendmat=False)
    assert read_room(path).n_positions == 2


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    other, newer, cut = tmp_path / "other.mat", tmp_path / "newer.mat", tmp_path / "cut.mat"
    savemat(other, {"speed": 3.0})
    newer.write_bytes(b"MATLAB 7.3 MAT-file" + bytes(600))
    savemat(cut, {"six": _struct()})
    cut.write_bytes(cut.read_bytes()[:-300])
    for path, says in (
        (other, "must hold p, azi_rad, ele_rad, fs .SDM. or a SOFiA struct, but speed was found"),
        (newer, "must be of version 5 .save -v7., but 7.3 was given"),
        (cut, "not a readable MATLAB file"),
        (tmp_path / "none.sofa", "must be a regular file"),
    ):
        with pytest.raises(InputError, match=says) as refusal:
            read_room(path)
        assert "\n" not in str(refusal.value)


def test_a_sound_file_needs_its_format_and_direction(tmp_path: Path) -> None:
    path = tmp_path / "one.wav"
    audio.write(path, Recording(np.eye(1, 400, 90, dtype=np.float32), 48_000))
    with pytest.raises(SettingError, match="must be given with its channels and its direction"):
        read_room(path, channels="mono")
    room = read_room(path, channels="mono", direction=np.array([0.0, 3.0, 0.0]), distance_m=3.0)
    assert room.arrival == pytest.approx(89.1)
    np.testing.assert_allclose(room.directions, [[0, 1, 0]])
    with pytest.raises(InputError, match=r"one\.wav: responses of foa must have 4 channels"):
        read_room(path, channels="foa", direction=np.array([0.0, 3.0, 0.0]))
