"""What a training on clips has come to, a row a validation: `log.csv`, and its curve."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sonoscope.core.durable import write_text
from sonoscope.core.errors import InputError
from sonoscope.training import log


@dataclass(frozen=True, slots=True)
class ClipRow:
    """One validation.

    Attributes
    ----------
    step, epoch
        Steps done, and how often each training clip was heard.
    loss
        Mean of the steps since the row before.
    learning_rate
        Of the last step.
    clips_per_s
        Clips trained with in a second, since the row before.
    validation_loss, accuracy, macro_f1, weighted_f1
        Of the validation clips as wholes, nan where there are none.
    elapsed_s
        Seconds of training so far.
    """

    step: int
    epoch: float
    loss: float
    learning_rate: float
    clips_per_s: float
    validation_loss: float
    accuracy: float
    macro_f1: float
    weighted_f1: float
    elapsed_s: float


def read_rows(path: Path) -> list[ClipRow]:
    """Read a log.

    Raises
    ------
    InputError
        If it is not one.
    """
    names = [field.name for field in fields(ClipRow)]
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return [
                ClipRow(int(row["step"]), *(float(row[name]) for name in names[1:]))
                for row in csv.DictReader(lines)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a readable log of a training: {error}") from error


def write_rows(out: Path, rows: Sequence[ClipRow], n_labels: int) -> None:
    """Write the log, every digit of it, and its curve, each in one step."""
    text = io.StringIO()
    names = [field.name for field in fields(ClipRow)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_text(out / log.LOG, text.getvalue())
    write_text(out / log.CURVE, curve(rows, n_labels))


def curve(rows: Sequence[ClipRow], n_labels: int) -> str:
    """Draw accuracy, macro-F1 and both losses over the steps; 1 is the loss of a guess."""
    guess = math.log(n_labels) if n_labels > 1 else 1.0
    lines = [
        log.Line("accuracy", "#0072b2", [(row.step, row.accuracy) for row in rows]),
        log.Line("macro-F1", "#009e73", [(row.step, row.macro_f1) for row in rows]),
        log.Line("loss", "#d55e00", [(row.step, row.loss / guess) for row in rows]),
        log.Line(
            "validation", "#cc79a7", [(row.step, row.validation_loss / guess) for row in rows], 1
        ),
    ]
    names = [(line.name, line.colour) for line in lines]
    last = max((row.step for row in rows), default=1)
    return log.drawn(names, lines, last, f"losses in units of a guess among {n_labels}")
