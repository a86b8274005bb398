"""Whole ways through sonoscope, as a user walks them."""
