"""Dry sounds for simulated scenes: clips of recordings, cut to where something sounds, and models.

A bank is asked for one *event* of a label: mono float32 sound that begins where its source begins
and ends where it ends, at one level for all (`ACTIVE_RMS`), so that the onset and offset of a
simulated scene mean what they say. Its second answer names where the sound came from.

Conventions: sounds are (sample,) float32 at the bank's rate; every choice is drawn from the
generator that is handed in, so that the same generator gives the same bytes.

References: ITU-T P.56 (2011) for the idea of a level over the active part of a sound alone;
R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients", for the peak.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import soxr  # type: ignore[import-untyped]
from jaxtyping import Float
from numpy import ndarray
from scipy.ndimage import uniform_filter1d
from scipy.signal import sosfilt

from sonoscope.core.audio import read
from sonoscope.core.errors import InputError, SettingError
from sonoscope.simulation.stimuli import STIMULI

ACTIVE_RMS = 0.1  # of every event, over its active frames
FRAME_S = 0.01
RANGE_DB = 35.0  # what lies further below the loudest frame is silence
NOISE_MARGIN_DB = 9.0  # above a clip's own noise, where that is what counts
LEAST_RANGE_DB = 12.0  # a steady sound is its own noise floor: so much of it always counts
HYSTERESIS_DB = 6.0  # a stretch must rise so far above the level at which it ends
DIGITAL_SILENCE_DB = -80.0  # padding tells nothing about a clip's noise
BRIDGED_GAP_S = 0.35
RHYTHM_GAP_S: Mapping[str, float] = {  # the pauses that belong to a sound, where they are longer
    "clock_alarm": 0.6,  # between two groups of beeps
    "footsteps": 0.7,  # from heel to heel at 80 steps a minute
    "keyboard_typing": 0.7,
}
SHORTEST_S = 0.05
SUSTAINED_S = 3.0  # a longer stretch has no shape of its own: any part of it is an event
SHORTEST_CUT_S = 1.0
FADE_S = 0.01
WORDS = (2, 6)
PAUSE_S = (0.05, 0.2)

MODELLED = "modelled"  # the attribution of what nobody recorded

SPEED = (0.85, 1.18)
TILT_DB = 6.0
PEAK_DB = 6.0
PEAK_HZ = (150.0, 6_000.0)
PEAK_Q = (0.7, 2.5)
BAND_LIMIT_HZ = (3_400.0, 7_500.0)
BAND_LIMIT_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Clip:
    """A short recording of one kind of sound.

    Attributes
    ----------
    label
        What sounds.
    path
        The sound file.
    group
        Which original it was cut from: clips of one group never stand on both sides of a split.
    fold
        The part of its data set.
    licence
        Short name, such as `CC0` or `CC-BY`.
    attribution
        Title, author and address, as the licence asks for.
    is_word
        Whether it is a single spoken word, to be joined with others of its group (its speaker).
    """

    label: str
    path: Path
    group: str
    fold: str
    licence: str
    attribution: str
    is_word: bool = False


def attribution(clips: Iterable[Clip]) -> list[str]:
    """List who made the clips, a line each original, in order: for a model card.

    Examples
    --------
    >>> bark = Clip("dog", Path("a.wav"), "1", "1", "CC-BY", "Bark by Ann")
    >>> attribution([bark, bark])
    ['Bark by Ann [CC-BY]']
    """
    return sorted({f"{clip.attribution} [{clip.licence}]" for clip in clips})


def assert_disjoint(train: Iterable[Clip], test: Iterable[Clip]) -> None:
    """Refuse a split that hears cuts of one original on both sides.

    Raises
    ------
    SettingError
        Naming the first clip of `test` whose group, or whose file, `train` has too.
    """
    groups, paths = set[str](), set[Path]()
    for clip in train:
        groups.add(clip.group)
        paths.add(clip.path)
    for clip in test:
        if clip.group in groups or clip.path in paths:
            raise SettingError(
                f"a group must stand on one side of a split, but {clip.path} of group"
                f" {clip.group} was given for the test while the training has that group too"
            )


@runtime_checkable
class SoundBank(Protocol):
    """Whatever can be asked for an event of a label."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Which labels can be drawn, in alphabetical order."""
        ...

    def draw(
        self, label: str, generator: np.random.Generator, max_s: float
    ) -> tuple[Float[ndarray, " sample"], str]:
        """Give one event of at most `max_s` seconds, and where it came from."""
        ...


