"""Pieces of noise: by seed, noise and clip alone, of any recording; powers of clips."""

from pathlib import Path

import numpy as np
import pytest

from sonoscope.core.audio import Recording, write
from sonoscope.core.errors import InputError, SettingError
from sonoscope.simulation.modelled_noise import modelled
from sonoscope.simulation.noises import (
    MODELLED,
    RecordedNoise,
    check_names,
    clip_power,
    power,
    recorded_noises,
    warned_of,
)

RATE_HZ = 16_000


def recorded(path: Path, sound: np.ndarray, rate_hz: int = RATE_HZ) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, Recording(np.atleast_2d(sound).astype(np.float32), rate_hz))


def only(folder: Path, seed: int = 0) -> RecordedNoise:
    (noise,) = recorded_noises(folder, seed)
    return noise


def test_each_folder_is_a_noise_and_what_lies_beside_them_another(tmp_path: Path) -> None:
    hiss = np.random.default_rng(0).normal(0, 0.1, 4_000)
    for name in ("rotors/a.wav", "rotors/deep/b.wav", "street/c.flac", "d.wav", ".hidden.wav"):
        recorded(tmp_path / name, hiss)
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("no sound")
    found = {noise.name: len(noise.files) for noise in recorded_noises(tmp_path)}
    assert found == {"rotors": 2, "street": 1, tmp_path.name: 1}


def test_a_piece_is_a_stretch_of_the_recording(tmp_path: Path) -> None:
    ramp = np.arange(1, 50_001) / 50_000
    recorded(tmp_path / "ramp.wav", np.stack([ramp, 0.5 * ramp]))
    noise = only(tmp_path)
    starts = set()
    for clip in ("a", "b", "c"):
        piece = noise.piece(clip, RATE_HZ, 8_000)
        first = round(float(piece[0]) / 0.75 * 50_000) - 1
        np.testing.assert_allclose(piece, 0.75 * ramp[first : first + 8_000], atol=1e-6)
        np.testing.assert_array_equal(piece, only(tmp_path).piece(clip, RATE_HZ, 8_000))
        starts.add(first)
    assert len(starts) == 3
    assert not np.array_equal(
        noise.piece("a", RATE_HZ, 8_000), only(tmp_path, 1).piece("a", RATE_HZ, 8_000)
    )


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100])
def test_pieces_have_the_listeners_rate(tmp_path: Path, rate_hz: int) -> None:
    at_s = np.arange(3 * rate_hz) / rate_hz
    recorded(tmp_path / "tone.wav", 0.3 * np.sin(2 * np.pi * 500 * at_s), rate_hz)
    piece = only(tmp_path).piece("x", RATE_HZ, RATE_HZ)
    assert len(piece) == RATE_HZ
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(RATE_HZ)))
    assert int(spectrum.argmax()) == 500
    told = warned_of([only(tmp_path)], RATE_HZ)
    assert bool(told) == (rate_hz < RATE_HZ)


@pytest.mark.parametrize("n_samples", [1, 7, 900, 15_999])
def test_a_short_recording_is_laid_end_to_end(tmp_path: Path, n_samples: int) -> None:
    recorded(tmp_path / "short.wav", np.full(n_samples, 0.25))
    piece = only(tmp_path).piece("x", RATE_HZ, 16_000)
    assert len(piece) == 16_000
    # fades are of equal power: two equal samples add up to no more than their root of two
    assert 0.249 < piece.min() <= piece.max() < 0.25 * 2**0.5 + 1e-6


def test_seams_do_not_click(tmp_path: Path) -> None:
    hum = np.sin(2 * np.pi * 50.3 * np.arange(9_000) / RATE_HZ + 1) * np.linspace(0.1, 0.5, 9_000)
    recorded(tmp_path / "hum.wav", hum)
    piece = only(tmp_path).piece("x", RATE_HZ, 40_000)
    assert np.abs(np.diff(piece)).max() < 0.03


def test_silence_is_passed_over_and_nothing_else_is_refused(tmp_path: Path) -> None:
    half = np.zeros(100_000)
    half[50_000:] = 0.1
    recorded(tmp_path / "half" / "half.wav", half)
    noise = only(tmp_path / "half")
    assert all(power(noise.piece(str(i), RATE_HZ, 1_000)) > 0 for i in range(20))
    recorded(tmp_path / "silent" / "silent.wav", np.zeros(5_000))
    with pytest.raises(InputError, match="silent: noise must be heard"):
        only(tmp_path / "silent").piece("x", RATE_HZ, 1_000)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no sound file was found"):
        recorded_noises(tmp_path / "none")
    with pytest.raises(InputError, match="must be a folder of recordings"):
        recorded_noises(tmp_path / "nowhere")


def test_names_differ(tmp_path: Path) -> None:
    recorded(tmp_path / "rotor" / "a.wav", np.ones(100))
    with pytest.raises(SettingError, match="rotor was given more than once"):
        check_names([only(tmp_path / "rotor"), modelled("rotor")])
    with pytest.raises(SettingError, match="rotor, wind, machine, rain, but storm was given"):
        modelled("storm")


def test_a_clips_power_is_of_all_or_of_what_sounds() -> None:
    sound = np.zeros(3 * RATE_HZ)
    sound[RATE_HZ : 2 * RATE_HZ] = np.random.default_rng(0).normal(0, 0.1, RATE_HZ)
    whole, part = (clip_power(sound, RATE_HZ, over) for over in ("whole", "sounding"))
    assert part / whole == pytest.approx(3, rel=0.05)
    assert clip_power(np.zeros(RATE_HZ), RATE_HZ, "sounding") == 0


@pytest.mark.parametrize("kind", MODELLED)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_simulated_noises_are_sound_at_every_rate(kind: str, rate_hz: int) -> None:
    noise = modelled(kind, seed=3)
    one = noise.piece("a", rate_hz, rate_hz)
    assert one.shape == (rate_hz,)
    assert np.isfinite(one).all()
    assert power(one) > 1e-4
    np.testing.assert_array_equal(one, modelled(kind, seed=3).piece("a", rate_hz, rate_hz))
    assert not np.array_equal(one, noise.piece("b", rate_hz, rate_hz))
    assert not np.array_equal(one, modelled(kind, seed=4).piece("a", rate_hz, rate_hz))
