"""`sonoscope simulate` as a user types it."""

from pathlib import Path

import pytest

from sonoscope.cli.main import main

RECIPE = """
name = "test"
labels = ["siren"]
duration_s = 1.5
formats = ["foa"]
[data]
modelled_share = 1.0
[scene]
rate_hz = 16_000
empty_share = 0.0
"""


def test_scenes_truth_and_manifest_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.toml").write_text(RECIPE)
    out = tmp_path / "out"
    code = main(["simulate", str(tmp_path / "a.toml"), "--out", str(out), "--count", "2"])
    assert code == 0
    assert capsys.readouterr().out.strip() == str(out / "manifest.json")
    assert sorted(path.name for path in (out / "foa").iterdir()) == [
        "scene_0000.wav",
        "scene_0001.wav",
    ]
    assert len(list((out / "truth").iterdir())) == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("surprise = 1\n", "surprise: unknown key"),
        ("duration_s = -1\n", "duration_s"),
        ("[scene]\nsnr_db = [30, 0]\n", "snr_db must run from low to high"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    (tmp_path / "a.toml").write_text('name = "x"\nlabels = ["siren"]\n' + line)
    code = main(["simulate", str(tmp_path / "a.toml"), "--out", str(tmp_path / "out")])
    err = capsys.readouterr().err
    assert code == 2
    assert err.count("\n") == 1
    assert told in err
    assert not (tmp_path / "out").exists()
