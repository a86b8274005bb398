"""EAViT: a vision transformer whose attention asks a memory in place of the other tokens.

    x ─ linear to 4 width ─ heads ─ linear to S slots ─ softmax over tokens ─ / sum over slots ─►
      ─ linear from S slots ─ joined ─ linear to width ─►

Each token's weights over the slots add up to 1 (the second normalisation), after each slot's
weights over the tokens did (the first). The memory is the same for every sound, and the cost grows
with the tokens, not with their square.

An adaptation: what is printed of EAViT names the mechanism and the 3 s mel images of GTZAN, but no
code and no figures of size. Here patches of 16×16, 384 numbers a token, 6 layers, 6 heads and a
class token stand in the tone of ViT-S, normalised before each part; the two memories are shared by
the heads of a layer as in Guo's reading of the multi-head form; and places are a vector for the row
plus one for the column, so that clips may have any length.

References: A. Iqbal et al., "EAViT: External Attention Vision Transformer for Audio
Classification", APSIPA 2024 (arXiv 2408.13201); M.-H. Guo, Z.-N. Liu, T.-J. Mu and S.-M. Hu,
"Beyond self-attention: external attention using two linear layers for visual tasks", TPAMI 2022
(arXiv 2105.02358).
"""

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.rivals.encoder import ClassToken, EncoderLayer, Places
from sonoscope.models.clip.rivals.patches import Patches

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]

_WIDER = 4  # how many times wider attention is inside, and how many times more heads it has there
_SMALLEST_SUM = 1e-9  # softmax may leave a token nothing in any slot


@dataclass(config=STRICT)
class EavitSettings:
    """How an EAViT is built.

    Attributes
    ----------
    patch
        Bins and frames in a patch.
    width, layers, heads, inner
        Numbers a token; layers; heads of attention (before there are four times as many); width
        between the linear layers.
    slots
        Places in the memory of all heads of `heads` together (256 in the multi-head form).
    dropout
        Share dropped in training.
    longest_frames
        Frames of the longest map that it can take.
    """

    patch: Count = 16
    width: Count = 384
    layers: Count = 6
    heads: Count = 6
    inner: Count = 1536
    slots: Count = 256
    dropout: Share = 0.1
    longest_frames: Count = 1024


class ExternalAttention(nn.Module):
    """Multi-head external attention.

    Raises
    ------
    SettingError
        If the heads do not divide the width, or four the slots.
    """

    def __init__(self, width: int, n_heads: int, n_slots: int) -> None:
        super().__init__()
        if width % n_heads:
            raise SettingError(f"heads must divide the width ({width}), but {n_heads} were given")
        if n_slots % _WIDER:
            raise SettingError(f"slots must be a multiple of {_WIDER}, but {n_slots} were given")
        self.n_heads = _WIDER * n_heads
        self.to_heads = nn.Linear(width, _WIDER * width)
        # a bias would be the same for all tokens, and their softmax would not notice it
        self.keys = nn.Linear(width // n_heads, n_slots // _WIDER, bias=False)
        self.values = nn.Linear(n_slots // _WIDER, width // n_heads)
        self.from_heads = nn.Linear(_WIDER * width, width)

    def forward(
        self, tokens: Float[Tensor, "batch token width"]
    ) -> Float[Tensor, "batch token width"]:
        """Ask the memory."""
        found: Tensor = self.values(self.weights(tokens))
        joined: Tensor = self.from_heads(found.transpose(1, 2).flatten(2))
        return joined

    def weights(
        self, tokens: Float[Tensor, "batch token width"]
    ) -> Float[Tensor, "batch head token slot"]:
        """Tell how much each token takes from each slot: over the slots they add up to 1."""
        heads: Tensor = self.to_heads(tokens)
        heads = heads.reshape(*tokens.shape[:2], self.n_heads, -1).transpose(1, 2)
        asked: Tensor = self.keys(heads).softmax(dim=2)
        return asked / asked.sum(dim=3, keepdim=True).clamp(min=_SMALLEST_SUM)


class Eavit(nn.Module):
    """The network, from maps to logits."""

    def __init__(
        self, settings: EavitSettings, n_channels: int, n_bins: int, n_labels: int
    ) -> None:
        super().__init__()
        width, patch = settings.width, settings.patch
        self.patches = Patches(n_channels, width, patch)
        self.columns = Places(-(-settings.longest_frames // patch), width)
        self.rows = Places(-(-n_bins // patch), width)
        self.class_token = ClassToken(width)
        self.dropout = nn.Dropout(settings.dropout)
        self.layers = nn.Sequential(
            *(
                EncoderLayer(
                    ExternalAttention(width, settings.heads, settings.slots),
                    width,
                    settings.inner,
                    settings.dropout,
                )
                for _ in range(settings.layers)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, n_labels)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Tell how likely each label is, as logits.

        Raises
        ------
        InputError
            If the maps are longer than `longest_frames`.
        """
        patches: Tensor = self.columns(self.patches(maps))
        tokens = self.rows(patches.transpose(1, 2)).flatten(1, 2)
        tokens = self.layers(self.dropout(self.class_token(tokens)))
        logits: Tensor = self.answer(self.norm(tokens[:, 0]))
        return logits
