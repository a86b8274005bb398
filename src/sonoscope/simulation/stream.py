"""Scenes without end, made while a network trains: no data set on disk.

Scene number i of a seed is the same bytes whatever process makes it, in whatever order: each has a
counter-based generator of its own (Philox, keyed by seed and number).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.errors import SettingError
from sonoscope.core.frames import FrameGrid, whole_samples
from sonoscope.core.scene import Scene
from sonoscope.simulation.render import Listener, array_listener, foa_listener, render
from sonoscope.simulation.schedule import SceneSettings, Script, draw_script
from sonoscope.simulation.sources import SoundBank
from sonoscope.targets.classwise import encode

LABEL_STEP_S = 0.02
"""The frame step of DCASE 2019, at which truth is written."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Scenes for one training step.

    Attributes
    ----------
    sound
        Raw sound, as many scenes of each channel format in turn as the stream has formats.
    active
        1 where a label sounds.
    direction
        Unit vectors where it sounds and its direction is known, zeros elsewhere.
    """

    sound: Float[Tensor, "batch channel sample"]
    active: Float[Tensor, "batch frame label"]
    direction: Float[Tensor, "batch frame label 3"]


def listener_for(channel_format: ChannelFormat, rate_hz: int) -> Listener:
    """Give the listener of a four-channel format that scenes can be rendered in."""
    if channel_format == "foa":
        return foa_listener(rate_hz)
    if channel_format == "tetra":
        return array_listener(TETRAHEDRON, "tetra", rate_hz)
    raise SettingError(f'channel format must be "foa" or "tetra", but {channel_format} was given')


class SceneStream:
    """Scenes by number.

    Parameters
    ----------
    ranges
        What scenes are drawn from.
    bank
        Dry sounds of every label.
    labels
        What is to be told apart.
    extra_labels
        What sounds beside, in `extra_share` of the events; in the truth it comes after `labels`.
    seed
        Which stream.
    formats
        In which channel formats; a batch is divided evenly among them, in this order.
    """

    def __init__(
        self,
        ranges: SceneSettings,
        bank: SoundBank,
        labels: Sequence[str],
        seed: int,
        formats: Sequence[ChannelFormat] = ("foa", "tetra"),
        extra_labels: Sequence[str] = (),
    ) -> None:
        missing = [label for label in (*labels, *extra_labels) if label not in bank.labels]
        if missing:
            raise SettingError(f"every label must have sounds, but {missing} have none")
        self.ranges, self.labels, self.seed = ranges, tuple(labels), seed
        self.extra_labels = tuple(extra_labels)
        self.formats = tuple(formats)
        self.grid = FrameGrid(ranges.rate_hz, whole_samples(LABEL_STEP_S, ranges.rate_hz))
        self._bank = bank
        self._listeners: dict[ChannelFormat, Listener] = {}

    def scene(self, number: int, channel_format: ChannelFormat, duration_s: float) -> Scene:
        """Make scene `number`; the same script in every format, its noises drawn anew."""
        if channel_format not in self._listeners:
            self._listeners[channel_format] = listener_for(channel_format, self.ranges.rate_hz)
        generator = self._generator(number)
        script = self._draw(duration_s, generator)
        return render(script, self._listeners[channel_format], generator)

    def script(self, number: int, duration_s: float) -> Script:
        """Give what happens in scene `number`, without its sound."""
        return self._draw(duration_s, self._generator(number))

    def _generator(self, number: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=[self.seed, number]))

    def _draw(self, duration_s: float, generator: np.random.Generator) -> Script:
        labels = (self.labels, self.extra_labels)
        return draw_script(self.ranges, self._bank, labels, duration_s, generator)

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        """Make the scenes of a training step."""
        share, rest = divmod(size, len(self.formats))
        if rest:
            raise SettingError(
                f"batch_size must be a multiple of {len(self.formats)} (one part a channel "
                f"format), but {size} was given"
            )
        sounds, active, direction = [], [], []
        for i in range(size):
            scene = self.scene(step * size + i, self.formats[i // share], window_s)
            n_frames = self.grid.count(scene.recording.samples.shape[-1])
            labels = self.labels + self.extra_labels
            here, towards = encode(scene.events, labels, self.grid, n_frames)
            sounds.append(torch.from_numpy(scene.recording.samples))
            active.append(torch.from_numpy(here.astype(np.float32)))
            direction.append(torch.from_numpy(towards))
        return Batch(torch.stack(sounds), torch.stack(active), torch.stack(direction))
