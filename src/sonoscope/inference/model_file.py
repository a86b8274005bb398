"""Model files: one ONNX graph from raw sound to activity and directions, and the card inside it.

The graph has one input, "sound" (batch, 4 channels, window), and two outputs, "activity" (batch,
frame, label) in 0..1 and "direction" (batch, frame, label, 3). The card is one JSON text in the
graph's metadata under `CARD_KEY`. Nothing in a model file is ever executed but ONNX operators.
"""

from dataclasses import dataclass as plain_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import onnxruntime
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from sonoscope.core.audio import MAX_RATE_HZ, MIN_RATE_HZ
from sonoscope.core.errors import CheckpointError
from sonoscope.core.frames import FrameGrid
from sonoscope.core.recipe import STRICT
from sonoscope.targets.classwise import Decoding

CARD_KEY = "sonoscope.card"
"""Where the card lies in the metadata of the ONNX file."""

N_CHANNELS = 4
SUFFIX = ".onnx"

faults = onnxruntime.capi.onnxruntime_pybind11_state
REFUSALS = (
    faults.EPFail,
    faults.Fail,
    faults.InvalidArgument,
    faults.InvalidGraph,
    faults.InvalidProtobuf,
    faults.NoModel,
    faults.NoSuchFile,
    faults.NotFound,
    faults.NotImplemented,
    faults.RuntimeException,
)
"""What ONNX Runtime raises where it cannot load or run a graph."""

_ERRORS_ONLY = 4  # the session says by exceptions what it would also log

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Label = Annotated[str, Field(min_length=1)]


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
    target
        How its outputs are to be read.
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
    target: Literal["classwise-xyz"] = "classwise-xyz"
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
    def window_frames(self) -> int:
        """How many frames one window gives."""
        return self.window // self.hop


@plain_dataclass(frozen=True, slots=True)
class ModelFile:
    """A model ready to run.

    Attributes
    ----------
    path
        Where it came from.
    card
        What it says of itself.
    session
        ONNX Runtime's session on the processor.
    """

    path: Path
    card: Card
    session: onnxruntime.InferenceSession


def card_text(card: Card) -> str:
    """Write a card as the JSON text that goes under `CARD_KEY`."""
    return TypeAdapter(Card).dump_json(card, indent=1).decode()


def read_card(text: str, *, where: str) -> Card:
    """Read a card's JSON text.

    Raises
    ------
    CheckpointError
        If it is not JSON, or a key is unknown, missing or out of range.
    """
    try:
        return TypeAdapter(Card).validate_json(text)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'card'}: "
            + fault["msg"].removeprefix("Value error, ")
            for fault in error.errors()[:3]
        )
        raise CheckpointError(f"{where}: the card must describe the model, but {told}") from error


def load(path: Path, threads: int | None = None) -> ModelFile:
    """Open a model file.

    Parameters
    ----------
    path
        The ONNX file.
    threads
        How many threads one window may use; by default as many as there are cores.

    Raises
    ------
    CheckpointError
        If the file cannot be read, is not an ONNX model, has no card, or does not fit its card.
    """
    _check_regular(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads or 0
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except REFUSALS as error:
        raise CheckpointError(
            f"{path}: must be a model (ONNX), but ONNX Runtime says: {_reason(error)}"
        ) from error
    text = session.get_modelmeta().custom_metadata_map.get(CARD_KEY)
    if text is None:
        raise CheckpointError(
            f"{path}: must carry a card under {CARD_KEY}, but this ONNX file has none"
        )
    card = read_card(text, where=str(path))
    _check_shapes(path, card, session)
    return ModelFile(path, card, session)


def shipped() -> list[Path]:
    """Give the model files that came with the installation, in order of name."""
    folder = Path(str(files("sonoscope.inference"))) / "shipped"
    return sorted(folder.glob(f"*{SUFFIX}"))


def resolve(name_or_path: str) -> Path:
    """Find a model by the name of a shipped one, or by its path.

    Raises
    ------
    CheckpointError
        If it is neither.
    """
    names = {path.stem: path for path in shipped()}
    if name_or_path in names:
        return names[name_or_path]
    path = Path(name_or_path)
    if path.exists():
        return path
    known = f"a shipped one ({', '.join(names)})" if names else "a shipped one (there is none)"
    raise CheckpointError(f"model must be {known} or a file, but {name_or_path!r} was given")


def _check_regular(path: Path) -> None:
    """Refuse what would hang or cannot be opened, in words of its own."""
    fault = None
    try:
        if not path.is_file():
            fault = "no regular file is there"
        else:
            with path.open("rb") as file:
                fault = None if file.read(1) else "an empty file was given"
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
    if fault:
        raise CheckpointError(f"{path}: must be a model (ONNX), but {fault}")


def _reason(error: Exception) -> str:
    """Give the first sentence of ONNX Runtime's message, without its numbers and paths."""
    told = " ".join(str(error).split())
    return told.removeprefix("[ONNXRuntimeError] : ")[:160]


def _check_shapes(path: Path, card: Card, session: onnxruntime.InferenceSession) -> None:
    frames, labels = card.window_frames, len(card.labels)
    wanted = {
        "sound": (N_CHANNELS, card.window),
        "activity": (frames, labels),
        "direction": (frames, labels, 3),
    }
    given = {node.name: node for node in [*session.get_inputs(), *session.get_outputs()]}
    if set(given) != set(wanted):
        raise CheckpointError(
            f"{path}: a model must have input sound and outputs activity and direction, "
            f"but {', '.join(sorted(given))} was given"
        )
    for name, shape in wanted.items():
        node = given[name]
        inner = tuple(node.shape[1:])
        if node.type != "tensor(float)" or not _may_be(inner, shape):
            raise CheckpointError(
                f"{path}: {name} must be float32 of (batch, {', '.join(map(str, shape))}) "
                f"by its card, but {node.type} of {tuple(node.shape)} was given"
            )
        if isinstance(node.shape[0], int):
            raise CheckpointError(
                f"{path}: {name} must take any number of windows at once, "
                f"but {node.shape[0]} is fixed"
            )


def _may_be(given: tuple[int | str | None, ...], wanted: tuple[int, ...]) -> bool:
    """Tell whether a declared shape is the wanted one as far as it is declared."""
    return len(given) == len(wanted) and all(
        not isinstance(size, int) or size == want for size, want in zip(given, wanted, strict=True)
    )
