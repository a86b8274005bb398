"""From four channels of raw sound to the log-mel, intensity and GCC-PHAT maps of the paper.

Sound is FOA (ACN order W, Y, Z, X) or that of a tetrahedron's capsules; where frames lie is told in
`models.spectrum`.

Maps are `batch channel frame mel`. FOA has 7: the log-mel of each channel, then intensity along x,
y and z. A tetrahedron has 10: the log-mel of each capsule, then GCC-PHAT of the pairs 01, 02, 03,
12, 13, 23, whose column b is the lag b - n_mels / 2: a sound that reaches the second of a pair
later lies above the middle. What stands beside the log-mels can be chosen, as other systems did.

References: C. Lan et al., EURASIP JASMP 2022:29, and the DCASE 2020 task 3 baseline, whose window
(40 ms at 24 kHz in 1024 points) and order of steps it has. Mel scale: M. Slaney, "Auditory
Toolbox", Interval Research TR 1998-010.
"""

from dataclasses import asdict
from itertools import combinations
from typing import Annotated, Any, Literal, assert_never

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.models.normalised import NormalisedMaps
from sonoscope.models.spectrum import Edges, Spectrum
from sonoscope.signal.mel import mel_matrix

FourChannels = Literal["foa", "tetra"]

IntensityNorm = Literal["length", "energy"]
"""What a bin's intensity is divided by: its own length (2020), or the bin's energy (from 2021)."""

Spatial = Literal["auto", "intensity", "gcc", "none"]
"""What stands beside the log-mels: for "auto" intensity in FOA and GCC-PHAT in a tetrahedron."""

Count = Annotated[int, Field(ge=1)]
Points = Annotated[int, Field(ge=2, multiple_of=2)]
Hertz = Annotated[float, Field(ge=0, allow_inf_nan=False)]

PAIRS = tuple(combinations(range(4), 2))
POWER_FLOOR = 1e-10
INTENSITY_FLOOR = 1e-8
SILENCE = 1e-36  # a power whose root float32 still holds
_XYZ = [3, 1, 2]  # where X, Y, Z sit in ACN


@dataclass(config=STRICT)
class PaperFeatureSettings:
    """What the maps are made of; the defaults are the paper's at 24 kHz.

    Attributes
    ----------
    channel_format
        What the four channels are.
    rate_hz, window, hop, n_fft
        Sampling rate, then samples: of the (periodic Hann) window, from frame to frame, and of
        the transform in whose middle the window lies.
    n_mels, f_min_hz, f_max_hz
        Mel bands, and what the first begins and the last ends at.
    edges
        What lies beyond the sound.
    intensity_norm
        What an intensity is divided by before it is gathered into mel bands.
    top_db
        Log-mels of a channel are raised to this far below its loudest; none by default, because
        then a frame depends on the loudest sound to come.
    spatial
        Which maps say where a sound is; GCC-PHAT of FOA has no delays, only signs.
    gcc_n_fft
        Window and transform of GCC-PHAT in samples, where they are not those of the log-mels.
    """

    channel_format: FourChannels = "foa"
    rate_hz: Count = 24_000
    window: Count = 960
    hop: Count = 480
    n_fft: Points = 1024
    n_mels: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    f_min_hz: Hertz = 0.0
    f_max_hz: Hertz = 12_000.0
    edges: Edges = "reflect"
    intensity_norm: IntensityNorm = "length"
    top_db: Annotated[float, Field(gt=0)] | None = None
    spatial: Spatial = "auto"
    gcc_n_fft: Points | None = None

    @property
    def beside(self) -> Literal["intensity", "gcc", "none"]:
        """What stands beside the log-mels."""
        if self.spatial == "auto":
            return "intensity" if self.channel_format == "foa" else "gcc"
        return self.spatial


PAPER48 = PaperFeatureSettings(rate_hz=48_000, window=1920, hop=960, n_fft=2048, f_max_hz=22_500.0)
"""The same frames without resampling sound of 48 kHz."""

TWO_STAGE = PaperFeatureSettings(
    rate_hz=32_000,
    window=1024,
    hop=320,
    n_fft=1024,
    n_mels=96,
    f_min_hz=50.0,
    f_max_hz=16_000.0,
    spatial="gcc",
    gcc_n_fft=2048,
)
"""Y. Cao et al., "Polyphonic Sound Event Detection and Localization using a Two-Stage Strategy",
DCASE 2019: GCC-PHAT at 96 lags, also of FOA, and 100 frames a second."""

