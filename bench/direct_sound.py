"""Where a lone source in a room seems to stand: plain intensity, direct forms, their mode.

Clips of ESC-50 fold 5 and an unheard speaker, one at a time in rooms of 25 to 400 m³ with T60 0.15
to 1 s, at 0.5 to 5 m, SNR 25 to 30 dB, 16 kHz. Of each event the vectors of all bands and frames
are summed, weighed by their own length and by rising level as in the detectors, but without any
network. `intensity` sums the channels' quadratic forms over a band and divides by the energy;
`direct forms` look past coherent reflections (`signal.intensity`); `mode` goes on from their sum by
mean-shift, as the detectors do.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import pad

from bench.tables import markdown
from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.direction import angle_between
from sonoscope.datasets.choice import ClipChoice, bank, find_clips
from sonoscope.models.front_end import QUIET, BandIntensity, FrontEndSettings, products
from sonoscope.signal.intensity import array_forms, foa_forms
from sonoscope.signal.mel import mel_matrix
from sonoscope.simulation.scene_settings import SceneSettings
from sonoscope.simulation.schedule import Supplies
from sonoscope.simulation.stream import SceneStream

LABELS = ("clock_alarm", "coughing", "dog", "door_wood_knock", "footsteps", "siren", "speech")
CLIPS = ClipChoice(esc50_folds=(5,), digits_speakers=("theo",))
SETTINGS = FrontEndSettings()
FORMATS: tuple[ChannelFormat, ...] = ("foa", "tetra")
ROOMS = SceneSettings(
    rate_hz=SETTINGS.rate_hz,
    max_overlap=(1,),
    snr_db=(25.0, 30.0),
    t60_s=(0.15, 1.0),
    volume_m3=(25.0, 400.0),
    distance_m=(0.5, 5.0),
    anechoic_share=0.0,
    mono_share=0.0,
    clean_share=0.0,
    empty_share=0.0,
)
SHARPNESS, ROUNDS = 4.0, 5

Ways = Float[Tensor, "frame mel 3"]


def lone_sources(
    channel_format: ChannelFormat, data: Path, scenes: int
) -> Iterator[tuple[Float[Tensor, "1 4 sample"], slice, Float[ndarray, "3"]]]:
    """Give the sound of each scene, the frames of each event in it, and where it stands."""
    sounds = bank(CLIPS, find_clips(CLIPS, data, LABELS), ROOMS.rate_hz)
    stream = SceneStream(ROOMS, Supplies(sounds, LABELS), 20190602, (channel_format,))
    for number in range(scenes):
        scene = stream.scene(number, channel_format, 6.0)
        sound = torch.from_numpy(np.asarray(scene.recording.samples, np.float32))[None]
        for event in scene.events:
            frames = slice(*(round(50 * t) for t in (event.onset_s, event.offset_s)))
            if frames.stop - frames.start >= 5:
                middle = np.array([(event.onset_s + event.offset_s) / 2])
                yield sound, frames, np.asarray(event.direction_at(middle)[0], np.float64)


class Intensity(BandIntensity):
    """The front end with plain intensity in place of direct forms."""

    def __init__(self, channel_format: ChannelFormat) -> None:
        super().__init__(channel_format, SETTINGS)
        frequency_hz = np.fft.rfftfreq(SETTINGS.window, 1 / SETTINGS.rate_hz)
        forms = np.broadcast_to(foa_forms(), (len(frequency_hz), 4, 16))
        if channel_format == "tetra":
            forms = array_forms(TETRAHEDRON, frequency_hz)
        self.forms = torch.from_numpy(forms.copy()).float()
        mel = mel_matrix(SETTINGS.rate_hz, SETTINGS.window, SETTINGS.n_mels)
        self.bands = torch.from_numpy(mel).float()

    def forward(self, sound: Float[Tensor, "batch 4 sample"]) -> Float[Tensor, "batch 4 frame mel"]:
        """Analyse a sound."""
        level = super().forward(sound)[:, :1]
        seen = torch.stack(products(*self.spectrum(sound)), dim=-1)
        sums = torch.einsum("bfkp,kcp,km->bcfm", seen, self.forms, self.bands)
        way = sums[:, 1:] / (sums[:, :1].clamp_min(0) + QUIET)
        return torch.cat([level, way.clamp(-1, 1)], dim=1)


def weighed(features: Float[Tensor, "1 4 frame mel"], frames: slice) -> Float[ndarray, "vector 3"]:
    """Give the vectors of an event's frames and bands, as long as they are to be trusted."""
    level, way = features[:, :1], features[:, 1:]
    rise = level - pad(level, (0, 0, 1, 0), mode="replicate")[:, :, :-1]
    trusted = way * way.norm(dim=1, keepdim=True) * (torch.sigmoid(rise - 3.0) + 0.03)
    return np.asarray(trusted[0, :, frames].permute(1, 2, 0).reshape(-1, 3).double().numpy())


def mode(vectors: Float[ndarray, "vector 3"]) -> Float[ndarray, "3"]:
    """Go from the sum of vectors towards the mode of their directions."""
    length = np.linalg.norm(vectors, axis=1)
    pointing = vectors[length > 0] / length[length > 0, None]
    centre = vectors.sum(axis=0)
    for _ in range(ROUNDS):
        agreeing = np.exp(SHARPNESS * (pointing @ (centre / np.linalg.norm(centre)) - 1))
        centre = agreeing @ vectors[length > 0]
    return np.asarray(centre)


def table(work: Path, data: Path, *, scenes: int = 150) -> str:
    """Tell the errors of the three ways in both formats; nothing is kept in `work`."""
    del work
    rows = []
    for name in FORMATS:
        plain, direct = Intensity(name), BandIntensity(name, SETTINGS)
        found: dict[str, list[float]] = {"intensity": [], "direct forms": [], "mode": []}
        for sound, frames, truth in lone_sources(name, data, scenes):
            seen = weighed(direct(sound), frames)
            sums = (weighed(plain(sound), frames).sum(axis=0), seen.sum(axis=0), mode(seen))
            for errors, guess in zip(found.values(), sums, strict=True):
                errors.append(float(np.rad2deg(angle_between(guess, truth))))
        for way, errors in found.items():
            told = (np.mean(errors), np.median(errors), np.percentile(errors, 90))
            rows.append([name, way, len(errors), *(f"{error:.1f}" for error in told)])
    return markdown(["format", "direction", "events", "mean °", "median °", "90 % within °"], rows)
