"""What four channels are is told from sound fields, never from names; and what cannot be told."""

from pathlib import Path

import numpy as np
import pytest
from bench.format_check import CASES, Heard, answer, simulated
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core import audio
from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.audio import resample_chunks
from sonoscope.core.direction import sphere_grid, unit_vector
from sonoscope.core.errors import InputError
from sonoscope.signal.ambisonics import foa_gains
from sonoscope.signal.format_check import (
    RATE_HZ,
    SCALE_DB,
    FormatVerdict,
    Placement,
    check_channels,
)
from sonoscope.signal.sphere import array_response
from sonoscope.signal.symmetry import array_symmetries, foa_matrix, signed_permutations

GENERATOR = np.random.default_rng(4)


def at_check_rate(samples: ndarray) -> Float[ndarray, "channel sample"]:
    pieces = resample_chunks([samples.astype(np.float32)], 16_000, RATE_HZ)
    return np.concatenate(list(pieces), axis=1)


@pytest.fixture(scope="module")
def scenes() -> list[Heard]:
    return list(simulated(2, 10.0))


def diffuse(seconds: float = 10.0) -> Float[ndarray, "4 sample"]:
    white = GENERATOR.standard_normal((4, round(seconds * RATE_HZ)))
    return np.asarray(1e-2 * white * np.array([[1], *[[3**-0.5]] * 3]), np.float32)


def bursts(seconds: float = 10.0) -> Float[ndarray, " sample"]:
    """Give noise that comes and goes, as sounds do."""
    n_samples = round(seconds * RATE_HZ)
    swell = np.repeat(GENERATOR.exponential(0.1, n_samples // 800 + 1), 800)[:n_samples]
    return np.asarray(swell * GENERATOR.standard_normal(n_samples))


def waves(directions: Float[ndarray, "source 3"]) -> Float[ndarray, "4 sample"]:
    """Give several sources without a room, in weak diffuse sound."""
    sound = sum(np.outer(foa_gains(u), bursts()) for u in directions)
    return (sound + diffuse()).astype(np.float32)


def capsules(direction: Float[ndarray, "3"]) -> Float[ndarray, "4 sample"]:
    """Give one source on the tetrahedron, around a circle of time."""
    sound = np.fft.rfft(bursts())
    frequency_hz = np.fft.rfftfreq(10 * RATE_HZ, 1 / RATE_HZ)
    heard = array_response(TETRAHEDRON, direction[None], frequency_hz)[:, :, 0].T * sound
    noise = 1e-3 * GENERATOR.standard_normal((4, 10 * RATE_HZ))
    return np.asarray(np.fft.irfft(heard) + noise, np.float32)


WEAK = ("SN3D in FuMa order", "FuMa scale in ACN order")  # only where sound comes from speaks


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in WEAK])
def test_simulated_scenes_are_told(name: str, scenes: list[Heard]) -> None:
    written, right = CASES[name]
    for scene in scenes:
        verdict = check_channels(at_check_rate(written(scene)))
        assert answer(verdict).startswith(right)
        assert verdict.confidence > 0.5


@pytest.mark.parametrize(("scale", "gain"), [("sn3d", 1.0), ("fuma", 2**0.5), ("n3d", 3**0.5)])
@pytest.mark.parametrize("omni", [0, 2])
def test_the_energy_ratio_is_the_scales_for_waves_and_diffuse_sound(
    scale: str, gain: float, omni: int
) -> None:
    foa = waves(sphere_grid(5)) * np.array([[1], [gain], [gain], [gain]], np.float32)
    order = [1, 2, 3]
    order.insert(omni, 0)
    verdict = check_channels(foa[order])
    assert verdict.kind == "foa"
    assert verdict.omni == omni
    assert max(verdict.scales, key=lambda each: verdict.scales[each]) == scale
    assert verdict.ratio_db == pytest.approx(SCALE_DB[scale], abs=0.2)  # type: ignore[index]
    assert verdict.phase > 0.9
    assert verdict.confidence > 0.8


@pytest.mark.slow
def test_turns_and_mirrors_of_a_field_cannot_be_told_apart() -> None:
    foa = waves(sphere_grid(4))
    before = check_channels(foa)
    for transform in signed_permutations()[[7, 21, 40]]:
        after = check_channels((foa_matrix(transform) @ foa).astype(np.float32))
        assert after.kind == "foa"
        assert after.scales == pytest.approx(before.scales, abs=0.02)
        assert after.ratio_db == pytest.approx(before.ratio_db, abs=1e-3)


def test_the_vertical_channel_is_the_one_where_little_comes_from() -> None:
    around = unit_vector(np.deg2rad([10, 70, 140, 250]), np.deg2rad([3, -5, 8, 0]))
    foa = waves(around)
    for order, vertical in (([0, 1, 2, 3], 2), ([0, 3, 1, 2], 3), ([0, 2, 1, 3], 1)):
        verdict = check_channels(foa[order])
        assert verdict.vertical == vertical
        assert verdict.vertical_share > 0.9
    assert check_channels(foa[[0, 3, 1, 2]]).channel_format is None  # SN3D in the order of FuMa


def test_diffuse_sound_and_unrelated_noise_are_not_told_apart() -> None:
    for samples in (diffuse(), GENERATOR.standard_normal((4, 80_000)).astype(np.float32)):
        verdict = check_channels(samples)
        assert verdict.kind == "unclear"
        assert not verdict.is_directed


