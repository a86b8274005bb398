"""Sound files: what one holds without reading it, its samples by blocks at any rate, and writing.

The only room that opens sound files. Samples are float32 in (channel, sample); full scale is 1.
A header is a claim: lengths in it are checked against the file, and nothing is ever allocated
because of one. Resampling n samples from one rate to another gives round(n * to / from) samples,
halves up, with no delay; by blocks it is the very same as at once.

Files: WAV, WAVEX, RF64, FLAC, OGG Vorbis, Opus and AIFF, told by their content and not by name.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import soundfile
import soxr  # type: ignore[import-untyped]
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.durable import replacing
from sonoscope.core.errors import InputError, SettingError

ChannelFormat = Literal["mono", "stereo", "foa", "n3d", "fuma", "tetra", "array"]
Sampling = Literal["float32", "pcm16", "pcm24"]

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000
MAX_CHANNELS = 1024
MAX_SAMPLE = 2.0**31  # even integers that were never scaled to 1 stay below

_KINDS = ("WAV", "WAVEX", "RF64", "FLAC", "OGG", "AIFF")
_CHANNELS = {"mono": 1, "stereo": 2, "foa": 4, "n3d": 4, "fuma": 4, "tetra": 4}
_SUBTYPES = {"float32": "FLOAT", "pcm16": "PCM_16", "pcm24": "PCM_24"}
_CHUNK = 1 << 18  # numbers (not frames) read at once: a megabyte of float32
_SALVAGE = 1 << 10  # the same where the end is damaged: what fails to decode is lost whole
_FLAC_DENSEST = 65_535 / 11  # samples a byte: the largest block, all of it silence
_UNKNOWN = 2**63 - 1  # libsndfile's length of a FLAC that was written into a pipe
_OGG_PAGE = 65_307  # bytes of the largest page


@dataclass(frozen=True, slots=True)
class AudioFile:
    """What `probe` learnt of a sound file, without holding its sound.

    Attributes
    ----------
    path
        Where it lies.
    rate_hz, n_channels, n_samples
        Of the samples that are really there.
    warning
        Why the sound may not be the whole recording (a truncated file), or None.
    """

    path: Path
    rate_hz: int
    n_channels: int
    n_samples: int
    warning: str | None = None

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.rate_hz


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Sound in memory.

    Attributes
    ----------
    samples
        One row a channel; full scale is 1.
    rate_hz
        Samples per second.
    """

    samples: Float[ndarray, "channel sample"]
    rate_hz: int

    @property
    def n_channels(self) -> int:
        """How many channels there are."""
        return int(self.samples.shape[0])

    @property
    def n_samples(self) -> int:
        """How many samples each channel has."""
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.rate_hz


def resampled_length(n_samples: int, from_hz: int, to_hz: int) -> int:
    """Give the number of samples after resampling, halves going up.

    Examples
    --------
    >>> resampled_length(5, 48_000, 24_000)
    3
    """
    return (2 * n_samples * to_hz + from_hz) // (2 * from_hz)


def probe(path: Path) -> AudioFile:
    """Learn rate, channels and length of a sound file.

    The sound is decoded only where a FLAC's own count cannot be true, and then by blocks.

    Raises
    ------
    InputError
        If there is no regular, readable sound file of a kind, rate and channel count that
        sonoscope listens to, or if it holds no sample.
    """
    warning = None
    with _opened(path) as sound:
        rate_hz, n_channels, n_samples = sound.samplerate, sound.channels, sound.frames
        kind = sound.format
        whole = kind != "FLAC" or _reaches(sound, path.stat().st_size)
    if not whole:
        if n_samples != _UNKNOWN:
            warning = "the file holds less sound than its header says"
        with _opened(path) as sound:
            chunks = _chunks(path, sound, to_damage=warning is not None)
            n_samples = sum(chunk.shape[1] for chunk in chunks)
    if n_samples < 1:
        raise InputError(f"{path}: must hold at least one sample, but none was found")
    return AudioFile(path, rate_hz, n_channels, n_samples, warning or _truncation(path, kind))


