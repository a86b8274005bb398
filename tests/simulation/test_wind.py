"""Wind coheres as turbulence that drifts, falls steeply with frequency and grows with its speed."""

import numpy as np
import pytest
import torch
from bench.ambience import coherence, theory, thirds

from sonoscope.core.array import TETRAHEDRON, MicArray
from sonoscope.core.errors import SettingError
from sonoscope.signal.ambisonics import array_encoder
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver
from sonoscope.simulation.wind import Wind, corcos, drawn_wind, wind_density, wind_noise

RATE = 8_000
CPU = torch.device("cpu")
BANDS_HZ = 25 * 2 ** (np.arange(0, 16) / 3)  # to 800 Hz
CROSS = MicArray(
    "cross", ((0.0, 0.0, 0.0), (0.03, 0.0, 0.0), (0.0, 0.03, 0.0), (0.0, 0.0, 0.05)), "open"
)


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.mark.slow
@pytest.mark.parametrize("array", [CROSS, TETRAHEDRON], ids=["cross", "tetra"])
@pytest.mark.parametrize("speed_m_s", [3.0, 10.0])
def test_capsules_cohere_as_corcos_says(array: MicArray, speed_m_s: float) -> None:
    wind = Wind(speed_m_s, (0.8, 0.6, 0.0), gustiness=0.0)
    heard = wind_noise(wind, (Capsules(array),), RATE, 240 * RATE, rng(0), CPU)[0].numpy()
    made = thirds(heard, RATE, BANDS_HZ)
    exact = theory(
        lambda hz: wind_density(wind, hz)[:, None, None] * corcos(wind, array.positions, hz),
        BANDS_HZ,
    )
    error = np.abs(coherence(made) - coherence(exact)).max(axis=(1, 2))
    chance = 3.5 / np.sqrt(0.23 * BANDS_HZ * 240 / 1.5)
    assert (error < 0.01 + chance).all()
    level = np.einsum("bcc->bc", made).real / np.einsum("bcc->bc", exact).real
    assert np.abs(10 * np.log10(level)).max() < 1.0


def test_wind_reaches_the_capsule_upwind_first() -> None:
    wind = Wind(5.0, (1.0, 0.0, 0.0), gustiness=0.0)
    heard = wind_noise(wind, (Capsules(CROSS),), RATE, 20 * RATE, rng(1), CPU)[0].numpy()
    late = round(0.03 / 3.5 * RATE)
    for shift, is_best in ((late, True), (-late, False), (0, False)):
        likeness = np.corrcoef(heard[0, 200:-200], np.roll(heard[1], -shift)[200:-200])[0, 1]
        assert (likeness > 0.7) == is_best


def test_level_grows_by_63_db_a_decade_of_speed_and_falls_by_33_a_decade_of_frequency() -> None:
    levels = []
    for speed in (3.0, 6.0):
        wind = Wind(speed, gustiness=0.0)
        heard = wind_noise(wind, (Capsules(CROSS),), RATE, 30 * RATE, rng(2), CPU)[0].numpy()
        power = np.einsum("bcc->bc", thirds(heard, RATE, np.array([50.0, 500.0]))).real
        levels.append(10 * np.log10(power.mean(axis=1)))
    slow, fast = levels
    assert np.abs(fast - slow - 63 * np.log10(2)).max() < 1
    assert abs(fast[0] - fast[1] - 33) < 2


def test_gusts_move_the_level_and_calm_wind_does_not() -> None:
    spread = []
    for gustiness in (0.0, 0.3):
        wind = Wind(6.0, gustiness=gustiness)
        heard = wind_noise(wind, (Capsules(CROSS),), RATE, 60 * RATE, rng(3), CPU)[0].numpy()
        seconds = (heard[0].reshape(60, RATE) ** 2).mean(axis=1)
        spread.append(float(np.std(10 * np.log10(seconds))))
    assert spread[0] < 2.5
    assert spread[1] > 5


@pytest.mark.parametrize("receiver", [IdealFoa(), EncodedFoa(TETRAHEDRON, RATE)])
def test_foa_is_encoded_from_the_wind_on_its_capsules(receiver: Receiver) -> None:
    receivers: tuple[Receiver, ...] = (receiver, Capsules(TETRAHEDRON))
    wind = Wind(4.0, (0.0, 1.0, 0.0), gustiness=0.0)
    foa, capsules = wind_noise(wind, receivers, RATE, 8 * RATE, rng(4), CPU)
    exact = array_encoder(TETRAHEDRON, RATE).encode(capsules.numpy())
    inside = slice(2_000, -2_000)
    for made, wanted in zip(foa.numpy()[:, inside], exact[:, inside], strict=True):
        assert np.abs(made - wanted).std() < 0.03 * wanted.std()


def test_no_impossible_wind() -> None:
    with pytest.raises(SettingError, match="wind"):
        Wind(0.1)
    for seed in range(20):
        wind = drawn_wind(rng(seed))
        assert 2 <= wind.speed_m_s <= 12
        assert abs(np.linalg.norm(wind.towards) - 1) < 1e-9
