"""The bench of the rivals runs at its smallest size."""

from pathlib import Path

import pytest
from bench import rivals


@pytest.mark.slow
def test_a_rival_is_weighed_and_timed(tmp_path: Path) -> None:
    file = rivals.RECIPES / "rivals" / "dcase2024.toml"
    row = rivals.table(tmp_path, tmp_path, [file], scenes=1, window_s=1.0, steps=1).splitlines()[-1]
    # 13 labels are 742 172; two fewer leave out 129 weights for each of 3 tracks and 4 numbers
    assert row.startswith("| dcase2024 | 739 076 | 739 076 | multi-accdoa-distance | ")
    assert 742_172 - 2 * 129 * 12 == 739_076
