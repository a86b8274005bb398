"""How loud events are made over the ambience: three definitions of the signal-to-noise ratio.

All are taken on the omnidirectional channel (FOA: W; capsules: the mean of their powers), of the
reverberant sound, inside the scene:

    active   mean power of one event from its onset to its offset  /  mean power of the ambience
    file     energy of all events' sum over the whole file         /  energy of the ambience
    peak     largest squared sample of one event                   /  mean power of the ambience

`file` is what the DCASE generators of 2020 to 2022 mean; there the events' levels relative to each
other are those of their active parts. Where interferers have a level of their own (SIR), it is the
wanted events' level over theirs by the same definition.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sonoscope.simulation.script import Levels

_SILENCE = 1e-20


@dataclass(frozen=True, slots=True, eq=False)
class Wet:
    """One event as a receiver hears it.

    Attributes
    ----------
    first
        Which sample of the scene the first of `sound` is; may be negative.
    active
        First and last sample (in the scene) between which the event counts as sounding.
    """

    sound: Float[Tensor, "channel sample"]
    first: int
    active: tuple[int, int]
    level_db: float
    is_extra: bool


def omni(sound: Float[Tensor, "channel sample"], *, is_foa: bool) -> Float[Tensor, "_ sample"]:
    """Give the channels whose mean power counts as the level."""
    return sound[:1] if is_foa else sound


def power(sound: Float[Tensor, "channel sample"], *, is_foa: bool) -> float:
    """Give the mean power on the omnidirectional channel."""
    heard = omni(sound, is_foa=is_foa)
    return float(heard.square().mean(dtype=torch.float64)) if heard.numel() else 0.0


def gains(
    wets: Sequence[Wet], levels: Levels, ambience_power: float, length: int, *, is_foa: bool
) -> list[float]:
    """Give the gain of every event for which the levels hold, in a scene of `length` samples."""
    relative = [
        10 ** (wet.level_db / 20)
        / _strength(wet, length, is_peak=levels.definition == "peak", is_foa=is_foa)
        for wet in wets
    ]
    wanted = np.sqrt(ambience_power) * 10 ** (levels.snr_db / 20)
    extra = wanted * 10 ** (-(levels.sir_db or 0.0) / 20)
    if levels.definition == "file":
        if levels.sir_db is None:
            wanted = extra = wanted / _mixed(wets, relative, length, is_foa=is_foa)
        else:
            for is_extra in (False, True):
                group = [i for i, wet in enumerate(wets) if wet.is_extra == is_extra]
                here = [relative[i] for i in group]
                scale = _mixed([wets[i] for i in group], here, length, is_foa=is_foa)
                wanted, extra = (wanted, extra / scale) if is_extra else (wanted / scale, extra)
    return [
        float(one * (extra if wet.is_extra else wanted))
        for one, wet in zip(relative, wets, strict=True)
    ]


def add(scene: Float[Tensor, "channel sample"], wet: Wet, gain: float) -> None:
    """Add in place what of an event falls inside; the scene is the caller's own."""
    first, last = max(wet.first, 0), min(wet.first + wet.sound.shape[-1], scene.shape[-1])
    if first < last:
        part = wet.sound[:, first - wet.first : last - wet.first]
        scene[:, first:last].add_(part, alpha=gain)


def _strength(wet: Wet, length: int, *, is_peak: bool, is_foa: bool) -> float:
    """Give the amplitude that the definition goes by, of what is heard inside the scene if any."""
    start, stop = max(wet.active[0], 0), min(wet.active[1], length)
    if stop <= start:
        start, stop = wet.active
    part = wet.sound[:, max(start - wet.first, 0) : max(stop - wet.first, 0)]
    if is_peak and part.numel():
        return max(float(omni(part, is_foa=is_foa).abs().max()), float(np.sqrt(_SILENCE)))
    return float(np.sqrt(max(power(part, is_foa=is_foa), _SILENCE)))


def _mixed(wets: Sequence[Wet], relative: Sequence[float], length: int, *, is_foa: bool) -> float:
    """Give the amplitude of some events' sum over the whole scene."""
    if not wets:
        return 1.0
    mix = wets[0].sound.new_zeros(wets[0].sound.shape[0], length)
    for wet, gain in zip(wets, relative, strict=True):
        add(mix, wet, gain)
    return float(np.sqrt(max(power(mix, is_foa=is_foa), _SILENCE)))
