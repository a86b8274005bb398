"""What the trainings of a table of detectors have come to so far."""

from dataclasses import replace
from pathlib import Path

from sonoscope.metrics.compared import ComparedRow, Comparison
from sonoscope.metrics.scored_run import Reading
from sonoscope.training.pictured import pictured
from sonoscope.training.reproduce import Plan, PlannedRow, results, shown
from sonoscope.training.table_work import left_of
from sonoscope.training.tables import Format


def compared(plan: Plan, heard_as: Format, data: Path, reading: Reading) -> Comparison:
    """Collect it in one format, to be told in one reading.

    Raises
    ------
    InputError
        If a result, or the recording of a picture, cannot be read.
    """
    rows, table = shown(plan, heard_as), plan.table
    pictures = (pictured(rows, picture, data) for picture in table.pictures)
    return Comparison(
        plan.named(heard_as),
        table.title,
        heard_as,
        [_compared(row) for row in rows],
        table.reference,
        reading,
        facts=(plan.scale.says, _origin(data)),
        pictures=[picture for picture in pictures if picture is not None],
    )


def _compared(planned: PlannedRow) -> ComparedRow:
    row = planned.row
    compared = ComparedRow(row.name, results(planned), left_of(planned.trainings))
    published = row.published.get(planned.heard_as)
    if published is None:
        return compared
    figures = published.er, published.f, published.de_deg, published.fr
    return replace(compared, published=figures, is_gain=published.is_gain, source=row.source)


def _origin(data: Path) -> str:
    if (data / "tau2019" / "truth").is_dir():
        return (
            "Recordings are made by the simulator, which replays the published tables of TAU"
            " Spatial Sound Events 2019: these are not the published recordings."
        )
    return "Recordings are those of TAU Spatial Sound Events 2019 as found in the data folder."
