import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.models.rivals.convolutions import Answering, check_bins


def counted(n: int) -> Tensor:
    return torch.arange(n).float()[None, :, None]


def test_sixteen_frames_of_ten_milliseconds_are_eight_answers_of_twenty() -> None:
    answers = Answering(16, 2.0)(counted(4), n_frames=64)
    assert answers[0, :, 0].tolist() == [0.0] * 8 + [1.0] * 8 + [2.0] * 8 + [3.0] * 8


def test_what_does_not_fill_the_last_pool_is_answered_too() -> None:
    answering = Answering(16, 2.0)
    features = answering.filled_up(torch.ones(1, 3, 500, 4))
    assert features.shape == (1, 3, 512, 4)
    assert features[:, :, :500].eq(1.0).all()
    assert features[:, :, 500:].eq(0.0).all()
    assert answering(counted(32), n_frames=500)[0, :, 0].tolist() == [
        float(i // 8) for i in range(250)
    ]


def test_64_frames_a_second_give_50_answers() -> None:
    answers = Answering(8, 1.28)(counted(8), n_frames=64)
    middles_s = [(i + 0.5) / 50 for i in range(50)]
    assert answers[0, :, 0].tolist() == [float(math.floor(t * 8)) for t in middles_s]


@given(
    pool=st.integers(1, 16), ratio=st.sampled_from([1.0, 1.28, 2.0, 4.0, 5.0]), n=st.integers(1, 99)
)
def test_each_answer_is_that_of_the_frame_in_its_middle(pool: int, ratio: float, n: int) -> None:
    answers = Answering(pool, ratio)(counted(-(-n // pool)), n)[0, :, 0].tolist()
    assert len(answers) == math.floor(n / ratio + 1e-9)
    for i, answer in enumerate(answers):
        assert answer * pool <= (i + 0.5) * ratio < (answer + 1) * pool


def test_a_gradient_reaches_every_pooled_frame_as_often_as_it_is_heard() -> None:
    pooled = torch.zeros(1, 4, 1, requires_grad=True)
    Answering(8, 1.28)(pooled, n_frames=32).sum().backward()
    assert pooled.grad is not None
    assert pooled.grad.flatten().tolist() == [6.0, 6.0, 7.0, 6.0]


def test_too_few_bins_are_refused() -> None:
    check_bins(16, 16)
    with pytest.raises(SettingError, match="at least 16 bins, but 15 were given"):
        check_bins(15, 16)
