"""Training examples by number: the batch of a step is always the same, whoever makes it.

Whatever can make batches can be trained on: files in memory (`FileStream`) or a simulator, which
needs one method. Clips are what the network takes: raw sound `clip sample`, or maps `clip channel
phase amplitude`.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import Tensor

from sonoscope.training.clips import mixing, waveform
from sonoscope.training.clips.held import HeldClips
from sonoscope.training.clips.mixing import MixingSettings, Mixture
from sonoscope.training.clips.waveform import WaveformSettings
from sonoscope.training.schedule import step_seed

_ORDER = 1  # which of the streams of random numbers says in what order clips are heard
_TRIES = 8  # places where a cut may begin, of which the first with sound is taken


@dataclass(frozen=True, slots=True, eq=False)
class ClipBatch:
    """Examples of one step.

    Attributes
    ----------
    clips
        What the network takes: a batch for each of its inputs, sound first.
    target
        What is asked for: a share a label, 1 in all, or less.
    partner, bands
        Whose bands of the first maps are to be taken, and from where to where, as
        `mixing.mixed_bands` does; None takes none.
    """

    clips: tuple[Float[Tensor, "clip ..."], ...]
    target: Float[Tensor, "clip label"]
    partner: Int64[Tensor, " clip"] | None = None
    bands: Float[Tensor, "clip edge=2"] | None = None

    def to(self, device: torch.device) -> "ClipBatch":
        """Move it."""
        return ClipBatch(
            tuple(each.to(device, non_blocking=True) for each in self.clips),
            self.target.to(device, non_blocking=True),
            None if self.partner is None else self.partner.to(device),
            None if self.bands is None else self.bands.to(device),
        )


@runtime_checkable
class ClipStream(Protocol):
    """Whatever makes the batch of a step."""

    def batch(self, step: int, size: int) -> ClipBatch:
        """Make `size` examples; the same for the same step and size."""
        ...


class FileStream:
    """Examples of clips in memory: cut, changed and mixed.

    Epoch after epoch every clip is heard once, in an order of its own; batches know no epochs.

    Parameters
    ----------
    held
        The clips, on the device where batches are made.
    rate_hz, n_samples
        Their rate, and the samples in an example.
    how, mix
        What is done to them.
    seed
        Of everything random.
    nothing
        What is asked of every label where noise alone is heard.
    """

    def __init__(
        self,
        held: HeldClips,
        rate_hz: int,
        n_samples: int,
        how: WaveformSettings,
        mix: MixingSettings,
        seed: int,
        nothing: float = 0.0,
    ) -> None:
        self.held, self.rate_hz, self.n_samples = held, rate_hz, n_samples
        self.how, self.mix, self.seed, self.nothing = how, mix, seed, nothing

    def batch(self, step: int, size: int) -> ClipBatch:
        """Make `size` examples."""
        rng = np.random.Generator(np.random.Philox(key=step_seed(self.seed, step)))
        clips = self.chosen(step, size)
        sounds, loudest = self._sounds(clips, rng)
        label = self.held.label[clips]
        target = torch.zeros(size, self.held.n_labels, device=sounds.device)
        target[torch.arange(size), torch.from_numpy(label).to(sounds.device)] = 1.0
        partner = bands = None
        if any(self.mix.shares):
            mixture = mixing.drawn_mixture(self.mix, label, rng)
            sounds = mixing.mixed_sounds(sounds, loudest, mixture)
            target = mixing.mixed_targets(target, mixture)
            if self.mix.frequency:
                partner, bands = _of_maps(mixture, sounds.device)
        self._silence(sounds, target, rng)
        return ClipBatch((sounds,), target, partner, bands)

    def chosen(self, step: int, size: int) -> Int64[ndarray, " clip"]:
        """Tell which clips a step hears."""
        n_clips = len(self.held)
        places = np.arange(step * size, (step + 1) * size)
        orders = {
            epoch: np.random.Generator(
                np.random.Philox(key=step_seed(self.seed, epoch, _ORDER))
            ).permutation(n_clips)
            for epoch in range(int(places[0]) // n_clips, int(places[-1]) // n_clips + 1)
        }
        return np.array([orders[place // n_clips][place % n_clips] for place in places.tolist()])

    def _sounds(
        self, clips: Int64[ndarray, " clip"], rng: np.random.Generator
    ) -> tuple[Float[Tensor, "clip sample"], Float[ndarray, " clip"]]:
        """Cut and change clips, and tell how loud each is at its loudest."""
        how, n_samples = self.how, self.n_samples
        speeds = waveform.drawn_speeds(how, rng)
        parts, loudest = [], []
        for members, speed in zip(np.array_split(clips, len(speeds)), speeds, strict=True):
            length = n_samples if speed == 1 else waveform.quick_length(n_samples * float(speed))
            first = self._first(members, length, rng)
            loudest.append(self.held.loudest(members, first, length))
            parts.append(waveform.spectra(self.held.cut(members, first, length), n_samples))
        gains_db = waveform.drawn_gains_db(how, len(clips), rng)
        bins = waveform.changed(torch.cat(parts), gains_db, how, self.rate_hz, rng)
        turns = waveform.drawn_turns(how, len(clips), rng)
        power = np.concatenate(loudest) * 10 ** (gains_db / 10)
        return waveform.sounds_of(bins, n_samples, turns), power

    def _first(
        self, clips: Int64[ndarray, " clip"], length: int, rng: np.random.Generator
    ) -> Int64[ndarray, " clip"]:
        """Draw where cuts begin: anywhere in a longer clip, and such that a shorter one fits in."""
        spare = self.held.length[clips] - length
        tries = np.floor(rng.random((len(clips), _TRIES)) * (np.abs(spare)[:, None] + 1))
        first = np.where(spare[:, None] >= 0, tries, -tries).astype(np.int64)
        is_heard = self.held.is_heard(clips, first, length)
        return np.asarray(first[np.arange(len(clips)), is_heard.argmax(axis=1)])

    def _silence(
        self,
        sounds: Float[Tensor, "clip sample"],
        target: Float[Tensor, "clip label"],
        rng: np.random.Generator,
    ) -> None:
        """Let noise take the place of some clips."""
        if not self.how.nothing_share:
            return
        empty = np.flatnonzero(rng.random(len(sounds)) < self.how.nothing_share)
        if not len(empty):
            return
        noise = waveform.nothing(len(empty), self.n_samples, self.how, rng)
        at = torch.from_numpy(empty).to(sounds.device)
        sounds[at] = noise.to(sounds.device)
        target[at] = self.nothing


def _of_maps(
    mixture: Mixture, device: torch.device
) -> tuple[Int64[Tensor, " clip"], Float[Tensor, "clip edge=2"]]:
    return torch.from_numpy(mixture.partner).to(device), mixture.bands().to(device)
