"""AudioFormer: sound as a text of codes, read by a transformer that first learnt to fill gaps.

    maps ─ 4 frames a token ─ codes of 4 books ─ sum of their embeddings ─ places ─ class token
         ─ 6 transformer layers ─ LN ─┬─ class token ─ linear ─────────► logits
                                      ├─ class token ─ linear ─ length 1 ─► contrastive learning
                                      └─ each token ─ linear ────────────► hidden codes

It learns in three steps. `learn_codes` finds the books, from maps of the training alone. Then
`gap_loss` hides a share of the tokens and asks for their codes: no labels are needed. Then
`fine_tuning_loss` tells several views of each clip, drawn near its own codes, and adds to their
cross-entropy a supervised contrastive loss, for which all views of all clips of a label are alike.
`own_loss` is these two, one after the other. It also learns by cross-entropy alone, as any network
here.

An adaptation. AudioFormer takes its codes from a published neural codec, learns from two million
clips of AudioSet, and its network is that of a language model; its repository could not be had.
From it come codes as text, filling gaps, and several code sets of one clip as positives. Ours are
the books (k-means on normalised log-mels, so that no foreign weights are needed), the size, that a
gap hides the codes of all books, and how views are drawn.

References: Z. Li, H. Wang and X. Jiang, "AudioFormer: Audio Transformer learns audio feature
representations from discrete acoustic codes", arXiv 2308.07221, 2023; J. Devlin et al., "BERT",
NAACL 2019; P. Khosla et al., "Supervised contrastive learning", NeurIPS 2020, eq. 2.
"""

from collections.abc import Iterable
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, pad

from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.rivals.codes import ResidualQuantiser
from sonoscope.models.clip.rivals.encoder import ClassToken, EncoderLayer, Places
from sonoscope.models.rivals.self_attention import SelfAttention

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]

_CONTRASTED = 128  # numbers that tell clips apart in contrastive learning


@dataclass(config=STRICT)
class AudioFormerSettings:
    """How an AudioFormer is built, and how it learns.

    Attributes
    ----------
    frames_per_token
        Frames of the maps that are told by one token.
    books, codes
        How many codes tell a token, and out of how many each is chosen.
    width, layers, heads, inner
        Of the transformer: numbers a token, layers, heads of attention, and the width between
        its linear layers.
    dropout
        Share dropped in training.
    longest_tokens
        Tokens of the longest clip that it can take.
    pretraining
        Share of a training by its own losses in which it fills gaps, before it learns labels.
    hidden
        Share of the tokens that are hidden to be guessed.
    views
        In how many ways each clip is told while it is fine-tuned.
    view_temperature
        How freely those are drawn (see `ResidualQuantiser`).
    contrast, contrast_temperature
        Weight of the contrastive loss beside the cross-entropy, and its temperature.
    """

    frames_per_token: Count = 4
    books: Count = 4
    codes: Annotated[int, Field(ge=2)] = 256
    width: Count = 256
    layers: Count = 6
    heads: Count = 4
    inner: Count = 1024
    dropout: Share = 0.1
    longest_tokens: Count = 512
    pretraining: Share = 0.3
    hidden: Annotated[float, Field(gt=0, lt=1)] = 0.15
    views: Annotated[int, Field(ge=2)] = 2
    view_temperature: Positive = 0.1
    contrast: Annotated[float, Field(ge=0)] = 0.5
    contrast_temperature: Positive = 0.1


