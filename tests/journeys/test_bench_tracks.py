"""The bench of tracks on a small scale: what it says is told apart from chance."""

from pathlib import Path

from bench import tracks


def test_the_bench_of_tracks_says_what_it_measured(tmp_path: Path) -> None:
    said = tracks.table(tmp_path, tmp_path, draws=1, minutes=0.05)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines()]
    by_way = {row[1]: row for row in rows if row and row[0] == "two cross"}
    assert by_way["tracker"][2] == "1 of 1"
    error = {way: float(row[4]) for way, row in by_way.items()}
    assert error["tracker"] < error["as it comes in"] < error["nearest"]
