import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets import digits, esc50
from sonoscope.simulation.sources import (
    ACTIVE_RMS,
    Clip,
    ClipBank,
    active_segments,
    attribution,
    augment,
    frame_power,
    normalised,
)

RATE = 16_000


def burst(duration_s: float, seed: int = 0) -> Float[ndarray, " sample"]:
    return np.random.default_rng(seed).standard_normal(round(duration_s * RATE))


def at(onsets_s: dict[float, float], total_s: float) -> Float[ndarray, " sample"]:
    """Noise bursts by onset and duration, in digital silence."""
    sound = np.zeros(round(total_s * RATE))
    for onset_s, duration_s in onsets_s.items():
        start = round(onset_s * RATE)
        sound[start : start + round(duration_s * RATE)] = burst(duration_s)
    return sound


def clip(path: Path, label: str = "dog", group: str = "g", *, is_word: bool = False) -> Clip:
    return Clip(label, path, group, "1", "CC0", f"by {path.stem}", is_word=is_word)


def written(path: Path, sound: Float[ndarray, " sample"]) -> Path:
    soundfile.write(path, 0.1 * sound, RATE, subtype="FLOAT")
    return path


def tone(freq_hz: float, duration_s: float) -> Float[ndarray, " sample"]:
    return np.sin(2 * np.pi * freq_hz * np.arange(round(duration_s * RATE)) / RATE)


def loudest_hz(sound: Float[ndarray, " sample"]) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18))
    return float(spectrum.argmax() * RATE / (1 << 18))


def band_db(
    sound: Float[ndarray, " sample"], band: slice, reference: slice
) -> Float[np.floating, ""]:
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = len(sound) / RATE
    mean = [power[int(b.start * hertz) : int(b.stop * hertz)].mean() for b in (band, reference)]
    return np.float64(10 * np.log10(mean[0] / mean[1]))


def test_stretches_are_where_the_sound_is_to_a_frame() -> None:
    found = active_segments(at({0.5: 0.2, 2.0: 1.0}, 5.0), RATE)
    expected = [(0.5, 0.7), (2.0, 3.0)]
    assert len(found) == 2
    np.testing.assert_allclose(np.array(found) / RATE, expected, atol=0.0101)


def test_short_gaps_are_bridged_and_long_ones_part() -> None:
    assert len(active_segments(at({0.5: 0.2, 1.0: 0.2}, 3.0), RATE)) == 1  # 0.3 s
    assert len(active_segments(at({0.5: 0.2, 1.1: 0.2}, 3.0), RATE)) == 2  # 0.4 s
    assert len(active_segments(at({0.5: 0.2, 1.1: 0.2}, 3.0), RATE, bridged_gap_s=0.5)) == 1


def test_clicks_too_short_to_be_events_go_unless_there_is_nothing_else() -> None:
    assert len(active_segments(at({0.5: 0.01, 2.0: 0.3}, 3.0), RATE)) == 1
    assert len(active_segments(at({0.5: 0.01}, 3.0), RATE)) == 1


@pytest.mark.parametrize("noise_db", [-60.0, -30.0, -20.0])
def test_noise_between_the_barks_is_not_part_of_them(noise_db: float) -> None:
    sound = at({0.5: 0.3, 2.0: 0.3}, 4.0) + 10 ** (noise_db / 20) * burst(4.0, seed=1)
    found = active_segments(sound, RATE)
    np.testing.assert_allclose(np.array(found) / RATE, [(0.5, 0.8), (2.0, 2.3)], atol=0.0101)


def test_a_steady_sound_is_one_stretch_though_it_is_its_own_noise() -> None:
    assert active_segments(burst(5.0), RATE) == [(0, 5 * RATE)]


def test_stretches_do_not_depend_on_level_or_sign() -> None:
    sound = at({0.5: 0.3, 2.0: 0.3}, 4.0) + 0.01 * burst(4.0, seed=1)
    assert active_segments(-1e-3 * sound, RATE) == active_segments(sound, RATE)


def test_power_is_never_below_zero() -> None:
    sound = np.concatenate([1e3 * burst(1.0), 1e-7 * burst(1.0), np.zeros(RATE)])
    assert frame_power(sound, RATE).min() >= 0


