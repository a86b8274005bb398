"""Scenes: same number, same bytes; truth where the sound is."""

from typing import Any

import numpy as np
import pytest
import torch

from sonoscope.core.direction import angle_between
from sonoscope.core.errors import SettingError
from sonoscope.simulation.augment import AugmentationSettings
from sonoscope.simulation.scene_settings import MotionSettings, SceneSettings
from sonoscope.simulation.schedule import Supplies
from sonoscope.simulation.sources import ModelledBank
from sonoscope.simulation.stream import SceneStream

LABELS = ("door_wood_knock", "siren")
RATE = 16_000


def stream(seed: int = 3, **ranges: Any) -> SceneStream:
    settings = SceneSettings(**{"mono_share": 0.0, "empty_share": 0.0} | ranges)
    return SceneStream(settings, Supplies(ModelledBank(RATE), LABELS, ("footsteps",)), seed)


def test_a_scene_is_the_same_whoever_makes_it_and_in_whatever_order() -> None:
    one, other = stream(), stream()
    other.scene(7, "foa", 2.0)
    here, there = one.scene(4, "tetra", 2.0), other.scene(4, "tetra", 2.0)
    assert np.array_equal(here.recording.samples, there.recording.samples)
    assert here.events == there.events
    assert not np.array_equal(
        here.recording.samples, stream(seed=4).scene(4, "tetra", 2.0).recording.samples
    )


def test_both_formats_hear_the_same_events() -> None:
    scenes = stream()
    assert scenes.scene(1, "foa", 4.0).events == scenes.scene(1, "tetra", 4.0).events


def test_an_anechoic_event_comes_from_where_the_truth_says() -> None:
    scenes = stream(anechoic_share=1.0, snr_db=(40.0, 40.0), level_spread_db=0.0, max_overlap=(1,))
    seen = 0
    for number in range(6):
        scene = scenes.scene(number, "foa", 4.0)
        w, y, z, x = scene.recording.samples.astype(np.float64)
        for event in scene.events:
            part = slice(int(event.onset_s * RATE), int(event.offset_s * RATE))
            flow = np.array([(w[part] * axis[part]).sum() for axis in (x, y, z)])
            truth = event.direction_at(np.array(event.onset_s))
            assert np.rad2deg(angle_between(flow, truth)) < 1.0
            seen += 1
    assert seen >= 6


def test_snr_is_that_of_the_active_part() -> None:
    ranges: dict[str, Any] = {"snr_db": (20.0, 20.0), "level_spread_db": 0.0, "max_overlap": (1,)}
    scene = stream(anechoic_share=1.0, pause_s=(1.0, 1.0), gain_db=(0.0, 0.0), **ranges).scene(
        2, "foa", 8.0
    )
    omni = scene.recording.samples[0].astype(np.float64)
    noise = np.ones(len(omni), bool)
    for event in scene.events:
        first = max(int((event.onset_s - 0.02) * RATE), 0)
        noise[first : int((event.offset_s + 0.1) * RATE)] = False
    floor = (omni[noise] ** 2).mean()
    inner = [e for e in scene.events if e.onset_s > 0 and e.offset_s < 8.0]
    assert inner
    for event in inner:
        part = omni[int(event.onset_s * RATE) : int(event.offset_s * RATE)]
        assert 10 * np.log10((part**2).mean() / floor) == pytest.approx(20, abs=2.5)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_sound_at_once_than_asked(most: int) -> None:
    scenes = stream(max_overlap=(most,), pause_s=(0.05, 0.1))
    overlaps = set()
    for number in range(4):
        batch = scenes.batch(number, 2, 4.0)
        overlaps |= set(batch.active.sum(dim=(2, 3)).int().flatten().tolist())
    assert max(overlaps) <= most


def test_a_batch_is_divided_among_the_formats() -> None:
    batch = stream().batch(0, 4, 2.0)
    assert batch.sound.shape == (4, 4, 2 * RATE)
    assert batch.active.shape == (4, 100, 3, 1)
    known = batch.direction.norm(dim=-1)
    assert torch.allclose(known, batch.active, atol=1e-5)
    with pytest.raises(SettingError, match="multiple of 2"):
        stream().batch(0, 3, 2.0)


def test_batches_are_turned_as_asked_sound_and_truth_alike() -> None:
    settings = SceneSettings(mono_share=0.0, empty_share=0.0)
    supplies, every = Supplies(ModelledBank(RATE), LABELS), AugmentationSettings("axes", "any")
    plain = SceneStream(settings, supplies, 3).batch(0, 4, 2.0)
    turned = SceneStream(settings, supplies, 3, augmentation=every).batch(0, 4, 2.0)
    assert torch.equal(plain.active, turned.active)
    assert torch.equal(plain.sound[:2, 0], turned.sound[:2, 0])  # W of the two FOA scenes
    for before, after, one, other in zip(
        plain.sound[:2], turned.sound[:2], plain.direction[:2], turned.direction[:2], strict=True
    ):
        assert not torch.allclose(before, after, atol=1e-6)
        turn = torch.linalg.lstsq(before[[3, 1, 2]].T, after[[3, 1, 2]].T).solution
        assert (turn @ turn.T - torch.eye(3)).abs().max() < 1e-3
        assert (before[[3, 1, 2]].T @ turn - after[[3, 1, 2]].T).abs().max() < 1e-4
        assert (one @ turn - other).abs().max() < 1e-3


def test_mono_scenes_have_no_direction() -> None:
    batch = stream(mono_share=1.0).batch(0, 2, 2.0)
    assert torch.count_nonzero(batch.sound[:, 1:]) == 0
    assert torch.count_nonzero(batch.direction) == 0
    assert batch.active.sum() > 0


def test_labels_without_sounds_are_refused() -> None:
    with pytest.raises(SettingError, match="elephant"):
        SceneStream(SceneSettings(), Supplies(ModelledBank(RATE), ("elephant",)), 0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator")
def test_an_accelerator_renders_the_same_within_eighty_decibels() -> None:
    settings = SceneSettings(mono_share=0.0, empty_share=0.0, motion=MotionSettings(share=0.5))
    supplies = Supplies(ModelledBank(RATE), LABELS)
    here = SceneStream(settings, supplies, 3).batch(0, 8, 4.0)
    there = SceneStream(settings, supplies, 3, device="cuda").batch(0, 8, 4.0)
    assert there.sound.is_cuda
    for one, other in zip(here.sound, there.sound.cpu(), strict=True):
        assert (one - other).square().mean() < 1e-8 * one.square().mean()
