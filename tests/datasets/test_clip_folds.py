"""Splits: who learns, who validates, who tests; originals on two sides are named."""

from collections import Counter
from pathlib import Path

import pytest

from sonoscope.core.errors import SettingError
from sonoscope.datasets import esc50
from sonoscope.datasets.clip_folds import ClipSplit, SplitKind, leaks, split_clips
from sonoscope.simulation.sources import Clip


def made(n_groups: int = 40, cuts: int = 3) -> list[Clip]:
    """Four labels, five folds, some cuts of every original."""
    return [
        Clip(f"label{group % 4}", Path(f"{group}-{cut}.wav"), f"g{group}", fold, "CC0", "")
        for group in range(n_groups)
        for cut in range(cuts)
        for fold in [str(group // 4 % 5 + 1)]
    ]


def test_a_fold_is_tested_on_and_a_share_of_every_other_label_validates() -> None:
    clips = made()
    found = split_clips(clips, ClipSplit(test_folds=(2,), validation_share=0.1))
    assert {clip.fold for clip in found.test} == {"2"}
    assert len(found.train) + len(found.validation) + len(found.test) == len(clips)
    assert Counter(clip.label for clip in found.validation) == {f"label{i}": 3 for i in range(4)}
    assert not leaks(found)
    none_held = split_clips(clips, ClipSplit(test_folds=(2,), validation_share=0))
    assert not none_held.validation


def test_an_original_in_two_folds_is_heard_in_the_test_alone() -> None:
    stray = Clip("label3", Path("stray.wav"), "g4", "1", "CC0", "")
    clips = [*made(), stray]
    assert {clip.fold for clip in clips if clip.group == "g4"} == {"2", "1"}
    found = split_clips(clips, ClipSplit(test_folds=(2,)))
    assert stray not in found.train
    assert stray not in found.validation
    assert not leaks(found)


@pytest.mark.parametrize("seed", [0, 1])
def test_grouped_tenths_keep_originals_whole_and_labels_even(seed: int) -> None:
    found = split_clips(made(), ClipSplit("grouped", seed=seed))
    assert not leaks(found)
    assert len(found.test) == len(found.validation) == 12
    assert set(Counter(clip.label for clip in found.test).values()) == {3}


def test_a_random_split_leaks_and_says_which_clips() -> None:
    found = split_clips(made(), ClipSplit("random"))
    assert len(found.train) == 96
    leaked = leaks(found)
    assert len(leaked) > 10
    for leak in leaked:
        assert len(leak.clips) > 1
        assert all(clip.group == leak.group for clips in leak.clips.values() for clip in clips)
        for clips in leak.clips.values():
            assert all(clip.path.name in str(leak) for clip in clips)


@pytest.mark.parametrize("kind", ["folds", "grouped", "random"])
def test_the_order_of_clips_changes_nothing_and_the_seed_does(kind: SplitKind) -> None:
    clips = made()
    one, other = (split_clips(each, ClipSplit(kind)) for each in (clips, clips[::-1]))
    assert set(one.validation) == set(other.validation)
    assert set(one.test) == set(other.test)
    seeded = split_clips(clips, ClipSplit(kind, seed=7))
    assert set(seeded.validation) != set(one.validation)


def test_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(SettingError, match="but 9 was given"):
        split_clips(made(), ClipSplit(test_folds=(9,)))
    with pytest.raises(SettingError, match="to learn from"):
        split_clips(made(), ClipSplit(test_folds=(1, 2, 3, 4, 5)))


@pytest.mark.shared
def test_esc50s_own_folds_leak_four_originals_which_the_split_keeps_apart(shared: Path) -> None:
    clips = esc50.clips(shared / "esc50", folds=range(1, 6))
    found = split_clips(clips, ClipSplit(test_folds=(1,), validation_share=0.1))
    assert len(found.test) == 400
    assert 1590 < len(found.train) + len(found.validation) <= 1600
    assert not leaks(found)
    assert len({clip.label for clip in found.validation}) == 50
    assert len(leaks(split_clips(clips, ClipSplit("random")))) > 100
