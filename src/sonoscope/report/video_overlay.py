"""Acoustic images over a video: each frame gets the map of its moment."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sonoscope.core.video import VideoFile, VideoWriter, frames
from sonoscope.imaging.image import BandImage, added, places
from sonoscope.report.acoustic_map import Mark
from sonoscope.report.overlay import Overlay

_FADE_DB_S = 3.0  # by which the level of the lightest colour sinks after something loud
_MOST_MARKS = 3

Windows = Iterator[tuple[BandImage, ...]]


def painted_video(
    path: Path, video: VideoFile, overlay: Overlay, windows: Windows, begins_s: float = 0.0
) -> Windows:
    """Write a painted video while windows of a recording go by; give them on.

    Colours keep to the loudest so far, which is slowly forgotten, so that silence stays clear.

    Parameters
    ----------
    begins_s
        Time of the recording at the first frame.
    """
    shown = frames(video)
    waiting = next(shown, None)
    highest, before = 0.0, None
    with VideoWriter(path, video.size_px, video.frames_hz) as writer:
        for images in windows:
            start, end = images[0].start_s, images[0].end_s
            image = added(images)
            values = image.drawn(overlay.view)
            highest *= 10 ** (-_FADE_DB_S * (end - (end if before is None else before)) / 10)
            highest, before = max(highest, float(values.max(initial=0))), end
            marks = _marks(images)
            while waiting is not None and waiting[0] + begins_s < end:
                frame = waiting[1]
                if waiting[0] + begins_s >= start:
                    frame = overlay.painted(frame, values, marks, highest)
                writer.write(frame)
                waiting = next(shown, None)
            yield images
        while waiting is not None:
            writer.write(waiting[1])
            waiting = next(shown, None)


def _marks(images: Sequence[BandImage]) -> list[Mark]:
    found = places([spot for image in images for spot in image.spots])
    level = [place.loudest.level_db() for place in found[:_MOST_MARKS]]
    return [(f"{db:.0f} dBFS", place.surest) for db, place in zip(level, found, strict=False)]
