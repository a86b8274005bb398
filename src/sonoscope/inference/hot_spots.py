"""Finds hot spots: bands and times of a recording, a map of each, and the sources in it.

    blocks ─► cross_spectra, added up over a window ─► map (by any method) ─► its hills
                                                                               │ starts
              direction or place, level, ellipse ◄─ fit of all sources ◄───────┘

Memory does not grow with the recording: one window's matrices, and one map at a time.

A map shows; hot spots are measured. Whatever the method, its hills are only where a joint fit of
all sources begins (`imaging.fit`), so that places lie between grid points, levels do not hold what
others leak, and what noise explains as well is dropped.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import MicArray
from sonoscope.core.audio import AudioFile, check_format, read_blocks
from sonoscope.core.camera import Camera
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.imaging import beamform, deconvolve
from sonoscope.imaging.bound import ellipse
from sonoscope.imaging.fit import Fit, FitSettings, Source, fitted, left_over
from sonoscope.imaging.grids import peaks
from sonoscope.imaging.image import (
    FAR_RAD,
    IN_POINTS,
    SAME_RAD,
    WITHOUT_LEVEL,
    Band,
    BandImage,
    HotSpot,
    Method,
    Place,
    places,
    smeared,
)
from sonoscope.imaging.sources import number_of_sources
from sonoscope.imaging.spectra import BlockSettings, CrossSpectra, cross_spectra, third_octave
from sonoscope.imaging.steering import Scan
from sonoscope.imaging.views import (
    PlaneView,
    SphereView,
    View,
    extent_m,
    normal_of,
    on_a_line,
    plane_spacing_for,
    spacing_for,
)
from sonoscope.signal.ambisonics import to_foa
from sonoscope.signal.receiver import Capsules, IdealFoa, Receiver

Ambisonics = Literal["foa", "n3d", "fuma"]
Array = MicArray | Ambisonics
"""What a recording's channels are: capsules that sit somewhere, or first-order Ambisonics."""

ASSUMED_DISTANCE_M = 3.0
"""How far the plane of a flat array is, where no one says."""

FEW_CHANNELS = 8
"""With fewer an array's own beam is about as wide as all there is to see."""

_BINS = 16  # in a band, about
_FEWEST_BINS = 3
_LEAST_SHARE = 0.02  # of a bin that must lie in a band
_PASSES = 8  # crossings of the array by sound in one block, at least
_PIECE = 1 << 22  # numbers of sound that are held at a time
_SMALLEST_EXTENT = 1 / 20  # of a wavelength, below which an array tells nothing
_LOWEST_FOA_HZ = 100.0
_HIGHEST_SHARE = 0.47  # of the rate
_WIDE_M = 2.0
_HALF_ANGLE = np.tan(np.deg2rad(40.0))
_LOADING = 1e-3
_SWEEPS = 60
_MOST_COUNTED = 6
_MANY_IMAGES, _CONFIRMED = 12, 3
_SILENCE = 1e-22  # mean square of a channel in a bin: below what 24 bits can hold of dither
_FLOOR = 1e-9  # of the mean power of a channel

Block = Float[ndarray, "channel _"]


