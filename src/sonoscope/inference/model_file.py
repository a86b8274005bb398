"""Model files: one ONNX graph from raw sound to activity and directions, and the card inside it.

The graph has one input, "sound" (batch, 4 channels, window), and outputs by the target that its
card names (`inference.answers.output_shapes`): of a class-wise one "activity" (batch, frame, label)
in 0..1 and "direction" (batch, frame, label, 3). The card is one JSON text in the graph's metadata
under `CARD_KEY`. Nothing in a model file is ever executed but ONNX operators.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import onnxruntime

from sonoscope.core.errors import CheckpointError
from sonoscope.core.recipe import json_table
from sonoscope.inference.answers import output_shapes
from sonoscope.targets.card import CARD_KEY, Card, read_card

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

_NAMERS = {"clip": ("clips", "classify"), "discharge": ("discharges", "diagnose")}
_ERRORS_ONLY = 4  # the session says by exceptions what it would also log


@dataclass(frozen=True, slots=True)
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


def load(path: Path) -> ModelFile:
    """Open a model file; a run uses one thread, and several runs may go side by side.

    Parameters
    ----------
    path
        The ONNX file.

    Raises
    ------
    CheckpointError
        If the file cannot be read, is not an ONNX model, has no card, names clips or discharges, or
        does not fit its card.
    """
    text, session = open_graph(path)
    kind = json_table(text).get("kind")
    if isinstance(kind, str) and kind in _NAMERS:
        what, verb = _NAMERS[kind]
        raise CheckpointError(
            f"{path}: must be a model that detects and locates, but it names {what}, "
            f"which is for `sonoscope {verb}`"
        )
    card = read_card(text, where=str(path))
    _check_shapes(path, card, session)
    return ModelFile(path, card, session)


def open_graph(path: Path) -> tuple[str, onnxruntime.InferenceSession]:
    """Open an ONNX file that carries a card of any kind; give the card's text and a session.

    Raises
    ------
    CheckpointError
        If the file cannot be read, is not an ONNX model or has no card.
    """
    _check_regular(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = 1
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
    return str(text), session


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
    outputs = output_shapes(card)
    wanted: dict[str, tuple[int, ...]] = {"sound": (N_CHANNELS, card.window), **outputs}
    given = {node.name: node for node in [*session.get_inputs(), *session.get_outputs()]}
    if set(given) != set(wanted):
        raise CheckpointError(
            f"{path}: a model must have input sound and outputs {' and '.join(outputs)}, "
            f"but {', '.join(sorted(given))} was given"
        )
    for name, shape in wanted.items():
        node = given[name]
        inner = tuple(node.shape[1:])
        if node.type != "tensor(float)" or not may_be(inner, shape):
            raise CheckpointError(
                f"{path}: {name} must be float32 of (batch, {', '.join(map(str, shape))}) "
                f"by its card, but {node.type} of {tuple(node.shape)} was given"
            )
        if isinstance(node.shape[0], int):
            raise CheckpointError(
                f"{path}: {name} must take any number of windows at once, "
                f"but {node.shape[0]} is fixed"
            )


def check_graph(
    path: Path, session: onnxruntime.InferenceSession, wanted: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse a graph whose inputs and outputs, without the batch, are not of the wanted shapes.

    Raises
    ------
    CheckpointError
        In one line.
    """
    given = {node.name: node for node in [*session.get_inputs(), *session.get_outputs()]}
    if set(given) != set(wanted):
        raise CheckpointError(
            f"{path}: a model must have inputs and outputs {', '.join(wanted)} by its card, but"
            f" {', '.join(sorted(given))} was given"
        )
    for name, shape in wanted.items():
        inner = tuple(given[name].shape[1:])
        if not may_be(inner, shape):
            raise CheckpointError(
                f"{path}: {name} must be of (batch, {', '.join(map(str, shape))}) by its card,"
                f" but {tuple(given[name].shape)} was given"
            )


def may_be(given: tuple[int | str | None, ...], wanted: tuple[int, ...]) -> bool:
    """Tell whether a declared shape is the wanted one as far as it is declared."""
    return len(given) == len(wanted) and all(
        not isinstance(size, int) or size == want for size, want in zip(given, wanted, strict=True)
    )
