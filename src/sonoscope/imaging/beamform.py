"""Maps of sound: how much of a cross-spectral matrix looks like a source at each point.

All take `CrossSpectra` and a `Scan`, or the `held` weights of one, and give one row a bin; a band
is their sum (levels) or their mean (MUSIC, SRP-PHAT). With h the weights, g = h / |h|, C = L Lᴴ and
its eigenvalues λ:

    conventional   hᴴ C h = |Lᴴh|²           what comes from everywhere, seen through the beam
    functional     |h|² (gᴴ C^(1/ν) g)^ν     side lobes to the power ν (Dougherty 2014)
    Capon          |h|⁴ / (hᴴ C⁻¹ h)         the narrowest beam that the noise allows (Capon 1969)
    MUSIC          1 / |Uₙᴴ g|²              where noise has no share; no level (Schmidt 1986)
    orthogonal     one point a signal eigenvalue, with its level (Sarradj 2010)
    SRP-PHAT       phases of pairs alone, all bins alike (DiBiase 2000); 1 is a lone source

The factor halves the work of hᴴ C h (a triangular product), and squares keep what is small: side
lobes are right to 1e-16 of the amplitude, not of the power.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray
from scipy.linalg import solve_triangular
from scipy.linalg.blas import ztrmm

from sonoscope.core.errors import SettingError
from sonoscope.imaging.spectra import CrossSpectra, diagonal, factor, without_diagonal
from sonoscope.imaging.steering import Formulation, HeldScan, Listening, power, weights

_AT_ONCE = 1 << 13  # weights that are held at a time, so that they stay near the processor
_LEAST_AT_ONCE = 512  # points, so that products of many channels are worth their start
_FEW = 8  # channels, up to which real products of twice the size are faster than complex ones

Powers = Callable[[int, Complex[ndarray, "point channel"]], Float[ndarray, " point"]]


def conventional(
    spectra: CrossSpectra, scan: Listening, *, diagonal_removed: bool = False
) -> Float[ndarray, "frequency point"]:
    """Give hᴴ C h.

    Without the diagonal, noise of each channel's own leaves nothing behind; what a source loses
    with it is given back (`off_diagonal_gain`), and points without a source may fall below 0.
    """
    seen = [_through_triangle(np.conj(factor(matrix)), lower=True) for matrix in spectra.matrices]
    own = diagonal(spectra.matrices)

    def powers(i: int, h: Complex[ndarray, "point channel"]) -> Float[ndarray, " point"]:
        if not diagonal_removed:
            return seen[i](h)
        square = squares(h)
        return np.asarray((seen[i](h) - square @ own[i]) * _gain(square, scan.formulation))

    return _mapped(spectra, scan, powers)


def off_diagonal_gain(
    h: Complex[ndarray, "point channel"], formulation: Formulation
) -> Float[ndarray, " point"]:
    """Give what a source at the point is to be multiplied by when the diagonal is gone.

    Its share on the diagonal is Σ|h a|² / |hᴴa|²: for formulation II 1/N, and for III and IV, where
    h is along a, Σ|h|⁴ / (Σ|h|²)². For I it is 1/N if all capsules hear the source as loud.
    """
    return _gain(squares(h), formulation)


def _gain(
    square: Float[ndarray, "point channel"], formulation: Formulation
) -> Float[ndarray, " point"]:
    n = square.shape[1]
    if formulation in ("I", "II"):
        return np.full(len(square), n / (n - 1))
    every = np.ones(n)
    total = (square @ every) ** 2
    return np.asarray(total / (total - (square * square) @ every))


def squares(rows: Complex[ndarray, "point channel"]) -> Float[ndarray, "point channel"]:
    """Give the square of every weight's size."""
    parts = np.ascontiguousarray(rows).view(np.float64)
    parts = parts * parts
    return np.asarray(parts[:, ::2] + parts[:, 1::2])  # a third of |.|²'s time


Power = Callable[[Complex[ndarray, "point channel"]], Float[ndarray, " point"]]


def _through(matrix: Complex[ndarray, "channel output"]) -> Power:
    """Give what squares the rows of h M."""
    if len(matrix) > _FEW:
        return lambda h: power(h @ matrix)
    real = np.empty((2 * len(matrix), 2 * matrix.shape[1]))
    real[::2, ::2] = real[1::2, 1::2] = matrix.real
    real[::2, 1::2], real[1::2, ::2] = matrix.imag, -matrix.imag

    def seen(h: Complex[ndarray, "point channel"]) -> Float[ndarray, " point"]:
        parts = np.ascontiguousarray(h).view(np.float64) @ real
        return np.asarray((parts * parts) @ np.ones(parts.shape[1]))

    return seen


def _through_triangle(matrix: Complex[ndarray, "channel output"], *, lower: bool) -> Power:
    """Do the same with half the work where there are channels enough to make work."""
    if len(matrix) <= _FEW:
        return _through(matrix)
    ordered = np.asfortranarray(matrix)
    return lambda h: power(ztrmm(1.0, ordered, h.T, lower=int(lower), trans_a=1).T)


def functional(
    spectra: CrossSpectra, scan: Listening, *, exponent: float = 4.0
) -> Float[ndarray, "frequency point"]:
    """Give |h|² (gᴴ C^(1/ν) g)^ν; at a lone source as loud as the conventional map (III, IV)."""
    if not exponent >= 1:
        raise SettingError(f"exponent must be at least 1, but {exponent:g} was given")
    value, vector = np.linalg.eigh(spectra.matrices)
    rounding = len(value[0]) * np.finfo(np.float64).eps * value[:, -1:]  # a root would lift it
    value = np.where(value > rounding, value, 0)
    root = vector * value[:, None, :] ** (0.5 / exponent)
    seen = [_through(np.conj(one)) for one in root]

    def powers(i: int, h: Complex[ndarray, "point channel"]) -> Float[ndarray, " point"]:
        size = power(h)
        return np.asarray((seen[i](h) / size) ** exponent * size)

    return _mapped(spectra, scan, powers)


