"""Diffuse and directed sound: noise whose channels cohere as they do in a field of many waves.

Every channel of every receiver of a scene hears one field. Its first four noises are the field's
parts of order 0 and 1, so ideal FOA is nothing but gains on them; another receiver hears these four
as its sphere lets it, plus noises of its own for the higher orders:

    foa = L w                     L Lᴴ = C,              C = mean over waves of y yᵀ
    receiver = A w + B w'         A = G_rf L⁻ᴴ,          B Bᴴ = G - A Aᴴ

y are the gains of FOA, G the receiver's covariance (eq. 3: Σ (2n+1) |B_n|² P_n(cos γ) on a rigid
sphere), G_rf the one between receiver and FOA. The principal roots are smooth in frequency. A
phantom source, or noise that is independent on every channel, would teach a network what never
happens.

Reference: E. A. P. Habets, I. Cohen, S. Gannot, "Generating nonstationary multisensor signals under
a spatial coherence constraint", JASA 124 (2008) 2911; the joint form over two receivers is our own.
"""

from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Complex, Float, Num
from numpy import ndarray
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.errors import SettingError
from sonoscope.signal.ambisonics import foa_gains, patterns_heard
from sonoscope.signal.octaves import octave_weights
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver, encoder_of
from sonoscope.signal.sphere import array_response, diffuse_covariance
from sonoscope.simulation import mixing

FIELD_NOISES = 4
"""Noises that all receivers share: the field's parts of order 0 and 1."""

BANK_S = 48
OCTAVE_BANK_S = 8
_BANK_RATE_HZ = 48_000
_ENCODER_S = 0.06
_SPHERE_S = 0.004
_FOA_ROOT = np.diag([1.0, 3**-0.5, 3**-0.5, 3**-0.5])
_HIGHEST_ORDER = 30
_BAND_BINS = 256  # 5 Hz of a diffuse bank, 32 Hz of an octave bank
_BUNCH = 32
_OWN_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class DiffuseNoise:
    """Noise from everywhere alike.

    Attributes
    ----------
    is_coloured
        Whether it hums as rooms do, by a colour drawn anew for every scene, or is white.
    """

    is_coloured: bool = True


@dataclass(frozen=True, slots=True)
class Lobe:
    """A broad part of the sky that sound comes from: a von Mises-Fisher density.

    Attributes
    ----------
    towards
        Unit vector to its middle.
    concentration
        0 is everywhere; at κ the density falls to e⁻¹ at the angle arccos(1 - 1/κ).
    share
        Its power, where that of all lobes and the floor together is one.
    """

    towards: tuple[float, float, float]
    concentration: float
    share: float


@dataclass(frozen=True, slots=True)
class DirectedNoise:
    """Noise from everywhere, but more from some parts; what the lobes leave is an even floor.

    Raises
    ------
    SettingError
        If the lobes leave less than a hundredth, or are narrower than the quadrature resolves.
    """

    lobes: tuple[Lobe, ...]
    is_coloured: bool = True

    def __post_init__(self) -> None:
        if self.floor < 0.01:
            raise SettingError(
                f"shares of lobes must leave a floor of 0.01 or more, but {self.floor:g} was left"
            )
        if any(not 0 <= lobe.concentration <= 30 for lobe in self.lobes):
            raise SettingError("concentration of a lobe must be in 0..30")

    @property
    def floor(self) -> float:
        """Share of the power that comes from everywhere alike."""
        return 1 - sum(lobe.share for lobe in self.lobes)


@dataclass(frozen=True, slots=True, eq=False)
class Colour:
    """How a noise hums: one filter and one slow swell for all channels of all receivers."""

    impulse: Float[ndarray, " tap"]
    swell: Float[ndarray, " knot"]


@lru_cache(maxsize=8)
def field_filters(receiver: Receiver, rate_hz: int) -> Float[ndarray, "channel noise tap"]:
    """Give the filters from white noises to what a receiver hears of a diffuse field.

    The first `FIELD_NOISES` inputs are those of every receiver, the others its array's own.
    """
    if isinstance(receiver, IdealFoa):
        return np.asarray(_FOA_ROOT[:, :, None], np.float32)
    array = receiver.array
    frequency_hz = mixing.design_grid(_sphere_taps(array, rate_hz), rate_hz)
    cross = np.conj(patterns_heard(array, frequency_hz)).swapaxes(1, 2)
    spectrum = _joint(diffuse_covariance(array, frequency_hz), cross, _FOA_ROOT)
    return _heard_filters(receiver, rate_hz, spectrum)


