"""Work in processes: all of it is done, faults come back, and nobody outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets.processes import each_done

CODE = """
import sys, time
from pathlib import Path
from sonoscope.datasets.processes import each_done
from {module} import {function}
for _ in each_done({function}, [Path(sys.argv[1]) / str(i) for i in range(4)], 2):
    pass
"""


def leave_mark(path: Path) -> None:
    path.write_text(str(os.getpid()))


def leave_mark_and_sleep(path: Path) -> None:
    leave_mark(path)
    time.sleep(120)


def refuse(_: Path) -> None:
    raise InputError("b.wav: must be a sound file")


def die(_: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.slow
def test_all_items_are_done_in_other_processes(tmp_path: Path) -> None:
    items = [tmp_path / str(i) for i in range(7)]
    assert sorted(each_done(leave_mark, items, 2)) == items
    assert str(os.getpid()) not in {path.read_text() for path in items}


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    assert list(each_done(leave_mark, [tmp_path / "a"], 1)) == [tmp_path / "a"]
    assert (tmp_path / "a").read_text() == str(os.getpid())


@pytest.mark.slow
def test_faults_come_back_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"b\.wav: must be a sound file"):
        list(each_done(refuse, [tmp_path] * 3, 2))
    with pytest.raises(SettingError, match="a worker process was killed"):
        list(each_done(die, [tmp_path] * 3, 2))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc who lives")
def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    code = CODE.format(module="tests.datasets.test_processes", function="leave_mark_and_sleep")
    root = Path(__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=root)
    try:
        until = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        workers = [int(path.read_text()) for path in tmp_path.iterdir()]
        assert len(workers) == 2
        assert all(map(is_alive, workers))
    finally:
        parent.kill()
        parent.wait()
    until = time.monotonic() + 20
    while any(map(is_alive, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(is_alive, workers))
