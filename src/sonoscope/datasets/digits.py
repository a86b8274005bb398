"""The Free Spoken Digit Dataset: single spoken digits, 8 kHz, to be joined to utterances.

Files are named DIGIT_SPEAKER_INDEX.wav; every clip is a word of the label `speech`, and its group
is its speaker, so that no voice stands on both sides of a split.

Reference: Z. Jackson et al., "Free Spoken Digit Dataset", https://github.com/Jakobovski/free-spoken-digit-dataset,
CC BY-SA 4.0.
"""

from collections.abc import Collection
from pathlib import Path

from sonoscope.core.errors import InputError, SettingError
from sonoscope.simulation.sources import Clip

LABEL = "speech"
TRAIN_SPEAKERS = ("george", "jackson", "lucas", "nicolas")
TEST_SPEAKERS = ("theo", "yweweler")
_ATTRIBUTION = (
    "Speaker {speaker} of the Free Spoken Digit Dataset by its contributors,"
    " https://github.com/Jakobovski/free-spoken-digit-dataset"
)


def clips(folder: Path, *, speakers: Collection[str] | None = None) -> list[Clip]:
    """List the words of some speakers, of all where None, in order of their names.

    `folder` holds the wav files, or a folder `recordings` with them.

    Raises
    ------
    InputError
        Where there are no such files, or one is named otherwise.
    SettingError
        For a speaker of whom there is no word.
    """
    within = folder / "recordings" if (folder / "recordings").is_dir() else folder
    found = [_clip(path) for path in sorted(within.glob("*.wav"))]
    if not found:
        raise InputError(f"{within} must hold DIGIT_SPEAKER_INDEX.wav files, but none was found")
    groups = None if speakers is None else {f"fsdd:{speaker}" for speaker in speakers}
    unknown = sorted((groups or set()) - {clip.group for clip in found})
    if unknown:
        raise SettingError(
            f"speakers must be of those in {within},"
            f" but {unknown[0].removeprefix('fsdd:')} was given"
        )
    return [clip for clip in found if groups is None or clip.group in groups]


def _clip(path: Path) -> Clip:
    parts = path.stem.split("_")
    if len(parts) != 3:
        raise InputError(f"{path} must be named DIGIT_SPEAKER_INDEX.wav, but {path.name} was given")
    speaker = parts[1]
    group = f"fsdd:{speaker}"
    said = _ATTRIBUTION.format(speaker=speaker)
    return Clip(LABEL, path, group, speaker, "CC-BY-SA", said, is_word=True)
