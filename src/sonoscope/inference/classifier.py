"""A model that names clips, ready to listen: sound of any length and rate, in constant memory.

Windows follow each other by half their length until the sound is covered; the last is filled up
with silence. Each has probabilities of its own, so that long recordings have a timeline, and the
whole has their mean. Where no label is probable enough the answer is "unknown", and a window of
silence is always.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import onnxruntime
from jaxtyping import Float, Float32
from numpy import ndarray

from sonoscope.core.audio import AudioFile, probe, read_blocks, resample_chunks
from sonoscope.core.errors import CheckpointError, InputError
from sonoscope.core.event import Event
from sonoscope.core.recipe import json_table
from sonoscope.inference.discharges import DischargeNamer
from sonoscope.inference.model_file import check_graph, load, open_graph
from sonoscope.targets.card import Card
from sonoscope.targets.clip_card import ClipCard, read_clip_card
from sonoscope.targets.clip_label import UNKNOWN, probabilities
from sonoscope.targets.discharge_card import DischargeCard

_AT_ONCE = 4  # windows
_SILENT = 1e-5  # of full scale, the loudest sample
_CURVE_FRAMES = 2000
_SHARES = 6  # labels whose share of the recording is said


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """What a recording was taken for.

    Attributes
    ----------
    labels
        What could be told.
    start_s, window_s
        When each window begins, and how long it is.
    probability
        Of each label in each window; of silence every label is as probable.
    threshold
        What the likeliest label has to reach.
    """

    labels: tuple[str, ...]
    start_s: Float[ndarray, " window"]
    window_s: float
    probability: Float[ndarray, "window label"]
    threshold: float

    @property
    def whole(self) -> Float[ndarray, " label"]:
        """The probability of each label in the whole recording."""
        return np.asarray(self.probability.mean(axis=0))

    @property
    def label(self) -> str:
        """The whole recording's name, or "unknown"."""
        return self._name(self.whole)

    @property
    def is_silent(self) -> bool:
        """Whether nothing speaks for any label, as in silence."""
        return not self.told(self.whole)

    @staticmethod
    def told(probability: Float[ndarray, " label"]) -> bool:
        """Tell whether some label is more probable than another; in silence none is."""
        return bool(np.ptp(probability) > 0)

    @property
    def score(self) -> float:
        """How probable the likeliest label of the whole is."""
        return float(self.whole.max())

    def names(self) -> list[str]:
        """Name each window."""
        return [self._name(each) for each in self.probability]

    def likeliest(self, count: int = 5) -> list[tuple[str, float]]:
        """Give the likeliest labels of the whole, and how probable each is."""
        whole = self.whole
        order = np.argsort(-whole, kind="stable")[:count]
        return [(self.labels[i], float(whole[i])) for i in order]

    def edges_s(self, duration_s: float) -> Float[ndarray, " edge"]:
        """Tell from when to when each window speaks: neighbours share where both were heard."""
        between = (self.start_s[1:] + self.start_s[:-1] + self.window_s) / 2
        return np.asarray(np.clip([0.0, *between, duration_s], 0.0, duration_s))

    def events(self, duration_s: float) -> tuple[Event, ...]:
        """Join neighbours of one name; without gaps or overlap, "unknown" being one of the names.

        An event's score is the mean of its windows' highest probabilities.
        """
        edges_s, sure = self.edges_s(duration_s).tolist(), self.probability.max(axis=1)
        events = []
        for name, run in groupby(enumerate(self.names()), key=lambda each: each[1]):
            windows = [window for window, _ in run]
            start, end = edges_s[windows[0]], edges_s[windows[-1] + 1]
            events.append(Event(name, start, end, score=float(sure[windows].mean())))
        return tuple(events)

    def over_time(self, duration_s: float) -> Float32[ndarray, "frame label"]:
        """Spread probabilities evenly over the recording, two frames a window at least.

        Silence has none.
        """
        n_frames = max(_CURVE_FRAMES, 2 * len(self.start_s))
        at_s = (np.arange(n_frames) + 0.5) * duration_s / n_frames
        window = np.searchsorted(self.edges_s(duration_s)[1:-1], at_s, side="right")
        said = np.ptp(self.probability, axis=1, keepdims=True) > 0
        return np.asarray((self.probability * said)[window], np.float32)

    def in_words(self, events: Sequence[Event], duration_s: float) -> str:
        """Say what the whole was taken for, and which of its events last longest."""
        best, *others = self.likeliest(3)
        then = ", ".join(f"{label} {probability:.2f}" for label, probability in others)
        name = f"{self.label} with probability {best[1]:.2f}; then {then}"
        if self.label == UNKNOWN:
            name = f"{UNKNOWN}, likeliest {best[0]} {best[1]:.2f}; then {then}"
        if self.is_silent:
            name = f"{UNKNOWN}, silence"
        lasting = dict.fromkeys((event.label for event in events), 0.0)
        for event in events:
            lasting[event.label] += event.duration_s / duration_s
        shares = sorted(lasting.items(), key=lambda each: -each[1])
        heard = ", ".join(f"{label} {100 * share:.0f} %" for label, share in shares[:_SHARES])
        more = f", {len(shares) - _SHARES} more" if len(shares) > _SHARES else ""
        return f"As a whole: {name}. Over time: {heard}{more}."

    def _name(self, probability: Float[ndarray, " label"]) -> str:
        best = int(probability.argmax())
        is_sure = probability[best] >= self.threshold and self.told(probability)
        return self.labels[best] if is_sure else UNKNOWN


