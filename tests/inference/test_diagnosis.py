"""Hearing a file window by window: bands, channels, clocks, and that nothing is left out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from tests.signal.pulse_sounds import RATE_HZ, floating_bars
from tests.targets.diagnosed import window

from sonoscope.core import audio
from sonoscope.core.audio import AudioFile, Recording
from sonoscope.core.errors import InputError, SettingError
from sonoscope.inference.diagnosis import (
    REFERENCES,
    ByReferences,
    DiagnosisSettings,
    Listener,
    doubted,
    hear,
    open_namer,
    plans,
    read_window,
    voted,
    window_length,
)
from sonoscope.inference.discharges import Naming
from sonoscope.signal.prpd import Prpd, phase_resolve
from sonoscope.targets.diagnosis import answer

BY_REFERENCES = DiagnosisSettings(model=REFERENCES)


def file_of(
    path: Path, samples: Float[ndarray, "channel sample"], rate_hz: int = RATE_HZ
) -> AudioFile:
    audio.write(path, Recording(samples.astype(np.float32), rate_hz))
    return audio.probe(path)


@pytest.fixture(scope="module")
def part() -> Float[ndarray, "1 sample"]:
    """Three seconds of noise, four of sparks, one of noise."""
    generator = np.random.default_rng(4)
    sound = 2e-3 * generator.standard_normal(8 * RATE_HZ)
    sound[3 * RATE_HZ : 7 * RATE_HZ] += floating_bars(50.02, 4.0)[0]
    return sound[None]


def test_windows_fill_the_file_and_all_of_it_is_seen_once(tmp_path: Path, part: ndarray) -> None:
    for name in ("a.wav", "a.flac"):
        file = file_of(tmp_path / name, part[:, : round(7.7 * RATE_HZ)])
        seen: list[Float[ndarray, "1 _"]] = []
        windows = hear(file, Listener.of(file, BY_REFERENCES), seen.append)
        assert len(windows) == 3
        starts, ends = [w.start_s for w in windows], [w.end_s for w in windows]
        assert starts[0] == 0
        assert starts[1:] == pytest.approx(ends[:-1])
        assert ends[-1] == pytest.approx(file.duration_s)
        assert np.array_equal(np.concatenate(seen, axis=1), audio.read(file.path).samples)


def test_sparks_are_named_where_they_are_in_one_band(tmp_path: Path, part: ndarray) -> None:
    file = file_of(tmp_path / "a.wav", part)
    told: list[float] = []
    windows = hear(file, Listener.of(file, BY_REFERENCES), progress=told.append)
    assert [w.kinds for w in windows] == [(), ("floating",), ("floating",), ("floating",)]
    assert windows[0].said == ("nothing",)
    assert len({w.band for w in windows if w.clock == "mains"}) == 1
    assert told == sorted(told)
    assert told[-1] == 1.0
    given = answer(windows)
    assert (given.status, given.kinds) == ("found", ("floating",))
    asked = plans(file, Listener.of(file, BY_REFERENCES), windows, given)
    assert list(asked) == [2]
    assert doubted(windows, given, asked) == set()
    nothing = {2: replace(asked[2], leaves=())}
    assert doubted(windows, given, nothing) == {"floating"}
    assert read_window(file, Listener.of(file, BY_REFERENCES), 2).shape == (1, 2 * RATE_HZ)


def test_short_and_odd_lengths_are_one_window(tmp_path: Path) -> None:
    for seconds, count in ((0.5, 1), (3.99, 1), (4.0, 2), (60.0, 30)):
        file = AudioFile(tmp_path, RATE_HZ, 1, round(seconds * RATE_HZ))
        length = window_length(file)
        assert -(-file.n_samples // length) == count
        assert seconds < 2 or 2 <= length / RATE_HZ < 4


def test_channels_are_chosen_and_said(tmp_path: Path) -> None:
    def of(n_channels: int, channel: int | None = None) -> tuple[tuple[int, ...], str]:
        file = AudioFile(tmp_path, RATE_HZ, n_channels, RATE_HZ)
        listener = Listener.of(file, DiagnosisSettings(channel=channel, model=REFERENCES))
        return listener.channels, listener.heard_as

    assert of(1) == ((0,), "the only channel")
    assert of(4) == ((0, 1, 2, 3), "the mean power of 4 channels, without regard to directions")
    assert of(4, 2) == ((2,), "channel 3 of 4")
    many, said = of(64)
    assert many == tuple(range(0, 64, 8))
    assert said.startswith("the mean power of 8 of 64 channels")
    with pytest.raises(SettingError, match="--channel must be one of 2, but 3 was given"):
        of(2, 2)


def test_low_rates_and_other_mains_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must have 32 kHz or more .* but 16 kHz was given"):
        Listener.of(AudioFile(tmp_path, 16_000, 1, 16_000), BY_REFERENCES)
    with pytest.raises(SettingError, match="mains_hz must be 50, 60 or"):
        Listener.of(AudioFile(tmp_path, RATE_HZ, 1, 10), replace(BY_REFERENCES, mains_hz=55.0))


def test_the_band_is_that_of_most_windows_with_a_clock() -> None:
    low, high = (10_000.0, 30_000.0), (30_000.0, 46_000.0)
    some = [replace(window("corona"), band=band) for band in (low, high, high)]
    assert voted([*some, *(replace(window("nothing"), band=low) for _ in range(5))]) == high
    assert voted([window("nothing")]) is None


@pytest.fixture(scope="module")
def sparks() -> Prpd:
    return phase_resolve(floating_bars(50.0, 2.0)[0], RATE_HZ)


def test_references_name_what_their_verdict_is(sparks: Prpd) -> None:
    named = ByReferences().name(sparks)
    assert named.kinds == ("floating",)
    assert named.confidence["floating"] > 0.9
    assert not named.unknown
    assert ByReferences().name(replace(sparks, verdict="unknown")).unknown
    wheel = ByReferences().name(replace(sparks, verdict="brush", locked=False, turned=True))
    assert (wheel.kinds, wheel.confidence["brush"]) == (("brush",), 1.0)
    assert ByReferences().name(replace(sparks, verdict="unphased", locked=False)).kinds == ()


def test_nobody_is_asked_of_rounding_and_leakage(tmp_path: Path) -> None:
    file = AudioFile(tmp_path, RATE_HZ, 1, 2 * RATE_HZ)
    listener = replace(Listener.of(file, BY_REFERENCES), namer=Insisting("corona"))
    hum = 0.5 * np.sin(2 * np.pi * 100 * np.arange(2 * RATE_HZ) / RATE_HZ)
    for sound in (np.zeros(2 * RATE_HZ), hum, np.rint(hum * 2**23) / 2**23):
        window = listener.hear(sound[None], RATE_HZ, 0.0, None)
        assert window.said == ("nothing",)
        assert window.confidence == {}


class Insisting:
    """Names a kind whatever it is shown."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def name(self, found: Prpd) -> Naming:
        return Naming((self.kind,), {self.kind: 0.99}, unknown=False)


