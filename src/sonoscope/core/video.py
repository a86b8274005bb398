"""Video files, by PyAV (the extra `video`): what one holds, its frames, its sound, and writing one.

The only room that imports PyAV, and inside functions alone, so that nothing else needs it. Frames
are (row, column, RGB) of bytes; a frame's time counts from the first one.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from sonoscope.core.audio import write_blocks
from sonoscope.core.errors import InputError, SettingError

Frame = UInt8[ndarray, "row column 3"]

SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v")
"""Names of files that are taken for videos where a recording is expected."""

_CODECS = ("libx264", "mpeg4")
_RATE = 25


@dataclass(frozen=True, slots=True)
class VideoFile:
    """What a video file holds.

    Attributes
    ----------
    path
        Where it lies.
    size_px
        Width and height of its frames.
    frames_hz
        Frames a second, on average.
    n_frames
        As its header says; 0 if it does not.
    sound_hz, sound_channels
        Of its sound, 0 if it has none.
    """

    path: Path
    size_px: tuple[int, int]
    frames_hz: float
    n_frames: int
    sound_hz: int
    sound_channels: int


def probe_video(path: Path) -> VideoFile:
    """Learn what a video holds.

    Raises
    ------
    InputError
        If it is no video.
    SettingError
        If PyAV is not installed.
    """
    with _opened(path) as container:
        picture = container.streams.video[0]
        sound = container.streams.audio[0] if container.streams.audio else None
        return VideoFile(
            path,
            (picture.codec_context.width, picture.codec_context.height),
            float(picture.average_rate or _RATE),
            picture.frames,
            0 if sound is None else sound.codec_context.sample_rate,
            0 if sound is None else sound.codec_context.channels,
        )


def frames(video: VideoFile) -> Iterator[tuple[float, Frame]]:
    """Give each frame with its time in seconds.

    Raises
    ------
    InputError
        If the video is damaged.
    """
    with _opened(video.path) as container:
        first = None
        for number, frame in enumerate(container.decode(video=0)):
            time = number / video.frames_hz if frame.time is None else float(frame.time)
            first = time if first is None else first
            yield time - first, np.asarray(frame.to_ndarray(format="rgb24"))


def write_sound(video: VideoFile, path: Path) -> None:
    """Write a video's sound as a WAV file, all channels as they are.

    Raises
    ------
    InputError
        If it has none.
    """
    if not video.sound_hz:
        raise InputError(f"{video.path}: must have sound to be looked at, but the video has none")
    blocks = _sound(video)
    # the length is known only at the end; libsndfile writes it into the header then
    write_blocks(path, blocks, video.sound_hz, (video.sound_channels, 0))


def _sound(video: VideoFile) -> Iterator[Float[ndarray, "channel sample"]]:
    with _opened(video.path) as container:
        resampler = _av().AudioResampler(format="fltp")
        for frame in container.decode(audio=0):
            for even in resampler.resample(frame):
                yield np.asarray(even.to_ndarray(), np.float32)


class VideoWriter:
    """Writes frames into an .mp4, H.264 where that can be had; the file is there once it ends."""

    def __init__(self, path: Path, size_px: tuple[int, int], frames_hz: float) -> None:
        av = _av()
        self._path = path
        self._beside = path.with_name(f".{path.name}.part.mp4")
        self._container = av.open(str(self._beside), "w")
        codec = next(name for name in _CODECS if name in av.codecs_available)
        rate = Fraction(frames_hz).limit_denominator(60_000)
        self._stream = self._container.add_stream(codec, rate=rate)
        self._stream.width, self._stream.height = (side - side % 2 for side in size_px)
        self._stream.pix_fmt = "yuv420p"
        if codec == "libx264":
            self._stream.options = {"crf": "20", "preset": "veryfast"}

    def __enter__(self) -> "VideoWriter":
        """Begin."""
        return self

    def write(self, frame: Frame) -> None:
        """Append a frame."""
        even = np.ascontiguousarray(frame[: self._stream.height, : self._stream.width])
        shown = _av().VideoFrame.from_ndarray(even, format="rgb24")
        self._container.mux(self._stream.encode(shown))

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """End the file, or take it away if something failed."""
        try:
            if kind is None:
                self._container.mux(self._stream.encode())
            self._container.close()
            if kind is None:
                self._beside.replace(self._path)
        finally:
            with suppress(OSError):
                self._beside.unlink()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    av = _av()
    if not path.is_file():
        raise InputError(f"{path}: must be a video file, but there is none of that name")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path}: must be a video, but it holds no pictures")
            yield container
    except av.FFmpegError as error:
        raise InputError(f"{path}: must be a video that can be read, but: {error}") from error


def _av() -> ModuleType:
    try:
        import av
    except ModuleNotFoundError as error:
        raise SettingError(
            "videos need PyAV, which is not installed: pip install 'sonoscope[video]'"
        ) from error
    return av
