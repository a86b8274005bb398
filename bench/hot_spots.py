"""Hot spots of simulated inspections by drone, as `sonoscope image` finds and marks them.

The scenes of `bench.drone_inspection` (64 capsules, 20 to 40 kHz, a camera with distortion), the
distance of the crane's front taken for known. A place is found if a mark lies within 2 % of the
photograph's width; levels are those of the truth (without its echo's part); a false spot is near
neither a place nor an echo.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from bench.tables import markdown
from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.imaging.image import HotSpot
from sonoscope.inference.hot_spots import ImageSettings, Looker, all_spots, for_camera, look
from sonoscope.report.overlay import pixels_of
from sonoscope.simulation.drone_families import drawn_drone_inspection
from sonoscope.simulation.drone_inspection import ARRAYS, DroneInspection, drone_inspection
from sonoscope.simulation.inspection import stream

RATIOS_DB = (20.0, 10.0, 0.0)
NEAR = 0.02
_SEED, _DRAW = 4_000, 99


@dataclass
class Score:
    """What came out at one ratio."""

    off: list[float] = field(default_factory=list)
    level_off_db: list[float] = field(default_factory=list)
    false: int = 0
    spots: int = 0
    seconds: float = 0.0


def table(
    work: Path,
    data: Path,
    *,
    scenes: int = 20,
    ratios_db: Sequence[float] = RATIOS_DB,
    duration_s: float = 2.0,
) -> str:
    """Give the table; scenes 0, 2, ... are of family a, the others of family b."""
    del data
    scores = {ratio: Score() for ratio in ratios_db}
    for number in range(scenes):
        seed = _SEED + number
        family: Literal["a", "b"] = "b" if number % 2 else "a"
        wanted = drawn_drone_inspection(family, stream(seed, _DRAW), duration_s=duration_s)
        for ratio in ratios_db:
            made = drone_inspection(replace(wanted, snr_db=ratio), seed)
            _add(scores[ratio], made, work)
    rows = [[f"{ratio:g}", *_row(score, scenes)] for ratio, score in scores.items()]
    head = ["SNR, dB", "places", "within 2 %", "off in pixels, median", "90 %", "level off, median"]
    return markdown([*head, "hot spots", "false", "CPU of a recording, s"], rows)


def spots_of(made: DroneInspection, work: Path) -> tuple[tuple[HotSpot, ...], Looker]:
    """Find the hot spots of a scene."""
    wanted = made.truth.settings
    path = work / "scene.wav"
    audio.write(path, Recording(np.asarray(made.samples, np.float32), made.rate_hz))
    file, array = audio.probe(path), ARRAYS[wanted.array]
    asked = ImageSettings(bands_hz=(wanted.band_hz,), plane_m=wanted.view.distance_m)
    looker = Looker.of(file, array, for_camera(asked, array, wanted.camera))
    (images,) = look(file, looker)
    return all_spots(images), looker


def _add(score: Score, made: DroneInspection, work: Path) -> None:
    camera = made.truth.settings.camera
    places = [place for place in made.truth.places if place.pixel is not None]
    pixels = np.array([place.pixel for place in places])
    started = time.process_time()
    spots, looker = spots_of(made, work)
    score.seconds += time.process_time() - started
    marks = (
        np.stack([pixels_of(camera, looker.view, spot.direction[None])[0] for spot in spots])
        if spots
        else np.full((1, 2), np.inf)
    )
    near = NEAR * camera.size_px[0]
    for place, pixel in zip(places, pixels, strict=True):
        apart = np.linalg.norm(marks - pixel, axis=1)
        if not place.is_reflection:
            score.off.append(float(apart.min()))
            if apart.min() <= near:
                level = 10 * np.log10(spots[int(apart.argmin())].power)
                score.level_off_db.append(float(level - place.level_db))
    far = [np.linalg.norm(pixels - mark, axis=1).min() > near for mark in marks if len(places)]
    score.false += int(np.sum(far)) if spots else 0
    score.spots += len(spots)


def _row(score: Score, scenes: int) -> list[str]:
    off = np.array(score.off)
    near = NEAR * 1280
    return [
        str(len(off)),
        f"{100 * (off <= near).mean():.0f} %",
        f"{np.median(off):.2f}",
        f"{np.quantile(off, 0.9):.2f}",
        f"{np.median(score.level_off_db):+.2f} dB" if score.level_off_db else "-",
        str(score.spots),
        str(score.false),
        f"{score.seconds / scenes:.1f}",
    ]
