"""What maps are normalised by, and where nothing varies."""

import pytest
import torch
from tests.models.listening import noise

from sonoscope.models.normalised import Moments, NormalisedMaps


class Plain(NormalisedMaps):
    """The sound itself: four maps, and as many bins as a frame has samples."""

    def maps(self, sound: torch.Tensor) -> torch.Tensor:
        return torch.unflatten(sound, -1, (-1, self.n_bins))


def test_moments_are_those_of_all_frames_at_once() -> None:
    moments, maps = Moments(2, 3), 7.0 + noise(6, 2, 5, 3)
    for part in (maps[:1], maps[1:4], maps[4:]):
        moments.add(part)
    flat = maps.double().transpose(0, 1).flatten(1, 2)
    torch.testing.assert_close(moments.mean, flat.mean(dim=1))
    torch.testing.assert_close(moments.std, flat.std(dim=1, correction=0))


@pytest.mark.parametrize("level", [-83.3, 0.1, 0.0])
def test_what_never_varies_is_not_blown_up_by_rounding(level: float) -> None:
    """A band at the floor in training may hold sound later: dB are then left what they are."""
    moments, front = Moments(4, 3), Plain(4, 3)
    for _ in range(50):
        moments.add(torch.full((2, 4, 37, 3), level))
    assert not moments.std.any()
    front.normalise_by(moments.mean.float(), moments.std.float())
    torch.testing.assert_close(front(torch.full((1, 4, 6), level + 1.0)), torch.ones(1, 4, 2, 3))