@settings(config=STRICT)
class ImageSettings:
    """How an image is made.

    Attributes
    ----------
    method
        None is CLEAN-SC, or Capon's for fewer than eight channels.
    bands_hz
        None for all third octaves that the array and the rate can tell.
    window_s
        None for one image of the whole recording.
    plane_m
        Distance of a plane to look at; None for the sphere, or for flat arrays a plane 3 m away.
    size_m
        Width and height of the plane.
    facing
        Where the array looks, as a unit vector; None for a flat array's normal, or ahead.
    sources
        How many MUSIC and orthogonal beamforming take for granted; None counts them (MDL).
    most
        Hot spots in a band and time.
    range_db
        How far below the loudest one of its band and time a hot spot may be; None is 15 dB, or 10
        with fewer than eight channels.
    """

    method: Method | None = None
    bands_hz: tuple[Band, ...] | None = None
    window_s: Annotated[float, Field(gt=0)] | None = None
    plane_m: Annotated[float, Field(gt=0)] | None = None
    size_m: tuple[float, float] | None = None
    facing: tuple[float, float, float] | None = None
    sphere: bool = False
    sources: Annotated[int, Field(ge=1)] | None = None
    most: Annotated[int, Field(ge=1, le=32)] = 5
    range_db: Annotated[float, Field(gt=0)] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Looker:
    """What a recording is looked at with: `of` settles all that is open in the settings.

    Attributes
    ----------
    channels
        What its channels are: capsules, or the scale of Ambisonics.
    bands
        Each with the length of its blocks.
    assumed
        Whether the plane's distance is a guess.
    """

    channels: Array
    receiver: Receiver
    view: View
    method: Method
    bands: tuple[tuple[Band, int], ...]
    wanted: ImageSettings
    assumed: bool

    @classmethod
    def of(cls, file: AudioFile, array: Array, wanted: ImageSettings) -> "Looker":
        """Settle bands, view and method for a file.

        Raises
        ------
        InputError
            If the file has other channels than the array, or is too short for any band.
        SettingError
            If settings do not go together.
        """
        if isinstance(array, MicArray):
            check_capsules(file, array)
        else:
            check_format(file, array)
        receiver = Capsules(array) if isinstance(array, MicArray) else IdealFoa()
        extent = extent_m(array) if isinstance(array, MicArray) else 0.0
        method: Method = wanted.method or (
            "clean-sc" if file.n_channels >= FEW_CHANNELS else "capon"
        )
        samples = file.n_samples
        if wanted.window_s is not None:
            samples = min(samples, max(1, round(wanted.window_s * file.rate_hz)))
        bands = _bands(file, extent, samples, wanted)
        view, assumed = _view(array, extent, bands[-1][0][1], method, wanted)
        return cls(array, receiver, view, method, bands, wanted, assumed)

    @property
    def is_coarse(self) -> bool:
        """Whether the array's own beam is too wide to tell sources that are close."""
        return self.receiver.n_channels < FEW_CHANNELS

    @property
    def range_db(self) -> float:
        """How far below the loudest one of its band and time a hot spot may be."""
        return self.wanted.range_db or (10.0 if self.is_coarse else 15.0)

    @property
    def n_points(self) -> int:
        """How many points a map has."""
        return len(self.view.points)

    def settings(self) -> dict[str, str]:
        """Say how it looks, for people."""
        view, wanted = self.view, self.wanted
        name = self.channels.name if isinstance(self.channels, MicArray) else self.channels
        if isinstance(view, PlaneView):
            shown = (
                f"a plane {view.distance_m:g} m away{' (assumed)' if self.assumed else ''}, "
                f"{view.size_m[0]:g} x {view.size_m[1]:g} m, a point every {view.spacing_m:.3g} m"
            )
        else:
            half = "" if view.facing is None else "the half in front of the array, "
            shown = f"{half}a direction every {np.rad2deg(view.spacing_rad):.1f}°"
        return {
            "Array": f"{name}, {self.receiver.n_channels} channels",
            "Method": self.method,
            "Shown": shown,
            "Bands": f"{len(self.bands)}, {_hz(self.bands[0][0][0])} to "
            f"{_hz(self.bands[-1][0][1])}",
            "Time": "the whole recording"
            if wanted.window_s is None
            else f"{wanted.window_s:g} s windows",
            "Hot spots": f"at most {wanted.most} in a band and time, down to "
            f"{self.range_db:g} dB below the loudest",
        }

    def look(self, spectra: CrossSpectra, band: Band, start_s: float, end_s: float) -> BandImage:
        """Make the image of one band and time."""
        own = float(np.einsum("fcc->fc", spectra.matrices).real.mean())
        if own < _SILENCE:
            return BandImage(
                band, start_s, end_s, self.method, np.zeros(self.n_points), (), "white"
            )
        # a bin of digital silence beside others must not be singular
        floor = _FLOOR * own * np.eye(spectra.n_channels)
        spectra = replace(spectra, matrices=spectra.matrices + floor)
        values = self._map(spectra)
        fit = self._fit(spectra, values)
        spots = [self._spot(source, band, start_s, end_s) for source in fit.sources]
        seen = [spot for spot in spots if self.view.holds(spot.direction[None])[0]]
        loudest = max((spot.power for spot in seen), default=0.0)
        least = loudest * 10 ** (-self.range_db / 10)
        kept = sorted((s for s in seen if s.power >= least and s.power > 0), key=lambda s: -s.power)
        return BandImage(band, start_s, end_s, self.method, values, tuple(kept), fit.field)

    def _map(self, spectra: CrossSpectra) -> Float[ndarray, " point"]:
        """Give a band's map: the sum of levels, or the mean of likenesses."""
        scan = Scan(self.receiver, self.view.points, self.view.near)
        own = isinstance(self.receiver, Capsules)  # of Ambisonics the diagonal is half of all
        match self.method:
            case "conventional":
                each = beamform.conventional(spectra, scan, diagonal_removed=own)
            case "functional":
                each = beamform.functional(spectra, scan)
            case "capon":
                each = beamform.capon(spectra, scan, loading=_LOADING)
            case "music":
                each = beamform.music(spectra, scan, self._count(spectra))
            case "orthogonal":
                each = beamform.orthogonal(spectra, scan, self._count(spectra))
            case "srp-phat":
                each = beamform.srp_phat(spectra, scan)
            case "clean-sc":
                wanted = deconvolve.CleanSettings(diagonal_removed=own)
                each = deconvolve.clean_sc(spectra, scan, wanted)
            case "damas":
                each = deconvolve.damas(spectra, scan, sweeps=_SWEEPS, diagonal_removed=own)
        whole = each.mean(axis=0) if self.method in WITHOUT_LEVEL else each.sum(axis=0)
        return np.asarray(whole)

    def _count(self, spectra: CrossSpectra) -> int:
        most = min(spectra.n_channels - 1, _MOST_COUNTED)
        if self.wanted.sources is not None:
            return min(self.wanted.sources, spectra.n_channels - 1)
        if spectra.averages < spectra.n_channels:
            return 1
        return min(max(number_of_sources(spectra), 1), most)

    def _fit(self, spectra: CrossSpectra, values: Float[ndarray, " point"]) -> Fit:
        """Fit sources from the map's hills, then from those of what is left, till none is found.

        Only CLEAN-SC takes sources out by itself, so that its map has the quiet ones too.
        """
        hills = smeared(np.maximum(values, 0), self.view) if self.method in IN_POINTS else values
        fit = self._fit_from(spectra, self._tops(hills, 2 * self.wanted.most))
        scan = Scan(self.receiver, self.view.points, self.view.near)
        while self.method != "clean-sc" and 0 < len(fit.sources) < self._most(spectra):
            left = left_over(spectra, self.receiver, self.view, fit.sources)
            hills = beamform.conventional(left, scan).sum(axis=0)
            known = np.stack([source.direction for source in fit.sources])
            more = self._fit_from(spectra, np.concatenate([known, self._tops(hills, 1)]))
            if len(more.sources) <= len(fit.sources):
                break
            fit = more
        return fit

    def _most(self, spectra: CrossSpectra) -> int:
        return min(self.wanted.most, spectra.n_channels - 1)

    def _tops(self, hills: Float[ndarray, " point"], count: int) -> Float[ndarray, "start 3"]:
        points = self.view.points
        tops = peaks(hills, points)
        starts = points[tops[hills[tops] > 0][:count]]
        return np.asarray(starts / np.linalg.norm(starts, axis=1, keepdims=True))

    def _fit_from(self, spectra: CrossSpectra, starts: Float[ndarray, "start 3"]) -> Fit:
        apart = max(1.5 * self.view.spacing_rad, 1e-3)
        wanted = FitSettings(most=self.wanted.most, apart_rad=apart)
        return fitted(spectra, self.receiver, self.view, starts, wanted)

    def _spot(self, source: Source, band: Band, start_s: float, end_s: float) -> HotSpot:
        near = isinstance(self.view, PlaneView)
        place = self.view.placed(source.direction[None])[0] if near else None
        return HotSpot(
            band,
            start_s,
            end_s,
            source.direction,
            place,
            float(source.power.sum()),
            source.over_noise,
            source.gain,
            ellipse(source.information),
        )


