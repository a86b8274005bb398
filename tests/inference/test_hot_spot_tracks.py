"""Hot spots of windows become tracks, as their ellipses say, whichever band they are of."""

import numpy as np
import pytest

from sonoscope.core.direction import angle_between, unit_vector
from sonoscope.imaging.bound import Ellipse
from sonoscope.imaging.image import HotSpot
from sonoscope.inference.hot_spot_tracks import covariance, followed
from sonoscope.report.track_picture import COLUMNS, colour, track_picture, track_rows, tracks_csv

BANDS = ((891.0, 1122.0), (7127.0, 8979.0))
SMALL = Ellipse(float(np.deg2rad(2.0)), float(np.deg2rad(1.0)), 0.4)
WINDOWS = [(i * 0.25, (i + 1) * 0.25) for i in range(24)]


def spot(window: int, azimuth_deg: float, band: int = 0, ellipse: Ellipse = SMALL) -> HotSpot:
    towards = unit_vector(np.deg2rad(azimuth_deg), 0.3)
    start, end = WINDOWS[window]
    return HotSpot(BANDS[band], start, end, towards, None, 1e-4 * (band + 1), 10.0, 50.0, ellipse)


def test_spots_of_all_bands_and_windows_are_one_track_a_source() -> None:
    spots = []
    for i in range(24):
        spots += [spot(i, 170.0 + i, 0), spot(i, 170.3 + i, 1)]  # through straight behind
        if 8 <= i < 20:
            spots.append(spot(i, -60.0, 1))
    spots.append(spot(3, 90.0))
    found = followed(spots, WINDOWS)
    assert [track.id for track in found.tracks] == [1, 2]
    numbers = [found.number_of.get(id(each)) for each in spots]
    assert numbers.count(1) == 48
    assert numbers.count(2) == 12
    assert numbers[-1] is None
    moving, still = found.tracks
    truth = unit_vector(np.deg2rad(170.15 + np.arange(24)), 0.3)
    assert np.rad2deg(angle_between(moving.direction, truth)).max() < 0.3
    assert (still.onset_s, still.offset_s) == (2.125, 4.875)
    assert moving.level_db[0] == pytest.approx(10 * np.log10(2 * 3e-4))


def test_a_covariance_draws_the_ellipse_that_it_is_of() -> None:
    one = spot(0, 100.0)
    values, axes = np.linalg.eigh(covariance(one))
    half = np.sqrt(values[1:] * -2 * np.log(0.1))
    assert half == pytest.approx([SMALL.minor_rad, SMALL.major_rad])
    rim = one.outline()
    furthest = rim[angle_between(rim, one.direction).argmax()] - one.direction
    assert abs(axes[:, 2] @ furthest) == pytest.approx(np.linalg.norm(furthest), rel=1e-3)
    assert np.allclose(covariance(one) @ one.direction, 0, atol=1e-15)


def test_ellipses_that_tell_nothing_are_not_followed() -> None:
    wide = Ellipse(2.0, 0.2, 0.0)
    found = followed([spot(i, 10.0, 0, wide) for i in range(24)], WINDOWS)
    assert found.tracks == ()
    assert found.number_of == {}
    assert followed([], []).tracks == ()


def test_tracks_are_drawn_and_written() -> None:
    spots = [spot(i, 170.0 + i) for i in range(24) if i != 10]
    found = followed(spots, WINDOWS)
    drawn = track_picture("a <b>", found.tracks, spots, found.number_of, 6.0)
    assert drawn.count("<path") == 2 * (2 + 1 + 2)
    assert "a &lt;b&gt;" in drawn
    assert colour(1) in drawn
    assert "nan" not in drawn
    rows = tracks_csv(found.tracks, 120.0).splitlines()
    assert rows[0] == ",".join(COLUMNS)
    assert len(rows) == 1 + 24
    silent = rows[1 + 10].split(",")
    assert silent[-2:] == ["", "0"]
    assert float(rows[1].split(",")[-2]) == pytest.approx(120 + 10 * np.log10(2e-4), abs=0.01)
    (told,) = track_rows(found.tracks)
    assert told["heard"] == 23
    assert told["first_azimuth_deg"] == pytest.approx(170, abs=1)
    assert told["last_azimuth_deg"] == pytest.approx(-167, abs=1)
