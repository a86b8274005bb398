"""Crops of recordings: a part of the recording, its truth, and nothing of the other side."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.recipe import from_table
from sonoscope.datasets import tau2019
from sonoscope.datasets.recordings import RecordedScene, in_folds
from sonoscope.simulation.augment import AugmentationSettings
from sonoscope.simulation.stream import Batch
from sonoscope.targets.sources import lay_out
from sonoscope.training.assembly import spread, train
from sonoscope.training.loop import Machine
from sonoscope.training.material import data_hash, gather
from sonoscope.training.recipe import TrainRecipe
from sonoscope.training.recorded import Reading, RecordedStream, RecordedSweep
from tests.training.recorded_set import RATE_HZ, write_set

READING = Reading(tau2019.LABELS, RATE_HZ)
RECIPE = {
    "name": "recorded",
    "labels": list(tau2019.LABELS),
    "steps": 1,
    "batch_size": 2,
    "window_s": 1.0,
    "recordings": {
        "kind": "tau2019",
        "folds": [3, 4],
        "validation_folds": [2],
        "test_folds": [1],
        "rate_hz": RATE_HZ,
    },
    "network": {
        "kind": "crnn",
        "features": {
            "rate_hz": RATE_HZ,
            "window": 320,
            "hop": 160,
            "n_fft": 512,
            "f_max_hz": 4000.0,
        },
    },
    "validation": {"every": 1, "scenes": 2},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module")
def scenes(data: Path) -> list[RecordedScene]:
    return in_folds(tau2019.recordings(data / "tau2019", "foa"), (3, 4))


def recipe_of(**changes: object) -> TrainRecipe:
    return from_table(RECIPE | changes, TrainRecipe, where="test")


def same(one: Batch, other: Batch) -> bool:
    parts = ("sound", "active", "direction", "distance_m")
    return all(torch.equal(getattr(one, part), getattr(other, part)) for part in parts)


# ── crops ────────────────────────────────────────────────────────────────────────────────────────


def test_every_crop_is_a_part_of_a_recording_with_that_part_of_its_truth(
    scenes: list[RecordedScene],
) -> None:
    batch = RecordedStream([scenes], READING, 7).batch(3, 8, 1.0)
    assert batch.sound.shape == (8, 4, RATE_HZ)
    assert batch.active.shape == (8, 50, 11, 1)
    wholes = [audio.read(scene.audio).samples for scene in scenes]
    truths = [
        lay_out(scene.events(tau2019.LABELS), tau2019.LABELS, READING.grid, 300) for scene in scenes
    ]
    for i in range(8):
        sound = batch.sound[i].numpy()
        ((which, first),) = [
            (which, first)
            for which, whole in enumerate(wholes)
            for first in range(251)
            if np.array_equal(whole[:, first * 160 : first * 160 + 4], sound[:, :4])
        ]
        assert np.array_equal(wholes[which][:, first * 160 : first * 160 + RATE_HZ], sound)
        for told, whole_truth in zip(
            (batch.active, batch.direction, batch.distance_m), truths[which], strict=True
        ):
            assert np.array_equal(told[i].numpy(), whole_truth[first : first + 50])
    assert batch.active.any()


def test_a_batch_depends_on_seed_and_step_alone(scenes: list[RecordedScene]) -> None:
    stream = RecordedStream([scenes], READING, 7)
    fifth = stream.batch(5, 4, 1.0)
    stream.batch(1, 4, 1.0)
    assert same(stream.batch(5, 4, 1.0), fifth)
    assert same(RecordedStream([scenes], READING, 7).batch(5, 4, 1.0), fifth)
    assert not same(RecordedStream([scenes], READING, 8).batch(5, 4, 1.0), fifth)
    assert not same(stream.batch(6, 4, 1.0), fifth)
    # however steps are divided among devices, crop k of the training is the same one
    halves = [stream.batch(step, 2, 1.0).sound for step in (10, 11)]
    assert torch.equal(torch.cat(halves), fifth.sound)


def test_every_beginning_is_as_likely_and_both_ends_are_reached(data: Path) -> None:
    one = in_folds(tau2019.recordings(data / "tau2019", "foa"), (3,))
    stream = RecordedStream([one], READING, 1)
    whole = [audio.read(scene.audio).samples for scene in one]
    begins = np.zeros(2 * 3)
    window_s = 5.96  # three beginnings in a recording
    for step in range(60):
        sound = stream.batch(step, 1, window_s).sound[0].numpy()
        for which in range(2):
            for first in range(3):
                part = whole[which][:, first * 160 : first * 160 + sound.shape[1]]
                begins[3 * which + first] += np.array_equal(part, sound)
    assert begins.sum() == 60
    assert begins.min() >= 3  # of ten on average: p < 0.01 of fewer


def test_turned_crops_turn_their_directions(scenes: list[RecordedScene]) -> None:
    asked = AugmentationSettings(swap="elevation")
    plain = RecordedStream([scenes], READING, 3).batch(0, 8, 2.0)
    turned = RecordedStream([scenes], READING, 3, augmentation=asked).batch(0, 8, 2.0)
    assert torch.equal(plain.active, turned.active)
    assert not torch.equal(plain.direction, turned.direction)
    for sound, active, direction in zip(turned.sound, turned.active, turned.direction, strict=True):
        frames, labels, _ = torch.nonzero(active, as_tuple=True)
        for frame, label in zip(frames.tolist()[3:-3:7], labels.tolist()[3:-3:7], strict=True):
            here = sound[:, frame * 160 : (frame + 1) * 160]
            intensity = (here[:1] * here[[3, 1, 2]]).mean(dim=1)
            heard = intensity / intensity.norm()
            assert heard @ direction[frame, label, 0] > 0.9


def test_formats_share_a_batch_evenly(data: Path) -> None:
    both = [tau2019.recordings(data / "tau2019", each) for each in ("foa", "tetra")]
    stream = RecordedStream(both, READING, 0)
    assert stream.formats == ("foa", "tetra")
    assert stream.batch(0, 4, 1.0).sound.shape[0] == 4
    with pytest.raises(SettingError, match="multiple of 2"):
        stream.batch(0, 3, 1.0)


def test_copies_of_a_label_stand_side_by_side(tmp_path: Path) -> None:
    write_set(tmp_path, splits=(1,))
    (one, _) = tau2019.recordings(tmp_path / "tau2019", "foa")
    assert one.table is not None
    rows = "knock,1.0,4.0,0,90,1\nknock,2.0,3.0,0,-90,2\n"
    one.table.write_text("sound_event_recording,start_time,end_time,ele,azi,dist\n" + rows)
    reading = replace(READING, n_copies=2)
    batch = RecordedSweep([[one]], reading).batch(0, 1, 6.0)
    at = batch.active[0, :, 0]
    assert at[:50].sum() == 0
    assert at[50:100].tolist() == [[1.0, 0.0]] * 50
    assert at[100:150].tolist() == [[1.0, 1.0]] * 50
    assert batch.distance_m[0, 120, 0].tolist() == [2.0, 1.0]
    assert batch.direction[0, 120, 0, :, 1].tolist() == [-1.0, 1.0]


def test_longer_frames(scenes: list[RecordedScene]) -> None:
    batch = RecordedStream([scenes], replace(READING, label_step_s=0.1), 0).batch(0, 2, 2.0)
    assert batch.active.shape == (2, 20, 11, 1)
    with pytest.raises(SettingError, match=r"whole number of label frames of 0\.1 s"):
        RecordedStream([scenes], replace(READING, label_step_s=0.1), 0).batch(0, 2, 0.25)


# ── sweeps ───────────────────────────────────────────────────────────────────────────────────────


def test_a_sweep_is_every_recording_from_end_to_end(scenes: list[RecordedScene]) -> None:
    sweep = RecordedSweep([scenes], READING)
    n_batches = sweep.n_batches(4, 2.5)
    batches = [sweep.batch(step, 4, 2.5) for step in range(n_batches)]
    assert [len(batch.sound) for batch in batches] == [4, 4, 4]  # 4 recordings, 3 windows each
    active = [part for batch in batches for part in batch.active.numpy()]
    assert sweep.windows(2.5)[2:4] == [(0, 250), (1, 0)]
    for which, scene in enumerate(scenes):
        told = np.concatenate(active[3 * which : 3 * which + 3])
        whole = lay_out(scene.events(tau2019.LABELS), tau2019.LABELS, READING.grid, 300)
        assert np.array_equal(told[:300], whole.active.astype(np.float32))
        assert not told[300:].any()
    last = batches[0].sound[2]  # second 5 to 7.5 of a recording of 6
    assert last[:, :RATE_HZ].abs().amax() > 0
    assert last[:, RATE_HZ:].abs().amax() == 0


def test_the_last_batch_of_a_sweep_is_what_is_left(scenes: list[RecordedScene]) -> None:
    sweep = RecordedSweep([scenes[:1]], READING)
    assert [len(sweep.batch(step, 4, 1.0).sound) for step in range(2)] == [4, 2]
    with pytest.raises(SettingError, match="step must be below 2"):
        sweep.batch(2, 4, 1.0)


def test_a_sweep_hears_the_same_recordings_in_every_format(data: Path) -> None:
    foa, tetra = (tau2019.recordings(data / "tau2019", each) for each in ("foa", "tetra"))
    assert RecordedSweep([foa, tetra], READING).n_batches(2, 6.0) == len(foa)
    for other, told in ((tetra[1:], "split1_ir1_ov1_1 is not in"), (tetra[::-1], "another order")):
        with pytest.raises(SettingError, match=f"same in every format, but .*{told}"):
            RecordedSweep([foa, other], READING)


def test_recordings_are_spread_over_all_there_are() -> None:
    names = list("abcdefghij")
    assert spread(names, 5) == ("a", "c", "e", "g", "i")
    assert spread(names, 20) == tuple(names)


# ── a training ───────────────────────────────────────────────────────────────────────────────────


def test_sides_stand_as_the_recipe_says(data: Path) -> None:
    (sides,) = gather(recipe_of(), data).recorded
    assert [{scene.fold for scene in side} for side in sides] == [{3, 4}, {2}, {1}]


@pytest.mark.slow
def test_a_training_hears_nothing_of_the_other_folds(tmp_path: Path) -> None:
    """Weights and feature statistics are the same to the bit, whatever is held out."""
    recipe, machine = recipe_of(), Machine("cpu", workers=0, threads=1)
    data = write_set(tmp_path / "data")
    runs = []
    for out in ("one", "other"):
        runs.append(train(recipe, tmp_path / out, gather(recipe, data), machine=machine))
        for path in (data / "tau2019" / "foa_dev").glob("split[12]_*.wav"):
            noise = np.random.default_rng(0).uniform(-1, 1, (4, 6 * RATE_HZ))
            audio.write(path, Recording(noise.astype(np.float32), RATE_HZ), "pcm16")
    one, other = (load_file(path) for path in runs)
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    # and it is the training that they depend on
    for path in (data / "tau2019" / "foa_dev").glob("split[34]_*.wav"):
        sound = audio.read(path)
        audio.write(path, Recording(0.5 * sound.samples, RATE_HZ), "pcm16")
    third = load_file(train(recipe, tmp_path / "third", gather(recipe, data), machine=machine))
    assert not all(torch.equal(value, third[name]) for name, value in one.items())


def test_what_is_read_tells_data_apart(data: Path, tmp_path: Path) -> None:
    recipe = recipe_of()
    here = data_hash(recipe, gather(recipe, data))
    assert data_hash(recipe, gather(recipe, write_set(tmp_path / "same"))) == here
    longer = gather(recipe, write_set(tmp_path / "longer", seconds=7.0))
    assert data_hash(recipe, longer) != here


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"extra_labels": ["rain"]}, "extra_labels must be left out"),
        ({"labels": ["knock"]}, "labels must be those of tau2019"),
        ({"recordings": RECIPE["recordings"] | {"folds": [2, 3]}}, "must all differ"),  # type: ignore[operator]
        ({"recordings": RECIPE["recordings"] | {"format": "tetra"}}, "that of the network, foa"),  # type: ignore[operator]
        ({"recordings": RECIPE["recordings"] | {"kind": "tau2018"}}, "kind"),  # type: ignore[operator]
    ],
)
def test_recipes_that_cannot_be_are_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        recipe_of(**changes)


def test_what_is_missing_is_said(data: Path, tmp_path: Path) -> None:
    recipe = recipe_of()
    with pytest.raises(SettingError, match="--data must be the folder in which tau2019/ lies"):
        gather(recipe, None)
    with pytest.raises(InputError, match=r"foa_dev .*must hold recordings"):
        gather(recipe, tmp_path)
    with pytest.raises(SettingError, match="folds must be among 3, 4, but 2 was given"):
        gather(recipe, write_set(tmp_path, splits=(3, 4)))
    scene = in_folds(tau2019.recordings(data / "tau2019", "foa"), (3,))[0]
    with pytest.raises(InputError, match="must have a table"):
        RecordedStream([[replace(scene, table=None)]], READING, 0)
    with pytest.raises(SettingError, match="at least one in each format"):
        RecordedStream([[scene], []], READING, 0)
    with pytest.raises(InputError, match=r"split3.*wav: stereo must have 2 channels, but 4"):
        RecordedStream([[replace(scene, channel_format="stereo")]], READING, 0)
    assert scene.table is not None
    with pytest.raises(InputError, match=r"split3.*csv: .*label must be one of bang"):
        RecordedStream([[scene]], replace(READING, labels=("bang",)), 0)