def look(
    file: AudioFile, looker: Looker, progress: Callable[[float], None] | None = None
) -> Iterator[tuple[BandImage, ...]]:
    """Look at a recording, window after window: one image a band.

    Parameters
    ----------
    progress
        Told how much was done so far, 0 to 1.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    n_bands, rate_hz = len(looker.bands), file.rate_hz
    for start, length, heard in _windows(file, looker):
        times = (start / rate_hz, (start + length) / rate_hz)
        images = []
        for number, (band, block) in enumerate(looker.bands):
            images.append(looker.look(_within(heard[block], band), band, *times))
            if progress is not None:
                share = (start + length * (number + 1) / n_bands) / file.n_samples
                progress(min(1.0, share))
        yield tuple(images)


def spectra_of(samples: Block, looker: Looker, rate_hz: int) -> dict[int, CrossSpectra]:
    """Give the matrices of all bands of one piece of sound, by their blocks' lengths."""
    channels = looker.channels
    heard = samples if isinstance(channels, MicArray) else to_foa(samples, channels)
    lengths: dict[int, list[Band]] = {}
    for band, block in looker.bands:
        lengths.setdefault(block, []).append(band)
    return {
        block: cross_spectra(
            heard,
            float(rate_hz),
            (
                min(low for low, _ in bands) - rate_hz / block,
                max(high for _, high in bands) + rate_hz / block,
            ),
            BlockSettings(block),
        )
        for block, bands in lengths.items()
        if heard.shape[1] >= block
    }