def check_format(
    file: AudioFile, channel_format: ChannelFormat, n_capsules: int | None = None
) -> None:
    """Refuse a file whose channels are not those of a format.

    Parameters
    ----------
    file
        What `probe` gave.
    channel_format
        What its channels are said to be.
    n_capsules
        How many capsules the array has, for "array".

    Raises
    ------
    InputError
        If the counts differ.
    """
    if channel_format == "array":
        assert n_capsules is not None
        wanted = n_capsules
    else:
        wanted = _CHANNELS[channel_format]
    if file.n_channels != wanted:
        plural = "" if wanted == 1 else "s"
        raise InputError(
            f"{file.path}: {channel_format} must have {wanted} channel{plural}, "
            f"but {file.n_channels} was given"
        )


def read_blocks(
    file: AudioFile, rate_hz: int, block: int
) -> Iterator[Float[ndarray, "channel sample"]]:
    """Read a file by blocks in constant memory.

    Parameters
    ----------
    file
        What `probe` gave.
    rate_hz
        Wanted samples per second.
    block
        Samples in every block but the last, which may be shorter.

    Yields
    ------
    float32 blocks, together `resampled_length(file.n_samples, file.rate_hz, rate_hz)` samples.

    Raises
    ------
    InputError
        If the file changed since `probe`, its data are damaged, or a sample is not a finite number.
    """
    if block < 1 or not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise SettingError(
            f"blocks must have at least 1 sample at {MIN_RATE_HZ}..{MAX_RATE_HZ} Hz, "
            f"but {block} at {rate_hz} Hz was given"
        )
    with _opened(file.path) as sound:
        if (sound.samplerate, sound.channels) != (file.rate_hz, file.n_channels):
            raise InputError(f"{file.path}: must not change while it is read, but it did")
        chunks = _chunks(file.path, sound, to_damage=file.warning is not None)
        yield from _cut(resample_chunks(chunks, file.rate_hz, rate_hz), block)


