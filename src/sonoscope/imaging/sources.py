"""How many sources there are, and where they are between the points of a grid.

**Number.** The smallest eigenvalues of a cross-spectral matrix are alike if nothing but noise is
behind them. How unlike the N - k smallest are, over K averages, costs likelihood; every further
source costs parameters: the k that is cheapest is taken, over all bins of a band together, by MDL
(consistent) or AIC (finds quieter ones, and now and then one too many).

**Place.** A plane wave of power S in noise of power N alike in all channels, r = S / N, K averages:

    log p = K Σ_f [ r / (1 + r|a|²) aᴴCa / N - log(1 + r|a|²) ] + terms without the direction   (1)

The direction that makes (1) largest attains the Cramér-Rao bound (`imaging.bound`). Reference: M.
Wax, T. Kailath, IEEE Trans. ASSP 33 (1985) 387; P. Stoica, A. Nehorai, ibid. 38 (1990) 1783.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import SettingError
from sonoscope.imaging.grids import tangents
from sonoscope.imaging.spectra import CrossSpectra, factor
from sonoscope.imaging.steering import Scan, power, transfers
from sonoscope.signal.receiver import Receiver

Criterion = Literal["mdl", "aic"]
Height = Callable[[Float[ndarray, "point 3"]], Float[ndarray, " point"]]

_SLIGHT = 1e-15
_ROUNDS = 60


def number_of_sources(spectra: CrossSpectra, criterion: Criterion = "mdl") -> int:
    """Give the number of incoherent sources in a band, 0 to channels - 1.

    Raises
    ------
    SettingError
        If there are fewer averages than channels: some eigenvalues are then 0 whatever there was.
    """
    n = spectra.n_channels
    if spectra.averages < n:
        raise SettingError(
            f"counting sources needs as many independent blocks as channels, {n}, "
            f"but {spectra.averages:.0f} were given"
        )
    value = np.linalg.eigvalsh(spectra.matrices)
    value = np.maximum(value, _SLIGHT * value[:, -1:])
    cost = [_cost(value[:, : n - k], spectra.averages, criterion) for k in range(n)]
    return int(np.argmin(cost))


def _cost(
    smallest: Float[ndarray, "frequency eigenvalue"], averages: float, criterion: Criterion
) -> float:
    """Price the claim that only so many eigenvalues are noise, per Wax and Kailath, without 2."""
    n_bins, left = smallest.shape
    unlike = np.log(smallest.mean(axis=1)) - np.log(smallest).mean(axis=1)
    misfit = averages * left * float(unlike.sum())
    # k (2N - k) parameters of k sources are, but for a constant, minus the square of those left
    parameters = -n_bins * left**2
    return float(misfit + parameters * (0.5 * np.log(averages) if criterion == "mdl" else 1.0))


def likelihood(
    spectra: CrossSpectra,
    receiver: Receiver,
    directions: Float[ndarray, "direction 3"],
    ratio: float | Float[ndarray, " frequency"],
    noise: float | Float[ndarray, " frequency"],
) -> Float[ndarray, " direction"]:
    """Give eq. 1 for plane waves: how much likelier each direction is than no source, in nats.

    Parameters
    ----------
    ratio, noise
        Power of the wave to that of the noise, and power of the noise, of every bin.
    """
    shape = spectra.frequency_hz.shape
    ratio, noise = np.broadcast_to(ratio, shape), np.broadcast_to(noise, shape)
    total = np.zeros(len(directions))
    scan = Scan(receiver, directions)
    for i, heard in enumerate(transfers(scan, spectra.frequency_hz)):
        loud = ratio[i] * power(heard)
        seen = power(np.conj(heard) @ factor(spectra.matrices[i]))
        total += ratio[i] / (1 + loud) * seen / noise[i] - np.log1p(loud)
    return np.asarray(spectra.averages * total)


def one_source(
    spectra: CrossSpectra, receiver: Receiver, direction: Float[ndarray, "3"]
) -> tuple[Float[ndarray, " frequency"], Float[ndarray, " frequency"]]:
    """Give the likeliest power of a plane wave from a direction, and of the noise, of every bin.

    Noise is what is left across the transfer, the wave what is more than noise along it.
    """
    level = np.empty(len(spectra.frequency_hz))
    noise = np.empty(len(spectra.frequency_hz))
    scan = Scan(receiver, direction[None])
    for i, heard in enumerate(transfers(scan, spectra.frequency_hz)):
        square = float(power(heard)[0])
        along = float(power(np.conj(heard) @ factor(spectra.matrices[i]))[0]) / square
        whole = float(np.trace(spectra.matrices[i]).real)
        noise[i] = max(whole - along, _SLIGHT * whole) / (spectra.n_channels - 1)
        level[i] = max(along - noise[i], 0.0) / square
    return level, noise


def refined(
    height: Height, direction: Float[ndarray, "3"], reach_rad: float, tolerance_rad: float = 1e-7
) -> Float[ndarray, "3"]:
    """Climb from a direction to the top of its hill: a paraboloid through nine points, again.

    Parameters
    ----------
    height
        Gives the height of many directions at once.
    reach_rad
        Half the side of the first square of nine; the spacing of the grid that the start is from.
    """
    place = direction / np.linalg.norm(direction)
    reach = reach_rad
    for _ in range(_ROUNDS):
        if reach < tolerance_rad:
            break
        step, steep = _top_of_paraboloid(height, place, reach)
        sideways, upward = tangents(place)
        place = place + step[0] * sideways + step[1] * upward
        place = place / np.linalg.norm(place)
        # at the rim the top is further on; within, the next square may be as small as the step
        reach = reach if steep else max(reach / 8, 2 * float(np.abs(step).max()))
        reach = min(reach, reach_rad)
        if not steep and float(np.abs(step).max()) < tolerance_rad:
            break
    return np.asarray(place)


_NINE = np.stack(np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]), axis=-1).reshape(9, 2)
_FIT = np.linalg.pinv(
    np.stack(
        [np.ones(9), *_NINE.T, _NINE[:, 0] ** 2, _NINE[:, 0] * _NINE[:, 1], _NINE[:, 1] ** 2], 1
    )
)


def _top_of_paraboloid(
    height: Height, place: Float[ndarray, "3"], reach: float
) -> tuple[Float[ndarray, "2"], bool]:
    """Give the step to the top, and whether it was cut because the top lies outside."""
    frame = np.stack(tangents(place))
    around = place + reach * _NINE @ frame
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    heights = height(around)
    _, right, up, bend, twist, lift = _FIT @ (heights - heights[4])
    curve = np.array([[2 * bend, twist], [twist, 2 * lift]])
    if np.linalg.eigvalsh(curve)[-1] < 0:
        step = np.linalg.solve(curve, -np.array([right, up]))
        if np.abs(step).max() <= 1:
            return np.asarray(reach * step), False
    best = _NINE[int(heights.argmax())]
    return np.asarray(reach * best), bool(np.any(best))
