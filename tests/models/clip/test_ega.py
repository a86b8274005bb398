"""EGA is as large and as dear as its specification says, and each switch changes what it says."""

from dataclasses import replace

import pytest
import torch
from tests.models.listening import lived_in, noise, size
from torch.utils.flop_counter import FlopCounterMode

from sonoscope.core.recipe import from_table
from sonoscope.models.clip.build import (
    EgaNetwork,
    PrpdMapSettings,
    TwoStreamEgaNetwork,
    build_clip_network,
    heard_by,
)
from sonoscope.models.clip.efficientnet import MBConv, SqueezeExcitation
from sonoscope.models.clip.ega import Ega, EgaSettings, Fuse, Fusion, TwoStreamEga
from sonoscope.models.clip.explain import attention_in
from sonoscope.models.clip.igam import Igam, IgamSettings
from sonoscope.models.clip.log_mel import LogMelSettings
from sonoscope.models.clip.mask_branch import MaskBranch, MaskSettings

NO_IGAM, NO_MASK = IgamSettings(place="none"), MaskSettings(reading="none")
STACKED = MaskSettings(reading="stacked")
FOUR_GROUPS = IgamSettings(groups=4)
BASELINE = EgaSettings(igam=NO_IGAM, mask=NO_MASK)
SMALL = EgaSettings(width=0.25, depth=0.1, survival=1.0)
"""One block a stage."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "millions", "gmac"),
    [
        (BASELINE, "4.88", "0.80"),
        (replace(BASELINE, se=True), "5.92", "0.80"),
        (replace(BASELINE, mask=MaskSettings()), "5.51", "0.88"),
        (replace(BASELINE, mask=STACKED), "5.28", "0.83"),
        (EgaSettings(mask=NO_MASK), "14.9", "2.13"),
        (EgaSettings(), "15.5", "2.21"),
        (EgaSettings(igam=FOUR_GROUPS), "8.3", "1.21"),
        (EgaSettings(width=0.5, igam=FOUR_GROUPS, mask=STACKED), "2.4", "0.39"),
        (EgaSettings(igam=IgamSettings(place="exp"), mask=NO_MASK), "318", "30.3"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_sizes_and_multiply_adds_are_the_specified_ones(
    settings: EgaSettings, millions: str, gmac: str
) -> None:
    with torch.device("meta"):
        network = Ega(settings, n_channels=1, n_bins=128, n_labels=50).eval()
        maps = torch.zeros(1, 1, 128, 431)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(maps)

    def printed(value: float, like: str) -> str:
        return f"{value:.{len(like.partition('.')[2])}f}"

    assert printed(size(network) / 1e6, millions) == millions
    assert printed(counter.get_total_flops() / 2e9, gmac) == gmac


def ega(settings: EgaSettings, n_channels: int = 1, n_bins: int = 64, n_labels: int = 5) -> Ega:
    torch.manual_seed(0)
    return lived_in(Ega(settings, n_channels, n_bins, n_labels))


def count(network: torch.nn.Module, kind: type[torch.nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in network.modules())


def test_width_and_depth_scale_the_whole_network() -> None:
    half = ega(replace(SMALL, width=0.5, depth=0.5))
    assert half.trunk.widths == [8, 16, 24, 48, 56, 96]
    assert count(half, MBConv) == 1 + 1 + 1 + 2 + 3 + 4
    assert half.head.n_features == 640
    small = ega(replace(SMALL, size="s", width=0.25, depth=0.05))
    assert small.trunk.widths == [8, 16, 16, 32, 40, 64]


def test_initial_residual_unit_can_be_left_out() -> None:
    whole, stem = ega(SMALL), ega(replace(SMALL, initial="stem"))
    assert size(whole) - size(stem) == size(whole.initial[1]) > 0


def test_igam_stands_at_the_output_or_where_se_does() -> None:
    for place in ("out", "exp"):
        network = ega(replace(SMALL, se=True, igam=IgamSettings(place=place)))
        block = network.trunk.stages[-1][0]  # type: ignore[index]
        kinds = [type(layer).__name__ for layer in block.layers]
        se = kinds.index("SqueezeExcitation")
        assert kinds.index("Igam") == (len(kinds) - 1 if place == "out" else se + 1)
        assert count(network, Igam) == count(network, MBConv) == 6


def test_igam_and_se_can_be_left_out() -> None:
    assert count(ega(replace(SMALL, igam=NO_IGAM)), Igam) == 0
    assert count(ega(SMALL), SqueezeExcitation) == 0
    assert count(ega(replace(SMALL, se=True)), SqueezeExcitation) == 3  # fused blocks have none


@pytest.mark.parametrize(("reading", "masks"), [("none", 0), ("single", 1), ("stacked", 3)])
def test_readings_have_their_number_of_masks(reading: str, masks: int) -> None:
    settings = from_table({"reading": reading}, MaskSettings, where="t")
    assert count(ega(replace(SMALL, mask=settings)), MaskBranch) == masks


def say(network: Ega, logit: float) -> None:
    """Let every mask say one number everywhere."""
    for mask in network.masks.values():
        assert isinstance(mask, MaskBranch)
        last = mask.gate[-1]
        assert isinstance(last, torch.nn.Conv2d)
        torch.nn.init.zeros_(last.weight)
        assert last.bias is not None
        torch.nn.init.constant_(last.bias, logit)


@pytest.mark.parametrize(("fusion", "closed", "opened"), [("(1+M)T", 1, 2), ("MT", 0, 1)])
def test_a_closed_and_an_open_mask_pass_what_their_fusion_says(
    fusion: Fusion, closed: int, opened: int
) -> None:
    network, maps = ega(replace(SMALL, fusion=fusion)), noise(1, 1, 64, 96)
    trunk = network.trunk(network.initial(maps))
    for logit, share in ((-200.0, closed), (200.0, opened)):
        say(network, logit)
        torch.testing.assert_close(network.gated(maps), share * trunk)


def test_stacked_masks_that_are_closed_leave_the_main_branch_alone() -> None:
    network, maps = ega(replace(SMALL, mask=STACKED)), noise(1, 1, 64, 96)
    say(network, -200.0)
    torch.testing.assert_close(network.gated(maps), network.trunk(network.initial(maps)))


def test_the_third_fusion_adds_what_both_branches_begin_with() -> None:
    torch.manual_seed(0)
    fuse = lived_in(Fuse("T+MT+x", 4, 8))
    main, mask, begun_with = noise(1, 8, 3, 5), torch.rand(1, 8, 3, 5), noise(1, 4, 13, 19)
    added = fuse(main, mask, begun_with) - (1 + mask) * main
    fewer = torch.nn.functional.adaptive_avg_pool2d(begun_with, (3, 5))
    torch.testing.assert_close(added, fuse.project(fewer))
    assert added.abs().max() > 0.1


VARIANTS = {
    "default": SMALL,
    "se": replace(SMALL, se=True),
    "exp": replace(SMALL, igam=IgamSettings(place="exp", ratio=16, groups=8)),
    "stacked": replace(SMALL, mask=STACKED, fusion="T+MT+x"),
    "x": replace(SMALL, fusion="T+MT+x"),
    "channels": replace(SMALL, igam=IgamSettings(tokens="channels", form="inside")),
    "gc": replace(SMALL, igam=IgamSettings(bottleneck="gc", form="identifiable", kernel=3)),
    "no sigmoid": replace(SMALL, igam=IgamSettings(channel_sigmoid=False)),
    "baseline": replace(SMALL, igam=NO_IGAM, mask=NO_MASK, initial="stem"),
    "strides": replace(SMALL, strides=((1, 2), (2, 2), (2, 2), (1, 2), (2, 1))),
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_maps_of_odd_sizes_are_heard_and_gradients_reach_every_weight(
    settings: EgaSettings,
) -> None:
    network = ega(settings, n_channels=2, n_bins=67).train()
    for module in network.modules():
        if isinstance(module, torch.nn.Linear):
            module.weight.data.normal_(std=0.1)  # GCNet's last layers begin as 0 and pass nothing
    logits = network(noise(3, 2, 67, 101))
    assert logits.shape == (3, 5)
    torch.autograd.backward(torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2])))
    unreached = [
        name
        for name, weight in network.named_parameters()
        if weight.grad is None or not weight.grad.any()
    ]
    assert not unreached


@pytest.mark.parametrize("shape", [(36, 32), (9, 8), (1, 1), (128, 33)])
def test_maps_however_small_are_heard(shape: tuple[int, int]) -> None:
    for settings in (VARIANTS["default"], VARIANTS["stacked"]):
        assert ega(settings, 2, shape[0])(noise(2, 2, *shape)).shape == (2, 5)


def test_stacked_masks_change_what_later_stages_see() -> None:
    network, seen = ega(replace(SMALL, mask=STACKED)), []
    network.trunk.stages[3].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for logit in (-200.0, 200.0):
        say(network, logit)
        network(noise(1, 1, 64, 96))
    torch.testing.assert_close(seen[1], 2 * seen[0])


EARS = LogMelSettings(rate_hz=8_000, n_bands=40)
PATTERN = PrpdMapSettings()


@pytest.mark.parametrize("late", ["features", "logits"])
def test_two_streams_hear_sound_and_pattern(late: str) -> None:
    table = {"maps": {"rate_hz": 8_000, "n_bands": 40}, "late": late}
    settings = replace(
        from_table({"kind": "two_stream_ega", **table}, TwoStreamEgaNetwork, where="t"),
        sound=SMALL,
        prpd=replace(SMALL, mask=NO_MASK),
    )
    torch.manual_seed(0)
    network = lived_in(build_clip_network(settings, 3))
    sound, pattern = noise(2, 8_000), noise(2, 2, 36, 32)
    both = network(sound, pattern)
    assert both.shape == (2, 3)
    assert heard_by(settings) == ("sound", "prpd")
    assert not torch.equal(network(sound, pattern.flip(0)), both)
    assert not torch.equal(network(sound.flip(0), pattern), both)
    if late == "logits":
        maps, _ = network.maps(sound, pattern)
        assert isinstance(network.body, TwoStreamEga)
        alone = network.body.sound(maps), network.body.prpd(pattern)
        torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)


def test_a_pattern_alone_is_heard_without_a_front_end() -> None:
    settings = EgaNetwork(maps=PATTERN, body=SMALL)
    assert heard_by(settings) == ("prpd",)
    assert build_clip_network(settings, 4).eval()(noise(2, 2, 36, 32)).shape == (2, 4)


def test_attention_is_given_by_name_and_leaves_the_network_as_it_was() -> None:
    settings = EgaNetwork(maps=EARS, body=replace(SMALL, mask=STACKED))
    torch.manual_seed(0)
    network = build_clip_network(settings, 4).train()
    sound = noise(2, 8_000)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    attention = attention_in(network, sound)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training
    assert len(attention.channel) == len(attention.spatial) == 6
    assert list(attention.mask) == ["body.masks.3", "body.masks.5", "body.masks.6"]
    for maps in (*attention.channel.values(), *attention.spatial.values()):
        assert maps.min() >= 0
        assert maps.max() <= 1
    assert attention.mask["body.masks.6"].shape == (2, 48, 2, 4)
    assert not attention_in(build_clip_network(replace(settings, body=BASELINE), 4), sound).channel
