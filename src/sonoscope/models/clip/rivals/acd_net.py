"""ACDNet: from raw sound, first by convolutions in time, then by those of an image.

    sound ─ conv 9 /2 (8) ─ conv 5 /2 (64) ─ max, 10 ms a frame ─► 64 channels become 64 rows
          ─ conv 3×3 (32) ─ max 2×2 ─ (conv 3×3 ×2 ─ max 2×2) (64, 128, 256, 512) ─ dropout
          ─ conv 1×1 (a map a label) ─ mean ─ linear ─► logits

Each convolution is normalised and rectified. As published (4.74 million weights for 50 labels, at
20 kHz and 1.51 s), but that it takes a sound of any length and of any rate that is a
multiple of 400 Hz, as its last mean is over all that is left, and that it answers with logits.

Reference: M. Mohaimenuzzaman, C. Bergmeir, I. West and B. Meyer, "Environmental sound
classification on the edge: a pipeline for deep acoustic networks on extremely resource-constrained
devices", Pattern Recognition 133, 2023.
"""

from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import STRICT

Count = Annotated[int, Field(ge=1)]

_FRAMES_A_SECOND = 100
_DROPPED = 0.2
_POOLED = 32  # frames of 10 ms that the pools make one of


@dataclass(config=STRICT)
class AcdNetSettings:
    """How an ACDNet is built; the defaults are the published one.

    Attributes
    ----------
    width
        Channels of the first convolution, from which all others follow.
    """

    width: Count = 8


class AcdNet(nn.Module):
    """The network, from raw sound to logits.

    Raises
    ------
    SettingError
        If 10 ms are not a whole number of fours of samples.
    """

    def __init__(self, settings: AcdNetSettings, rate_hz: int, n_labels: int) -> None:
        super().__init__()
        if rate_hz % (4 * _FRAMES_A_SECOND):
            raise SettingError(
                f"rate_hz must be a multiple of {4 * _FRAMES_A_SECOND}, but {rate_hz} was given"
            )
        width = settings.width
        self.frame = rate_hz // _FRAMES_A_SECOND
        self.in_time = nn.Sequential(
            *_convolution(1, width, (1, 9), stride=(1, 2)),
            *_convolution(width, 8 * width, (1, 5), stride=(1, 2)),
            nn.MaxPool2d((1, self.frame // 4)),
        )
        layers = [*_convolution(1, 4 * width, (3, 3)), nn.MaxPool2d(2)]
        n_inputs = 4 * width
        for n_filters in (8 * width, 16 * width, 32 * width, 64 * width):
            layers += _convolution(n_inputs, n_filters, (3, 3))
            layers += [*_convolution(n_filters, n_filters, (3, 3)), nn.MaxPool2d(2)]
            n_inputs = n_filters
        self.in_image = nn.Sequential(
            *layers, nn.Dropout(_DROPPED), *_convolution(n_inputs, n_labels, (1, 1))
        )
        self.answer = nn.Linear(n_labels, n_labels)
        nn.init.kaiming_normal_(self.answer.weight, nonlinearity="sigmoid")

    def forward(self, sound: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch label"]:
        """Tell how likely each label is, as logits.

        Raises
        ------
        InputError
            If the sound is so short that the pools leave nothing.
        """
        shortest = (_POOLED + 1) * self.frame
        if sound.shape[1] < shortest:
            raise InputError(
                f"sound must have at least {shortest} samples, but {sound.shape[1]} were given"
            )
        rows: Tensor = self.in_time(sound[:, None, None]).transpose(1, 2)
        maps: Tensor = self.in_image(rows)
        logits: Tensor = self.answer(maps.mean(dim=(2, 3)))
        return logits


def _convolution(
    n_inputs: int, n_filters: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)
) -> list[nn.Module]:
    """Make one that keeps an image's size, or, in time, that leaves what it cannot fill."""
    in_time = kernel[0] == 1
    padding = 0 if in_time else kernel[0] // 2
    convolution = nn.Conv2d(n_inputs, n_filters, kernel, stride, padding, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return [convolution, nn.BatchNorm2d(n_filters), nn.ReLU()]
