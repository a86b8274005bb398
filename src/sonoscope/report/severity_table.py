"""The figures of a discharge for reading: name, value with its unit, and what it means.

A window's csv has the same figures under the names of `signal.severity.Severity`.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from sonoscope.report.markup import element, minus, number, text
from sonoscope.signal.severity import Severity
from sonoscope.targets.diagnosis import Window


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure in words.

    Attributes
    ----------
    field
        Of `Severity`.
    name, unit
        For reading.
    decimals
        How many are shown.
    scale
        What the value is multiplied by before it is shown.
    about
        What it means.
    """

    field: str
    name: str
    unit: str
    decimals: int
    about: str
    scale: float = 1.0

    def value(self, figures: Severity) -> str:
        """Give the value with its unit, or a dash."""
        value: float | None = getattr(figures, self.field)
        if value is None:
            return "–"
        shown = f"{self.scale * value:.{self.decimals}f}"
        return minus(f"{shown}{'' if self.unit == '°' else ' '}{self.unit}".rstrip())


MAIN = (
    Figure("over_noise_db", "Over background", "dB", 1, "strong pulses above what is between them"),
    Figure("level_db", "Pulse level", "dBFS", 1, "95 % of the pulses stay below"),
    Figure("pulses_hz", "Pulse rate", "a second", 0, "pulses clear of the noise"),
    Figure("pulses_a_cycle", "Pulses a cycle", "", 2, "of the mains"),
    Figure("phase_spread_deg", "Phase spread", "°", 0, "standard deviation in a half cycle"),
)
"""Shown first and large."""

MORE = (
    Figure("active_cycles", "Active cycles", "%", 0,
           "Mains cycles with at least one clear pulse. Near 100 %: it discharges all the time.",
           100.0),
    Figure("phase_width_deg", "Phase width", "°", 0,
           "Degrees of 360 that hold 90 % of the pulses. Evenly spread pulses, as of rain, have "
           "324; a few pulses always have little."),
    Figure("stronger_half", "Fuller half cycle", "%", 0,
           "Share of the pulses in the half cycle with more of them: 50 is even, as of floating "
           "parts and voids; corona is near 100.", 100.0),
    Figure("once", "Component at mains frequency", "%", 0,
           "How far the band's envelope swings once a cycle. High for corona.", 100.0),
    Figure("twice", "Component at twice that", "%", 0,
           "The same twice a cycle. High for surface discharges, floating parts and voids.", 100.0),
    Figure("peak_db", "Strongest pulse", "dBFS", 1, "One pulse alone, with echoes and chance."),
    Figure("cycle_peak_db", "Cycle peak", "dBFS", 1,
           "Mean over cycles of each cycle's highest envelope, as hand-held instruments show it."),
    Figure("rms_db", "Effective value", "dBFS", 1,
           "Of the band, with pulses and background; a sine of full scale has \N{MINUS SIGN}3."),
    Figure("quadratic_db", "Quadratic rate", "dB a second", 1,
           "Sum of squared pulse amplitudes a second, after IEC 60270 with amplitude in place of "
           "charge: rises with both strength and rate, so it is good for trends."),
    Figure("background_db", "Background", "dBFS", 1, "Median of the band's envelope."),
    Figure("audible_db", "Limit of this recording", "dBFS", 1,
           "What a pulse had to exceed to be counted: nothing weaker was found."),
)  # fmt: skip
"""Shown in a table."""


_QUIET = ("audible_db", "background_db", "rms_db", "pulses_hz")


def cards(figures: Severity, *, quiet: bool) -> str:
    """Draw the main figures as cards; of a quiet recording, what could have been heard."""
    known = {each.field: each for each in (*MAIN, *MORE)}
    shown = tuple(known[name] for name in _QUIET) if quiet else MAIN
    drawn = "".join(
        element(
            "div",
            element("dt", text(each.name))
            + element("dd", text(each.value(figures)))
            + element("small", text(_short(each.about))),
        )
        for each in shown
    )
    return element("dl", drawn, class_="scores", aria_label="Severity")


def _short(about: str) -> str:
    """Give the first words of a meaning."""
    return about.partition(":")[0].partition(";")[0].rstrip(".")


def table(figures: Severity) -> str:
    """Draw the other figures as a table, each with its meaning."""
    rows = "".join(
        element(
            "tr",
            element("td", text(each.name), class_="word")
            + element("td", text(each.value(figures)))
            + element("td", text(each.about), class_="word about"),
        )
        for each in MORE
    )
    heads = element("th", "Figure", class_="cell word") + element("th", "Value", class_="cell")
    heads += element("th", "What it means", class_="cell word")
    return element(
        "div",
        element("table", element("thead", element("tr", heads)) + element("tbody", rows)),
        class_="table-frame whole figures",
    )


def windows_csv(windows: Sequence[Window]) -> str:
    """Write a row a window: what was said of it, how sure, its clock and its figures."""
    kinds = sorted({kind for window in windows for kind in window.confidence})
    names = [field.name for field in fields(Severity)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    head = ["start_s", "end_s", "said", "clock", "clock_hz", "band_low_hz", "band_high_hz"]
    writer.writerow([*head, *(f"confidence_{kind}" for kind in kinds), *names])
    for window in windows:
        figures = asdict(window.severity)
        clock_hz = "" if window.clock_hz is None else number(window.clock_hz, 4)
        writer.writerow(
            [
                number(window.start_s, 4), number(window.end_s, 4), " + ".join(window.said),
                window.clock, clock_hz, *(f"{edge:g}" for edge in window.band),
                *(number(window.confidence[kind], 4) if kind in window.confidence else ""
                  for kind in kinds),
                *("" if figures[name] is None else number(figures[name], 4) for name in names),
            ]
        )  # fmt: skip
    return buffer.getvalue()
