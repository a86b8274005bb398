"""Weighting A beside the table of IEC 61672-1."""

import numpy as np

from sonoscope.signal.weighting import a_weight

TABLE = {31.5: -39.4, 63: -26.2, 125: -16.1, 250: -8.6, 500: -3.2, 1_000: 0.0, 2_000: 1.2,
         4_000: 1.0, 8_000: -1.1, 16_000: -6.6}  # fmt: skip


def test_weights_are_those_of_the_standards_table() -> None:
    exact = 1_000 * 10 ** (np.round(10 * np.log10(np.array(list(TABLE)) / 1_000)) / 10)
    found = 20 * np.log10(a_weight(exact))
    np.testing.assert_allclose(found, list(TABLE.values()), atol=0.06)
    assert a_weight(np.zeros(1)) == 0
