"""Names given to labelled clips under noise, with and without a denoiser before the ears.

```
clip x ──┬──────────────────────────► windows ─► said, clean
         ├─ + g n, at each ratio ───► windows ─► said under the noise n
         └─ each of these denoised ─► windows ─► said after denoising
```

`g` makes 10 log10(power of x / power of g n) the wanted ratio; the clip keeps its level, and
nothing is limited to full scale. A clip has one piece n of each noise for all ratios and both
treatments, so that differences are paired. The likeliest label counts, however sure: there is no
"unknown" here, but how many clips fall below the listener's threshold is counted beside.

Clips are heard in windows evenly spread; a clip's probabilities are their mean
(`targets.clip_label`).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float, Int64
from numpy import ndarray
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.errors import InputError
from sonoscope.core.recipe import STRICT
from sonoscope.signal.denoise import Choice, DenoiseSettings, denoise
from sonoscope.targets.clip_label import probabilities, sliding_starts, spread_starts, together

_AT_ONCE = 8  # windows

AUDIBLE = DenoiseSettings(rule="garrote", strength=0.35, choice=Choice(keep="all"))
"""For sounds that people hear: measured, docs/methods/robustness.md."""

Piece = Callable[[str, int, int], Float[ndarray, " sample"]]
"""Gives a clip's own piece of a noise from its name, a rate and a number of samples."""

Ratio = Annotated[float, Field(ge=-60, le=120, allow_inf_nan=False)]


