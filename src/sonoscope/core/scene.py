"""A recording whose truth is known."""

from dataclasses import dataclass

from sonoscope.core.audio import ChannelFormat, Recording
from sonoscope.core.event import Event


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A recording with the events that really are in it.

    Attributes
    ----------
    recording
        The sound.
    channel_format
        What its channels are.
    events
        What sounded, in no particular order.
    """

    recording: Recording
    channel_format: ChannelFormat
    events: tuple[Event, ...]
