"""Ways of sound from a source to a receiver by mirrors: the vocabulary of rooms and open air.

A mirror makes an image of the source, and the receiver hears the image through what the mirrors
left in every octave and what the air leaves over the image's distance. On the time axis 0 is
emission; amplitudes are 1 at 1 m in free field.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S, absorption_db_m
from sonoscope.signal.octaves import octave_weights
from sonoscope.signal.receiver import IdealFoa, Receiver
from sonoscope.simulation.ambience import octave_bank
from sonoscope.simulation.convolution import quick_size
from sonoscope.simulation.impulses import (
    ImpulseTable,
    Waves,
    impulse_table,
    impulses_of,
    response_of_waves,
)

NEAREST_M = 0.05
"""Nearer than this is heard as from here: 1/distance has no end."""

RING_S = 0.012
"""How long zero-phase filters of octave shape ring to either side.

A fall of 10 dB from 125 to 250 Hz, the worst case, has then rung down to -74 dB of its peak.
"""

_FRESNEL_HZ = 1_000.0
_FADED = 0.8  # up to this part of Nyquist impulses are exact

FADE_FROM = 0.7
"""From this share of the early time on, images give way to late sound."""


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """Where source and receiver are.

    Attributes
    ----------
    source_m, receiver_m
        Places in the axes of the room or the ground.
    turn
        Rotation from those axes to the receiver's: a direction u is heard as from turn @ u.
    """

    source_m: Float[ndarray, "3"]
    receiver_m: Float[ndarray, "3"]
    turn: Float[ndarray, "3 3"] = field(default_factory=lambda: np.eye(3))

    @property
    def distance_m(self) -> float:
        """Length of the direct way."""
        return max(float(np.linalg.norm(self.source_m - self.receiver_m)), NEAREST_M)


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """What listens, as far as rendering needs to know.

    Attributes
    ----------
    table
        Impulses of waves from everywhere.
    diffuse
        Diffuse noise to cut late sound from: the bands sum to noise of unit power density on an
        omnidirectional channel, in the band of the table's impulses.
    """

    table: ImpulseTable
    diffuse: Float[Tensor, "band channel sample"]
    rate_hz: int


@lru_cache(maxsize=8)
def hearing_of(receiver: Receiver, rate_hz: int, device: str = "cpu") -> Hearing:
    """Build what a receiver hears with; late sound is then made on the device named.

    Impulses of waves fade out below Nyquist; diffuse noise is made to fade alike, or late sound
    would have 1 dB more than the images it follows in an octave that reaches there.
    """
    free = impulse_table(IdealFoa(), rate_hz)
    ahead = torch.tensor([[1.0, 0.0, 0.0]])
    impulse = impulses_of(free, ahead, torch.tensor([torch.inf]))[0, 0]
    bank = octave_bank(receiver, rate_hz).clone()
    size = bank.shape[-1]
    fade = torch.from_numpy(_fade(impulse.double().numpy(), size))
    reached = octave_weights(_FADED * np.array([rate_hz / 2]), rate_hz)[:, 0] > 0
    for band in np.flatnonzero(reached):
        bank[band] = torch.fft.irfft(torch.fft.rfft(bank[band]) * fade, n=size)
    return Hearing(impulse_table(receiver, rate_hz), bank.to(device), rate_hz)


def _fade(impulse: Float[ndarray, " tap"], size: int) -> Float[ndarray, " frequency"]:
    """Give the band of an impulse on the bins of a transform; 1 where it is whole."""
    part = np.linspace(0, 1, 513)
    turn = np.exp(-1j * np.pi * part[:, None] * np.arange(len(impulse)))
    heard = np.where(part < _FADED, 1.0, np.abs(turn @ impulse))
    return np.interp(np.linspace(0, 1, size // 2 + 1), part, heard).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """A rectangle that mirrors.

    Attributes
    ----------
    centre_m, normal
        A point of it, and the unit vector to the side that mirrors.
    sides
        Two unit vectors along its edges.
    half_m
        Half its length along each; infinite for a whole plane.
    """

    centre_m: Float[ndarray, "3"]
    normal: Float[ndarray, "3"]
    sides: Float[ndarray, "2 3"]
    half_m: Float[ndarray, "2"]

    def share(
        self, image_m: Float[ndarray, "*place 3"], receiver_m: Float[ndarray, "*place 3"]
    ) -> Float[ndarray, "*place"]:
        """Tell how much of an image is seen in the plate: 0 behind it or past its edges, 1 inside.

        The edge is as wide as the first Fresnel zone at 1 kHz and lets half through in its middle,
        as the edge of a half-plane does.
        """
        behind = -((image_m - self.centre_m) @ self.normal)
        before = (receiver_m - self.centre_m) @ self.normal
        seen = (behind > 0) & (before > 0)
        whole = np.where(seen, behind + before, 1.0)
        part = np.where(seen, before / whole, 0.0)
        crossing = receiver_m + part[..., None] * (image_m - receiver_m)
        inside = self.half_m - np.abs((crossing - self.centre_m) @ self.sides.T)
        length = np.linalg.norm(image_m - receiver_m, axis=-1)
        wave_m = SPEED_OF_SOUND_M_S / _FRESNEL_HZ
        zone = np.sqrt(wave_m * length * part * (1 - part)).clip(min=1e-3)
        share = (0.5 + inside / zone[..., None]).clip(0, 1).prod(axis=-1)
        return np.asarray(np.where(seen, share, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One way of sound: straight from the source's mirror image matrix @ source + offset.

    Attributes
    ----------
    gains
        Pressure that the mirrors leave, by octave; None where there is none.
    plate
        The mirror, where it does not reach everywhere.
    early_s
        When images have given way to late sound; None where there is none.
    """

    matrix: Float[ndarray, "3 3"]
    offset_m: Float[ndarray, "3"]
    gains: Float[ndarray, " band"] | None = None
    plate: Plate | None = None
    early_s: float | None = None

    def image(self, source_m: Float[ndarray, "*place 3"]) -> Float[ndarray, "*place 3"]:
        """Give the image of every place of the source."""
        return np.asarray(source_m @ self.matrix.T + self.offset_m)

    def share(
        self, source_m: Float[ndarray, "*place 3"], receiver_m: Float[ndarray, "*place 3"]
    ) -> Float[ndarray, "*place"]:
        """Tell how much of the image the receiver hears, 0 to 1: what of it is seen, and early."""
        image = self.image(source_m)
        if self.early_s is not None:
            distance = np.asarray(np.linalg.norm(image - receiver_m, axis=-1))
            return early_share(distance, self.early_s)
        if self.plate is not None:
            return self.plate.share(image, receiver_m)
        return np.ones(source_m.shape[:-1])

    def spectrum(
        self, distance_m: float, frequency_hz: Float[ndarray, " frequency"], rate_hz: int
    ) -> Float[ndarray, " frequency"]:
        """Give the pressure that mirrors and air leave over a distance, without 1/distance.

        Zero-phase. The air's part is exact at every frequency (ISO 9613-1).
        """
        air = 10 ** (-absorption_db_m(frequency_hz) * distance_m / 20)
        if self.gains is None:
            return np.asarray(air)
        return np.asarray(air * (self.gains @ octave_weights(frequency_hz, rate_hz)))