def directed_filters(
    noise: DirectedNoise, receiver: Receiver, rate_hz: int
) -> Float[ndarray, "channel noise tap"]:
    """Give the same for a directed field; the integrals are sums over a quadrature.

    Where kR is above 22 (tetrahedron of 4.2 cm: 28 kHz) the quadrature no longer resolves the
    array: power stays right, coherence between far capsules is then that of 1922 waves.
    """
    directions, weights = _sky(noise, _order_of(receiver, rate_hz))
    gains = foa_gains(directions)
    root = _root((gains.T * weights) @ gains)
    if isinstance(receiver, IdealFoa):
        return np.asarray(root[:, :, None], np.float32)
    heard = _heard_of_sky(receiver.array, rate_hz, _order_of(receiver, rate_hz))
    weighted = heard * weights.astype(np.float32)
    covariance = weighted @ heard.conj().swapaxes(1, 2)
    spectrum = _joint(covariance, weighted @ gains.astype(np.float32), root)
    return _heard_filters(receiver, rate_hz, spectrum)


def power_towards(
    noise: DirectedNoise, directions: Float[ndarray, "direction 3"]
) -> Float[ndarray, " direction"]:
    """Give the power that comes from each direction; its mean over the sphere is one."""
    power = np.full(len(directions), noise.floor)
    for lobe in noise.lobes:
        k = max(lobe.concentration, 1e-6)
        density = 2 * k / -np.expm1(-2 * k) * np.exp(k * (directions @ np.array(lobe.towards) - 1))
        power += lobe.share * density
    return power


