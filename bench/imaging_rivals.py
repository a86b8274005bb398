"""Maps of Acoular and pyroomacoustics, from the samples on, anew each time (`bench.imaging`).

Acoular (`pip install acoular==26.8`) is no part of this project; where it is not installed its
columns say so. Its caches are off, its compiled parts warm. Its power spectra divide by a number of
blocks that is no whole number (1 s: 186.5 of 186), and its window is symmetric where ours is
periodic: maps are compared from the same cross-spectral matrices.
"""

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pyroomacoustics as pra  # type: ignore[import-untyped]
from jaxtyping import Complex, Float
from numpy import ndarray

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.imaging.spectra import BlockSettings, CrossSpectra, window_of
from sonoscope.imaging.steering import Formulation

Samples = Float[ndarray, "channel sample"]
Points = Float[ndarray, "point 3"]
Map = Float[ndarray, "frequency point"]

STEERING: dict[Formulation, str] = {
    "I": "classic",
    "II": "inverse",
    "III": "true level",
    "IV": "true location",
}


def acoular() -> Any | None:
    """Give the module, without its caches, or None where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module("acoular")
    except ModuleNotFoundError:
        return None
    module.config.global_caching = "none"
    return module


def steering(
    ac: Any, positions: Float[ndarray, "capsule 3"], points: Points, formulation: Formulation
) -> Any:
    """Give its steering of points."""
    grid = ac.ImportGrid()
    grid.pos = np.ascontiguousarray(points.T)
    return ac.SteeringVector(
        grid=grid,
        mics=ac.MicGeom(pos_total=np.ascontiguousarray(positions.T)),
        env=ac.Environment(c=SPEED_OF_SOUND_M_S),
        steer_type=STEERING[formulation],
    )


def map_of_samples(
    ac: Any,
    kind: str,
    samples: Samples,
    rate_hz: float,
    frequency_hz: Float[ndarray, " frequency"],
    steer: Callable[[], Any],
    **options: object,
) -> Map:
    """Give the bins of one of its beamformers ("BeamformerBase", ...), blocks of 1024."""
    source = ac.TimeSamples(data=np.ascontiguousarray(samples.T), sample_freq=rate_hz)
    spectra = ac.PowerSpectra(
        source=source, block_size=1024, window="Hanning", overlap="50%", cached=False
    )
    bins = np.round(frequency_hz * 1024 / rate_hz).astype(int)
    spectra.ind_low, spectra.ind_high = int(bins[0]), int(bins[-1]) + 1
    former = getattr(ac, kind)(freq_data=spectra, steer=steer(), cached=False, **options)
    return np.asarray(former.result[int(bins[0]) : int(bins[-1]) + 1])


def map_of_spectra(ac: Any, kind: str, spectra: CrossSpectra, steer: Any, **options: object) -> Map:
    """Give the same from matrices."""
    data = ac.PowerSpectraImport(csm=spectra.matrices, frequencies=spectra.frequency_hz)
    former = getattr(ac, kind)(freq_data=data, steer=steer, cached=False, **options)
    return np.asarray(former.result[:])


def plain_map(spectra: CrossSpectra, steer: Any) -> Map:
    """Give hᴴ C h with its weights, in double precision.

    Its compiled kernel is some 1e-5 of the peak off its own formula.
    """
    seen = []
    for matrix, frequency in zip(spectra.matrices, spectra.frequency_hz, strict=True):
        h = steer.steer_vector(float(frequency))
        seen.append(np.einsum("pc,pc->p", np.conj(h) @ matrix, h).real)
    return np.stack(seen)


def transformed(samples: Samples, block: int) -> Complex[ndarray, "channel bin frame"]:
    """Give the spectra of Hann blocks at half overlap, as pyroomacoustics takes them."""
    settings = BlockSettings(block=block)
    blocks = np.lib.stride_tricks.sliding_window_view(samples, block, axis=1)[:, :: settings.hop]
    return np.moveaxis(np.fft.rfft(blocks * window_of(settings), axis=-1), 1, 2)


class Doa:
    """A direction finder of pyroomacoustics on a grid over the sphere, ready to be asked."""

    def __init__(
        self,
        kind: str,
        positions: Float[ndarray, "capsule 3"],
        rate_hz: float,
        block: int,
        *,
        n_sources: int = 1,
        n_grid: int = 6600,
    ) -> None:
        self._block = block
        self._doa = getattr(pra.doa, kind)(
            positions.T, rate_hz, block, SPEED_OF_SOUND_M_S, n_sources, dim=3, n_grid=n_grid
        )

    def directions(
        self, samples: Samples, band_hz: tuple[float, float]
    ) -> Float[ndarray, "source 3"]:
        """Find the sources in a recording."""
        self._doa.locate_sources(transformed(samples, self._block), freq_range=list(band_hz))
        azimuth = np.atleast_1d(self._doa.azimuth_recon)
        zenith = np.atleast_1d(self._doa.colatitude_recon)
        rows = [np.cos(azimuth) * np.sin(zenith), np.sin(azimuth) * np.sin(zenith), np.cos(zenith)]
        return np.stack(rows, axis=1)
