import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

from sonoscope.core.frame_table import to_frames
from sonoscope.metrics.compared import ComparedPicture, ComparedRow, Comparison
from sonoscope.metrics.dcase2019 import Counts, Tally
from sonoscope.metrics.scored_run import READINGS, ScoredRun
from sonoscope.report.comparison import markdown, write_comparison


def counts(found: int, reading: str, error_deg: float) -> Counts:
    return Counts(
        "strict" if reading == "strict" else "official",
        Tally(20, found, found, 0, 20 - found, 0),
        Tally(200, 10 * found, 10 * found, 0, 200 - 10 * found, 0),
        math.radians(error_deg) * 10 * found,
        10 * found,
        10 * found,
        400 + 10 * found,
        600,
    )


def run(found: tuple[int, ...], seed: int = 0, fold: int = 1, error_deg: float = 5.0) -> ScoredRun:
    return ScoredRun(
        "foa",
        fold,
        seed,
        {
            reading: {f"r{i}": counts(n, reading, error_deg) for i, n in enumerate(found)}
            for reading in READINGS
        },
        513_324,
        200,
        3.3,
        2000,
        2000,
        600.0,
        90.0,
        66.7,
        "a machine",
    )


GOOD = [run((16, 18, 14, 17)), run((15, 18, 15, 17), seed=1)]
POOR = [run((10, 11, 9, 10), error_deg=9.0), run((10, 12, 9, 9), seed=1, error_deg=9.0)]


def table() -> Comparison:
    rows = [
        ComparedRow("CRNN", POOR),
        ComparedRow("better", GOOD, published=(0.21, 0.884, 5.1, None), source="A paper"),
        ComparedRow("gains", GOOD, published=(-0.03, 0.057, -5.9, 0.037), is_gain=True, source="B"),
        ComparedRow("to come", [], ["fold 1 seed 0", "fold 1 seed 1"]),
    ]
    return Comparison("t", "A table", "foa", rows, "CRNN", facts=("Made of nothing.",))


def cells(text: str, row: str, nth: int = 0) -> list[str]:
    lines = [line for line in text.splitlines() if line.startswith(f"| {row} |")]
    return [cell.strip() for cell in lines[nth].strip("|").split("|")]


def test_a_row_has_value_spread_and_interval() -> None:
    text = markdown(table())
    assert text.startswith("# t: A table (FOA)\n")
    _, er, f, de, *_, folds, seeds, trainings, tested, published = cells(text, "better")
    # 65 and 65 of 80 events found
    assert er.startswith("0.188 ± 0.000 (0.1")
    assert f.startswith("89.7 ± 0.0 (")
    assert de.startswith("5.0 ± 0.0 (5.0 to 5.0)")
    assert (folds, seeds, trainings, tested) == ("1", "2", "2", "4")
    assert published == "0.21 / 88.4 / 5.1 / –"


def test_differences_are_from_the_reference_and_bold_where_clear() -> None:
    text = markdown(table())
    assert "Differences from CRNN" in text
    _, er, f, de, *_, pairs, published = cells(text, "gains", nth=1)
    assert er.startswith("**−0.312** (")
    assert f.startswith("**+23")
    assert de.startswith("**−4.0**")
    assert (pairs, published) == ("2", "−0.03 / +5.7 / −5.9 / +3.7")
    assert cells(text, "gains")[-1] == "–"


def test_what_is_missing_is_said() -> None:
    text = markdown(table())
    assert "- to come: fold 1 seed 0, fold 1 seed 1" in text
    assert cells(text, "to come")[1:] == ["–"] * 7 + ["0 of 2", "–", "–"]


def test_a_row_half_done_says_so_and_is_paired_with_what_it_has() -> None:
    rows = [
        ComparedRow("CRNN", POOR),
        ComparedRow("half", GOOD[:1], ["fold 1 seed 1"]),
        ComparedRow("elsewhere", [run((16, 18), fold=2)]),
        ComparedRow("not asked for", []),
    ]
    text = markdown(Comparison("t", "A table", "foa", rows, "CRNN"))
    assert cells(text, "half")[-4:] == ["1", "1 of 2", "4", "–"]
    assert cells(text, "half", nth=1)[-2] == "1"
    whole = [ComparedRow("CRNN", POOR[:1]), ComparedRow("half", GOOD[:1])]
    paired = markdown(Comparison("t", "A table", "foa", whole, "CRNN"))
    assert cells(text, "half", nth=1) == cells(paired, "half", nth=1)
    assert cells(text, "elsewhere", nth=1)[1:] == ["–"] * 5 + ["0", "–"]
    assert cells(text, "not asked for")[1:] == ["–"] * 10
    assert "- not asked for" not in text


def test_without_the_reference_differences_are_to_come(tmp_path: Path) -> None:
    rows = [ComparedRow("CRNN", []), ComparedRow("better", GOOD)]
    comparison = Comparison("t", "A table", "foa", rows, "CRNN")
    assert "Differences from CRNN come as soon as it has a result." in markdown(comparison)
    write_comparison(tmp_path, comparison)
    with (tmp_path / "t.csv").open() as file:
        better = list(csv.DictReader(file))[-1]
    assert (better["network"], better["er_gain"]) == ("better", "")


def test_nothing_done_yet_is_a_table_too(tmp_path: Path) -> None:
    rows = [ComparedRow("CRNN", [], ["fold 1 seed 0"])]
    write_comparison(tmp_path, Comparison("t", "A table", "mic", rows, "CRNN"))
    assert "Differences" not in (tmp_path / "t.md").read_text()
    assert (tmp_path / "t.csv").read_text().count("\n") == 1 + len(READINGS)


def test_costs_are_told() -> None:
    cost = cells(markdown(table()), "better", nth=2)
    assert cost[1:] == [
        "513\N{NARROW NO-BREAK SPACE}324",
        "200 recordings",
        "3.3",
        "2000",
        "66.7",
        "10.0",
        "1.5",
        "a machine",
    ]


def test_the_csv_has_every_reading_and_the_difference(tmp_path: Path) -> None:
    write_comparison(tmp_path, table())
    with (tmp_path / "t.csv").open() as file:
        rows = {(row["network"], row["reading"]): row for row in csv.DictReader(file)}
    assert len(rows) == 4 * len(READINGS)
    strict, poor = rows["better", "strict"], rows["CRNN", "strict"]
    assert float(strict["de_deg"]) == pytest.approx(5.0)
    gain = float(strict["er"]) - float(poor["er"])
    assert float(strict["er_gain"]) == pytest.approx(gain, abs=2e-6)
    assert float(strict["er_gain_low"]) < gain < float(strict["er_gain_high"])
    assert float(poor["er_gain"]) == 0
    assert rows["to come", "strict"]["er"] == ""
    assert rows["to come", "strict"]["missing"] == "2"
    with (tmp_path / "t-runs.csv").open() as file:
        each = list(csv.DictReader(file))
    assert len(each) == 6 * len(READINGS)
    assert {row["tested_recordings"] for row in each} == {"4"}


def test_pictures_stand_last(tmp_path: Path) -> None:
    silence = to_frames([], ("dog",), 50)
    picture = ComparedPicture("a", "What was heard", silence, silence, 10.0)
    shown = replace(table(), pictures=[picture])
    assert markdown(shown).endswith("![What was heard](t-a.svg)\n\nWhat was heard\n")
    write_comparison(tmp_path, shown)
    assert "What was heard" in (tmp_path / "t-a.svg").read_text()
