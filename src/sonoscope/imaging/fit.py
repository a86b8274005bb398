"""Several sources fitted at once: where each is, how strong it is alone, and how sure that is.

Maps show sources through each other. Here the matrices of a band are taken for what K sources in
noise leave, bin by bin, with transfers a_k and noise of covariance n G:

    C ≈ Σ q_k a_k a_kᴴ + n G            b = G^-½ a, and C likewise

Powers and noise are those of least squares for given places (B has the columns b_k, B⁺ is its
pseudo-inverse): n = tr[(I - B B⁺) C] / (N - K) and q = diag[B⁺ (C - n I) B⁺ᴴ]. Every source is then
moved to where it is likeliest with all others held to be noise of known covariance R: with
x = bᴴR⁻¹CR⁻¹b / bᴴR⁻¹b, which is 1 without it, the likelihood over that of no source is, for the
likeliest power of each bin,

    K̄ Σ_f [ x - 1 - log x ]  where x > 1            K̄ averages; in nats

and what gains less than a source's own numbers cost (MDL) is no source; nor is what stays below
twice the noise in a beam towards it, as faults of the model do. Noise is white (each
channel's own) or diffuse (from everywhere), whichever makes the band likelier.

Reference: P. Stoica, A. Nehorai, IEEE Trans. ASSP 38 (1990) 1783; I. Ziskind, M. Wax, IEEE Trans.
ASSP 36 (1988) 1553 (one source at a time); M. Wax, T. Kailath, ibid. 33 (1985) 387.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.direction import angle_between
from sonoscope.core.recipe import STRICT
from sonoscope.imaging.bound import information
from sonoscope.imaging.sources import Height, refined
from sonoscope.imaging.spectra import CrossSpectra
from sonoscope.imaging.steering import Scan, transfers
from sonoscope.imaging.views import View
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver, encoding_matrix
from sonoscope.signal.sphere import diffuse_covariance

NoiseField = Literal["white", "diffuse"]

_OWN = 0.01  # share of diffuse noise that is each channel's own: no array is free of it
_SLIGHT = 1e-12
_SEARCH_NATS = 9.2  # log of 10 000: so many places were looked at
_TOLERANCE_RAD = 1e-6
_WORTH = 0.25  # of its cost, which a source must gain from its start to be followed
_LEAST_IN_BEAM = 2.0  # long recordings make slight faults of the model sure, but not loud
_PATIENCE = 3  # starts in a row that lead to nothing, the likeliest being first


@settings(config=STRICT)
class FitSettings:
    """How many sources are looked for.

    Attributes
    ----------
    most
        Sources in a band.
    apart_rad
        Two that come closer are one.
    """

    most: Annotated[int, Field(ge=1, le=64)] = 5
    apart_rad: Annotated[float, Field(gt=0)] = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One source of a band.

    Attributes
    ----------
    direction
        Unit vector from the array's origin.
    power
        Mean square of its free-field pressure at the origin, of every bin.
    over_noise
        The same to that of the noise of a channel, over the whole band.
    gain
        How much likelier the band is with it, in nats.
    information
        Of its direction (`imaging.bound`), with all other sources as noise.
    """

    direction: Float[ndarray, "3"]
    power: Float[ndarray, " frequency"]
    over_noise: float
    gain: float
    information: Float[ndarray, "2 2"]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """All sources of a band, the first found first.

    Attributes
    ----------
    field
        What the noise is taken for.
    noise
        Its power in a channel, of every bin.
    likelihood
        Logarithm, but for a constant.
    """

    sources: tuple[Source, ...]
    field: NoiseField
    noise: Float[ndarray, " frequency"]
    likelihood: float


def fitted(
    spectra: CrossSpectra,
    receiver: Receiver,
    view: View,
    starts: Float[ndarray, "start 3"],
    wanted: FitSettings | None = None,
) -> Fit:
    """Fit sources to a band, from places where a map is high, in either kind of noise.

    Parameters
    ----------
    starts
        Directions to begin from, the likeliest first.
    """
    wanted = wanted or FitSettings()
    kinds: tuple[NoiseField, ...] = ("white", "diffuse")
    fits = [_Band(spectra, receiver, view, kind, wanted).fit(starts) for kind in kinds]
    return max(fits, key=lambda fit: fit.likelihood)


def left_over(
    spectra: CrossSpectra, receiver: Receiver, view: View, sources: Sequence[Source]
) -> CrossSpectra:
    """Give what is left of a band without some sources; where it falls below 0 it is 0."""
    if not sources:
        return spectra
    directions = np.stack([source.direction for source in sources])
    scan = Scan(receiver, view.placed(directions), view.near)
    power = np.stack([source.power for source in sources], axis=1)
    left = np.empty_like(spectra.matrices)
    for i, heard in enumerate(transfers(scan, spectra.frequency_hz)):
        value, vector = np.linalg.eigh(spectra.matrices[i] - (heard.T * power[i]) @ np.conj(heard))
        left[i] = (vector * np.maximum(value, 0)) @ np.conj(vector.T)
    return replace(spectra, matrices=left)


