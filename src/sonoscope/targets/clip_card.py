"""The card of a model file that names clips; it lies where any card does (`targets.card`)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from sonoscope.core.audio import MAX_RATE_HZ, MIN_RATE_HZ
from sonoscope.core.errors import CheckpointError
from sonoscope.core.recipe import STRICT, json_table
from sonoscope.targets.card import Label, Name, read_card_of
from sonoscope.targets.clip_label import UNKNOWN

Input = Literal["sound", "prpd"]


@dataclass(config=STRICT)
class ClipCard:
    """What a model file says of itself.

    Attributes
    ----------
    name, version
        What people call it; `name` is also the file's name where it ships.
    labels
        What it can tell apart, in the order of its logits.
    hears
        The graph's inputs, in order: mono sound (batch sample), a PRPD pattern (batch 2 phase
        amplitude).
    rate_hz, window
        Samples per second, and in a window, where it hears sound.
    pattern
        Phases and amplitudes of a pattern, where it sees one.
    temperature
        By what logits are divided before they become probabilities.
    threshold
        Probability of the likeliest label below which a clip is of none.
    recipe, seed
        The text of the recipe it was trained by, and its seed.
    trained_on, data_hash
        What it learnt from, in words and as a hash.
    metrics
        Scores on named test sets: set -> metric -> figure.
    licence, attribution
        Of the weights, and of the recordings they learnt from.
    """

    name: Name
    version: str
    labels: Annotated[tuple[Label, ...], Field(min_length=2)]
    kind: Literal["clip"] = "clip"
    hears: Annotated[tuple[Input, ...], Field(min_length=1)] = ("sound",)
    rate_hz: Annotated[int, Field(ge=MIN_RATE_HZ, le=MAX_RATE_HZ)] | None = None
    window: Annotated[int, Field(ge=1)] | None = None
    pattern: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    temperature: Annotated[float, Field(gt=0)] = 1.0
    threshold: Annotated[float, Field(ge=0)] = 0.0
    recipe: str = ""
    seed: int | None = None
    trained_on: str = ""
    data_hash: str = ""
    metrics: dict[str, dict[str, float]] = Field(default_factory=dict)
    licence: str = ""
    attribution: str = ""

    def __post_init__(self) -> None:
        if len(set(self.labels)) < len(self.labels) or UNKNOWN in self.labels:
            raise ValueError(f"labels must differ from each other and from {UNKNOWN}")
        if ("sound" in self.hears) != (self.rate_hz is not None and self.window is not None):
            raise ValueError(
                "rate_hz and window must be given where sound is heard, and only there"
            )
        if ("prpd" in self.hears) != (self.pattern is not None):
            raise ValueError("pattern must be given where a PRPD pattern is seen, and only there")

    @property
    def window_s(self) -> float:
        """Seconds in a window; nan where no sound is heard."""
        return float("nan") if self.window is None else self.window / (self.rate_hz or 1)

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Give the shape of each of the graph's inputs, without the batch."""
        shapes: dict[str, tuple[int, ...]] = {}
        if self.window is not None:
            shapes["sound"] = (self.window,)
        if self.pattern is not None:
            shapes["prpd"] = (2, *self.pattern)
        return {name: shapes[name] for name in self.hears}


def read_clip_card(text: str, *, where: str) -> ClipCard:
    """Read a card's JSON text.

    Raises
    ------
    CheckpointError
        If it is not JSON, is the card of another kind of model, or a key does not fit.
    """
    must = "be of a model that names clips"
    if "decoding" in json_table(text):  # what every detector's card has, and none that names clips
        raise CheckpointError(
            f"{where}: the card must {must}, but it is of one that detects and locates, which is"
            " for `sonoscope analyze`"
        )
    return read_card_of(ClipCard, text, must, where=where)
