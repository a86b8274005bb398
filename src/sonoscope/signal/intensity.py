"""Where the energy of a short-time spectrum comes from, as quadratic forms of the channels.

Any four channels p give, in every bin, an energy and three components of intensity of the form
p^H Q p with Hermitian Q. For first-order Ambisonics the forms are exact: (|W|² + |X|² + |Y|² +
|Z|²) / 2 and Re{W* [X, Y, Z]}. For a tetrahedron on a rigid sphere they are fitted: at each
frequency the Q that come closest, over all directions u of a plane wave, to energy 1 and intensity
u. Below 1.5 kHz these amount to first-order encoding; above, where no linear encoder works, phase
differences and the sphere's shadow together still point to within a few degrees, up to 8 kHz.

A form is written over 16 real products of the channels: four powers, then real and imaginary parts
of p_i p_j* for the six pairs i < j.
"""

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

from sonoscope.core.array import MicArray
from sonoscope.core.direction import sphere_grid
from sonoscope.core.errors import SettingError
from sonoscope.signal.sphere import array_response

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