@settings(config=STRICT)
class NoiseTestSettings:
    """How clips are hidden in noise.

    Attributes
    ----------
    snr_db
        Ratios, highest first; clean clips are heard besides.
    over
        Where a clip's power is measured: "whole", or where it is "sounding".
    seed
        Which pieces of noise.
    denoiser
        What is done to clips before they are heard a second time.
    """

    snr_db: Annotated[tuple[Ratio, ...], Field(min_length=1)] = (20.0, 10.0, 0.0, -5.0)
    over: Literal["whole", "sounding"] = "whole"
    seed: Annotated[int, Field(ge=0)] = 0
    denoiser: DenoiseSettings = AUDIBLE

    @model_validator(mode="after")
    def _falls(self) -> "NoiseTestSettings":
        if list(self.snr_db) != sorted(set(self.snr_db), reverse=True):
            raise ValueError("snr_db must be ratios that differ, highest first")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """What names windows of sound.

    Attributes
    ----------
    rate_hz, window
        Samples a second, and in a window.
    labels
        What it can say.
    logits
        Its answers to windows.
    temperature, threshold
        By what answers are divided, and the probability below which a clip is "unknown".
    crops
        Windows of a clip; as many as follow each other by half a window where None.
    """

    rate_hz: int
    window: int
    labels: tuple[str, ...]
    logits: Callable[[Float[ndarray, "batch sample"]], Float[ndarray, "batch label"]]
    temperature: float = 1.0
    threshold: float = 0.0
    crops: int | None = None

    def probability(self, sounds: Sequence[Float[ndarray, " _"]]) -> Float[ndarray, "sound label"]:
        """Give the probabilities of whole sounds."""
        cuts = [(i, cut) for i, sound in enumerate(sounds) for cut in self._windows(sound)]
        parts = [
            self.logits(np.stack([cut for _, cut in cuts[i : i + _AT_ONCE]]))
            for i in range(0, len(cuts), _AT_ONCE)
        ]
        said = probabilities(np.concatenate(parts), self.temperature)
        return together(said, np.array([i for i, _ in cuts], np.int64), len(sounds))

    def _windows(self, sound: Float[ndarray, " sample"]) -> Iterator[Float[ndarray, " sample"]]:
        hop = max(self.window // 2, 1)
        crops = self.crops or len(sliding_starts(len(sound), self.window, hop))
        for start in spread_starts(len(sound), self.window, crops):
            cut = sound[start : start + self.window].astype(np.float32)
            yield np.pad(cut, (0, self.window - len(cut)))


@dataclass(frozen=True, slots=True, eq=False)
class LabelledClip:
    """A clip at the listener's rate.

    Attributes
    ----------
    samples
        One channel.
    label, group
        The number of its label among the listener's, and the original it was cut from.
    name
        Tells it from all others, whatever their order.
    power
        What ratios are reckoned from.
    """

    samples: Float[ndarray, " sample"]
    label: int
    group: str
    name: str
    power: float


@dataclass(frozen=True, slots=True)
class Condition:
    """Under what clips were heard: noise and ratio ("" and infinite: clean); denoised or not."""

    noise: str
    snr_db: float
    is_denoised: bool


@dataclass(frozen=True, slots=True, eq=False)
class NoiseTest:
    """What was said of the same clips under every condition.

    Attributes
    ----------
    n_labels
        How many labels there are.
    label, groups
        The truth, and the original of each clip.
    said, unsure
        The likeliest label of each clip, and whether it fell below the threshold.
    """

    n_labels: int
    label: Int64[ndarray, " clip"]
    groups: tuple[str, ...]
    said: Mapping[Condition, Int64[ndarray, " clip"]]
    unsure: Mapping[Condition, Bool[ndarray, " clip"]]

    @property
    def noises(self) -> tuple[str, ...]:
        """Name the noises, in the order they were heard."""
        return tuple(dict.fromkeys(each.noise for each in self.said if each.noise))

    @property
    def snr_db(self) -> tuple[float, ...]:
        """Give the ratios, clean first."""
        return tuple(sorted({each.snr_db for each in self.said}, reverse=True))


def mixed(
    samples: Float[ndarray, " sample"],
    noise: Float[ndarray, " sample"],
    snr_db: float,
    power: float,
) -> Float[ndarray, " sample"]:
    """Add noise to a sound of some power, so loud that their ratio is what is asked for."""
    if math.isinf(snr_db):
        return samples
    own = float(np.mean(np.square(noise, dtype=np.float64)))
    gain = math.sqrt(power / own) * 10 ** (-snr_db / 20)
    return np.asarray(samples + gain * noise, np.float64)


def heard_in_noise(
    listener: Listener,
    clips: Iterable[LabelledClip],
    noises: Mapping[str, Piece],
    asked: NoiseTestSettings,
) -> NoiseTest:
    """Let a listener name clips clean and under noises, as they are and denoised.

    Parameters
    ----------
    noises
        Pieces by the noise's name, which is not empty.

    Raises
    ------
    InputError
        If there is no clip, or one is silent.
    """
    conditions = [
        Condition(noise, snr_db, is_denoised)
        for is_denoised in (False, True)
        for noise, snr_db in (("", math.inf), *((n, r) for n in noises for r in asked.snr_db))
    ]
    label, groups, rows = list[int](), list[str](), list[Float[ndarray, "condition label"]]()
    for clip in clips:
        sounds = list(_under(clip, noises, asked, listener.rate_hz))
        sounds += [denoise(each, listener.rate_hz, asked.denoiser).samples for each in sounds]
        rows.append(listener.probability(sounds))
        label.append(clip.label)
        groups.append(clip.group)
    if not rows:
        raise InputError("clips must be given to be heard in noise, but there are none")
    every = np.stack(rows, axis=1)
    said, sure = every.argmax(axis=2), every.max(axis=2)
    return NoiseTest(
        len(listener.labels),
        np.array(label, np.int64),
        tuple(groups),
        dict(zip(conditions, said, strict=True)),
        dict(zip(conditions, sure < listener.threshold, strict=True)),
    )


def _under(
    clip: LabelledClip, noises: Mapping[str, Piece], asked: NoiseTestSettings, rate_hz: int
) -> Iterator[Float[ndarray, " sample"]]:
    """Give a clip clean, then under each noise at each ratio."""
    if clip.power <= 0:
        raise InputError(
            f"{clip.name}: a clip must hold sound to be hidden in noise, but is silent"
        )
    yield clip.samples
    for piece in noises.values():
        noise = piece(clip.name, rate_hz, len(clip.samples))
        for snr_db in asked.snr_db:
            yield mixed(clip.samples, noise, snr_db, clip.power)
