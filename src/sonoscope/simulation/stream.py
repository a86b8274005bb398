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

from sonoscope.core.array import EM32, TETRAHEDRON
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.errors import SettingError
from sonoscope.core.frames import FrameGrid, whole_samples
from sonoscope.core.scene import Scene
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa
from sonoscope.simulation.augment import AugmentationSettings, augmented
from sonoscope.simulation.place import draw_place
from sonoscope.simulation.render import Listener, render, rendered
from sonoscope.simulation.replay import Schedule
from sonoscope.simulation.scene_settings import FoaKind, SceneSettings
from sonoscope.simulation.schedule import Setting, Supplies, draw_script, replay_script
from sonoscope.simulation.script import Script
from sonoscope.targets.sources import lay_out

LABEL_STEP_S = 0.02
"""The frame step of DCASE 2019, at which truth is written unless another is asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Scenes for one training step; `targets.sources` tells what a copy is.

    Attributes
    ----------
    sound
        Raw sound, as many scenes of each channel format in turn as the stream has formats.
    active
        1 where a label sounds.
    direction
        Unit vectors where it sounds and its direction is known, zeros elsewhere.
    distance_m
        How far away it is where that is known, 0 elsewhere.
    """

    sound: Float[Tensor, "batch channel sample"]
    active: Float[Tensor, "batch frame label copy"]
    direction: Float[Tensor, "batch frame label copy 3"]
    distance_m: Float[Tensor, "batch frame label copy"]


def listener_for(
    channel_format: ChannelFormat,
    rate_hz: int,
    foa_encoder: FoaKind = "ideal",
    device: str = "cpu",
) -> Listener:
    """Give the listener of a four-channel format that scenes can be rendered in."""
    match channel_format, foa_encoder:
        case "foa", "ideal":
            return Listener("foa", IdealFoa(), rate_hz, device)
        case "foa", "em32":
            return Listener("foa", EncodedFoa(EM32, rate_hz), rate_hz, device)
        case "foa", "tetra":
            return Listener("foa", EncodedFoa(TETRAHEDRON, rate_hz), rate_hz, device)
        case "tetra", _:
            return Listener("tetra", Capsules(TETRAHEDRON), rate_hz, device)
        case _:
            raise SettingError(
                f'channel format must be "foa" or "tetra", but {channel_format} was given'
            )


class SceneStream:
    """Scenes by number.

    Parameters
    ----------
    ranges
        What scenes are drawn from.
    supplies
        Sounds, labels, measured rooms. In the truth the extra labels come after the wanted ones.
    seed
        Which stream.
    formats
        In which channel formats; a batch is divided evenly among them, in this order.
    plans
        Schedules to replay in place of drawing: scene i is that of plan i.
    augmentation
        How the scenes of batches are turned and mirrored.
    device
        Where scenes are rendered, and where batches then are; the same ones within rounding.
    n_copies
        How many sources of one label the truth holds at a moment.
    label_step_s
        Seconds from one frame of the truth to the next.
    """

    def __init__(  # noqa: PLR0913
        self,
        ranges: SceneSettings,
        supplies: Supplies,
        seed: int,
        formats: Sequence[ChannelFormat] = ("foa", "tetra"),
        *,
        plans: Sequence[Schedule] | None = None,
        augmentation: AugmentationSettings | None = None,
        device: str = "cpu",
        n_copies: int = 1,
        label_step_s: float = LABEL_STEP_S,
    ) -> None:
        self.labels, self.extra_labels = supplies.labels, supplies.extra_labels
        known = supplies.bank.labels
        missing = [label for label in (*self.labels, *self.extra_labels) if label not in known]
        if missing:
            raise SettingError(f"every label must have sounds, but {missing} have none")
        self.ranges, self.seed, self.formats = ranges, seed, tuple(formats)
        self.grid = FrameGrid(ranges.rate_hz, whole_samples(label_step_s, ranges.rate_hz))
        self._supplies, self._plans, self._device = supplies, plans, device
        self._n_copies = n_copies
        self._augmentation = augmentation or AugmentationSettings()

    def scenes(self, number: int, duration_s: float) -> tuple[Scene, ...]:
        """Make scene `number` in every format: one sound field, heard by each."""
        return self._rendered(number, duration_s, self.formats)

    def scene(self, number: int, channel_format: ChannelFormat, duration_s: float) -> Scene:
        """Make scene `number` in one format, as it is among `scenes`."""
        return self._rendered(number, duration_s, (channel_format,))[0]

    def script(self, number: int, duration_s: float) -> Script:
        """Give what happens in scene `number`, without its sound."""
        generator, setting = self._generator(number), self._shared(number, duration_s)
        if self._plans is not None:
            plan = self._plans[number]
            return replay_script(self.ranges, self._supplies, plan, generator, setting)
        return draw_script(self.ranges, self._supplies, duration_s, generator, setting)

    def _rendered(
        self, number: int, duration_s: float, formats: Sequence[ChannelFormat]
    ) -> tuple[Scene, ...]:
        script = self.script(number, duration_s)
        return render(script, self._listeners(script, formats))

    def _listeners(self, script: Script, formats: Sequence[ChannelFormat]) -> list[Listener]:
        rate, encoder = self.ranges.rate_hz, script.foa_encoder
        return [listener_for(name, rate, encoder, self._device) for name in formats]

    def _generator(self, number: int, stream: int = 0) -> np.random.Generator:
        return np.random.Generator(
            np.random.Philox(key=[self.seed, number], counter=[0, 0, 0, stream])
        )

    def _shared(self, number: int, duration_s: float) -> Setting | None:
        """Give the place that a scene shares with others, where the set has so few."""
        if not self.ranges.rooms:
            return None
        room = number % self.ranges.rooms
        generator, measured = self._generator(room, stream=1), self._supplies.measured
        return Setting(draw_place(self.ranges, duration_s, generator, measured), room)

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        """Make the scenes of a training step."""
        share, rest = divmod(size, len(self.formats))
        if rest:
            raise SettingError(
                f"batch_size must be a multiple of {len(self.formats)} (one part a channel "
                f"format), but {size} was given"
            )
        scenes = [
            self._example(step * size + i, self.formats[i // share], window_s) for i in range(size)
        ]
        return Batch(*(torch.stack(parts) for parts in zip(*scenes, strict=True)))

    def _example(
        self, number: int, channel_format: ChannelFormat, window_s: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Make a scene with its truth by frames, turned and mirrored as asked."""
        script = self.script(number, window_s)
        listener = self._listeners(script, (channel_format,))[0]
        (sound,), events = rendered(script, [listener])
        n_frames = self.grid.count(sound.shape[-1])
        labels = self.labels + self.extra_labels
        truth = lay_out(events, labels, self.grid, n_frames, self._n_copies)
        active, direction, distance_m = (
            torch.from_numpy(part.astype(np.float32)).to(sound.device) for part in truth
        )
        receiver = listener.receiver
        array = receiver.array if isinstance(receiver, EncodedFoa) else None
        sound, direction = augmented(
            sound,
            direction,
            channel_format,
            self._generator(number, stream=2),
            self._augmentation,
            array,
        )
        return sound, active, direction, distance_m
