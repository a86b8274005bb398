"""The benches run, at their smallest size; nobody is judged by the clock."""

from pathlib import Path

import pytest
from bench import (
    calibration,
    decoding,
    direct_sound,
    false_alarms,
    held_out,
    room_response,
    rooms,
    scene_truth,
    simulation,
)


@pytest.mark.slow
def test_simulation_prints_both_ways(tmp_path: Path) -> None:
    table = simulation.table(tmp_path, tmp_path, scenes=1, duration_s=6.0)
    assert table.count("\n") == 4


@pytest.mark.slow
def test_sound_is_where_its_label_says(tmp_path: Path) -> None:
    rows = scene_truth.table(tmp_path, tmp_path, scenes=1).splitlines()[2:]
    assert len(rows) == 4
    assert all("| 100.0 % |" in row for row in rows)


@pytest.mark.slow
def test_rooms_print_decays_levels_and_times(tmp_path: Path) -> None:
    assert rooms.table(tmp_path, tmp_path, rooms=1, spread=0.1).count("|") > 20


@pytest.mark.slow
def test_responses_stand_beside_those_of_another_library(tmp_path: Path) -> None:
    table = room_response.table(
        tmp_path, tmp_path, until_s=(0.03,), orders=(3,), rates=(24_000,), waves=20, runs=1
    )
    assert "pyroomacoustics" in table


@pytest.mark.slow
def test_nothing_is_heard_where_nothing_sounds(tmp_path: Path) -> None:
    table = false_alarms.table(tmp_path, tmp_path, seconds=30)
    rows = table.splitlines()[2:]
    assert len(rows) == 6
    assert all(row.endswith("| 0.00 |") for row in rows)


@pytest.mark.slow
@pytest.mark.shared
def test_a_held_out_scene_is_heard(tmp_path: Path, shared: Path) -> None:
    scenes = held_out.scene_set("held_out", tmp_path, shared, 2)
    scores = held_out.scored(scenes, "foa", 2).scores()
    assert scores.f > 0.5
    assert scores.de_deg < 25


@pytest.mark.slow
@pytest.mark.shared
def test_decoding_is_changed_in_the_card(tmp_path: Path, shared: Path) -> None:
    ways = ("as shipped", "nothing tuned")
    rows = decoding.table(tmp_path, shared, count_=2, ways=ways, formats=("foa",)).splitlines()[2:]
    shipped, plain = ([float(figure) for figure in row.split("|")[3:8]] for row in rows)
    assert shipped != plain
    assert min(shipped[1], plain[1]) > 0.4


@pytest.mark.slow
@pytest.mark.shared
def test_direct_forms_point_better_than_intensity(tmp_path: Path, shared: Path) -> None:
    rows = direct_sound.table(tmp_path, shared, scenes=12).splitlines()[2:]
    mean_deg = [float(row.split("|")[4]) for row in rows]
    assert mean_deg[2] < mean_deg[0]  # FOA: mode, intensity
    assert mean_deg[5] < mean_deg[3]  # tetrahedron


@pytest.mark.slow
@pytest.mark.shared
def test_calibration_prints_scores_regions_and_passes(tmp_path: Path, shared: Path) -> None:
    table = calibration.table(tmp_path, shared, count_=1, passes=2, pass_count=1, formats=("foa",))
    assert table.count("| foa |") == 3 + 4 + 1
