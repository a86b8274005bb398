"""What a network attended to in a clip: IGAM's maps of every block, and the masks."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sonoscope.models.clip.igam import Igam
from sonoscope.models.clip.mask_branch import MaskBranch


@dataclass(frozen=True, slots=True)
class Attention:
    """Maps by the name of the module that made them, in the order in which they were made.

    Attributes
    ----------
    channel, spatial
        IGAM's Mc and Ms, `batch channel bin frame`.
    mask
        M of the mask branches, `batch channel bin frame`.
    """

    channel: dict[str, Tensor] = field(default_factory=dict)
    spatial: dict[str, Tensor] = field(default_factory=dict)
    mask: dict[str, Tensor] = field(default_factory=dict)


@torch.no_grad()
def attention_in(network: nn.Module, *clips: Float[Tensor, "batch ..."]) -> Attention:
    """Let a network name clips, and give what it attended to.

    A network without IGAM and masks attends to nothing. It listens as in `eval` mode, and is left
    in the mode in which it was.
    """
    attention = Attention()
    modes = [(module, module.training) for module in network.modules()]
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, Igam):
            hooks.append(module.register_forward_pre_hook(_keep_weights(attention, name)))
        if isinstance(module, MaskBranch):
            hooks.append(module.register_forward_hook(_keep_mask(attention, name)))
    try:
        network.eval()(*clips)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return attention


def _keep_weights(
    attention: Attention, name: str
) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(module, Igam)
        attention.channel[name], attention.spatial[name] = module.attention(*inputs)

    return keep


def _keep_mask(
    attention: Attention, name: str
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def keep(module: nn.Module, inputs: tuple[Tensor, ...], mask: Tensor) -> None:
        del module, inputs
        attention.mask[name] = mask

    return keep
