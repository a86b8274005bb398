"""Acoustic images over photographs: colours where it sounds, and numbered marks with ellipses.

A pixel shows what lies on the plane of the image along its ray, or, without a plane, what is far
away in its direction: array and camera are then at one place. Colours reach down by
`acoustic_map.range_db` from a highest level, and what is below is clear.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from sonoscope.core.camera import Camera
from sonoscope.core.errors import InputError
from sonoscope.imaging.views import PlaneView, View
from sonoscope.report.acoustic_map import (
    RANGE_DB,
    Mark,
    below_highest_db,
    looked_up,
    range_db,
)
from sonoscope.report.colour_map import magma

Picture = UInt8[ndarray, "row column 3"]

_COLUMNS = 400  # rays that are followed across a photograph; between them levels are interpolated
_OPAQUE = 0.78
_DARKEST = 70  # of magma's 256 colours: what is quiet is clear and not black
_BEHIND = 1e-6


def read_photograph(path: Path, camera: Camera) -> Picture:
    """Read a photograph of the size that the camera was calibrated with.

    It is taken as its pixels lie in the file: one that is stored turned has another size.

    Raises
    ------
    InputError
        If it is no picture, or of another size.
    """
    try:
        with Image.open(path) as picture:
            camera.check_size(path, picture.size)
            return np.asarray(picture.convert("RGB"))
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: must be a photograph, but no picture was found in it") from error
    except (OSError, Image.DecompressionBombError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path}: cannot be read: {reason}") from error


def png_of(picture: Picture) -> bytes:
    """Give a picture as the bytes of a PNG file."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def pixels_of(
    camera: Camera, view: View, directions: Float[ndarray, "point 3"]
) -> Float[ndarray, "point 2"]:
    """Give where directions from the array lie on the photograph, NaN for what it cannot show."""
    if isinstance(view, PlaneView):
        return camera.project(view.placed(directions))
    return camera.project_directions(directions)


class Overlay:
    """The view of a camera: where each of its pixels looks is found once for all pictures."""

    def __init__(self, camera: Camera, view: View) -> None:
        self.camera, self.view = camera, view
        width, height = camera.size_px
        columns = min(width, _COLUMNS)
        rows = max(1, round(columns * height / width))
        x = (np.arange(columns) + 0.5) * width / columns - 0.5
        y = (np.arange(rows) + 0.5) * height / rows - 0.5
        pixels = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        self._shape = (rows, columns)
        self._directions = _directions(camera, view, camera.rays(pixels))
        self._seen = np.isfinite(self._directions[:, 0])
        self._seen[self._seen] = view.holds(self._directions[self._seen])

    def levels(self, values: Float[ndarray, " point"]) -> Float[ndarray, "row column"]:
        """Give a map as the camera sees it, coarsely; 0 where there is none."""
        seen = np.zeros(self._shape[0] * self._shape[1])
        seen[self._seen] = looked_up(self.view, values, self._directions[self._seen])
        return seen.reshape(self._shape)

    def painted(
        self,
        photograph: Picture,
        values: Float[ndarray, " point"],
        marks: Sequence[Mark] = (),
        highest: float | None = None,
    ) -> Picture:
        """Paint a map and marks onto a photograph.

        Parameters
        ----------
        highest
            The value of the lightest colour; the map's own highest if not given.
        """
        top = float(np.max(values, initial=0)) if highest is None else highest
        levels = below_highest_db(np.append(self.levels(values).ravel(), max(top, 0.0)))[:-1]
        share = np.clip(1 + np.maximum(levels, -2 * RANGE_DB) / range_db(values), 0, 1)
        size = photograph.shape[1], photograph.shape[0]
        field = Image.fromarray(share.reshape(self._shape).astype(np.float32))
        fine = np.asarray(field.resize(size, Image.Resampling.BILINEAR))
        colours = magma()[(_DARKEST + np.rint((255 - _DARKEST) * fine)).astype(np.uint8)]
        alpha = (_OPAQUE * np.sqrt(fine))[..., None]
        mixed = np.rint((1 - alpha) * photograph + alpha * colours).astype(np.uint8)
        return _marked(mixed, self.camera, self.view, marks) if marks else mixed


def _directions(
    camera: Camera, view: View, rays: Float[ndarray, "pixel 3"]
) -> Float[ndarray, "pixel 3"]:
    """Give the directions from the array to what rays of the camera meet, NaN for nothing."""
    if not isinstance(view, PlaneView):
        return rays
    along, start = rays @ view.facing, camera.pose.position
    ahead = along > _BEHIND
    far = (view.distance_m - float(start @ view.facing)) / np.where(ahead, along, 1.0)
    met = start + far[:, None] * rays
    met = met / np.linalg.norm(met, axis=1, keepdims=True)
    return np.where((ahead & (far > 0))[:, None], met, np.nan)


def _marked(picture: Picture, camera: Camera, view: View, marks: Sequence[Mark]) -> Picture:
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    unit = max(1.0, image.width / 900)
    font = ImageFont.load_default(18 * unit)
    for word, spot in reversed(marks):
        x, y = pixels_of(camera, view, spot.direction[None])[0].tolist()
        if not np.isfinite(x):
            continue
        rim = pixels_of(camera, view, spot.outline())
        for colour, wide in (("black", 4.5), ("#7df9ff", 2.0)):
            line = [tuple(point) for point in rim.tolist()]
            if np.all(np.isfinite(rim)):
                pen.line(line, fill=colour, width=round(wide * unit), joint="curve")
            reach = (5 + (wide - 2) / 2) * unit
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), outline=colour,
                        width=round(wide * unit))  # fmt: skip
        pen.text((x + 10 * unit, y - 28 * unit), word, fill="white", font=font,
                 stroke_width=round(2 * unit), stroke_fill="black")  # fmt: skip
    return np.asarray(image)
