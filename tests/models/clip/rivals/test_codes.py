"""Codes are found where vectors crowd, and each book tells what the last left."""

import pytest
import torch
from tests.models.listening import noise

from sonoscope.core.errors import InputError
from sonoscope.models.clip.rivals.codes import ResidualQuantiser, k_means


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_crowds_are_found() -> None:
    centres = 10 * noise(6, 4)
    vectors = (centres[:, None] + 0.1 * noise(6, 50, 4, seed=1)).reshape(-1, 4)
    codes = k_means(vectors, 6, generator(3), rounds=50)
    distance = torch.cdist(centres, codes)
    assert distance.amin(dim=1).max() < 0.1
    assert len(set(distance.argmin(dim=1).tolist())) == 6


def test_no_code_is_left_unused() -> None:
    crowd = torch.zeros(500, 2)
    crowd[:8] = 100 * noise(8, 2)  # a few far ones, which a random beginning misses
    codes = k_means(crowd, 9, generator(), rounds=20)
    assert torch.cdist(crowd, codes).amin(dim=1).max() < 1e-3


def test_every_book_brings_vectors_nearer() -> None:
    vectors = noise(2000, 6)
    quantiser = ResidualQuantiser(4, 16, 6)
    quantiser.learn(vectors, generator())
    codes = quantiser(vectors[None])
    assert codes.shape == (1, 2000, 4)
    kept = torch.zeros(2000, 6)
    errors = [vectors.square().mean().item()]
    for i in range(4):
        kept = kept + quantiser.books[i][codes[0, :, i]]
        errors.append((vectors - kept).square().mean().item())
    assert errors == sorted(errors, reverse=True)
    assert errors[4] < 0.1 * errors[0]
    torch.testing.assert_close(quantiser.restored(codes)[0], kept)


def test_the_nearest_code_is_taken() -> None:
    quantiser, vectors = ResidualQuantiser(2, 8, 3), noise(2, 5, 3)
    codes = quantiser(vectors)
    first = torch.cdist(vectors.reshape(-1, 3), quantiser.books[0]).argmin(dim=1)
    assert torch.equal(codes[..., 0].flatten(), first)
    rest = vectors.reshape(-1, 3) - quantiser.books[0][first]
    assert torch.equal(codes[..., 1].flatten(), torch.cdist(rest, quantiser.books[1]).argmin(dim=1))


def test_views_of_a_sound_differ_the_more_the_warmer() -> None:
    torch.manual_seed(0)
    vectors = noise(4, 200, 6)
    quantiser = ResidualQuantiser(1, 16, 6)
    quantiser.learn(vectors.flatten(0, 1), generator())
    nearest = quantiser(vectors)
    changed = [
        (quantiser(vectors, temperature) != nearest).float().mean().item()
        for temperature in (1e-6, 0.1, 1.0, 100.0)
    ]
    assert changed == sorted(changed)
    assert changed[0] < 0.01
    assert 0.02 < changed[1] < 0.5
    assert changed[3] > 0.8  # 15 of 16 where all are as likely


def test_codes_are_saved_with_the_network() -> None:
    quantiser = ResidualQuantiser(2, 8, 3)
    assert list(quantiser.state_dict()) == ["books"]
    assert not list(quantiser.parameters())


def test_too_few_vectors_are_refused() -> None:
    with pytest.raises(InputError, match="at least 8, but 7 were given"):
        ResidualQuantiser(1, 8, 3).learn(noise(7, 3), generator())


def test_of_many_vectors_some_are_drawn() -> None:
    quantiser = ResidualQuantiser(1, 4, 2)
    quantiser.learn(noise(1000, 2), generator(), most=4, rounds=3)
    assert torch.cdist(quantiser.books[0], noise(1000, 2)).amin(dim=1).max() < 1e-3