class ClipBank:
    """Events cut from recorded clips, which are read once and kept.

    Parameters
    ----------
    clips
        What may be drawn.
    rate_hz
        Rate of the events.
    lazy
        Read each clip when it is first drawn; otherwise all are read now.

    Raises
    ------
    SettingError
        Where there are no clips.
    InputError
        For a clip that cannot be read or holds only silence.
    """

    def __init__(self, clips: Sequence[Clip], rate_hz: int, *, lazy: bool = True) -> None:
        if not clips:
            raise SettingError("clips must be at least one, but none was given")
        self._rate_hz = rate_hz
        self._by_label: dict[str, list[Clip]] = {}
        self._words: dict[tuple[str, str], list[Clip]] = {}
        for clip in clips:
            self._by_label.setdefault(clip.label, []).append(clip)
            if clip.is_word:
                self._words.setdefault((clip.label, clip.group), []).append(clip)
        self._loaded: dict[Path, tuple[ndarray, list[tuple[int, int]]]] = {}
        if not lazy:
            for clip in clips:
                self._load(clip)

    @property
    def labels(self) -> tuple[str, ...]:
        """Which labels can be drawn, in alphabetical order."""
        return tuple(sorted(self._by_label))

    def draw(
        self, label: str, generator: np.random.Generator, max_s: float
    ) -> tuple[Float[ndarray, " sample"], str]:
        """Give one event of at most `max_s` seconds, and the attribution of its clip.

        An event is one active stretch of a clip (the longer, the likelier); of a sustained
        stretch, a random part of 1 to `max_s` seconds; of words, an utterance of one speaker.

        Raises
        ------
        SettingError
            For a label that has no clips.
        """
        if label not in self._by_label:
            raise SettingError(
                f"label must be one of {', '.join(self.labels)}, but {label} was given"
            )
        clips = self._by_label[label]
        clip = clips[generator.integers(len(clips))]
        if clip.is_word:
            event = self._utterance(clip, generator, max_s)
        else:
            samples, stretches = self._load(clip)
            event = _cut(samples, stretches, self._rate_hz, generator, max_s)
        return normalised(_faded(event, self._rate_hz), self._rate_hz), clip.attribution

    def _utterance(self, first: Clip, generator: np.random.Generator, max_s: float) -> ndarray:
        """Join words of the first one's speaker, as long as they fit."""
        room = round(max_s * self._rate_hz)
        others = self._words[first.label, first.group]
        parts = [self._load(first)[0][:room]]
        for _ in range(int(generator.integers(WORDS[0], WORDS[1] + 1)) - 1):
            pause = np.zeros(round(generator.uniform(*PAUSE_S) * self._rate_hz), np.float32)
            word = self._load(others[generator.integers(len(others))])[0]
            if sum(map(len, parts)) + len(pause) + len(word) > room:
                break
            parts += [pause, word]
        return np.concatenate(parts)

    def _load(self, clip: Clip) -> tuple[ndarray, list[tuple[int, int]]]:
        """Read a clip once: mono, with its stretches."""
        if clip.path in self._loaded:
            return self._loaded[clip.path]
        samples = read(clip.path, self._rate_hz).samples.mean(axis=0).astype(np.float32)
        if clip.is_word:
            samples = _faded(samples, self._rate_hz)
            stretches = [(0, len(samples))]
        else:
            gap_s = RHYTHM_GAP_S.get(clip.label, BRIDGED_GAP_S)
            stretches = active_segments(samples, self._rate_hz, bridged_gap_s=gap_s)
        if not stretches or not np.any(samples):
            raise InputError(f"{clip.path} must hold a sound, but only silence was found")
        if clip.is_word:
            samples = normalised(samples, self._rate_hz)
        self._loaded[clip.path] = samples, stretches
        return samples, stretches


