"""sonoscope: from a microphone array's recording to what sounded, when, from where.

The tour: `pipeline` holds each job as one short function; every line of such a function names one
room. `core` is the common vocabulary, `signal` what a sound looks like, `simulation` recordings
whose truth is known, `models` and `training` how a detector learns, `inference` how it listens,
`report` what the user gets. docs/architecture.md draws the house.
"""

__version__ = "0.1.0"
