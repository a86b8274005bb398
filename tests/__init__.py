"""What sonoscope claims, each claim with its test."""
