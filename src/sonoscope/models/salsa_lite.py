"""SALSA-lite: from the four capsules of an array to log-linear spectra and inter-channel delays.

Maps are `batch map frame bin`, on a linear frequency axis from `f_min_hz` up to `f_max_hz`: the
power of each capsule in dB, then what the phase between the first capsule and each other says,

    NIPD_m(f) = c / (2 pi f) * angle(X_m(f) conj(X_0(f)))        m = 1, 2, 3

which is how many metres earlier capsule m hears a plane wave than the first, at every frequency
alike. That holds while no path between two capsules is longer than half a wave: above
`f_max_direction_hz` the NIPD is set to 0. About the rigid sphere of the DCASE tetrahedron (capsules
6.9 cm apart) it is longer than in free field, at low frequencies by half, and the widest phase
passes pi at 1.75 kHz already, not at 2.5 kHz as in free field; the published limit is 2 kHz.

The DCASE baselines cut the spectrum first and count `f_max_direction_hz` from the cut, so that a
bin or two of theirs beyond it are not 0; here they are.

Reference: T. N. T. Nguyen, D. L. Jones, K. N. Watcharasupat, H. Phan and W.-S. Gan, "SALSA-Lite: A
Fast and Effective Feature for Polyphonic Sound Event Localization and Detection with Microphone
Arrays", ICASSP 2022; sizes of the window are those of the DCASE 2022 task 3 baseline.
"""

from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.normalised import NormalisedMaps
from sonoscope.models.paper_features import POWER_FLOOR, SILENCE, Count, Hertz, Points
from sonoscope.models.spectrum import Edges, Spectrum


@dataclass(config=STRICT)
class SalsaLiteSettings:
    """What the maps are made of; the defaults are those of the DCASE 2022 baseline.

    Attributes
    ----------
    channel_format
        Capsules alone: FOA has no delays.
    rate_hz, window, hop, n_fft
        As `models.paper_features` has them.
    f_min_hz, f_max_hz
        Where the spectra begin (never at 0 Hz, which has no phase) and end.
    f_max_direction_hz
        Where phases end to be unique.
    edges
        What lies beyond the sound. Reflected, as the baseline has it, the first frame is its own
        mirror image: its phases are 0 or π, and rounding decides whether π or -π.
    """

    kind: Literal["salsa_lite"]
    channel_format: Literal["tetra"] = "tetra"
    rate_hz: Count = 24_000
    window: Count = 960
    hop: Count = 480
    n_fft: Points = 1024
    f_min_hz: Hertz = 50.0
    f_max_hz: Annotated[float, Field(gt=0)] = 9_000.0
    f_max_direction_hz: Annotated[float, Field(gt=0)] = 2_000.0
    edges: Edges = "zeros"

    def bin_of(self, frequency_hz: float) -> int:
        """Give the last bin that does not lie above a frequency."""
        return int(frequency_hz * self.n_fft / self.rate_hz)

    @property
    def bins(self) -> range:
        """Which bins of the transform there are maps of."""
        return range(max(1, self.bin_of(self.f_min_hz)), self.bin_of(self.f_max_hz))


class SalsaLite(NormalisedMaps):
    """The maps, normalised for each map and bin.

    Raises
    ------
    SettingError
        If the frequencies do not rise, or lie beyond the spectrum.
    """

    metres: Tensor

    def __init__(self, settings: SalsaLiteSettings) -> None:
        bins, nyquist_hz = settings.bins, settings.rate_hz / 2
        if not settings.f_min_hz < settings.f_max_direction_hz <= settings.f_max_hz <= nyquist_hz:
            raise SettingError(
                f"f_min_hz, f_max_direction_hz and f_max_hz must rise within 0..{nyquist_hz:g} Hz, "
                f"but {settings.f_min_hz:g}, {settings.f_max_direction_hz:g} and "
                f"{settings.f_max_hz:g} were given"
            )
        super().__init__(7, len(bins))
        self.settings = settings
        self.spectrum = Spectrum(settings.window, settings.hop, settings.n_fft, settings.edges)
        metres = torch.from_numpy(_metres_of_a_radian(settings)).float()
        self.register_buffer("metres", metres, persistent=False)

    def maps(
        self, sound: Float[Tensor, "batch channel=4 sample"]
    ) -> Float[Tensor, "batch map frame bin"]:
        """Give the maps in their own units: dB, and metres."""
        bins = self.settings.bins
        real, imaginary = (part[..., bins.start : bins.stop] for part in self.spectrum(sound))
        power = real.square() + imaginary.square()
        level = 10.0 * torch.log10(power.clamp_min(POWER_FLOOR))
        return torch.cat((level, _phase(real, imaginary, power) * self.metres), dim=1)


def _metres_of_a_radian(settings: SalsaLiteSettings) -> Float64[ndarray, " bin"]:
    """Give how far sound of a bin goes while its phase turns by 1; 0 where phases are ambiguous."""
    bins = np.arange(settings.bins.start, settings.bins.stop)
    frequency_hz = bins * settings.rate_hz / settings.n_fft
    unique = bins < settings.bin_of(settings.f_max_direction_hz)
    return np.asarray(SPEED_OF_SOUND_M_S / (2 * np.pi * frequency_hz) * unique)


def _phase(
    real: Float[Tensor, "batch capsule=4 frame bin"],
    imaginary: Float[Tensor, "batch capsule=4 frame bin"],
    power: Float[Tensor, "batch capsule=4 frame bin"],
) -> Float[Tensor, "batch other=3 frame bin"]:
    """Give the phase of each capsule but the first, against the first; 0 where one is silent."""
    cross_real = real[:, 1:] * real[:, :1] + imaginary[:, 1:] * imaginary[:, :1]
    cross_imaginary = imaginary[:, 1:] * real[:, :1] - real[:, 1:] * imaginary[:, :1]
    silent = (power[:, 1:] <= SILENCE) | (power[:, :1] <= SILENCE)
    return torch.atan2(cross_imaginary * ~silent, torch.where(silent, 1.0, cross_real))