class ModelledBank:
    """Events made from the physics of their sources (simulation.stimuli), needing no data."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz

    @property
    def labels(self) -> tuple[str, ...]:
        """Which labels can be drawn, in alphabetical order."""
        return tuple(sorted(STIMULI))

    def draw(
        self, label: str, generator: np.random.Generator, max_s: float
    ) -> tuple[Float[ndarray, " sample"], str]:
        """Give one new event of at most `max_s` seconds, and that it was modelled.

        Raises
        ------
        SettingError
            For a label that has no model.
        """
        if label not in STIMULI:
            raise SettingError(
                f"label must be one of {', '.join(self.labels)}, but {label} was given"
            )
        sound = STIMULI[label](generator, self._rate_hz)
        stretches = active_segments(sound, self._rate_hz, bridged_gap_s=np.inf)
        event = _cut(sound, stretches, self._rate_hz, generator, max_s)
        return normalised(_faded(event, self._rate_hz), self._rate_hz), MODELLED


class MixedBank:
    """Events of recordings, and now and then of models.

    Parameters
    ----------
    recorded, modelled
        Where both know a label, the second is asked with probability `modelled_share`; where one
        knows it, that one.
    modelled_share
        From 0 to 1.

    Raises
    ------
    SettingError
        For a share beyond these.
    """

    def __init__(self, recorded: SoundBank, modelled: SoundBank, modelled_share: float) -> None:
        if not 0 <= modelled_share <= 1:
            raise SettingError(
                f"modelled_share must be from 0 to 1, but {modelled_share} was given"
            )
        self._recorded, self._modelled, self._share = recorded, modelled, modelled_share

    @property
    def labels(self) -> tuple[str, ...]:
        """Which labels can be drawn, in alphabetical order."""
        return tuple(sorted({*self._recorded.labels, *self._modelled.labels}))

    def draw(
        self, label: str, generator: np.random.Generator, max_s: float
    ) -> tuple[Float[ndarray, " sample"], str]:
        """Give one event of at most `max_s` seconds, and where it came from.

        Raises
        ------
        SettingError
            For a label that neither knows.
        """
        is_modelled = label in self._modelled.labels and (
            label not in self._recorded.labels or generator.random() < self._share
        )
        return (self._modelled if is_modelled else self._recorded).draw(label, generator, max_s)


class MappedBank:
    """Events under labels for which other sounds stand in.

    Parameters
    ----------
    sounds
        The bank that is really asked.
    stand_ins
        For each label, labels of `sounds`, of which each is as likely; those that the bank does
        not know are passed over. What is not named here keeps its own label.

    Raises
    ------
    SettingError
        If a label has no stand-in at all in its list.
    """

    def __init__(self, sounds: SoundBank, stand_ins: Mapping[str, Sequence[str]]) -> None:
        for label, sources in stand_ins.items():
            if not sources:
                raise SettingError(f"sounds.{label} must name at least one label, but names none")
        known = set(sounds.labels)
        self._sounds = sounds
        self._sources: dict[str, tuple[str, ...]] = {
            label: (label,) for label in known - set(stand_ins)
        }
        for label, sources in stand_ins.items():
            there = tuple(source for source in sources if source in known)
            if there:
                self._sources[label] = there

    @property
    def labels(self) -> tuple[str, ...]:
        """Which labels can be drawn, in alphabetical order."""
        return tuple(sorted(self._sources))

    def draw(
        self, label: str, generator: np.random.Generator, max_s: float
    ) -> tuple[Float[ndarray, " sample"], str]:
        """Give one event of at most `max_s` seconds, and `what really sounds: where it came from`.

        Raises
        ------
        SettingError
            For a label that nothing stands in for.
        """
        if label not in self._sources:
            raise SettingError(
                f"label must be one of {', '.join(self.labels)}, but {label} was given"
            )
        sources = self._sources[label]
        source = sources[int(generator.integers(len(sources)))]
        sound, came_from = self._sounds.draw(source, generator, max_s)
        return sound, f"{source}: {came_from}"


def active_segments(
    samples: Float[ndarray, " sample"], rate_hz: int, *, bridged_gap_s: float = BRIDGED_GAP_S
) -> list[tuple[int, int]]:
    """Find the stretches in which something sounds, as (start, stop) samples in order.

    The level of 10 ms frames, smoothed over three, opens a stretch where it stands 6 dB above
    a threshold and holds it until it falls below: 35 dB under the loudest frame, or 9 dB above
    the clip's own noise where that is higher (the quietest tenth of its frames, padding left
    out), yet never within 12 dB of the loudest. Gaps under 0.35 s are bridged, then stretches
    under 0.05 s dropped, unless there is nothing longer.
    """
    frame = round(FRAME_S * rate_hz)
    power = frame_power(samples, rate_hz)
    loudest = power.max(initial=0.0)
    if loudest <= 0:
        return []
    level_db = 10 * np.log10(np.maximum(power / loudest, 1e-12))
    sounding = level_db[level_db > DIGITAL_SILENCE_DB]
    noise_db = float(np.percentile(sounding, 10))
    threshold_db = max(-RANGE_DB, min(noise_db + NOISE_MARGIN_DB, -LEAST_RANGE_DB))
    stretches = _runs(level_db > threshold_db)
    risen = level_db > threshold_db + HYSTERESIS_DB
    stretches = [(start, stop) for start, stop in stretches if risen[start:stop].any()]
    joined: list[tuple[int, int]] = []
    for start, stop in stretches:
        if joined and (start - joined[-1][1]) * FRAME_S < bridged_gap_s:
            joined[-1] = joined[-1][0], stop
        else:
            joined.append((start, stop))
    shortest = min(SHORTEST_S / FRAME_S, max(stop - start for start, stop in joined))
    return [
        (start * frame, min(stop * frame, len(samples)))
        for start, stop in joined
        if stop - start >= shortest
    ]


def frame_power(samples: Float[ndarray, " sample"], rate_hz: int) -> Float[ndarray, " frame"]:
    """Give the mean square of 10 ms frames, smoothed over three, the last one padded."""
    frame = round(FRAME_S * rate_hz)
    n_frames = -(-len(samples) // frame)
    padded = np.zeros(n_frames * frame)
    padded[: len(samples)] = samples
    squares = np.mean(padded.reshape(n_frames, frame) ** 2, axis=1)
    if not n_frames:
        return np.zeros(0)
    # the filter's running sum can end a rounding error below zero
    return np.asarray(np.maximum(uniform_filter1d(squares, size=3, mode="nearest"), 0))


def normalised(sound: Float[ndarray, " sample"], rate_hz: int) -> Float[ndarray, " sample"]:
    """Scale to `ACTIVE_RMS` over the frames within 20 dB of the loudest; silence stays."""
    power = frame_power(sound, rate_hz)
    loudest = power.max(initial=0.0)
    if loudest <= 0:
        return sound.astype(np.float32)
    active = power[power > 0.01 * loudest].mean()
    return np.asarray(sound * (ACTIVE_RMS / np.sqrt(active)), np.float32)


def augment(
    sound: Float[ndarray, " sample"], rate_hz: int, generator: np.random.Generator
) -> Float[ndarray, " new_sample"]:
    """Give the same sound as another source might have made it, at the same RMS.

    Another speed (0.85 to 1.18, pitch and all), a tilt of up to 6 dB at both ends, one broad
    peak or dip of up to 6 dB, either polarity, and in one of four a band limit between 3.4 and
    7.5 kHz with the steep edge a resampled recording has, so that bandwidth tells nothing.
    """
    speed = float(np.exp(generator.uniform(*np.log(SPEED))))
    band_limit_hz = float(generator.uniform(*BAND_LIMIT_HZ))
    is_limited = bool(generator.random() < BAND_LIMIT_SHARE) and band_limit_hz < 0.47 * rate_hz
    equaliser = np.stack(
        [
            _tilt(float(generator.uniform(-TILT_DB, TILT_DB)), 1_000.0, rate_hz),
            _peak(
                float(generator.uniform(-PEAK_DB, PEAK_DB)),
                float(np.exp(generator.uniform(*np.log(PEAK_HZ)))),
                float(generator.uniform(*PEAK_Q)),
                rate_hz,
            ),
        ]
    )
    polarity = 1.0 if generator.random() < 0.5 else -1.0
    before = _rms(sound)
    if before == 0:
        return sound.astype(np.float32)
    between_hz = 2 * band_limit_hz if is_limited else float(rate_hz)
    turned = soxr.resample(sound.astype(np.float32), rate_hz * speed, between_hz, quality="MQ")
    if is_limited:
        turned = soxr.resample(turned, between_hz, rate_hz, quality="MQ")
    turned = sosfilt(equaliser.astype(np.float32), turned)
    return np.asarray(turned * (polarity * before / _rms(turned)), np.float32)


def _tilt(gain_db: float, pivot_hz: float, rate_hz: int) -> ndarray:
    """H(s) = (g s + ω)/(s + g ω): 1/g at the bottom, 1 at the pivot, g at the top; bilinear."""
    gain = 10 ** (gain_db / 20)
    omega = np.tan(np.pi * pivot_hz / rate_hz)
    numerator = np.array([gain + omega, omega - gain, 0.0])
    denominator = np.array([1 + gain * omega, gain * omega - 1, 0.0])
    return np.asarray(np.concatenate([numerator, denominator]) / denominator[0])


def _peak(gain_db: float, centre_hz: float, q: float, rate_hz: int) -> ndarray:
    """Give the cookbook's peaking equaliser as one second-order section."""
    omega = 2 * np.pi * min(centre_hz, 0.4 * rate_hz) / rate_hz
    amplitude, alpha, cosine = 10 ** (gain_db / 40), np.sin(omega) / (2 * q), np.cos(omega)
    numerator = np.array([1 + alpha * amplitude, -2 * cosine, 1 - alpha * amplitude])
    denominator = np.array([1 + alpha / amplitude, -2 * cosine, 1 - alpha / amplitude])
    return np.asarray(np.concatenate([numerator, denominator]) / denominator[0])