DIRECT = Path(np.eye(3), np.zeros(3))
"""The straight way."""


def mirror(
    point_m: Float[ndarray, "3"],
    normal: Float[ndarray, "3"],
    gains: Float[ndarray, " band"],
    *,
    plate: Plate | None = None,
    early_s: float | None = None,
) -> Path:
    """Give the way by one plane mirror: s - 2 n (n·(s - p))."""
    matrix = np.eye(3) - 2 * np.outer(normal, normal)
    return Path(matrix, 2 * float(normal @ point_m) * normal, gains, plate, early_s)


def early_share(distance_m: Float[ndarray, "*image"], early_s: float) -> Float[ndarray, "*image"]:
    """Give the amplitude that an image keeps in the cross-fade to late sound (equal power)."""
    through = (distance_m / (SPEED_OF_SOUND_M_S * early_s) - FADE_FROM) / (1 - FADE_FROM)
    return np.asarray(np.cos(np.pi / 2 * through.clip(0, 1)))


def air_exponents(frequency_hz: Float[ndarray, " frequency"]) -> Float[ndarray, " frequency"]:
    """Give what air takes per metre: energy falls as exp(-exponent · distance)."""
    return np.asarray(absorption_db_m(frequency_hz) * np.log(10) / 10)


def waves_of(
    place_m: Float[ndarray, "wave 3"],
    gain: Float[ndarray, "wave line"],
    geometry: Geometry,
    rate_hz: int,
) -> Waves:
    """Let images at places relative to the receiver (room axes) arrive, 1/distance included."""
    distance = np.linalg.norm(place_m, axis=1)
    direction = (place_m / distance.clip(1e-9)[:, None]) @ geometry.turn.T
    distance = distance.clip(NEAREST_M)
    return Waves(
        torch.from_numpy(direction.astype(np.float32)),
        torch.from_numpy(distance * (rate_hz / SPEED_OF_SOUND_M_S)),
        torch.from_numpy((gain / distance[:, None]).astype(np.float32)),
        torch.from_numpy(distance.astype(np.float32)),
    )


