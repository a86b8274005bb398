"""Sources whose cross-spectral matrix is known to the last digit."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.array import MicArray
from sonoscope.core.direction import sphere_grid
from sonoscope.imaging.spectra import CrossSpectra
from sonoscope.imaging.steering import Scan, transfers

_TURN = np.arange(24) * np.pi * (3 - np.sqrt(5))
_REACH = 0.06 * np.sqrt((np.arange(24) + 0.5) / 24)
SPIRAL = MicArray(
    "spiral",
    tuple(
        (0.0, float(r * np.cos(t)), float(r * np.sin(t)))
        for r, t in zip(_REACH, _TURN, strict=True)
    ),
    "open",
)
"""24 capsules in the plane across x, 12 cm wide."""

FREQUENCIES = np.array([7000.0, 8000.0, 9000.0])


def half_sphere(count: int) -> Float[ndarray, "point 3"]:
    """Give directions ahead of the spiral."""
    grid = sphere_grid(2 * count)
    return np.asarray(grid[grid[:, 0] > 0])


def exact_spectra(
    scan: Scan,
    powers: dict[int, float],
    noise: float = 0.0,
    frequency_hz: Float[ndarray, " frequency"] = FREQUENCIES,
) -> CrossSpectra:
    """Give what sources at some points of a scan leave, with noise of each channel's own."""
    places = list(powers)
    strength = np.array(list(powers.values()))
    matrices = []
    for heard in transfers(scan, frequency_hz):
        loud = heard[places]
        matrices.append((loud.T * strength) @ np.conj(loud) + noise * np.eye(loud.shape[1]))
    return CrossSpectra(np.stack(matrices), frequency_hz, 1000.0)