def drawn_directed(generator: np.random.Generator) -> DirectedNoise:
    """Draw one to three lobes, 30 to 80 degrees to either side, above a floor of 0.2 to 0.6."""
    count = int(generator.integers(1, 4))
    towards = generator.standard_normal((count, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    width = np.deg2rad(generator.uniform(30, 80, size=count))
    share = generator.dirichlet(np.full(count, 2.0)) * (1 - generator.uniform(0.2, 0.6))
    lobes = [
        Lobe((float(x), float(y), float(z)), float(1 / (1 - np.cos(wide))), float(part))
        for (x, y, z), wide, part in zip(towards, width, share, strict=True)
    ]
    return DirectedNoise(tuple(lobes))


def bank_samples(rate_hz: int) -> int:
    """Give the length of a diffuse bank: 48 s, and as many samples above 48 kHz as there."""
    return BANK_S * min(rate_hz, _BANK_RATE_HZ)


@lru_cache(maxsize=8)
def diffuse_bank(receiver: Receiver, rate_hz: int) -> Float[Tensor, "channel sample"]:
    """Give white diffuse noise, to cut pieces from; it goes on from its beginning.

    Filtering anew for every scene would cost more than the rest of the scene. The power is that of
    a field of unit pressure: one on an omnidirectional channel in free field, G_ii on a capsule.
    The same start cuts the same field for every receiver.
    """
    return _field(receiver, rate_hz, bank_samples(rate_hz))


@lru_cache(maxsize=8)
def octave_bank(receiver: Receiver, rate_hz: int) -> Float[Tensor, "band channel sample"]:
    """Give white diffuse noise split into octaves that sum to it; 8 s, as `diffuse_bank`."""
    length = OCTAVE_BANK_S * min(rate_hz, _BANK_RATE_HZ)
    spectrum = torch.fft.rfft(_field(receiver, rate_hz, length))
    weights = octave_weights(np.fft.rfftfreq(length, 1 / rate_hz), rate_hz)
    bands = [
        torch.fft.irfft(spectrum * torch.from_numpy(weight.astype(np.float32)), n=length)
        for weight in weights
    ]
    return torch.stack(bands)


@lru_cache(maxsize=8)
def white_bank(receiver: Receiver, rate_hz: int) -> Float[Tensor, "noise sample"]:
    """Give the independent noises that a receiver's filters take, as long as a diffuse bank."""
    return _white(receiver, rate_hz, bank_samples(rate_hz))


@lru_cache(maxsize=8)
def diffuse_bank_on(
    receiver: Receiver, rate_hz: int, device: torch.device
) -> Float[Tensor, "channel sample"]:
    """Give `diffuse_bank` on a device."""
    return diffuse_bank(receiver, rate_hz).to(device)


@lru_cache(maxsize=8)
def white_bank_on(
    receiver: Receiver, rate_hz: int, device: torch.device
) -> Float[Tensor, "noise sample"]:
    """Give `white_bank` on a device."""
    return white_bank(receiver, rate_hz).to(device)


def cut(
    bank: Float[Tensor, "channel sample"], length: int, generator: np.random.Generator
) -> Float[Tensor, "channel {length}"]:
    """Cut a piece from a random place of a bank; one draw of the generator."""
    return mixing.wrapped(bank, int(generator.integers(bank.shape[-1])), length)


def drawn_colour(rate_hz: int, length: int, generator: np.random.Generator) -> Colour:
    """Draw how a room hums: a slope of 0 to -9 dB an octave, one broad resonance, slow swell."""
    n_taps = mixing.taps_for(0.04, rate_hz)
    frequency_hz = mixing.design_grid(n_taps, rate_hz)
    octave = np.log2(np.maximum(frequency_hz, 40.0) / 1_000)
    slope_db = generator.uniform(-9, 0)
    centre, width = generator.uniform(-3, 2.5), generator.uniform(0.4, 1.5)
    bump_db = generator.uniform(-6, 9)
    level_db = slope_db * octave + bump_db * np.exp(-(((octave - centre) / width) ** 2))
    gain = (10 ** (level_db / 20)).astype(np.complex128)
    impulse = mixing.filters_of(gain[:, None, None], n_taps)[0, 0]
    knots = 10 ** (generator.uniform(-2, 2, size=2 + length // rate_hz) / 20)
    return Colour(impulse, knots.astype(np.float32))


def apply_colour(
    noise: Float[Tensor, "channel sample"], colour: Colour
) -> Float[Tensor, "channel sample"]:
    """Colour noise; what its filter hears beyond either end is taken from the other one."""
    n_taps, length = len(colour.impulse), noise.shape[-1]
    before, _ = mixing.margins(n_taps)
    around = mixing.wrapped(noise, -before, length + n_taps - 1)
    shaped = mixing.filtered(torch.from_numpy(colour.impulse).to(noise.device), around)
    return shaped.mul_(mixing.ramped(torch.from_numpy(colour.swell).to(noise.device), length))


def coloured(
    noise: Float[Tensor, "channel sample"], rate_hz: int, generator: np.random.Generator
) -> Float[Tensor, "channel sample"]:
    """Colour noise by a draw; the result has unit power on channel 0."""
    shaped = apply_colour(noise, drawn_colour(rate_hz, noise.shape[-1], generator))
    return shaped.div_(shaped[0].square().mean().sqrt().clamp_min(1e-12))


def diffuse_noise(
    noise: DiffuseNoise,
    receivers: tuple[Receiver, ...],
    rate_hz: int,
    length: int,
    generator: np.random.Generator,
    device: torch.device,
) -> list[Float[Tensor, "_ {length}"]]:
    """Give what every receiver hears of one diffuse field."""
    start = int(generator.integers(bank_samples(rate_hz)))
    banks = [diffuse_bank_on(receiver, rate_hz, device) for receiver in receivers]
    pieces = [mixing.wrapped(bank, start, length) for bank in banks]
    if not noise.is_coloured:
        return [piece.clone() for piece in pieces]
    colour = drawn_colour(rate_hz, length, generator)
    return [apply_colour(piece, colour) for piece in pieces]


def directed_noise(
    noise: DirectedNoise,
    receivers: tuple[Receiver, ...],
    rate_hz: int,
    length: int,
    generator: np.random.Generator,
    device: torch.device,
) -> list[Float[Tensor, "_ {length}"]]:
    """Give what every receiver hears of one directed field."""
    start = int(generator.integers(bank_samples(rate_hz)))
    colour = drawn_colour(rate_hz, length, generator) if noise.is_coloured else None
    heard = []
    for receiver in receivers:
        filters = directed_filters(noise, receiver, rate_hz)
        is_of_gains = filters.shape[-1] == 1
        if colour is not None and not is_of_gains:
            filters = mixing.after(filters, colour.impulse)
        before, _ = mixing.margins(filters.shape[-1])
        white = white_bank_on(receiver, rate_hz, device)
        piece = mixing.wrapped(white, start - before, length + filters.shape[-1] - 1)
        sound = mixing.mix(torch.from_numpy(filters).to(device), piece)
        if colour is not None and is_of_gains:
            sound = apply_colour(sound, colour)
        elif colour is not None:
            sound.mul_(mixing.ramped(torch.from_numpy(colour.swell).to(device), length))
        heard.append(sound)
    return heard


def encoder_spectrum(
    array: MicArray, rate_hz: int, n_taps: int
) -> Complex[ndarray, "frequency acn=4 capsule"]:
    """Give what an array's encoder does on the `design_grid` of some taps, its delay taken back."""
    return mixing.spectrum_of(encoder_of(array, rate_hz).filters, n_taps)


def own_noises(receiver: Capsules | EncodedFoa) -> tuple[int, int]:
    """Give the first key and the number of the noises that only a receiver hears.

    Encoded from few capsules it hears those of the capsules: encoding them gives the same sound.
    """
    array = receiver.array
    is_summed_up = isinstance(receiver, EncodedFoa) and array.n_capsules > _OWN_AT_MOST
    name = crc32(repr((array.positions_m, array.baffle, is_summed_up)).encode())
    return (name + 1) << 12, receiver.n_channels if is_summed_up else array.n_capsules


def _sphere_taps(array: MicArray, rate_hz: int) -> int:
    """Give how long what the array does to a wave rings: some passages of it."""
    return mixing.taps_for(_SPHERE_S + 12 * array.radius_m / SPEED_OF_SOUND_M_S, rate_hz)


def _joint(
    covariance: Num[ndarray, "frequency channel channel"],
    cross: Num[ndarray, "frequency channel 4"],
    root: Float[ndarray, "4 4"],
) -> Complex[ndarray, "frequency channel noise"]:
    """Give [A B] of a receiver beside FOA, whose own root is L (real, symmetric)."""
    shared = cross @ np.linalg.inv(root)
    rest = covariance - shared @ shared.conj().swapaxes(1, 2)
    own = _root(rest)
    return np.concatenate([shared, own], axis=2).astype(np.complex128)


def _root(covariance: Num[ndarray, "*any channel channel"]) -> Num[ndarray, "*any channel channel"]:
    """Give the principal square root; eigenvalues that rounding made negative are nothing."""
    power, vectors = np.linalg.eigh(covariance)
    scaled = vectors * np.sqrt(power.clip(min=0))[..., None, :]
    return np.asarray(scaled @ vectors.conj().swapaxes(-1, -2))


def _heard_filters(
    receiver: Capsules | EncodedFoa,
    rate_hz: int,
    spectrum: Complex[ndarray, "frequency capsule source"],
) -> Float[ndarray, "channel noise tap"]:
    """Give the filters to a receiver from the mixture on its capsules, encoded where it does so.

    What many capsules hear of the higher orders is told by as many noises as there are channels:
    its covariance is all that a listener to FOA can know of it.
    """
    at_capsules = mixing.filters_of(spectrum, len(spectrum) - 1)
    if isinstance(receiver, Capsules):
        return at_capsules
    n_taps = mixing.taps_for(_ENCODER_S, rate_hz) + at_capsules.shape[-1]
    fine = mixing.spectrum_of(at_capsules, n_taps)
    heard = encoder_spectrum(receiver.array, rate_hz, n_taps) @ fine
    if receiver.array.n_capsules > _OWN_AT_MOST:
        own = heard[:, :, FIELD_NOISES:]
        root = _root(own @ own.conj().swapaxes(1, 2))
        heard = np.concatenate([heard[:, :, :FIELD_NOISES], root], axis=2)
    return mixing.filters_of(np.asarray(heard), n_taps)


def _field(receiver: Receiver, rate_hz: int, length: int) -> Tensor:
    filters = torch.from_numpy(field_filters(receiver, rate_hz))
    before, _ = mixing.margins(filters.shape[-1])
    white = _white(receiver, rate_hz, length)
    return mixing.mix(filters, mixing.wrapped(white, -before, length + filters.shape[-1] - 1))


def _white(receiver: Receiver, rate_hz: int, length: int) -> Tensor:
    """Draw the noises, uncorrelated and of equal power in every narrow band of the whole bank.

    What a bank lacks every scene would lack: left to chance, its third octave at 100 Hz would be
    off by 0.13 dB rms and its coherence by 0.03.
    """
    field = _bins(range(FIELD_NOISES), rate_hz, length)
    bunches = [_whitened(field)]
    if not isinstance(receiver, IdealFoa):
        name, count = own_noises(receiver)
        for first in range(0, count, _BUNCH):
            keys = range(name + first, name + min(first + _BUNCH, count))
            own = np.concatenate([field, _bins(keys, rate_hz, length)])
            bunches.append(_whitened(own)[FIELD_NOISES:])
    white = [
        torch.fft.irfft(torch.from_numpy(bunch[:, : length // 2 + 1]), n=length, norm="ortho")
        for bunch in bunches
    ]
    return torch.cat(white)


def _bins(keys: range, rate_hz: int, length: int) -> Complex[ndarray, "noise bin"]:
    """Draw the spectra of noises, each from its own counter: receivers share those of one key."""
    count = -(-(length // 2 + 1) // _BAND_BINS) * _BAND_BINS
    rows = [
        np.random.Generator(np.random.Philox(key=[rate_hz << 32 | length, key])).standard_normal(
            2 * count, dtype=np.float32
        )
        for key in keys
    ]
    return np.asarray(np.stack(rows).view(np.complex64))


def _whitened(bins: Complex[ndarray, "noise bin"]) -> Complex[ndarray, "noise bin"]:
    """Take out what noises have in common in every band; the first ones feel only each other."""
    bands = np.moveaxis(bins.reshape(len(bins), -1, _BAND_BINS), 1, 0)
    covariance = bands @ bands.conj().swapaxes(1, 2) / _BAND_BINS
    whitener = np.linalg.inv(np.linalg.cholesky(covariance))
    return np.asarray(np.moveaxis(whitener @ bands, 0, 1).reshape(bins.shape))


def _order_of(receiver: Receiver, rate_hz: int) -> int:
    """Give the order to which a receiver hears directions, as far as a quadrature follows it."""
    if isinstance(receiver, IdealFoa):
        return 12
    reach = np.pi * rate_hz * receiver.array.radius_m / SPEED_OF_SOUND_M_S
    return int(min(np.ceil(1.1 * reach) + 6, _HIGHEST_ORDER))


@lru_cache(maxsize=8)
def _quadrature(order: int) -> tuple[Float[ndarray, "direction 3"], Float[ndarray, " direction"]]:
    """Give directions and weights (of sum one) exact for products of two of an order.

    Gauss-Legendre by height, even in azimuth.
    """
    height, weight = np.polynomial.legendre.leggauss(order + 1)
    azimuth = 2 * np.pi * (np.arange(2 * order + 2) + 0.5) / (2 * order + 2)
    z, turn = np.repeat(height, len(azimuth)), np.tile(azimuth, len(height))
    flat = np.sqrt(1 - z**2)
    directions = np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
    return directions, np.repeat(weight / 2, len(azimuth)) / len(azimuth)


def _sky(
    noise: DirectedNoise, order: int
) -> tuple[Float[ndarray, "direction 3"], Float[ndarray, " direction"]]:
    directions, weights = _quadrature(order)
    power = weights * power_towards(noise, directions)
    return directions, np.asarray(power / power.sum())


@lru_cache(maxsize=4)
def _heard_of_sky(
    array: MicArray, rate_hz: int, order: int
) -> Complex[ndarray, "frequency capsule direction"]:
    directions, _ = _quadrature(order)
    frequency_hz = mixing.design_grid(_sphere_taps(array, rate_hz), rate_hz)
    heard = array_response(array, directions, frequency_hz)
    return heard.astype(np.complex64)
