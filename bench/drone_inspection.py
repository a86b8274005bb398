"""Places found in simulated inspections by drone (`simulation.drone_inspection`): 64 capsules.

Each scene is heard at every ratio (20 to 40 kHz, as it says there), its discharges, places and
rotors being the same. A map has 101 x 76 points, where rays of the camera meet the plane of the
crane's front (its distance is taken for known), summed over bins from 20 to 40 kHz, the capsules'
own power left out. As many of its highest hills count as there are places and echoes. A place is
found if one of them lies within 2 % of the photograph's width; "loudest" is the share of scenes
whose highest hill is at a place or at an echo of one. Kinds are not asked for here.

The second table is of the same scenes, inspected as `sonoscope inspect` does (64 channels in 32-bit
WAV, the front's distance told, nothing else): how many places there are was not told. A place's
kind is right if the mark nearest to it, within 2 %, names its kind and no other; as nothing tells
a loose particle from rain, its "pulses without a clock" are counted beside. Marks near neither a
place nor an echo are false, with those among them that name a kind. An echo counts as flagged if a
mark within 2 % of it is called a reflection; a place, as denied if its mark is called a repeat.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.ndimage import gaussian_filter, maximum_filter

from bench.tables import markdown
from sonoscope import pipeline
from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.camera import Camera
from sonoscope.imaging.beamform import conventional
from sonoscope.imaging.deconvolve import clean_sc
from sonoscope.imaging.spectra import BlockSettings, cross_spectra
from sonoscope.imaging.steering import Scan
from sonoscope.inference.hot_spots import ImageSettings
from sonoscope.report.overlay import pixels_of
from sonoscope.signal.receiver import Capsules
from sonoscope.simulation.drone_families import drawn_drone_inspection
from sonoscope.simulation.drone_inspection import ARRAYS, DroneInspection, drone_inspection
from sonoscope.simulation.inspection import stream

Method = Literal["conventional", "clean-sc"]

METHODS: tuple[Method, ...] = ("conventional", "clean-sc")
RATIOS_DB = (20.0, 10.0, 0.0)
NEAR = 0.02  # of the photograph's width

_GRID = (101, 76)
_SEED = 4_000
_DRAW = 99
_WIDE = 1.2  # grid steps by which what stands in single points is smeared
_APART = 4  # grid steps between hills


@dataclass
class Score:
    """What came out at one ratio with one method."""

    scenes: int = 0
    loudest: int = 0
    off: list[float] = field(default_factory=list)
    echoes_off: list[float] = field(default_factory=list)
    seconds: float = 0.0


def table(
    work: Path,
    data: Path,
    *,
    scenes: int = 20,
    ratios_db: Sequence[float] = RATIOS_DB,
    duration_s: float = 2.0,
) -> str:
    """Give both tables; scenes 0, 2, ... are of family a, the others of family b."""
    del data
    inspected = {ratio: Inspections() for ratio in ratios_db}
    scores = {(ratio, method): Score() for ratio in ratios_db for method in METHODS}
    for number in range(scenes):
        seed = _SEED + number
        family: Literal["a", "b"] = "b" if number % 2 else "a"
        wanted = drawn_drone_inspection(family, stream(seed, _DRAW), duration_s=duration_s)
        for ratio in ratios_db:
            made = drone_inspection(replace(wanted, snr_db=ratio), seed)
            for method in METHODS:
                _add(scores[ratio, method], made, method)
            add_inspection(inspected[ratio], made, work)
    rows = [[f"{ratio:g}", method, *_row(score)] for (ratio, method), score in scores.items()]
    head = ["SNR, dB", "method", "scenes", "loudest", "places", "within 2 %", "off, median", "90 %"]
    maps = markdown([*head, "echoes", "within 2 %", "CPU of a map, s"], rows)
    rows = [[f"{ratio:g}", *score.row()] for ratio, score in inspected.items()]
    head = ["SNR, dB", "scenes", "places", "within 2 %", "off, median", "90 %", "kind right"]
    head += ["or particle without a clock", "denied", "echoes", "found", "flagged", "false marks"]
    return f"{maps}\n\n{markdown([*head, 'of them named', 'CPU of a scene, s'], rows)}"


@dataclass
class Inspections:
    """What inspecting scenes of one ratio came to."""

    scenes: int = 0
    off: list[float] = field(default_factory=list)
    right: int = 0
    unphased: int = 0
    denied: int = 0
    echoes: int = 0
    echoes_near: int = 0
    flagged: int = 0
    false: int = 0
    false_named: int = 0
    seconds: float = 0.0

    def row(self) -> list[str]:
        """Give the table's cells."""
        off = np.array(self.off)
        many = len(off) or 1
        return [
            str(self.scenes),
            str(len(off)),
            f"{100 * float((off <= NEAR).sum()) / many:.0f} %",
            f"{100 * np.median(off):.2f} %" if len(off) else "-",
            f"{100 * np.quantile(off, 0.9):.2f} %" if len(off) else "-",
            f"{100 * self.right / many:.0f} %",
            f"{100 * (self.right + self.unphased) / many:.0f} %",
            *map(str, (self.denied, self.echoes, self.echoes_near, self.flagged, self.false)),
            str(self.false_named),
            f"{self.seconds / max(self.scenes, 1):.1f}",
        ]


