"""First-order Ambisonics: out of other scales and orders, out of any array, and turned in space.

Inside the house FOA is ACN order with SN3D scale: W, Y, Z, X, where a plane wave s(t) from the unit
vector u gives s, u_y s, u_z s, u_x s. FuMa is W/√2, X, Y, Z; N3D has Y, Z, X times √3.

An array is encoded by FIR filters that fit the four patterns by regularised least squares,
E = Y Hᴴ (H Hᴴ + λI)⁻¹ (eq. 1), over all directions at once: for an array in theory both products
are integrals over the sphere with a closed form, for a measured one sums. Above the array's spatial
aliasing limit this is the best fit there is, and a poor one. Correlation of the direction patterns
with the ideal: em32 0.99 at 8 kHz and 0.77 at 10 kHz, tetrahedron of 4.2 cm 0.98 at 1 kHz and 0.85
at 2 kHz.

Reference: S. Moreau, J. Daniel, S. Bertet, "3D sound field recording with higher order Ambisonics",
AES 120th Convention, 2006.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, Num
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.errors import InputError, SettingError
from sonoscope.signal.sphere import diffuse_covariance, modes

_COVARIANCES_AT_ONCE = 1 << 22  # 32 MB
_GUESS_BAND_HZ = (100, 500)


def foa_gains(directions: Float[ndarray, "*any 3"]) -> Float[ndarray, "*any 4"]:
    """Give what a plane wave from each direction puts into W, Y, Z, X.

    Examples
    --------
    >>> foa_gains(np.array([0.0, 1.0, 0.0])).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    x, y, z = np.moveaxis(directions, -1, 0)
    return np.stack([np.ones_like(x), y, z, x], axis=-1)


def to_foa(
    samples: Float[ndarray, "channel sample"], channel_format: ChannelFormat
) -> Float[ndarray, "4 sample"]:
    """Bring a recording to FOA: other scales and orders exactly, mono and stereo as W alone.

    Raises
    ------
    SettingError
        For capsules of an array: those need an `Encoder`.
    """
    match channel_format:
        case "foa":
            return samples
        case "n3d":
            scale = np.array([[1], [3**-0.5], [3**-0.5], [3**-0.5]], samples.dtype)
            return np.asarray(samples * scale)
        case "fuma":
            scale = np.array([[2**0.5], [1], [1], [1]], samples.dtype)
            return np.asarray(samples[[0, 2, 3, 1]] * scale)
        case "mono" | "stereo":
            foa = np.zeros((4, samples.shape[1]), samples.dtype)
            foa[0] = samples.mean(axis=0)
            return foa
        case "tetra" | "array":
            raise SettingError(
                f"a format that gains alone turn into FOA must be given, "
                f"but {channel_format} was given (it needs an Encoder)"
            )


def rotate_foa(
    samples: Float[ndarray, "4 sample"], rotation: Float[ndarray, "3 3"]
) -> Float[ndarray, "4 sample"]:
    """Turn a sound field: what came from u comes from `rotation @ u`."""
    turned = samples.copy()
    xyz = rotation.astype(samples.dtype) @ samples[[3, 1, 2]]
    turned[[3, 1, 2]] = xyz
    return turned


def guess_format(samples: Float[ndarray, "channel sample"], rate_hz: int = 24_000) -> ChannelFormat:
    """Tell what the channels of a recording most likely are.

    One is mono and two are stereo. Four are a tetrahedron if they hear the same thing below
    500 Hz, where it is much smaller than the wavelength (coherence in diffuse sound 0.85 to 1), and
    FOA if W has as much energy as Y, Z, X together, which holds for waves and diffuse sound alike,
    or if the channels differ. Of FuMa and N3D nothing is guessed: they pass as FOA.

    Raises
    ------
    InputError
        For any other number of channels.
    """
    n_channels = samples.shape[0]
    if n_channels in (1, 2):
        return "mono" if n_channels == 1 else "stereo"
    if n_channels != 4:
        raise InputError(
            f"a recording must have 1 (mono), 2 (stereo) or 4 channels (FOA or tetrahedron) unless "
            f"--format GEOMETRY.toml describes its array, but {n_channels} was given"
        )
    spectrum = np.fft.rfft(samples.astype(np.float64), axis=1)
    frequency_hz = np.fft.rfftfreq(samples.shape[1], 1 / rate_hz)
    lowest, highest = _GUESS_BAND_HZ
    low = spectrum[:, (frequency_hz >= lowest) & (frequency_hz <= highest)]
    energy = (np.abs(low) ** 2).sum(axis=1)
    if not energy.sum():
        return "foa"
    likeness = (np.abs(low.sum(axis=0)) ** 2).sum() / (4 * energy.sum())  # 1: all four the same
    leads = energy[0] > 3**0.5 * energy[1:].mean()  # in FOA 3 times, in a tetrahedron about once
    return "tetra" if likeness > 0.75 and not leads else "foa"


