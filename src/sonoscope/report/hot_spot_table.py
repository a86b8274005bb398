"""Hot spots and places as tables: csv for programs, HTML for people, and rows for `--json`.

Levels are in dB over a sine of full scale (dBFS), or over 20 µPa where the sensitivity is known
(dB SPL), of the sound that the source alone causes at the array.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.camera import Camera
from sonoscope.imaging.image import HotSpot, Place
from sonoscope.imaging.views import PlaneView, View
from sonoscope.report.clock import clock
from sonoscope.report.directions import degrees, in_words
from sonoscope.report.markup import element, minus, text
from sonoscope.report.overlay import pixels_of

COLUMNS = (
    "place", "start_s", "end_s", "low_hz", "high_hz", "azimuth_deg", "elevation_deg",
    "level_db", "level_over", "over_noise_db", "ellipse_major_deg", "ellipse_minor_deg",
    "ellipse_turn_deg", "x_m", "y_m", "z_m", "right_m", "up_m", "radius_m", "pixel_x", "pixel_y",
    "track",
)  # fmt: skip

_MOST_ROWS = 300
_FINEST_DEG, _FINEST_M = 0.01, 1e-3  # finer is written in csv, but no array is built so well


class Told:
    """Says what hot spots are, in a view, with or without sensitivity and camera.

    Attributes
    ----------
    view
        What the image shows.
    sensitivity_db
        What 94 dB of sound gives, over a sine of full scale; None if it is not known.
    camera
        Whose photograph the image is shown on.
    """

    def __init__(
        self, view: View, sensitivity_db: float | None = None, camera: Camera | None = None
    ) -> None:
        self.view, self.sensitivity_db, self.camera = view, sensitivity_db, camera

    @property
    def unit(self) -> str:
        """What levels are over."""
        return "dBFS" if self.sensitivity_db is None else "dB SPL"

    def level(self, spot: HotSpot) -> float:
        """Give a spot's level."""
        return spot.level_db(self.sensitivity_db)

    def row(self, spot: HotSpot, place: int | None, track: int | None = None) -> dict[str, Any]:
        """Give all columns of a hot spot; what is not known is None."""
        azimuth, elevation = spot.angles_deg
        shape = spot.ellipse
        values: dict[str, Any] = dict.fromkeys(COLUMNS)
        values |= {
            "place": place,
            "track": track,
            "start_s": round(spot.start_s, 6),
            "end_s": round(spot.end_s, 6),
            "low_hz": round(spot.band_hz[0], 3),
            "high_hz": round(spot.band_hz[1], 3),
            "azimuth_deg": round(azimuth, 4),
            "elevation_deg": round(elevation, 4),
            "level_db": round(self.level(spot), 2),
            "level_over": self.unit,
            "over_noise_db": round(spot.over_noise_db, 2),
            "ellipse_major_deg": _short(np.rad2deg(shape.major_rad)),
            "ellipse_minor_deg": _short(np.rad2deg(shape.minor_rad)),
            "ellipse_turn_deg": round(float(np.rad2deg(shape.turn_rad)), 1),
        }
        if spot.place_m is not None and isinstance(self.view, PlaneView):
            right, up = self.view.across(spot.place_m[None])[0].tolist()
            values |= {
                axis: round(value, 4)
                for axis, value in zip(("x_m", "y_m", "z_m"), spot.place_m.tolist(), strict=True)
            }
            values |= {"right_m": round(right, 4), "up_m": round(up, 4)}
            values["radius_m"] = _short(self.radius_m(spot))
        if self.camera is not None:
            x, y = pixels_of(self.camera, self.view, spot.direction[None])[0].tolist()
            if np.isfinite(x):
                values |= {"pixel_x": round(x, 2), "pixel_y": round(y, 2)}
        return values

    def radius_m(self, spot: HotSpot) -> float:
        """Give the largest distance on the plane from a place to the rim of its ellipse."""
        assert spot.place_m is not None
        rim = self.view.placed(spot.outline())
        return float(np.linalg.norm(rim - spot.place_m, axis=1).max())

    def where(self, spot: HotSpot) -> str:
        """Say where a spot is, for people."""
        azimuth, elevation = spot.angles_deg
        if spot.place_m is not None and isinstance(self.view, PlaneView):
            right, up = self.view.across(spot.place_m[None])[0].tolist()
            sideways = f"{abs(right):.2f} m {'right' if right >= 0 else 'left'}"
            return f"{sideways}, {abs(up):.2f} m {'up' if up >= 0 else 'down'}"
        return (
            f"azimuth {degrees(azimuth)}, elevation {degrees(elevation)} "
            f"({in_words(azimuth, elevation)})"
        )

    def ellipse(self, spot: HotSpot) -> str:
        """Say how sure a place is, for people."""
        shape = spot.ellipse
        if spot.place_m is not None:
            radius = self.radius_m(spot)
            return f"± {_length(radius)}" if radius >= _FINEST_M else "± less than 1 mm"
        major, minor = np.rad2deg([shape.major_rad, shape.minor_rad]).tolist()
        if major > 90:
            return "all around"
        if major < _FINEST_DEG:
            return f"± less than {_FINEST_DEG:g}°"
        return f"± {_short(major):g}° × {_short(minor):g}°"

    def in_db(self, spot: HotSpot) -> str:
        """Give a spot's level with its unit, for people."""
        return minus(f"{self.level(spot):.1f} {self.unit}")


