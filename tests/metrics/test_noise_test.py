"""Clips under noise: ratios as asked, clean as clean, equal treatments equal, pieces by name."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from sonoscope.core.errors import InputError
from sonoscope.metrics.noise_scores import ALL, noise_cells
from sonoscope.metrics.noise_test import (
    Condition,
    LabelledClip,
    Listener,
    NoiseTest,
    NoiseTestSettings,
    heard_in_noise,
    mixed,
)
from sonoscope.signal.denoise import Choice, DenoiseSettings

RATE_HZ, WINDOW, N_LABELS = 8_000, 400, 4
NOTHING = DenoiseSettings(strength=0, choice=Choice(keep="all"))


def noise_of(kind: str, clip: str, length: int) -> np.ndarray:
    rng = np.random.default_rng(sum(f"{kind}{clip}".encode()))
    return rng.normal(0, 3, length)


def noises(*kinds: str) -> dict[str, "Piece"]:
    return {kind: Piece(kind) for kind in kinds}


class Piece:
    def __init__(self, kind: str) -> None:
        self.kind, self.asked = kind, list[str]()

    def __call__(self, clip: str, rate_hz: int, length: int) -> np.ndarray:
        self.asked.append(clip)
        return noise_of(self.kind, clip, length)


def tone(label: int, n_samples: int = 900) -> np.ndarray:
    """Give a sine in the label's quarter of the band."""
    hz = RATE_HZ / 2 * (label + 0.5) / N_LABELS
    return np.asarray(0.1 * np.sin(2 * np.pi * hz * np.arange(n_samples) / RATE_HZ))


def clips(n: int = 12) -> Iterator[LabelledClip]:
    for i in range(n):
        sound = tone(i % N_LABELS)
        yield LabelledClip(sound, i % N_LABELS, f"original {i // 4}", str(i), float(np.var(sound)))


