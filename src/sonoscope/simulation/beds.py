"""A recording made diffuse, without becoming a source that stands somewhere.

Added alike to every channel, a recording has coherence 1 between all capsules, and in FOA it is a
source at azimuth 45°, elevation 35° for ever. Here as many copies as a diffuse field needs noises
are laid out from grains of the recording: a few seconds each, joined by fades of equal power, the
copies at any moment reading parts that lie as far from each other as the recording allows. The
copies are mixed by the filters of `simulation.ambience`, so they cohere as eq. 3 says, and every
copy keeps the recording's spectrum.

The first four mixtures are those of plane waves from the corners of a cube, turned at random: a
drop of rain in one copy is heard by FOA as a drop from a corner, not as something without
direction. All others are orthogonal to these.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.signal.receiver import IdealFoa, Receiver
from sonoscope.simulation import mixing
from sonoscope.simulation.ambience import FIELD_NOISES, field_filters, own_noises

_GRAIN_S = 2.5
_FADE_S = 0.25
_SHORTEST_S = 0.5
_CORNERS = np.array(
    [(x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
) / np.sqrt(3)


@dataclass(frozen=True, slots=True, eq=False)
class RecordedBed:
    """A recording of some place or machine.

    Attributes
    ----------
    samples
        Each channel is one more recording to take grains from.
    rate_hz
        Samples per second, those of the scene.

    Raises
    ------
    SettingError
        If it is shorter than half a second.
    """

    samples: Float[ndarray, "channel sample"]
    rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.shape[1] < _SHORTEST_S * self.rate_hz:
            raise SettingError(
                f"a recorded bed must last {_SHORTEST_S:g} s or more, but "
                f"{self.samples.shape[1] / self.rate_hz:g} s was given"
            )


def bed_noise(
    bed: RecordedBed,
    receivers: tuple[Receiver, ...],
    rate_hz: int,
    length: int,
    generator: np.random.Generator,
    device: torch.device,
) -> list[Float[Tensor, "_ {length}"]]:
    """Give what every receiver hears of a recording that comes from everywhere."""
    if bed.rate_hz != rate_hz:
        raise SettingError(
            f"a recorded bed must have the scene's rate, {rate_hz} Hz, but {bed.rate_hz} Hz was "
            f"given"
        )
    rows = _rows(receivers)
    count = 8 * -(-(1 + max(max(row) for row in rows)) // 8)
    matrix = _matrix(count, generator)
    filters = [
        np.einsum("ort,rn->ont", field_filters(receiver, rate_hz), matrix[row])
        for receiver, row in zip(receivers, rows, strict=True)
    ]
    lead = mixing.lead_of(filters, rate_hz)
    sounds = copies(bed, count, length + 2 * lead, generator, device)
    return mixing.heard_by(filters, sounds, lead)


def copies(
    bed: RecordedBed, count: int, length: int, generator: np.random.Generator, device: torch.device
) -> Float[Tensor, "{count} {length}"]:
    """Lay out copies of a recording from grains, each copy far from the others at all times."""
    recording = torch.from_numpy(bed.samples.astype(np.float32, copy=False)).to(device)
    grain = min(int(_GRAIN_S * bed.rate_hz), recording.shape[1] // 2)
    fade = min(int(_FADE_S * bed.rate_hz), grain // 5)
    hop = grain - fade
    grains = -(-length // hop) + 1
    start = _starts(count, grains, recording.shape[1] - grain + 1, generator)
    channel = generator.integers(len(recording), size=(count, grains))
    window = _window(grain, fade).to(device)
    every = recording.unfold(-1, grain, 1)
    laid = []
    for which, first in zip(channel, start, strict=True):
        pieces = every[torch.from_numpy(which), torch.from_numpy(first)].mul_(window)
        pieces[1:, :fade] += pieces[:-1, hop:]
        laid.append(pieces[:, :hop].flatten()[fade : fade + length])
    return torch.stack(laid)


def _starts(
    count: int, grains: int, places: int, generator: np.random.Generator
) -> Int[ndarray, "{count} {grains}"]:
    """Draw where grains begin: at any moment evenly spread over the recording, in any order."""
    order = generator.permuted(np.tile(np.arange(count)[:, None], grains), axis=0)
    part = (order / count + generator.uniform(size=grains)) % 1
    return np.minimum((part * places).astype(np.int64), places - 1)


def _window(grain: int, fade: int) -> Float[Tensor, " {grain}"]:
    """Rise and fall as a quarter of a sine: the powers of two that meet sum to one."""
    rise = torch.sin(np.pi / 2 * (torch.arange(fade) + 0.5) / fade)
    return torch.cat([rise, torch.ones(grain - 2 * fade), rise.flip(0)])


def _rows(receivers: tuple[Receiver, ...]) -> list[list[int]]:
    """Give which rows of the matrix each receiver's filters take; receivers share their noises."""
    place: dict[int, int] = {}
    taken = FIELD_NOISES
    rows = []
    for receiver in receivers:
        row = list(range(FIELD_NOISES))
        if not isinstance(receiver, IdealFoa):
            key, count = own_noises(receiver)
            if key not in place:
                place[key] = taken
                taken += count
            row += range(place[key], place[key] + count)
        rows.append(row)
    return rows


def _matrix(count: int, generator: np.random.Generator) -> Float[ndarray, "{count} {count}"]:
    """Draw an orthogonal matrix from copies to noises, the first rows those of plane waves."""
    turn, _ = np.linalg.qr(generator.standard_normal((3, 3)))
    corners = np.tile(_CORNERS @ turn.T, (count // 8, 1))
    waves = np.concatenate([np.ones((1, count)), 3**0.5 * corners.T[[1, 2, 0]]]) / np.sqrt(count)
    rest = generator.standard_normal((count - FIELD_NOISES, count))
    basis, _ = np.linalg.qr(np.concatenate([waves, rest]).T)
    return np.concatenate([waves, basis.T[FIELD_NOISES:]]).astype(np.float32)