def check_capsules(file: AudioFile, array: MicArray) -> None:
    """Refuse a recording with more or fewer channels than an array has capsules."""
    if file.n_channels != array.n_capsules:
        raise InputError(
            f"{file.path}: must have {array.n_capsules} channels, one a capsule of the array "
            f"{array.name!r}, but {file.n_channels} was given"
        )


def warnings(file: AudioFile, looker: Looker) -> tuple[str, ...]:
    """Say what one must know before trusting an image."""
    told = [] if file.warning is None else [file.warning]
    array, view = looker.channels, looker.view
    if looker.assumed and isinstance(view, PlaneView):
        told.append(
            f"the plane is assumed {view.distance_m:g} m away, as nothing said how far: give "
            "--plane DISTANCE, or --sphere for directions alone"
        )
    if not isinstance(array, MicArray):
        told.append(
            "ideal Ambisonics were assumed: recorded ones are wrong above some kilohertz (about 8 "
            "for a sphere of 32 capsules, 2 for a tetrahedron); give the raw capsules if you can"
        )
        return tuple(told)
    if extent_m(array) > _WIDE_M:
        told.append(
            f"the array is {extent_m(array):.3g} m wide: positions are taken for metres, so check "
            "that the geometry is not in centimetres or millimetres"
        )
    if on_a_line(array):
        told.append("the capsules lie on a line: only the angle to that line can be heard")
    elif normal_of(array) is not None:
        told.append("a flat array hears what is behind it as if it were in front")
    limit = unambiguous_hz(array)
    if looker.bands[-1][0][1] > limit:
        told.append(
            f"above {_hz(limit)} capsules are more than half a wavelength apart: single tones may "
            "seem to come from several directions"
        )
    return tuple(told)


