"""Numbers to a picture: the magma colour map and a PNG that stands inside the page.

magma by N. J. Smith and S. van der Walt (CC0), 17 of its 256 colours, linear in between: no more
than 3 steps of 255 from the original.
"""

from base64 import b64encode
from io import BytesIO

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image

_MAGMA = (
    "000004", "0a0822", "1d1147", "36106b", "51127c", "6a1c81", "832681", "9c2e7f", "b73779",
    "cf4070", "e55064", "f4695c", "fb8761", "fea571", "fec287", "fde0a1", "fcfdbf",
)  # fmt: skip


def magma() -> UInt8[ndarray, "256 3"]:
    """Give the 256 colours, dark to light."""
    known = np.array([list(bytes.fromhex(colour)) for colour in _MAGMA], dtype=np.float64)
    place = np.linspace(0, len(_MAGMA) - 1, 256)
    columns = [np.interp(place, np.arange(len(_MAGMA)), channel) for channel in known.T]
    return np.asarray(np.rint(np.stack(columns, axis=1)), dtype=np.uint8)


def gradient() -> str:
    """Give the map as a CSS gradient, for the key beside the picture."""
    return f"linear-gradient(90deg,{','.join('#' + colour for colour in _MAGMA)})"


def level_range(level_db: Float[ndarray, "row column"]) -> tuple[float, float]:
    """Give the levels of the darkest and the lightest colour.

    At most 75 dB lie between them, and at least 50: bare noise must look dark, not like an event.
    """
    if not level_db.size:
        return -75.0, 0.0
    quiet = float(np.quantile(level_db, 0.02))
    top = max(float(level_db.max()), quiet + 50)
    return max(top - 75, quiet), top


def png_data_uri(
    level_db: Float[ndarray, "row column"], ends_db: tuple[float, float] | None = None
) -> str:
    """Draw levels as a PNG data URI, row 0 at the bottom, between given or its own ends."""
    floor, top = ends_db or level_range(level_db)
    share = (level_db[::-1] - floor) / max(top - floor, 1e-9)
    shades = np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(shades))
    image.putpalette(magma().tobytes())
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode('ascii')}"
