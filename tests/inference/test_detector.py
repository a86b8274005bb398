"""A detector over any length: right labels and directions, ends, mono, refusals."""

from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float32
from numpy import ndarray

from sonoscope.core.errors import CheckpointError, InputError
from sonoscope.inference.detector import Detector, Memory
from sonoscope.targets.classwise import decode

TOYS = Path(__file__).parent / "toys"
RATE = 8_000
FOA = Detector.load(TOYS / "foa.onnx", threads=1)


def scene(seconds: float, seed: int = 0) -> Float32[ndarray, "4 sample"]:
    """Three tones that come and go, each from its own direction, in a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    sound = 1e-4 * rng.normal(size=(4, len(time)))
    for tone, azimuth, elevation, period in [(500, 0.5, 0.1, 1.7), (1000, -2, 0.6, 2.3)]:
        wave = 0.1 * np.sin(2 * np.pi * tone * time) * (time % period < 0.4 * period)
        x, y = np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation)
        sound += np.array([1, y, np.sin(elevation), x])[:, None] * wave
    return sound.astype(np.float32)


def test_it_hears_what_when_and_from_where() -> None:
    heard = FOA.listen([scene(10.0)])
    card = FOA.card
    events = decode(heard.activity, heard.direction, card.labels, heard.grid, card.decoding)
    hums = [event for event in events if event.label == "hum"]
    beeps = [event for event in events if event.label == "beep"]
    assert len(hums) + len(beeps) == len(events)
    assert np.allclose([e.onset_s for e in hums], np.arange(6) * 1.7, atol=0.08)
    assert np.allclose([e.onset_s for e in beeps], np.arange(5) * 2.3, atol=0.08)
    assert np.allclose([e.offset_s for e in hums], np.arange(6) * 1.7 + 0.68, atol=0.08)
    assert all(e.azimuth == pytest.approx(0.5, abs=0.01) for e in hums)
    assert all(e.elevation == pytest.approx(0.6, abs=0.01) for e in beeps)


@pytest.mark.parametrize("seconds", [2.0, 2.02, 3.49, 3.5, 7.0, 8.0, 5.0301])
def test_windows_leave_no_seam(seconds: float) -> None:
    """A network that looks no further than the margin cannot tell windows from the whole."""
    whole = Detector.load(TOYS / "foa_long.onnx", threads=1)
    sound = scene(seconds)
    parts, once = FOA.listen([sound]), whole.listen([sound])
    assert parts.activity.shape == once.activity.shape
    assert parts.n_frames == -(-sound.shape[1] // 160)
    assert np.abs(parts.activity - once.activity).max() < 1e-4
    loud = once.activity > 0.01
    assert parts.direction is not None
    assert once.direction is not None
    assert np.abs(parts.direction - once.direction)[loud].max() < 1e-4


def test_the_last_window_ends_with_the_sound() -> None:
    """The model answers its window's mean level times a ramp, so windows show in the answer."""
    detector = Detector.load(TOYS / "whole.onnx", threads=1)
    heard = detector.listen([np.ones((4, 225 * 160), np.float32)])
    ramp = np.linspace(0.1, 1.0, 100)
    assert np.allclose(heard.activity[:81, 0], ramp[:81], atol=1e-6)  # 0.. stride + margin
    assert np.allclose(heard.activity[94:156, 0], ramp[19:81], atol=1e-6)  # begins at frame 75
    assert np.allclose(heard.activity[169:, 0], ramp[44:], atol=1e-6)  # ends at frame 225
    assert (np.abs(np.diff(heard.activity[:, 0])) < 0.1).all()


def test_short_and_empty_sounds() -> None:
    for n_samples in (0, 1, 159, 160, 161, 15_999):
        heard = FOA.listen([scene(2.0)[:, :n_samples]])
        assert heard.n_frames == -(-n_samples // 160)
        assert np.isfinite(heard.activity).all()
    assert FOA.listen([]).activity.shape == (0, 3)


@pytest.mark.parametrize("n_channels", [1, 2])
def test_mono_and_stereo_are_heard_without_directions(n_channels: int) -> None:
    foa = scene(6.0)
    heard = FOA.listen([np.repeat(foa[:1], n_channels, axis=0)])
    assert heard.direction is None
    assert np.abs(heard.activity - FOA.listen([foa]).activity).max() < 1e-5


def test_channels_that_do_not_fit_are_refused() -> None:
    tetra = Detector.load(TOYS / "tetra.onnx", threads=1)
    with pytest.raises(InputError, match="1 or 2 or 4 channels throughout, but 3 were given"):
        FOA.listen([np.zeros((3, 100), np.float32)])
    with pytest.raises(InputError, match="must have 4 channels throughout, but 1 were given"):
        tetra.listen([np.zeros((1, 100), np.float32)])
    with pytest.raises(InputError, match="throughout"):
        FOA.listen([np.zeros((4, 100), np.float32), np.zeros((1, 100), np.float32)])


def test_a_network_that_answers_otherwise_than_its_card_says() -> None:
    liar = Detector.load(TOYS / "liar.onnx")  # declares no number of frames, and gives 99
    with pytest.raises(CheckpointError, match=r"must answer in \(1, 100, 3\) and .*\(1, 99, 3\)"):
        liar.listen([scene(1.0)])


def test_memory_is_a_value_and_bounded() -> None:
    sound = scene(30.0)
    memory = Memory()
    past = []
    for start in range(0, sound.shape[1], 4000):
        past.append(memory)
        before = sound.copy()
        _, memory = FOA.step(sound[:, start : start + 4000], memory)
        assert np.array_equal(before, sound)
        assert sum(block.shape[1] for block in memory.kept) <= 16_000 * (1 + FOA.batch)
    _, memory = FOA.step(sound, Memory())  # all at once: as little is kept
    assert sum(block.shape[1] for block in memory.kept) <= 16_000 * (1 + FOA.batch)
    again, _ = FOA.step(sound[:, 8000:12_000], past[2])  # an old memory still works
    other, _ = FOA.step(sound[:, 8000:12_000], past[2])
    assert np.array_equal(again.activity, other.activity)


def test_one_window_at_a_time_says_the_same_sooner() -> None:
    sound = scene(12.0)
    live = Detector(FOA.model, batch=1)
    assert np.abs(live.listen([sound]).activity - FOA.listen([sound]).activity).max() < 1e-5
    early, _ = live.step(sound[:, :16_000], Memory())
    late, _ = FOA.step(sound[:, :16_000], Memory())
    assert (early.n_frames, late.n_frames) == (81, 0)
