"""A schedule made from a table, heard, and written as such a table again, is the table."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from bench.replay import event_misses, frame_misses, heard, table
from hypothesis import given
from hypothesis import strategies as st
from numpy import ndarray
from scipy.optimize import lsq_linear

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.direction import angle_between, angles, unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.simulation.replay import (
    STARSS22_LABELS,
    PlannedEvent,
    Schedule,
    fill,
    frame_rows,
    is_steady,
    read_schedule,
    smoothest,
    speeds,
    write_table,
)
from sonoscope.simulation.sources import ACTIVE_RMS, ModelledBank, frame_power

RATE = 24_000


def _generator() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(7))


def _write(path: Path, rows: Sequence[Sequence[int]]) -> Path:
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


# ── tables of frames ─────────────────────────────────────────────────────────────────────────────


def test_what_moves_and_what_stays(tmp_path: Path) -> None:
    walk = [(f, 0, 3, -170 - 2 * f + 360 * (f > 4), f // 3) for f in range(30)]
    stay = [(f, 1, 0, 50 + f % 2, -10) for f in range(5, 20)]
    again = [(f, 1, 0, -50, 10) for f in range(40, 41)]
    schedule = read_schedule(
        _write(tmp_path / "a.csv", walk + stay + again), _generator(), ("cat", "dog")
    )
    first, second, third = schedule.events
    assert (first.label, first.onset_s, first.offset_s, first.source) == ("cat", 0.0, 3.0, 3)
    assert (second.label, second.onset_s, second.offset_s) == ("dog", 0.5, 2.0)
    assert (third.onset_s, third.offset_s) == (4.0, 4.1)
    assert [event.is_moving for event in schedule.events] == [True, False, False]
    assert np.rad2deg(angles(second.directions))[:, 0] == pytest.approx([50.5, -10])
    assert (schedule.kind, schedule.duration_s, schedule.overlap()) == ("frames", 5.0, 2)
    # one source, one distance
    assert second.distance_m == third.distance_m
    assert first.distance_m[0] != second.distance_m[0]
    assert np.all((first.distance_m >= 1) & (first.distance_m <= 3))
    # 2 degrees a frame round the back, and no step back where azimuth wraps
    assert np.rad2deg(speeds(first)).mean() == pytest.approx(20, rel=0.05)
    assert np.rad2deg(speeds(first)).max() < 24


def test_distances_of_the_table_are_kept(tmp_path: Path) -> None:
    rows = [(f, 0, 0, 10, 0, 150 + 10 * f) for f in range(20)]
    (event,) = read_schedule(_write(tmp_path / "a.csv", rows), _generator(), ("cat",)).events
    assert event.is_moving
    np.testing.assert_allclose(event.distance_m, 1.5 + 0.1 * np.arange(20))


def test_a_row_said_twice_is_one_and_two_directions_are_two_sources(tmp_path: Path) -> None:
    rows = [(f, 0, 0, azimuth, 0) for f in range(6) for azimuth in (180, -180, 20)]
    schedule = read_schedule(_write(tmp_path / "a.csv", rows), _generator(), ("cat",))
    found = sorted(float(np.rad2deg(angles(event.directions[0])[0])) for event in schedule.events)
    assert found == pytest.approx([20, 180])


def test_short_gaps_are_joined_if_asked(tmp_path: Path) -> None:
    rows = [(f, 0, 0, 3 * f, 0) for f in range(20) if f not in (7, 8)]
    path = _write(tmp_path / "a.csv", rows)
    assert len(read_schedule(path, _generator(), ("cat",)).events) == 2
    assert len(read_schedule(path, _generator(), ("cat",), join_frames=1).events) == 2
    (joined,) = read_schedule(path, _generator(), ("cat",), join_frames=2).events
    azimuth, _ = np.rad2deg(angles(joined.directions))
    np.testing.assert_allclose(azimuth, 3 * np.arange(20), atol=0.5)


def test_an_empty_table_is_an_empty_scene(tmp_path: Path) -> None:
    schedule = read_schedule(_write(tmp_path / "a.csv", []), _generator())
    assert (schedule.events, schedule.overlap()) == ((), 0)


@pytest.mark.slow
@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=80),
    st.lists(st.integers(-1, 1), min_size=80, max_size=80),
    st.integers(-180, 180),
)
def test_a_path_rounds_to_the_table_it_came_from(
    tmp_path_factory: pytest.TempPathFactory, turns: list[int], rises: list[int], start: int
) -> None:
    azimuth = (start + np.cumsum(turns) + 180) % 360 - 180
    elevation = np.cumsum(rises)[: len(turns)]
    rows = [
        (f, 0, 0, int(a), int(e)) for f, (a, e) in enumerate(zip(azimuth, elevation, strict=True))
    ]
    path = _write(tmp_path_factory.mktemp("tables") / "a.csv", rows)
    schedule = read_schedule(path, _generator(), ("cat",))
    rows_heard = frame_rows(schedule, [e.as_heard() for e in schedule.events], ("cat",))
    allowed = 0.5 + 1e-6
    turned = np.rad2deg(rows_heard.azimuth) - azimuth
    assert np.abs((turned + 180) % 360 - 180).max() <= allowed
    assert np.abs(np.rad2deg(rows_heard.elevation) - elevation).max() <= allowed


def test_of_all_paths_through_the_rows_the_smoothest_is_taken() -> None:
    """Against a general solver of the bounded problem."""
    times = np.arange(40) / 10
    rows = np.rint(20 * np.sin(times) + 5 * times)
    second = np.diff(np.eye(40), 2, axis=0)

    def roughness(series: ndarray) -> float:
        return float(np.sum((second @ series) ** 2))

    found = smoothest(rows, np.ones(40, bool), 0.49)
    best = lsq_linear(second, np.zeros(38), (rows - 0.49, rows + 0.49), tol=1e-12)
    assert np.abs(found - rows).max() <= 0.49
    assert roughness(found) < 1.03 * roughness(best.x)
    assert roughness(found) < 0.05 * roughness(rows)


def test_near_the_pole_rows_are_taken_as_they_are(tmp_path: Path) -> None:
    rows = [(f, 0, 0, (60 * f + 180) % 360 - 180, 88) for f in range(10)]
    (event,) = read_schedule(_write(tmp_path / "a.csv", rows), _generator(), ("cat",)).events
    wanted = unit_vector(np.deg2rad(60.0 * np.arange(10)), np.deg2rad(88.0))
    np.testing.assert_allclose(event.directions, wanted, atol=1e-9)


@pytest.mark.slow
@pytest.mark.shared
def test_tables_of_starss22_are_heard_as_they_were_written(shared: Path, tmp_path: Path) -> None:
    """One in eleven; the bench does all of them."""
    tables = sorted((shared / "starss22" / "metadata_dev").rglob("*.csv"))
    assert len(tables) == 121
    for path in tables[::11]:
        schedule = read_schedule(path, _generator(), STARSS22_LABELS)
        again = tmp_path / "again.csv"
        write_table(again, schedule, [heard(e) for e in schedule.events], STARSS22_LABELS)
        lost, apart = frame_misses(path, again)
        assert lost == 0
        assert apart.max() <= 1
        assert 1 <= schedule.overlap() <= 5


# ── tables of events ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.shared
def test_tables_of_2019_are_heard_as_they_were_written(shared: Path, tmp_path: Path) -> None:
    """One in twenty; the bench does all of them."""
    tables = sorted((shared / "dcase2019" / "reference_events").glob("*.csv"))
    assert len(tables) == 400
    for path in tables[::20]:
        schedule = read_schedule(path, _generator())
        assert (schedule.kind, schedule.duration_s) == ("events", 60.0)
        assert schedule.overlap() == int(path.stem.split("_ov")[1][0])
        again = tmp_path / "again.csv"
        write_table(again, schedule, [heard(event) for event in schedule.events], ())
        wrong, late_s = event_misses(path, again, schedule.duration_s)
        assert wrong == 0
        assert late_s.max() <= 1 / RATE


@pytest.mark.slow
@pytest.mark.shared
def test_the_bench_prints_both_sets(shared: Path, tmp_path: Path) -> None:
    rows = table(tmp_path, shared, every=40).splitlines()
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["TAU 2019", "STARSS22"]
    assert all(row.split("|")[12].strip() == "0" for row in rows[2:])


def test_an_event_table_that_goes_on_makes_a_longer_scene(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("class,start,end,ele,azi,dist\ncat,1,2,0,0,1\ndog,70,81.2,0,0,2\n")
    assert read_schedule(path, _generator()).duration_s == 85.0


def test_what_reaches_beyond_the_recording_is_cut_there(tmp_path: Path) -> None:
    path = tmp_path / "over.csv"
    path.write_text("class,start,end,ele,azi,dist\ncat,1,2,0,0,1\ndog,58.5,62.33,0,0,2\n")
    schedule = read_schedule(path, _generator())
    assert schedule.duration_s == 60.0
    assert [event.offset_s for event in schedule.events] == [2.0, 60.0]


def test_an_event_without_direction_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.csv"
    path.write_text("label,onset_s,offset_s\ncat,1,2\n")
    with pytest.raises(InputError, match=r"nowhere\.csv: every event must have a direction"):
        read_schedule(path, _generator())


def test_an_index_without_name_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", [(0, 3, 0, 0, 0)])
    with pytest.raises(InputError, match=r"a\.csv: class indices must be in 0\.\.0"):
        read_schedule(path, _generator(), ("cat",))


def test_what_is_heard_must_be_what_was_planned(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", [(0, 0, 0, 0, 0)])
    schedule = read_schedule(path, _generator(), ("cat",))
    with pytest.raises(InputError, match="1 events with labels among cat must be heard, but 0"):
        frame_rows(schedule, [], ("cat",))
    with pytest.raises(InputError, match="but 1 was given and 'cat'"):
        frame_rows(schedule, [schedule.events[0].as_heard()], ("dog",))


def test_a_source_sets_out_earlier_by_its_time_of_flight() -> None:
    towards = unit_vector([0.0, 1.0], [0.0, 0.0])
    event = PlannedEvent("a", 1.0, 2.0, np.array([1.0, 2.0]), towards, np.array([3.43, 6.86]), 0)
    np.testing.assert_allclose(
        event.track.times_s, [1 - 3.43 / SPEED_OF_SOUND_M_S, 2 - 6.86 / SPEED_OF_SOUND_M_S]
    )
    assert event.emission_s == pytest.approx(1 - 3.43 / SPEED_OF_SOUND_M_S)
    np.testing.assert_allclose(event.track.positions_m[1], 6.86 * towards[1])


def test_overlap_counts_what_is_heard_at_once() -> None:
    ahead = unit_vector([0.0], [0.0])
    spans = [(0.0, 1.0), (1.0, 2.0), (1.5, 3.0), (1.9, 1.95)]
    events = tuple(
        PlannedEvent("a", onset, offset, np.zeros(1), ahead, np.ones(1), 0)
        for onset, offset in spans
    )
    assert Schedule("s", "events", 60.0, events).overlap() == 3


# ── sounds of a given length ─────────────────────────────────────────────────────────────────────


class _Tones:
    """A bank of steady tones (or strikes) of a fifth of a second to half a one, each another."""

    def __init__(self, *, strikes: bool = False) -> None:
        self.strikes, self.drawn = strikes, 0

    @property
    def labels(self) -> tuple[str, ...]:
        return ("tone",)

    def draw(self, label: str, generator: np.random.Generator, max_s: float) -> tuple[ndarray, str]:
        self.drawn += 1
        length = int(generator.uniform(0.2, 0.5) * RATE)
        times = np.arange(length) / RATE
        sound = 0.1 * np.sin(2 * np.pi * 440 * times)
        if self.strikes:
            sound = sound * np.exp(-times / 0.02)
        return sound.astype(np.float32), f"clip {self.drawn}"


@pytest.mark.parametrize("strikes", [False, True])
@pytest.mark.parametrize("length", [1, 1_000, 9_000, 200_000])
def test_a_sound_lasts_exactly_as_planned(strikes: bool, length: int) -> None:
    filling = fill(_Tones(strikes=strikes), "tone", length, RATE, _generator())
    assert filling.sound.shape == (length,)
    assert filling.sound.dtype == np.float32


def test_a_short_steady_sound_goes_round_without_a_gap() -> None:
    filling = fill(_Tones(), "tone", 5 * RATE, RATE, _generator())
    power = 10 * np.log10(frame_power(filling.sound, RATE)[2:-2])
    # uncorrelated sounds keep their power where they are cross-faded, equal ones gain up to 3 dB
    # and opposite ones cancel at one instant: nowhere is there a pause of a hundredth of a second
    assert np.mean(power < np.median(power) - 10) < 0.02
    assert filling.attribution.count("clip") == 1


def test_strikes_follow_one_another_and_all_are_credited() -> None:
    bank = _Tones(strikes=True)
    filling = fill(bank, "tone", 3 * RATE, RATE, _generator())
    power = frame_power(filling.sound, RATE)
    loud = np.flatnonzero(power > 0.1 * power.max())
    assert np.diff(loud).max() * 0.01 < 0.55  # no pause longer than a clip
    assert filling.attribution.count("clip") > 5
    assert len(set(filling.attribution.split("; "))) == filling.attribution.count("clip")


def test_a_long_sound_is_cut_with_a_fade() -> None:
    filling = fill(_Tones(), "tone", 2_000, RATE, _generator())
    assert abs(float(filling.sound[-1])) < 1e-3
    assert np.abs(filling.sound[-240:]).max() > 0.01


def test_a_strike_is_not_steady() -> None:
    bank = _Tones()
    assert is_steady(bank.draw("tone", _generator(), 1.0)[0], RATE)
    assert not is_steady(_Tones(strikes=True).draw("tone", _generator(), 1.0)[0], RATE)
    assert not is_steady(np.zeros(100, np.float32), RATE)


@pytest.mark.slow
@pytest.mark.parametrize("label", ModelledBank(RATE).labels)
def test_modelled_sounds_fill_any_plan(label: str) -> None:
    bank = ModelledBank(RATE)
    for seconds in (0.1, 1.7, 12.0):
        length = round(seconds * RATE)
        filling = fill(bank, label, length, RATE, _generator())
        assert filling.sound.shape == (length,)
        power = frame_power(filling.sound, RATE)
        assert np.sqrt(power[power > 0.01 * power.max()].mean()) == pytest.approx(
            ACTIVE_RMS, rel=1e-3
        )
        heard = np.flatnonzero(power > 1e-5 * power.max())
        assert np.diff(np.concatenate([[0], heard])).max() * 0.01 < 0.8


def test_the_same_generator_fills_alike() -> None:
    one, two = (fill(ModelledBank(RATE), "siren", RATE, RATE, _generator()) for _ in range(2))
    np.testing.assert_array_equal(one.sound, two.sound)


def test_no_length_is_refused() -> None:
    with pytest.raises(SettingError, match="length must be at least 1 sample, but 0"):
        fill(_Tones(), "tone", 0, RATE, _generator())


def test_heard_paths_follow_the_plan_to_a_hundredth_of_a_degree(tmp_path: Path) -> None:
    """The test's own physics: what is emitted along `track` arrives as planned."""
    rows = [(f, 0, 0, 4 * f - 60, round(10 * np.sin(f / 9))) for f in range(30)]
    (event,) = read_schedule(_write(tmp_path / "a.csv", rows), _generator(), ("cat",)).events
    event_heard, times = heard(event), event.times_s[2:-2]
    away = angle_between(event_heard.direction_at(times), event.directions[2:-2])
    assert np.rad2deg(away).max() < 0.02