def test_silence_has_no_stretches_and_keeps_its_level() -> None:
    assert active_segments(np.zeros(RATE), RATE) == []
    assert active_segments(np.zeros(0), RATE) == []
    assert not normalised(np.zeros(RATE), RATE).any()
    assert not augment(np.zeros(RATE, np.float32), RATE, np.random.default_rng(0)).any()


def test_pauses_do_not_count_for_the_level() -> None:
    steady, broken = normalised(burst(2.0), RATE), normalised(at({0.0: 0.5, 1.5: 0.5}, 2.0), RATE)
    for sound in (steady, broken):
        power = frame_power(sound, RATE)
        assert np.sqrt(power[power > 0.01 * power.max()].mean()) == pytest.approx(ACTIVE_RMS)
    assert np.sqrt(np.mean(broken**2)) < 0.8 * ACTIVE_RMS


def test_an_event_is_one_stretch_with_its_clips_attribution(tmp_path: Path) -> None:
    bank = ClipBank([clip(written(tmp_path / "a.wav", at({1.0: 0.4}, 3.0)))], RATE)
    event, by = bank.draw("dog", np.random.default_rng(0), 5.0)
    assert by == "by a"
    assert event.dtype == np.float32
    assert len(event) / RATE == pytest.approx(0.4, abs=0.021)
    assert np.abs(event[[0, -1]]).max() < 1e-2