def spots_csv(
    told: Told,
    spots: Sequence[HotSpot],
    found: Sequence[Place],
    tracks: Mapping[int, int] | None = None,
) -> str:
    """Write hot spots, in the order of time and then loudness.

    Parameters
    ----------
    tracks
        The number of a spot's track, by its id.
    """
    number = numbers(found)
    out = io.StringIO()
    table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    table.writeheader()
    for spot in spots:
        row = told.row(spot, number.get(id(spot)), (tracks or {}).get(id(spot)))
        table.writerow({key: "" if value is None else value for key, value in row.items()})
    return out.getvalue()


def numbers(found: Sequence[Place]) -> dict[int, int]:
    """Give the number of the place of every hot spot, by the spot's id."""
    return {id(spot): i for i, place in enumerate(found, 1) for spot in place.spots}


def places_table(told: Told, found: Sequence[Place]) -> str:
    """Draw places, the loudest first."""
    rows = "".join(
        element(
            "tr",
            _cells(
                str(i),
                told.where(place.surest),
                told.ellipse(place.surest),
                told.in_db(place.loudest),
                band_words(place.loudest.band_hz),
                band_words(place.band_hz),
                str(len(place.spots)),
            ),
        )
        for i, place in enumerate(found, 1)
    )
    heads = (
        "Place", "Where", "90 % ellipse", "Loudest", "in", "Heard in", "Hot spots",
    )  # fmt: skip
    return _table(heads, rows)


def spots_table(
    told: Told, spots: Sequence[HotSpot], found: Sequence[Place], duration_s: float
) -> str:
    """Draw hot spots, up to 300."""
    number = numbers(found)
    rows = "".join(
        element(
            "tr",
            _cells(
                str(number.get(id(spot), "")),
                f"{clock(spot.start_s, duration_s, 2)} to {clock(spot.end_s, duration_s, 2)}",
                band_words(spot.band_hz),
                told.where(spot),
                told.in_db(spot),
                minus(f"{spot.over_noise_db:.1f} dB"),
                told.ellipse(spot),
            ),
        )
        for spot in spots[:_MOST_ROWS]
    )
    heads = ("Place", "Time", "Band", "Where", "Level", "Over noise", "90 % ellipse")
    more = len(spots) - _MOST_ROWS
    note = element("p", f"{more} more are in spots.csv.", class_="note") if more > 0 else ""
    return _table(heads, rows) + note


def band_words(band: tuple[float, float]) -> str:
    """Write a band for people.

    Examples
    --------
    >>> band_words((891.0, 1122.0)), band_words((20_000.0, 40_000.0))
    ('891 Hz to 1.12 kHz', '20 to 40 kHz')
    """
    low, high = band
    if low >= 999.5:
        return f"{low / 1e3:.3g} to {high / 1e3:.3g} kHz"
    above = f"{high / 1e3:.3g} kHz" if high >= 999.5 else f"{high:.0f} Hz"
    return f"{low:.0f}{' Hz' if high >= 999.5 else ''} to {above}"


def _table(heads: Sequence[str], rows: str) -> str:
    head = "".join(element("th", text(name), class_="plain") for name in heads)
    body = element("thead", element("tr", head)) + element("tbody", rows)
    return element("div", element("table", body, class_="spots"), class_="table-frame")


def _cells(*values: str) -> str:
    return "".join(element("td", text(value)) for value in values)


def _short(value: float | Float[ndarray, ""]) -> float:
    """Give three digits that count."""
    return float(f"{float(value):.3g}")


def _length(metres: float) -> str:
    if metres < 0.01:
        return f"{1e3 * metres:.1f} mm"
    return f"{100 * metres:.1f} cm" if metres < 1 else f"{metres:.1f} m"
