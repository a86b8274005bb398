"""What front ends of mono sound share: frames that lie evenly, and maps that stand like images."""

from jaxtyping import Float
from torch import Tensor

from sonoscope.core.frames import whole_samples
from sonoscope.models.normalised import NormalisedMaps


class EvenFrames:
    """Settings of a front end, whose lengths are counted in samples too."""

    rate_hz: int
    window_s: float
    hop_s: float

    @property
    def window(self) -> int:
        """Samples in a window."""
        return whole_samples(self.window_s, self.rate_hz)

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return whole_samples(self.hop_s, self.rate_hz)

    @property
    def n_fft(self) -> int:
        """Samples in the transform: the power of two that holds the window."""
        return 1 << max(self.window - 1, 1).bit_length()


class MonoMaps(NormalisedMaps):
    """A front end whose one map has frequency as its height and time as its width.

    Moments are set by `normalise_by` and saved with the network.
    """

    def forward(
        self, sound: Float[Tensor, "batch sample"]
    ) -> Float[Tensor, "batch channel=1 bin frame"]:
        """Give floor(sample / hop) frames, each bin with the training's mean 0 and deviation 1.

        Raises
        ------
        InputError
            If the sound is too short for one frame.
        """
        return self.normalised(sound).transpose(2, 3)
