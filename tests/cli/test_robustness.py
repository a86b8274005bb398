"""The door of `robustness`: what it hears, prints and writes; what it refuses."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tests.inference.clip_toy import CARD, RATE_HZ, WINDOW, toy

from sonoscope.cli.main import main
from sonoscope.core.audio import Recording, write

DETECTOR = Path(__file__).parents[1] / "inference" / "toys" / "foa.onnx"


def sound(path: Path, samples: np.ndarray, rate_hz: int = RATE_HZ) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, Recording(samples[None].astype(np.float32), rate_hz))


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(toy(tmp_path / "toy.onnx"))


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Give six clips of each label, weak steps up or down in a hiss."""
    rng = np.random.default_rng(0)
    for i in range(12):
        label, sign = CARD.labels[i % 2], (-1, 1)[i % 2]
        samples = sign * 0.01 + rng.normal(0, 0.02, 2 * WINDOW)
        sound(tmp_path / "clips" / label / f"{i}.wav", samples)
    return str(tmp_path / "clips")


@pytest.fixture
def noise(tmp_path: Path) -> str:
    rng = np.random.default_rng(1)
    wander = np.cumsum(rng.normal(0, 1, 40_000))
    sound(tmp_path / "noises" / "rumble" / "a.wav", 0.5 * wander / np.abs(wander).max())
    sound(tmp_path / "noises" / "hum" / "b.wav", np.sin(np.arange(700) / 30), 4 * RATE_HZ)
    return str(tmp_path / "noises")


def cells(printed: str) -> dict[tuple[str, float | None, bool], float]:
    return {
        (each["noise"], each["snr_db"], each["denoised"]): each["scores"]["accuracy"]["value"]
        for each in json.loads(printed)["cells"]
    }


@pytest.mark.slow
def test_a_model_is_scored_under_recorded_noise(
    tmp_path: Path, model: str, data: str, noise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["robustness", model, "--data", data, "--noise", noise]
    out = tmp_path / "out"
    assert main([*asked, "--snr", "inf", "20", "0", "-20", "--out", str(out), "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    found = cells(printed.out)
    assert len(found) == 3 * 2 * 4
    for of in ("all", "hum", "rumble"):
        assert found[of, None, False] == 1
    assert found["rumble", -20.0, False] < 0.8 < found["rumble", 20.0, False]
    assert sorted(each.name for each in out.iterdir()) == [
        "robustness.csv", "robustness.md", "robustness.svg",
    ]  # fmt: skip
    told = (out / "robustness.md").read_text()
    assert told.startswith("# toy under noise\n")
    assert "clips: 12 clips of 2 labels, cut from 12 originals, at 8000 Hz" in told
    assert "rumble (1 recording, 5 s)" in told
    with (out / "robustness.csv").open(encoding="utf-8") as file:
        rows = {(r["noise"], r["snr_db"], r["denoised"]): r for r in csv.DictReader(file)}
    assert float(rows["rumble", "-20", "0"]["accuracy"]) == pytest.approx(
        found["rumble", -20.0, False], abs=1e-6
    )


@pytest.mark.slow
def test_the_same_seed_gives_the_same_table_and_another_another(
    model: str, data: str, noise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["robustness", model, "--data", data, "--noise", noise, "--snr", "-10"]
    printed = []
    for seed in ("0", "0", "1"):
        assert main([*asked, "--seed", seed]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert printed[0].replace("(seed 0)", "(seed 1)") != printed[2]
    assert "| Noise | Clips | Clean | −10 dB | Loss to −10 dB |" in printed[0]


@pytest.mark.slow
def test_noises_are_simulated_by_name(
    model: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["robustness", model, "--data", data, "--noise", "wind, rain", "--snr", "0", "--json"]
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert "wind (simulated, another for each clip)" in found["facts"][1]
    assert {each["noise"] for each in found["cells"]} == {"all", "wind", "rain"}


@pytest.mark.slow
def test_settings_of_the_denoiser_and_of_the_ratio_are_told(
    tmp_path: Path, model: str, data: str, noise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "nothing.toml"
    recipe.write_text('strength = 0.0\nchoice = { keep = "all" }\n')
    asked = ["robustness", model, "--data", data, "--noise", noise, "--snr", "0"]
    assert main([*asked, "--denoiser", str(recipe), "--snr-over", "sounding"]) == 0
    told = capsys.readouterr().out
    assert "universal times 0" in told
    assert "of a clip, where something sounds in it, over that" in told
    rows = [line for line in told.splitlines() if line.startswith("| ")]
    for row in rows:
        if "| as they are |" in row:
            assert row.replace("as they are", "denoised") in rows


@pytest.mark.slow
def test_labels_that_the_model_does_not_know_are_left_out(
    model: str, data: str, noise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sound(Path(data) / "sideways" / "x.wav", np.ones(100))
    asked = ["robustness", model, "--data", data, "--noise", noise, "--snr", "0"]
    assert main(asked) == 0
    printed = capsys.readouterr()
    assert "1 clips were left out, as the model does not know sideways" in printed.err
    assert "12 clips of 2 labels" in printed.out


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"--noise": "storm"}, "rotor, wind, machine, rain, but storm"),
        ({"--noise": "wind,wind"}, "wind was given more than once"),
        ({"--snr": "loud"}, "--snr must be ratios in dB"),
        ({"--snr": "inf"}, "one besides inf at least"),
        ({"--snr": "nan"}, "but nan was given"),
        ({"--snr": "200"}, "snr_db"),
        ({"--folds": "5"}, "--folds must go with ESC-50 or UrbanSound8K"),
        ({"--folds": "five"}, "--folds must be numbers"),
        ({"--data": "nowhere"}, "must be a folder with a folder a label"),
        ({"--denoiser": "nowhere.toml"}, "nowhere.toml"),
        ({"model": "nowhere"}, "nowhere"),
        ({"model": str(DETECTOR)}, "for `sonoscope analyze`"),
    ],
)
def test_what_it_refuses_is_one_line(
    tmp_path: Path,
    model: str,
    data: str,
    noise: str,
    changed: dict[str, str],
    word: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {"--data": data, "--noise": noise, "--out": str(tmp_path / "out"), **changed}
    model = given.pop("model", model)
    options = [part for pair in given.items() for part in pair]
    assert main(["robustness", model, *options]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert word in printed.err
    assert not (tmp_path / "out").exists()


def test_clips_of_other_labels_are_refused(
    tmp_path: Path, data: str, noise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from sonoscope.targets.clip_card import ClipCard

    card = ClipCard("other", "1", ("cat", "dog"), rate_hz=RATE_HZ, window=WINDOW)
    model = str(toy(tmp_path / "other.onnx", card))
    assert main(["robustness", model, "--data", data, "--noise", noise]) == 2
    told = capsys.readouterr().err
    assert "the model's labels, cat, dog, but holds negative, positive" in told


@pytest.mark.shared
def test_esc50_is_heard_by_folds(
    shared: Path, tmp_path: Path, noise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from sonoscope.targets.clip_card import ClipCard

    card = ClipCard("two", "1", ("rooster", "sneezing"), rate_hz=RATE_HZ, window=WINDOW)
    asked = ["robustness", str(toy(tmp_path / "two.onnx", card)), "--data", str(shared / "esc50")]
    assert main(asked) == 2
    assert "--folds must tell which of ESC-50's 5 folds" in capsys.readouterr().err
    assert main([*asked, "--folds", "6"]) == 2
    assert "--folds must be among 1 to 5 of ESC-50, but 6" in capsys.readouterr().err