def add_inspection(score: Inspections, made: DroneInspection, work: Path) -> None:
    """Inspect a scene and count what was right."""
    wanted = made.truth.settings
    work.mkdir(parents=True, exist_ok=True)
    path = work / "scene.wav"
    audio.write(path, Recording(np.asarray(made.samples, np.float32), made.rate_hz))
    started = time.process_time()
    found = pipeline.inspect(
        path,
        ARRAYS[wanted.array],
        looking=ImageSettings(plane_m=wanted.view.distance_m),
        seen=pipeline.CameraView(wanted.camera),
    )
    score.seconds += time.process_time() - started
    score.scenes += 1
    width = wanted.camera.size_px[0]
    view = found.told.view
    marks = [
        pixels_of(wanted.camera, view, each.place.surest.direction[None])[0]
        for each in found.places
    ]
    places = [place for place in made.truth.places if place.pixel is not None]
    apart = np.array(
        [[np.linalg.norm(mark - np.array(place.pixel)) / width for mark in marks]
         for place in places]
    ).reshape(len(places), len(marks))  # fmt: skip
    for place, gaps in zip(places, apart, strict=True):
        nearest = int(gaps.argmin()) if len(gaps) else -1
        near = nearest >= 0 and bool(gaps[nearest] <= NEAR)
        each = found.places[nearest] if near else None
        if place.is_reflection:
            score.echoes += 1
            score.echoes_near += near
            score.flagged += bool(each and each.repeat and each.repeat.how == "reflection")
            continue
        score.off.append(float(gaps[nearest]) if nearest >= 0 else 1.0)
        if each is not None:
            score.right += each.answer.kinds == (place.kind,)
            score.unphased += place.kind == "particle" and each.answer.status == "unphased"
            score.denied += each.repeat is not None
    for number, each in enumerate(found.places):
        if not len(places) or apart[:, number].min() > NEAR:
            score.false += 1
            score.false_named += bool(each.answer.kinds) and each.repeat is None


def _row(score: Score) -> list[str]:
    off, echoes = np.array(score.off), np.array(score.echoes_off)
    return [
        str(score.scenes),
        f"{100 * score.loudest / score.scenes:.0f} %",
        str(len(off)),
        f"{100 * (off <= NEAR).mean():.0f} %",
        f"{100 * np.median(off):.2f} %",
        f"{100 * np.quantile(off, 0.9):.2f} %",
        str(len(echoes)),
        f"{100 * (echoes <= NEAR).mean():.0f} %" if len(echoes) else "-",
        f"{score.seconds / score.scenes:.2f}",
    ]


def _add(score: Score, made: DroneInspection, method: Method) -> None:
    places = [place for place in made.truth.places if place.pixel is not None]
    started = time.process_time()
    spots = hills(made, method, len(places))
    score.seconds += time.process_time() - started
    width = made.truth.settings.camera.size_px[0]
    for place in places:
        off = float(np.linalg.norm(spots - np.array(place.pixel), axis=1).min()) / width
        (score.echoes_off if place.is_reflection else score.off).append(off)
    pixels = np.array([place.pixel for place in places])
    score.loudest += bool(np.linalg.norm(pixels - spots[0], axis=1).min() <= NEAR * width)
    score.scenes += 1


def hills(made: DroneInspection, method: Method, count: int) -> Float[ndarray, "hill 2"]:
    """Give the pixels of the highest hills of a map, the highest first."""
    wanted = made.truth.settings
    pixels = grid_pixels(wanted.camera)
    points = _on_front(wanted.camera, pixels, wanted.view.distance_m)
    samples = made.samples.astype(np.float64)
    rate_hz = float(made.rate_hz)
    spectra = cross_spectra(samples, rate_hz, wanted.band_hz, BlockSettings(256))
    scan = Scan(Capsules(ARRAYS[wanted.array]), points, near=True)
    if method == "conventional":
        values = conventional(spectra, scan, diagonal_removed=True).sum(axis=0)
    else:
        values = clean_sc(spectra, scan).sum(axis=0)
    map_ = values.reshape(_GRID[::-1])
    if method == "clean-sc":
        map_ = gaussian_filter(np.maximum(map_, 0), _WIDE)
    top = (map_ == maximum_filter(map_, 2 * _APART + 1)).ravel()
    order = np.argsort(-np.where(top, map_.ravel(), -np.inf))[:count]
    return np.asarray(pixels[order])


def grid_pixels(camera: Camera) -> Float[ndarray, "point 2"]:
    """Give points all over the photograph."""
    width, height = camera.size_px
    across, down = np.meshgrid(
        np.linspace(0, width - 1, _GRID[0]), np.linspace(0, height - 1, _GRID[1])
    )
    return np.stack([across.ravel(), down.ravel()], axis=1)


def _on_front(
    camera: Camera, pixels: Float[ndarray, "point 2"], distance_m: float
) -> Float[ndarray, "point 3"]:
    """Give where the camera's rays meet the plane so far ahead."""
    rays, start = camera.rays(pixels), camera.pose.position
    return np.asarray(start + ((distance_m - start[0]) / rays[:, :1]) * rays)
