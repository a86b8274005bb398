"""Maps without the array's own beam: what sources there must be, not what they look like.

**CLEAN-SC** takes, again and again, everything that is coherent with the highest point of a map out
of the matrix, c = C w / B with w the weights there and B its height, and puts a share of B there:

    C ← C - φ B c cᴴ            B_p ← B_p - φ B |h_pᴴ c|²            map_p* ← map_p* + φ B

What it takes is what the source sounds like and not what a model says, so that side lobes go even
where transfers are wrong; sources that sound the same are one to it. Without the diagonal H of
c cᴴ, c is the fixed point of (C w / B + H w) / √(1 + wᴴ H w).

**DAMAS** asks which sources x >= 0, at all points and incoherent, would give the conventional map
b = A x with A_pq = |h_pᴴ a_q|², by Gauss-Seidel sweeps to and fro.

Reference: P. Sijtsma, "CLEAN based on spatial source coherence", Int. J. Aeroacoustics 6 (2007)
357; T. F. Brooks, W. M. Humphreys, J. Sound Vib. 294 (2006) 856.
"""

import math
from typing import Annotated

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.imaging.beamform import conventional, off_diagonal_gain, squares
from sonoscope.imaging.spectra import CrossSpectra, without_diagonal
from sonoscope.imaging.steering import HeldScan, Listening, Scan, transfers, weighed, weights

MAX_DAMAS_POINTS = 8192
"""A point spread of more would take more than 256 MB."""

_FIXED_POINT_ROUNDS = 10
_AT_ONCE = 256


@settings(config=STRICT)
class CleanSettings:
    """How CLEAN-SC goes on and ends.

    Attributes
    ----------
    gain
        Share φ of the highest point that is taken at a time.
    floor
        It ends below this share of the first highest point, or when the matrix no longer shrinks.
    """

    gain: Annotated[float, Field(gt=0, le=1)] = 0.6
    floor: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    iterations: Annotated[int, Field(ge=1)] = 200
    diagonal_removed: bool = True


def clean_sc(
    spectra: CrossSpectra, scan: Listening, settings: CleanSettings | None = None
) -> Float[ndarray, "frequency point"]:
    """Give the power of the sources that CLEAN-SC finds at each point, 0 at most."""
    settings = settings or CleanSettings()
    matrices = without_diagonal(spectra.matrices) if settings.diagonal_removed else spectra.matrices
    dirty = conventional(spectra, scan, diagonal_removed=settings.diagonal_removed)
    clean = np.zeros_like(dirty)
    for i, h in enumerate(weights(scan, spectra.frequency_hz)):
        regain = np.ones(len(h))
        if settings.diagonal_removed:
            regain = off_diagonal_gain(h, scan.formulation)
        clean[i] = regain * _clean_bin(matrices[i].copy(), h, dirty[i] / regain, settings)
    return clean


def _clean_bin(
    matrix: Complex[ndarray, "channel channel"],
    h: Complex[ndarray, "point channel"],
    dirty: Float[ndarray, " point"],
    settings: CleanSettings,
) -> Float[ndarray, " point"]:
    clean = np.zeros_like(dirty)
    own = squares(h) if settings.diagonal_removed else None
    end = settings.floor * float(dirty.max())
    size = float(np.abs(matrix).sum())
    for _ in range(settings.iterations):
        place = int(dirty.argmax())
        height = float(dirty[place])
        if height <= max(end, 0.0):
            break
        part = _coherent_part(matrix, h[place], height, diagonal_removed=own is not None)
        taken = np.outer(part, np.conj(part))
        if own is not None:
            np.fill_diagonal(taken, 0)
        left = matrix - settings.gain * height * taken
        left_size = float(np.abs(left).sum())
        if left_size >= size:
            break
        matrix, size = left, left_size
        beam = h @ np.conj(part)
        spread = np.square(beam.real)
        spread += np.square(beam.imag)
        if own is not None:
            spread -= own @ squares(part[None])[0]
        dirty = dirty - settings.gain * height * spread
        clean[place] += settings.gain * height
    return clean


def _coherent_part(
    matrix: Complex[ndarray, "channel channel"],
    w: Complex[ndarray, " channel"],
    height: float,
    *,
    diagonal_removed: bool,
) -> Complex[ndarray, " channel"]:
    """Give c, by how much every channel hears what is heard at the highest point."""
    alike = matrix @ w / height
    if not diagonal_removed:
        return np.asarray(alike)
    part, weight = alike, (w * np.conj(w)).real
    for _ in range(_FIXED_POINT_ROUNDS):
        square = (part * np.conj(part)).real
        part = (alike + square * w) / math.sqrt(1 + square @ weight)
    return np.asarray(part)


def damas(
    spectra: CrossSpectra, scan: Listening, *, sweeps: int = 100, diagonal_removed: bool = True
) -> Float[ndarray, "frequency point"]:
    """Give the powers at all points that together would look like the conventional map.

    Raises
    ------
    SettingError
        If there are more points than `MAX_DAMAS_POINTS`.
    """
    if len(scan.points) > MAX_DAMAS_POINTS:
        raise SettingError(
            f"DAMAS can have at most {MAX_DAMAS_POINTS} points, but {len(scan.points)} were given"
        )
    dirty = conventional(spectra, scan, diagonal_removed=diagonal_removed)
    found = np.empty_like(dirty)
    plain = scan.scan if isinstance(scan, HeldScan) else scan
    for i, heard in enumerate(transfers(plain, spectra.frequency_hz)):
        spread = _point_spread(heard, plain, diagonal_removed=diagonal_removed)
        found[i] = _swept(spread, dirty[i], sweeps)
    return found


def _point_spread(
    heard: Complex[ndarray, "point channel"], scan: Scan, *, diagonal_removed: bool
) -> Float[ndarray, "point point"]:
    """Give A: the map at each point (rows) of a unit source at each (columns)."""
    h = weighed(heard, scan.formulation)
    spread = np.empty((len(h), len(h)), np.float32)
    loud = np.ascontiguousarray((heard.real**2 + heard.imag**2).T)
    for first in range(0, len(h), _AT_ONCE):
        some = h[first : first + _AT_ONCE]
        beam = np.conj(some) @ heard.T
        rows = beam.real**2 + beam.imag**2
        if diagonal_removed:
            rows -= (some.real**2 + some.imag**2) @ loud
            rows *= off_diagonal_gain(some, scan.formulation)[:, None]
        spread[first : first + _AT_ONCE] = rows
    return spread


def _swept(
    spread: Float[ndarray, "point point"], dirty: Float[ndarray, " point"], sweeps: int
) -> Float[ndarray, " point"]:
    found = np.zeros(len(dirty), spread.dtype)
    own = np.diag(spread)
    forth = range(len(dirty))
    for sweep in range(sweeps):
        for p in forth if sweep % 2 == 0 else reversed(forth):
            found[p] = max(found[p] + (dirty[p] - spread[p] @ found) / own[p], 0.0)
    return found.astype(np.float64)
