"""The verb `check-format`: verdicts for people and programs, refusals in one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from sonoscope.cli import main as door
from sonoscope.core import audio
from sonoscope.core.audio import Recording
from sonoscope.core.direction import sphere_grid, unit_vector
from sonoscope.signal.ambisonics import foa_gains

RATE = 16_000


def sound(
    directions: Float[ndarray, "source 3"], seconds: float = 10.0
) -> Float[ndarray, "4 sample"]:
    """Give sources without a room in weak diffuse sound, ACN and SN3D."""
    generator, n_samples = np.random.default_rng(1), round(seconds * RATE)
    foa = 1e-3 * generator.standard_normal((4, n_samples)) * np.array([[1], *[[3**-0.5]] * 3])
    for u in directions:
        swell = np.repeat(generator.exponential(0.02, n_samples // 1_600 + 1), 1_600)[:n_samples]
        foa += np.outer(foa_gains(u), swell * generator.standard_normal(n_samples))
    return np.asarray(foa, np.float32)


@pytest.fixture(scope="module")
def around() -> Float[ndarray, "4 sample"]:
    return sound(sphere_grid(5))


@pytest.fixture(scope="module")
def aside() -> Float[ndarray, "4 sample"]:
    return sound(unit_vector(np.deg2rad(55), np.deg2rad(15))[None])


def told(path: Path, samples: ndarray) -> str:
    audio.write(path, Recording(samples.astype(np.float32), RATE))
    return str(path)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert door.main(["check-format", *arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    answer: dict[str, Any] = json.loads(out)
    return answer


def test_ambisonics_is_told_to_people(
    tmp_path: Path, around: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    assert door.main(["check-format", told(tmp_path / "a.wav", around)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "a.wav: 4 channels, 16000 Hz, 10.00 s, of which 10.0 s were listened to" in out
    assert "looks like    first-order Ambisonics, SN3D scale, ACN order (W, Y, Z, X): " in out
    assert "analyze with  --format foa" in out
    assert "not known     left and right, front and back, up and down" in out
    assert "--source AZ,EL" in out


def test_the_name_for_analyze_follows_scale_and_order(
    tmp_path: Path, around: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    r3 = np.array([[1], *[[3**0.5]] * 3])
    fuma = around[[0, 3, 1, 2]] * np.array([[2**-0.5], [1], [1], [1]])
    for name, samples in (("foa", around), ("n3d", around * r3), ("fuma", fuma)):
        answer = asked(capsys, told(tmp_path / "a.wav", samples))
        assert answer["format"] == name
        assert answer["kind"] == "foa"
        assert answer["w_channel"] == 1
        assert answer["confidence"] > 0.8
        assert answer["source"] is None


def test_a_source_tells_what_to_exchange(
    tmp_path: Path, aside: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    right = asked(capsys, told(tmp_path / "a.wav", aside), "--source", "55,15")
    assert right["format"] == "foa"
    assert right["source"]["channels"] == ["W", "Y", "Z", "X"]
    assert right["source"]["off_deg"] < 1
    assert right["source"]["open"] == 1
    mirrored = told(tmp_path / "m.wav", aside * np.array([[1], [-1], [1], [1]]))
    wrong = asked(capsys, mirrored, "--source", "55,15")
    assert wrong["format"] is None
    assert wrong["source"]["channels"] == ["W", "-Y", "Z", "X"]
    assert asked(capsys, mirrored, "--source", "-55,15")["format"] == "foa"
    assert door.main(["check-format", mirrored, "--source", "55,15"]) == 0
    assert "by the source the channels are W, -Y, Z, X: " in capsys.readouterr().out
    assert door.main(["check-format", mirrored, "--source", "90,-80"]) == 0
    assert "the loudest sound comes from elsewhere" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ([1, 1, 0, 1], "not four recordings, for channel 3 is silent"),
        ("copies", "not four recordings, for channels 1, 2, 3 and 4 are the same sound"),
        ("noise", "nothing directed: diffuse sound, or channels that have nothing in common"),
        ("stranger", "for channel 4 has nothing to do with the others"),
        ("last", "with W in channel 4 and Z perhaps in channel "),
    ],
)
def test_what_is_no_ambisonics_is_said(
    gains: list[int] | str,
    said: str,
    tmp_path: Path,
    around: ndarray,
    capsys: pytest.CaptureFixture[str],
) -> None:
    noise = 0.01 * np.random.default_rng(2).standard_normal(around.shape)
    made = {
        "copies": around[[0, 0, 0, 0]],
        "noise": noise,
        "stranger": np.concatenate([around[:3], noise[:1]]),
        "last": around[[1, 2, 3, 0]],
    }
    samples = made[gains] if isinstance(gains, str) else around * np.array(gains)[:, None]
    assert door.main(["check-format", told(tmp_path / "a.wav", samples)]) == 0
    out = capsys.readouterr().out
    assert said in out
    assert "no --format as it is" in out


def test_little_sound_is_warned_of(
    tmp_path: Path, around: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    path = told(tmp_path / "a.wav", around[:, : 4 * RATE])
    assert door.main(["check-format", path]) == 0
    err = capsys.readouterr().err
    assert err == (
        f"sonoscope: {path}: 4.0 s are little to tell a format from: 10 s or more are better\n"
    )


def test_the_loudest_half_minute_is_heard(
    tmp_path: Path, around: ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = 1e-3 * around
    long = np.concatenate([quiet, quiet, around, quiet, quiet], axis=1)
    answer = asked(capsys, told(tmp_path / "a.wav", long))
    assert answer["heard_s"] == 30
    assert answer["format"] == "foa"


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.ones((1, RATE)), "must have 4 channels, but 1 was given (one is mono)"),
        (np.ones((2, RATE)), "must have 4 channels, but 2 was given (two are stereo)"),
        (np.ones((8, RATE)), "must have 4 channels, but 8 was given"),
        (np.ones((4, RATE // 2)), "must last at least 1 s, but 0.50 s was given"),
        (np.zeros((4, 2 * RATE)), "must not be silent, but this is"),
    ],
)
def test_refusals_are_one_line(
    samples: ndarray, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = told(tmp_path / "a.wav", samples)
    assert door.main(["check-format", path]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"sonoscope: {path}: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("source", ["left", "1,2,3", "nan,0", "30", "0,91", "361,0"])
def test_a_source_must_be_two_angles(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(["check-format", "none.wav", "--source", source]) == 2
    assert capsys.readouterr().err == (
        f"sonoscope: --source must be azimuth and elevation in degrees, such as 55,15, "
        f"but {source!r} was given\n"
    )


def test_a_missing_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(["check-format", "none.wav"]) == 2
    assert "none.wav: cannot be read" in capsys.readouterr().err
