"""The air's absorption against the tables of ISO 9613-1."""

import numpy as np
import pytest

from sonoscope.core.air import absorption_db_m


@pytest.mark.parametrize(
    ("frequency_hz", "db_per_km"),
    [(125, 0.44), (1_000, 4.66), (4_000, 29.7), (8_000, 105)],
)
def test_absorption_is_that_of_the_standard(frequency_hz: float, db_per_km: float) -> None:
    """20 °C, 50 % relative humidity, 101.325 kPa (ISO 9613-1, table 1)."""
    found = 1_000 * absorption_db_m(np.array([frequency_hz]))
    assert float(found[0]) == pytest.approx(db_per_km, rel=0.02)


def test_absorption_grows_with_frequency() -> None:
    assert (np.diff(absorption_db_m(np.geomspace(20, 80_000, 100))) > 0).all()
