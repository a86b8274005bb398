"""What `analyze` does around the analysis: folders, and the screen kept clean."""

import os
from pathlib import Path

import pytest

from sonoscope import pipeline
from sonoscope.cli.analyze import COMBINED_CSV, COMBINED_PAGE
from sonoscope.cli.main import main
from sonoscope.cli.recordings import folders
from sonoscope.core.errors import InputError


def test_every_recording_has_a_folder_of_its_own() -> None:
    names = [
        "a/x.wav",
        "b/x.flac",
        "X.ogg",
        "x-2.wav",
        "events.csv.wav",
        ".wav",
        "..",
        "index.html",
    ]
    given = folders([Path(name) for name in names], Path("out"), (COMBINED_CSV, COMBINED_PAGE))
    assert [str(folder.relative_to("out")) for folder in given] == [
        "x", "x-2", "X-3", "x-2-2", "events.csv-2", "wav", "recording", "index",
    ]  # fmt: skip


def test_what_c_libraries_say_stays_off_the_screen(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def noisy(path: Path, *_: object, **__: object) -> None:
        os.write(2, b"[src/libmpg123/parse.c] error: Giving up\n")
        raise InputError(f"{path}: no good")

    monkeypatch.setattr(pipeline, "analyze", noisy)
    assert main(["analyze", "a.wav", "--out", str(tmp_path)]) == 2
    assert capfd.readouterr().err == "sonoscope: a.wav: no good\n"
    os.write(2, b"again\n")
    assert capfd.readouterr().err == "again\n"
