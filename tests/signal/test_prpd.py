"""From sound to pattern: what a shift, a gain, a channel and a cut may change, and what not."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from tests.signal.pulse_sounds import RATE_HZ, clicks, floating_bars

from sonoscope.core.errors import InputError, SettingError
from sonoscope.signal.prpd import (
    PrpdSettings,
    echoes,
    heard_envelope,
    phase_resolve,
    phase_resolve_blocks,
    phase_resolve_envelope,
)
from sonoscope.signal.pulses import Pulses

TWENTY = PrpdSettings(band_hz=(20_000, 40_000))


def test_frequency_and_pulses_are_found() -> None:
    sound, time = floating_bars(50.07, 2.0)
    found = phase_resolve(sound, RATE_HZ, TWENTY)
    assert found.locked
    assert abs(found.mains_hz - 50.07) < 3e-3
    assert found.clear.sum() == len(time)
    assert np.abs(found.pulses.time_s[found.clear] - time).max() < 50e-6
    assert found.absolute.counts.sum() == found.normalised.counts.sum() == len(time)
    assert found.verdict == "floating"
    assert "mains" in found.kept


def test_a_shift_of_the_sound_turns_the_phase_by_as_much() -> None:
    sound, _ = floating_bars(50.07, 2.0)
    late = round(0.0042 * RATE_HZ)
    first = phase_resolve(sound[late:], RATE_HZ, TWENTY)
    later = phase_resolve(sound[:-late], RATE_HZ, TWENTY)
    at = np.array([1.0])
    turned = first.mains.phase_at(at) - later.mains.phase_at(at)
    expected = 2 * np.pi * 50.07 * late / RATE_HZ
    off = (turned - expected + np.pi / 2) % np.pi - np.pi / 2  # bars look alike every half turn
    assert abs(np.rad2deg(off[0])) < 2
    assert abs(int(first.clear.sum()) - int(later.clear.sum())) <= 4


def test_the_phase_is_that_of_the_voltage_but_for_half_a_turn() -> None:
    for start in (0.3, 2.0, 5.1):
        sound, time = floating_bars(50.0, 2.0, start_rad=start)
        found = phase_resolve(sound, RATE_HZ, TWENTY)
        by_clock = found.mains.phase_at(time)
        by_truth = 2 * np.pi * 50.0 * time + start
        off = np.angle(np.exp(2j * (by_clock - by_truth)).mean()) / 2
        # where bars lie differs from one floating part to the next by more than the clock does
        assert abs(np.rad2deg(off)) < 25


def test_doubling_moves_the_absolute_pattern_alone() -> None:
    sound, _ = floating_bars(50.0, 2.0)
    one, double = (phase_resolve(gain * sound, RATE_HZ, TWENTY) for gain in (1.0, 10**0.3))
    assert (np.roll(one.absolute.counts, 3, axis=1) == double.absolute.counts).mean() > 0.999
    assert np.abs(one.normalised.counts - double.normalised.counts).sum() <= 4
    assert one.mains_hz == pytest.approx(double.mains_hz, abs=1e-6)
    assert one.kinds == double.kinds


@pytest.mark.parametrize(("hz", "nominal"), [(60.05, 60.0), (16.69, 50 / 3)])
def test_other_mains_are_told(hz: float, nominal: float) -> None:
    sound, _ = floating_bars(hz, 2.0)
    found = phase_resolve(sound, RATE_HZ, TWENTY)
    assert found.locked
    assert found.mains.nominal_hz == nominal
    assert abs(found.mains_hz - hz) < 5e-3


def test_noise_is_nothing_and_pulses_without_a_clock_are_unphased() -> None:
    generator = np.random.default_rng(5)
    noise = 0.01 * generator.standard_normal(2 * RATE_HZ)
    quiet = phase_resolve(noise, RATE_HZ)
    assert quiet.verdict == "nothing"
    assert not quiet.locked
    assert quiet.fit is None
    drops = clicks(np.sort(generator.uniform(0, 2, 200)), generator.lognormal(-2, 0.5, 200), 2.0)
    loose = phase_resolve(noise + drops, RATE_HZ)
    assert loose.verdict == "unphased"
    assert not loose.locked
    assert not loose.turned


def test_a_wheel_is_not_mains() -> None:
    generator = np.random.default_rng(6)
    passes = np.cumsum((1 + 0.01 * generator.standard_normal(140)) / 71.3)
    passes = passes[passes < 1.99]
    sound = clicks(passes, generator.lognormal(-2, 0.2, len(passes)), 2.0)
    found = phase_resolve(sound + 1e-3 * generator.standard_normal(len(sound)), RATE_HZ)
    assert found.verdict == "brush"
    assert abs(found.other.hz / 71.3 - 1) < 0.02
    assert not found.locked


def test_a_comb_of_sparks_within_the_half_cycle_is_mains() -> None:
    sixfold = np.arange(0.003, 1.998, 1 / (6 * 50.09))
    generator = np.random.default_rng(7)
    spark = (np.arange(len(sixfold)) % 3 < 2) * generator.lognormal(-2, 0.1, len(sixfold))
    sound = clicks(sixfold, spark, 2.0) + 1e-3 * generator.standard_normal(2 * RATE_HZ)
    found = phase_resolve(sound, RATE_HZ, TWENTY)
    assert found.locked
    assert abs(found.mains_hz - 50.09) < 5e-3


def test_the_band_with_the_clock_is_chosen_and_others_are_not() -> None:
    low, _ = floating_bars(50.0, 2.0, centre_hz=15_000)
    high, _ = floating_bars(50.0, 2.0, centre_hz=38_000)
    assert phase_resolve(low, RATE_HZ).band == (10_000, 30_000)
    assert phase_resolve(high, RATE_HZ).band[0] >= 20_000


def test_channels_are_chosen_or_averaged() -> None:
    sound, _ = floating_bars(50.0, 1.0)
    noise = 1e-3 * np.random.default_rng(8).standard_normal((1, len(sound)))
    both = np.concatenate([noise, sound[None]])
    assert phase_resolve(both, RATE_HZ, PrpdSettings(channel=1)).locked
    assert not phase_resolve(both, RATE_HZ, PrpdSettings(channel=0)).locked
    assert phase_resolve(both, RATE_HZ).locked
    with pytest.raises(SettingError, match="channel must be one of 2"):
        phase_resolve(both, RATE_HZ, PrpdSettings(channel=2))


def test_blocks_are_the_whole() -> None:
    sound, _ = floating_bars(50.0, 2.0)
    whole = phase_resolve(sound, RATE_HZ)
    cut = phase_resolve_blocks((part[None] for part in np.array_split(sound, 13)), RATE_HZ)
    assert np.array_equal(whole.phase, cut.phase)
    assert np.array_equal(whole.absolute.counts, cut.absolute.counts)


@pytest.mark.slow
def test_long_sounds_are_heard_in_pieces_that_fit_together() -> None:
    rate = 44_100
    sound, time = floating_bars(50.02, 45.0, rate_hz=rate, centre_hz=14_000)
    one = phase_resolve(sound, rate, PrpdSettings(piece_s=60))
    pieces = phase_resolve(sound, rate, PrpdSettings(piece_s=10))
    assert one.pieces == 1
    assert pieces.pieces == 4
    assert pieces.clear.sum() == one.clear.sum() == len(time)
    assert abs(pieces.mains_hz - 50.02) < 1e-3
    assert pieces.verdict == one.verdict == "floating"
    # the bars of all pieces lie on each other
    assert np.sort(pieces.curves.count)[-16:].sum() > 0.85 * len(time)


def test_two_sources_are_looked_for_when_asked() -> None:
    sound, _ = floating_bars(50.0, 2.0)
    assert phase_resolve(sound, RATE_HZ, TWENTY).two is None
    found = phase_resolve(sound, RATE_HZ, replace(TWENTY, sources=2))
    assert found.two is not None
    assert found.kinds == (found.two.first.kind, found.two.second.kind)
    assert found.two.share >= 0.5
    assert "floating" in found.kinds
    assert found.verdict == "floating"


def test_echoes_are_what_is_weaker_soon_after() -> None:
    time = np.array([0.1, 0.105, 0.108, 0.2, 0.30, 0.305])
    amplitude = np.array([1.0, 0.5, 0.9, 0.5, 0.5, 1.0])
    found = echoes(Pulses(time, amplitude, np.full(6, 0.01)))
    assert found.tolist() == [False, True, False, False, False, False]


def test_what_cannot_be_is_refused_in_one_line() -> None:
    sound, _ = floating_bars(50.0, 1.0)
    with pytest.raises(InputError, match=r"at least 0\.25 s long"):
        phase_resolve(sound[:1_000], RATE_HZ)
    with pytest.raises(SettingError, match="rate must be at least 32000 Hz"):
        phase_resolve(sound, 16_000)
    with pytest.raises(SettingError, match="band must lie within 2 and 46 kHz"):
        phase_resolve(sound, RATE_HZ, PrpdSettings(band_hz=(20_000, 60_000)))
    with pytest.raises(ValidationError):
        PrpdSettings(band_hz=(40_000, 20_000))
    with pytest.raises(ValidationError):
        PrpdSettings(phase_bins=71)


def test_silence_and_constants_are_nothing() -> None:
    for level in (0.0, 0.5):
        assert phase_resolve(np.full(RATE_HZ, level), RATE_HZ).verdict == "nothing"


def test_no_argument_is_written_to() -> None:
    sound, _ = floating_bars(50.0, 1.0)
    before = sound.copy()
    phase_resolve(sound, RATE_HZ)
    assert np.array_equal(sound, before)


def test_a_network_hears_both_half_cycles() -> None:
    sound, time = floating_bars(50.0, 2.0)
    heard = phase_resolve(sound, RATE_HZ, TWENTY).network_input()
    assert heard.shape == (2, 36, 32)
    assert np.expm1(heard).sum() == pytest.approx(len(time))


def test_an_envelope_shows_pulses_that_are_too_weak_to_be_picked() -> None:
    sound, time = floating_bars(50.0, 4.0)
    noise = np.random.default_rng(3).standard_normal(len(sound))
    found = phase_resolve(sound + 0.05 * noise, RATE_HZ, TWENTY)
    assert found.clear.sum() < 0.1 * len(time)
    loud = found.folded.counts[:, 9:].sum(axis=1)  # from 1.5 dB over the median on
    assert found.folded.counts.shape == (72, 32)
    swing = np.abs(np.fft.rfft(loud))
    assert swing[2] > 3 * np.median(swing[5:])  # bars in both half cycles


def test_from_the_envelope_on_it_is_the_same() -> None:
    sound, _ = floating_bars(50.0, 2.0)
    whole = phase_resolve(sound, RATE_HZ)
    heard, bands = heard_envelope(sound[None], RATE_HZ, PrpdSettings())
    rest = phase_resolve_envelope(heard, PrpdSettings(), bands=bands)
    assert rest.verdict == whole.verdict
    assert np.array_equal(rest.folded.counts, whole.folded.counts)
    assert np.array_equal(rest.phase, whole.phase)


def test_pieces_fold_onto_each_other() -> None:
    sound, _ = floating_bars(50.0, 24.0)
    whole = phase_resolve(sound, RATE_HZ, TWENTY)
    pieces = phase_resolve(sound, RATE_HZ, replace(TWENTY, piece_s=10.0))
    assert pieces.pieces == 2
    assert pieces.folded.counts.sum() == whole.folded.counts.sum()
    one, other = (each.folded.counts[:, 24:].sum(axis=1) for each in (whole, pieces))
    near = sum(np.roll(one, by) for by in (-1, 0, 1)) > 0
    assert other[~near].sum() < 0.01 * other.sum()
