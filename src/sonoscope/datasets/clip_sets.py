"""Labelled clips in a folder of any layout: ESC-50, UrbanSound8K, or a folder a label."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sonoscope.core.audio import read
from sonoscope.core.errors import SettingError
from sonoscope.datasets import esc50, folder, urbansound8k
from sonoscope.metrics.noise_test import LabelledClip
from sonoscope.simulation.noises import Over, clip_power
from sonoscope.simulation.sources import Clip


@dataclass(frozen=True, slots=True)
class FoundClips:
    """Clips of a folder.

    Attributes
    ----------
    says
        What they are called, in words.
    clips
        In the set's order.
    warnings
        What one must know of them.
    """

    says: str
    clips: tuple[Clip, ...]
    warnings: tuple[str, ...] = ()

    def known_as(self, labels: Sequence[str]) -> "FoundClips":
        """Keep the clips of some labels, and say which others were left out.

        Raises
        ------
        SettingError
            If none is left, or all are cut from one original.
        """
        kept = tuple(clip for clip in self.clips if clip.label in labels)
        others = sorted({clip.label for clip in self.clips} - set(labels))
        if not kept:
            raise SettingError(
                f"{self.says} must hold clips of the model's labels, {_some(labels)}, but holds"
                f" {_some(others)}"
            )
        if len({clip.group for clip in kept}) < 2:
            raise SettingError(
                f"{self.says} must hold clips of two originals or more, of which intervals are"
                " made, but holds one"
            )
        said = (
            f"{len(self.clips) - len(kept)} clips were left out, as the model does not know"
            f" {_some(others)}"
        )
        return FoundClips(self.says, kept, (said,) if others else ())


def as_heard(
    clips: Iterable[Clip], labels: Sequence[str], rate_hz: int, over: Over
) -> Iterator[LabelledClip]:
    """Read clips at a rate, their channels as one, one after the other.

    Raises
    ------
    InputError
        If one cannot be read.
    """
    for clip in clips:
        samples = read(clip.path, rate_hz).samples.mean(axis=0)
        name = f"{clip.label}/{clip.fold}/{clip.path.name}"
        loud = clip_power(samples, rate_hz, over)
        yield LabelledClip(samples, labels.index(clip.label), clip.group, name, loud)


def found_clips(where: Path, folds: Collection[int] | None = None) -> FoundClips:
    """List a folder's clips.

    Parameters
    ----------
    folds
        Of a set that has them, which must be told; None of a folder a label.

    Raises
    ------
    SettingError
        If folds are not told, are none of the set's, or are told of a folder a label, or a set lies
        deeper.
    InputError
        If a table or a sound file is missing.
    """
    if _is_esc50(where):
        chosen = _chosen(folds, range(1, 6), "ESC-50")
        return FoundClips(_says("ESC-50", chosen), tuple(esc50.clips(where, folds=chosen)))
    if _is_urbansound8k(where):
        chosen = _chosen(folds, urbansound8k.FOLDS, "UrbanSound8K")
        found = urbansound8k.clips(where, folds=chosen)
        return FoundClips(_says("UrbanSound8K", chosen), tuple(found))
    within = [each for each in (where / "esc50", where / "urbansound8k") if _is_set(each)]
    if within:
        raise SettingError(f"--data must be a set's own folder, {within[0]}, but {where} was given")
    if folds is not None:
        raise SettingError(
            f"--folds must go with ESC-50 or UrbanSound8K, but {where} holds neither's table"
        )
    return FoundClips(where.resolve().name, tuple(folder.clips(where)))


def _is_esc50(where: Path) -> bool:
    return (where / "esc50.csv").is_file() or (where / "meta" / "esc50.csv").is_file()


def _is_urbansound8k(where: Path) -> bool:
    return (where / "metadata" / "UrbanSound8K.csv").is_file()


def _is_set(where: Path) -> bool:
    return _is_esc50(where) or _is_urbansound8k(where)


def _chosen(folds: Collection[int] | None, known: Collection[int], name: str) -> tuple[int, ...]:
    if folds is None:
        raise SettingError(
            f"--folds must tell which of {name}'s {len(known)} folds to hear, those that the model"
            " did not learn from, but was left out"
        )
    for fold in folds:
        if fold not in known:
            raise SettingError(
                f"--folds must be among 1 to {len(known)} of {name}, but {fold} was given"
            )
    return tuple(sorted(set(folds)))


def _says(name: str, folds: tuple[int, ...]) -> str:
    return f"{name}, fold{'' if len(folds) == 1 else 's'} {', '.join(map(str, folds))}"


def _some(labels: Sequence[str], most: int = 5) -> str:
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more
