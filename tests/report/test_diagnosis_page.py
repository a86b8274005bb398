"""The page of a diagnosis: answer first, every figure with its unit, nothing from outside."""

import csv
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.signal.pulse_sounds import RATE_HZ, floating_bars
from tests.targets.diagnosed import SEVERITY, window

from sonoscope.report.advice import KINDS, LIMITS, NOUNS, advised, headline
from sonoscope.report.diagnosis_figures import pattern_figure, shade_style, sound_figure
from sonoscope.report.diagnosis_index import DiagnosedEntry, diagnoses_csv, index_page
from sonoscope.report.diagnosis_page import Closer, DiagnosisReport, in_words, render_diagnosis
from sonoscope.report.linear_spectrogram import LinearColumns
from sonoscope.report.page import ModelCard
from sonoscope.report.severity_table import MAIN, MORE, cards, table, windows_csv
from sonoscope.report.spectrogram import Spectrogram
from sonoscope.signal.denoise import denoise
from sonoscope.signal.prpd import phase_resolve
from sonoscope.signal.references import LOCKED, shipped
from sonoscope.targets.diagnosis import answer


def seen(sound: np.ndarray) -> Spectrogram:
    columns = LinearColumns(RATE_HZ, sound.shape[-1])
    columns.feed(sound[None])
    return columns.finish()


@pytest.fixture(scope="module")
def closer() -> Closer:
    sound = floating_bars(50.0, 1.0)[0]
    done = denoise(sound, RATE_HZ)
    pattern = phase_resolve(sound, RATE_HZ)
    return Closer(window("floating"), pattern, done.plan, seen(sound), seen(done.samples))


@pytest.fixture(scope="module")
def report(closer: Closer) -> DiagnosisReport:
    windows = [window(label, i) for i, label in enumerate(["floating"] * 4 + ["nothing"] * 2)]
    return DiagnosisReport(
        title="<mast & 7>.wav",
        duration_s=12.0,
        answer=answer(windows),
        windows=windows,
        closer=closer,
        overview=closer.before,
        known=shipped(),
        model=None,
        facts={"Mains": "50.00 Hz"},
        warnings=("a <warning>",),
        settings={"Windows": "6"},
    )


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_the_answer_comes_first_and_all_that_is_owed_follows(report: DiagnosisReport) -> None:
    page = render_diagnosis(report)
    order = [
        "Signs of a floating part", "What it means", "What to do next", "How strong",
        "Pattern over the mains", "Sound before and after", "Over time", "cannot know",
        "Model and settings",
    ]  # fmt: skip
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    said = text_of(page)
    for words in (*KINDS["floating"].steps, *LIMITS, "likeness 0.90", "simulated"):
        assert words.replace("&", "&amp;").replace("'", "&#x27;") in said
    assert "in 4 of 6 windows" in said


def test_it_stands_alone_and_nothing_breaks_out(report: DiagnosisReport) -> None:
    page = render_diagnosis(report)
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "<mast" not in page
    assert "<warning" not in page
    assert page.count("<script") == 2
    for svg in re.findall(r"<svg.*?</svg>(?:</svg>)?", page, re.DOTALL):
        if svg.count("<svg") == svg.count("</svg>"):
            ET.fromstring(svg)


def test_a_network_is_named_with_its_card_and_one_window_has_no_timeline(
    report: DiagnosisReport,
) -> None:
    card = ModelCard("discharge", "1", ("corona", "floating"), "CC0", {"Learnt from": "draws"})
    one = replace(report, model=card, windows=report.windows[:1], answer=answer(report.windows[:1]))
    page = render_diagnosis(one)
    said = text_of(page)
    assert "the network discharge 1" in said
    assert "confidence 0.90" in said
    assert "<h2>Over time" not in page
    assert "the whole recording" in said


def test_where_nothing_is_found_it_says_what_could_have_been(report: DiagnosisReport) -> None:
    windows = [window("nothing", i) for i in range(6)]
    quiet = replace(
        report,
        windows=windows,
        answer=answer(windows),
        closer=replace(report.closer, window=windows[0]),
    )
    said = text_of(render_diagnosis(quiet))
    assert "No discharge found" in said
    assert "no proof" in said
    assert "Pulses above \N{MINUS SIGN}42 dB of full scale would have been counted" in said
    assert "What could have been heard" in said


