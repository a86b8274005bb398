"""Training of the network that names discharges from phase-resolved patterns."""
