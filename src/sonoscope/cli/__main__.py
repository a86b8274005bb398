"""`python -m sonoscope.cli` is the command `sonoscope`."""

from sonoscope.cli.main import run

run()
