"""What recordings were named, as one csv: a row a recording, and a row for each of its windows.

Columns: file, part ("whole" or "window"), start_s, end_s, label, probability, likeliest. The
probability is that of the likeliest label, which is also the label given unless that is "unknown";
in silence none is likeliest.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from sonoscope.core.durable import write_text
from sonoscope.report.markup import number


class NamedSpan(NamedTuple):
    """A recording or a window of it; the fields are the csv's columns."""

    file: str
    part: Literal["whole", "window"]
    start_s: float
    end_s: float
    label: str
    probability: float
    likeliest: str


def names_csv(spans: Iterable[NamedSpan]) -> str:
    """Write the table, in the order given."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(NamedSpan._fields)
    for span in spans:
        start_s, end_s = number(span.start_s, 4), number(span.end_s, 4)
        probability = number(span.probability, 4)
        writer.writerow(
            [span.file, span.part, start_s, end_s, span.label, probability, span.likeliest]
        )
    return buffer.getvalue().encode("utf-8", "replace").decode()  # a file name need not be text


def write_names(path: Path, spans: Iterable[NamedSpan]) -> None:
    """Write the csv, whole or not at all.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    write_text(path, names_csv(spans))
