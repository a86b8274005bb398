from collections.abc import Callable

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from scipy.signal import find_peaks

from sonoscope.core.errors import SettingError
from sonoscope.simulation import stimuli
from sonoscope.simulation.sources import (
    ACTIVE_RMS,
    MODELLED,
    MixedBank,
    ModelledBank,
    active_segments,
    frame_power,
)

RATE = 16_000
EVERY = pytest.mark.parametrize("label", sorted(stimuli.STIMULI))
SEEDS = range(4)


def made(label: str, seed: int, rate_hz: int = RATE) -> Float[ndarray, " sample"]:
    return stimuli.STIMULI[label](np.random.default_rng(seed), rate_hz)


def spectrum_db(
    sound: Float[ndarray, " sample"], rate_hz: int, edges_hz: Float[ndarray, " edge"]
) -> Float[ndarray, " band"]:
    """Energy a band, over all, in dB."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    freq_hz = np.fft.rfftfreq(len(sound), 1 / rate_hz)
    bands = np.histogram(freq_hz, edges_hz, weights=power)[0]
    return np.asarray(10 * np.log10(bands / bands.sum() + 1e-6))


@EVERY
def test_the_same_generator_gives_the_same_bytes_and_another_another(label: str) -> None:
    np.testing.assert_array_equal(made(label, 1), made(label, 1))
    other = made(label, 2)
    shorter = min(len(other), len(made(label, 1)))
    assert np.abs(made(label, 1)[:shorter] - other[:shorter]).max() > 0.1


@EVERY
@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_sounds_are_bounded_finite_and_without_a_mean_at_any_rate(label: str, rate_hz: int) -> None:
    for seed in SEEDS:
        sound = made(label, seed, rate_hz)
        assert sound.dtype == np.float32
        assert np.abs(sound).max() == pytest.approx(stimuli.PEAK)
        assert abs(float(np.mean(sound, dtype=float))) < 1e-3 * float(np.std(sound))
        assert 0.2 < len(sound) / rate_hz < 8


@EVERY
def test_a_higher_rate_tells_the_same_story(label: str) -> None:
    edges_hz = np.array([60.0, 250.0, 500.0, 1_000.0, 2_000.0, 3_000.0])
    for seed in SEEDS:
        low, high = made(label, seed, 16_000), made(label, seed, 48_000)
        assert len(low) / 16_000 == pytest.approx(len(high) / 48_000, abs=1e-3)
        low_db, high_db = spectrum_db(low, 16_000, edges_hz), spectrum_db(high, 48_000, edges_hz)
        heard = np.maximum(low_db, high_db) > -20
        assert np.abs(low_db - high_db)[heard].max() < 1.0, (label, seed)


@EVERY
def test_sounds_begin_at_once_and_do_not_stop_for_long(label: str) -> None:
    for seed in SEEDS:
        sound = made(label, seed)
        stretches = active_segments(sound, RATE, bridged_gap_s=0.8)
        assert len(stretches) == 1
        assert stretches[0][0] <= 0.04 * RATE
        assert stretches[0][1] > 0.3 * len(sound)


def test_noise_is_the_same_at_every_rate_as_far_as_it_reaches() -> None:
    slow, fast = (
        stimuli._noise(np.random.default_rng(0), rate_hz, rate_hz, 200.0, 1_000.0)
        for rate_hz in (16_000, 48_000)
    )
    assert np.std(slow - fast[::3]) < 0.05 * np.std(slow)
    edges_hz = np.array([20.0, 50.0, 300.0, 700.0, 4_000.0, 8_000.0])
    level_db = spectrum_db(slow, 16_000, edges_hz) - 10 * np.log10(np.diff(edges_hz))
    assert level_db[2] > level_db[0] + 20
    assert level_db[2] > level_db[4] + 20


def ring(**changes: float) -> Float[ndarray, " sample"]:
    """One mode at 800 Hz that dies in 0.4 s."""
    freq_hz = np.array([changes.get("freq_hz", 800.0)])
    response: Callable[..., Float[ndarray, " sample"]] = stimuli._response
    return response(freq_hz, np.array([0.4]), np.array([1.0]), int(changes.get("rate_hz", RATE)))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_a_mode_rings_at_its_pitch_and_dies_in_its_time(rate_hz: int) -> None:
    sound = ring(rate_hz=rate_hz)
    freq_hz = np.fft.rfftfreq(1 << 18, 1 / rate_hz)
    assert freq_hz[np.abs(np.fft.rfft(sound, 1 << 18)).argmax()] == pytest.approx(800, abs=1)
    cycle = round(0.01 * rate_hz)  # eight of them
    early, late = (sound[int(t * rate_hz) :][:cycle] for t in (0.1, 0.3))
    assert 10 * np.log10(np.sum(early**2) / np.sum(late**2)) == pytest.approx(30, abs=0.3)


def test_a_mode_beyond_nyquist_is_left_out_and_not_folded() -> None:
    assert not ring(freq_hz=9_000.0).any()
    assert not stimuli._partials(np.linspace(0, 9_000, RATE), np.ones(3), 9_000.0, RATE).any()


def test_a_harder_contact_excites_higher_modes() -> None:
    ratio = []
    for contact_s in (0.0003, 0.003):
        response = ring(freq_hz=300.0) + ring(freq_hz=2_200.0)
        struck = stimuli._struck(np.array([0.01]), np.ones(1), contact_s, response, RATE, RATE)
        power = np.abs(np.fft.rfft(struck))
        ratio.append(power[2_100:2_300].max() / power[250:350].max())
    assert ratio[0] > 10 * ratio[1]


def test_the_body_answers_each_pulse_when_it_comes_and_as_hard() -> None:
    onset_s = np.array([0.1, 0.15])
    response = np.zeros(16)
    response[0] = 1
    force = stimuli._struck(onset_s, np.array([1.0, 0.5]), 0.002, response, RATE // 4, RATE)
    pulse = np.sin(np.pi * np.arange(33) / 32)
    np.testing.assert_allclose(force[1_600:1_633] / force.max(), pulse, atol=0.02)
    np.testing.assert_allclose(force[2_400:2_433] / force.max(), 0.5 * pulse, atol=0.02)
    assert np.abs(force[:1_590]).max() < 0.01 * force.max()


def test_a_plate_twice_as_thick_rings_twice_as_high_and_one_twice_as_large_at_a_quarter() -> None:
    size_m, spot = np.array([0.5, 0.3]), np.array([0.3, 0.4])
    thin, thick = (stimuli._plate(size_m, h, spot)[0].min() for h in (0.01, 0.02))
    assert thick == pytest.approx(2 * thin)
    assert stimuli._plate(2 * size_m, 0.04, spot)[0].min() == pytest.approx(thin)


def test_a_plates_modes_are_those_of_the_textbook() -> None:
    found_hz = stimuli._plate(np.array([0.5, 0.3]), 0.01, np.array([0.3, 0.4]))[0]
    along, across = 12e9 * 1e-6 / 12 / 0.5**4, 0.9e9 * 1e-6 / 12 / 0.3**4  # stiffness / length⁴
    for m, n in ((1, 1), (1, 2), (2, 1), (3, 2)):
        mixed = 2 * np.sqrt(along * across) * m**2 * n**2
        mode_hz = np.pi / 2 * np.sqrt((along * m**4 + mixed + across * n**4) / (600 * 0.01))
        assert np.abs(found_hz - mode_hz).min() < 1e-6 * mode_hz


def test_a_bell_has_rayleighs_partials() -> None:
    generator = np.random.default_rng(5)
    first_hz = np.random.default_rng(5).uniform(800, 1_900)
    sound = stimuli._twin_bell(generator, 48_000)
    power_db = 20 * np.log10(np.abs(np.fft.rfft(sound * np.hanning(len(sound)))))
    hertz = len(sound) / 48_000
    for ratio in (1.0, 2.828, 5.423):  # n (n² - 1) / √(n² + 1) for n = 2, 3, 4
        near = power_db[
            int(0.985 * ratio * first_hz * hertz) : int(1.02 * ratio * first_hz * hertz)
        ]
        around = power_db[
            int(0.8 * ratio * first_hz * hertz) : int(0.95 * ratio * first_hz * hertz)
        ]
        assert near.max() > np.median(around) + 25


def test_knocks_are_two_to_six() -> None:
    counts = []
    for seed in range(12):
        level = np.sqrt(frame_power(made("door_wood_knock", seed), RATE))
        counts.append(len(find_peaks(level, height=0.35 * level.max(), distance=10)[0]))
    assert set(counts) <= set(range(1, 7))  # a soft one may hide below the height
    assert len(set(counts)) >= 3


def test_steps_come_at_walking_pace() -> None:
    for seed in range(6):
        level = frame_power(made("footsteps", seed), RATE) ** 0.25
        level -= level.mean()
        correlation = np.correlate(level, level, "full")[len(level) :]
        period_s = 0.01 * (1 + 30 + int(correlation[30:90].argmax()))
        assert 60 / 135 < period_s < 60 / 90 or abs(period_s - 60 / 112) < 0.16


def test_a_siren_stays_between_its_pitches() -> None:
    for seed in range(6):
        sound = made("siren", seed)
        power = np.abs(np.fft.rfft(sound)) ** 2
        freq_hz = np.fft.rfftfreq(len(sound), 1 / RATE)
        assert power[freq_hz < 330].sum() < 1e-3 * power.sum()


def test_a_vacuum_cleaner_is_steady_and_mostly_noise() -> None:
    for seed in SEEDS:
        sound = made("vacuum_cleaner", seed)
        level_db = 10 * np.log10(frame_power(sound, RATE))[5:-5]
        assert np.ptp(level_db) < 12
        power = np.abs(np.fft.rfft(sound)) ** 2
        tonal = np.sort(power)[::-1][: len(power) // 200].sum() / power.sum()
        assert 0.01 < tonal < 0.6


def test_shards_ring_on_after_the_crack_and_lie_high() -> None:
    for seed in SEEDS:
        sound = made("glass_breaking", seed)
        power = frame_power(sound, RATE)
        assert power[:30].sum() > 4 * power[60:].sum()
        assert power[30:60].sum() > 1e-4 * power[:30].sum()
        tail = sound[RATE // 4 :]
        power = np.abs(np.fft.rfft(tail)) ** 2
        assert power[np.fft.rfftfreq(len(tail), 1 / RATE) > 1_000].sum() > 0.9 * power.sum()


@EVERY
def test_a_modelled_bank_needs_no_data(label: str) -> None:
    bank = ModelledBank(RATE)
    event, by = bank.draw(label, np.random.default_rng(0), 2.0)
    assert by == MODELLED
    assert 0.1 < len(event) / RATE <= 2.0
    power = frame_power(event, RATE)
    assert np.sqrt(power[power > 0.01 * power.max()].mean()) == pytest.approx(ACTIVE_RMS, rel=1e-3)
    with pytest.raises(SettingError, match="but dog was given"):
        bank.draw("dog", np.random.default_rng(0), 2.0)


class Silent:
    """A bank whose events are known by their attribution."""

    labels = ("dog", "siren")

    def draw(
        self, label: str, generator: np.random.Generator, max_s: float
    ) -> tuple[Float[ndarray, " sample"], str]:
        return np.zeros(1, np.float32), f"recorded {label}"


class Fast(Silent):
    labels = ("footsteps", "siren")

    def draw(
        self, label: str, generator: np.random.Generator, max_s: float
    ) -> tuple[Float[ndarray, " sample"], str]:
        return np.zeros(1, np.float32), f"modelled {label}"


def test_a_mixed_bank_asks_the_models_now_and_then() -> None:
    generator = np.random.default_rng(0)
    bank = MixedBank(Silent(), Fast(), 0.25)
    assert bank.labels == ("dog", "footsteps", "siren")
    by = [bank.draw("siren", generator, 1.0)[1] for _ in range(1_000)]
    assert 200 < by.count("modelled siren") < 300
    assert bank.draw("dog", generator, 1.0)[1] == "recorded dog"
    assert bank.draw("footsteps", generator, 1.0)[1] == "modelled footsteps"
    with pytest.raises(SettingError, match=r"from 0 to 1, but 1\.5 was given"):
        MixedBank(Silent(), Fast(), 1.5)
