"""What sound travels through: its speed and how it swallows high frequencies.

Reference: ISO 9613-1:1993, attenuation of sound by the atmosphere.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SPEED_OF_SOUND_M_S = 343.0
"""Dry air at 20 °C; the value that the DCASE array formulas use."""


def absorption_db_m(
    frequency_hz: ArrayLike,
    *,
    temperature_c: float = 20.0,
    humidity_percent: float = 50.0,
    pressure_kpa: float = 101.325,
) -> NDArray[np.float64]:
    """Give the loss of a pure tone in dB per metre (ISO 9613-1, eq. 3 to 5).

    Examples
    --------
    >>> absorption_db_m([1_000.0, 10_000.0]).round(4).tolist()
    [0.0047, 0.1588]
    """
    frequency = np.asarray(frequency_hz, dtype=np.float64)
    kelvin = temperature_c + 273.15
    warm = kelvin / 293.15
    pressure = pressure_kpa / 101.325
    saturation = 10 ** (-6.8346 * (273.16 / kelvin) ** 1.261 + 4.6151)
    humidity = humidity_percent * saturation / pressure
    oxygen = pressure * (24 + 4.04e4 * humidity * (0.02 + humidity) / (0.391 + humidity))
    nitrogen = (
        pressure * warm**-0.5 * (9 + 280 * humidity * np.exp(-4.170 * (warm ** (-1 / 3) - 1)))
    )
    classical = 1.84e-11 / pressure * np.sqrt(warm)
    relaxation = warm**-2.5 * (
        0.01275 * np.exp(-2239.1 / kelvin) / (oxygen + frequency**2 / oxygen)
        + 0.1068 * np.exp(-3352.0 / kelvin) / (nitrogen + frequency**2 / nitrogen)
    )
    loss: NDArray[np.float64] = 8.686 * frequency**2 * (classical + relaxation)
    return loss
