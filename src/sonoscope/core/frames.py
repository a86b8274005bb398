"""Where seconds, samples and frames meet.

Everything that counts time does it here and in whole samples, because `0.06 // 0.02` is 2.0 in
binary floating point and a detector that loses one frame in three still trains.
"""

from dataclasses import dataclass
from fractions import Fraction

from sonoscope.core.errors import SettingError


def whole_samples(seconds: float, rate_hz: int) -> int:
    """Give the nearest whole number of samples (halves go up), the one rounding rule of the house.

    Examples
    --------
    >>> whole_samples(0.06, 24_000) // whole_samples(0.02, 24_000)
    3
    """
    return int(Fraction(repr(float(seconds))) * rate_hz + Fraction(1, 2))


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """A regular grid of frames over a sampled signal: frame i covers samples i*hop to (i+1)*hop.

    Attributes
    ----------
    rate_hz
        Samples per second.
    hop
        Samples from one frame's start to the next.

    Examples
    --------
    >>> grid = FrameGrid(rate_hz=24_000, hop=480)
    >>> grid.count(24_000), grid.every(5).step_s
    (50, 0.1)
    """

    rate_hz: int
    hop: int

    def __post_init__(self) -> None:
        if self.rate_hz < 1 or self.hop < 1:
            raise SettingError(
                f"a frame grid must have rate_hz and hop of at least 1, "
                f"but {self.rate_hz} and {self.hop} were given"
            )

    @property
    def step_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop / self.rate_hz

    def count(self, n_samples: int) -> int:
        """Give the number of frames that touch a signal; a ragged tail is a frame too."""
        return -(-n_samples // self.hop)

    def start_s(self, frame: int) -> float:
        """Give the second at which a frame begins."""
        return frame * self.hop / self.rate_hz

    def nearest_edge(self, seconds: float) -> int:
        """Give the frame whose start lies nearest to a time."""
        return int(Fraction(repr(float(seconds))) * self.rate_hz / self.hop + Fraction(1, 2))

    def every(self, ratio: int) -> "FrameGrid":
        """Give the coarser grid that pools `ratio` frames into one."""
        return FrameGrid(self.rate_hz, self.hop * ratio)