class Classifier:
    """A model file that names clips.

    Attributes
    ----------
    card
        What it says of itself.
    """

    def __init__(self, card: ClipCard, session: onnxruntime.InferenceSession) -> None:
        self.card, self._session = card, session

    @classmethod
    def load(cls, path: Path) -> "Classifier":
        """Open a model file.

        Raises
        ------
        CheckpointError
            If it cannot be read, is no model that names clips, or does not fit its card.
        """
        text, session = open_graph(path)
        card = read_clip_card(text, where=str(path))
        check_graph(path, session, {**card.input_shapes(), "logits": (len(card.labels),)})
        return cls(card, session)

    def logits(self, *inputs: Float[ndarray, "batch ..."]) -> Float32[ndarray, "batch label"]:
        """Give the network's answers to whole windows, for each of its inputs a batch."""
        fed = zip(self.card.hears, inputs, strict=True)
        (said,) = self._session.run(
            ["logits"], {name: np.asarray(each, np.float32) for name, each in fed}
        )
        return np.asarray(said)

    def probability(self, *inputs: Float[ndarray, "batch ..."]) -> Float[ndarray, "batch label"]:
        """Give the probabilities of whole windows."""
        return probabilities(self.logits(*inputs), self.card.temperature)

    def name_file(self, path: Path) -> Named:
        """Name a sound file; its channels are heard as one.

        Raises
        ------
        InputError
            If it cannot be read.
        CheckpointError
            If the model needs more than sound.
        """
        window, rate_hz = self.window_and_rate()
        file: AudioFile = probe(path)
        return self.name_blocks(read_blocks(file, rate_hz, window))

    def name(self, samples: Float[ndarray, "channel sample"], rate_hz: int) -> Named:
        """Name sound in memory, of any rate.

        Raises
        ------
        InputError
            If there is not one sample.
        CheckpointError
            If the model needs more than sound.
        """
        _, wanted_hz = self.window_and_rate()
        return self.name_blocks(resample_chunks([samples], rate_hz, wanted_hz))

    def name_blocks(self, blocks: Iterable[Float[ndarray, "channel _"]]) -> Named:
        """Name a stream of blocks at the model's rate, however it is cut.

        Raises
        ------
        InputError
            If there is not one sample.
        CheckpointError
            If the model needs more than sound.
        """
        window, rate_hz = self.window_and_rate()
        hop = max(window // 2, 1)
        cut, parts = _windows(blocks, window, hop), list[ndarray]()
        while some := list(islice(cut, _AT_ONCE)):
            parts.append(self._heard(np.stack(some)))
        if not parts:
            raise InputError("sound must have at least one sample to be named, but it has none")
        probability = np.concatenate(parts)
        start_s = np.arange(len(probability)) * hop / rate_hz
        card = self.card
        return Named(card.labels, start_s, window / rate_hz, probability, card.threshold)

    def _heard(self, sound: Float32[ndarray, "window sample"]) -> Float[ndarray, "window label"]:
        said = self.probability(sound)
        silent = np.abs(sound).max(axis=1) < _SILENT
        return np.asarray(np.where(silent[:, None], 1 / said.shape[1], said))

    def window_and_rate(self) -> tuple[int, int]:
        """Give samples in a window and per second, of a model that hears sound alone.

        Raises
        ------
        CheckpointError
            If the model needs more than sound.
        """
        card = self.card
        if card.hears != ("sound",) or card.window is None or card.rate_hz is None:
            raise CheckpointError(
                f"{card.name}: a model must hear sound alone to name recordings, but it takes"
                f" {' and '.join(card.hears)}"
            )
        return card.window, card.rate_hz


def card_of(path: Path) -> Card | ClipCard | DischargeCard:
    """Read the card of a model file of any kind.

    Raises
    ------
    CheckpointError
        If it cannot be read, is no model, or does not fit its card.
    """
    text, _ = open_graph(path)
    kind = json_table(text).get("kind")
    if kind == "discharge":
        return DischargeNamer.of_file(path).card
    return Classifier.load(path).card if kind == "clip" else load(path).card


def _windows(
    blocks: Iterable[Float[ndarray, "channel _"]], window: int, hop: int
) -> Iterator[Float32[ndarray, " sample"]]:
    """Cut a stream into windows; the last is filled up with silence."""
    held = np.zeros(0, np.float32)
    some = False
    for block in blocks:
        held = np.concatenate([held, block.mean(axis=0, dtype=np.float32)])
        while len(held) >= window:
            some = True
            yield held[:window]
            held = held[hop:]
    # of what is left, the first `window - hop` samples have been heard if there was a window
    if len(held) > (window - hop if some else 0):
        yield np.pad(held, (0, window - len(held)))
