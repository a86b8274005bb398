"""The verb `denoise`: what is written, what is said, what is refused."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from sonoscope.cli import main as door
from sonoscope.core import audio
from sonoscope.core.audio import Recording

RATE = 48_000


def clicking(n_samples: int = RATE) -> Float[ndarray, " sample"]:
    """Clicks every 10 ms in noise that falls with frequency."""
    rng = np.random.default_rng(0)
    sound = 0.002 * np.cumsum(rng.standard_normal(n_samples))
    sound -= np.linspace(0, sound[-1], n_samples)
    t = np.arange(100)
    for start in range(300, n_samples - 100, 480):
        sound[start : start + 100] += 0.2 * np.exp(-t / 10) * np.sin(1.8 * t)
    return np.asarray(sound, np.float32)


def written(path: Path, samples: Float[ndarray, " sample"], channels: int = 1) -> Path:
    audio.write(path, Recording(np.tile(samples, (channels, 1)), RATE))
    return path


def test_clicks_are_kept_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path / "a <b>.wav", clicking(), channels=2)
    out = tmp_path / "clean.wav"
    assert door.main(["denoise", str(source), str(out), "--picture"]) == 0
    said, warned = capsys.readouterr()
    assert warned == ""
    assert "2 channels, 48000 Hz, 1.00 s" in said
    assert "leaves kept, level -" in said
    assert "silenced  steady (excess kurtosis" in said
    assert "kept      sudden (excess kurtosis" in said
    assert f"picture: {tmp_path / 'clean.svg'}" in said
    clean = audio.read(out)
    assert clean.samples.shape == (2, RATE)
    assert clean.rate_hz == RATE
    assert np.abs(clean.samples[:, 300:700]).max() > 0.1
    between = np.concatenate(
        [clean.samples[0, at + 200 : at + 400] for at in range(300, 40_000, 480)]
    )
    assert np.abs(between).max() < 0.02
    root = ET.fromstring((tmp_path / "clean.svg").read_text())
    words = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "a <b>.wav, denoised" in words
    assert {"before", "after", "Frequency (kHz)"} <= set(words)


def test_programs_get_json_and_options_reach_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path / "a.wav", clicking())
    recipe = tmp_path / "r.toml"
    recipe.write_text('rule = "soft"\nwavelet = "coif3"\n[choice]\nlimit = 50.0\n')
    asked = ["denoise", str(source), str(tmp_path / "b.flac"), "--json", "--recipe", str(recipe)]
    assert door.main([*asked, "--depth", "4", "--cost", "lp"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert (answer["wavelet"], answer["depth"], answer["cost"]) == ("coif3", 4, "lp")
    assert not any(leaf["kept"] for leaf in answer["leaves"])
    assert answer["clean_level_db"] is None
    assert "no leaf holds anything sudden" in err
    assert answer["warnings"]
    assert set(answer["files"]) == {"sound"}
    assert sum(leaf["share"] for leaf in answer["leaves"]) == pytest.approx(1, abs=1e-3)
    assert door.main([*asked, "--limit", "-50"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert all(leaf["kept"] for leaf in answer["leaves"])


def test_nothing_is_changed_without_threshold_and_choice(tmp_path: Path) -> None:
    source, out = written(tmp_path / "a.wav", clicking()), tmp_path / "b.wav"
    assert door.main(["denoise", str(source), str(out), "--strength", "0", "--keep-all"]) == 0
    np.testing.assert_allclose(audio.read(out).samples, audio.read(source).samples, atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.wav", "b.wav"], "cannot be read: No such file"),
        (["a.wav", "b.mp3"], "OUT must end in .wav or .flac"),
        (["a.wav", "a.wav"], "must be another file than IN"),
        (["a.wav", "no/b.wav"], "cannot be written"),
        (["a.wav", "b.wav", "--wavelet", "bior2.2"], "wavelet must be orthogonal"),
        (["a.wav", "b.wav", "--wavelet", "db99"], "must be one of PyWavelets'"),
        (["a.wav", "b.wav", "--depth", "40"], "--depth"),
        (["a.wav", "b.wav", "--rule", "firm"], "--rule"),
        (["a.wav", "b.wav", "--recipe", "r.toml"], "firmness: unknown key"),
        (["r.toml", "b.wav"], "must be a sound file"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "a.wav", clicking(4_000))
    Path("r.toml").write_text("firmness = 3\n")
    assert door.main(["denoise", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
    assert not Path("b.wav").exists()
