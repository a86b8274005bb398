"""Whole recordings heard by a network that was trained on windows, and counted against the truth.

A recording is cut into windows as long as those of the training, one after the other, the last one
filled up with silence: attention over a window's mean and recurrent layers then meet what they have
learnt from. As published, a label sounds where its probability exceeds a threshold, and its
direction is the network's, frame by frame; nothing is smoothed.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import nn

from sonoscope.core.direction import angles
from sonoscope.core.errors import SettingError
from sonoscope.core.event import Event
from sonoscope.core.frame_table import FrameTable
from sonoscope.metrics.dcase2019 import Counts, count
from sonoscope.metrics.scored_run import Reading
from sonoscope.models.output import Answer, Output

FRAMES_PER_S = 50
_GRID_DEG = 10


class HeardFrames(NamedTuple):
    """What sounds in each frame of a recording, and where."""

    active: Bool[ndarray, "frame label"]
    direction: Float[ndarray, "frame label 3"]


@torch.no_grad()
def hear(
    network: nn.Module,
    sound: Float[ndarray, "4 sample"],
    window: int,
    hop: int,
    threshold: float = 0.5,
    at_once: int = 8,
) -> HeardFrames:
    """Hear a recording.

    Parameters
    ----------
    network
        Ready to answer (`eval`), one frame of labels every `hop` samples.
    sound
        At the network's rate.
    window, hop
        Samples in a window and in a frame of labels.
    threshold
        The probability above which a label sounds.
    at_once
        Windows in a batch.

    Raises
    ------
    SettingError
        If the network does not answer class-wise.
    """
    n_samples = sound.shape[1]
    n_windows = max(1, -(-n_samples // window))
    filled = np.zeros((4, n_windows * window), np.float32)
    filled[:, :n_samples] = sound
    device = next(network.parameters()).device
    windows = torch.from_numpy(filled).reshape(4, n_windows, window).transpose(0, 1)
    parts = (windows[i : i + at_once] for i in range(0, n_windows, at_once))
    outputs = [_classwise(network(part.to(device))) for part in parts]
    n_frames = -(-n_samples // hop)
    likely = torch.cat([torch.sigmoid(output.activity.float()) for output in outputs])
    towards = torch.cat([output.direction.float() for output in outputs])
    return HeardFrames(
        (likely.flatten(0, 1)[:n_frames] > threshold).cpu().numpy(),
        towards.flatten(0, 1)[:n_frames].cpu().numpy(),
    )


def _classwise(answer: Answer) -> Output:
    if not isinstance(answer, Output):
        raise SettingError(f"the network must answer class-wise, but gave {type(answer).__name__}")
    return answer


def table(heard: HeardFrames, labels: Sequence[str]) -> FrameTable:
    """Lay out what was heard as rows of frames."""
    frame, label = np.nonzero(heard.active)
    azimuth, elevation = angles(heard.direction[frame, label].astype(np.float64))
    return FrameTable(FRAMES_PER_S, tuple(labels), frame, label, azimuth, elevation)


def readings(
    truth: Sequence[Event], heard: FrameTable, duration_s: float
) -> Mapping[Reading, Counts]:
    """Count a recording in every way."""
    return {
        "rounded": count(truth, rounded(heard), "official"),
        "as-is": count(truth, heard, "official"),
        "strict": count(truth, heard, "strict", duration_s=duration_s),
    }


def rounded(heard: FrameTable) -> FrameTable:
    """Move directions to the nearest point of the set's grid of 10 degrees; +180 is -180."""
    azimuth = _to_grid(heard.azimuth)
    azimuth = np.where(azimuth >= 180, azimuth - 360, azimuth)
    return FrameTable(
        heard.frames_per_s,
        heard.labels,
        heard.frame,
        heard.label,
        np.deg2rad(azimuth.astype(np.float64)),
        np.deg2rad(_to_grid(heard.elevation).astype(np.float64)),
    )


def _to_grid(angle: Float[ndarray, " row"]) -> Int[ndarray, " row"]:
    return np.asarray(np.rint(np.rad2deg(angle) / _GRID_DEG).astype(int) * _GRID_DEG)
