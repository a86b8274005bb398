"""What a training has come to, a row a validation: `log.csv`, and its curve as a picture."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sonoscope.core.durable import write_text
from sonoscope.core.errors import InputError

LOG = "log.csv"
CURVE = "curve.svg"


@dataclass(frozen=True, slots=True)
class Row:
    """One validation.

    Attributes
    ----------
    step
        Steps done.
    heard_as
        The channel format whose scenes were scored.
    loss, sed_loss, doa_loss
        Means over the steps since the row before; the parts before weighting.
    learning_rate
        Of the last step.
    sound_s_per_s
        Seconds of sound trained with in a second, since the row before.
    er, f, de_deg, fr, seld
        Scores of the averaged weights at a threshold of 0.5.
    threshold, best_er, best_f, best_de_deg, best_fr, best_seld
        The best threshold for all labels, and the scores there.
    elapsed_s
        Seconds of training so far.
    """

    step: int
    heard_as: str
    loss: float
    sed_loss: float
    doa_loss: float
    learning_rate: float
    sound_s_per_s: float
    er: float
    f: float
    de_deg: float
    fr: float
    seld: float
    threshold: float
    best_er: float
    best_f: float
    best_de_deg: float
    best_fr: float
    best_seld: float
    elapsed_s: float


def read_rows(path: Path) -> list[Row]:
    """Read a log.

    Raises
    ------
    InputError
        If it is not one.
    """
    names = [field.name for field in fields(Row)]
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return [
                Row(int(row["step"]), row["heard_as"], *(float(row[name]) for name in names[2:]))
                for row in csv.DictReader(lines)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a readable log of a training: {error}") from error


def write_rows(out: Path, rows: Sequence[Row]) -> None:
    """Write the log and its curve, each in one step."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _short(value) for name, value in asdict(row).items()})
    write_text(out / LOG, text.getvalue())
    write_text(out / CURVE, curve(rows))


def _short(value: int | float | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


_WIDTH, _HEIGHT, _MARGIN = 640, 320, 40
_LINES: tuple[tuple[str, str, Callable[[Row], float]], ...] = (
    ("F", "#0072b2", lambda row: row.f),
    ("FR", "#009e73", lambda row: row.fr),
    ("ER", "#d55e00", lambda row: row.er),
    ("DE / 90°", "#cc79a7", lambda row: row.de_deg / 90),
)


def curve(rows: Sequence[Row]) -> str:
    """Draw F, frame recall, error rate and direction error over the steps, as SVG.

    The first channel format has full lines, a second one dashed lines.
    """
    formats = list(dict.fromkeys(row.heard_as for row in rows))
    lines = [
        Line(name, colour, [(row.step, of(row)) for row in rows if row.heard_as == heard_as], n)
        for name, colour, of in _LINES
        for n, heard_as in enumerate(formats)
    ]
    names = [(name, colour) for name, colour, _ in _LINES]
    title = " (full), ".join(formats)
    last = max((row.step for row in rows), default=1)
    return drawn(names, lines, last, f"{title}{' (dashed)' if ',' in title else ''}")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a curve: its name, colour, points of step and value (0 to 1), and how dashed."""

    name: str
    colour: str
    points: Sequence[tuple[int, float]]
    dashes: int = 0


def drawn(names: Sequence[tuple[str, str]], lines: Sequence[Line], last: int, title: str) -> str:
    """Draw lines over the steps as SVG, below their names; what is no number is left out."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
    ]
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        parts += [
            f'<path d="M{_MARGIN} {y:.1f}H{_WIDTH - _MARGIN}" stroke="#ddd"/>',
            f'<text x="{_MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10}</text>',
        ]
    for i, (name, colour) in enumerate(names):
        parts.append(f'<text x="{_MARGIN + 80 * i}" y="20" fill="{colour}">{name}</text>')
        parts += [_polyline(line, last) for line in lines if line.name == name]
    x, y = _WIDTH - _MARGIN, _HEIGHT - 12
    parts += [
        f'<text x="{_MARGIN}" y="{y}">{title}</text>',
        f'<text x="{x}" y="{y}" text-anchor="end">{last} steps</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _polyline(line: Line, last: int) -> str:
    points = " ".join(
        f"{_x(step, last):.1f},{_y(value):.1f}"
        for step, value in line.points
        if math.isfinite(value)
    )
    return (
        f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"'
        f' stroke-dasharray="{4 * line.dashes} {2 * line.dashes}"/>'
    )


def _x(step: int, last: int) -> float:
    return _MARGIN + (_WIDTH - 2 * _MARGIN) * step / last


def _y(value: float) -> float:
    return _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * min(max(value, 0.0), 1.0)