Memory = tuple[Float[ndarray, "input past"], int]
"""What an encoder remembers between chunks: the newest input, and how much start is still cut."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """Filters from the capsules of an array to FOA, ready to run over any length.

    Attributes
    ----------
    filters
        Impulse responses, in float32; sound leaves them `delay` samples late, which `encode` and
        `stream` take back.
    rate_hz
        Samples per second they are made for.
    """

    filters: Float[ndarray, "acn=4 capsule tap"]
    rate_hz: int

    @property
    def delay(self) -> int:
        """Samples that the filters are late by."""
        return int(self.filters.shape[2]) // 2

    def start(self) -> Memory:
        """Give the memory of an encoder that has heard only silence."""
        _, n_capsules, n_taps = self.filters.shape
        return np.zeros((n_capsules, n_taps - 1), np.float32), self.delay

    def step(
        self, chunk: Float[ndarray, "capsule sample"], memory: Memory
    ) -> tuple[Float[ndarray, "4 _"], Memory]:
        """Encode the next chunk; the first chunks give fewer samples, `delay` in all."""
        past, lead = memory
        if chunk.shape[0] != past.shape[0]:
            raise InputError(
                f"an encoder of {past.shape[0]} capsules must be given as many channels, "
                f"but {chunk.shape[0]} was given"
            )
        line = np.concatenate([past, chunk.astype(np.float32, copy=False)], axis=1)
        n_taps = self.filters.shape[2]
        size = _fft_size(n_taps)
        spectrum = np.fft.rfft(self.filters, size)
        pieces = [
            _convolved(line[:, start : start + size], spectrum, n_taps)
            for start in range(0, chunk.shape[1], size - n_taps + 1)
        ]
        foa = np.concatenate(pieces, axis=1) if pieces else np.zeros((4, 0), np.float32)
        cut = min(lead, foa.shape[1])
        return foa[:, cut:], (line[:, line.shape[1] - n_taps + 1 :], lead - cut)

    def stream(
        self, blocks: Iterable[Float[ndarray, "capsule sample"]]
    ) -> Iterator[Float[ndarray, "4 sample"]]:
        """Encode a stream; the blocks that come out are as long as those that went in, in time."""
        memory, owed = self.start(), deque[int]()
        held = np.zeros((4, 0), np.float32)
        for block in blocks:
            foa, memory = self.step(block, memory)
            held = np.concatenate([held, foa], axis=1)
            owed.append(block.shape[1])
            while owed and owed[0] <= held.shape[1]:
                count = owed.popleft()
                yield held[:, :count]
                held = held[:, count:]
        silence = np.zeros((self.filters.shape[1], self.delay), np.float32)
        foa, _ = self.step(silence, memory)
        held = np.concatenate([held, foa], axis=1)
        for count in owed:
            yield held[:, :count]
            held = held[:, count:]

    def encode(self, samples: Float[ndarray, "capsule sample"]) -> Float[ndarray, "4 sample"]:
        """Encode a whole recording, in time and of the same length."""
        return next(self.stream([samples]))


def _fft_size(n_taps: int) -> int:
    return max(4 * n_taps, 4096)


def _convolved(
    line: Float[ndarray, "capsule sample"],
    spectrum: Complex[ndarray, "acn=4 capsule bin"],
    n_taps: int,
) -> Float[ndarray, "4 _"]:
    """Overlap-save: the part of a convolution that the wrap-around does not touch."""
    size = _fft_size(n_taps)
    heard = np.fft.rfft(line, size)
    foa = np.einsum("aqf,qf->af", spectrum, heard)
    return np.asarray(np.fft.irfft(foa, size)[:, n_taps - 1 : line.shape[1]])


def array_encoder(
    array: MicArray, rate_hz: int, n_taps: int | None = None, noise_gain_db: float = 20.0
) -> Encoder:
    """Design the encoder of an array from the theory of its baffle.

    Parameters
    ----------
    array
        Where the capsules sit.
    rate_hz
        Samples per second.
    n_taps
        Length of the filters, even; the power of two at or above 40 ms where not given.
    noise_gain_db
        How much louder than one capsule's own noise a direction channel's noise may get at any
        frequency. More gives directions at lower frequencies.
    """
    n_taps = n_taps or 1 << int(np.ceil(np.log2(0.04 * rate_hz)))
    frequency_hz = np.fft.rfftfreq(2 * n_taps, 1 / rate_hz)
    step = max(1, _COVARIANCES_AT_ONCE // array.n_capsules**2)
    parts = [
        _ridge_fit(patterns_heard(array, few), diffuse_covariance(array, few), noise_gain_db)
        for few in np.split(frequency_hz, range(step, len(frequency_hz), step))
    ]
    return Encoder(_impulse_responses(np.concatenate(parts), n_taps), rate_hz)


def measured_encoder(
    response: Complex[ndarray, "frequency capsule direction"],
    directions: Float[ndarray, "direction 3"],
    rate_hz: int,
    weights: Float[ndarray, " direction"] | None = None,
    noise_gain_db: float = 20.0,
) -> Encoder:
    """Design an encoder from measured responses.

    Parameters
    ----------
    response
        At evenly spaced frequencies from 0 to rate_hz / 2, both included, relative to the
        free-field pressure at the origin; the filters get as many taps as the responses have bins.
    directions
        Unit vectors to where each response was measured from.
    rate_hz
        Samples per second.
    weights
        Part of the sphere each direction stands for; even where not given.
    noise_gain_db
        As in `array_encoder`.
    """
    if response.shape[0] < 3 or response.shape[0] % 2 == 0:
        raise InputError(
            f"measured responses must have an odd number of frequencies, from 0 to half the rate, "
            f"but {response.shape[0]} was given"
        )
    part = np.ones(len(directions)) if weights is None else weights
    weighted = (response * (part / part.sum())).conj().swapaxes(1, 2)
    fit = foa_gains(directions).T @ weighted
    matrix = _ridge_fit(fit, response @ weighted, noise_gain_db)
    return Encoder(_impulse_responses(matrix, response.shape[0] - 1), rate_hz)


def patterns_heard(
    array: MicArray, frequency_hz: Float[ndarray, " frequency"]
) -> Complex[ndarray, "frequency 4 capsule"]:
    """Give Y Hᴴ, averaged over the whole sphere.

    H = Σ (2n+1) b_n P_n(cos γ), and the mean of u P_1(u·v) over all u is v / 3: of each pattern
    only its own order is left.
    """
    if array.baffle == "rigid":
        strength = modes(1, frequency_hz, array.radius_m)[:, :, None]
        zeroth, first = np.broadcast_to(strength, (2, len(frequency_hz), array.n_capsules))
        towards = array.directions
    else:
        from scipy.special import spherical_jn  # slow to load, and few arrays need it

        radius = np.linalg.norm(array.positions, axis=1)
        x = 2 * np.pi * frequency_hz[:, None] * radius / SPEED_OF_SOUND_M_S
        zeroth, first = spherical_jn(0, x) + 0j, 1j * spherical_jn(1, x)
        towards = array.positions / np.maximum(radius, 1e-12)[:, None]
    gains = foa_gains(towards).T  # rows W, Y, Z, X at the capsules
    return np.concatenate([zeroth[:, None], first[:, None] * gains[1:]], axis=1).conj()


def _ridge_fit(
    fit: Complex[ndarray, "frequency 4 capsule"],
    power: Num[ndarray, "frequency capsule capsule"],
    noise_gain_db: float,
) -> Complex[ndarray, "frequency 4 capsule"]:
    """Solve eq. 1, given Y Hᴴ and H Hᴴ as means over the sphere.

    With singular values σ of H, a direction channel's noise gain is Σ y² σ² / (σ² + λ)² <=
    (1/3) / 4λ, because its pattern's mean square is 1/3: λ = 1 / (12 G) bounds it by G.
    """
    ridge = np.eye(power.shape[1]) / (12 * 10 ** (noise_gain_db / 10))
    turned = np.linalg.solve((power + ridge).swapaxes(1, 2), fit.swapaxes(1, 2))
    return np.asarray(turned.swapaxes(1, 2))


def _impulse_responses(
    matrix: Complex[ndarray, "frequency 4 capsule"], n_taps: int
) -> Float[ndarray, "4 capsule tap"]:
    """Give filters whose time 0 lies in the middle tap, from twice as fine a spectrum."""
    long = np.fft.irfft(np.moveaxis(matrix, 0, -1), 2 * n_taps)
    middle = np.roll(long, n_taps // 2, axis=-1)[..., :n_taps]
    edge = np.minimum(np.arange(n_taps), n_taps - np.arange(n_taps)) / n_taps
    tukey = 0.5 - 0.5 * np.cos(np.pi * np.minimum(1, 4 * edge))  # a quarter at either end fades
    return (middle * tukey).astype(np.float32)
