"""Sound files of which any part can be read at once, at the rate that is asked for.

A WAV of that rate is such a file. Of any other (FLAC, another rate) a copy is made once, a 16-bit
WAV in a folder that may be thrown away: `SONOSCOPE_CACHE`, or the user's cache folder. A copy is
named after where the original lies, its size and its time: a changed file gets another one.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from sonoscope.core import audio
from sonoscope.core.audio import AudioFile, Recording
from sonoscope.core.errors import SettingError

CACHE_VARIABLE = "SONOSCOPE_CACHE"


def cache_folder() -> Path:
    """Give the folder for copies."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sonoscope" / "sound"


def prepared(
    paths: Iterable[Path],
    rate_hz: int,
    cache: Path | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> list[AudioFile]:
    """Give files of the same sounds at a rate, from which a part is read without what is before.

    Parameters
    ----------
    paths
        The sounds.
    rate_hz
        The rate.
    cache
        Folder for copies, `cache_folder()` where None.
    progress
        Told after each how many are done.

    Raises
    ------
    InputError
        If a file cannot be read.
    SettingError
        If a copy is needed and the folder for it cannot be made.
    """
    files = []
    for path in paths:
        file = audio.probe(path)
        is_ready = path.suffix.lower() == ".wav" and file.rate_hz == rate_hz
        files.append(file if is_ready else _copy(file, rate_hz, cache or cache_folder()))
        progress(len(files))
    return files


def _copy(file: AudioFile, rate_hz: int, cache: Path) -> AudioFile:
    state = file.path.stat()
    told = f"{file.path.resolve()}\t{state.st_size}\t{state.st_mtime_ns}\t{rate_hz}"
    path = cache / f"{hashlib.sha256(told.encode()).hexdigest()[:32]}.wav"
    if not path.is_file():
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError(f"{cache}: must be a folder for copies: {error.strerror}") from error
        sound = audio.read(file.path, rate_hz)
        # a filter rings beyond full scale where a sound reaches it
        audio.write(path, Recording(np.clip(sound.samples, -1.0, 1.0), rate_hz), "pcm16")
    return audio.probe(path)
