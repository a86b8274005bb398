import pytest
import torch
from tests.models.listening import noise
from torch import nn

from sonoscope.models.clip.rivals.segment_means import segment_means


@pytest.mark.parametrize(("n_places", "n_segments"), [(399, 10), (7, 7), (16, 4), (5, 3), (3, 10)])
def test_means_are_torchs(n_places: int, n_segments: int) -> None:
    sequence = noise(2, 3, n_places)
    wanted = nn.AdaptiveAvgPool1d(n_segments)(sequence)
    torch.testing.assert_close(segment_means(sequence, n_segments), wanted)