def in_few_lines(
    gains: Float[ndarray, "wave band"], weights: Float[ndarray, " wave"], residual: float = 1e-6
) -> tuple[Float[ndarray, "wave line"], Float[ndarray, "line band"]]:
    """Factorise gains by octave into as few lines as leave at most `residual` of a band's energy.

    gains ≈ lines @ shapes; `weights` (1/distance) tell how much every wave counts.
    """
    weighted = gains * weights[:, None]
    scale = np.sqrt((weighted**2).sum(axis=0))
    unit = np.where(scale > 0, scale, 1.0)
    gram = (weighted / unit).T @ (weighted / unit)
    power, vectors = np.linalg.eigh(gram)
    # What is left of a band without the weakest lines, from none upwards.
    left = np.cumsum(power.clip(0) * vectors**2, axis=1).max(axis=0)
    dropped = min(int(np.count_nonzero(left <= residual)), len(scale) - 1)
    kept = vectors[:, dropped:]
    return (gains / unit) @ kept, kept.T * unit


def coloured_sum(
    lines: Float[Tensor, "line channel sample"],
    spectra: Float[Tensor, "line frequency"],
    rate_hz: int,
) -> Float[Tensor, "channel rung"]:
    """Give every line its zero-phase spectrum and sum; what rings before 0 is lost."""
    size = 2 * (spectra.shape[-1] - 1)
    turned = torch.fft.rfft(lines, n=size) * spectra[:, None]
    heard: Tensor = torch.fft.irfft(turned.sum(dim=0), n=size)
    return heard[:, : lines.shape[-1] + int(RING_S * rate_hz)]


def padded_size(length: int, rate_hz: int) -> int:
    """Give a size of transform that leaves room for what zero-phase filters ring at both ends."""
    return quick_size(length + 2 * int(RING_S * rate_hz))


@lru_cache(maxsize=32)
def frequencies(size: int, rate_hz: int) -> Float[ndarray, " frequency"]:
    """Give the bins of a transform in Hz."""
    return np.fft.rfftfreq(size, 1 / rate_hz)


def silence_before(
    heard: Float[Tensor, "channel sample"], arrival: float, lead: int
) -> Float[Tensor, "channel sample"]:
    """Fade in over the lead of the direct wave's own impulse: nothing is heard before it."""
    first = int(arrival) - lead
    until = max(first + lead // 2 + 1, 0)
    time = torch.arange(until, device=heard.device)[: heard.shape[-1]]
    risen = (2 * (time - first) / lead).clamp(0, 1)
    rise = 0.5 - 0.5 * torch.cos(torch.pi * risen)
    return torch.cat([heard[:, :until] * rise, heard[:, until:]], dim=1)


def paths_response(
    paths: tuple[Path, ...], geometry: Geometry, hearing: Hearing
) -> Float[Tensor, "channel sample"]:
    """Give the response of a few paths, the direct one first, each with its exact spectrum."""
    source, receiver = geometry.source_m, geometry.receiver_m
    images = np.stack([path.image(source) for path in paths])
    shares = np.array([float(path.share(source, receiver)) for path in paths])
    waves = waves_of(images - receiver, np.diag(shares), geometry, hearing.rate_hz)
    length = int(waves.delay.max()) + hearing.table.taps
    bins = frequencies(padded_size(length, hearing.rate_hz), hearing.rate_hz)
    rows = [
        path.spectrum(float(distance), bins, hearing.rate_hz)
        for path, distance in zip(paths, waves.distance_m, strict=True)
    ]
    device = hearing.diffuse.device
    spectra = torch.from_numpy(np.stack(rows).astype(np.float32)).to(device)
    lines = response_of_waves(hearing.table, on_device(waves, device), length)
    direct = coloured_sum(lines[:1], spectra[:1], hearing.rate_hz)
    if len(paths) == 1:
        return direct
    others = coloured_sum(lines[1:], spectra[1:], hearing.rate_hz)
    return direct + silence_before(others, float(waves.delay[0]), hearing.table.lead)


def on_device(waves: Waves, device: torch.device) -> Waves:
    """Move waves to a device."""
    return Waves(
        waves.direction.to(device),
        waves.delay.to(device),
        waves.gain.to(device),
        waves.distance_m.to(device),
    )
