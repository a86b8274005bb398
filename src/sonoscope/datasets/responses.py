"""Measured responses from files of any kind, as rooms for scenes; the kind is told by content.

kind                       what it is                                    from the file itself
SOFA (AES69, HDF5)         `datasets.sofa`                               directions, array
MATLAB 5, SOFiA struct     `datasets.sofia`: a sphere of capsules        directions, array
MATLAB 5, SDM              `datasets.sdm`: pressure and directions       directions
WAV, FLAC ...              one response, declared format and direction   nothing but the sound
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core import audio
from sonoscope.core.array import Baffle, MicArray
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets import matlab_file, sdm, sofa, sofia
from sonoscope.simulation.measured import MeasuredRoom, measured_room

_HDF5 = b"\x89HDF\r\n\x1a\n"
_MAT5 = b"MATLAB 5.0"


def read_room(
    path: Path,
    *,
    channels: ChannelFormat | MicArray | None = None,
    baffle: Baffle = "open",
    direction: Float[ndarray, "3"] | None = None,
    distance_m: float | None = None,
    credit: str | None = None,
) -> MeasuredRoom:
    """Read measured responses.

    Parameters
    ----------
    path
        The file.
    channels
        What its channels are, where it does not say: needed for a sound file, and for a SOFA file
        whose receivers are no capsules (such as FOA).
    baffle
        What the capsules of a SOFA file sit on, which SOFA has no field for.
    direction, distance_m
        Where the source of a sound file was; the direction is needed there.
    credit
        Line for the attribution, in place of what the file says.

    Raises
    ------
    InputError
        If the file cannot be read as any of these.
    SettingError
        If something the file does not say was not given either.
    """
    room = _read(path, channels, baffle, direction, distance_m)
    return room if credit is None else replace(room, credit=credit)


def _read(
    path: Path,
    channels: ChannelFormat | MicArray | None,
    baffle: Baffle,
    direction: Float[ndarray, "3"] | None,
    distance_m: float | None,
) -> MeasuredRoom:
    head = _head(path)
    if head.startswith(_HDF5):
        return sofa.read_sofa(path, channels=channels, baffle=baffle)
    if head.startswith(b"MATLAB 7.3"):
        raise InputError(
            f"{path}: a MATLAB file must be of version 5 (save -v7), but 7.3 was given"
        )
    if head.startswith(_MAT5):
        return _of_matlab(path)
    if channels is None or direction is None:
        raise SettingError(
            f"{path}: a response in a sound file must be given with its channels and its direction"
        )
    return read_sound(path, channels, direction, distance_m)


def read_sound(
    path: Path,
    channels: ChannelFormat | MicArray,
    direction: Float[ndarray, "3"],
    distance_m: float | None = None,
) -> MeasuredRoom:
    """Read one response from a sound file; of Ambisonics of a higher order the first four channels.

    Raises
    ------
    InputError
        If it is no sound file, or has not the channels it is said to have.
    """
    recording = audio.read(path)
    samples = recording.samples
    if channels in ("foa", "n3d", "fuma"):
        samples = samples[:4]
    away = np.nan if distance_m is None else distance_m
    return measured_room(
        path.stem,
        recording.rate_hz,
        samples[None],
        np.asarray(direction, np.float64)[None],
        np.full(1, away),
        channels,
        path.name,
        str(path),
    )


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"{path}: must be a regular file, but there is none")
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _of_matlab(path: Path) -> MeasuredRoom:
    content = matlab_file.load(path)
    if sdm.is_sdm(content):
        return sdm.room_of(content, path)
    for value in content.values():
        if sofia.is_struct(value):
            return sofia.room_of(value, path)
    raise InputError(
        f"{path}: must hold p, azi_rad, ele_rad, fs (SDM) or a SOFiA struct, "
        f"but {', '.join(sorted(content))[:80] or 'nothing'} was found"
    )
