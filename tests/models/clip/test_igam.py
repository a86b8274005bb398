"""IGAM is its formula, and each of its settings changes what it says it changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.models.listening import lived_in, noise, size
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.models.clip.igam import (
    Form,
    Igam,
    IgamSettings,
    NonLocalPlaces,
    SpatialSubmodule,
)

MAPS = noise(2, 16, 5, 7)


def igam(settings: IgamSettings, n_channels: int = 16) -> Igam:
    torch.manual_seed(0)
    return lived_in(Igam(settings, n_channels))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def scaled(module: Igam, alpha: float, beta: float, maps: Tensor = MAPS) -> Tensor:
    with torch.no_grad():
        module.alpha.fill_(alpha)
        module.beta.fill_(beta)
        given: Tensor = module(maps)
    return given


def test_channel_submodule_is_the_simplified_non_local_block() -> None:
    block = igam(IgamSettings()).channel
    assert isinstance(block, NonLocalPlaces)
    assert isinstance(block.value, torch.nn.Linear)
    key, value, bias = (
        each.detach().double().numpy()
        for each in (block.key.weight, block.value.weight, block.value.bias)
    )
    tokens = MAPS.double().numpy().reshape(2, 16, 35)
    raised = np.exp(np.einsum("c,bcj->bj", key[0], tokens))
    context = np.einsum("bj,bcj->bc", raised / raised.sum(axis=1, keepdims=True), tokens)
    wanted = tokens + (context @ value.T + bias)[:, :, None]
    np.testing.assert_allclose(
        block(MAPS).detach().numpy(), wanted.reshape(MAPS.shape), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("form", ["literal", "identifiable"])
def test_both_weights_and_the_map_are_joined_by_the_formula(form: Form) -> None:
    module = igam(IgamSettings(form=form))
    channel, spatial = (
        sigmoid(each(MAPS).detach().double().numpy()) for each in (module.channel, module.spatial)
    )
    maps = MAPS.double().numpy()
    wanted = {
        "literal": 1.5 * channel * 0.7 * spatial * maps,
        "identifiable": (1 + 1.5 * (channel - 1)) * (1 + 0.7 * (spatial - 1)) * maps,
    }[form]
    np.testing.assert_allclose(scaled(module, 1.5, 0.7).numpy(), wanted, rtol=0, atol=1e-5)


def test_alpha_and_beta_cannot_be_told_apart_in_the_papers_formula() -> None:
    module = igam(IgamSettings(form="literal"))
    assert torch.equal(scaled(module, 2.0, 0.5), scaled(module, 1.0, 1.0))
    assert torch.equal(scaled(module, 0.25, 4.0), scaled(module, 1.0, 1.0))


@pytest.mark.parametrize("form", ["identifiable", "inside"])
def test_alpha_and_beta_can_be_told_apart_otherwise(form: Form) -> None:
    module = igam(IgamSettings(form=form))
    assert (scaled(module, 2.0, 0.5) - scaled(module, 1.0, 1.0)).abs().max() > 0.05


def test_weight_0_heeds_nothing_in_the_identifiable_form_and_passes_nothing_in_the_papers() -> None:
    assert torch.equal(scaled(igam(IgamSettings(form="identifiable")), 0.0, 0.0), MAPS)
    assert not scaled(igam(IgamSettings(form="literal")), 0.0, 1.0).any()


def test_inside_scales_what_goes_into_the_sigmoids() -> None:
    module = igam(IgamSettings(form="inside"))
    channel, spatial = module.channel(MAPS), module.spatial(MAPS)
    wanted = torch.sigmoid(3 * channel) * torch.sigmoid(0.5 * spatial) * MAPS
    torch.testing.assert_close(scaled(module, 3.0, 0.5), wanted.detach())


def test_without_its_sigmoid_mc_is_unbounded() -> None:
    bounded, free = (
        igam(IgamSettings(channel_sigmoid=each)).attention(MAPS)[0] for each in (True, False)
    )
    assert bounded.min() > 0
    assert bounded.max() < 1
    torch.testing.assert_close(torch.sigmoid(free), bounded)
    assert free.max() > 1


def test_tokens_say_what_is_joined_with_what() -> None:
    """Moving places about moves what is added alike: a set has no order, and neither channels."""
    places = igam(IgamSettings(tokens="places")).channel
    channels = igam(IgamSettings(tokens="channels")).channel
    added_to_places, added_to_channels = places(MAPS) - MAPS, channels(MAPS) - MAPS
    assert (added_to_places.flatten(2).std(dim=2) < 1e-6).all()  # the same to every place
    assert (added_to_channels.std(dim=1) < 1e-6).all()  # the same to every channel
    assert added_to_places.std(dim=1).min() > 1e-3
    assert added_to_channels.flatten(2).std(dim=2).min() > 1e-3


@pytest.mark.parametrize("shape", [(1, 16, 1, 1), (1, 16, 3, 40)])
def test_maps_of_any_size_are_heard(shape: tuple[int, ...]) -> None:
    for tokens in ("places", "channels"):
        assert igam(IgamSettings(tokens=tokens))(noise(*shape)).shape == shape


def test_gc_begins_by_adding_nothing_and_is_smaller() -> None:
    plain, narrow = (igam(IgamSettings(bottleneck=each), n_channels=64) for each in ("plain", "gc"))
    maps = noise(2, 64, 4, 4)
    assert torch.equal(narrow.channel(maps), maps)
    assert not torch.equal(plain.channel(maps), maps)
    assert size(plain.channel) == 64 + 64 * 64 + 64
    assert size(narrow.channel) == 64 + (64 * 16 + 16) + 2 * 16 + (16 * 64 + 64)


def reached(settings: IgamSettings, n_channels: int = 32) -> Tensor:
    """Tell which inputs Ms in the middle of channel 0 depends on: channel bin frame."""
    maps = noise(1, n_channels, 15, 15).requires_grad_()
    spatial = igam(settings, n_channels).spatial(maps)
    (gradient,) = torch.autograd.grad(spatial[0, 0, 7, 7], maps)
    return gradient[0] != 0


@pytest.mark.parametrize(("kernel", "places"), [(7, 13), (3, 5)])
def test_kernel_is_how_far_ms_sees(kernel: int, places: int) -> None:
    seen = reached(IgamSettings(kernel=kernel)).any(dim=0)
    assert seen.any(dim=0).sum() == places
    assert seen.any(dim=1).sum() == places


def test_groups_make_ms_smaller_and_the_shuffle_lets_it_see_all_channels() -> None:
    whole, grouped = (SpatialSubmodule(IgamSettings(groups=each), 64) for each in (1, 4))
    assert whole.narrow.weight.numel() == 4 * grouped.narrow.weight.numel() == 64 * 16 * 49
    seen = reached(IgamSettings(groups=4), 64).flatten(1).any(dim=1)
    assert seen.all()


def test_ratio_is_how_much_narrower_ms_is_but_never_below_8_channels() -> None:
    for ratio, inside in ((2, 32), (4, 16), (16, 8)):
        assert SpatialSubmodule(IgamSettings(ratio=ratio), 64).narrow.out_channels == inside


def test_where_groups_do_not_divide_one_of_two_ways_is_taken() -> None:
    one, more = (
        SpatialSubmodule(IgamSettings(groups=4, uneven=each), 56)
        for each in ("one group", "more channels")
    )
    assert (one.narrow.out_channels, one.narrow.groups) == (14, 1)
    assert (more.narrow.out_channels, more.narrow.groups) == (16, 4)


def test_spatial_bias_lets_ms_begin_near_1() -> None:
    begun = Igam(IgamSettings(spatial_bias=2.0), 16).eval()
    begun.spatial.widen_norm.weight.data.zero_()
    _, spatial = begun.attention(MAPS)
    torch.testing.assert_close(spatial, torch.full_like(MAPS, 0.8807971))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SettingError, match="must be odd, but 4"):
        Igam(IgamSettings(kernel=4), 16)
    with pytest.raises(SettingError, match=r"must divide the channels \(16\), but 3"):
        Igam(replace(IgamSettings(), groups=3), 16)
