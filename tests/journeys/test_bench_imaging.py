"""The bench of imaging runs at its smallest size, and what it measures is what it should be."""

from pathlib import Path

import numpy as np
import pytest
from bench import imaging_accuracy, imaging_measured
from bench.imaging import OPEN_TETRAHEDRON, WAYS, Case, recording, speed
from bench.imaging_rivals import acoular, plain_map, steering

from sonoscope.core.array import EM32, TETRAHEDRON
from sonoscope.core.direction import sphere_grid, unit_vector
from sonoscope.imaging.beamform import conventional
from sonoscope.imaging.spectra import third_octave
from sonoscope.imaging.steering import Formulation


@pytest.mark.slow
def test_speed_gives_a_row_for_each_map_of_both_cases_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.imaging.acoular", lambda: None)
    table = speed(runs=1, thinned=300)
    assert table.count("\n| A |") == len(WAYS)
    assert table.count("\n| B |") == len(WAYS) + 3
    assert "Acoular is not installed" in table


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("formulation", ["I", "II", "III", "IV"])
def test_maps_are_acoulars_of_the_same_formulation(formulation: Formulation) -> None:
    ac = acoular()
    if ac is None:
        pytest.skip("Acoular is not installed")
    points = 2 * sphere_grid(40)
    samples = recording(OPEN_TETRAHEDRON, 2.0 * unit_vector(0.5, 0.2), 48_000)
    case = Case("B", OPEN_TETRAHEDRON, 48_000.0, third_octave(4000.0), points, samples)
    spectra = case.spectra()
    ours = conventional(spectra, case.scan(formulation))
    theirs = plain_map(spectra, steering(ac, OPEN_TETRAHEDRON.positions, points, formulation))
    assert np.abs(ours - theirs).max() < 1e-6 * ours.max()


@pytest.mark.slow
def test_a_lone_source_is_found_as_well_as_can_be_known() -> None:
    row = imaging_accuracy.lone_row(10, 12)
    assert float(str(row[4])) < 1.5
    assert float(str(row[5]).strip("%")) >= 60


@pytest.mark.parametrize("array", [TETRAHEDRON, EM32], ids=["tetra", "em32"])
@pytest.mark.slow
def test_levels_on_the_sphere_are_right_within_half_a_decibel(
    array: imaging_accuracy.MicArray,
) -> None:
    centres = np.array([250.0, 1000.0, 8000.0])
    errors = imaging_accuracy.level_errors(array, 48_000, centres, directions=2)
    assert np.abs(errors).max() < 0.5


@pytest.mark.slow
def test_pairs_in_a_room_are_found_every_way() -> None:
    table = imaging_accuracy.pairs_in_rooms(1)
    assert table.count("\n| open |") == table.count("\n| rigid |") == 6


def test_each_found_source_counts_once() -> None:
    true = unit_vector(np.deg2rad([0.0, 90.0]), 0.0)
    both = imaging_accuracy.missed(unit_vector(np.deg2rad([91.0, 2.0]), 0.0), true)
    assert np.rad2deg(both) == pytest.approx([2.0, 1.0])
    assert np.rad2deg(imaging_accuracy.missed(true[1:], true)) == pytest.approx([180.0, 0.0])


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    "chosen", [tuple(range(0, 110, 4)), imaging_measured.DCASE_POSITIONS], ids=["sphere", "four"]
)
def test_a_measured_sphere_tells_where_its_loudspeakers_are(
    chosen: tuple[int, ...], shared: Path
) -> None:
    found = imaging_measured.sofia_directions_deg(shared, chosen)
    for label, (azimuth, elevation) in zip(imaging_measured.SOFIA_AZIMUTHS_DEG, found, strict=True):
        assert abs(azimuth - label) < 4
        assert abs(elevation) < 4


@pytest.mark.slow
@pytest.mark.shared
def test_measured_delays_point_to_their_loudspeakers(shared: Path) -> None:
    errors = imaging_measured.pyramic_errors_deg(
        shared, imaging_measured.FOUR_MICROPHONES, every=12
    )
    assert np.median(errors) <= 0.5
    assert errors.max() < 3
