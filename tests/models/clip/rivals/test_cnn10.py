import pytest
import torch
from tests.models.listening import lived_in, noise, size

from sonoscope.core.errors import SettingError
from sonoscope.models.clip.rivals.cnn10 import Cnn10, Cnn10Settings

SMALL = Cnn10Settings(filters=(4, 4, 6, 8))


def test_the_size_is_the_published_one() -> None:
    with torch.device("meta"):
        assert size(Cnn10(Cnn10Settings(), 1, 64, 527)) == 5_219_279


def test_means_and_peaks_over_time_are_added() -> None:
    network = lived_in(Cnn10(SMALL, 1, 32, 5))
    maps = noise(2, 1, 32, 64)
    inside = network.convolutions(network.norm(maps.transpose(1, 2)).transpose(1, 2))
    assert inside.shape == (2, 8, 2, 4)
    heard = inside.mean(dim=2)
    wanted = heard.mean(dim=2) + heard.max(dim=2).values
    torch.testing.assert_close(network(maps), network.answer(network.embed(wanted).relu()))


def test_each_bin_is_normalised_by_itself() -> None:
    torch.manual_seed(0)
    network = Cnn10(SMALL, 1, 32, 5).train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    maps = noise(4, 1, 32, 64)
    levels = torch.linspace(0.1, 10, 32)[:, None] * maps + torch.arange(32.0)[:, None]
    torch.testing.assert_close(network(levels), network(maps), rtol=0, atol=1e-2)


def test_maps_without_enough_bins_are_refused() -> None:
    with pytest.raises(SettingError, match="at least 16 bins"):
        Cnn10(SMALL, 1, 15, 5)
