"""From mono sound to one normalised map of log bands, as image networks take it.

    sound ─ Spectrum ─ |X|² ─ bands ─ ln(max(·, floor)) ─ (· − mean) / std of each band ─► maps

Maps are `batch channel=1 bin frame`, low bands first: frequency is an image's height and time its
width. Bands are mels for what ears hear, linear or logarithmic for ultrasound (8 to 80 kHz).
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.clip.mono_maps import EvenFrames, MonoMaps
from sonoscope.models.spectrum import Edges, Spectrum
from sonoscope.signal.mel import Scale, band_matrix

Positive = Annotated[float, Field(gt=0)]


@dataclass(config=STRICT)
class LogMelSettings(EvenFrames):
    """How sound becomes a map.

    Attributes
    ----------
    rate_hz
        Rate at which it listens.
    window_s, hop_s
        Length of the Hann window, and from frame to frame.
    n_bands, scale
        How many bands, and on what they are equally wide.
    lowest_hz, highest_hz
        Where bands begin and end; half the rate where no end is given.
    floor
        Least power density of a band, in full scale squared a hertz: what 16 bits round away.
    edges
        What lies beyond the sound.
    """

    kind: Literal["log_mel"] = "log_mel"
    rate_hz: Annotated[int, Field(ge=1)] = 32_000
    window_s: Positive = 0.025
    hop_s: Positive = 0.01
    n_bands: Annotated[int, Field(ge=1)] = 128
    scale: Scale = "mel"
    lowest_hz: Annotated[float, Field(ge=0)] = 0.0
    highest_hz: Positive | None = None
    floor: Positive = 1e-14
    edges: Edges = "zeros"


ULTRASOUND = LogMelSettings(
    rate_hz=192_000, window_s=0.005, hop_s=0.005, scale="log", lowest_hz=8e3, highest_hz=80e3
)
"""What airborne discharges are heard with, at 192 kHz."""


class LogMel(MonoMaps):
    """The front end.

    Raises
    ------
    SettingError
        If there are no bands between the frequencies, or one so narrow that no bin lies in it.
    """

    matrix: Tensor

    def __init__(self, settings: LogMelSettings) -> None:
        super().__init__(n_maps=1, n_bins=settings.n_bands)
        self.settings = settings
        if settings.highest_hz is not None and settings.highest_hz > settings.rate_hz / 2:
            raise SettingError(
                f"highest_hz must be at most half of rate_hz ({settings.rate_hz / 2:g}), "
                f"but {settings.highest_hz:g} was given"
            )
        self.spectrum = Spectrum(settings.window, settings.hop, settings.n_fft, settings.edges)
        matrix = band_matrix(
            settings.scale,
            settings.rate_hz,
            settings.n_fft,
            settings.n_bands,
            settings.lowest_hz,
            settings.highest_hz,
        )
        empty = int((matrix.sum(axis=0) == 0).sum())
        if empty:
            raise SettingError(
                f"n_bands must be so few that a bin of {settings.rate_hz / settings.n_fft:.4g} Hz "
                f"lies in each, but {settings.n_bands} were given and {empty} have none"
            )
        # from squares of a windowed transform to power density: bands do not know the window
        windowed = settings.n_fft * self.spectrum.window.double().square().sum().item()
        self.register_buffer(
            "matrix", torch.from_numpy(2 / windowed * matrix).float(), persistent=False
        )

    def maps(
        self, sound: Float[Tensor, "batch sample"]
    ) -> Float[Tensor, "batch channel=1 frame bin"]:
        """Give the logarithm of each band's power density, as `Moments` count it."""
        real, imaginary = self.spectrum(sound[:, None])
        bands = (real.square() + imaginary.square()) @ self.matrix
        return torch.log(bands.clamp(min=self.settings.floor))