def unambiguous_hz(array: MicArray) -> float:
    """Give the frequency at which the nearest neighbours are half a wavelength apart, in median."""
    apart = np.linalg.norm(array.positions[:, None] - array.positions[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    return float(SPEED_OF_SOUND_M_S / 2 / np.median(apart.min(axis=1)))


# ── settling what is open ────────────────────────────────────────────────────────────────────────


def _bands(
    file: AudioFile, extent: float, samples: int, wanted: ImageSettings
) -> tuple[tuple[Band, int], ...]:
    highest = _HIGHEST_SHARE * file.rate_hz
    asked = wanted.bands_hz
    if asked is None:
        lowest = _LOWEST_FOA_HZ if extent == 0 else _SMALLEST_EXTENT * SPEED_OF_SOUND_M_S / extent
        centres = 1000 * 2 ** (np.arange(-20, 24) / 3)
        asked = tuple(
            (float(low), float(high))
            for low, high in map(third_octave, centres.tolist())
            if low >= lowest and high <= highest
        )
    for low, high in asked:
        if not 0 < low < high <= file.rate_hz / 2:
            raise SettingError(
                f"{file.path}: a band must lie between 0 and {file.rate_hz / 2:g} Hz, but "
                f"{low:g} to {high:g} was given"
            )
    settled = [(band, _block_for(band, file.rate_hz, extent)) for band in sorted(asked)]
    fitting = tuple((band, block) for band, block in settled if 2 * block <= samples)
    if not fitting:
        need = min((2 * block for _, block in settled), default=0) / file.rate_hz
        raise InputError(
            f"{file.path}: a recording or window must last at least {need:.3g} s to be looked at "
            f"in these bands, but {samples / file.rate_hz:.3g} s was given"
        )
    return fitting


def _block_for(band: Band, rate_hz: int, extent: float) -> int:
    """Give a power of two: enough bins in the band, and sound crosses the array many times."""
    fine = rate_hz * _BINS / (band[1] - band[0])
    long = _PASSES * extent / SPEED_OF_SOUND_M_S * rate_hz
    return int(np.clip(2 ** np.ceil(np.log2(max(fine, long))), 64, 1 << 18))


def _view(
    array: Array, extent: float, highest_hz: float, method: Method, wanted: ImageSettings
) -> tuple[View, bool]:
    """Give the view, and whether its distance is a guess."""
    normal = normal_of(array) if isinstance(array, MicArray) else None
    facing = normal if wanted.facing is None else np.array(wanted.facing, np.float64)
    plane = wanted.plane_m
    assumed = plane is None and normal is not None and not wanted.sphere
    if assumed:
        plane = ASSUMED_DISTANCE_M
    extent = extent or 0.04
    fewest = deconvolve.MAX_DAMAS_POINTS if method == "damas" else None
    if plane is None:
        spacing = spacing_for(extent, highest_hz)
        if fewest is not None:
            whole = 4 * np.pi if normal is None else 2 * np.pi
            spacing = max(spacing, float(np.sqrt(whole / fewest) * 1.01))
        return SphereView.of(spacing, None if normal is None else facing), False
    ahead = np.array([1.0, 0.0, 0.0]) if facing is None else facing / np.linalg.norm(facing)
    width, height = wanted.size_m or (2 * _HALF_ANGLE * plane, 1.5 * _HALF_ANGLE * plane)
    spacing = plane_spacing_for(extent, highest_hz, plane, max(width, height))
    if not height > 0:
        raise SettingError(f"height of a plane must be above 0 m, but {height:g} was given")
    return PlaneView.of(ahead, plane, (width, height), spacing), assumed


# ── windows ──────────────────────────────────────────────────────────────────────────────────────


def _windows(file: AudioFile, looker: Looker) -> Iterator[tuple[int, int, dict[int, CrossSpectra]]]:
    """Give start, length and matrices of each window; a rest of less than half is left out."""
    whole = file.n_samples
    if looker.wanted.window_s is not None:
        whole = min(whole, max(1, round(looker.wanted.window_s * file.rate_hz)))
    longest = max(block for _, block in looker.bands)
    held = max(_PIECE // file.n_channels, 2 * longest)
    n_pieces = -(-whole // held)
    piece = -(-whole // n_pieces)
    heard: dict[int, CrossSpectra] = {}
    start = done = pieces = 0
    for samples in read_blocks(file, file.rate_hz, piece):
        if done == 0 or samples.shape[1] >= longest:
            heard = _both(heard, spectra_of(samples, looker, file.rate_hz))
        done += samples.shape[1]
        pieces += 1
        if pieces == n_pieces or start + done >= file.n_samples:
            if start == 0 or done >= max(whole // 2, 2 * longest):
                yield start, done, heard
            start, done, pieces, heard = start + done, 0, 0, {}


def _both(one: dict[int, CrossSpectra], other: dict[int, CrossSpectra]) -> dict[int, CrossSpectra]:
    """Add up the matrices of two pieces."""
    if not one:
        return other
    both = {}
    for block, first in one.items():
        second = other[block]
        total = first.averages + second.averages
        share = first.averages / total
        matrices = share * first.matrices + (1 - share) * second.matrices
        both[block] = replace(first, matrices=matrices, averages=total)
    return both


def _within(spectra: CrossSpectra, band: Band) -> CrossSpectra:
    """Give the bins of a band, of those at its edges the share that lies within; three at least."""
    frequency = spectra.frequency_hz
    step = float(np.diff(frequency).mean())
    low = np.maximum(frequency - step / 2, band[0])
    share = np.clip((np.minimum(frequency + step / 2, band[1]) - low) / step, 0, 1)
    inside = np.flatnonzero(share > _LEAST_SHARE)
    if len(inside) < _FEWEST_BINS:
        middle = int(np.abs(frequency - np.mean(band)).argmin())
        first = int(np.clip(middle - 1, 0, max(0, len(frequency) - _FEWEST_BINS)))
        inside = np.arange(first, min(first + _FEWEST_BINS, len(frequency)))
        share = np.maximum(share, _LEAST_SHARE)
    matrices = spectra.matrices[inside] * share[inside, None, None]
    return replace(spectra, matrices=matrices, frequency_hz=frequency[inside])


def _hz(frequency: float) -> str:
    return f"{frequency / 1e3:.3g} kHz" if frequency >= 1e3 else f"{frequency:.3g} Hz"


class Gathered:
    """Adds up the images of all windows band by band, in memory that does not grow with them."""

    def __init__(self) -> None:
        self._images: list[BandImage] = []
        self._windows: list[tuple[float, float]] = []
        self._spots: list[HotSpot] = []

    def add(self, images: Sequence[BandImage]) -> None:
        """Take the images of one window."""
        self._spots += all_spots(images)
        if not self._windows:
            self._images = list(images)
        else:
            share = 1 / (len(self._windows) + 1)
            self._images = [
                replace(
                    new,
                    start_s=old.start_s,
                    values=(1 - share) * old.values + share * new.values,
                    spots=tuple(sorted(old.spots + new.spots, key=lambda spot: -spot.power)),
                )
                for old, new in zip(self._images, images, strict=True)
            ]
        self._windows.append((images[0].start_s, images[0].end_s))

    @property
    def images(self) -> tuple[BandImage, ...]:
        """One a band: the mean map, and the hot spots of all windows."""
        return tuple(self._images)

    @property
    def n_images(self) -> int:
        """How many bands and windows were looked at."""
        return len(self._windows) * len(self._images)

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        """Start and end of each window in seconds."""
        return tuple(self._windows)

    @property
    def spots(self) -> tuple[HotSpot, ...]:
        """All hot spots, in the order of time."""
        return tuple(self._spots)


def places_of(gathered: Gathered, looker: Looker) -> tuple[Place, ...]:
    """Gather hot spots to places, as finely as the array can tell them.

    Few capsules in a room take echoes for sources, each time elsewhere: where there are many bands
    and windows, a place of theirs must be heard in three.
    """
    if not looker.is_coarse:
        return places(gathered.spots, SAME_RAD)
    found = places(gathered.spots, FAR_RAD)
    if gathered.n_images < _MANY_IMAGES:
        return found
    return tuple(place for place in found if len(place.spots) >= _CONFIRMED)


def all_spots(images: Sequence[BandImage]) -> tuple[HotSpot, ...]:
    """Give the hot spots of several images in their order."""
    return tuple(spot for image in images for spot in image.spots)


def for_camera(wanted: ImageSettings, array: Array, camera: Camera) -> ImageSettings:
    """Let the image be what a camera sees, where settings leave it open.

    A flat array looks to the side on which the camera looks, any other where the camera does; a
    plane is as large as the photograph shows of it, up to four times its distance.
    """
    looks = camera.pose.turn[2]
    normal = normal_of(array) if isinstance(array, MicArray) else None
    facing = looks if normal is None else normal * (1.0 if looks @ normal >= 0 else -1.0)
    if wanted.facing is not None:
        facing = np.array(wanted.facing, np.float64)
    distance = wanted.plane_m
    if distance is None and normal is not None and not wanted.sphere:
        distance = ASSUMED_DISTANCE_M
    size = wanted.size_m
    if size is None and distance is not None:
        size = _size_seen(camera, facing, distance)
    x, y, z = facing.tolist()
    return replace(wanted, facing=(x, y, z), size_m=size)


def _size_seen(
    camera: Camera, facing: Float[ndarray, "3"], distance_m: float
) -> tuple[float, float]:
    """Give the smallest plane around its middle that fills the photograph."""
    width, height = camera.size_px
    along = np.linspace(0, 1, 9)
    edge = np.concatenate([[(t * (width - 1), y) for t in along] for y in (0.0, height - 1.0)])
    sides = np.concatenate([[(x, t * (height - 1)) for t in along] for x in (0.0, width - 1.0)])
    rays = camera.rays(np.concatenate([edge, sides]))
    plane = PlaneView.of(facing, distance_m, (distance_m, distance_m), distance_m)
    start = camera.pose.position
    along_ray = rays @ facing
    ahead = np.isfinite(along_ray) & (along_ray > 0)
    if not np.any(ahead):
        return 2 * _HALF_ANGLE * distance_m, 1.5 * _HALF_ANGLE * distance_m
    far = (distance_m - float(start @ facing)) / along_ray[ahead]
    met = plane.across(start + far[:, None] * rays[ahead])
    reach = 2 * np.abs(met).max(axis=0)
    right, up = np.clip(reach, 0.05 * distance_m, 4 * distance_m).tolist()
    return right, up
