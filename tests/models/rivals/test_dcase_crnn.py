from typing import get_args

import pytest
import torch
from tests.models.listening import noise, size
from torch import nn

from sonoscope.core.errors import SettingError
from sonoscope.models.rivals.dcase_crnn import DcaseCrnn, DcaseCrnnSettings, Year

EVERY_YEAR = pytest.mark.parametrize("year", get_args(Year))


def small(year: Year, **rest: int) -> DcaseCrnnSettings:
    tracks = rest.get("tracks", 3)
    assert tracks in (1, 3)
    return DcaseCrnnSettings(
        year=year,
        tracks=1 if tracks == 1 else 3,
        filters=8,
        recurrent_units=12,
        heads=3,
        head_units=10,
    )


def gru(n_inputs: int, n_units: int) -> int:
    """Count the weights of a two-way GRU: three gates of each, with two biases."""
    return 2 * 3 * n_units * (n_inputs + n_units + 2)


@pytest.mark.parametrize(
    ("year", "tracks", "n_labels", "n_parameters"),
    [
        # The baselines print their sizes, but no paper does. By hand, with
        #   convolutions 64 (9 * 7 + 1) + 2 * 64 (9 * 64 + 1) + 3 * 128       =  78 336
        #   GRUs of 2021, whose ways are multiplied: 2 * gru(128, 128)        = 396 288
        #   GRUs from 2022 on: gru(128, 128) + gru(256, 128)                  = 494 592
        #   self-attention from 2023 on: 2 (4 * 128 (128 + 1) + 2 * 128)      = 132 608
        #   heads 128 * 129 + 129 * tracks * labels * (3, or 4 with distance)
        (2021, 1, 12, 78_336 + 396_288 + 16_512 + 129 * 36),
        (2022, 1, 13, 78_336 + 494_592 + 16_512 + 129 * 39),
        (2022, 3, 13, 78_336 + 494_592 + 16_512 + 129 * 117),
        (2023, 3, 13, 78_336 + 494_592 + 132_608 + 16_512 + 129 * 117),
        (2024, 3, 13, 78_336 + 494_592 + 132_608 + 16_512 + 129 * 156),
    ],
)
def test_the_sizes_are_those_of_the_published_definitions(
    year: Year, tracks: int, n_labels: int, n_parameters: int
) -> None:
    assert 2 * gru(128, 128) == 396_288
    assert gru(128, 128) + gru(256, 128) == 494_592
    settings = DcaseCrnnSettings(year=year, tracks=1 if tracks == 1 else 3)
    network = DcaseCrnn(settings, 7, 64, n_labels)
    assert size(network) == n_parameters


@EVERY_YEAR
def test_five_frames_are_an_answer_and_only_2024_tells_distance(year: Year) -> None:
    answer = DcaseCrnn(small(year), 7, 64, 4).eval()(noise(2, 7, 53, 64))
    assert answer.vector.shape == (2, 10, 3, 4, 3)
    if year == 2024:
        assert answer.distance_m is not None
        assert answer.distance_m.shape == (2, 10, 3, 4)
    else:
        assert answer.distance_m is None


def test_accdoa_has_one_track_and_no_distance() -> None:
    answer = DcaseCrnn(small(2024, tracks=1), 7, 64, 4).eval()(noise(2, 7, 50, 64))
    assert answer.vector.shape == (2, 10, 1, 4, 3)
    assert answer.distance_m is None


@EVERY_YEAR
def test_only_2024_leaves_numbers_as_they_come(year: Year) -> None:
    network = DcaseCrnn(small(year), 7, 64, 4).eval()
    last = network.head[2]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, 3.0)
    answer = network(noise(1, 7, 50, 64))
    wanted = 3.0 if year == 2024 else torch.tanh(torch.tensor(3.0))
    assert torch.allclose(answer.vector, torch.as_tensor(wanted))


def test_the_numbers_of_a_track_and_label_stand_together() -> None:
    network = DcaseCrnn(small(2024), 7, 64, 4).eval()
    last = network.head[2]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    last.bias.data = torch.arange(3 * 4 * 4).float()
    answer = network(noise(1, 7, 5, 64))
    assert answer.distance_m is not None
    for track in range(3):
        for label in range(4):
            first = 4 * (4 * track + label)
            vector = answer.vector[0, 0, track, label].tolist()
            assert vector == [first, first + 1, first + 2]
            assert answer.distance_m[0, 0, track, label] == first + 3


def test_382_bins_of_salsa_lite_leave_11() -> None:
    network = DcaseCrnn(small(2022), 7, 382, 4)
    assert network(noise(1, 7, 10, 382)).vector.shape == (1, 2, 3, 4, 3)
    assert network.get_submodule("recurrent.gru").input_size == 11 * 8


@EVERY_YEAR
def test_every_weight_learns(year: Year) -> None:
    network = DcaseCrnn(small(year), 7, 64, 4).eval()
    answer = network(noise(2, 7, 50, 64))
    told = answer.vector.square().sum()
    if answer.distance_m is not None:
        told = told + answer.distance_m.square().sum()
    for gradient in torch.autograd.grad(told, list(network.parameters())):
        assert gradient.abs().sum() > 0


@EVERY_YEAR
def test_a_batch_is_one_at_a_time(year: Year) -> None:
    network, features = DcaseCrnn(small(year), 7, 64, 4).eval(), noise(3, 7, 20, 64)
    with torch.no_grad():
        together = network(features).vector
        alone = torch.cat([network(one[None]).vector for one in features])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_features_with_too_few_bins_are_refused() -> None:
    with pytest.raises(SettingError, match="at least 32 bins, but 31 were given"):
        DcaseCrnn(DcaseCrnnSettings(), 7, 31, 4)
