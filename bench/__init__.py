"""Measurements: one file a claim, one Markdown table each; see `python -m bench --help`."""
