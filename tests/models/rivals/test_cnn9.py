import pytest
import torch
from tests.models.listening import noise, size

from sonoscope.core.errors import SettingError
from sonoscope.models.rivals.cnn9 import Cnn9, Cnn9Settings


def test_the_size_is_that_of_the_published_definition() -> None:
    # The paper prints none for this task; by hand, for 4 maps and 11 labels:
    kernels = 9 * (4 * 64 + 64**2 + 64 * 128 + 128**2 + 128 * 256 + 256**2 + 256 * 512 + 512**2)
    norms = 2 * 2 * (64 + 128 + 256 + 512)
    heads = 3 * (512 + 1) * 11
    network = Cnn9(Cnn9Settings(), 4, 64, 11)
    assert size(network) == kernels + norms + heads
    assert kernels + norms + heads == 4_704_801


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_a_second_of_64_frames_is_50_answers(pooling: str) -> None:
    network = Cnn9(Cnn9Settings(pooling=pooling), 4, 64, 11).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        output = network(noise(2, 4, 64, 64))
    assert output.activity.shape == (2, 50, 11)
    assert output.direction.shape == (2, 50, 11, 3)


def test_it_remembers_no_more_than_its_convolutions_reach() -> None:
    # 2 frames a double convolution, at 1, 2, 4 and 8 frames a step, about the 8 of a pooled frame
    reach = 2 * (1 + 2 + 4 + 8)
    network = Cnn9(Cnn9Settings(frames_per_answer=1.0), 4, 16, 2).eval()
    features = noise(4, 4, 112, 16).requires_grad_()
    (gradient,) = torch.autograd.grad(network(features).activity[:, 56].sum(), features)
    heard = gradient.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
    assert (int(heard[0]), int(heard[-1])) == (56 - reach, 63 + reach)


def test_features_with_too_few_bins_are_refused() -> None:
    with pytest.raises(SettingError, match="at least 8 bins"):
        Cnn9(Cnn9Settings(), 4, 7, 11)
