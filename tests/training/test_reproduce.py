"""A table is trained once, whatever stops it; what failed is said and does not stop the rest."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.errors import InputError, SettingError
from sonoscope.core.event import Event
from sonoscope.metrics.dcase2019 import Counts, count
from sonoscope.metrics.scored_run import read_run
from sonoscope.pipeline import reproduce
from sonoscope.training import checkpoint
from sonoscope.training.material import gather
from sonoscope.training.pictured import n_overlaps, pictured
from sonoscope.training.reproduce import (
    Asked,
    Plan,
    Training,
    Workplace,
    carry_out,
    check_data,
    planned,
    read_heard,
    results,
    shown,
)
from sonoscope.training.seld_tables import PAPER_SCALE
from sonoscope.training.table_work import standing
from sonoscope.training.tables import Table
from tests.training import tiny_set

pytestmark = pytest.mark.slow
ONE_EACH = Asked(("foa",), (1,), 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a data folder with the tiny set."""
    folder = tmp_path_factory.mktemp("data")
    tiny_set.write_set(folder)
    return folder


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Give the tiny table, one training a row, carried out without disturbance."""
    plan = tiny_set.plan(tmp_path_factory.mktemp("done"), ONE_EACH)
    reproduce(plan, Workplace(data, tiny_set.ONE))
    return plan


def test_each_training_is_done_once_and_rows_share_it(done: Plan) -> None:
    assert len(done.rows) == 3
    assert len(done.trainings) == 2
    assert all(each.is_done and not each.why_not for each in done.trainings)
    _, crnn, again = (results(row) for row in done.rows)
    assert crnn[0].counts == again[0].counts


def test_a_result_says_what_was_trained_and_tested(done: Plan, data: Path) -> None:
    for training in done.trainings:
        run = read_run(training.folder / "result.json")
        assert (run.channel_format, run.fold, run.seed) == ("foa", 1, 0)
        assert run.recordings == 4
        assert run.epochs == pytest.approx(6 * 2 * 0.64 / (4 * tiny_set.DURATION_S))
        best = checkpoint.read(training.folder / checkpoint.BEST)[0]
        assert (run.step, run.steps) == (best.step, 6)
        assert run.trained_s > 0
        assert {len(counts) for counts in run.counts.values()} == {2}
    sizes = {read_run(each.folder / "result.json").parameters for each in done.trainings}
    assert len(sizes) == 2


def test_what_was_heard_gives_the_scores_again(done: Plan, data: Path) -> None:
    training = done.trainings[0]
    run = read_run(training.folder / "result.json")
    (apart,) = gather(training.recipes[-1], data).recorded
    for scene in apart.test:
        heard = read_heard(training.folder / "heard.npz", scene.name)
        assert heard is not None
        again = count(scene.events(heard.labels), heard, "strict", duration_s=tiny_set.DURATION_S)
        kept = run.counts["strict"][scene.name]
        assert replace(again, angle_sum=0.0) == replace(kept, angle_sum=0.0)
        # kept to a hundredth of a degree
        assert again.angle_sum == pytest.approx(kept.angle_sum, abs=2e-4 * (1 + kept.n_pairs))
    assert read_heard(training.folder / "heard.npz", "split4_ir0_ov1_1") is None
    spoilt = training.folder / "spoilt.npz"
    spoilt.write_bytes((training.folder / "heard.npz").read_bytes()[:100])
    with pytest.raises(InputError, match="not a table of what was heard"):
        read_heard(spoilt, "split1_ir0_ov1_1")


def test_what_is_done_is_never_done_again(done: Plan, data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.out.rglob("*") if path.is_file()}
    assert list(carry_out(done, Workplace(data, tiny_set.ONE), jobs=2)) == []
    after = {path: path.stat().st_mtime_ns for path in done.out.rglob("*") if path.is_file()}
    assert after == before


def test_the_table_shows_what_is_there(done: Plan) -> None:
    text = (done.out / "tiny-table-foa.md").read_text()
    assert "Still missing" not in text
    assert "| CRNN by another name |" in text
    assert "![CRNN, foa, test fold 1, seed 0: split1_ir0_ov1_1](tiny-table-foa-figure.svg)" in text
    assert (done.out / "tiny-table-foa-figure.svg").read_text().startswith("<svg")


def test_every_call_shows_what_others_came_to(done: Plan, data: Path) -> None:
    """Fewer rows, seeds or folds are asked for, or others: nothing that is there goes away."""
    fewer = tiny_set.plan(done.out, replace(ONE_EACH, rows=("CNN",)))
    assert len(fewer.trainings) == 1
    assert [len(results(row)) for row in shown(fewer, "foa")] == [1, 1, 1]
    begun = tiny_set.plan(done.out, Asked(("foa",), (2,), 2)).trainings[-1]
    begun.folder.mkdir()
    other = tiny_set.plan(done.out, Asked(("foa",), (3,), 1, ("CNN",)))
    places = [[(each.fold, each.seed) for each in row.trainings] for row in shown(other, "foa")]
    begun.folder.rmdir()
    assert places == [[(1, 0), (3, 0)], [(1, 0), (2, 1)], [(1, 0), (2, 1)]]
    assert [row.trainings for row in shown(fewer, "mic")] == [(), (), ()]
    names = {done.named("foa"), done.named("mic"), replace(done, scale=PAPER_SCALE).named("foa")}
    assert names == {"tiny-table-foa", "tiny-table-mic", "tiny-table-foa-paper"}


def test_results_of_other_recordings_are_not_shown_beside(
    done: Plan, data: Path, tmp_path: Path
) -> None:
    """One recording is longer: another set, in which a table must not be gone on with."""
    shutil.copytree(data, tmp_path / "data")
    longer = np.zeros((4, 3 * tiny_set.RATE_HZ), np.float32)
    path = tmp_path / "data" / "tau2019" / "foa_dev" / "split3_ir0_ov1_1.wav"
    audio.write(path, Recording(longer, tiny_set.RATE_HZ), "pcm16")
    check_data(done, data)
    with pytest.raises(SettingError, match="was trained on others: name another --out"):
        check_data(done, tmp_path / "data")


def test_a_picture_shows_the_recording_that_is_most_like_what_is_wanted(
    done: Plan, data: Path
) -> None:
    found = pictured(done.rows, tiny_set.SHOWN, data)
    assert found is not None
    assert found.caption.endswith(": split1_ir0_ov1_1")
    assert found.duration_s == tiny_set.DURATION_S
    assert {found.reference.labels[i] for i in np.unique(found.reference.label)} == {
        "knock",
        "speech",
        "cough",
    }
    assert pictured(done.rows, replace(tiny_set.SHOWN, row="none"), data) is None


def event(label: str, onset_s: float, offset_s: float) -> Event:
    return Event(label, onset_s, offset_s)


def test_overlaps_are_stretches_in_which_several_sound() -> None:
    chain = [event("a", 0.0, 2.0), event("b", 1.0, 3.0), event("c", 2.5, 4.0)]
    assert n_overlaps(chain) == 2
    assert n_overlaps([*chain, event("d", 1.2, 1.5)]) == 2
    assert n_overlaps([event("a", 0.0, 1.0), event("b", 1.0, 2.0)]) == 0
    assert n_overlaps([]) == 0


def test_a_failure_is_told_and_the_others_go_on(data: Path, tmp_path: Path) -> None:
    wild = replace(tiny_set.CNN, name="wild", changes={"learning_rate": 1e30})
    table = Table("mixed", "One fails", (wild, tiny_set.CRNN), "CRNN")
    plan = planned(table, tiny_set.SCALE, ONE_EACH, tmp_path)
    ended: list[Training] = []
    reproduce(plan, Workplace(data, tiny_set.ONE), on_end=ended.append)
    failed, fine = ended
    assert "loss must be a number" in failed.why_not
    assert not failed.is_done
    assert fine.is_done
    text = (tmp_path / "mixed-foa.md").read_text()
    assert "wild: fold 1 seed 0 (failed: the loss must be a number" in text
    assert "| wild | – |" in text


def test_it_tells_how_far_it_is(done: Plan, tmp_path: Path) -> None:
    training = done.trainings[0]
    now = standing(training)
    assert now is not None
    assert 0 <= now.share <= 1
    assert now.phase in ("training", "testing")
    assert standing(replace(training, folder=tmp_path)) is None
    (tmp_path / "now.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        standing(replace(training, folder=tmp_path))


def numbers(folder: Path) -> dict[str, dict[str, dict[str, Counts]]]:
    """Give all counts of all results."""
    found = {}
    for path in sorted(folder.glob("runs/*/result.json")):
        plain = json.loads(path.read_text())
        found[path.parent.name] = plain["counts"]
    return found


def test_killed_at_any_moment_it_ends_with_the_same_numbers(
    done: Plan, data: Path, tmp_path: Path
) -> None:
    """Killed -9 with two at work and one done, gone on with one by one; children die with it."""
    command = [sys.executable, "-m", "tests.training.tiny_set", str(data), str(tmp_path), "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True, env=ENVIRONMENT
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()  # the parent alone: its children must notice
        process.communicate()
        finished = {p: p.read_bytes() for p in tmp_path.glob("runs/*/result.json")}
        assert 1 <= len(finished) < 4
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    reproduce(tiny_set.plan(tmp_path, tiny_set.QUICK), Workplace(data, tiny_set.ONE))
    assert all(path.read_bytes() == content for path, content in finished.items())
    after = numbers(tmp_path)
    assert len(after) == 4
    for name, counts in numbers(done.out).items():
        assert after[name] == counts
    assert "Still missing" not in (tmp_path / "tiny-table-foa.md").read_text()


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