def test_longer_stretches_are_drawn_in_proportion(tmp_path: Path) -> None:
    bank = ClipBank([clip(written(tmp_path / "a.wav", at({0.5: 0.25, 2.0: 0.75}, 3.5)))], RATE)
    generator = np.random.default_rng(0)
    long = sum(len(bank.draw("dog", generator, 5.0)[0]) > RATE // 2 for _ in range(400))
    assert 270 < long < 330  # 300 expected, a deviation is 9


@pytest.mark.parametrize("max_s", [0.5, 2.0, 4.0])
def test_a_sustained_sound_is_cut_to_what_is_wanted(tmp_path: Path, max_s: float) -> None:
    bank = ClipBank([clip(written(tmp_path / "a.wav", burst(5.0)))], RATE)
    generator = np.random.default_rng(0)
    lengths = [len(bank.draw("dog", generator, max_s)[0]) / RATE for _ in range(100)]
    assert max(lengths) <= max_s
    assert min(lengths) >= min(max_s, 1.0) - 0.02
    assert max_s < 1 or np.std(lengths) > 0.2 * (max_s - 1)


def test_words_are_joined_to_an_utterance_of_one_speaker(tmp_path: Path) -> None:
    clips = [
        clip(written(tmp_path / f"{name}{freq}.wav", tone(freq, 0.4)), "speech", name, is_word=True)
        for name, freqs in {"ann": (3_000, 3_500), "bob": (500, 700)}.items()
        for freq in freqs
    ]
    bank = ClipBank(clips, RATE)
    generator = np.random.default_rng(0)
    lengths = []
    for _ in range(60):
        event, by = bank.draw("speech", generator, 4.0)
        lengths.append(len(event) / RATE)
        high_db = band_db(event, slice(2_500, 4_000), slice(200, 1_000))
        assert high_db > 20 if "ann" in by else high_db < -20  # one voice only
    assert 0.85 - 1e-9 <= min(lengths) < 1.1  # two words and a pause
    assert 2.5 < max(lengths) <= 6 * 0.4 + 5 * 0.2
    assert all(len(bank.draw("speech", generator, 1.0)[0]) <= RATE for _ in range(20))


def test_the_same_generator_gives_the_same_bytes_loaded_or_not(tmp_path: Path) -> None:
    clips = [clip(written(tmp_path / f"{i}.wav", at({0.5: 0.2, 1.5: 0.4}, 3))) for i in range(4)]
    lazy, eager = ClipBank(clips, RATE), ClipBank(clips, RATE, lazy=False)
    lazy.draw("dog", np.random.default_rng(9), 5.0)
    first = [lazy.draw("dog", g, 5.0) for g in [np.random.default_rng(1)] for _ in range(10)]
    again = [eager.draw("dog", g, 5.0) for g in [np.random.default_rng(1)] for _ in range(10)]
    for (one, one_by), (other, other_by) in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one_by == other_by


def test_a_bank_refuses_what_it_cannot_give(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="none was given"):
        ClipBank([], RATE)
    silent = clip(written(tmp_path / "silent.wav", np.zeros(RATE)))
    with pytest.raises(InputError, match=r"silent\.wav must hold a sound"):
        ClipBank([silent], RATE, lazy=False)
    with pytest.raises(SettingError, match="one of dog, but cow was given"):
        ClipBank([silent], RATE).draw("cow", np.random.default_rng(0), 1.0)


def test_attribution_names_each_original_once() -> None:
    clips = [clip(Path("b.wav")), clip(Path("a.wav")), clip(Path("b.wav"))]
    assert attribution(clips) == ["by a [CC0]", "by b [CC0]"]


def test_augmentation_moves_pitch_and_duration_together_and_keeps_the_level() -> None:
    sound = tone(700.0, 2.0).astype(np.float32)
    speeds = []
    for seed in range(40):
        other = augment(sound, RATE, np.random.default_rng(seed))
        speeds.append(len(sound) / len(other))
        assert loudest_hz(other) == pytest.approx(700 * speeds[-1], rel=2e-3)
        assert np.sqrt(np.mean(other**2)) == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert 0.84 < min(speeds) < 0.9
    assert 1.12 < max(speeds) < 1.19


def test_augmentation_tilts_by_no_more_than_it_says() -> None:
    sound = burst(2.0).astype(np.float32)
    tilts = []
    for seed in range(60):
        other = augment(sound, RATE, np.random.default_rng(seed))
        tilts.append(band_db(other, slice(2_800, 3_300), slice(60, 150)))  # within every band
    assert 5 < np.std(tilts) < 9
    assert np.abs(tilts).max() < 12 + 6 + 1


def test_one_in_four_loses_its_treble() -> None:
    sound = burst(2.0).astype(np.float32)
    steep = 0
    for seed in range(200):
        other = augment(sound, RATE, np.random.default_rng(seed))
        steep += bool(band_db(other, slice(6_200, 6_700), slice(1_000, 3_000)) < -30)
    assert 15 < steep < 50  # a quarter, of which 63 % have their limit below 6 kHz: 32 expected


def test_but_for_the_band_limit_the_treble_stays() -> None:
    sound = burst(2.0).astype(np.float32)
    kept = 0
    for seed in range(40):
        other = augment(sound, RATE, np.random.default_rng(seed))
        kept += bool(band_db(other, slice(6_500, 6_700), slice(5_500, 6_000)) > -6)
    assert kept > 25


def test_augmentation_leaves_its_argument_alone_and_repeats_itself() -> None:
    sound = burst(1.0).astype(np.float32)
    before = sound.copy()
    first = augment(sound, RATE, np.random.default_rng(3))
    np.testing.assert_array_equal(sound, before)
    np.testing.assert_array_equal(first, augment(sound, RATE, np.random.default_rng(3)))


def test_augmentation_is_quick() -> None:
    sound = burst(4.0).astype(np.float32)
    generator = np.random.default_rng(0)
    costs = []
    for _ in range(20):
        start = time.perf_counter()
        augment(sound, RATE, generator)
        costs.append(time.perf_counter() - start)
    assert min(costs) < 4 * 1.5e-3


@pytest.mark.shared
def test_real_barks_knocks_and_sneezes_are_events_of_their_own_length(shared: Path) -> None:
    labels = ("dog", "door_wood_knock", "sneezing", "vacuum_cleaner")
    clips = esc50.clips(shared / "esc50", folds=[1], labels=labels, licences=("CC0", "CC-BY"))
    bank = ClipBank(clips, RATE)
    generator = np.random.default_rng(0)
    median_s = {
        label: np.median([len(bank.draw(label, generator, 4.0)[0]) / RATE for _ in range(60)])
        for label in labels
    }
    assert 0.2 < median_s["dog"] < 1.5
    assert 0.5 < median_s["door_wood_knock"] < 1.7
    assert 0.2 < median_s["sneezing"] < 1.2
    assert 1.5 < median_s["vacuum_cleaner"] <= 4.0


@pytest.mark.shared
def test_real_digits_become_utterances(shared: Path) -> None:
    bank = ClipBank(digits.clips(shared / "digits", speakers=["theo"]), RATE)
    generator = np.random.default_rng(0)
    lengths = [len(bank.draw("speech", generator, 5.0)[0]) / RATE for _ in range(40)]
    assert 0.5 < min(lengths) < max(lengths) <= 5.0
    assert 1.0 < np.median(lengths) < 3.5