def test_a_name_that_the_clock_forbids_is_not_taken(part: ndarray, tmp_path: Path) -> None:
    file = AudioFile(tmp_path, RATE_HZ, 1, part.shape[1])
    sparks, noise = part[:, 4 * RATE_HZ : 6 * RATE_HZ], part[:, : 2 * RATE_HZ]
    for kind, of_sparks, of_noise in (
        ("corona", ("corona",), ("nothing",)),
        ("brush", ("unknown",), ("nothing",)),
    ):
        listener = replace(Listener.of(file, BY_REFERENCES), namer=Insisting(kind))
        assert listener.hear(sparks, RATE_HZ, 0.0, None).said == of_sparks
        quiet = listener.hear(noise, RATE_HZ, 0.0, None)
        assert (quiet.said, quiet.clock, quiet.confidence) == (of_noise, "none", {})


def test_full_scale_is_noticed(part: ndarray, tmp_path: Path) -> None:
    file = AudioFile(tmp_path, RATE_HZ, 1, part.shape[1])
    listener = Listener.of(file, BY_REFERENCES)
    assert not listener.hear(part[:, :RATE_HZ], RATE_HZ, 0.0, None).is_full
    loud = np.clip(900 * part[:, :RATE_HZ], -1, 1)
    assert listener.hear(loud, RATE_HZ, 0.0, None).is_full


def test_references_answer_when_asked() -> None:
    assert isinstance(open_namer(REFERENCES), ByReferences)
