"""The command as a whole: quick help, one line for a refusal, exit codes."""

import subprocess
import sys

import pytest

from sonoscope import __version__, pipeline
from sonoscope.cli import main as door

VERBS = ("analyze", "check-format", "demo", "models", "score", "simulate", "train")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_help_names_the_verbs_and_loads_nothing_heavy() -> None:
    told = python(
        "import sys; from sonoscope.cli.main import main; code = main(['--help'])\n"
        "heavy = {'numpy', 'scipy', 'pydantic', 'onnxruntime', 'torch', 'rich', 'soundfile'}\n"
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    assert told.endswith("\n0 []\n")
    assert all(f"\n  {verb} " in told for verb in VERBS)


def test_no_verb_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main([]) == 0
    assert capsys.readouterr().out.startswith("Usage: sonoscope")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert door.main(["--version"]) == 0
    assert capsys.readouterr().out == f"sonoscope {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["analyse"], "No such command 'analyse'. Did you mean 'analyze'?"),
        (["analyze"], "Missing argument 'FILE...'."),
        (["analyze", "a.wav"], "Missing option '--out'."),
        (["analyze", "a.wav", "--out", "o", "--loud"], "No such option: --loud"),
        (
            ["analyze", "a.wav", "--out", "o", "--format", "quad"],
            "--format must be one of auto, foa, n3d, fuma, tetra, mono, stereo or a geometry file "
            "(.toml), but 'quad' was given",
        ),
        (
            ["analyze", "a.wav", "b.wav", "--out", "o", "--truth", "t.csv"],
            "--truth must come with one recording, but 2 were given",
        ),
        (["models", "nobody"], "model must be a shipped one"),
    ],
)
def test_a_refusal_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert door.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"sonoscope: {told}")
    assert err.count("\n") == 1


def test_an_interruption_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "analyze", interrupted)
    assert door.main(["analyze", "a.wav", "--out", "o"]) == 130
    assert capsys.readouterr().err == "sonoscope: interrupted\n"


def test_a_verb_that_needs_torch_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(door, "app", absent)
    assert door.main(["train"]) == 2
    assert "torch is not installed: pip install 'sonoscope[train]'" in capsys.readouterr().err
