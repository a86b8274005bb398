"""What tells labels apart: a colour, and a mark and a dash for who cannot rely on colours.

The 14 colours of each theme keep a contrast of at least 3:1 against the page and stay apart under
simulated protanopia, deuteranopia and tritanopia (G. M. Machado et al., IEEE TVCG 15(6), 2009);
four marks times four dashes repeat out of step with them, so that 112 labels have a look of
their own.
"""

from collections.abc import Iterable
from dataclasses import dataclass

LIGHT_PAPER = "#ffffff"
DARK_PAPER = "#14171c"

LIGHT = (
    "#3266c3", "#d57f1d", "#8d41fd", "#2a5103", "#a40d3b", "#4195f6", "#6aa074",
    "#773587", "#9b5c19", "#5b6e74", "#2b2abd", "#a986b3", "#342410", "#550250",
)  # fmt: skip
DARK = (
    "#69abd1", "#fddf0b", "#7a54f6", "#a5a301", "#e61515", "#3b80be", "#79fe9c",
    "#dc7890", "#ebaf7a", "#16d5bc", "#9c89fd", "#d6e5f9", "#916e5e", "#db2e9f",
)  # fmt: skip
DASHES = ("none", "8 3", "3 2.5", "9 3 2.5 3")
SQUARE_MARKS = (1, 3)
HOLLOW_MARKS = (2, 3)
"""Mark 0 is a dot, 1 a square, 2 a ring, 3 a frame."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one label is drawn: indices into colours, marks and dashes, and its place in a list."""

    place: int
    colour: int
    mark: int
    dash: int

    @property
    def classes(self) -> str:
        """CSS classes; `k` is what the filter hides."""
        return f"k{self.place} c{self.colour} m{self.mark} d{self.dash}"


def look(place: int) -> Look:
    """Give the look of the label at a place.

    Examples
    --------
    >>> look(1).classes
    'k1 c1 m1 d0'
    """
    return Look(place, place % len(LIGHT), place % 4, place // 4 % 4)


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """Give every label its look, in the order of the labels."""
    return {label: look(place) for place, label in enumerate(labels)}


def style_sheet(n_labels: int) -> str:
    """Write the colours of both themes, the dashes and the rules by which the filter hides."""
    return "\n".join(
        [
            *(f".c{i}{{--c:{colour}}}" for i, colour in enumerate(LIGHT)),
            "@media screen and (prefers-color-scheme:dark){",
            *(f".c{i}{{--c:{colour}}}" for i, colour in enumerate(DARK)),
            "}",
            *(f".d{i}{{--dash:{dash}}}" for i, dash in enumerate(DASHES)),
            *(f".off{i} .k{i}{{display:none}}" for i in range(n_labels)),
        ]
    )
