"""The card of a model file: what it hears, how its outputs are to be read, what it learnt from.

One JSON text, kept in the metadata of the ONNX graph under `CARD_KEY`; written by export and read
before listening.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from sonoscope.core.audio import MAX_RATE_HZ, MIN_RATE_HZ
from sonoscope.core.errors import CheckpointError
from sonoscope.core.frames import FrameGrid
from sonoscope.core.recipe import STRICT
from sonoscope.targets.calibration import Calibration
from sonoscope.targets.classwise import Decoding

CARD_KEY = "sonoscope.card"
"""Where the card lies in the metadata of the ONNX file."""

Target = Literal["classwise-xyz", "accdoa", "multi-accdoa", "multi-accdoa-distance", "tracks"]
"""How a network says what it hears; the modules of this room tell each."""

COPIES: dict[Target, int] = {
    "classwise-xyz": 1,
    "accdoa": 1,
    "multi-accdoa": 3,
    "multi-accdoa-distance": 3,
    "tracks": 3,
}
"""How many sources of one label at a moment each is taught."""

MAX_TRACKS = 5
"""With more of them, trying each order of tracks takes too long."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Label = Annotated[str, Field(min_length=1)]
AnyCard = TypeVar("AnyCard")


@dataclass(config=STRICT)
class Dropout:
    """A place in the network where units can be left out at random while it listens.

    Attributes
    ----------
    name
        The graph's input that takes what is kept, (pass, *shape): 0 or 1 / (1 - rate). Where it is
        not given, everything is kept.
    rate
        Share of the units that was left out in training.
    shape
        Of one pass.
    """

    name: Name
    rate: Annotated[float, Field(gt=0, lt=1)]
    shape: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


@dataclass(config=STRICT)
class Card:
    """What a model file says of itself.

    Attributes
    ----------
    name, version
        What people call it; `name` is also the file's name where it ships.
    labels
        What it can hear, in the order of its outputs.
    rate_hz, window, hop
        Samples per second, samples of one window, samples per output frame.
    channel_format
        "foa" (ACN/SN3D) or "tetra" (the DCASE capsules).
    decoding
        How its frames become events.
    calibration
        What the events' scores and spreads are worth; older models do not know.
    dropout
        What may be left out at random while it listens; none: it always says the same.
    target
        How its outputs are to be read.
    tracks
        How many sources it tells apart at a moment: of one label by vectors, of all by tracks.
    recipe
        The text of the recipe it was trained by.
    seed
        The seed of the training.
    trained_on, data_hash
        What sound it learnt from, in words and as a hash.
    metrics
        Scores on named test sets: set -> metric -> figure.
    licence, attribution
        Of the weights, and of the recordings they learnt from.
    """

    name: Name
    version: str
    labels: Annotated[tuple[Label, ...], Field(min_length=1)]
    rate_hz: Annotated[int, Field(ge=MIN_RATE_HZ, le=MAX_RATE_HZ)]
    channel_format: Literal["foa", "tetra"]
    window: Annotated[int, Field(ge=1)]
    hop: Annotated[int, Field(ge=1)]
    decoding: Decoding
    calibration: Calibration | None = None
    dropout: tuple[Dropout, ...] = ()
    target: Target = "classwise-xyz"
    tracks: Annotated[int, Field(ge=1, le=MAX_TRACKS)] = 1
    recipe: str = ""
    seed: int | None = None
    trained_on: str = ""
    data_hash: str = ""
    metrics: dict[str, dict[str, float]] = Field(default_factory=dict)
    licence: str = ""
    attribution: str = ""

    def __post_init__(self) -> None:
        if self.window % self.hop:
            raise ValueError(f"window ({self.window}) must be a multiple of hop ({self.hop})")
        if self.tracks > 1 and self.target in ("classwise-xyz", "accdoa"):
            raise ValueError(f"tracks must be 1 for the target {self.target}, not {self.tracks}")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels must differ from each other")
        if len(self.decoding.thresholds) != len(self.labels):
            raise ValueError(
                f"decoding.thresholds must be {len(self.labels)} numbers, one a label, "
                f"but {len(self.decoding.thresholds)} were given"
            )

    @property
    def grid(self) -> FrameGrid:
        """The grid of the output frames."""
        return FrameGrid(self.rate_hz, self.hop)

    @property
    def thresholds(self) -> dict[str, float]:
        """What each label's activity has to pass for an event to begin."""
        return dict(zip(self.labels, self.decoding.thresholds, strict=True))

    @property
    def window_frames(self) -> int:
        """How many frames one window gives."""
        return self.window // self.hop


def card_text(card: object) -> str:
    """Write a card of any kind as the JSON text that goes under `CARD_KEY`."""
    return TypeAdapter(type(card)).dump_json(card, indent=1).decode()


def read_card(text: str, *, where: str) -> Card:
    """Read a detector's card from its JSON text.

    Raises
    ------
    CheckpointError
        If it is not JSON, or a key is unknown, missing or out of range.
    """
    return read_card_of(Card, text, "describe the model", where=where)


def read_card_of(kind: type[AnyCard], text: str, must: str, *, where: str) -> AnyCard:
    """Read a card of one kind; refuse as `read_card`, saying what the card must do."""
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'card'}: "
            + fault["msg"].removeprefix("Value error, ")
            for fault in error.errors()[:3]
        )
        raise CheckpointError(f"{where}: the card must {must}, but {told}") from error
