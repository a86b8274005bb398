"""A network learns that a label can sound twice at once, is exported, and finds both in a file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.signal import butter, sosfilt

from sonoscope.core.audio import Recording, write
from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frames import FrameGrid
from sonoscope.core.recipe import from_table
from sonoscope.pipeline import analyze
from sonoscope.simulation.stream import Batch
from sonoscope.targets.sources import lay_out
from sonoscope.training import export
from sonoscope.training.assembly import Build
from sonoscope.training.loop import Machine, Parts, fit
from sonoscope.training.recipe import TrainRecipe

RATE_HZ = 24_000
GRID = FrameGrid(RATE_HZ, RATE_HZ // 10)
PLACES_DEG = (100.0, -40.0)
BANDS_HZ = ((400.0, 1_500.0), (3_000.0, 8_000.0))

RECIPE = {
    "name": "pair",
    "labels": ["hiss"],
    "label_step_s": 0.1,
    "scene": {"rate_hz": RATE_HZ},
    "steps": 60,
    "batch_size": 8,
    "window_s": 2.0,
    "learning_rate": 1e-2,
    "weight_decay": 0.0,
    "ema_decay": 0.8,
    "channels_last": False,
    "validation": {"every": 60, "scenes": 8},
    "loss": {"direction_weight": 10.0},
    "network": {
        "kind": "dcase_crnn",
        "features": {"preset": "dcase2021", "channel_format": "foa"},
        "body": {
            "year": 2023,
            "filters": 8,
            "bin_pools": [8, 8],
            "recurrent_units": 16,
            "heads": 2,
            "head_units": 16,
            "dropout": 0.0,
        },
    },
}


def scene(
    spans: list[tuple[float, float]], duration_s: float, rng: np.random.Generator
) -> tuple[Float[ndarray, "4 sample"], list[Event]]:
    """Let a low hiss sound from one side and a high one from another, both of one label."""
    n_samples = round(duration_s * RATE_HZ)
    sound, events = 1e-3 * rng.standard_normal((4, n_samples)), []
    for (onset_s, offset_s), place, band in zip(spans, PLACES_DEG, BANDS_HZ, strict=True):
        if offset_s <= onset_s:
            continue
        azimuth = np.deg2rad(place)
        first, last = round(onset_s * RATE_HZ), round(offset_s * RATE_HZ)
        filtered = butter(4, band, "bandpass", fs=RATE_HZ, output="sos")
        hiss = sosfilt(filtered, rng.standard_normal(last - first))
        gains = np.array([1.0, np.sin(azimuth), 0.0, np.cos(azimuth)])
        sound[:, first:last] += 0.2 * gains[:, None] * hiss / hiss.std()
        events.append(Event("hiss", onset_s, offset_s, (Waypoint(onset_s, azimuth, 0.0, 2.0),)))
    return sound.astype(np.float32), events


class Pairs:
    """Scenes in which each of the two comes and goes by itself."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def batch(self, step: int, size: int, window_s: float) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        n_frames = round(10 * window_s)
        parts = []
        for _ in range(size):
            spans = [tuple(np.sort(rng.integers(0, n_frames, 2)) / 10) for _ in PLACES_DEG]
            sound, events = scene(spans, window_s, rng)
            truth = lay_out(events, ("hiss",), GRID, n_frames, 3)
            parts.append((sound, *(part.astype(np.float32) for part in truth)))
        return Batch(*(torch.from_numpy(np.stack(part)) for part in zip(*parts, strict=True)))


@pytest.mark.slow
def test_two_of_one_label_at_once_are_two_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "WINDOW_S", 4.0)  # half the time, and two seams in the recording
    recipe = from_table(RECIPE, TrainRecipe, where="pair")
    stages = Parts(Build(recipe), Pairs(1), Pairs(2), data_hash="pair")
    last = fit(recipe, tmp_path / "run", stages, machine=Machine("cpu", workers=0, threads=1))
    card = export.export(last, tmp_path / "pair.onnx")
    assert (card.target, card.tracks, card.hop) == ("multi-accdoa", 3, RATE_HZ // 10)

    sound, events = scene([(1.0, 5.5), (3.0, 8.0)], 9.0, np.random.default_rng(7))
    path = tmp_path / "both.wav"
    write(path, Recording(sound, RATE_HZ))
    analysis = analyze(
        path, tmp_path / "out", model=str(tmp_path / "pair.onnx"), channel_format="foa"
    )
    found = [event for event in analysis.events if event.duration_s > 1]
    assert [event.label for event in found] == ["hiss", "hiss"]
    for one, other, place in zip(found, events, PLACES_DEG, strict=True):
        assert one.onset_s == pytest.approx(other.onset_s, abs=0.3)
        assert one.offset_s == pytest.approx(other.offset_s, abs=0.3)
        towards = unit_vector(one.azimuth or 0.0, one.elevation or 0.0)
        off = angle_between(towards, unit_vector(np.deg2rad(place), 0.0))
        assert np.rad2deg(off) < 20