CNN9 = PaperFeatureSettings(
    rate_hz=32_000,
    window=1024,
    hop=500,
    n_fft=1024,
    f_min_hz=50.0,
    f_max_hz=14_000.0,
    spatial="none",
)
"""Q. Kong et al., "Cross-task learning", arXiv 1904.03476, 2019: 64 frames a second."""

EINV2 = PaperFeatureSettings(window=1024, hop=600, n_mels=256, f_min_hz=20.0)
"""Y. Cao et al., "An Improved Event-Independent Network", ICASSP 2021: 40 frames a second."""

DCASE2021 = PaperFeatureSettings(intensity_norm="energy")
"""The DCASE task 3 baselines from 2021 on, but for their file-wide `top_db` of 80."""

PRESETS = {
    "paper": PaperFeatureSettings(),
    "paper48": PAPER48,
    "two_stage": TWO_STAGE,
    "cnn9": CNN9,
    "einv2": EINV2,
    "dcase2021": DCASE2021,
}


def _from_preset(table: Any) -> Any:
    """Fill up a table that names a preset; its own keys stand above the preset's."""
    if not isinstance(table, dict) or "preset" not in table:
        return table
    name = table["preset"]
    if name not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, but {name!r} was given")
    return asdict(PRESETS[name]) | {key: table[key] for key in table if key != "preset"}


PresetPaperFeatures = Annotated[PaperFeatureSettings, BeforeValidator(_from_preset)]
"""In a recipe: settings that may begin from a preset, `preset = "paper48"`."""


class PaperFeatures(NormalisedMaps):
    """The maps, normalised for each map and mel band.

    Raises
    ------
    SettingError
        If the window or the mel bands do not fit the transform.
    """

    mel: Tensor
    lags: Tensor

    def __init__(self, settings: PaperFeatureSettings) -> None:
        n_spatial = {"intensity": 3, "gcc": len(PAIRS), "none": 0}[settings.beside]
        super().__init__(4 + n_spatial, settings.n_mels)
        if settings.n_mels > settings.n_fft:
            raise SettingError(
                f"n_mels must be at most n_fft ({settings.n_fft}), but {settings.n_mels} was given"
            )
        if settings.beside == "intensity" and settings.channel_format != "foa":
            raise SettingError(
                f'spatial must be "gcc" or "none" where channel_format is '
                f'"{settings.channel_format}", but "intensity" was given'
            )
        self.settings = settings
        self.spectrum = Spectrum(settings.window, settings.hop, settings.n_fft, settings.edges)
        self._constant("mel", mel_bands(settings))
        if settings.beside == "gcc":
            n_fft = settings.gcc_n_fft or settings.n_fft
            self._constant("lags", lag_matrix(n_fft, settings.n_mels))
            if n_fft != settings.n_fft:
                self.gcc_spectrum = Spectrum(n_fft, settings.hop, n_fft, settings.edges)

    def maps(
        self, sound: Float[Tensor, "batch channel=4 sample"]
    ) -> Float[Tensor, "batch map frame mel"]:
        """Give the maps in their own units: log-mel in dB, intensity and GCC-PHAT without."""
        real, imaginary = self.spectrum(sound)
        log_mel = log_mel_bands(real.square() + imaginary.square(), self.mel, self.settings.top_db)
        match self.settings.beside:
            case "intensity":
                flow = _intensity(real, imaginary, self.settings.intensity_norm)
                spatial = flow @ self.mel
            case "gcc":
                if self.lags.shape[0] != 2 * real.shape[-1]:
                    real, imaginary = self.gcc_spectrum(sound)
                spatial = gcc_phat(real, imaginary, self.lags)
            case "none":
                return log_mel
            case _:
                assert_never(self.settings.beside)
        return torch.cat((log_mel, spatial), dim=1)

    def _constant(self, name: str, values: Float64[ndarray, "..."]) -> None:
        self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)