class AudioFormer(nn.Module):
    """The network, from maps to logits.

    Raises
    ------
    SettingError
        If the heads do not divide the width.
    """

    def __init__(
        self, settings: AudioFormerSettings, n_channels: int, n_bins: int, n_labels: int
    ) -> None:
        super().__init__()
        width = settings.width
        self.settings = settings
        n_features = n_channels * n_bins * settings.frames_per_token
        self.quantiser = ResidualQuantiser(settings.books, settings.codes, n_features)
        self.embeddings = nn.ModuleList(
            nn.Embedding(settings.codes, width) for _ in range(settings.books)
        )
        for embedding in self.embeddings:
            assert isinstance(embedding, nn.Embedding)
            nn.init.normal_(embedding.weight, std=0.02)
        self.gap = nn.Parameter(0.02 * torch.randn(width))
        self.places = Places(settings.longest_tokens, width)
        self.class_token = ClassToken(width)
        self.dropout = nn.Dropout(settings.dropout)
        self.layers = nn.Sequential(
            *(
                EncoderLayer(
                    SelfAttention(width, settings.heads, settings.dropout),
                    width,
                    settings.inner,
                    settings.dropout,
                )
                for _ in range(settings.layers)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, n_labels)
        self.contrasted = nn.Linear(width, _CONTRASTED)
        self.guess = nn.Linear(width, settings.books * settings.codes)

    def forward(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch label"]:
        """Tell how likely each label is, as logits.

        Raises
        ------
        InputError
            If the maps make more than `longest_tokens` tokens.
        """
        read = self._read(self._embedded(self.quantiser(self._vectors(maps))))
        logits: Tensor = self.answer(read[:, 0])
        return logits

    @torch.no_grad()
    def learn_codes(
        self,
        batches: Iterable[Float[Tensor, "batch channel bin frame"]],
        generator: torch.Generator,
        rounds: int = 20,
    ) -> None:
        """Find the books from maps of the training; all of their tokens are held at once.

        Raises
        ------
        InputError
            If the maps hold fewer tokens than a book has codes.
        """
        vectors = torch.cat([self._vectors(maps).flatten(0, 1) for maps in batches])
        self.quantiser.learn(vectors, generator, rounds)

    def own_loss(
        self,
        maps: Float[Tensor, "batch channel bin frame"],
        target: Float[Tensor, "batch label"],
        done: float,
    ) -> Float[Tensor, ""]:
        """Give what is asked for once a share of the training is done: first gaps, then labels."""
        if done < self.settings.pretraining:
            return self.gap_loss(maps)
        return self.fine_tuning_loss(maps, target)

    def gap_loss(
        self,
        maps: Float[Tensor, "batch channel bin frame"],
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, ""]:
        """Hide tokens and ask for their codes: mean cross-entropy in nats a code.

        Without a generator torch's own on the CPU draws what is hidden.
        """
        codes = self.quantiser(self._vectors(maps))
        hidden = torch.rand(codes.shape[:2], generator=generator) < self.settings.hidden
        hidden[:, 0] |= ~hidden.any(dim=1)  # of each clip something is asked
        hidden = hidden.to(codes.device)
        return self._guess_loss(codes, hidden)

    def fine_tuning_loss(
        self,
        maps: Float[Tensor, "batch channel bin frame"],
        target: Float[Tensor, "batch label"],
    ) -> Float[Tensor, ""]:
        """Name several views of each clip, and bring those of a label together.

        Targets are shares of labels; in contrast to others, a clip is of the label that has most,
        and clips of which all labels have as much are of one more.
        """
        n_views = self.settings.views
        vectors = self._vectors(maps).repeat(n_views, 1, 1)
        codes = self.quantiser(vectors, self.settings.view_temperature)
        read = self._read(self._embedded(codes))[:, 0]
        every = target.repeat(n_views, 1)
        named = cross_entropy(self.answer(read).float(), every)
        is_of_one = every.amax(dim=1) > every.amin(dim=1)
        label = torch.where(is_of_one, every.argmax(dim=1), every.shape[1])
        alike = supervised_contrast(
            self.contrasted(read), label, self.settings.contrast_temperature
        )
        return named + self.settings.contrast * alike

    def _guess_loss(
        self, codes: Int[Tensor, "batch token book"], hidden: Bool[Tensor, "batch token"]
    ) -> Float[Tensor, ""]:
        tokens = torch.where(hidden[..., None], self.gap, self._embedded(codes))
        read = self._read(tokens)[:, 1:][hidden]
        guessed: Tensor = self.guess(read)
        each = guessed.float().reshape(-1, self.settings.codes)
        return cross_entropy(each, codes[hidden].flatten())

    def _vectors(
        self, maps: Float[Tensor, "batch channel bin frame"]
    ) -> Float[Tensor, "batch token feature"]:
        """Lay the frames of a token side by side; the last are filled up with zeros."""
        size = self.settings.frames_per_token
        filled = pad(maps, (0, -maps.shape[3] % size))
        cut = filled.reshape(*maps.shape[:3], -1, size)
        return cut.permute(0, 3, 1, 2, 4).flatten(2)

    def _embedded(
        self, codes: Int[Tensor, "batch token book"]
    ) -> Float[Tensor, "batch token width"]:
        parts = [embed(codes[..., i]) for i, embed in enumerate(self.embeddings)]
        return torch.stack(parts).sum(dim=0)

    def _read(self, tokens: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch _ width"]:
        """Read tokens in their order; the class token comes first."""
        placed = self.class_token(self.places(tokens))
        read: Tensor = self.norm(self.layers(self.dropout(placed)))
        return read


def supervised_contrast(
    features: Float[Tensor, "example feature"],
    labels: Int[Tensor, " example"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Ask of each example which others have its label (Khosla's eq. 2, mean over examples).

    Least where examples of a label lie in one direction and others elsewhere. Examples that are
    alone with their label are not asked.
    """
    with torch.autocast(features.device.type, enabled=False):  # half precision hides what is near
        near = normalize(features.float(), dim=1)
        likeness = near @ near.T / temperature
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    likeness = likeness.masked_fill(itself, -torch.inf)
    share = likeness.log_softmax(dim=1).masked_fill(itself, 0.0)
    alike = (labels[:, None] == labels) & ~itself
    n_alike = alike.sum(dim=1)
    asked = -(share * alike).sum(dim=1) / n_alike.clamp(min=1)
    return asked.sum() / (n_alike > 0).sum().clamp(min=1)
