"""From four channels of raw sound to the log-mel, intensity and GCC-PHAT maps of the paper.

Sound is FOA (ACN order W, Y, Z, X) or that of a tetrahedron's capsules. Frame t is centred on
sample t * hop, and N samples have the first floor(N / hop) frames::

    |<- n_fft / 2 made up ->|<-------------- sound -------------->|<- n_fft / 2 made up ->|
    |0    |====window====|    0|            frame 0
          |0    |====window====|    0|      frame 1, one hop later

Maps are `batch channel frame mel`. FOA has 7: the log-mel of each channel, then intensity along x,
y and z. A tetrahedron has 10: the log-mel of each capsule, then GCC-PHAT of the pairs 01, 02, 03,
12, 13, 23, whose column b is the lag b - n_mels / 2: a sound that reaches the second of a pair
later lies above the middle.

References: C. Lan et al., EURASIP JASMP 2022:29, and the DCASE 2020 task 3 baseline, whose window
(40 ms at 24 kHz in 1024 points) and order of steps it has. Mel scale: M. Slaney, "Auditory
Toolbox", Interval Research TR 1998-010.
"""

import math
from itertools import combinations
from typing import Annotated, Literal, assert_never

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import pad

from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.signal.mel import mel_matrix

FourChannels = Literal["foa", "tetra"]

Edges = Literal["reflect", "zeros"]
"""What lies before the first sample and after the last.

- ``reflect``: … x2 x1 | x0 x1 … xn | xn-1 xn-2 … as librosa below 0.10 and the numbers of 2019-21
- ``zeros``:   … 0  0  | x0 x1 … xn | 0    0    … as librosa from 0.10 on
"""

IntensityNorm = Literal["length", "energy"]
"""What a bin's intensity is divided by: its own length (2020), or the bin's energy (from 2021)."""

