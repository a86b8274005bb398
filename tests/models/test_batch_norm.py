"""Which numbers are brought to mean 0 and spread 1 together."""

import pytest
import torch
from tests.models.listening import noise

from sonoscope.models.batch_norm import NormAxis, batch_norm


@pytest.mark.parametrize(("axis", "own"), [("channel", 1), ("bin", 3)])
def test_each_channel_or_each_bin_is_normalised_by_itself(axis: NormAxis, own: int) -> None:
    maps = 3 * noise(4, 5, 20, 6) + noise(1, 5, 1, 6, seed=1)
    layer = batch_norm(axis, n_channels=5, n_bins=6)
    together = [i for i in range(4) if i != own]
    normed = layer(maps)
    torch.testing.assert_close(normed.mean(dim=together), torch.zeros(maps.shape[own]))
    spread = normed.std(dim=together, correction=0)
    torch.testing.assert_close(spread, torch.ones(maps.shape[own]), rtol=0, atol=1e-4)
    other = [i for i in range(4) if i not in (2, 4 - own)]
    assert normed.mean(dim=other).abs().max() > 0.05
    assert [weight.shape for weight in layer.parameters()] == [(maps.shape[own],)] * 2
