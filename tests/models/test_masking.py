"""What is hidden while a network trains, and that nothing is when it answers."""

import pytest
import torch
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.models.build import CrnnNetwork, build
from sonoscope.models.crnn import CrnnSettings
from sonoscope.models.masking import Masking, MaskingSettings, drawn_masks

FRAMES, BANDS = 60, 64
TIMES = MaskingSettings(time_masks=2, longest_frames=10)
BOTH = MaskingSettings(time_masks=1, longest_frames=10, band_masks=1, widest_bands=8)
CUT = MaskingSettings(cutouts=1, cutout_frames=20, cutout_bands=12)


def maps(n: int = 5) -> Tensor:
    return 3 + torch.randn(n, 7, FRAMES, BANDS, generator=torch.Generator().manual_seed(3))


def masked(settings: MaskingSettings, given: Tensor, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    hidden: Tensor = Masking(settings).train()(given)
    return hidden


def test_hidden_places_hold_the_mean_of_their_map_and_the_others_what_they_held() -> None:
    given = maps()
    torch.manual_seed(0)
    places = drawn_masks(BOTH, 5, FRAMES, BANDS)[:, None].expand_as(given)
    assert 0 < places.float().mean() < 0.4
    out = masked(BOTH, given)
    means = given.mean(dim=(2, 3), keepdim=True).expand_as(given)
    assert torch.equal(out[places], means[places])
    assert torch.equal(out[~places], given[~places])
    assert torch.equal(given, maps())  # no argument is written to


def test_masks_are_stretches_of_time_of_bands_or_rectangles_no_longer_than_asked() -> None:
    torch.manual_seed(1)
    times, cuts = (drawn_masks(each, 400, FRAMES, BANDS) for each in (TIMES, CUT))
    bands = drawn_masks(MaskingSettings(band_masks=1, widest_bands=8), 400, FRAMES, BANDS)
    assert bool((times.all(dim=2) == times.any(dim=2)).all())
    assert bool((bands.all(dim=1) == bands.any(dim=1)).all())
    assert int(times.any(dim=2).sum(dim=1).max()) in range(15, 21)  # two of at most 10
    assert set(bands.any(dim=1).sum(dim=1).tolist()) == set(range(9))
    rows, columns = cuts.any(dim=2), cuts.any(dim=1)
    assert torch.equal(cuts, rows[:, :, None] & columns[:, None, :])
    assert int(rows.sum(dim=1).max()) == 20
    assert int(columns.sum(dim=1).max()) == 12
    assert bool((columns.long().diff(dim=1).abs().sum(dim=1) <= 2).all())  # in one piece
    assert bool(columns[:, 0].any())
    assert bool(columns[:, -1].any())  # up to both edges


def test_a_share_of_the_examples_and_the_named_maps_alone_are_masked() -> None:
    some = MaskingSettings(time_masks=1, share=0.3)
    torch.manual_seed(2)
    struck = drawn_masks(some, 2_000, FRAMES, 1).any(dim=(1, 2)).float().mean()
    assert 0.25 < float(struck) / (25 / 26) < 0.35  # one in 26 masks is empty
    given = maps()
    out = masked(MaskingSettings(band_masks=2, maps=(0, 3)), given)
    changed = (out != given).any(dim=(0, 2, 3)).tolist()
    assert changed == [True, False, False, True, False, False, False]


def test_masks_repeat_with_their_seed_and_differ_between_examples() -> None:
    given = maps()
    assert torch.equal(masked(BOTH, given, 7), masked(BOTH, given, 7))
    assert not torch.equal(masked(BOTH, given, 7), masked(BOTH, given, 8))
    torch.manual_seed(0)
    places = drawn_masks(BOTH, 2, FRAMES, BANDS)
    assert not torch.equal(places[0], places[1])


def test_a_network_is_masked_in_training_alone_and_saves_nothing_of_it() -> None:
    settings = CrnnNetwork(body=CrnnSettings(filters=2, recurrent_units=4, head_units=4))
    torch.manual_seed(0)
    plain = build(settings, 2)
    network = build(settings, 2, MaskingSettings(time_masks=3))
    network.load_state_dict(plain.state_dict())
    sound = 0.1 * torch.randn(2, 4, 24_000)
    with torch.no_grad():
        assert torch.equal(network.eval()(sound).activity, plain.eval()(sound).activity)
        torch.manual_seed(1)
        heard = network.train()(sound).activity
        assert not torch.equal(heard, plain.train()(sound).activity)


def test_without_settings_that_hide_nothing_is_done_and_no_random_number_drawn() -> None:
    given = maps()
    torch.manual_seed(4)
    before = torch.get_rng_state()
    assert Masking(MaskingSettings()).train()(given) is given
    assert torch.equal(torch.get_rng_state(), before)


def test_a_map_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingError, match=r"masking.maps must be below 7, .* but \(7,\) was"):
        masked(MaskingSettings(time_masks=1, maps=(7,)), maps())