def _cut(
    samples: ndarray,
    stretches: Sequence[tuple[int, int]],
    rate_hz: int,
    generator: np.random.Generator,
    max_s: float,
) -> ndarray:
    """Take one stretch, or a random part of it where it is sustained or too long."""
    lengths = np.array([stop - start for start, stop in stretches], float)
    start, stop = stretches[generator.choice(len(stretches), p=lengths / lengths.sum())]
    longest = min(stop - start, round(max_s * rate_hz))
    if stop - start <= min(max_s, SUSTAINED_S) * rate_hz:
        return samples[start:stop]
    shortest = min(longest, round(SHORTEST_CUT_S * rate_hz))
    length = int(generator.integers(shortest, longest + 1))
    begin = start + int(generator.integers(stop - start - length + 1))
    part = samples[begin : begin + length]
    active = active_segments(part, rate_hz)  # a cut may fall into a bridged gap
    return part[active[0][0] : active[-1][1]] if active else part


def _faded(event: ndarray, rate_hz: int) -> ndarray:
    """Fade both ends by a raised cosine of 10 ms; the smoothed level leaves that margin."""
    length = min(round(FADE_S * rate_hz), len(event) // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / max(length, 1))).astype(
        np.float32
    )
    faded = event.astype(np.float32)
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded


def _runs(mask: ndarray) -> list[tuple[int, int]]:
    """Give (start, stop) of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _rms(sound: ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if sound.size else 0.0