Count = Annotated[int, Field(ge=1)]
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
        "foa" gives intensities, "tetra" GCC-PHAT.
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
    """

    channel_format: FourChannels = "foa"
    rate_hz: Count = 24_000
    window: Count = 960
    hop: Count = 480
    n_fft: Annotated[int, Field(ge=2, multiple_of=2)] = 1024
    n_mels: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    f_min_hz: Hertz = 0.0
    f_max_hz: Hertz = 12_000.0
    edges: Edges = "reflect"
    intensity_norm: IntensityNorm = "length"
    top_db: Annotated[float, Field(gt=0)] | None = None


PAPER48 = PaperFeatureSettings(rate_hz=48_000, window=1920, hop=960, n_fft=2048, f_max_hz=22_500.0)
"""The same frames without resampling sound of 48 kHz."""


class PaperFeatures(nn.Module):
    """The maps, normalised for each map and mel band by `mean` and `std`.

    Short-time spectra are FFTs; in an exported graph they are products of matrices instead, for
    which every runtime has kernels. Both agree to 1e-6 of the loudest bin.

    Attributes
    ----------
    mean, std
        `map mel`, saved with the network: 0 and 1 until `normalise_by` sets them.

    Raises
    ------
    SettingError
        If the window or the mel bands do not fit the transform.
    """

    mean: Tensor
    std: Tensor
    window: Tensor
    first: Tensor
    second: Tensor
    mel: Tensor
    lags: Tensor

    def __init__(self, settings: PaperFeatureSettings) -> None:
        super().__init__()
        if max(settings.window, settings.n_mels) > settings.n_fft:
            raise SettingError(
                f"window and n_mels must be at most n_fft ({settings.n_fft}), "
                f"but {settings.window} and {settings.n_mels} were given"
            )
        self.settings = settings
        self.n_maps = 7 if settings.channel_format == "foa" else 4 + len(PAIRS)
        self.register_buffer("mean", torch.zeros(self.n_maps, settings.n_mels))
        self.register_buffer("std", torch.ones(self.n_maps, settings.n_mels))
        self._constant("window", _centred_hann(settings.window, settings.n_fft))
        first, second = _two_step_transform(settings.n_fft)
        self._constant("first", first)
        self._constant("second", second)
        self._constant("mel", mel_bands(settings))
        if settings.channel_format == "tetra":
            self._constant("lags", _lag_matrix(settings.n_fft, settings.n_mels))

    def forward(
        self, sound: Float[Tensor, "batch channel=4 sample"]
    ) -> Float[Tensor, "batch map frame mel"]:
        """Give floor(sample / hop) frames of normalised maps.

        Raises
        ------
        InputError
            If the sound is too short for one frame, or to be reflected at its edges.
        """
        # Half precision, even TF32, would leave nothing of a phase: the maps are always float32.
        with torch.autocast(sound.device.type, enabled=False):
            return (self.maps(sound.float()) - self.mean[:, None]) / self.std[:, None]

    def maps(
        self, sound: Float[Tensor, "batch channel=4 sample"]
    ) -> Float[Tensor, "batch map frame mel"]:
        """Give the maps in their own units: log-mel in dB, intensity and GCC-PHAT without."""
        real, imaginary = self.spectrum(sound)
        log_mel = _log_mel(real.square() + imaginary.square(), self.mel, self.settings.top_db)
        match self.settings.channel_format:
            case "foa":
                flow = _intensity(real, imaginary, self.settings.intensity_norm)
                spatial = flow @ self.mel
            case "tetra":
                spatial = _gcc_phat(real, imaginary, self.lags)
            case _:
                assert_never(self.settings.channel_format)
        return torch.cat((log_mel, spatial), dim=1)

    def spectrum(
        self, sound: Float[Tensor, "batch channel sample"]
    ) -> tuple[Float[Tensor, "batch channel frame bin"], Float[Tensor, "batch channel frame bin"]]:
        """Give the real and the imaginary part of the short-time spectrum."""
        if torch.compiler.is_exporting():
            return self.spectrum_by_matrix(sound)
        frames = self._padded(sound).unfold(-1, self.settings.n_fft, self.settings.hop)
        spectrum = torch.fft.rfft(frames * self.window)
        return spectrum.real, spectrum.imag

    def spectrum_by_matrix(
        self, sound: Float[Tensor, "batch channel sample"]
    ) -> tuple[Float[Tensor, "batch channel frame bin"], Float[Tensor, "batch channel frame bin"]]:
        """Give the same by products of matrices (see `_two_step_transform`)."""
        n_fft = self.settings.n_fft
        frames = _framed(self._padded(sound), n_fft, self.settings.hop) * self.window
        columns, rows = self.first.shape[1], self.second.shape[1] // 2
        partial = self.first @ frames.reshape(-1, columns, rows)
        partial = partial.reshape(-1, 2, columns, rows).permute(2, 0, 1, 3)
        bins = partial.reshape(columns, -1, 2 * rows) @ self.second
        bins = bins.reshape(columns, bins.shape[1], 2, -1).permute(2, 1, 3, 0)
        bins = bins.reshape(2, *frames.shape[:3], -1)[..., : n_fft // 2 + 1]
        return bins[0], bins[1]

    def normalise_by(self, mean: Float[Tensor, "map mel"], std: Float[Tensor, "map mel"]) -> None:
        """Set what maps are normalised by; where nothing varies (std 0), only the mean counts."""
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 0, std, 1.0))

    def _padded(self, sound: Float[Tensor, "batch channel _"]) -> Float[Tensor, "batch channel _"]:
        """Add what lies beyond the sound, as far as the frames reach."""
        hop, half, n_samples = self.settings.hop, self.settings.n_fft // 2, sound.shape[-1]
        if n_samples < max(hop, half + 1):
            raise InputError(
                f"sound must have at least {max(hop, half + 1)} samples, but {n_samples} were given"
            )
        mode = "reflect" if self.settings.edges == "reflect" else "constant"
        return pad(sound, (half, half), mode=mode)[..., : (n_samples // hop - 1) * hop + 2 * half]

    def _constant(self, name: str, values: Float64[ndarray, "..."]) -> None:
        self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)


class Moments:
    """Mean and standard deviation of maps over all their frames, gathered in float64."""

    def __init__(self, n_maps: int, n_mels: int) -> None:
        self._n_frames = 0
        self._sum = torch.zeros(n_maps, n_mels, dtype=torch.float64)
        self._squares = torch.zeros(n_maps, n_mels, dtype=torch.float64)

    def add(self, maps: Float[Tensor, "batch map frame mel"]) -> None:
        """Count in the frames of a batch."""
        exact = maps.detach().to("cpu", torch.float64)
        self._n_frames += exact.shape[0] * exact.shape[2]
        self._sum += exact.sum(dim=(0, 2))
        self._squares += exact.square().sum(dim=(0, 2))

    @property
    def mean(self) -> Float[Tensor, "map mel"]:
        """The mean over frames; zeros before there are any."""
        return self._sum / max(self._n_frames, 1)

    @property
    def std(self) -> Float[Tensor, "map mel"]:
        """The standard deviation over frames."""
        variance = self._squares / max(self._n_frames, 1) - self.mean.square()
        return variance.clamp_min(0.0).sqrt()


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


def _centred_hann(length: int, n_fft: int) -> Float64[ndarray, " n_fft"]:
    window = np.zeros(n_fft)
    start = (n_fft - length) // 2
    window[start : start + length] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return window


def _two_step_transform(
    n_fft: int,
) -> tuple[Float64[ndarray, "twice_column column"], Float64[ndarray, "column twice_row twice_out"]]:
    """Split the Fourier transform of real frames in two (Cooley and Tukey), 15 times less work.

    With n = rows p + q and k = c + columns d, and w = exp(-2 pi i / n_fft), ::

        X[k] = sum over q of w^(q k) * (sum over p of w^(rows p c) * x[n])
               `second`, one matrix a c                `first`

    Complex numbers are pairs along an axis: all real parts, then all imaginary ones. Of d only
    those are kept that reach n_fft / 2.
    """
    columns = max(i for i in range(1, math.isqrt(n_fft) + 1) if n_fft % i == 0)
    rows = n_fft // columns
    c, d, q = np.arange(columns), np.arange(rows // 2 + 1), np.arange(rows)
    inner = np.exp(-2j * np.pi * np.outer(c, c) / columns)
    k = c[:, None, None] + columns * d
    outer = np.exp(-2j * np.pi * (q[:, None] * k % n_fft) / n_fft)
    first = np.concatenate([inner.real, inner.imag])
    second = np.block([[outer.real, outer.imag], [-outer.imag, outer.real]])
    return first, second


def _lag_matrix(n_fft: int, n_lags: int) -> Float64[ndarray, "twice_bin lag"]:
    """Give the inverse transform of a half spectrum (real parts, then imaginary) at few lags."""
    k, lag = np.arange(n_fft // 2 + 1), np.arange(-(n_lags // 2), n_lags // 2)
    share = np.where((k == 0) | (k == n_fft // 2), 1.0, 2.0)[:, None] / n_fft
    turn = 2 * np.pi * (np.outer(k, lag) % n_fft) / n_fft
    return np.concatenate([share * np.cos(turn), -share * np.sin(turn)])


def _framed(
    sound: Float[Tensor, "batch channel sample"], length: int, hop: int
) -> Float[Tensor, "batch channel frame length"]:
    # Tensor.unfold, by joining blocks of one hop: exporters know reshape and concatenation
    n_frames, per_frame = (sound.shape[-1] - length) // hop + 1, -(-length // hop)
    sound = pad(sound, (0, (n_frames - 1 + per_frame) * hop - sound.shape[-1]))
    blocks = sound.reshape(*sound.shape[:2], -1, hop)
    parts = [blocks[:, :, i : i + n_frames] for i in range(per_frame)]
    return torch.cat(parts, dim=-1)[..., :length]


def _log_mel(
    power: Float[Tensor, "batch channel frame bin"],
    mel: Float[Tensor, "bin mel"],
    top_db: float | None,
) -> Float[Tensor, "batch channel frame mel"]:
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
    return flow / (size + INTENSITY_FLOOR)


def _gcc_phat(
    real: Float[Tensor, "batch capsule=4 frame bin"],
    imaginary: Float[Tensor, "batch capsule=4 frame bin"],
    lags: Float[Tensor, "twice_bin lag"],
) -> Float[Tensor, "batch pair=6 frame lag"]:
    power = real.square() + imaginary.square()
    scale = torch.where(power > SILENCE, power.clamp_min(SILENCE).rsqrt(), 0.0)
    real, imaginary = real * scale, imaginary * scale
    m, n = [pair[0] for pair in PAIRS], [pair[1] for pair in PAIRS]
    # A bin in which one of the two is silent has the phase 0, as angle(0) has.
    heard = (scale > 0.0).to(scale.dtype)
    silent = 1.0 - heard[:, m] * heard[:, n]
    cross_real = real[:, m] * real[:, n] + imaginary[:, m] * imaginary[:, n] + silent
    cross_imaginary = real[:, m] * imaginary[:, n] - imaginary[:, m] * real[:, n]
    return torch.cat((cross_real, cross_imaginary), dim=-1) @ lags
