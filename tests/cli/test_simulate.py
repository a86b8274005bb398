"""`sonoscope simulate` as a user types it."""

import importlib.util
import json
from importlib.machinery import ModuleSpec
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
mono_share = 0.0
t60_s = [0.2, 0.3]
volume_m3 = [40.0, 80.0]
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "a.toml"
    path.write_text(RECIPE)
    return str(path)


def test_scenes_truth_and_manifest_are_written(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = main(["simulate", recipe, "--out", str(out), "--count", "2", "--workers", "1"])
    assert code == 0
    told, err = capsys.readouterr()
    assert told.strip() == str(out / "manifest.json")
    assert err == ""
    assert sorted(path.name for path in (out / "foa").iterdir()) == [
        "scene_0000.wav",
        "scene_0001.wav",
    ]
    assert len(list((out / "truth").iterdir())) == 4


def test_programs_get_one_object_and_scenes_can_be_made_again(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    given = ["--workers", "1", "--json", "--out"]
    assert main(["simulate", recipe, "--count", "2", "--file-type", "flac", *given, str(out)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["scenes"], told["made"], told["made_s"], told["left_out"]) == (2, 2, 3.0, [])
    assert told["times_real_time"] == pytest.approx(3.0 / told["elapsed_s"], rel=0.01, abs=0.01)
    named = ["--from", told["manifest"], "--only", "scene_0001"]
    assert main(["simulate", *named, *given, str(again)]) == 0
    assert json.loads(capsys.readouterr().out)["made"] == 1
    for name in ("foa/scene_0001.flac", "truth/scene_0001.json", "dcase2019/scene_0001.csv"):
        assert (out / name).read_bytes() == (again / name).read_bytes()
    assert len(list((again / "foa").iterdir())) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("surprise = 1\n", "surprise: unknown key"),
        ("duration_s = -1\n", "duration_s"),
        ("[scene]\nsnr_db = [30, 0]\n", "snr_db must run from low to high"),
        ("year = 2021\n[sounds]\ngong = []\n", "sounds must be of labels of the set"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    (tmp_path / "a.toml").write_text('name = "x"\nlabels = ["siren"]\n' + line)
    refused(["simulate", str(tmp_path / "a.toml")], told, tmp_path / "out", capsys)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([], "simulate must have one of a RECIPE, --preset or --from"),
        (["a.toml", "--preset", "tau2019"], "simulate must have one of a RECIPE"),
        (
            ["--preset", "tau2018"],
            "--preset must be one of tau2019, tau-nigens2020, tau-nigens2021, starss22, "
            "drone-survey, drone-inspection, discharges, but tau2018 was given",
        ),
        (
            ["--preset", "tau2019", "--count", "0"],
            "'--count': Input should be greater than or equal to 1",
        ),
        (["--preset", "tau2019", "--file-type", "mp3"], "'mp3' is not one of 'wav', 'flac'"),
        (["--preset", "tau2019", "--only", "a"], "--only must come with --from"),
        (["--from", "manifest.json", "--seed", "3"], "--seed must not come with --from"),
        (["--from", "nowhere.json"], "nowhere.json: must be a manifest of scenes"),
        (["--preset", "tau2019", "--data", "nowhere"], "nowhere/esc50 must hold esc50.csv"),
        (["--preset", "tau2019", "--tables", "nowhere"], "--tables must be a folder of csv"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    given: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(["simulate", *given], told, tmp_path / "out", capsys)


def test_a_folder_of_other_scenes_is_refused(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["simulate", recipe, "--out", str(tmp_path / "out"), "--count", "1", "--workers", "1"]
    assert main(given) == 0
    capsys.readouterr()
    assert main([*given, "--seed", "1"]) == 2
    err = capsys.readouterr().err
    assert err.endswith("holds scenes of another seed; choose another --out\n")
    assert err.count("\n") == 1


def test_without_torch_it_says_how_to_install_it(
    recipe: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.util.find_spec

    def without_torch(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "torch" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_torch)
    refused(["simulate", recipe], "pip install 'sonoscope[train]'", tmp_path / "out", capsys)


def test_recordings_of_discharges_are_a_preset_and_a_kind_of_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = tmp_path / "a.toml", tmp_path / "out"
    recipe.write_text(
        'kind = "inspections"\nfamilies = ["b"]\nduration_s = 0.2\nkinds = [["corona"], []]\n'
    )
    given = ["--count", "2", "--workers", "1", "--out", str(out)]
    assert main(["simulate", str(recipe), "--json", *given]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["scenes"], told["made"]) == (2, 2)
    assert "simulated" in json.loads((out / "manifest.json").read_text())["notice"]
    rows = (out / "table.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows] == ["kinds", "corona", "none"]
    assert main(["simulate", "--preset", "discharges", *given]) == 2
    assert "holds recordings of another recipe" in capsys.readouterr().err
    recipe.write_text('kind = "inspections"\nfamilies = ["c"]\n')
    refused(["simulate", str(recipe)], "families.0", tmp_path / "other", capsys)


def test_inspections_by_drone_are_a_preset_and_a_kind_of_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = tmp_path / "a.toml", tmp_path / "out"
    recipe.write_text('kind = "drone-inspections"\nduration_s = 0.05\nkinds = [["brush"]]\n')
    given = ["--count", "1", "--workers", "1", "--out", str(out)]
    assert main(["simulate", str(recipe), *given]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "array.toml", "camera.toml", "manifest.json", "photo", "places", "sound", "table.csv",
        "truth",
    ]  # fmt: skip
    capsys.readouterr()
    assert main(["simulate", "--preset", "drone-inspection", *given]) == 2
    assert "holds recordings of another recipe" in capsys.readouterr().err
    other = ["simulate", "--preset", "drone-inspection", "--file-type", "flac"]
    refused(other, "--preset drone-inspection: file_type", tmp_path / "other", capsys)


def refused(arguments: list[str], told: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--out", str(out)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert told in err
    assert not out.exists()
