"""Scenes turned, mirrored, made louder and coloured while a network trains, always exactly.

What may be done is told by geometry (`signal.symmetry`). First-order Ambisonics follows every
orthogonal transform of space; a tetrahedron its own symmetries, which exchange its capsules. What
comes out is what the transformed scene would have been recorded as, a mirrored room included. One
gain and one filter without delay for all channels leave directions and lags what they are.
"""

from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings
from scipy.fft import next_fast_len
from torch import Tensor

from sonoscope.core.array import TETRAHEDRON, MicArray
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.signal.symmetry import (
    EXACT,
    ArraySymmetry,
    array_symmetries,
    elevation_keeping,
    foa_matrix,
    signed_permutations,
)

Swap = Literal["none", "elevation", "axes"]
Rotate = Literal["none", "vertical", "any"]

_NEARLY = 0.03  # of an array's radius
_EQ_OCTAVES = 7  # below half the rate; a gain is drawn for each
_EQ_TAPS = 255  # 11 ms at 24 kHz


@settings(config=STRICT)
class AugmentationSettings:
    """How every scene is changed at random.

    Swaps and rotations are for ideal FOA. A tetrahedron, and FOA encoded from any array, gets one
    of the array's own symmetries wherever either is asked for: above its aliasing limit an encoder
    hears a turned scene as another one.

    Attributes
    ----------
    swap
        "elevation": the 16 exchanges of channels that keep an elevation an elevation; "axes": all
        48, which also lay the vertical onto the horizon.
    rotate
        "vertical": by any angle about the vertical; "any": by any rotation of space.
    gain_db
        The range, to both sides of 0, in which one gain for the whole scene is drawn.
    eq_db
        The range, to both sides of 0, in which the gains of a random filter are drawn, one for
        each octave below half the rate; between them it goes straight (in dB over octaves).
    """

    swap: Swap = "none"
    rotate: Rotate = "none"
    gain_db: Annotated[float, Field(ge=0, le=60)] = 0.0
    eq_db: Annotated[float, Field(ge=0, le=30)] = 0.0

    @property
    def turns(self) -> bool:
        """Whether directions change."""
        return self.swap != "none" or self.rotate != "none"


def augmented(
    sound: Float[Tensor, "channel sample"],
    direction: Float[Tensor, "*any 3"],
    channel_format: ChannelFormat,
    generator: np.random.Generator,
    asked: AugmentationSettings,
    encoded_from: MicArray | None = None,
) -> tuple[Float[Tensor, "channel sample"], Float[Tensor, "*any 3"]]:
    """Turn, mirror, amplify and colour a scene at random, as asked.

    Parameters
    ----------
    sound
        FOA or the four capsules of the tetrahedron, raw.
    direction
        Unit vectors in the truth, zeros where there is none.
    generator
        Draws what is done: a scene's own, so that it is the same whoever makes it.
    encoded_from
        The array that FOA was encoded from; None where it is ideal.
    """
    if asked.turns:
        array = TETRAHEDRON if channel_format == "tetra" else encoded_from
        transform = drawn_transform(asked, array, generator)
        sound, direction = transformed(sound, direction, channel_format, transform)
    if asked.gain_db:
        gain_db = generator.uniform(-asked.gain_db, asked.gain_db)
        sound = sound * (10.0 ** (float(gain_db) / 20))
    if asked.eq_db:
        sound = filtered(sound, generator.uniform(-asked.eq_db, asked.eq_db, _EQ_OCTAVES))
    return sound, direction


def filtered(
    sound: Float[Tensor, "channel sample"], gains_db: Float[ndarray, " octave"]
) -> Float[Tensor, "channel sample"]:
    """Let all channels pass one filter without delay.

    Parameters
    ----------
    gains_db
        From half the rate downwards, an octave apart; below the last one it stays as it is.
    """
    taps = torch.from_numpy(_zero_phase(gains_db).astype(np.float32)).to(sound.device)
    n_samples, half = sound.shape[-1], len(taps) // 2
    length = next_fast_len(n_samples + len(taps) - 1, real=True)
    spectrum = torch.fft.rfft(sound, n=length) * torch.fft.rfft(taps, n=length)
    whole: Tensor = torch.fft.irfft(spectrum, n=length)
    return whole[..., half : half + n_samples]