def read(path: Path, rate_hz: int | None = None) -> Recording:
    """Read a whole file, at its own rate or another.

    Raises
    ------
    InputError
        As `probe` and `read_blocks` do.
    """
    file = probe(path)
    rate_hz = rate_hz or file.rate_hz
    blocks = list(read_blocks(file, rate_hz, max(1, _CHUNK // file.n_channels)))
    empty = np.zeros((file.n_channels, 0), np.float32)
    return Recording(np.concatenate(blocks, axis=1) if blocks else empty, rate_hz)


def read_span(file: AudioFile, start: int, count: int) -> Float[ndarray, "channel sample"]:
    """Read some samples of a file at its own rate, without those before them.

    Costs little where samples can be sought: in WAV and AIFF.

    Raises
    ------
    InputError
        If the file does not hold them, or a sample is not a finite number.
    """
    with _opened(file.path) as sound:
        try:
            sound.seek(start)
            samples = sound.read(count, dtype="float32", always_2d=True).T
        except soundfile.LibsndfileError as error:
            raise InputError(
                f"{file.path}: cannot be read from {start}: {_reason(error)}"
            ) from error
    if samples.shape != (file.n_channels, count):
        raise InputError(
            f"{file.path}: must hold {count} samples from {start}, but {samples.shape[1]} were read"
        )
    if samples.size:
        _check_numbers(file.path, samples, start, file.rate_hz)
    return np.asarray(samples)


def resample_chunks(
    chunks: Iterable[Float[ndarray, "channel sample"]], from_hz: int, to_hz: int
) -> Iterator[Float[ndarray, "channel sample"]]:
    """Resample a stream cut anyhow; what comes out is cut anyhow too.

    The samples are those of resampling the whole at once: no delay, nothing lost at the end.
    """
    if from_hz == to_hz:
        yield from chunks
        return
    streams: list[soxr.ResampleStream] = []
    for chunk in chunks:
        if not streams:
            # one a channel: as quick, and soxr 1.1 crashes now and then where it has many
            streams = [soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32") for _ in chunk]
        yield _resampled(streams, chunk)
    if streams:
        yield _resampled(streams, np.zeros((len(streams), 0), np.float32), last=True)


def _resampled(
    streams: list[soxr.ResampleStream],
    chunk: Float[ndarray, "channel sample"],
    *,
    last: bool = False,
) -> Float[ndarray, "channel new_sample"]:
    """Let each stream have its channel."""
    rows = np.ascontiguousarray(chunk, np.float32)
    return np.stack(
        [stream.resample_chunk(row, last=last) for stream, row in zip(streams, rows, strict=True)]
    )


def write(path: Path, recording: Recording, sampling: Sampling | None = None) -> None:
    """Write a WAV or FLAC file, whole or not at all; the same sound gives the same bytes.

    Parameters
    ----------
    path
        Ends in .wav (RF64 inside where it passes 4 GB) or .flac.
    recording
        What to write.
    sampling
        float32 (the default for WAV), pcm24 (the default for FLAC) or pcm16.

    Raises
    ------
    SettingError
        If there is no such kind of file.
    InputError
        If the samples do not fit into it, or it cannot be written.
    """
    _check_writable(path, recording.samples, _kind(path, sampling)[1])
    step = max(1, _CHUNK // max(1, recording.n_channels))
    starts = range(0, recording.n_samples, step)
    blocks = (recording.samples[:, start : start + step] for start in starts)
    write_blocks(path, blocks, recording.rate_hz, recording.samples.shape, sampling)


def write_blocks(
    path: Path,
    blocks: Iterable[Float[ndarray, "channel _"]],
    rate_hz: int,
    shape: tuple[int, ...],
    sampling: Sampling | None = None,
) -> None:
    """Write a file by blocks, in constant memory; otherwise as `write` does.

    Parameters
    ----------
    blocks
        Sound, of any lengths.
    shape
        Channels and samples of all of it.
    """
    kind, sampling = _kind(path, sampling)
    n_channels, n_samples = shape
    container = "FLAC" if kind == ".flac" else "WAV"
    if container == "WAV" and n_channels * n_samples * 4 > 4_000_000_000:
        container = "RF64"
    try:
        with (
            replacing(path) as file,
            soundfile.SoundFile(
                file, "w", rate_hz, n_channels, _SUBTYPES[sampling], format=container
            ) as sound,
        ):
            for block in blocks:
                _check_writable(path, block, sampling)
                sound.write(block.T.astype(np.float32))
            sound.close()
            _unstamp(file, container)
    except soundfile.SoundFileError as error:
        raise InputError(f"{path}: cannot be written: {error}") from error


def _kind(path: Path, sampling: Sampling | None) -> tuple[str, Sampling]:
    """Give suffix and sampling, if a file can have both."""
    kind = path.suffix.lower()
    sampling = sampling or ("pcm24" if kind == ".flac" else "float32")
    if kind not in (".wav", ".flac") or (kind == ".flac" and sampling == "float32"):
        raise SettingError(
            f"{path}: sound must be written to .wav (float32, pcm16, pcm24) or .flac (pcm16, "
            f"pcm24), but {path.suffix or 'no suffix'} with {sampling} was given"
        )
    return kind, sampling


def _check_writable(
    path: Path, samples: Float[ndarray, "channel sample"], sampling: Sampling
) -> None:
    limit = 1.0 if sampling.startswith("pcm") else MAX_SAMPLE
    loudest = np.abs(samples).max(initial=0.0)
    if not loudest <= limit:
        raise InputError(f"{path}: samples must lie within ±{limit:g}, but {loudest:g} was given")


def _unstamp(file: BinaryIO, container: str) -> None:
    """Take out the time of day that libsndfile stamps beside the peaks."""
    file.seek(0)
    peak = file.read(256).find(b"PEAK")
    if container != "FLAC" and peak >= 0:
        file.seek(peak + 12)
        file.write(bytes(4))


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file read once from start to end.

    soundfile seeks after every read of what can seek, which fails where a FLAC ends early.
    """

    def seekable(self) -> bool:
        return False


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open a sound file that is one, refusing everything else in one line."""
    number = _open_regular(path)
    try:
        with _Forward(number, closefd=False) as sound:
            _check_header(path, sound)
            yield sound
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{path}: must be a sound file (WAV, RF64, FLAC, OGG, Opus or AIFF), "
            f"but libsndfile says: {_reason(error)}"
        ) from error
    finally:
        os.close(number)


def _reason(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).strip().rstrip(".").removeprefix("Error : ")


def _open_regular(path: Path) -> int:
    """Open without ever waiting: a pipe without a writer would hang."""
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read: {reason}") from error
    state = os.fstat(number)
    fault = None
    if not stat.S_ISREG(state.st_mode):
        found = "a directory" if stat.S_ISDIR(state.st_mode) else "a pipe or device"
        fault = f"must be a regular file, but {found} was given"
    elif state.st_size == 0:
        fault = "must be a sound file, but an empty file was given"
    if fault:
        os.close(number)
        raise InputError(f"{path}: {fault}")
    return number


def _check_header(path: Path, sound: soundfile.SoundFile) -> None:
    if sound.format not in _KINDS:
        raise InputError(
            f"{path}: must be WAV, RF64, FLAC, OGG, Opus or AIFF, but {sound.format} was given"
        )
    if not MIN_RATE_HZ <= sound.samplerate <= MAX_RATE_HZ:
        raise InputError(
            f"{path}: rate must be {MIN_RATE_HZ}..{MAX_RATE_HZ} Hz, "
            f"but {sound.samplerate} was given"
        )
    if not 1 <= sound.channels <= MAX_CHANNELS:
        raise InputError(
            f"{path}: must have 1..{MAX_CHANNELS} channels, but {sound.channels} was given"
        )


def _chunks(
    path: Path, sound: soundfile.SoundFile, *, to_damage: bool
) -> Iterator[Float[ndarray, "channel sample"]]:
    """Read to the end of what is really there, refusing what is no number.

    What cannot be decoded ends a file known to lack its end, and refuses any other.
    """
    step = max(1, (_SALVAGE if to_damage else _CHUNK) // sound.channels)
    done = 0
    while True:
        try:
            frames = sound.read(step, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            if to_damage:
                return
            raise InputError(
                f"{path}: must be whole, but its data are damaged after "
                f"{done / sound.samplerate:.3f} s: {_reason(error)}"
            ) from error
        if not len(frames):
            return
        _check_numbers(path, frames.T, done, sound.samplerate)
        done += len(frames)
        yield frames.T


def _check_numbers(
    path: Path, samples: Float[ndarray, "channel sample"], start: int, rate_hz: int
) -> None:
    """Name the first sample that is no number or absurdly large."""
    if samples.min() >= -MAX_SAMPLE and samples.max() <= MAX_SAMPLE:  # false for NaN too
        return
    good = np.abs(samples) <= MAX_SAMPLE
    where = int(np.flatnonzero(~good.all(axis=0))[0])
    channel = int(np.flatnonzero(~good[:, where])[0])
    raise InputError(
        f"{path}: samples must be finite numbers, but {samples[channel, where]:g} was given "
        f"at {(start + where) / rate_hz:.6f} s in channel {channel}"
    )


def _cut(
    pieces: Iterable[Float[ndarray, "channel sample"]], block: int
) -> Iterator[Float[ndarray, "channel sample"]]:
    held: list[Float[ndarray, "channel sample"]] = []
    missing = block
    for piece in pieces:
        rest = piece
        while rest.shape[1]:
            held.append(rest[:, :missing])
            rest = rest[:, missing:]
            missing -= held[-1].shape[1]
            if not missing:
                line = np.concatenate(held, axis=1)
                held, missing = [], block
                yield line
    if held:
        yield np.concatenate(held, axis=1)


def _reaches(sound: soundfile.SoundFile, n_bytes: int) -> bool:
    """Tell whether the last sample that a FLAC promises is there."""
    if not 0 < sound.frames <= n_bytes * _FLAC_DENSEST:
        return False
    try:
        sound.seek(sound.frames - 1)
        return len(sound.read(1)) == 1
    except soundfile.LibsndfileError:
        return False


def _truncation(path: Path, kind: str) -> str | None:
    """Tell from the outermost length, or the missing end mark, that a file lost its end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(28)
        file.seek(max(0, size - _OGG_PAGE))
        tail = file.read() if kind == "OGG" else b""
    if kind == "OGG":
        return None if _ends(tail) else "the file is truncated: its last page is missing"
    if kind == "RF64":
        promised = int.from_bytes(head[20:28], "little")
    elif kind == "FLAC":
        promised = 0
    else:
        promised = int.from_bytes(head[4:8], "big" if head[:4] in (b"FORM", b"RIFX") else "little")
    if promised in (0, 0xFFFFFFFF) or promised + 8 <= size:  # 0 and all ones: a stream's header
        return None
    return f"the file is truncated: {promised + 8} bytes were promised, {size} are there"


def _ends(tail: bytes) -> bool:
    """Tell whether an Ogg stream's bytes end in a whole page marked as the last (RFC 3533, 6)."""
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27 or not page[5] & 4:
        return False
    return len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
