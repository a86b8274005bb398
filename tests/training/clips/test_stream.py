"""Clips in memory and the examples cut from them."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from sonoscope.core.audio import Recording, write
from sonoscope.core.errors import SettingError
from sonoscope.simulation.sources import Clip
from sonoscope.training.clips.held import HeldClips, hold
from sonoscope.training.clips.listening import HeldSet, StreamSet
from sonoscope.training.clips.mixing import MixingSettings
from sonoscope.training.clips.stream import ClipStream, FileStream
from sonoscope.training.clips.waveform import WaveformSettings

RATE_HZ = 8_000
LABELS = ("a", "b", "c")
PLAIN = WaveformSettings()


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> HeldClips:
    """Give twelve stereo clips of 0.1 to 1.2 s at three levels, their last half second silent."""
    folder, clips = tmp_path_factory.mktemp("clips"), []
    rng = np.random.default_rng(0)
    for i in range(12):
        samples = rng.uniform(-1, 1, (2, 800 * (i + 1))) * (0.5, 0.1, 0.02)[i % 3]
        samples[:, max(800, samples.shape[1] - 4_000) :] = 0
        path = folder / f"{i}.wav"
        write(path, Recording(samples.astype(np.float32), RATE_HZ))
        clips.append(Clip(LABELS[i % 3], path, f"g{i}", "1", "CC0", ""))
    return hold(clips, LABELS, RATE_HZ)


def stream(held: HeldClips, how: WaveformSettings = PLAIN, **mix: float) -> FileStream:
    return FileStream(held, RATE_HZ, 4_000, how, MixingSettings(**mix), seed=3)


def test_clips_are_held_as_they_were_read(held: HeldClips) -> None:
    assert held.length.tolist() == [800 * (i + 1) for i in range(12)]
    assert held.label.tolist() == [0, 1, 2] * 4
    whole = held.cut(np.array([2]), np.array([0]), 2_400)[0]
    assert 0.005 < float(whole[:800].std()) < 0.012  # two channels' mean is fainter
    padded = held.cut(np.array([0, 0]), np.array([-100, 700]), 1_000)
    assert torch.equal(padded[0, 100:900], held.cut(np.array([0]), np.array([0]), 800)[0])
    assert padded[0, :100].abs().max() == 0
    assert padded[1, 100:].abs().max() == 0
    assert padded[1, :100].abs().max() > 0


def test_cuts_without_sound_are_known(held: HeldClips) -> None:
    first = np.array([[0, 8_800 - 4_000]])  # clip 10 has 4800 samples of sound and 4000 of silence
    assert held.is_heard(np.array([10]), first, 800).tolist() == [[True, False]]
    assert held.loudest(np.array([10]), np.array([4_900]), 800)[0] == 0
    loud, faint = (held.loudest(np.array([i]), np.array([0]), 800)[0] for i in (9, 10))
    assert 10 * np.log10(loud / faint) == pytest.approx(14, abs=1)


def test_a_label_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    write(path, Recording(np.zeros((1, 800), np.float32), RATE_HZ))
    with pytest.raises(SettingError, match="but z of"):
        hold([Clip("z", path, "g", "1", "CC0", "")], LABELS, RATE_HZ)


def test_every_clip_is_heard_once_an_epoch_in_another_order(held: HeldClips) -> None:
    source = stream(held)
    heard = np.concatenate([source.chosen(step, 8) for step in range(6)])  # four epochs
    epochs = heard.reshape(4, 12)
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 4


def test_a_batch_is_a_function_of_seed_and_step(held: HeldClips) -> None:
    how = WaveformSettings(
        gain_db=6, polarity=True, turn=True, speed=1.2, colour_db=6, noise_db=20, nothing_share=0.2
    )
    shares = {"between_class": 0.3, "energy": 0.2, "time": 0.2, "frequency": 0.3}
    one, again = (stream(held, how, **shares).batch(5, 16) for _ in range(2))
    assert torch.equal(one.clips[0], again.clips[0])
    assert torch.equal(one.target, again.target)
    assert not torch.equal(one.clips[0], stream(held, how, **shares).batch(6, 16).clips[0])
    assert isinstance(stream(held), ClipStream)


def test_examples_hold_sound_of_the_clip_they_are_named_for(held: HeldClips) -> None:
    source = stream(held)
    batch = source.batch(0, 12)
    chosen = source.chosen(0, 12)
    assert batch.target.argmax(dim=1).tolist() == held.label[chosen].tolist()
    for clip, sound in zip(chosen.tolist(), batch.clips[0], strict=True):
        assert sound.abs().max() > 0.5 * (0.5, 0.1, 0.02)[clip % 3]


def test_targets_of_mixtures_are_shares_and_of_nothing_none(held: HeldClips) -> None:
    batch = stream(held, between_class=1).batch(0, 64)
    torch.testing.assert_close(batch.target.sum(dim=1), torch.ones(64))
    assert ((batch.target > 0).sum(dim=1) == 2).float().mean() > 0.9
    empty = stream(held, WaveformSettings(nothing_share=1)).batch(0, 8)
    assert empty.target.abs().max() == 0
    assert stream(held, frequency=0.5).batch(0, 8).bands is not None
    assert stream(held, time=0.5).batch(0, 8).bands is None


def test_long_clips_are_heard_in_windows_and_short_ones_are_filled_up(held: HeldClips) -> None:
    whole = HeldSet(held, 4_000, crops=3)
    assert [len(whole.windows(i)) for i in (0, 4, 5, 11)] == [1, 1, 3, 3]
    assert whole.windows(11)[-1][0].shape == (4_000,)
    one, turned = HeldSet(held, 4_000, turns=2).windows(4)
    assert torch.equal(turned[0], one[0].roll(2_000))
    assert torch.equal(whole.windows(4)[0][0], held.cut(np.array([4]), np.array([0]), 4_000)[0])


def test_a_stream_can_be_what_is_validated_with(held: HeldClips) -> None:
    kept = StreamSet(stream(held), 3, 4)
    assert Counter(kept.label.tolist()) == {0: 4, 1: 4, 2: 4}
    assert len(set(kept.groups)) == 12
    assert kept.windows(0)[0][0].shape == (4_000,)
