"""Rows survive the file; the curve is a picture of them."""

import math
from dataclasses import fields, replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from sonoscope.core.errors import InputError
from sonoscope.training.log import CURVE, LOG, Row, curve, read_rows, write_rows

ROW = Row(10, "foa", *(float(i) / 16 for i in range(len(fields(Row)) - 2)))


def test_rows_come_back(tmp_path: Path) -> None:
    rows = [ROW, replace(ROW, step=20, heard_as="tetra", er=math.inf)]
    write_rows(tmp_path, rows)
    assert read_rows(tmp_path / LOG) == rows
    assert (tmp_path / LOG).read_text().startswith("step,heard_as,loss,sed_loss,doa_loss,")


def test_a_direction_error_that_does_not_exist_leaves_a_gap(tmp_path: Path) -> None:
    write_rows(tmp_path, [replace(ROW, de_deg=math.nan)])
    assert math.isnan(read_rows(tmp_path / LOG)[0].de_deg)
    assert "nan" not in (tmp_path / CURVE).read_text()


def test_the_curve_has_a_line_a_score_and_format_and_rises_with_the_score() -> None:
    rows = [replace(ROW, step=step, heard_as=name, f=step / 40)
            for step in (10, 20, 40) for name in ("foa", "tetra")]  # fmt: skip
    picture = ET.fromstring(curve(rows))
    lines = [line.get("points") or "" for line in picture.iter() if line.tag.endswith("polyline")]
    assert len(lines) == 8
    heights = [float(point.split(",")[1]) for point in lines[0].split()]
    assert heights == sorted(heights, reverse=True)  # down the page is down


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("step,loss\n1,x\n")
    with pytest.raises(InputError, match="not a readable log"):
        read_rows(tmp_path / LOG)
