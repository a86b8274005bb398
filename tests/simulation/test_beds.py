"""A recording comes from everywhere, keeps its spectrum, and never stands in one place."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bench.ambience import THIRDS_HZ, coherence, preference, recorded, theory, thirds, worst
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.array import EM32, TETRAHEDRON
from sonoscope.core.errors import SettingError
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver
from sonoscope.signal.sphere import diffuse_covariance
from sonoscope.simulation.beds import RecordedBed, bed_noise, copies

RATE = 16_000
CPU = torch.device("cpu")
BOTH: tuple[Receiver, ...] = (IdealFoa(), Capsules(TETRAHEDRON))


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def crackle(seconds: float = 12.0) -> Float[ndarray, "1 sample"]:
    """Noise that swells and crackles, as no stationary noise does."""
    count = int(seconds * RATE)
    steady = rng(0).standard_normal(count)
    brown = np.convolve(steady, np.exp(-np.arange(64) / 8), "same")
    crackles = rng(1).standard_normal(count) * (rng(2).uniform(size=count) < 0.002) * 12
    return (brown + crackles).astype(np.float32)[None]


def exact_covariance() -> ndarray:
    return theory(
        lambda frequency_hz: diffuse_covariance(TETRAHEDRON, frequency_hz), THIRDS_HZ[:-2]
    )


def check_diffuse(bed: RecordedBed, tolerance: float) -> None:
    foa, capsules = (sound.numpy() for sound in bed_noise(bed, BOTH, RATE, 60 * RATE, rng(3), CPU))
    error = worst(thirds(capsules, RATE, THIRDS_HZ[:-2]), exact_covariance())
    assert np.sqrt((error**2).mean()) < tolerance
    assert preference(foa) < 0.05
    made = thirds(foa, RATE, THIRDS_HZ[:-2])
    power = np.einsum("bcc->bc", made).real
    assert np.std(power[:, 1:].sum(axis=1) / power[:, 0] - 1) < 4 * tolerance


def test_a_recording_made_diffuse_coheres_as_diffuse_sound_does() -> None:
    check_diffuse(RecordedBed(crackle(), RATE), 0.05)


def test_a_mono_copy_is_a_phantom_source() -> None:
    copy = np.tile(crackle(), (4, 1))
    assert np.abs(coherence(thirds(copy, RATE, THIRDS_HZ[:-2])) - 1).max() < 1e-5
    assert preference(copy) > 0.8


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("esc50/audio/1-17367-A-10.ogg", 0.06), ("quadcopter/ambient/engine_0.wav", 0.15)],
)
def test_real_beds_become_diffuse(shared: Path, name: str, tolerance: float) -> None:
    check_diffuse(recorded(shared / name, RATE), tolerance)


def test_every_copy_keeps_the_spectrum_and_the_power() -> None:
    bed = RecordedBed(crackle(), RATE)
    made = copies(bed, 8, 60 * RATE, rng(4), CPU).numpy()
    before = thirds(bed.samples, RATE, THIRDS_HZ[:-2])[:, 0, 0].real
    after = np.einsum("bcc->bc", thirds(made, RATE, THIRDS_HZ[:-2])).real
    assert np.abs(10 * np.log10(after / before[:, None])).max() < 1.5
    assert np.abs(10 * np.log10(after.mean(axis=1) / before)).max() < 0.6


def test_fades_keep_the_power_at_all_times() -> None:
    noise = RecordedBed(rng(5).standard_normal((1, 30 * RATE)).astype(np.float32), RATE)
    made = copies(noise, 40, 10 * RATE, rng(6), CPU).square().mean(dim=0)
    tenths = made.reshape(100, -1).mean(dim=1)
    assert float((10 * torch.log10(tenths)).abs().max()) < 0.15


def test_copies_read_far_from_each_other() -> None:
    """A recording whose samples say where they stand shows what the copies read, and when."""
    place = np.arange(10 * RATE, dtype=np.float32)[None] / RATE
    made = copies(RecordedBed(place, RATE), 8, 20 * RATE, rng(7), CPU).numpy()
    outside_fades = np.abs(np.diff(made, axis=1) - 1 / RATE).max(axis=0) < 1e-5
    assert outside_fades.mean() > 0.85
    apart = np.diff(np.sort(made[:, 1:][:, outside_fades], axis=0), axis=0)
    assert apart.min() > 0.9 * 7.5 / 8


def test_a_click_comes_from_a_corner_of_a_cube() -> None:
    silence = np.zeros((1, 20 * RATE), np.float32)
    silence[0, ::RATE] = 1.0  # one a second: rarely two at once
    foa = bed_noise(RecordedBed(silence, RATE), BOTH, RATE, 10 * RATE, rng(8), CPU)[0].numpy()
    clicks = foa[:, np.abs(foa[0]) > 0.3 * np.abs(foa[0]).max()]
    towards = clicks[1:] / clicks[0]
    assert np.abs(np.linalg.norm(towards, axis=0) - 1).max() < 1e-3
    cosines = np.abs(towards.T @ towards)
    assert np.abs(cosines - np.where(cosines > 2 / 3, 1, 1 / 3)).max() < 2e-3


def test_receivers_of_one_array_share_its_copies() -> None:
    receivers: tuple[Receiver, ...] = (
        Capsules(TETRAHEDRON),
        EncodedFoa(TETRAHEDRON, RATE),
        EncodedFoa(EM32, RATE),
        IdealFoa(),
    )
    heard = bed_noise(RecordedBed(crackle(), RATE), receivers, RATE, 4 * RATE, rng(9), CPU)
    assert [len(sound) for sound in heard] == [4, 4, 4, 4]
    low = [thirds(torch.cat([sound, heard[3]]).numpy(), RATE, THIRDS_HZ[5:8]) for sound in heard]
    for made in low[1:3]:  # below its aliasing limit encoded FOA is FOA
        assert np.abs(np.einsum("bcc->bc", coherence(made)[:, :4, 4:]) - 1).max() < 0.05


def test_beds_that_cannot_be_laid_out_are_refused() -> None:
    with pytest.raises(SettingError, match="must last"):
        RecordedBed(np.zeros((1, 1_000), np.float32), RATE)
    with pytest.raises(SettingError, match="rate"):
        bed_noise(RecordedBed(crackle(), 24_000), BOTH, RATE, RATE, rng(0), CPU)