def diffuse_shape(
    receiver: Receiver, frequency_hz: Float[ndarray, " frequency"]
) -> Float[ndarray, "frequency channel channel"]:
    """Give the covariance of the channels in sound from everywhere of power 1."""
    match receiver:
        case Capsules(array):
            return diffuse_covariance(array, frequency_hz)
        case IdealFoa():
            return np.tile(np.diag([1.0, 1 / 3, 1 / 3, 1 / 3]), (len(frequency_hz), 1, 1))
        case EncodedFoa(array, rate_hz):
            matrix = encoding_matrix(array, rate_hz, frequency_hz)
            heard = matrix @ diffuse_covariance(array, frequency_hz) @ _adjoint(matrix)
            return np.asarray(heard.real)


class _Band:
    """A band whose noise was made white, and the fit to it."""

    def __init__(
        self,
        spectra: CrossSpectra,
        receiver: Receiver,
        view: View,
        field: NoiseField,
        wanted: FitSettings,
    ) -> None:
        self._spectra, self._receiver, self._view = spectra, receiver, view
        self._field, self._wanted = field, wanted
        n, n_bins = spectra.n_channels, len(spectra.frequency_hz)
        shape = np.tile(np.eye(n), (n_bins, 1, 1))
        if field == "diffuse":
            diffuse = diffuse_shape(receiver, spectra.frequency_hz)
            own = np.einsum("fcc->f", diffuse)[:, None, None] / n
            shape = (1 - _OWN) * diffuse + _OWN * own * shape
        value, vector = np.linalg.eigh(shape)
        self._shape = shape
        self._white = (vector / np.sqrt(value)[:, None, :]) @ vector.transpose(0, 2, 1)
        self._log_volume = float(np.log(value).sum())
        self._matrices = self._white @ spectra.matrices @ self._white
        self._share = spectra.independent_bins / n_bins
        numbers = self._share * n_bins + 2
        self._cost = 0.5 * np.log(spectra.averages) * numbers + _SEARCH_NATS

    def fit(self, starts: Float[ndarray, "start 3"]) -> Fit:
        """Take one start after the other that gains enough; then let each move once more."""
        kept: list[Float[ndarray, "3"]] = []
        most = min(self._wanted.most, self._spectra.n_channels - 1)
        failed = 0
        for start in starts:
            if len(kept) == most or failed == _PATIENCE:
                break
            if not self._is_apart(start, kept):
                continue
            place = self._place([*kept, start], len(kept))
            if place is None or not self._is_apart(place, kept):
                failed += 1
            else:
                kept.append(place)
                failed = 0
        if len(kept) > 1:
            for k in range(len(kept)):
                place, _ = self._moved(kept, k)
                if self._is_apart(place, kept[:k] + kept[k + 1 :]):
                    kept[k] = place
        return self._told(kept)

    def _place(
        self, places: Sequence[Float[ndarray, "3"]], which: int
    ) -> Float[ndarray, "3"] | None:
        """Give where a new source is, None if it gains less than it costs.

        What gains little from the top of its hill gains no more than a little elsewhere on it.
        """
        here = float(self._height(places, which)(places[which][None])[0])
        if here < _WORTH * self._cost:
            return None
        place, gain = self._moved(places, which)
        loud = self._in_beam([*places[:which], place, *places[which + 1 :]], which)
        return place if gain > self._cost and loud > _LEAST_IN_BEAM else None

    def _in_beam(self, places: Sequence[Float[ndarray, "3"]], which: int) -> float:
        """Give a source's power to that of the noise in a beam towards it, over the band."""
        heard = self._heard(np.stack(places))
        power, noise = self._joint(heard)
        return float((power[:, which] * _square(heard[:, which])).sum() / noise.sum())

    def _is_apart(self, one: Float[ndarray, "3"], others: Sequence[Float[ndarray, "3"]]) -> bool:
        if not others:
            return True
        return bool(angle_between(one, np.stack(others)).min() > self._wanted.apart_rad)

    def _moved(
        self, places: Sequence[Float[ndarray, "3"]], which: int
    ) -> tuple[Float[ndarray, "3"], float]:
        """Move one source to where it is likeliest beside the others; give what it gains.

        Twice: a source that is a little off leaves a part of itself to the noise, and the powers
        found there would weigh the bins wrongly.
        """
        now = list(places)
        for reach in (self._view.spacing_rad, self._view.spacing_rad / 8):
            height = self._height(now, which)
            now[which] = refined(height, now[which], reach, _TOLERANCE_RAD)
        return now[which], float(height(now[which][None])[0])

    def _height(self, places: Sequence[Float[ndarray, "3"]], which: int) -> Height:
        heard = self._heard(np.stack(places))
        power, noise = self._joint(heard)
        others = [k for k in range(len(places)) if k != which]
        covariance = self._covariance(heard[:, others], power[:, others], noise)
        turned = np.linalg.inv(np.linalg.cholesky(covariance))
        seen = turned @ self._matrices @ _adjoint(turned)
        averages = self._share * self._spectra.averages

        def height(directions: Float[ndarray, "direction 3"]) -> Float[ndarray, " direction"]:
            heard = self._heard(directions) @ turned.transpose(0, 2, 1)
            loud = np.einsum("fdc,fdc->fd", np.conj(heard) @ seen, heard).real
            x = np.maximum(loud / np.maximum(_square(heard), _SLIGHT), 1.0)
            return np.asarray(averages * (x - 1 - np.log(x)).sum(axis=0))

        return height

    def _heard(
        self, directions: Float[ndarray, "direction 3"]
    ) -> Complex[ndarray, "frequency direction channel"]:
        """Give the transfers as they are once noise is white."""
        return np.asarray(self._transfers(directions) @ self._white.transpose(0, 2, 1))

    def _transfers(
        self, directions: Float[ndarray, "direction 3"]
    ) -> Complex[ndarray, "frequency direction channel"]:
        frequency_hz, n = self._spectra.frequency_hz, self._spectra.n_channels
        heard = np.empty((len(frequency_hz), len(directions), n), np.complex128)
        if len(directions):
            scan = Scan(self._receiver, self._view.placed(directions), self._view.near)
            for i, one in enumerate(transfers(scan, frequency_hz)):
                heard[i] = one
        return heard

    def _joint(
        self, heard: Complex[ndarray, "frequency source channel"]
    ) -> tuple[Float[ndarray, "frequency source"], Float[ndarray, " frequency"]]:
        """Give powers and noise by least squares."""
        columns = heard.transpose(0, 2, 1)
        inverse = np.linalg.pinv(columns)
        whole = np.einsum("fcc->f", self._matrices).real
        along = np.einsum("fcs,fsc->f", columns, inverse @ self._matrices).real
        n_left = self._spectra.n_channels - heard.shape[1]
        noise = np.maximum(whole - along, _SLIGHT * whole + np.finfo(float).tiny) / n_left
        seen = np.einsum("fsc,fsc->fs", inverse @ self._matrices, np.conj(inverse)).real
        return np.maximum(seen - noise[:, None] * _square(inverse), 0.0), noise

    def _covariance(
        self,
        heard: Complex[ndarray, "frequency source channel"],
        power: Float[ndarray, "frequency source"],
        noise: Float[ndarray, " frequency"],
    ) -> Complex[ndarray, "frequency channel channel"]:
        """Give what sources leave in white noise."""
        columns = heard.transpose(0, 2, 1)
        own = noise[:, None, None] * np.eye(self._spectra.n_channels)
        return np.asarray((columns * power[:, None, :]) @ _adjoint(columns) + own)

    def _told(self, places: Sequence[Float[ndarray, "3"]]) -> Fit:
        directions = np.stack(places) if places else np.zeros((0, 3))
        heard = self._heard(directions)
        power, noise = self._joint(heard)
        covariance = self._covariance(heard, power, noise)
        sign = (
            np.linalg.slogdet(covariance)[1]
            + np.einsum("fcc->f", np.linalg.solve(covariance, self._matrices)).real
        )
        cost = 0.5 * np.log(self._spectra.averages) * len(places) * (self._share * len(noise) + 2)
        averages = self._share * self._spectra.averages
        likelihood = -averages * (float(sign.sum()) + self._log_volume) - cost
        sources = tuple(
            Source(
                directions[k],
                power[:, k],
                float(power[:, k].sum() / noise.sum()),
                float(self._height(places, k)(directions[k][None])[0]),
                self._information(directions, k, power, noise),
            )
            for k in range(len(places))
        )
        return Fit(sources, self._field, noise, likelihood)

    def _information(
        self,
        directions: Float[ndarray, "source 3"],
        which: int,
        power: Float[ndarray, "frequency source"],
        noise: Float[ndarray, " frequency"],
    ) -> Float[ndarray, "2 2"]:
        """Bound one direction by the noise and by the other sources, of wave fronts as if plane."""
        spectra = self._spectra
        others = [k for k in range(len(directions)) if k != which]
        columns = self._transfers(directions[others]).transpose(0, 2, 1)
        share = power[:, None, others] / noise[:, None, None]
        covariance = self._shape + (columns * share) @ _adjoint(columns)
        n_bins = len(spectra.frequency_hz)
        duration = spectra.effective_s * n_bins / (n_bins - 1)  # eq. 4 integrates over gaps of bins
        # noise of ν averages is as often too small as too large, and its inverse too large by this
        looks = spectra.averages * (spectra.n_channels - len(directions))
        ratio = power[:, which] / noise * max(1 - 1 / looks, 0.0)
        ratio = np.maximum(ratio, _SLIGHT)
        return information(
            self._receiver, directions[which], spectra.frequency_hz, ratio, duration, covariance
        )


def _square(rows: Complex[ndarray, "*some channel"]) -> Float[ndarray, "*some"]:
    return np.asarray((rows.real**2 + rows.imag**2).sum(axis=-1))


def _adjoint(
    matrices: Complex[ndarray, "frequency row column"],
) -> Complex[ndarray, "frequency column row"]:
    return np.asarray(np.conj(matrices.transpose(0, 2, 1)))