def capon(
    spectra: CrossSpectra, scan: Listening, *, loading: float = 1e-4
) -> Float[ndarray, "frequency point"]:
    """Give |h|⁴ / (hᴴ C⁻¹ h), with a share of the mean power of the channels added to each.

    Raises
    ------
    SettingError
        If the matrix is singular and nothing is added.
    """
    n = spectra.n_channels
    mean = diagonal(spectra.matrices).mean(axis=1)
    loaded = spectra.matrices + (loading * mean)[:, None, None] * np.eye(n)
    try:
        lower = np.linalg.cholesky(loaded)
    except np.linalg.LinAlgError:
        raise SettingError(
            f"loading must be large enough for a matrix of {spectra.averages:.0f} averages of {n} "
            f"channels, but {loading:g} was given"
        ) from None
    inverse = [solve_triangular(one, np.eye(n, dtype=np.complex128), lower=True) for one in lower]
    seen = [_through_triangle(one.T, lower=False) for one in inverse]

    def powers(i: int, h: Complex[ndarray, "point channel"]) -> Float[ndarray, " point"]:
        return np.asarray(power(h) ** 2 / seen[i](h))

    return _mapped(spectra, scan, powers)


def music(
    spectra: CrossSpectra, scan: Listening, n_sources: int
) -> Float[ndarray, "frequency point"]:
    """Give 1 / |Uₙᴴ g|²: at least 1, and without bound at a source."""
    _check_count(n_sources, spectra.n_channels)
    noise = np.linalg.eigh(spectra.matrices)[1][:, :, : spectra.n_channels - n_sources]
    seen = [_through(np.conj(one)) for one in noise]

    def powers(i: int, h: Complex[ndarray, "point channel"]) -> Float[ndarray, " point"]:
        gap = seen[i](h) / power(h)
        return np.asarray(1 / np.maximum(gap, np.finfo(np.float64).eps ** 2))

    return _mapped(spectra, scan, powers)


def orthogonal(
    spectra: CrossSpectra, scan: Listening, n_sources: int
) -> Float[ndarray, "frequency point"]:
    """Give the power of each of the largest eigenvalues at the point where its vector looks from.

    Quiet sources keep their level beside loud ones; all points but `n_sources` a bin are 0.
    """
    _check_count(n_sources, spectra.n_channels)
    value, vector = np.linalg.eigh(spectra.matrices)
    count, n_points = len(value), len(scan.points)
    best = np.zeros((count, n_sources))
    place = np.zeros((count, n_sources), np.int64)
    for i, first, h in _each(scan, spectra.frequency_hz):
        strength = np.abs(np.conj(h) @ vector[i, :, -n_sources:]) ** 2 * value[i, -n_sources:]
        here = strength.argmax(axis=0)
        height = strength[here, np.arange(n_sources)]
        higher = height > best[i]
        best[i, higher], place[i, higher] = height[higher], (first + here)[higher]
    seen = np.zeros((count, n_points))
    np.add.at(seen, (np.arange(count)[:, None], place), best)
    return seen


def srp_phat(spectra: CrossSpectra, scan: Listening) -> Float[ndarray, "frequency point"]:
    """Give the mean over pairs of capsules of the cosine by which their phases miss the point's.

    Raises
    ------
    SettingError
        If there is one channel only, or weights are held of another formulation than I.
    """
    n = spectra.n_channels
    if n < 2:
        raise SettingError("SRP-PHAT needs at least 2 channels, but 1 was given")
    shared = without_diagonal(spectra.matrices)
    phases = shared / np.maximum(np.abs(shared), np.finfo(np.float64).tiny)

    def powers(i: int, h: Complex[ndarray, "point channel"]) -> Float[ndarray, " point"]:
        turned = np.conj(h) @ phases[i]
        return np.asarray((turned.real * h.real - turned.imag * h.imag).sum(axis=1) * n / (n - 1))

    if isinstance(scan, HeldScan):
        if scan.formulation != "I":
            raise SettingError(
                "weights held for SRP-PHAT must be of formulation I, "
                f"but {scan.formulation} was given"
            )
        return _mapped(spectra, scan, powers)
    return _mapped(spectra, replace(scan, formulation="I"), powers)


def _mapped(
    spectra: CrossSpectra, scan: Listening, powers: Powers
) -> Float[ndarray, "frequency point"]:
    seen = np.empty((len(spectra.frequency_hz), len(scan.points)))
    for i, first, h in _each(scan, spectra.frequency_hz):
        seen[i, first : first + len(h)] = powers(i, h)
    return seen


def _each(
    scan: Listening, frequency_hz: Float[ndarray, " frequency"]
) -> Iterator[tuple[int, int, Complex[ndarray, "point channel"]]]:
    """Go through points by pieces and through all bins of each: bin, first point, weights."""
    step = max(_LEAST_AT_ONCE, _AT_ONCE // scan.receiver.n_channels)
    for first in range(0, len(scan.points), step):
        for i, h in enumerate(weights(scan.part(first, first + step), frequency_hz)):
            yield i, first, h


def _check_count(n_sources: int, n_channels: int) -> None:
    if not 1 <= n_sources < n_channels:
        raise SettingError(
            f"number of sources must be in 1..{n_channels - 1}, but {n_sources} was given"
        )
