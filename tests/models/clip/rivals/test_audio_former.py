"""Hidden tokens cannot be read, gaps are filled, and clips of a label come together."""

import math

import pytest
import torch
from tests.models.listening import noise

from sonoscope.core.errors import InputError
from sonoscope.models.clip.rivals import audio_former
from sonoscope.models.clip.rivals.audio_former import (
    AudioFormer,
    AudioFormerSettings,
    supervised_contrast,
)

SMALL = AudioFormerSettings(
    width=16, inner=24, layers=1, heads=2, codes=8, dropout=0.0, hidden=0.3, longest_tokens=12
)


def small(settings: AudioFormerSettings = SMALL) -> AudioFormer:
    torch.manual_seed(0)
    return AudioFormer(settings, 1, 6, 5)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_token_is_its_frames_side_by_side() -> None:
    maps = noise(2, 1, 6, 10)
    vectors = small()._vectors(maps)
    assert vectors.shape == (2, 3, 24)
    assert torch.equal(vectors[1, 1].reshape(6, 4), maps[1, 0, :, 4:8])
    assert torch.equal(vectors[1, 2].reshape(6, 4)[:, 2:], torch.zeros(6, 2))


def test_what_is_hidden_is_not_read() -> None:
    network = small().eval()
    codes = network.quantiser(network._vectors(noise(1, 1, 6, 40)))
    hidden = torch.zeros(1, 10, dtype=torch.bool)
    hidden[0, 4] = True
    other = codes.clone()
    other[0, 4] = (codes[0, 4] + 1) % 8
    tokens = [
        torch.where(hidden[..., None], network.gap, network._embedded(c)) for c in (codes, other)
    ]
    assert torch.equal(tokens[0], tokens[1])
    assert network._guess_loss(codes, hidden) != network._guess_loss(other, hidden)


def test_before_it_learns_a_code_is_one_of_all() -> None:
    network = small()
    torch.nn.init.zeros_(network.guess.weight)
    torch.nn.init.zeros_(network.guess.bias)
    loss = network.gap_loss(noise(3, 1, 6, 40), generator())
    assert loss.item() == pytest.approx(math.log(8), abs=1e-5)


def unread(codes: torch.Tensor, n_codes: int) -> float:
    """Give the cross-entropy of guessing by how frequent codes are, without reading."""
    shares = torch.stack(
        [torch.bincount(each, minlength=n_codes) for each in codes.flatten(0, 1).T]
    )
    return float(torch.special.entr(shares / shares.sum(dim=1, keepdim=True)).sum(dim=1).mean())


@pytest.mark.slow
def test_gaps_are_filled_from_what_stands_around_them() -> None:
    network = small()
    time = torch.arange(40.0)
    phase = torch.linspace(0, 2 * math.pi, 7)[:6, None] + torch.linspace(0, 6, 16)[:, None, None]
    maps = torch.sin(2 * math.pi * time / 16 + phase)[:, None]  # each clip repeats itself
    network.learn_codes([maps], generator(), rounds=5)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    draws, losses = generator(), []
    for _ in range(60):
        loss = network.gap_loss(maps, draws)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    codes = network.quantiser(network._vectors(maps))
    assert sum(losses[-10:]) / 10 < 0.8 * unread(codes, n_codes=8)


def test_fine_tuning_names_every_view_and_weighs_the_contrast() -> None:
    maps, target = noise(4, 1, 6, 40), torch.eye(5)[[0, 1, 1, 2]]
    total = {}
    for contrast in (0.0, 0.5, 1.0):
        network = small(AudioFormerSettings(**{**SMALL.__dict__, "contrast": contrast}))
        torch.manual_seed(1)
        total[contrast] = network.fine_tuning_loss(maps, target).item()
    assert total[1.0] - total[0.5] == pytest.approx(total[0.5] - total[0.0], abs=1e-5)
    assert total[0.5] > total[0.0]


def test_it_fills_gaps_first_and_then_names() -> None:
    network = small(AudioFormerSettings(**{**SMALL.__dict__, "pretraining": 0.5}))
    maps, target = noise(4, 1, 6, 40), torch.eye(5)[[0, 1, 1, 2]]
    for done, named in ((0.0, False), (0.49, False), (0.5, True), (0.9, True)):
        network.zero_grad()
        torch.autograd.backward(network.own_loss(maps, target, done))
        assert (network.answer.weight.grad is not None) == named
        assert (network.contrasted.weight.grad is not None) == named
        assert (network.guess.weight.grad is None) == named
        assert network.places.table.grad is not None


def test_clips_of_no_label_are_not_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    def note(features: torch.Tensor, labels: torch.Tensor, _temperature: float) -> torch.Tensor:
        asked.append(labels.tolist())
        return features.sum() * 0

    monkeypatch.setattr(audio_former, "supervised_contrast", note)
    target = torch.stack([torch.full((5,), 0.2), torch.eye(5)[0], torch.eye(5)[3] * 0.7])
    small().fine_tuning_loss(noise(3, 1, 6, 40), target)
    assert asked == [[5, 0, 3] * SMALL.views]


def test_half_precision_leaves_the_contrast_as_it_is() -> None:
    features, labels = noise(6, 8), torch.tensor([0, 0, 1, 1, 2, 2])
    whole = supervised_contrast(features, labels, 0.05)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(supervised_contrast(features, labels, 0.05), whole)


def test_contrast_is_khoslas() -> None:
    features, labels = noise(5, 3), torch.tensor([0, 1, 0, 0, 2])
    near = features / features.norm(dim=1, keepdim=True)
    terms = []
    for i in range(5):
        others = [j for j in range(5) if j != i]
        alike = [j for j in others if labels[j] == labels[i]]
        if not alike:
            continue
        total = sum(math.exp(float(near[i] @ near[j]) / 0.2) for j in others)
        shares = [math.exp(float(near[i] @ near[j]) / 0.2) / total for j in alike]
        terms.append(-sum(math.log(share) for share in shares) / len(alike))
    assert len(terms) == 3
    given = supervised_contrast(features, labels, 0.2).item()
    assert given == pytest.approx(sum(terms) / 3, rel=1e-5)


def test_contrast_is_least_where_labels_lie_apart() -> None:
    labels = torch.tensor([0, 0, 1, 1])
    apart = torch.tensor([[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0], [-3.0, 0.0]])
    mixed = apart[[0, 2, 1, 3]]
    assert supervised_contrast(apart, labels, 0.1) < 1e-6
    assert supervised_contrast(mixed, labels, 0.1) > 10
    alone = supervised_contrast(apart, torch.arange(4), 0.1)
    assert alone == 0


def test_its_answer_depends_on_the_codes_alone() -> None:
    network, maps = small().eval(), noise(1, 1, 6, 40)
    nudged = maps + 1e-6 * noise(1, 1, 6, 40, seed=2)
    assert torch.equal(network(nudged), network(maps))
    assert (network(2 * maps) - network(maps)).abs().max() > 1e-4


def test_clips_longer_than_its_places_are_refused() -> None:
    with pytest.raises(InputError, match="at most 12 tokens, but it makes 13"):
        small()(noise(1, 1, 6, 52))