def _zero_phase(gains_db: Float[ndarray, " octave"]) -> Float[ndarray, " tap"]:
    """Give a symmetric impulse response whose spectrum follows the gains."""
    n_fft = 4 * (_EQ_TAPS + 1)
    octaves_down = -np.log2(np.maximum(np.arange(n_fft // 2 + 1), 0.5) / (n_fft // 2))
    level_db = np.interp(octaves_down, np.arange(len(gains_db)), gains_db)
    response = np.fft.fftshift(np.fft.irfft(10 ** (level_db / 20)))
    middle, half = n_fft // 2, _EQ_TAPS // 2
    return np.asarray(response[middle - half : middle + half + 1] * np.hanning(_EQ_TAPS + 2)[1:-1])


def drawn_transform(
    asked: AugmentationSettings, array: MicArray | None, generator: np.random.Generator
) -> Float[ndarray, "3 3"]:
    """Draw a transform that an array can follow, or ideal FOA; each of a group is equally likely.

    Of an array those symmetries that keep elevations, to two degrees: the em32's are no better.
    """
    if array is not None:
        return _one_of(_followed(array), generator)
    transform = np.eye(3)
    if asked.swap != "none":
        transform = _one_of(_swaps(asked.swap), generator)
    if asked.rotate != "none":
        transform = _rotation(asked.rotate, generator) @ transform
    return transform


def transformed(
    sound: Float[Tensor, "channel sample"],
    direction: Float[Tensor, "*any 3"],
    channel_format: ChannelFormat,
    transform: Float[ndarray, "3 3"],
) -> tuple[Float[Tensor, "channel sample"], Float[Tensor, "*any 3"]]:
    """Let a scene's sound and its directions undergo a transform: what came from u comes from T u.

    Raises
    ------
    SettingError
        If the format cannot follow the transform.
    """
    match channel_format:
        case "foa":
            heard = _mixed(sound, foa_matrix(transform))
        case "tetra":
            heard = sound[_order(TETRAHEDRON, transform)]
        case _:
            raise SettingError(
                f'a sound to turn must be "foa" or "tetra", but {channel_format} was given'
            )
    turn = torch.from_numpy(transform.astype(np.float32)).to(direction.device)
    return heard, direction @ turn.T


def _mixed(
    sound: Float[Tensor, "channel sample"], matrix: Float[ndarray, "channel channel"]
) -> Float[Tensor, "channel sample"]:
    """Mix channels; where each is one of the old ones, to the bit."""
    one_each = np.isin(matrix, (-1.0, 0.0, 1.0)).all()
    gains = torch.from_numpy(matrix.astype(np.float32)).to(sound.device)
    if one_each:
        source = gains.abs().argmax(dim=1)
        return sound[source] * gains.sum(dim=1)[:, None]
    return gains @ sound


def _order(array: MicArray, transform: Float[ndarray, "3 3"]) -> list[int]:
    for symmetry in _symmetries(array):
        if np.allclose(symmetry.transform, transform, rtol=0, atol=1e3 * EXACT):
            return list(symmetry.order)
    raise SettingError(
        f"a transform must lay {array.name} onto itself, but {transform.round(3).tolist()} was "
        f"given"
    )


@lru_cache(maxsize=8)
def _symmetries(array: MicArray) -> tuple[ArraySymmetry, ...]:
    return array_symmetries(array)


@lru_cache(maxsize=8)
def _followed(array: MicArray) -> Float[ndarray, "member 3 3"]:
    found = [each.transform for each in array_symmetries(array, _NEARLY)]
    return np.stack([each for each in found if abs(each[2, 2]) > 1 - _NEARLY])


@lru_cache(maxsize=2)
def _swaps(which: Swap) -> Float[ndarray, "member 3 3"]:
    return elevation_keeping() if which == "elevation" else signed_permutations()


def _one_of(
    group: Float[ndarray, "member 3 3"], generator: np.random.Generator
) -> Float[ndarray, "3 3"]:
    return np.asarray(group[int(generator.integers(len(group)))])


def _rotation(which: Rotate, generator: np.random.Generator) -> Float[ndarray, "3 3"]:
    """Draw a rotation, evenly over its group; a rotation of space from a random quaternion."""
    if which == "vertical":
        angle = generator.uniform(-np.pi, np.pi)
        return np.array(
            [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
        )
    q = generator.standard_normal(4)
    a, b, c, d = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (c * c + d * d), 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), 1 - 2 * (b * b + d * d), 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), 1 - 2 * (b * b + c * c)],
        ]
    )