def loudest_band(sound: np.ndarray) -> np.ndarray:
    """Answer by the energy of the four quarters of the band."""
    power = np.abs(np.fft.rfft(sound, axis=1))[:, : WINDOW // 2] ** 2
    return np.asarray(np.log(power.reshape(len(sound), N_LABELS, -1).mean(axis=2) + 1e-20))


def always_two(sound: np.ndarray) -> np.ndarray:
    return np.tile(np.eye(N_LABELS)[2], (len(sound), 1))


def listener(logits: "object" = loudest_band, threshold: float = 0.0) -> Listener:
    assert callable(logits)
    return Listener(RATE_HZ, WINDOW, tuple("abcd"), logits, threshold=threshold)


def heard(asked: NoiseTestSettings, ears: Listener | None = None, n: int = 12) -> NoiseTest:
    return heard_in_noise(ears or listener(), clips(n), noises("hiss", "roar"), asked)


@pytest.mark.parametrize("snr_db", [40.0, 20.0, 3.5, 0.0, -5.0, -30.0])
def test_the_ratio_of_a_mixture_is_what_was_asked(snr_db: float) -> None:
    sound, noise = tone(1), noise_of("x", "y", 900) + 0.5
    power = float(np.mean(sound**2))
    added = mixed(sound, noise, snr_db, power) - sound
    assert 10 * math.log10(power / np.mean(added**2)) == pytest.approx(snr_db, abs=1e-9)
    assert np.corrcoef(added, noise)[0, 1] == pytest.approx(1)
    assert mixed(sound, noise, math.inf, power) is sound


def test_clean_clips_score_what_they_score_without_any_test() -> None:
    test = heard(NoiseTestSettings(denoiser=NOTHING))
    ears = listener()
    alone = [int(ears.probability([clip.samples]).argmax()) for clip in clips()]
    assert test.said[Condition("", math.inf, False)].tolist() == alone == test.label.tolist()


def test_the_same_seed_gives_the_same_and_clips_know_nothing_of_each_other() -> None:
    asked = NoiseTestSettings()
    once, again, fewer = heard(asked), heard(asked), heard(asked, n=9)
    for condition, said in once.said.items():
        assert said.tolist() == again.said[condition].tolist()
        assert said[:9].tolist() == fewer.said[condition].tolist()


def test_each_clip_has_one_piece_of_each_noise() -> None:
    hidden = noises("hiss", "roar")
    heard_in_noise(listener(), clips(5), hidden, NoiseTestSettings())
    assert [piece.asked for piece in hidden.values()] == [list("01234")] * 2


def test_a_denoiser_that_does_nothing_changes_nothing() -> None:
    cells = noise_cells({(0, 0): heard(NoiseTestSettings(denoiser=NOTHING))})
    denoised = [cell for cell in cells if cell.is_denoised]
    plain = [cell for cell in cells if not cell.is_denoised]
    assert [cell.noise for cell in denoised] == [cell.noise for cell in plain]
    for one, other in zip(denoised, plain, strict=True):
        for name, score in one.scores.items():
            same = other.scores[name]
            assert (score.value, score.low, score.high) == (same.value, same.low, same.high)
    assert {gain.value for cell in denoised for gain in cell.gain.values()} == {0}


def test_one_that_does_something_changes_something() -> None:
    silent = DenoiseSettings(strength=1e6, choice=Choice(keep="all"))
    test = heard(NoiseTestSettings(denoiser=silent, snr_db=(20.0,)))
    assert test.said[Condition("hiss", 20.0, False)].tolist() == test.label.tolist()
    assert len(set(test.said[Condition("hiss", 20.0, True)].tolist())) == 1


def test_who_always_says_one_label_is_as_good_at_every_ratio() -> None:
    cells = noise_cells({(0, 0): heard(NoiseTestSettings(), listener(always_two))})
    assert len(cells) == 3 * 2 * 5
    for cell in cells:
        assert cell.scores["accuracy"].value == 1 / N_LABELS
        assert cell.scores["macro_f1"].value == pytest.approx(0.4 / N_LABELS)
        assert {loss.value for loss in cell.loss.values()} <= {0}


def test_the_more_noise_the_worse_and_losses_are_from_clean() -> None:
    ratios = (20.0, -10.0, -20.0, -30.0)
    cells = noise_cells({(0, 0): heard(NoiseTestSettings(snr_db=ratios))})
    of = {(c.noise, c.snr_db): c for c in cells if not c.is_denoised}
    for noise in (ALL, "hiss", "roar"):
        scores = [of[noise, ratio].scores["accuracy"].value for ratio in (math.inf, *ratios)]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == 1 > scores[-1]
        loss = of[noise, -30.0].loss["accuracy"]
        assert loss.value == pytest.approx(scores[0] - scores[-1])
        assert loss.low <= loss.value <= loss.high
        assert of[noise, math.inf].loss == {}
    mean = np.mean([of[noise, -30.0].scores["accuracy"].value for noise in ("hiss", "roar")])
    assert of[ALL, -30.0].scores["accuracy"].value == pytest.approx(mean)


def test_who_is_not_sure_is_counted() -> None:
    cells = noise_cells({(0, 0): heard(NoiseTestSettings(), listener(always_two, 0.5))})
    assert {cell.unknown for cell in cells} == {1}
    sure = noise_cells({(0, 0): heard(NoiseTestSettings(), listener(always_two, 0.4))})
    assert {cell.unknown for cell in sure} == {0}


def test_windows_cover_a_clip_and_short_ones_are_filled_up() -> None:
    seen = list[np.ndarray]()

    def look(sound: np.ndarray) -> np.ndarray:
        seen.append(sound)
        return np.zeros((len(sound), N_LABELS))

    ears = listener(look)
    said = ears.probability([np.ones(WINDOW // 2), np.arange(3.0 * WINDOW)])
    assert said.shape == (2, N_LABELS)
    windows = np.concatenate(seen)
    assert windows.dtype == np.float32
    assert windows[0].sum() == WINDOW // 2
    assert windows[1:, 0].tolist() == [0, 200, 400, 600, 800]
    assert windows[-1, -1] == 3 * WINDOW - 1


def test_what_cannot_be_heard_is_refused() -> None:
    silent = LabelledClip(np.zeros(900), 0, "x", "quiet/1/a.wav", 0.0)
    with pytest.raises(InputError, match=r"quiet/1/a.wav: a clip must hold sound"):
        heard_in_noise(listener(), [silent], noises("hiss"), NoiseTestSettings())
    with pytest.raises(InputError, match="there are none"):
        heard_in_noise(listener(), [], noises("hiss"), NoiseTestSettings())
    with pytest.raises(ValueError, match="highest first"):
        NoiseTestSettings(snr_db=(0.0, 10.0))
