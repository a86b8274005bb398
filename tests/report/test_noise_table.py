"""Tables and figures of names under noise: what stands where, and nothing that is not there."""

import csv
import io
import json
import math
import re
from xml.etree import ElementTree

import pytest

from sonoscope.metrics.estimates import Estimate
from sonoscope.metrics.noise_scores import ALL, NoiseCell
from sonoscope.report.comparison import csv_text
from sonoscope.report.noise_figure import Line, NoiseFigure, Panel, noise_figure
from sonoscope.report.noise_table import NoiseTable, as_object, csv_lines, figure_of, noise_markdown

RATIOS = (math.inf, 20.0, 0.0, -5.0)
CLEAN, LOST = 0.8, {math.inf: 0.0, 20.0: 0.1, 0.0: 0.3, -5.0: 0.45}


def estimate(value: float) -> Estimate:
    return Estimate(value, math.nan, value - 0.05, value + 0.05)


def scores(value: float) -> dict[str, Estimate]:
    return {name: estimate(value) for name in ("macro_f1", "weighted_f1", "accuracy")}


def cells(
    noises: tuple[str, ...] = (ALL, "rotor", "<wind>"), unknown: float = 0.0
) -> list[NoiseCell]:
    return [
        NoiseCell(
            noise,
            ratio,
            is_denoised,
            scores(CLEAN - LOST[ratio] + 0.02 * is_denoised),
            {} if math.isinf(ratio) else scores(LOST[ratio]),
            scores(0.02) if is_denoised else {},
            unknown,
        )
        for noise in noises
        for is_denoised in (False, True)
        for ratio in RATIOS
    ]


def table(unknown: float = 0.0) -> NoiseTable:
    return NoiseTable("toy under noise", ("Heard: some.",), cells(unknown=unknown), 10)


def test_the_table_tells_scores_losses_and_changes() -> None:
    told = noise_markdown(table(), "x.svg")
    heads = "| Noise | Clips | Clean | 20 dB | 0 dB | −5 dB | Loss to 0 dB |"
    assert told.count(heads) == 2
    row = next(line for line in told.splitlines() if line.startswith("| rotor | denoised"))
    assert "| 82.0 (77.0 to 87.0) | 72.0 (67.0 to 77.0) |" in row
    assert row.endswith("| **+30.0** (+25.0 to +35.0) |")
    assert "| all together | +2.0 (−3.0 to +7.0) |" in told
    assert "![toy under noise](x.svg)" in told
    assert "unknown" not in told
    assert "## Clips that the model calls unknown, %" in noise_markdown(table(0.125))
    assert "| rotor | as they are | 12.5 |" in noise_markdown(table(0.125))


def test_without_0_db_the_lowest_ratio_tells_the_loss() -> None:
    some = [cell for cell in cells() if cell.snr_db != 0]
    told = noise_markdown(NoiseTable("x", (), some, 10))
    assert "| Loss to −5 dB |" in told
    assert "| **+45.0** (+40.0 to +50.0) |" in told


def test_the_csv_has_every_cell() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(list(csv_lines(cells(), network="EGA"))))))
    assert len(rows) == 3 * 2 * 4
    first, last = rows[0], rows[-1]
    assert (first["network"], first["noise"], first["snr_db"], first["denoised"]) == (
        "EGA", ALL, "inf", "0",
    )  # fmt: skip
    assert (first["accuracy"], first["accuracy_loss"], first["accuracy_gain"]) == ("0.8", "", "")
    assert (last["macro_f1_low"], last["macro_f1_loss_high"]) == ("0.32", "0.5")
    assert not [name for name in first if "spread" in name]


def test_the_object_is_json_without_infinities() -> None:
    told = json.loads(json.dumps(as_object(cells()), allow_nan=False))
    assert [each["snr_db"] for each in told[:4]] == [None, 20, 0, -5]
    assert told[1]["loss"]["accuracy"] == {"value": 0.1, "low": 0.05, "high": 0.15}
    assert told[0]["loss"] == {}


def test_the_figure_has_a_panel_a_noise_and_stays_inside() -> None:
    drawn = noise_figure(figure_of(table()))
    root = ElementTree.fromstring(drawn)
    words = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert words.count("Accuracy (%)") == 3
    assert [word for word in words if word in ("all together", "rotor", "<wind>")] == [
        "all together", "rotor", "<wind>",
    ]  # fmt: skip
    assert words.count("clean") == 3
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    marks = [each for each in root.iter() if each.tag.endswith("circle")]
    assert len(marks) == 3 * 4 + 1  # one in the key
    assert all(0 < float(each.attrib["cx"]) < width for each in marks)
    assert all(0 < float(each.attrib["cy"]) < height for each in marks)
    # the four points of the first line fall as the scores do
    ups = [float(each.attrib["cy"]) for each in marks[1:5]]
    assert ups == sorted(ups)


@pytest.mark.parametrize("count", [1, 2, 16])
def test_many_lines_have_no_whiskers_and_a_key_of_several_rows(count: int) -> None:
    shares = [estimate(0.5), None, estimate(0.2)]
    lines = [Line(f"a network called {i}", shares) for i in range(count)]
    figure = NoiseFigure("x", "F1 (%)", ["clean", "20", "0"], [Panel("rotor", lines)])
    drawn = noise_figure(figure)
    assert bool(re.search(r"M[\d.]+ [\d.]+V[\d.]+\"", drawn)) == (count <= 3)
    root = ElementTree.fromstring(drawn)
    for each in root.iter():
        if each.tag.endswith("text") and (each.text or "").startswith("a network"):
            right = float(each.attrib["x"]) + 7.2 * len(each.text or "")
            assert right <= float(root.attrib["width"])
