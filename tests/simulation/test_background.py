"""Every kind of ambience through one door: unit power, one field, the same again from a seed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bench import ambience as bench
from bench.ambience import KINDS

from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.errors import SettingError
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver
from sonoscope.simulation.background import ambience, drawn_ambience
from sonoscope.simulation.beds import RecordedBed
from sonoscope.simulation.scene_settings import AmbienceKind

RATE = 16_000
RECEIVERS: tuple[Receiver, ...] = (
    IdealFoa(),
    Capsules(TETRAHEDRON),
    EncodedFoa(TETRAHEDRON, RATE),
)
BED = RecordedBed(np.random.default_rng(0).standard_normal((2, RATE)).astype(np.float32), RATE)


def made(kind: AmbienceKind, seed: int, receivers: tuple[Receiver, ...]) -> list[torch.Tensor]:
    generator = np.random.Generator(np.random.Philox(seed))
    settings = drawn_ambience(kind, generator, BED)
    return ambience(settings, receivers, RATE, 3 * RATE, generator)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_power_is_one_and_a_seed_says_it_all(kind: AmbienceKind) -> None:
    first, again, other = (
        made(kind, 1, RECEIVERS),
        made(kind, 1, RECEIVERS),
        made(kind, 2, RECEIVERS),
    )
    for receiver, sound in zip(RECEIVERS, first, strict=True):
        assert sound.shape == (4, 3 * RATE)
        assert sound.dtype == torch.float32
        omni = sound if isinstance(receiver, Capsules) else sound[0]
        assert abs(float(omni.square().mean()) - 1) < 1e-4
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.allclose(first[0], other[0], atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["diffuse", "lobes", "rotors"])
def test_what_a_receiver_hears_does_not_depend_on_who_else_listens(kind: AmbienceKind) -> None:
    together = made(kind, 3, RECEIVERS)
    for receiver, sound in zip(RECEIVERS, together, strict=True):
        alone = made(kind, 3, (receiver,))[0]
        assert float((alone - sound).abs().max()) < 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_all_receivers_hear_one_field(kind: AmbienceKind) -> None:
    """At low frequencies capsules hear the pressure at the origin, which is W."""
    foa, capsules, encoded = (sound.numpy() for sound in made(kind, 4, RECEIVERS))
    spectrum = np.fft.rfft(np.stack([foa[0], capsules.mean(axis=0), encoded[0]]))
    low = spectrum[:, 3 * 60 : 3 * 250]
    likeness = np.abs(np.corrcoef(low.view(np.float64).reshape(3, -1)))
    assert likeness[np.triu_indices(3, 1)].min() > 0.97


def test_a_bed_needs_a_recording() -> None:
    with pytest.raises(SettingError, match="recording"):
        drawn_ambience("bed", np.random.default_rng(0))


def test_an_encoder_for_another_rate_is_refused() -> None:
    generator = np.random.default_rng(0)
    receivers = (EncodedFoa(TETRAHEDRON, 24_000),)
    with pytest.raises(SettingError, match="24000 Hz"):
        ambience(drawn_ambience("diffuse", generator), receivers, RATE, RATE, generator)


@pytest.mark.shared
@pytest.mark.slow
def test_the_measurement_holds_what_is_asked(shared: Path, tmp_path: Path) -> None:
    """Third octaves 100 Hz to 10 kHz: coherence within 0.03 of eq. 3, levels within 0.2 dB."""
    tables = bench.table(tmp_path, shared, seconds=1, runs=1, rates_hz=(24_000,))
    rows = [line.strip("| ").split(" | ") for line in tables.splitlines() if line.startswith("| ")]
    bands = [row for row in rows if len(row) == 8 and row[0].isdigit()]
    assert len(bands) == 21
    for row in bands:
        assert float(row[3]) < 0.03
        assert max(float(row[6]), float(row[7])) < 0.2
    assert max(float(row[4]) for row in bands) > 0.3  # what a free field would be wrong by
