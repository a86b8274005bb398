"""The verb `inspect`: places, what is heard there, echoes, one page; refusals in one line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.imaging.sound_fields import SPIRAL

from sonoscope.cli.main import main
from sonoscope.core import audio
from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.audio import Recording

RATE_HZ = 96_000
SIZE = RATE_HZ
SPARKS_M, ECHO_M, HISS_M = (3.0, 0.6, 0.4), (4.2, -0.9, 0.3), (3.0, -0.5, -0.6)


def sparks() -> np.ndarray:
    """Click at the crests of 50 Hz, as corona does."""
    draw = np.random.default_rng(4)
    crest = (np.repeat(np.arange(50), 4) + 0.25) / 50 + draw.normal(0, 6e-4, 200)
    sound = np.zeros(SIZE)
    sound[np.clip(np.rint(crest * RATE_HZ), 0, SIZE - 1).astype(int)] = draw.uniform(0.6, 1, 200)
    click = np.exp(-np.arange(60) / 12) * np.sin(2 * np.pi * 30 / 96 * np.arange(60))
    return np.asarray(np.convolve(sound, click)[:SIZE])


def at_capsules(sound: np.ndarray, place: tuple[float, float, float]) -> np.ndarray:
    way = np.linalg.norm(np.array(place) - SPIRAL.positions, axis=1)
    turn = -2j * np.pi * np.fft.rfftfreq(SIZE, 1 / RATE_HZ) / SPEED_OF_SOUND_M_S
    return np.fft.irfft(np.fft.rfft(sound) * np.exp(turn * way[:, None]) / way[:, None], SIZE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("inspect")
    draw = np.random.default_rng(1)
    sound, hiss = sparks(), 0.05 * draw.standard_normal(SIZE)
    heard = at_capsules(sound, SPARKS_M) + at_capsules(hiss, HISS_M)
    heard += 0.7 * at_capsules(sound, ECHO_M) + 1e-3 * draw.standard_normal((24, SIZE))
    audio.write(made / "crane.wav", Recording(heard.astype(np.float32), RATE_HZ))
    quiet = 1e-3 * draw.standard_normal((24, SIZE))
    audio.write(made / "quiet.wav", Recording(quiet.astype(np.float32), RATE_HZ))
    audio.write(made / "mono.wav", Recording(quiet[:1].astype(np.float32), RATE_HZ))
    audio.write(made / "slow.wav", Recording(quiet.astype(np.float32), 16_000))
    rows = SPIRAL.positions.tolist()
    (made / "spiral.toml").write_text(f'name = "spiral"\nbaffle = "open"\ncapsules_m = {rows}\n')
    (made / "camera.toml").write_text(
        "size_px = [320, 240]\nfocal_px = [260.0, 260.0]\ncentre_px = [159.5, 119.5]\n"
        "[pose]\nposition_m = [0.0, 0.0, 0.08]\nazimuth_deg = 0.0\nelevation_deg = 0.0\n"
    )
    Image.new("RGB", (320, 240), (90, 120, 150)).save(made / "photo.png")
    return made


def arguments(folder: Path, name: str, *more: str | Path) -> list[str]:
    return ["inspect", str(folder / name), "--array", str(folder / "spiral.toml"),
            "--plane", "3", *map(str, more)]  # fmt: skip


@pytest.mark.slow
def test_places_are_named_and_an_echo_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    seen = ("--photo", folder / "photo.png", "--camera", folder / "camera.toml")
    assert main([*arguments(folder, "crane.wav", "--out", out, *seen), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    sparking, echo, hiss = sorted(answer["places"], key=lambda p: (p["y_m"] < 0, p["z_m"] < 0))
    np.testing.assert_allclose([sparking["y_m"], sparking["z_m"]], SPARKS_M[1:], atol=0.02)
    np.testing.assert_allclose([hiss["y_m"], hiss["z_m"]], HISS_M[1:], atol=0.02)
    assert sparking["status"] == "found"
    assert sparking["clock"] == "mains"
    assert sparking["is_reflection_of"] is None
    assert echo["is_reflection_of"] == sparking["place"]
    extra = np.linalg.norm(ECHO_M) - np.linalg.norm(SPARKS_M)
    assert echo["delay_s"] * SPEED_OF_SOUND_M_S == pytest.approx(extra, abs=0.05)
    assert hiss["status"] == "nothing"
    assert hiss["is_reflection_of"] is None
    assert {path.name for path in out.iterdir()} == {
        "report.html", "places.csv", "overlay.png", "place_1.wav", "place_2.wav", "place_3.wav",
    }  # fmt: skip
    with (out / "places.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [int(row["place"]) for row in rows] == [1, 2, 3]
    assert rows[echo["place"] - 1]["is_reflection_of"] == str(sparking["place"])
    heard = audio.read(out / f"place_{sparking['place']}.wav")
    assert heard.samples.shape == (1, SIZE)
    page = (out / "report.html").read_text()
    assert f"reflection of place {sparking['place']}: the same pulses" in page
    assert "data:image/jpeg;base64," in page
    assert 'src="http' not in page


@pytest.mark.slow
def test_noise_holds_no_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.iterdir())
    assert main(arguments(folder, "quiet.wav")) == 0
    assert "No place stands out of the noise" in capsys.readouterr().out
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("none.wav", (), "none.wav"),
        ("mono.wav", (), "must have 24 channels"),
        ("slow.wav", (), "must have 32 kHz or more"),
        ("quiet.wav", ("--photo", "photo.png"), "need --camera"),
        ("quiet.wav", ("--band", "40,20"), "two rising frequencies"),
        ("quiet.wav", ("--band", "20,70"), "must lie between 0 and 48000 Hz"),
        ("quiet.wav", ("--mains", "55"), "--mains"),
        ("quiet.wav", ("--model", "nobody"), "nobody"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    more: tuple[str, ...],
    said: str,
) -> None:
    assert main(arguments(folder, name, *more)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