def test_one_clap_in_ten_seconds_is_enough() -> None:
    clap = np.zeros(10 * RATE_HZ)
    clap[40_000:40_800] = GENERATOR.standard_normal(800) * np.exp(-np.arange(800) / 150)
    source = unit_vector(np.deg2rad(55), np.deg2rad(15))
    samples = np.asarray(np.outer(foa_gains(source), clap) + diffuse(), np.float32)
    verdict = check_channels(samples, source)
    assert verdict.is_directed
    assert verdict.channel_format == "foa"
    assert _placed(verdict).channels == ("W", "Y", "Z", "X")


@pytest.mark.parametrize("silent", [(1, 2, 3), (0, 2, 3), (2, 3), (1,)])
def test_silent_channels_are_dead_and_everything_said_is_a_number(silent: tuple[int, ...]) -> None:
    samples = 0.1 * np.random.default_rng(4).standard_normal((4, 3 * RATE_HZ))
    samples[list(silent)] = 0.0
    verdict = check_channels(samples)
    assert (verdict.kind, verdict.channels) == ("dead", silent)
    said = (verdict.ratio_db, verdict.ratio_error_db, verdict.omni_share, *verdict.scales.values())
    assert np.isfinite(said).all()


def test_one_clean_wave_is_no_copy() -> None:
    one = np.outer(foa_gains(unit_vector(np.deg2rad(30), np.deg2rad(20))), bursts())
    verdict = check_channels(one.astype(np.float32))
    assert verdict.kind == "foa"
    assert verdict.ratio_db == pytest.approx(0.0, abs=0.01)
    inverted = np.outer([1, -1, 1, 1], bursts()).astype(np.float32)
    assert check_channels(inverted).kind == "copies"


@pytest.mark.slow
@pytest.mark.parametrize("angles_deg", [(55.0, 15.0), (-145.0, -15.0)])
def test_a_known_source_tells_order_and_signs(angles_deg: tuple[float, float]) -> None:
    source = unit_vector(*np.deg2rad(angles_deg))
    foa = waves(source[None])
    for transform in signed_permutations()[::5]:
        matrix = foa_matrix(transform)
        names = tuple(
            ("-" if row.min() < 0 else "") + "WYZX"[int(np.abs(row).argmax())] for row in matrix
        )
        placement = _placed(check_channels((matrix @ foa).astype(np.float32), source))
        assert placement.channels == names
        assert placement.open_count == 1
        assert np.rad2deg(placement.off) < 1


@pytest.mark.slow
def test_a_known_source_tells_the_order_of_capsules() -> None:
    source = unit_vector(np.deg2rad(55), np.deg2rad(15))
    heard = capsules(source)
    for symmetry in array_symmetries(TETRAHEDRON, 0.02)[::5]:
        placement = _placed(check_channels(heard[list(symmetry.order)], source))
        assert placement.channels == tuple(str(q + 1) for q in symmetry.order)
        assert placement.count == 24


def test_a_source_on_an_axis_leaves_most_open_and_a_false_one_is_doubted() -> None:
    left = unit_vector(np.deg2rad(90), 0.0)
    placement = _placed(check_channels(waves(left[None]), left))
    assert placement.channels == ("W", "Y", "Z", "X")
    assert placement.open_count == 8
    diagonal = unit_vector(np.deg2rad(45), np.deg2rad(35.26))
    false = _placed(check_channels(waves(left[None]), diagonal))
    assert false.elsewhere > 0.9


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.ones((4, 7_999), np.float32), "must last at least 1 s, but 1.00 s was given"),
        (np.zeros((4, 80_000), np.float32), "must not be silent"),
        (
            np.tile(np.sin(np.arange(80_000) * 0.02), (4, 1)).astype(np.float32) * 1e-6,
            "must lie between 250 Hz and 3 kHz",
        ),
    ],
)
def test_what_tells_nothing_is_refused(samples: ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_channels(samples)


@pytest.mark.shared
@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_eigenmike_recordings_are_n3d(number: int, shared: Path) -> None:
    """JSAmbisonics is ACN and N3D throughout; its orders two and three are left out here."""
    sound = audio.read(shared / "foa-recordings" / f"HOA3_rec{number}_01-08ch.ogg", RATE_HZ)
    verdict = check_channels(sound.samples[:4])
    assert verdict.channel_format == "n3d"
    assert verdict.ratio_db == pytest.approx(SCALE_DB["n3d"], abs=0.3)


@pytest.mark.shared
def test_the_room_response_of_the_b_format_set_is_fuma(shared: Path) -> None:
    sound = audio.read(shared / "foa-recordings" / "room_1_bf.wav", RATE_HZ)
    verdict = check_channels(sound.samples)
    assert verdict.channel_format == "fuma"
    assert verdict.ratio_db == pytest.approx(SCALE_DB["fuma"], abs=0.3)


@pytest.mark.slow
@pytest.mark.shared
def test_the_b_format_recordings_obey_no_scale(shared: Path) -> None:
    """Said to be FuMa, they hold what no first-order field has; one knows the horizon alone."""
    folder = shared / "foa-recordings"
    first, *others = (
        check_channels(audio.read(folder / f"BF_rec{n}.ogg", RATE_HZ).samples) for n in (1, 2, 3, 4)
    )
    assert first.kind == "dead"
    assert first.channels == (3,)
    assert all(abs(verdict.ratio_db - SCALE_DB["fuma"]) > 1.5 for verdict in others)


def _placed(verdict: FormatVerdict) -> Placement:
    assert verdict.placement is not None
    return verdict.placement
