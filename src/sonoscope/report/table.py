"""The events as a table to read, sort and filter."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from sonoscope.report.clock import clock
from sonoscope.report.directions import degrees
from sonoscope.report.markup import element, number, text
from sonoscope.report.palette import Look
from sonoscope.report.timeline import Track

_COLUMNS = {
    "label": "Label",
    "onset": "Onset",
    "offset": "Offset",
    "length": "Length (s)",
    "azimuth": "Azimuth",
    "elevation": "Elevation",
    "spread": "Spread",
    "score": "Score",
}
_MANY_ROWS = 300  # from here on the browser lays out only the rows that are seen
_NOTHING = element("td", "–", class_="none")


def event_table(
    tracks: Sequence[Track],
    looks: Mapping[str, Look],
    duration_s: float,
    *,
    name: str,
    with_directions: bool = True,
) -> str:
    """Write one row an event, in the order given; a direction that is not known is a dash."""
    with_spread = any(t.way is not None and t.event.spread is not None for t in tracks)
    left_out = set() if with_spread else {"spread"}
    left_out |= set() if with_directions else {"azimuth", "elevation"}
    columns = {key: words for key, words in _COLUMNS.items() if key not in left_out}
    head = "".join(
        element(
            "th",
            element("button", words, type="button"),
            data_key=key,
            scope="col",
            class_="word" if key == "label" else None,
        )
        for key, words in columns.items()
    )
    rows = "".join(
        _row(i, track, looks[track.event.label], duration_s, columns)
        for i, track in enumerate(tracks)
    )
    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", head)) + element("tbody", rows),
            id=name,
            class_="big" if len(tracks) > _MANY_ROWS else None,
            style=f"--columns:{len(columns) - 1}",
        ),
        class_="table-frame",
    )


def _row(index: int, track: Track, look: Look, duration_s: float, columns: Collection[str]) -> str:
    event = track.event
    cells = [
        f'<td class="word">{text(event.label)}</td>',
        f"<td>{clock(event.onset_s, duration_s, 2)}</td>",
        f"<td>{clock(event.offset_s, duration_s, 2)}</td>",
        f"<td>{event.duration_s:.2f}</td>",
        *(_direction(track) if "azimuth" in columns else ()),
    ]
    if "spread" in columns:
        spread = event.spread
        cells.append(
            _NOTHING if spread is None else f"<td>±{number(float(np.rad2deg(spread)), 0)}°</td>"
        )
    passes = event.passes
    scatter = "" if passes is None else f" <small>±{passes.score_std:.2f}</small>"
    cells.append(f"<td>{event.score:.2f}{scatter}</td>")
    return f'<tr class="{look.classes}" data-i="{index}">{"".join(cells)}</tr>'


def _direction(track: Track) -> tuple[str, str]:
    if track.way is None:
        return _NOTHING, _NOTHING
    azimuth, elevation = track.way.mean_deg
    if track.way.moves:
        (_, from_azimuth, from_elevation), (_, to_azimuth, to_elevation) = (
            track.way.first,
            track.way.last,
        )
        return (
            f"<td>{degrees(from_azimuth)} → {degrees(to_azimuth)}</td>",
            f"<td>{degrees(from_elevation)} → {degrees(to_elevation)}</td>",
        )
    arrow = f'<i class="arrow" style="transform:rotate({number(-azimuth, 0)}deg)">↑</i>'
    return f"<td>{degrees(azimuth)}{arrow}</td>", f"<td>{degrees(elevation)}</td>"
