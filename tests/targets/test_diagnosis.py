"""What windows come to: rare words are no finding, other evidence speaks, spans have no gaps."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.targets.diagnosed import SEVERITY, window

from sonoscope.targets.diagnosis import (
    Answer,
    Window,
    answer,
    events,
    is_lasting,
    kept_by_clock,
    strongest,
)


def windows(*said: str) -> list[Window]:
    return [window(label, number) for number, label in enumerate(said)]


@pytest.mark.parametrize(
    ("which", "lasts"),
    [
        ("", False), ("0", False), ("1", True), ("10", False), ("11", True), ("110", False),
        ("111", True), ("0111000000", True), ("1010100000", True), ("1010000000", False),
        ("10" * 3 + "0" * 54, False), ("100" * 6 + "0" * 42, True),
    ],
)  # fmt: skip
def test_three_on_end_or_three_and_a_tenth(which: str, lasts: bool) -> None:
    assert is_lasting([letter == "1" for letter in which]) == lasts


def test_what_lasts_is_found_and_what_is_rare_only_possible() -> None:
    nothing = ["nothing"] * 7
    found = answer(windows("corona", "corona", "corona", *nothing))
    assert (found.status, found.kinds, found.count) == ("found", ("corona",), {"corona": 3})
    assert found.confidence["corona"] == pytest.approx(0.9)
    rare = answer(windows("corona", "corona", *nothing))
    assert (rare.status, rare.kinds) == ("possible", ("corona",))
    assert answer(windows(*nothing)).status == "nothing"
    assert answer(windows(*nothing)).kinds == ()


def test_two_kinds_are_both_found_the_commoner_first() -> None:
    both = [*windows(*["surface"] * 3), *windows(*["corona"] * 4)]
    assert answer(both).kinds == ("corona", "surface")


def test_kinds_that_change_are_unknown_and_pulses_without_a_clock_are_not_electric() -> None:
    changing = answer(windows("corona", "surface", "unknown", "floating"))
    assert changing.status == "unknown"
    assert answer(windows("unknown", "unknown", "unknown")).kinds == ()
    assert answer(windows("unphased", "unphased", "unphased")).status == "unphased"
    assert answer(windows(*["nothing"] * 9, "unphased")).status == "nothing"


def test_what_is_doubted_is_at_most_possible() -> None:
    said = windows("corona", "corona", "corona", "corona")
    assert answer(said).status == "found"
    assert answer(said, {"corona"}).status == "possible"
    assert answer(said, {"corona"}).kinds == ("corona",)
    assert answer(said, {"surface"}).status == "found"


def test_a_low_band_is_tentative() -> None:
    low = [replace(each, band=(10_000.0, 20_000.0)) for each in windows("corona")]
    assert answer(low).tentative
    assert not answer(windows("corona")).tentative


def test_the_strongest_window_is_one_of_the_answer() -> None:
    loud = replace(SEVERITY, quadratic_db=-10.0)
    said = windows("nothing", "corona", "corona", "corona", "unphased")
    said[2], said[4] = replace(said[2], severity=loud), replace(said[4], severity=loud)
    assert strongest(said, answer(said)) == 2
    silent = [replace(each, severity=replace(SEVERITY, quadratic_db=None)) for each in said[:1]]
    assert strongest(silent, answer(silent)) == 0


def spans(said: Sequence[Window]) -> list[tuple[str, float, float]]:
    return [(event.label, event.onset_s, event.offset_s) for event in events(said)]


def test_neighbours_that_say_the_same_are_one_event() -> None:
    said = windows("corona", "corona", "nothing", "corona", "unknown")
    said[1] = replace(
        said[1], kinds=("corona", "surface"), confidence={"corona": 1.0, "surface": 1.0}
    )
    assert spans(said) == [
        ("corona", 0, 4), ("surface", 2, 4), ("corona", 6, 8), ("unknown", 8, 10),
    ]  # fmt: skip
    assert events(said)[0].score == pytest.approx(0.95)
    assert spans(windows("nothing")) == []


def test_a_clock_leaves_the_kinds_that_can_keep_it() -> None:
    kinds = ("corona", "brush", "particle", "surface")
    assert kept_by_clock(kinds, "mains") == ("corona", "surface")
    assert kept_by_clock(kinds, "other") == ("brush",)
    assert kept_by_clock(kinds, "none") == ("particle",)


def test_no_windows_say_nothing() -> None:
    assert answer([]) == Answer("nothing", (), {}, {}, 0, False)
