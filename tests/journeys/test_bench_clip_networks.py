"""The bench of clip networks gives a row for each network and map."""

from pathlib import Path

import pytest
from bench.clip_networks import NO_IGAM, NO_MASK, TIMED, table

from sonoscope.models.clip.build import PrpdMapSettings
from sonoscope.models.clip.ega import EgaSettings


@pytest.mark.slow
def test_each_network_is_counted_timed_and_trained() -> None:
    tiny = EgaSettings(width=0.25, depth=0.1, igam=NO_IGAM, mask=NO_MASK)
    bodies, maps = {TIMED[0]: tiny}, {"PRPD": PrpdMapSettings()}
    given = table(Path(), Path(), bodies, maps, runs=1, batch=2)
    sizes, times, steps = (part.splitlines()[2:] for part in given.split("\n\n"))
    for rows, n_numbers in ((sizes, 2), (times, 3), (steps, 2)):
        (row,) = rows
        numbers = [float(cell) for cell in row.strip("| ").split(" | ")[-n_numbers:]]
        assert min(numbers) > 0
