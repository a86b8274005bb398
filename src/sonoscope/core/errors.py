"""The refusals, one tree; the doors turn each into a single line and exit code 2.

    SonoscopeError (a ValueError)
    ├── InputError       a file or array that cannot be what it should be
    ├── SettingError     a recipe, an option or an argument
    └── CheckpointError  a model file or checkpoint

A message reads `<what> must be <wanted>, but <given> was given`, with the full path to the value
(`train.batch_size`, `deck.wav: channel 3`).
"""


class SonoscopeError(ValueError):
    """Something asked of sonoscope that it refuses, in one line."""


class InputError(SonoscopeError):
    """A file or array that is not what it should be."""


class SettingError(SonoscopeError):
    """A recipe, option or argument out of its range."""


class CheckpointError(SonoscopeError):
    """A model file or training checkpoint that cannot be used."""
