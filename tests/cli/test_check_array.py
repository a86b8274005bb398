"""The verb `check-array`: what a geometry gets wrong, in words, as an object and as a new file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from sonoscope.cli import main as door
from sonoscope.core import audio
from sonoscope.core.array import SPIRAL64, TETRAHEDRON, MicArray, as_toml, read_geometry
from sonoscope.core.audio import Recording
from sonoscope.core.direction import unit_vector
from sonoscope.imaging.array_check import reordered, turned
from sonoscope.signal.sphere import array_response

RATE = 48_000
SWAPPED = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def recorded(path: Path, array: MicArray) -> str:
    """Write half a second of noise from azimuth 55, elevation 15, at 10 dB."""
    generator = np.random.default_rng(0)
    frequency = np.fft.rfftfreq(512, 1 / RATE)
    source = unit_vector(np.deg2rad(55), np.deg2rad(15))[None]
    impulse = np.fft.irfft(array_response(array, source, frequency)[:, :, 0].T, 512)
    dry = generator.standard_normal(RATE // 2)
    sound: Float[ndarray, "channel sample"] = np.stack(
        [np.convolve(dry, np.roll(row, 64))[: len(dry)] for row in impulse]
    )
    sound += 0.3 * generator.standard_normal(sound.shape)
    audio.write(path, Recording((0.05 * sound).astype(np.float32), RATE), "float32")
    return str(path)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert door.main(["check-array", *arguments, "--source", "55,15", "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_swapped_axes_are_told_and_a_fitting_geometry_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    true = turned(TETRAHEDRON, SWAPPED)
    file, fixed = recorded(tmp_path / "a.wav", true), tmp_path / "fixed.toml"
    given = ["check-array", file, "--array", "tetra", "--source", "55,15", "--write", str(fixed)]
    assert door.main(given) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "capsules being at (-y, x, z) of the geometry" in out
    assert "or the same" not in out  # a quarter turn takes no tetrahedron onto itself
    assert f"use {fixed}" in out
    np.testing.assert_allclose(read_geometry(fixed).positions, true.positions)
    again = asked(capsys, file, "--array", str(fixed))
    assert again["as_said"]
    assert again["axes"] == "(x, y, z)"
    assert again["alike"] == []


def test_channels_in_another_order_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backwards = tuple(range(63, -1, -1))
    file = recorded(tmp_path / "a.wav", reordered(SPIRAL64, backwards))
    told = asked(capsys, file, "--array", "spiral64", "--write", str(tmp_path / "fixed.toml"))
    assert told["order_name"] == "reversed"
    assert told["order"] == [number + 1 for number in backwards]
    assert not told["as_said"]
    again = asked(capsys, file, "--array", str(tmp_path / "fixed.toml"))
    assert again["as_said"]
    assert again["alike"] == ["(-x, y, z)"]  # it is flat


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--array", "em32", "--source", "0,0"], "array must have 32 channels, but 4 was given"),
        (["--array", "tetra", "--source", "55"], "--source must be azimuth and elevation"),
        (["--array", "tetra", "--source", "0,95"], "--source must be azimuth and elevation"),
        (["--array", "cube", "--source", "0,0"], "an array must be one of tetra, em32, spiral64"),
        (["--array", "mm.toml", "--source", "0,0"], "in metres, not millimetres"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], told: str
) -> None:
    large = turned(TETRAHEDRON, 1_000 * np.eye(3))
    (tmp_path / "mm.toml").write_text(as_toml(large))
    audio.write(tmp_path / "a.wav", Recording(np.ones((4, RATE), np.float32), RATE))
    given = [each if each != "mm.toml" else str(tmp_path / each) for each in given]
    assert door.main(["check-array", str(tmp_path / "a.wav"), *given]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert told in err
