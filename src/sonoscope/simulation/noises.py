"""Noises to hide clips in: pieces of recordings, one for each clip, and how loud a sound is.

A piece is told by seed, noise and clip alone, so that a clip has the same piece at every ratio and
under every treatment, whatever other clips are heard and in whatever order.

A ratio is mean power of the clip over mean power of its piece, the piece's over all of it, the
clip's over all of it (`whole`) or over where something sounds in it (`sounding`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.audio import AudioFile, probe, read_span, resample_chunks
from sonoscope.core.errors import InputError, SettingError
from sonoscope.simulation.sources import active_segments

MODELLED = ("rotor", "wind", "machine", "rain")
"""Noises that are simulated (`simulation.modelled_noise`), by their names."""

SUFFIXES = frozenset({".aif", ".aiff", ".flac", ".oga", ".ogg", ".opus", ".rf64", ".wav"})

_FADE_S = 0.05  # where the end of a short recording meets its beginning
_TRIES = 20
_SILENT = 1e-10  # mean power: 100 dB below full scale

Over = Literal["whole", "sounding"]


@runtime_checkable
class Noise(Protocol):
    """Something that hides sounds."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def piece(self, clip: str, rate_hz: int, length: int) -> Float[ndarray, " sample"]:
        """Give a clip's own piece, of any power above none."""
        ...


def power(samples: Float[ndarray, " sample"]) -> float:
    """Give the mean square; 0 of nothing."""
    return float(np.mean(np.square(samples, dtype=np.float64))) if samples.size else 0.0


def clip_power(samples: Float[ndarray, " sample"], rate_hz: int, over: Over) -> float:
    """Give the mean power of a clip, all of it or where something sounds."""
    if over == "whole":
        return power(samples)
    stretches = active_segments(samples, rate_hz)
    return power(np.concatenate([samples[:0], *(samples[a:b] for a, b in stretches)]))


def own_generator(seed: int, noise: str, clip: str) -> np.random.Generator:
    """Give the generator of one clip's piece of one noise."""
    told = hashlib.blake2b(f"{seed}:{noise}:{clip}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(told, "little")))


@dataclass(frozen=True, slots=True)
class RecordedNoise:
    """Recordings of one kind of noise; every second of them is as likely.

    Attributes
    ----------
    name
        What it is called.
    files
        Of any length, rate and number of channels, of which the mean is heard.
    seed
        Which pieces are cut.
    """

    name: str
    files: tuple[AudioFile, ...]
    seed: int = 0
    _shares: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shares = tuple(file.duration_s / self.duration_s for file in self.files)
        object.__setattr__(self, "_shares", shares)

    def piece(self, clip: str, rate_hz: int, length: int) -> Float[ndarray, " sample"]:
        """Cut a clip's own piece; a recording that is too short is laid end to end.

        Raises
        ------
        InputError
            If no sound is found, or a recording cannot be read.
        """
        generator = own_generator(self.seed, self.name, clip)
        for _ in range(_TRIES):
            file = self.files[int(generator.choice(len(self.files), p=self._shares))]
            sound = _cut(file, rate_hz, length, generator)
            if power(sound) > _SILENT:
                return sound
        raise InputError(
            f"{self.files[0].path.parent}: noise must be heard in its recordings, but {_TRIES}"
            f" pieces of {length / rate_hz:g} s were silent"
        )

    @property
    def duration_s(self) -> float:
        """Length of all recordings together."""
        return sum(file.duration_s for file in self.files)


def recorded_noises(folder: Path, seed: int = 0) -> list[RecordedNoise]:
    """Read a folder of noises: each folder in it is one, and what lies beside these is another.

    Raises
    ------
    InputError
        If there is no folder or no sound file, or a file cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} must be a folder of recordings of noise, but it is not")
    parts = [(each.name, _sound_files(each, deep=True)) for each in sorted(folder.iterdir())]
    parts.append((folder.resolve().name, _sound_files(folder, deep=False)))
    found = [
        RecordedNoise(name, tuple(probe(path) for path in paths), seed)
        for name, paths in parts
        if paths
    ]
    if not found:
        raise InputError(f"{folder} must hold recordings of noise, but no sound file was found")
    return found


def check_names(noises: Sequence[Noise]) -> None:
    """Refuse noises that could not be told apart.

    Raises
    ------
    SettingError
        Naming the first.
    """
    names = [noise.name for noise in noises]
    for name in names:
        if names.count(name) > 1:
            raise SettingError(
                f"--noise must name each noise once, but {name} was given more than once:"
                " recordings are called by their folder"
            )


def warned_of(noises: Sequence[Noise], rate_hz: int) -> list[str]:
    """Say which recordings end below what a rate can hold, or before their headers say."""
    said = []
    for noise in noises:
        files = noise.files if isinstance(noise, RecordedNoise) else ()
        said += [f"{file.path}: {file.warning}" for file in files if file.warning]
        if dull := [file for file in files if file.rate_hz < rate_hz]:
            said.append(
                f"{noise.name}: {len(dull)} of {len(files)} recordings end at"
                f" {min(file.rate_hz for file in dull) / 2000:g} kHz or little above, while the"
                f" model listens up to {rate_hz / 2000:g} kHz: what lies higher is not hidden"
            )
    return said


def _sound_files(folder: Path, *, deep: bool) -> list[Path]:
    if not folder.is_dir():
        return []
    paths = folder.rglob("*") if deep else folder.iterdir()
    return sorted(
        path
        for path in paths
        if path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def _cut(
    file: AudioFile, rate_hz: int, length: int, generator: np.random.Generator
) -> Float[ndarray, " sample"]:
    """Read a random stretch of a recording, as one channel at another rate."""
    need = -(-length * file.rate_hz // rate_hz)
    if file.n_samples < need:
        whole = _mono(file, 0, file.n_samples, rate_hz)
        return _laid(whole, length, int(generator.integers(len(whole))), rate_hz)
    start = int(generator.integers(file.n_samples - need + 1))
    return _mono(file, start, need, rate_hz)[:length]


def _mono(file: AudioFile, start: int, count: int, rate_hz: int) -> Float[ndarray, " sample"]:
    sound = read_span(file, start, count).mean(axis=0, keepdims=True, dtype=np.float32)
    parts = list(resample_chunks([sound], file.rate_hz, rate_hz))
    return np.asarray(np.concatenate(parts, axis=1)[0])


def _laid(
    whole: Float[ndarray, " sample"], length: int, turn: int, rate_hz: int
) -> Float[ndarray, " new_sample"]:
    """Lay a recording end to end from one of its samples on, ends faded into beginnings."""
    fade = min(round(_FADE_S * rate_hz), len(whole) // 4)
    rise = np.sin(np.pi / 2 * (np.arange(fade) + 0.5) / max(fade, 1)).astype(np.float32)
    ring = whole[: len(whole) - fade].copy()  # of equal power: noise does not cohere
    ring[:fade] = rise * ring[:fade] + rise[::-1] * whole[len(whole) - fade :]
    return np.asarray(np.resize(np.roll(ring, -turn), length))
