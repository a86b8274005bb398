"""Cao's two stages: a CRNN learns what sounds, and one begun with its convolutions learns where.

    stage "detection":    features ──► CRNN10 ──► activity (direction too, where its loss counts)

    stage "direction":    features ─┬► CRNN10, as it was trained, held ──► activity
                                    └► CRNN10, begun with those convolutions ──► direction

Both are trainings of their own, with a recipe each; the second begins with the first's checkpoint
(`--init`), takes its convolutions over, and draws recurrent layer and heads anew. Its network holds
both stages, and is the one to be listened with: what it says of directions is read where the first
stage says that a label sounds (the published threshold is 0.3). The published direction loss,
"angles_mae", counts where the reference sounds.

A first stage that is trained with both losses is the joint network that the authors compare with.

Reference: Y. Cao, Q. Kong, T. Iqbal, F. An, W. Wang and M. D. Plumbley, "Polyphonic Sound Event
Detection and Localization using a Two-Stage Strategy", DCASE Workshop 2019. Theirs gives no answer
where the sound does not fill the last pooled frame (160 ms).
"""

from collections.abc import Mapping
from typing import Annotated, Literal, assert_never

from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.recipe import STRICT
from sonoscope.models.crnn import Count
from sonoscope.models.output import Output
from sonoscope.models.recurrent import two_way
from sonoscope.models.rivals.angle_heads import AngleHeads
from sonoscope.models.rivals.convolutions import Answering, check_bins, double_convolution

Stage = Literal["detection", "direction"]


@dataclass(config=STRICT)
class TwoStageSettings:
    """How a stage is built; the defaults are the published CRNN10.

    Attributes
    ----------
    stage
        Which of the two is trained.
    filters
        Channels of each double convolution; each is followed by a 2×2 average pool.
    recurrent_units
        Width of each direction of the GRU.
    frames_per_answer
        Feature frames in a label frame: 2 of 10 ms for labels of 20 ms.
    """

    stage: Stage = "detection"
    filters: Annotated[tuple[Count, ...], Field(min_length=1)] = (64, 128, 256, 512)
    recurrent_units: Count = 256
    frames_per_answer: Annotated[float, Field(gt=0)] = 2.0


class Crnn10(nn.Module):
    """One stage: from features to answers.

    Raises
    ------
    SettingError
        If the pools leave no bin.
    """

    def __init__(
        self, settings: TwoStageSettings, n_channels: int, n_bins: int, n_labels: int
    ) -> None:
        super().__init__()
        pool = 2 ** len(settings.filters)
        check_bins(n_bins, pool)
        layers: list[nn.Module] = []
        for n_inputs, n_filters in zip(
            (n_channels, *settings.filters), settings.filters, strict=False
        ):
            layers += [double_convolution(n_inputs, n_filters), nn.AvgPool2d(2)]
        self.convolutions = nn.Sequential(*layers)
        self.answering = Answering(pool, settings.frames_per_answer)
        width = settings.recurrent_units
        self.recurrent = nn.GRU(settings.filters[-1], width, batch_first=True, bidirectional=True)
        self.heads = AngleHeads(2 * width, n_labels)

    def forward(self, features: Float[Tensor, "batch channel frame bin"]) -> Output:
        """Answer floor(frame / frames_per_answer) label frames."""
        maps: Tensor = self.convolutions(self.answering.filled_up(features))
        sequence = two_way(self.recurrent, maps.mean(dim=3).transpose(1, 2))
        pooled: Output = self.heads(sequence)
        return pooled.each(lambda part: self.answering(part, features.shape[2]))


class TwoStage(nn.Module):
    """Both stages: the first as it was trained, the second to be trained."""

    def __init__(
        self, settings: TwoStageSettings, n_channels: int, n_bins: int, n_labels: int
    ) -> None:
        super().__init__()
        self.detection = Crnn10(settings, n_channels, n_bins, n_labels)
        self.detection.requires_grad_(requires_grad=False)
        self.direction = Crnn10(settings, n_channels, n_bins, n_labels)
        self.direction.heads.activity.requires_grad_(requires_grad=False)  # nobody hears it
        self.train()

    def forward(self, features: Float[Tensor, "batch channel frame bin"]) -> Output:
        """Answer what the first stage hears, and from where the second does."""
        heard: Output = self.detection(features)
        located: Output = self.direction(features)
        return located._replace(activity=heard.activity)

    def train(self, mode: bool = True) -> "TwoStage":  # noqa: FBT001, FBT002 (torch's signature)
        """Learn or listen; the first stage only listens."""
        super().train(mode)
        self.detection.eval()
        return self

    def grown_from(self, first: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give the weights with which a training goes on from those of a first stage."""
        own = {f"direction.{name}": value for name, value in self.direction.state_dict().items()}
        taken = {
            f"direction.{name}": value
            for name, value in first.items()
            if name.startswith("convolutions.")
        }
        return {f"detection.{name}": value for name, value in first.items()} | own | taken


def two_stage(settings: TwoStageSettings, n_channels: int, n_bins: int, n_labels: int) -> nn.Module:
    """Build the network of a stage."""
    match settings.stage:
        case "detection":
            return Crnn10(settings, n_channels, n_bins, n_labels)
        case "direction":
            return TwoStage(settings, n_channels, n_bins, n_labels)
        case _:
            assert_never(settings.stage)
