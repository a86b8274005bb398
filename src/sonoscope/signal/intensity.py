"""Where the energy of a short-time spectrum comes from, as quadratic forms of the channels.

Any four channels p give, in every bin, an energy and three components of intensity of the form
p^H Q p with Hermitian Q. For first-order Ambisonics the forms are exact: (|W|² + |X|² + |Y|² +
|Z|²) / 2 and Re{W* [X, Y, Z]}. For a tetrahedron on a rigid sphere they are fitted: at each
frequency the Q that come closest, over all directions u of a plane wave, to energy 1 and intensity
u. Below 1.5 kHz these amount to first-order encoding; above, where no linear encoder works, phase
differences and the sphere's shadow together still point to within a few degrees, up to 8 kHz.

A form is written over 16 real products of the channels: four powers, then real and imaginary parts
of p_i p_j* for the six pairs i < j.

Within one frame of a room the direct sound and its reflections are coherent, and intensity points
somewhere between them. `direct_forms` are forms over the products themselves (so of fourth order in
the channels) that come closest to the *direct* sound's share of the intensity, band by band, over
random fields of one wave and many coherent reflections: least squares, done once, no training.

Reference for intensity vectors: J. Merimaa and V. Pulkki, "Spatial Impulse Response Rendering I",
JAES 53(12), 2005. The fit over coherent fields is this project's own.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Complex, Complex128, Float, Float64
from numpy import ndarray

from sonoscope.core.array import MicArray
from sonoscope.core.direction import sphere_grid
from sonoscope.core.errors import SettingError
from sonoscope.signal.mel import mel_matrix
from sonoscope.signal.sphere import array_response
from sonoscope.signal.symmetry import array_symmetries, foa_matrix, signed_permutations

PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_DIRECTIONS = 1_000
_FLOOR = 1e-3  # energy of noise in the fit, against the wave's: limits the gain at low frequencies


def products(channels: Complex[ndarray, "4 *any"]) -> Float[ndarray, "16 *any"]:
    """Give the 16 real products of four channels."""
    cross = np.stack([channels[i] * channels[j].conj() for i, j in PAIRS])
    return np.concatenate([np.abs(channels) ** 2, cross.real, cross.imag])


def foa_forms() -> Float[ndarray, "4 16"]:
    """Give energy, x, y and z of an FOA spectrum (W, Y, Z, X), the same at all frequencies."""
    forms = np.zeros((4, 16))
    forms[0, :4] = 0.5
    w_with = {0: 6, 1: 4, 2: 5}  # x: W with X (pair 0-3), y: W with Y (0-1), z: W with Z (0-2)
    for axis, column in w_with.items():
        forms[1 + axis, column] = 1.0
    return forms


def array_forms(
    array: MicArray, frequency_hz: Float[ndarray, " frequency"]
) -> Float[ndarray, "frequency 4 16"]:
    """Fit energy, x, y and z for four capsules, at every frequency."""
    if array.n_capsules != 4:
        raise SettingError(f"array must have 4 capsules, but {array.name} has {array.n_capsules}")
    directions = sphere_grid(_DIRECTIONS)
    wanted = np.concatenate([np.ones((1, _DIRECTIONS)), directions.T])
    forms = np.empty((len(frequency_hz), 4, 16))
    for i, heard in enumerate(array_response(array, directions, frequency_hz)):
        seen = products(heard)
        gram = seen @ seen.T / _DIRECTIONS + _FLOOR * np.eye(16)
        forms[i] = np.linalg.solve(gram, seen @ wanted.T / _DIRECTIONS).T
    return forms


Symmetry = tuple[Float64[ndarray, "4 4"], Float64[ndarray, "3 3"]]
"""What channels become where space undergoes a transform that lays the receiver onto itself."""

_FIELDS = 2_000  # random fields a band; symmetries make each stand for dozens
_REFLECTIONS = 12
_DIRECT_DB = (-10.0, 20.0)  # direct sound over reflections in a field, evenly in decibels
_NOISE_DB = (-50.0, -15.0)  # noise of its own in every channel, under the direct sound
_RIDGE = 1e-3


@lru_cache(maxsize=8)
def direct_forms(
    array: MicArray | None, rate_hz: int, n_fft: int, n_mels: int
) -> Float64[ndarray, "band 3 16 16"]:
    """Fit the forms of a band: x^T A x is a vector towards the direct sound.

    x are the products of a band, summed over its bins and divided by the sum of the four powers.
    The vector's length is the direct sound's share of the energy.

    Parameters
    ----------
    array
        Four capsules; None is ideal FOA (W, Y, Z, X).
    rate_hz, n_fft, n_mels
        Of the spectrum and its mel bands (`signal.mel`).

    Raises
    ------
    SettingError
        If the array has not four capsules.
    """
    weights = mel_matrix(rate_hz, n_fft, n_mels)
    if array is not None and array.n_capsules != 4:
        raise SettingError(f"array must have 4 capsules, but {array.name} has {array.n_capsules}")
    directions = sphere_grid(_DIRECTIONS)
    response = _response(array, directions, np.fft.rfftfreq(n_fft, 1 / rate_hz))
    generator = np.random.Generator(np.random.Philox(0))
    kept = [np.flatnonzero(weight) for weight in weights.T]
    forms = np.stack(
        [
            _fit(response[bins], weight[bins], directions, generator)
            for bins, weight in zip(kept, weights.T, strict=True)
        ]
    )
    forms = _symmetric(forms, _symmetries(array))
    return np.where(np.abs(forms) < 1e-6 * np.abs(forms).max(), 0.0, forms)


def _response(
    array: MicArray | None,
    directions: Float64[ndarray, "direction 3"],
    frequency_hz: Float64[ndarray, " bin"],
) -> Complex128[ndarray, "bin 4 direction"]:
    if array is not None:
        return np.asarray(array_response(array, directions, frequency_hz), np.complex128)
    x, y, z = directions.T
    foa = np.stack([np.ones(len(directions)), y, z, x]).astype(np.complex128)
    return np.broadcast_to(foa, (len(frequency_hz), *foa.shape))


def _fit(
    response: Complex128[ndarray, "bin 4 direction"],
    weight: Float64[ndarray, " bin"],
    directions: Float64[ndarray, "direction 3"],
    generator: np.random.Generator,
) -> Float64[ndarray, "3 16 16"]:
    """Fit one band to random fields; in every bin the waves have amplitudes of their own."""
    seen, energy, wanted = np.zeros((16, _FIELDS)), np.zeros(_FIELDS), np.zeros((3, _FIELDS))
    direct = generator.integers(len(directions), size=_FIELDS)
    others = generator.integers(len(directions), size=(_REFLECTIONS, _FIELDS))
    towards, ways = directions[direct].T, np.moveaxis(directions[others], -1, 0)
    share = 10 ** (generator.uniform(*_DIRECT_DB, _FIELDS) / 20)
    noise = 10 ** (generator.uniform(*_NOISE_DB, _FIELDS) / 20)
    for here, weight_here in zip(response, weight, strict=True):
        sound = _gauss(generator, _FIELDS)
        echoes = _gauss(generator, _REFLECTIONS, _FIELDS) * np.abs(sound)
        echoes /= share * np.sqrt(_REFLECTIONS)
        heard = sound * here[:, direct] + (here[:, others] * echoes).sum(axis=1)
        seen += weight_here * products(heard + noise * _gauss(generator, 4, _FIELDS))
        pressure = sound + echoes.sum(axis=0)
        velocity = sound * towards + (echoes * ways).sum(axis=1)
        energy += weight_here * (np.abs(pressure) ** 2 + (np.abs(velocity) ** 2).sum(axis=0)) / 2
        wanted += weight_here * np.abs(sound) ** 2 * towards
    seen /= seen[:4].sum(axis=0)
    pairs = np.triu_indices(16)
    squares = seen[pairs[0]] * seen[pairs[1]]
    gram = squares @ squares.T / _FIELDS
    gram += _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    solved = np.linalg.solve(gram, squares @ (wanted / energy).T / _FIELDS)
    form = np.zeros((3, 16, 16))
    form[:, pairs[0], pairs[1]] = solved.T
    return (form + form.swapaxes(1, 2)) / 2


def _gauss(generator: np.random.Generator, *shape: int) -> Complex128[ndarray, "..."]:
    drawn = generator.standard_normal((2, *shape)) / np.sqrt(2)
    return np.asarray(drawn[0] + 1j * drawn[1])


def _symmetries(array: MicArray | None) -> list[Symmetry]:
    """List how the receiver can be laid onto itself."""
    if array is not None:
        return [(np.eye(4)[list(each.order)], each.transform) for each in array_symmetries(array)]
    return [(foa_matrix(turn), turn) for turn in signed_permutations()]


def _symmetric(
    forms: Float64[ndarray, "band 3 16 16"], symmetries: Sequence[Symmetry]
) -> Float64[ndarray, "band 3 16 16"]:
    """Average over symmetries, so that no way is favoured: A of x turned is A of x, turned."""
    total = np.zeros_like(forms)
    probe = _gauss(np.random.Generator(np.random.Philox(1)), 4, 64)
    for channels, turn in symmetries:
        # products are linear in the covariance, so those of turned channels are linear in them
        turned = products(channels @ probe) @ np.linalg.pinv(products(probe))
        total += np.einsum("dc,bdpq,pr,qs->bcrs", turn, forms, turned, turned, optimize=True)
    return total / len(symmetries)
