"""Inspects what an array recorded: listens to every hot spot, names what it hears, finds repeats.

    hot spots ─► places ─► a beam each, quiet to the others ─► a file each ─► diagnosis of each
                                       └─► fine courses ─► echoes and leaks

Memory does not grow with the recording: beams are written by blocks, and heard by windows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.audio import AudioFile, probe, read_blocks, write_blocks
from sonoscope.imaging.image import Place, places
from sonoscope.imaging.listening import Beams, beams
from sonoscope.imaging.repeats import FineCourses, Repeat, repeats
from sonoscope.imaging.steering import Scan
from sonoscope.imaging.views import extent_m
from sonoscope.inference import diagnosis
from sonoscope.inference.diagnosis import DiagnosisSettings, Listener
from sonoscope.inference.hot_spots import Gathered, Looker, places_of
from sonoscope.signal.ambisonics import to_foa
from sonoscope.signal.envelope import Band
from sonoscope.signal.prpd import Prpd
from sonoscope.targets.diagnosis import Answer, Window, answer, strongest

BAND_HZ = (20_000.0, 40_000.0)
"""Where discharges are looked for: above most machines, and where air lets enough through."""

_HIGHEST_SHARE = 0.47  # of the rate
_CLOSE_RAD = float(np.deg2rad(2.5))  # closer ones share so much of a beam that neither gains
_BLOCK = 1 << 22  # numbers read at once

Block = Float[ndarray, "channel _"]


def discharge_band(rate_hz: int) -> Band:
    """Give where to look for discharges at a rate: 20 to 40 kHz, or the highest octave it holds.

    Examples
    --------
    >>> discharge_band(96_000), discharge_band(48_000)
    ((20000.0, 40000.0), (11280.0, 22560.0))
    """
    high = min(BAND_HZ[1], _HIGHEST_SHARE * rate_hz)
    return high / 2, high


def places_within(gathered: Gathered, looker: Looker) -> tuple[Place, ...]:
    """Gather hot spots to places; what one image tells apart stays apart.

    Between windows and bands a place wanders, and is one; in a single image an echo may well lie
    close to its source.
    """
    if gathered.n_images == 1 and not looker.is_coarse:
        return places(gathered.spots, _CLOSE_RAD)
    return places_of(gathered, looker)


@dataclass(frozen=True, slots=True, eq=False)
class HeardPlace:
    """What one place came to.

    Attributes
    ----------
    place
        Where it is.
    answer, windows
        What was heard there, and of what.
    strongest
        The number of the window that shows it best.
    pattern
        The pulses of that window over phase.
    repeat
        What it repeats, if it does not sound by itself; numbers are in the order of places.
    warnings
        What one must know before trusting it.
    """

    place: Place
    answer: Answer
    windows: tuple[Window, ...]
    strongest: int
    pattern: Prpd
    repeat: Repeat | None
    warnings: tuple[str, ...]

    @property
    def window(self) -> Window:
        """The window that shows it best."""
        return self.windows[self.strongest]


def inspect_places(
    file: AudioFile,
    looker: Looker,
    found: Sequence[Place],
    folder: Path,
    wanted: DiagnosisSettings,
    progress: Callable[[float], None] | None = None,
) -> tuple[HeardPlace, ...]:
    """Listen to places and say what each is.

    Parameters
    ----------
    folder
        Where what is heard of each is written, as place_1.wav and so on.
    wanted
        How to diagnose.
    progress
        Told how much was done so far, 0 to 1.

    Raises
    ------
    InputError, SettingError, CheckpointError
        As diagnosing a recording does.
    """
    tell = progress or (lambda _: None)
    if not found:
        return ()
    paths, repeated = listen_to(file, looker, found, folder)
    heard = []
    for number, (place, path) in enumerate(zip(found, paths, strict=True)):
        tell((1 + number) / (1 + len(found)))
        heard.append(heard_place(place, path, repeated[number], wanted))
    return tuple(heard)


def listen_to(
    file: AudioFile, looker: Looker, found: Sequence[Place], folder: Path
) -> tuple[list[Path], tuple[Repeat | None, ...]]:
    """Write what is heard of every place, and say which repeat another."""
    made = beams_to(looker, found, file.rate_hz)
    courses = FineCourses(len(found), file.rate_hz, discharge_band(file.rate_hz))
    paths = [folder / f"place_{number}.wav" for number in range(1, len(found) + 1)]
    whole = folder / ".places.wav"

    def heard() -> Iterator[Block]:
        for block in made.listen(_blocks(file, looker)):
            courses.feed(block)
            yield block

    write_blocks(whole, heard(), file.rate_hz, (len(found), file.n_samples))
    try:
        together = probe(whole)
        for row, path in enumerate(paths):
            rows = (
                block[row : row + 1]
                for block in read_blocks(together, file.rate_hz, _BLOCK // len(found))
            )
            write_blocks(path, rows, file.rate_hz, (1, file.n_samples))
    finally:
        whole.unlink()
    levels = [place.loudest.level_db() for place in found]
    return paths, repeats(courses.finish(), courses.rate_hz, levels)


def beams_to(looker: Looker, found: Sequence[Place], rate_hz: int) -> Beams:
    """Make the beams that listen to places, each quiet to the others."""
    towards = np.stack([place.surest.direction for place in found])
    scan = Scan(looker.receiver, looker.view.placed(towards), looker.view.near)
    channels = looker.channels
    extent_s = extent_m(channels) / SPEED_OF_SOUND_M_S if isinstance(channels, MicArray) else 0.0
    over_noise = np.array([place.loudest.over_noise for place in found])
    return beams(scan, rate_hz, extent_s, over_noise)


def heard_place(
    place: Place, path: Path, repeat: Repeat | None, wanted: DiagnosisSettings
) -> HeardPlace:
    """Diagnose what was heard of a place."""
    file = probe(path)
    listener = Listener.of(file, wanted)
    windows = diagnosis.hear(file, listener)
    given = answer(windows)
    plans = diagnosis.plans(file, listener, windows, given)
    given = answer(windows, diagnosis.doubted(windows, given, plans))
    number = strongest(windows, given)
    samples = diagnosis.read_window(file, listener, number)
    pattern, _ = listener.pattern(samples, file.rate_hz, windows[number].band)
    told = diagnosis.warnings(file, listener, windows)
    return HeardPlace(place, given, windows, number, pattern, repeat, told)


def _blocks(file: AudioFile, looker: Looker) -> Iterator[Block]:
    """Read what the array's channels heard."""
    channels = looker.channels
    for block in read_blocks(file, file.rate_hz, max(1, _BLOCK // file.n_channels)):
        yield block if isinstance(channels, MicArray) else to_foa(block, channels)
