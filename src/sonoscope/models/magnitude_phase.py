"""From four channels of raw sound to the magnitude and phase of every bin: SELDnet's features.

Maps are `batch channel frame bin`: the magnitudes of the four channels, then their phases in
-pi..pi. The bin at 0 Hz is left out, so that a transform of 2048 points gives 1024 bins.

Reference: S. Adavanne, A. Politis, J. Nikunen and T. Virtanen, "Sound Event Localization and
Detection of Overlapping Sources Using Convolutional Recurrent Neural Networks", IEEE JSTSP 13(1),
2019; sizes are those of the DCASE 2019 task 3 baseline.
"""

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor

from sonoscope.core.recipe import STRICT
from sonoscope.models.normalised import NormalisedMaps
from sonoscope.models.paper_features import Count, FourChannels, Points
from sonoscope.models.spectrum import ROUNDING, Edges, Spectrum, phase


@dataclass(config=STRICT)
class MagnitudePhaseSettings:
    """What the maps are made of; the defaults are the baseline's.

    Attributes
    ----------
    channel_format
        What the four channels are; it makes no difference here.
    rate_hz, window, hop, n_fft
        Sampling rate, then samples: of the window, from frame to frame, and of the transform.
    edges
        What lies beyond the sound.
    """

    channel_format: FourChannels = "foa"
    rate_hz: Count = 48_000
    window: Count = 1920
    hop: Count = 960
    n_fft: Points = 2048
    edges: Edges = "reflect"


class MagnitudePhase(NormalisedMaps):
    """The maps, normalised for each map and bin."""

    def __init__(self, settings: MagnitudePhaseSettings) -> None:
        super().__init__(8, settings.n_fft // 2)
        self.settings = settings
        self.spectrum = Spectrum(settings.window, settings.hop, settings.n_fft, settings.edges)

    def maps(
        self, sound: Float[Tensor, "batch channel=4 sample"]
    ) -> Float[Tensor, "batch map frame bin"]:
        """Give magnitudes, then phases in radians; silence has the phase 0."""
        real, imaginary = (part[..., 1:] for part in self.spectrum(sound))
        magnitude = (real.square() + imaginary.square()).sqrt()
        floor = (ROUNDING * magnitude.amax(dim=-1, keepdim=True)).expand_as(magnitude)
        return torch.cat((magnitude, phase(real, imaginary, floor)), dim=1)
