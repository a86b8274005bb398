"""Sounds through a matrix of filters, block by block.

Every ambience is a few independent sounds, mixed so that the channels cohere as they should.
Filters hold their time zero in the middle tap. Convolutions run by overlap-save in blocks that fit
the processor's cache.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy import ndarray
from torch import Tensor

_SHORTEST_BLOCK = 8_192
_TAPS_A_BLOCK = 8
_SAMPLES_AT_ONCE = 1 << 18
_LEAD_S = 0.1

_Through = Callable[[Tensor], Tensor]


def taps_for(seconds: float, rate_hz: int) -> int:
    """Give the power of two that holds so many seconds.

    Examples
    --------
    >>> taps_for(0.02, 24_000)
    512
    """
    return 1 << int(np.ceil(np.log2(max(2.0, seconds * rate_hz))))


def design_grid(n_taps: int, rate_hz: int) -> Float[ndarray, " frequency"]:
    """Give the frequencies, in Hz, at which filters of so many taps are designed."""
    return np.asarray(np.fft.rfftfreq(2 * n_taps, 1 / rate_hz))


def filters_of(
    spectrum: Complex[ndarray, "frequency output input"], n_taps: int
) -> Float[ndarray, "output input {n_taps}"]:
    """Give the filters of a spectrum on `design_grid`, an eighth of them faded at either end.

    Twice as fine a spectrum as the filters are long keeps what lies outside them from folding in.
    """
    long = np.fft.irfft(np.moveaxis(spectrum, 0, -1), 2 * n_taps)
    middle = np.roll(long, n_taps // 2, axis=-1)[..., :n_taps]
    edge = np.minimum(np.arange(n_taps), n_taps - np.arange(n_taps)) / n_taps
    fade = 0.5 - 0.5 * np.cos(np.pi * np.minimum(1, 8 * edge))
    return np.asarray(middle * fade, np.float32)


def spectrum_of(
    filters: Float[ndarray, "output input tap"], n_taps: int
) -> Complex[ndarray, "frequency output input"]:
    """Give the spectrum of filters on the `design_grid` of longer ones."""
    size = 2 * n_taps
    spectrum = np.fft.rfft(filters, size)
    turn = np.exp(2j * np.pi * np.arange(size // 2 + 1) * (filters.shape[-1] // 2) / size)
    return np.moveaxis(spectrum * turn, -1, 0)


def after(
    first: Float[ndarray, "output input tap"], second: Float[ndarray, " colour"]
) -> Float[ndarray, "output input _"]:
    """Give one filter for two in a row, its time zero in the middle again; `second` is even."""
    size = first.shape[-1] + second.shape[-1]
    both = np.fft.rfft(first, size) * np.fft.rfft(second, size)
    return np.asarray(np.fft.irfft(both, size), np.float32)


def margins(n_taps: int) -> tuple[int, int]:
    """Give how many samples before and after its output a filter listens to."""
    return n_taps - 1 - n_taps // 2, n_taps // 2


def mix(
    filters: Float[Tensor, "output input tap"], sounds: Float[Tensor, "input sample"]
) -> Float[Tensor, "output _"]:
    """Mix sounds through filters, wherever the filters lie wholly inside them.

    The output is shorter by one less than the taps; sample n of it stands at sample n +
    `margins(taps)[0]` of the sounds.
    """
    n_taps = filters.shape[-1]
    if n_taps == 1:
        return filters[:, :, 0] @ sounds
    size = _block_size(n_taps)
    spectrum = torch.fft.rfft(filters, n=size)

    def through(heard: Tensor) -> Tensor:
        return torch.stack([(heard * row[:, None]).sum(dim=0) for row in spectrum])

    return _blockwise(sounds, n_taps, filters.shape[0], through)


def filtered(
    impulse: Float[Tensor, " tap"], sounds: Float[Tensor, "channel sample"]
) -> Float[Tensor, "channel _"]:
    """Put every channel through the same filter; lengths as in `mix`."""
    n_taps = len(impulse)
    spectrum = torch.fft.rfft(impulse, n=_block_size(n_taps))

    def through(heard: Tensor) -> Tensor:
        return heard.mul_(spectrum)

    return _blockwise(sounds, n_taps, sounds.shape[0], through)


def lead_of(filters: Sequence[Float[ndarray, "_ input _"]], rate_hz: int) -> int:
    """Give how many samples more sounds must have, before and after, than `heard_by` gives.

    0.1 s where the filters are not longer: so sounds do not depend on who listens.
    """
    longest = max(int(several.shape[-1]) for several in filters)
    return max(round(_LEAD_S * rate_hz), longest // 2 + 1)


def heard_by(
    filters: Sequence[Float[ndarray, "_ input _"]],
    sounds: Float[Tensor, "input sample"],
    lead: int,
) -> list[Float[Tensor, "_ _"]]:
    """Mix the same sounds for several receivers, all in time, and without their leads."""
    length = sounds.shape[1] - 2 * lead
    heard = []
    for several in filters:
        n_taps = several.shape[-1]
        first = lead - margins(n_taps)[0]
        piece = sounds[:, first : first + length + n_taps - 1]
        heard.append(mix(torch.from_numpy(several).to(sounds.device), piece))
    return heard


def wandering(
    rows: int, knots: int, memory: float, generator: np.random.Generator
) -> Float[ndarray, "{rows} {knots}"]:
    """Draw slow random walks of zero mean and unit power that forget over `memory` knots."""
    steps = generator.standard_normal((knots, rows))
    keep = np.exp(-1 / memory)
    steps[1:] *= np.sqrt(1 - keep**2)
    for knot in range(1, knots):
        steps[knot] += keep * steps[knot - 1]
    return np.asarray(steps.T)


def wrapped(
    sounds: Float[Tensor, "channel sample"], start: int, length: int
) -> Float[Tensor, "channel {length}"]:
    """Read from sounds that go on from their beginning, from any place, for any length."""
    size = sounds.shape[-1]
    start %= size
    if start + length <= size:
        return sounds[:, start : start + length]
    turns = -(-(start + length) // size)
    pieces = [
        sounds[:, start:],
        *[sounds] * (turns - 2),
        sounds[:, : start + length - (turns - 1) * size],
    ]
    return torch.cat(pieces, dim=-1)


def ramped(knots: Float[Tensor, "*any knot"], length: int) -> Float[Tensor, "*any {length}"]:
    """Join knots, the first at the first sample and the last past the last, by straight lines."""
    spans = knots.shape[-1] - 1
    step = -(-length // spans)
    share = torch.arange(step, device=knots.device, dtype=knots.dtype) / step
    line = torch.lerp(knots[..., :-1, None], knots[..., 1:, None], share)
    return line.flatten(-2)[..., :length]


def _block_size(n_taps: int) -> int:
    return max(_SHORTEST_BLOCK, _TAPS_A_BLOCK << (n_taps - 1).bit_length())


def _blockwise(sounds: Tensor, n_taps: int, n_out: int, through: _Through) -> Tensor:
    size = _block_size(n_taps)
    hop = size - n_taps + 1
    count = sounds.shape[-1] - n_taps + 1
    blocks = -(-count // hop)
    padded = torch.nn.functional.pad(sounds, (0, blocks * hop + n_taps - 1 - sounds.shape[-1]))
    frames = padded.unfold(-1, size, hop)
    made = sounds.new_empty(n_out, blocks, hop)
    step = max(1, _SAMPLES_AT_ONCE // (size * max(n_out, sounds.shape[0])))
    for first in range(0, blocks, step):
        few = slice(first, first + step)
        mixed = through(torch.fft.rfft(frames[:, few]))
        made[:, few] = torch.fft.irfft(mixed, n=size)[..., n_taps - 1 :]
    return made.flatten(-2)[:, :count]