def test_every_clear_pulse_is_a_cell_and_every_kind_beside(closer: Closer) -> None:
    drawn = pattern_figure(closer.pattern, shipped(), {"floating": 0.9}, ("floating",))
    svg = ET.fromstring(drawn)
    words = [each.text or "" for each in svg.iter("text")]
    assert any(word == "floating 0.90" for word in words)
    assert {word.split()[0] for word in words} >= set(LOCKED)
    assert len(list(svg.iter("rect"))) == 1  # the frame of what was named
    cells = sum(
        (path.get("d") or "").count("M")
        for path in svg.iter("path")
        if re.fullmatch(r"s\d+", path.get("class") or "")
    )
    references = sum((mean > 0.02 * mean.max()).sum() for mean in map(shipped().of_kind, LOCKED))
    used = np.count_nonzero(closer.pattern.absolute.counts)
    assert cells == used + references + 12  # and the key


def test_leaves_fill_the_axis_and_colours_are_shared(closer: Closer) -> None:
    drawn = sound_figure(closer.plan, closer.before, closer.after, (20_000.0, 40_000.0))
    svg = ET.fromstring(drawn)
    leaves = [rect for rect in svg.iter("rect") if rect.find("title") is not None]
    assert len(leaves) == len(closer.plan.leaves)
    assert sum(float(leaf.attrib["height"]) for leaf in leaves) == pytest.approx(260, abs=0.1)
    kept = sum(leaf.is_kept for leaf in closer.plan.leaves)
    assert sum(leaf.get("class") == "kept" for leaf in leaves) == kept
    assert len(list(svg.iter("image"))) == 2


def test_shades_go_opposite_ways_in_light_and_dark() -> None:
    light, dark = shade_style().split("@media")

    def brightness(sheet: str, step: int) -> int:
        found = re.search(rf"\.s{step}\{{fill:#(\w+)\}}", sheet)
        assert found is not None
        return sum(bytes.fromhex(found[1]))

    assert brightness(light, 1) > brightness(light, 12)
    assert brightness(dark, 1) < brightness(dark, 12)


def test_figures_are_told_with_unit_and_meaning() -> None:
    shown = text_of(cards(SEVERITY, quiet=False))
    assert "\N{MINUS SIGN}30.0 dBFS" in shown
    assert "100 a second" in shown
    assert "14°" in shown
    more = text_of(table(SEVERITY))
    assert "80 %" in more
    assert "IEC 60270" in more
    known = {each.field for each in (*MAIN, *MORE)}
    assert known == set(type(SEVERITY).__dataclass_fields__)
    nothing = replace(SEVERITY, level_db=None)
    assert MAIN[1].value(nothing) == "–"


def test_the_csv_has_a_row_a_window() -> None:
    rows = list(csv.DictReader(io.StringIO(windows_csv([window("corona"), window("nothing", 1)]))))
    assert [row["said"] for row in rows] == ["corona", "nothing"]
    assert [row["confidence_corona"] for row in rows] == ["0.9", ""]
    assert [row["clock_hz"] for row in rows] == ["50", ""]
    assert float(rows[0]["over_noise_db"]) == 20
    assert float(rows[1]["start_s"]) == 2


def test_every_kind_has_advice_and_every_answer_a_headline() -> None:
    assert set(KINDS) == set(NOUNS)
    for kind in KINDS:
        found = answer([window(kind)] * 3)
        assert advised(found) == (KINDS[kind],)
        assert headline(found).startswith("Signs of ")
        rare = answer([window(kind)] + [window("nothing")] * 9)
        doubted = answer([window(kind)] * 3, {kind})
        assert "denoising leaves nothing" in in_words(doubted, window(kind), 6.0, "confidence")
        assert headline(rare) == f"Possible signs of {KINDS[kind].name}, not sure"
    strange = answer([window("lightning")] * 3)
    assert "unclear kind" in headline(strange)
    for state in ("unknown", "unphased", "nothing"):
        given = answer([window(state)] * 3)
        assert headline(given)
        assert in_words(given, window(state), 6.0, "confidence")


def test_the_index_shows_what_needs_a_look_first(tmp_path: Path) -> None:
    entries = [
        DiagnosedEntry("quiet.wav", 2.0, answer([window("nothing")]), window("nothing")),
        DiagnosedEntry("bad#.wav", failure="no <sound>"),
        DiagnosedEntry(
            "loud.wav", 60.0, answer([window("corona")] * 3), window("corona"),
            tmp_path / "loud#1" / "report.html",
        ),
    ]  # fmt: skip
    page = index_page(tmp_path, entries)
    places = [page.index(name) for name in ("loud.wav", "quiet.wav", "bad#.wav")]
    assert places == sorted(places)
    assert "./loud%231/report.html" in page
    assert "no &lt;sound&gt;" in page
    assert "signs of discharges in 1. 1 could not be diagnosed" in page
    rows = list(csv.DictReader(io.StringIO(diagnoses_csv(entries))))
    assert [row["status"] for row in rows] == ["nothing", "", "found"]
    assert [row["kinds"] for row in rows] == ["", "", "corona"]
    assert rows[1]["failure"] == "no <sound>"