def mel_bands(settings: PaperFeatureSettings) -> Float64[ndarray, "bin mel"]:
    """Give the weights of every bin in every mel band.

    Raises
    ------
    SettingError
        If the bands do not lie within the spectrum, or one is too narrow to hold a bin.
    """
    nyquist_hz = settings.rate_hz / 2
    if not settings.f_min_hz < settings.f_max_hz <= nyquist_hz:
        raise SettingError(
            f"f_min_hz and f_max_hz must rise within 0..{nyquist_hz:g} Hz, "
            f"but {settings.f_min_hz:g} and {settings.f_max_hz:g} were given"
        )
    matrix = mel_matrix(
        settings.rate_hz, settings.n_fft, settings.n_mels, settings.f_min_hz, settings.f_max_hz
    )
    if not matrix.any(axis=0).all():
        raise SettingError(
            f"n_mels must leave at least one of {len(matrix)} bins to each band, "
            f"but {settings.n_mels} was given"
        )
    return matrix


def lag_matrix(n_fft: int, n_lags: int) -> Float64[ndarray, "twice_bin lag"]:
    """Give the inverse transform of a half spectrum (real parts, then imaginary) at few lags."""
    k, lag = np.arange(n_fft // 2 + 1), np.arange(-(n_lags // 2), n_lags // 2)
    share = np.where((k == 0) | (k == n_fft // 2), 1.0, 2.0)[:, None] / n_fft
    turn = 2 * np.pi * (np.outer(k, lag) % n_fft) / n_fft
    return np.concatenate([share * np.cos(turn), -share * np.sin(turn)])


def log_mel_bands(
    power: Float[Tensor, "batch channel frame bin"],
    mel: Float[Tensor, "bin mel"],
    top_db: float | None,
) -> Float[Tensor, "batch channel frame mel"]:
    """Gather power into mel bands, in dB over 1; what is further below the loudest is raised."""
    log_mel = 10.0 * torch.log10((power @ mel).clamp_min(POWER_FLOOR))
    if top_db is None:
        return log_mel
    return torch.maximum(log_mel, log_mel.amax(dim=(2, 3), keepdim=True) - top_db)


def _intensity(
    real: Float[Tensor, "batch acn=4 frame bin"],
    imaginary: Float[Tensor, "batch acn=4 frame bin"],
    norm: IntensityNorm,
) -> Float[Tensor, "batch xyz=3 frame bin"]:
    flow: Tensor = real[:, :1] * real[:, _XYZ] + imaginary[:, :1] * imaginary[:, _XYZ]
    match norm:
        case "length":
            size = flow.square().sum(dim=1, keepdim=True).clamp_min(SILENCE).sqrt()
        case "energy":
            power = real.square() + imaginary.square()
            size = power[:, :1] + power[:, 1:].mean(dim=1, keepdim=True)
        case _:
            assert_never(norm)
    # in units of the floor: exporters take x + 1e-8 for x, and silence would be 0 / 0
    return (flow / INTENSITY_FLOOR) / (size / INTENSITY_FLOOR + 1.0)


def gcc_phat(
    real: Float[Tensor, "batch capsule=4 frame bin"],
    imaginary: Float[Tensor, "batch capsule=4 frame bin"],
    lags: Float[Tensor, "twice_bin lag"],
) -> Float[Tensor, "batch pair=6 frame lag"]:
    """Correlate the phases of every pair (`PAIRS`) at the lags of a `lag_matrix`.

    Where the second of a pair hears a sound d samples later than the first, the peak lies at lag d.
    """
    power = real.square() + imaginary.square()
    scale = torch.where(power > SILENCE, power.clamp_min(SILENCE).rsqrt(), 0.0)
    real, imaginary = real * scale, imaginary * scale
    # A bin in which one of the two is silent has the phase 0, as angle(0) has.
    heard = (scale > 0.0).to(scale.dtype)
    of_real, of_imaginary = lags.chunk(2)
    maps = []
    for m, n in PAIRS:  # all pairs at once would fill memory, not time
        cross_real = torch.addcmul(real[:, m] * real[:, n], imaginary[:, m], imaginary[:, n])
        cross_real = torch.addcmul(cross_real + 1.0, heard[:, m], heard[:, n], value=-1)
        cross_imaginary = real[:, m] * imaginary[:, n]
        cross_imaginary = torch.addcmul(cross_imaginary, imaginary[:, m], real[:, n], value=-1)
        maps.append(cross_real @ of_real + cross_imaginary @ of_imaginary)
    return torch.stack(maps, dim=1)
