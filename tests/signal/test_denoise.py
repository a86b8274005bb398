"""Denoising: nothing is lost without a threshold, seams cannot be found, clicks stay, hum goes."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from pydantic import ValidationError
from scipy.stats import norm

from sonoscope.core.errors import SettingError
from sonoscope.signal.denoise import (
    Choice,
    DenoiseSettings,
    Template,
    cleaned,
    denoise,
    learnt_template,
    mains_ratio,
    noise_scale,
    planned,
    shrunk,
    sure_threshold,
    universal,
)
from sonoscope.signal.wavelet import Cost, analysed_into, is_basis, reconstructed

RATE = 48_000
EVERY = Choice(keep="all")
UNTOUCHED = DenoiseSettings(strength=0.0, choice=EVERY)

Sound = Float[ndarray, " sample"]


def clicks(n_samples: int, mains_hz: float | None = 50.0, seed: int = 0) -> Sound:
    """Decaying tones of 10 to 18 kHz, four a mains cycle or as many at any time."""
    rng = np.random.default_rng(seed)
    sound, t = np.zeros(n_samples + 2_600), np.arange(600)
    cycle = RATE / (mains_hz or 50.0)
    for turn in range(int(n_samples / cycle)):
        for centre in (0.2, 0.25, 0.7, 0.75):
            spread = 0.02 * rng.standard_normal() if mains_hz else rng.uniform()
            at = int((turn + centre + spread) * cycle)
            tone = np.sin(2 * np.pi * rng.uniform(10_000, 18_000) / RATE * t)
            sound[at : at + 600] += np.exp(0.3 * rng.standard_normal() - t / 8) * tone
    return sound[:n_samples]


def rumble(n_samples: int, seed: int = 1) -> Sound:
    """Noise that falls with frequency, as loud as the clicks."""
    rng = np.random.default_rng(seed)
    white = np.fft.rfft(rng.standard_normal(n_samples))
    frequency = np.fft.rfftfreq(n_samples, 1 / RATE)
    return np.asarray(np.fft.irfft(white / (1 + (frequency / 600) ** 2), n_samples))


def mixed(n_samples: int = RATE, seed: int = 0) -> tuple[Sound, Sound]:
    true, noise = clicks(n_samples, seed=seed), rumble(n_samples, seed=seed + 1)
    return true, true + noise * np.sqrt((true**2).sum() / (noise**2).sum())


def snr_db(true: ndarray, heard: ndarray) -> float:
    return float(10 * np.log10((true**2).sum() / ((heard - true) ** 2).sum()))


@pytest.mark.parametrize("n_samples", [1, 2, 500, 30_000, 65_521, 68_000, 140_003])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_without_a_threshold_everything_comes_back(n_samples: int, n_channels: int) -> None:
    sound = np.random.default_rng(n_samples).standard_normal((n_channels, n_samples))
    before = sound.copy()
    done = denoise(sound, RATE, UNTOUCHED)
    assert np.abs(done.samples - sound).max() < 1e-12
    assert is_basis(done.plan.basis)
    np.testing.assert_array_equal(sound, before)


@pytest.mark.parametrize(
    "cuts", [[1], [10, 20, 959, 961], [30_000], [*range(4_000, 60_000, 4_000)]]
)
def test_every_way_of_cutting_gives_the_same_sound(cuts: list[int]) -> None:
    sound = np.stack([mixed(60_000)[1], mixed(60_000, seed=5)[1]])
    settings = DenoiseSettings(frame_s=0.3)
    whole = denoise(sound, RATE, settings)
    blocks = np.split(sound, cuts, axis=1)
    plan = planned(lambda: blocks, RATE, settings)
    assert plan.leaves == whole.plan.leaves
    pieces = np.concatenate(list(cleaned(blocks, plan)), axis=1)
    np.testing.assert_array_equal(pieces, whole.samples)


def test_there_is_no_seam_where_frames_meet() -> None:
    """Short frames against one: the difference at seams is no larger than elsewhere."""
    _, heard = mixed(4 * RATE)
    short = DenoiseSettings(frame_s=0.5)
    one = denoise(heard, RATE, DenoiseSettings(frame_s=10.0)).samples
    many = denoise(heard, RATE, short).samples
    fade = 1_920  # four times the reach of db8 at depth 5
    assert len(many) == len(one)
    hop = 24_000 + fade  # frames of 0.5 s and a fade
    seams = np.zeros(len(one), dtype=bool)
    for start in range(hop - fade, len(one) - fade, hop):
        seams[start : start + fade] = True
    away = (many - one) ** 2
    assert seams.sum() > 6 * fade
    assert away[seams].mean() <= 2 * away[~seams].mean() + 1e-12
    assert away.mean() < 0.02 * (one**2).mean()


def test_frames_agree_in_every_coefficient_where_the_noise_is_known() -> None:
    """With leaves chosen and no threshold, frames cannot be told from one frame for all."""
    _, heard = mixed(3 * RATE)
    loose = Choice(limit=-2.0, mains=0.0)
    one = denoise(heard, RATE, DenoiseSettings(strength=0.0, choice=loose, frame_s=10.0))
    many = denoise(heard, RATE, DenoiseSettings(strength=0.0, choice=loose, frame_s=0.4))
    assert [x.is_kept for x in one.plan.leaves] == [x.is_kept for x in many.plan.leaves]
    assert 0 < sum(x.is_kept for x in one.plan.leaves) < len(one.plan.leaves)
    inner = slice(2_000, -2_000)  # past the ends, frames of other lengths go on otherwise
    assert np.abs(one.samples - many.samples)[inner].max() < 1e-12


def test_a_loud_hum_does_not_click_where_frames_meet() -> None:
    """A hum that ends elsewhere than it began is a step to a frame that wraps."""
    n_samples = RATE
    hum = 10 * np.sin(2 * np.pi * 37.3 * np.arange(n_samples) / RATE + 1)
    noise = 1e-4 * np.random.default_rng(0).standard_normal(n_samples)
    settings = DenoiseSettings(frame_s=0.3)
    plan = denoise(hum + noise, RATE, settings).plan
    high = [leaf for leaf in plan.leaves if leaf.low_hz >= 6_000]
    assert max(leaf.kurtosis for leaf in high) < 1
    keep_high = DenoiseSettings(frame_s=0.3, choice=Choice(limit=-9.0, least_share=0.0))
    judged = planned(lambda: [(hum + noise)[None]], RATE, keep_high)
    for chosen, leaf in ((judged.kept, leaf) for leaf in judged.leaves):
        chosen[leaf.level][leaf.node] = leaf.low_hz >= 6_000
    clean = np.concatenate(list(cleaned([(hum + noise)[None]], judged)), axis=1)
    assert np.abs(clean).max() < 1e-3


def test_clicks_come_out_of_rumble_and_a_global_sigma_fails() -> None:
    gains = {}
    for name, settings in {
        "usual": DenoiseSettings(),
        "all leaves": DenoiseSettings(choice=EVERY),
        "global": DenoiseSettings(choice=EVERY, noise="global"),
    }.items():
        pairs = [mixed(seed=seed) for seed in range(3)]
        gains[name] = min(snr_db(true, denoise(x, RATE, settings).samples) for true, x in pairs)
    assert gains["usual"] > 12
    assert gains["all leaves"] > 12
    assert gains["global"] < 1


def test_what_is_kept_is_sudden_and_follows_the_mains() -> None:
    for mains_hz, seed in ((50.0, 0), (60.0, 3)):
        heard = clicks(2 * RATE, mains_hz, seed) + 3 * rumble(2 * RATE)
        plan = denoise(heard, RATE).plan
        for leaf in plan.leaves:
            if leaf.low_hz >= 11_000 and leaf.high_hz <= 17_000:
                assert leaf.is_kept
                assert leaf.kurtosis > 3
                assert leaf.mains > 8
                assert abs(leaf.mains_hz - mains_hz) < 0.3
                assert "follows" in leaf.why
            if leaf.high_hz <= 3_000:
                assert not leaf.is_kept
                assert leaf.why.startswith("steady")
    anytime = denoise(clicks(2 * RATE, None) + 3 * rumble(2 * RATE), RATE).plan
    assert max(leaf.mains for leaf in anytime.leaves) < 8
    assert any(leaf.is_kept for leaf in anytime.leaves)


def test_noise_and_silence_leave_nothing() -> None:
    noise = np.random.default_rng(0).standard_normal(2 * RATE)
    for sound in (noise, rumble(2 * RATE), np.zeros(2 * RATE)):
        done = denoise(sound, RATE)
        assert not any(leaf.is_kept for leaf in done.plan.leaves)
        np.testing.assert_array_equal(done.samples, 0)


def test_share_is_the_square_of_the_correlation_of_the_component() -> None:
    _, heard = mixed(RATE)
    plan = denoise(heard, RATE, DenoiseSettings(frame_s=10.0)).plan
    for leaf in plan.leaves[::3]:
        alone = tuple(np.zeros_like(level) for level in plan.basis)
        alone[leaf.level][leaf.node] = True
        component = reconstructed(analysed_into(heard, alone))
        correlation = component @ heard / np.linalg.norm(component) / np.linalg.norm(heard)
        assert leaf.correlation == pytest.approx(correlation, rel=0.1)  # mirrors count in shares
    assert sum(leaf.share for leaf in plan.leaves) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-5, 1e3])
def test_louder_in_louder_out(scale: float) -> None:
    _, heard = mixed(40_000)
    one, other = denoise(heard, RATE), denoise(scale * heard, RATE)
    np.testing.assert_allclose(other.samples, scale * one.samples, atol=1e-9 * scale)


def test_channels_share_leaves_and_keep_their_own_thresholds() -> None:
    _, heard = mixed(RATE)
    both = denoise(np.stack([heard, 0.001 * heard]), RATE)
    np.testing.assert_allclose(both.samples[1], 0.001 * both.samples[0], atol=1e-12)
    np.testing.assert_allclose(both.samples[0], denoise(heard, RATE).samples, atol=1e-12)


def test_templates_choose_what_is_like_them() -> None:
    template = learnt_template("click", clicks(2 * RATE), RATE)
    height = dict(zip(template.frequency_hz, template.height, strict=True))
    assert max(height, key=lambda hz: height[hz]) > 9_000
    low = Template("knock", (100.0, 2_000.0, 4_000.0), (5.0, 5.0, 0.0))
    _, heard = mixed(RATE)
    for wanted, likes_high in ((template, True), (low, False)):
        choice = Choice(templates=(wanted,))
        plan = denoise(heard, RATE, DenoiseSettings(choice=choice)).plan
        plain = denoise(heard, RATE).plan
        for leaf, other in zip(plan.leaves, plain.leaves, strict=True):
            if leaf.low_hz >= 12_000 and leaf.high_hz <= 16_500:
                assert (leaf.score > other.score) == likes_high
                assert leaf.template == ("click" if likes_high else None)
    with pytest.raises(ValidationError, match="rising frequencies"):
        Template("torn", (200.0, 100.0), (1.0, 1.0))


def test_hard_soft_and_garrote_are_what_they_are_called() -> None:
    values, limit = np.array([[-5.0, -1.0, 0.0, 0.5, 2.0, 4.0]]), np.array([[2.0]])
    np.testing.assert_allclose(shrunk(values, limit, "hard"), [[-5, 0, 0, 0, 0, 4]])
    np.testing.assert_allclose(shrunk(values, limit, "soft"), [[-3, 0, 0, 0, 0, 2]])
    np.testing.assert_allclose(shrunk(values, limit, "garrote"), [[-4.2, 0, 0, 0, 0, 3]])
    for rule in ("hard", "soft", "garrote"):
        np.testing.assert_array_equal(shrunk(values, np.array([[0.0]]), rule), values)


def test_sigma_is_found_under_sparse_signals_and_noise_hardly_passes() -> None:
    noise = 3 * np.random.default_rng(0).standard_normal((50, 4_096))
    noise[:, ::40] += 100
    np.testing.assert_allclose(noise_scale(noise), 3, rtol=0.12)
    plain = np.random.default_rng(1).standard_normal((200, 4_096))
    passed = (np.abs(plain) > universal(4_096)).any(axis=1).mean()
    assert passed < 0.25  # 1 / sqrt(pi ln n) = 0.2 for large n


def test_sure_finds_the_threshold_of_least_error() -> None:
    rng = np.random.default_rng(2)
    true = np.where(rng.random((20, 2_000)) < 0.3, 3 * rng.standard_normal((20, 2_000)), 0)
    heard = true + rng.standard_normal(true.shape)
    limits = np.linspace(0.05, 4, 80)
    errors = np.array(
        [((shrunk(heard, np.full((20, 1), t), "soft") - true) ** 2).mean() for t in limits]
    )
    found = sure_threshold(heard)
    error = ((shrunk(heard, found, "soft") - true) ** 2).mean()
    assert error < 1.02 * errors.min()
    assert (
        error
        < 0.6 * ((shrunk(heard, np.full((20, 1), universal(2_000)), "soft") - true) ** 2).mean()
    )
    noise = rng.standard_normal((20, 2_000))
    np.testing.assert_array_equal(sure_threshold(noise), universal(2_000))


def test_lines_of_the_mains_stand_above_what_is_beside_them() -> None:
    rng = np.random.default_rng(4)
    bin_hz, found = 0.36, []
    frequency = np.arange(750) * bin_hz
    for _ in range(200):
        power = rng.exponential(size=750) * (1 + 50 / (1 + frequency))
        found.append(mains_ratio(power, bin_hz, 1_000.0, 2 * bin_hz)[0])
    assert np.quantile(found, 0.95) < 5
    for h in (1, 2, 4):
        power[round(h * 60.1 / bin_hz)] = 40.0
    ratio, mains_hz = mains_ratio(power, bin_hz, 1_000.0, 2 * bin_hz)
    assert ratio > 15
    assert abs(mains_hz - 60.1) < 0.2
    assert mains_ratio(power, bin_hz, 10.0, 2 * bin_hz) == (1.0, 0.0)  # no harmonic below 10 Hz


def test_memory_does_not_grow_with_the_recording() -> None:
    rng = np.random.default_rng(6)
    peaks = []
    for n_blocks in (4, 12):

        def source(n_blocks: int = n_blocks) -> Iterator[Float[ndarray, "channel _"]]:
            return (rng.standard_normal((1, 10_000)) for _ in range(n_blocks))

        settings = DenoiseSettings(frame_s=0.2)
        tracemalloc.start()
        plan = planned(source, RATE, settings)
        total = sum(block.shape[1] for block in cleaned(source(), plan))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert total == 10_000 * n_blocks
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize("kind", ["log-energy", "lp", "threshold", "sure"])
def test_every_cost_denoises(kind: str) -> None:
    true, heard = mixed(RATE)
    settings = DenoiseSettings(cost=Cost(kind=kind))  # type: ignore[arg-type]
    assert snr_db(true, denoise(heard, RATE, settings).samples) > 8


def test_short_and_slow_sounds_are_taken() -> None:
    for n_samples, rate_hz in ((100, 8_000), (7_000, 8_000), (24_000, 192_000)):
        sound = np.random.default_rng(7).standard_normal(n_samples)
        done = denoise(sound, rate_hz)
        assert done.samples.shape == sound.shape
        assert all(leaf.mains >= 1 for leaf in done.plan.leaves)


def test_nothing_and_nonsense_are_refused() -> None:
    with pytest.raises(SettingError, match="at least one sample"):
        denoise(np.zeros((1, 0)), RATE)
    with pytest.raises(SettingError, match="orthogonal"):
        denoise(np.ones(100), RATE, DenoiseSettings(wavelet="bior2.2"))
    for wrong in ({"depth": 0}, {"rule": "firm"}, {"strength": -1.0}, {"frame_s": 0.0}):
        with pytest.raises(ValidationError):
            DenoiseSettings(**wrong)


def test_what_is_added_at_the_ends_adds_nothing_to_the_evidence() -> None:
    """A recording just longer than a frame, whose last sample is far off zero."""
    n_samples = 72_000
    rough = rumble(n_samples + 4_000)
    stop = 70_000 + int(np.abs(rough[70_000:72_000]).argmax())
    plan = denoise(rough[:stop], RATE).plan
    assert max(leaf.kurtosis for leaf in plan.leaves) < 1
    assert not any(leaf.is_kept for leaf in plan.leaves)


def test_of_white_noise_as_much_passes_as_its_law_says() -> None:
    """Energy past t of a standard normal: 2 (t φ(t) + Q(t))."""
    noise = np.random.default_rng(8).standard_normal(2 * RATE)
    settings = DenoiseSettings(choice=EVERY, basis="fixed", strength=0.5, frame_s=2.0)
    clean = denoise(noise, RATE, settings).samples
    t = 0.5 * universal((2 * RATE + 2 * 1_920) // 32)
    wanted = 2 * (t * norm.pdf(t) + norm.sf(t))
    assert (clean**2).sum() / (noise**2).sum() == pytest.approx(wanted, rel=0.03)
