"""Mixtures: what is heard of each is what is asked for."""

import numpy as np
import pytest
import torch

from sonoscope.training.clips.losses import ClipLossSettings, clip_loss
from sonoscope.training.clips.mixing import (
    KINDS,
    MixingSettings,
    Mixture,
    drawn_mixture,
    mixed_bands,
    mixed_sounds,
    mixed_targets,
)

LABEL = np.arange(60) % 4


def mixture_of(kind: str, share: float) -> Mixture:
    """Mix two clips with each other."""
    return Mixture(
        np.full(2, KINDS.index(kind)),
        np.array([1, 0]),
        np.full(2, share),
        np.full(2, 0.5),
    )


def test_partners_have_other_labels_and_kinds_their_shares() -> None:
    how = MixingSettings(between_class=0.5, frequency=0.25)
    drawn = [drawn_mixture(how, LABEL, np.random.default_rng(seed)) for seed in range(40)]
    for each in drawn:
        assert (LABEL[each.partner] != LABEL).all()
        assert (each.share[each.kind < 0] == 1).all()
    kinds = np.concatenate([each.kind for each in drawn])
    assert (kinds == KINDS.index("between_class")).mean() == pytest.approx(0.5, abs=0.04)
    assert (kinds == KINDS.index("frequency")).mean() == pytest.approx(0.25, abs=0.04)
    assert (kinds < 0).mean() == pytest.approx(0.25, abs=0.04)
    shares = np.concatenate([each.share[each.kind >= 0] for each in drawn])
    assert shares.mean() == pytest.approx(0.5, abs=0.03)  # Beta(1, 1)
    assert shares.std() == pytest.approx(12**-0.5, abs=0.03)


def test_where_all_have_one_label_nobody_is_mixed() -> None:
    mixture = drawn_mixture(
        MixingSettings(between_class=1), np.zeros(8, np.int64), np.random.default_rng(0)
    )
    assert (mixture.kind == -1).all()
    sounds = torch.randn(8, 100)
    assert torch.equal(mixed_sounds(sounds, np.ones(8), mixture), sounds)


def test_between_classes_a_faint_sound_is_raised_so_that_it_is_heard() -> None:
    sounds = torch.stack([torch.ones(4), torch.zeros(4)])
    loudest = np.array([1.0, 1e-4])  # the second is 40 dB below
    alone = mixed_sounds(sounds, loudest, mixture_of("between_class", 0.5))[0, 0]
    ratio = 10 ** (40 / 20)  # p / (1 - p) = 10^((G2 - G1) / 20) r / (1 - r)
    p = 1 / (1 + ratio)
    assert float(alone) == pytest.approx(p / np.hypot(p, 1 - p), rel=1e-5)
    target = mixed_targets(torch.eye(2), mixture_of("between_class", 0.3))
    torch.testing.assert_close(target, torch.tensor([[0.3, 0.7], [0.7, 0.3]]))


def test_shares_of_energy_are_what_is_asked_for() -> None:
    generator = torch.Generator().manual_seed(0)
    sounds = torch.randn(2, 100_000, generator=generator) * torch.tensor([[1.0], [0.01]])
    mixed = mixed_sounds(sounds, np.ones(2), mixture_of("energy", 0.25))
    own = (mixed[0] @ sounds[0]) / (sounds[0] @ sounds[0])
    assert float(own) ** 2 == pytest.approx(0.25, rel=0.02)
    assert float(mixed[0].square().mean() / sounds[0].square().mean()) == pytest.approx(1, rel=0.02)


def test_time_is_spliced_and_bands_are_swapped() -> None:
    sounds = torch.stack([torch.zeros(10), torch.ones(10)])
    spliced = mixed_sounds(sounds, np.ones(2), mixture_of("time", 0.3))
    assert spliced[0].tolist() == [0.0] * 3 + [1.0] * 7
    mixture = mixture_of("frequency", 0.75)
    assert torch.equal(mixed_sounds(sounds, np.ones(2), mixture), sounds)
    maps = torch.stack([torch.zeros(1, 8, 3), torch.ones(1, 8, 3)])
    swapped = mixed_bands(maps, torch.from_numpy(mixture.partner), mixture.bands())
    assert swapped[0, 0, :, 0].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    assert swapped[1, 0, :, 0].tolist() == [1, 1, 1, 0, 0, 1, 1, 1]


def test_shares_of_clips_are_one_at_most() -> None:
    with pytest.raises(ValueError, match=r"at most 1, but 1\.2 was given"):
        MixingSettings(between_class=0.8, time=0.4)


def test_losses_are_those_of_their_formulas() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    target = torch.tensor([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0]])
    log_p = torch.log_softmax(logits, 1)
    expected = -(target * log_p).sum(1).mean()
    torch.testing.assert_close(clip_loss(logits, target, ClipLossSettings()), expected)
    kl = clip_loss(logits, target, ClipLossSettings("kl"))
    entropy = -(0.7 * np.log(0.7) + 0.3 * np.log(0.3)) / 2
    assert float(kl) == pytest.approx(float(expected) - entropy, rel=1e-5)
    assert float(clip_loss(target.log().clamp(min=-50), target, ClipLossSettings("kl"))) < 1e-6
    smooth = clip_loss(logits, target, ClipLossSettings(smoothing=0.3))
    torch.testing.assert_close(smooth, -((target * 0.7 + 0.1) * log_p).sum(1).mean())
    s = torch.sigmoid(logits)
    bce = -(target * s.log() + (1 - target) * (1 - s).log()).sum(1).mean()
    torch.testing.assert_close(clip_loss(logits, target, ClipLossSettings("bce")), bce)
