import pytest
import torch
from tests.models.listening import lived_in, noise, size
from torch.nn.functional import avg_pool2d

from sonoscope.core.errors import InputError, SettingError
from sonoscope.models.clip.rivals.acd_net import AcdNet, AcdNetSettings

SMALL = AcdNetSettings(width=1)


def test_the_size_is_the_published_one() -> None:
    with torch.device("meta"):
        network = AcdNet(AcdNetSettings(), 20_000, 50)
    assert f"{size(network) / 1e6:.2f}" == "4.74"


def test_channels_become_rows_of_an_image_of_ten_milliseconds_a_column() -> None:
    network = lived_in(AcdNet(SMALL, 20_000, 5))
    assert network.in_time(noise(1, 1, 1, 30_225)).shape == (1, 8, 1, 151)
    with torch.device("meta"):
        published = AcdNet(AcdNetSettings(), 20_000, 50)
        inside = published.in_time(torch.zeros(1, 1, 1, 30_225))
        assert inside.shape == (1, 64, 1, 151)
        assert published.in_image(inside.transpose(1, 2)).shape == (1, 50, 2, 4)


def test_at_the_published_length_the_mean_is_the_published_pool() -> None:
    network, sound = lived_in(AcdNet(AcdNetSettings(width=4), 20_000, 5)), noise(2, 30_225)
    maps = network.in_image(network.in_time(sound[:, None, None]).transpose(1, 2))
    wanted = network.answer(avg_pool2d(maps, (1, 4))[:, :, 0, 0])
    torch.testing.assert_close(network(sound), wanted)


def test_other_lengths_and_rates_are_heard() -> None:
    network = lived_in(AcdNet(AcdNetSettings(width=4), 16_000, 5))
    assert network(noise(2, 24_180)).shape == (2, 5)
    assert network(noise(1, 80_000)).shape == (1, 5)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="at least 6600 samples, but 6599 were given"):
        AcdNet(AcdNetSettings(width=4), 20_000, 5)(noise(1, 6_599))
    with pytest.raises(SettingError, match="multiple of 400, but 22050"):
        AcdNet(SMALL, 22_050, 5)


def test_the_shortest_sound_is_heard() -> None:
    network = lived_in(AcdNet(AcdNetSettings(width=4), 20_000, 5))
    assert network(noise(1, 6_600)).isfinite().all()
