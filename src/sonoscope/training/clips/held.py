"""Labelled clips in memory, 16 bits a sample, and how loud each is every tenth of a second.

Clips of any length lie end to end; of a clip that is too short for what is asked, what is missing
is silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int16, Int64
from numpy import ndarray
from torch import Tensor

from sonoscope.core.audio import read
from sonoscope.core.errors import SettingError
from sonoscope.core.frames import whole_samples
from sonoscope.signal.weighting import a_weight
from sonoscope.simulation.sources import Clip

STRETCH_S = 0.1
"""Sound is measured in stretches of this length."""

_FULL_SCALE = 32_767
_LOUD = 1e-3  # a stretch within 30 dB of a clip's loudest counts as sound


@dataclass(frozen=True, slots=True, eq=False)
class HeldClips:
    """Clips in memory.

    Attributes
    ----------
    samples
        All clips, end to end.
    start, length
        Where each begins there, and how long it is.
    label
        The number of each clip's label.
    groups
        The original of each.
    loudness
        Mean square of each stretch of each clip, weighted as ears do; 0 beyond a clip's end.
    stretch
        Samples in a stretch.
    n_labels
        How many labels there are.
    """

    samples: Int16[Tensor, " sample"]
    start: Int64[ndarray, " clip"]
    length: Int64[ndarray, " clip"]
    label: Int64[ndarray, " clip"]
    groups: tuple[str, ...]
    loudness: Float[ndarray, "clip stretch"]
    stretch: int
    n_labels: int

    def __len__(self) -> int:
        return len(self.start)

    def cut(
        self, clips: Int64[ndarray, " cut"], first: Int64[ndarray, " cut"], n_samples: int
    ) -> Float32[Tensor, "cut sample"]:
        """Cut stretches out of clips, each from its first sample on, which may be below 0."""
        cuts = torch.zeros(len(clips), n_samples, device=self.samples.device)
        for row, clip, begin in zip(cuts, clips.tolist(), first.tolist(), strict=True):
            low, high = max(begin, 0), min(begin + n_samples, int(self.length[clip]))
            if high > low:
                offset = int(self.start[clip])
                row[low - begin : high - begin] = self.samples[offset + low : offset + high]
        return cuts.div_(_FULL_SCALE)

    def is_heard(
        self, clips: Int64[ndarray, " cut"], first: Int64[ndarray, "cut try"], n_samples: int
    ) -> "np.ndarray":
        """Tell whether each of several cuts of a clip holds any of its sound."""
        loudness = self.loudness[clips]
        loud = loudness > _LOUD * loudness.max(axis=1, keepdims=True)
        up_to = np.concatenate([np.zeros((len(clips), 1)), loud.cumsum(axis=1)], axis=1)
        low, high = (
            np.clip(edge, 0, loud.shape[1])
            for edge in (first // self.stretch, -(-(first + n_samples) // self.stretch))
        )
        counts = np.take_along_axis(up_to, high, 1) - np.take_along_axis(up_to, low, 1)
        return np.asarray(counts > 0)

    def loudest(
        self, clips: Int64[ndarray, " cut"], first: Int64[ndarray, " cut"], n_samples: int
    ) -> Float[ndarray, " cut"]:
        """Give the mean square of each cut's loudest stretch."""
        place = np.arange(self.loudness.shape[1])
        low, high = first // self.stretch, -(-(first + n_samples) // self.stretch)
        within = (place >= low[:, None]) & (place < high[:, None])
        return np.asarray(np.where(within, self.loudness[clips], 0.0).max(axis=1))

    def to(self, device: torch.device | str) -> "HeldClips":
        """Hold the same on a device."""
        return HeldClips(
            self.samples.to(device),
            self.start,
            self.length,
            self.label,
            self.groups,
            self.loudness,
            self.stretch,
            self.n_labels,
        )


def hold(clips: Sequence[Clip], labels: Sequence[str], rate_hz: int) -> HeldClips:
    """Read clips at a rate, their channels as one.

    Raises
    ------
    SettingError
        If a clip's label is none of the labels.
    InputError
        If a clip cannot be read.
    """
    number = {label: i for i, label in enumerate(labels)}
    for clip in clips:
        if clip.label not in number:
            raise SettingError(
                f"labels must name every clip's, but {clip.label} of {clip.path} is none of them"
            )
    sounds = [_mono(read(clip.path, rate_hz).samples) for clip in clips]
    length = np.array([len(sound) for sound in sounds], dtype=np.int64)
    stretch = whole_samples(STRETCH_S, rate_hz)
    loudness = np.zeros((len(sounds), -(-int(length.max(initial=0)) // stretch)))
    for row, sound in zip(loudness, sounds, strict=True):
        measured = _loudness(sound, stretch, rate_hz)
        row[: len(measured)] = measured
    return HeldClips(
        torch.from_numpy(np.concatenate([np.zeros(0, np.int16), *sounds])),
        np.cumsum(length) - length,
        length,
        np.array([number[clip.label] for clip in clips], dtype=np.int64),
        tuple(clip.group for clip in clips),
        loudness,
        stretch,
        len(labels),
    )


def _mono(samples: Float[ndarray, "channel sample"]) -> Int16[ndarray, " sample"]:
    mean = np.clip(samples.mean(axis=0), -1, 1)
    return np.asarray(np.rint(mean * _FULL_SCALE), np.int16)


def _loudness(
    sound: Int16[ndarray, " sample"], stretch: int, rate_hz: int
) -> Float[ndarray, " stretch"]:
    """Measure the mean square of each stretch after weighting A, in units of full scale squared."""
    padded = np.pad(sound, (0, -len(sound) % stretch)).reshape(-1, stretch) / _FULL_SCALE
    weight = a_weight(np.fft.rfftfreq(stretch, 1 / rate_hz))
    power = np.abs(np.fft.rfft(padded, axis=1)) ** 2
    return np.asarray(2 * (power * weight**2).sum(axis=1) / stretch**2)
