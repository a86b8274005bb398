"""SELDnet: sizes, rates, and which cells the published layout mixed."""

import itertools

import numpy as np
import pytest
import torch
from tests.models.listening import heard, lived_in, noise, numbers, size
from torch import Tensor, nn

from sonoscope.models.build import Seldnet2019Network, Seldnet2020Network, build
from sonoscope.models.magnitude_phase import MagnitudePhase, MagnitudePhaseSettings
from sonoscope.models.paper_features import PaperFeatureSettings
from sonoscope.models.seldnet import (
    Scrambled,
    Seldnet2019Settings,
    Seldnet2020Settings,
    scrambled_cells,
    seldnet,
)

SMALL = {"filters": 8, "recurrent_units": 12, "head_units": 10}


def test_the_size_of_2019_is_the_published_networks() -> None:
    assert size(seldnet(Seldnet2019Settings(), 8, 1024, 11)) == 610_785


def test_by_bin_only_the_normalisation_differs_in_size() -> None:
    """Two numbers for each of 1024, 128 and 16 bins in place of two for each of 3 x 64 filters."""
    by_bin = size(seldnet(Seldnet2019Settings(norm="bin"), 8, 1024, 11))
    assert by_bin == 610_785 + 2 * (1024 + 128 + 16) - 2 * 3 * 64


@pytest.mark.parametrize(
    ("network", "rate_hz", "frames"),
    [
        (Seldnet2019Network(), 48_000, 20),
        (Seldnet2019Network(features=MagnitudePhaseSettings("tetra")), 48_000, 20),
        (Seldnet2020Network(), 24_000, 4),
        (Seldnet2020Network(features=PaperFeatureSettings("tetra")), 24_000, 4),
    ],
)
def test_labels_come_every_20_ms_in_2019_and_every_100_ms_in_2020(
    network: Seldnet2019Network | Seldnet2020Network, rate_hz: int, frames: int
) -> None:
    answer = build(network, n_labels=3).eval()(0.1 * noise(1, 4, int(0.4 * rate_hz)))
    assert numbers(answer).shape[:2] == (1, frames)


def published(first: Tensor, second: Tensor) -> Tensor:
    """Store and read back a frame as the published code did: (channel, bin) to (channel, bin)."""
    stored = np.concatenate(
        [np.reshape(kind.numpy().T, (1, -1)) for kind in (first, second)], axis=1
    )
    n_bins, n_channels = first.shape[1], len(first) + len(second)
    return torch.from_numpy(np.reshape(stored, (n_bins, n_channels)).T.copy())


@pytest.mark.parametrize(("n_second", "n_bins"), [(4, 1024), (3, 64), (6, 64)])
def test_the_scrambled_layout_is_that_of_storing_and_reading_back(
    n_second: int, n_bins: int
) -> None:
    first, second = noise(4, n_bins), noise(n_second, n_bins, seed=1)
    features = torch.cat([first, second])[None, :, None].expand(2, -1, 3, -1)
    mixed = Scrambled((4, n_second), n_bins)(features)
    for item, frame in itertools.product(range(2), range(3)):
        assert torch.equal(mixed[item, :, frame], published(first, second))


def test_of_2019_a_bin_holds_two_bins_of_one_kind() -> None:
    cells = scrambled_cells((4, 4), 1024)
    channel, bins = cells // 1024, cells % 1024
    for row in range(1024):
        is_phase = row >= 512
        start = 2 * (row % 512)
        assert bins[:, row].tolist() == [start] * 4 + [start + 1] * 4
        assert channel[:, row].tolist() == [4 * is_phase + i for i in (0, 1, 2, 3)] * 2


def test_of_2020_level_lies_below_bin_37_and_intensity_above() -> None:
    cells = scrambled_cells((4, 3), 64)
    channel, bins = cells // 64, cells % 64
    is_level = channel < 4
    assert is_level[:, :36].all()
    assert is_level[:, 36].tolist() == [True] * 4 + [False] * 3
    assert not is_level[:, 37:].any()
    assert list(zip(channel[:, 0].tolist(), bins[:, 0].tolist(), strict=True)) == [
        *((0, 0), (1, 0), (2, 0), (3, 0)),
        *((0, 1), (1, 1), (2, 1)),
    ]
    at_home = cells == torch.arange(7 * 64).reshape(7, 64)
    assert at_home.nonzero().tolist() == [[c, 0] for c in range(4)] + [[c, 63] for c in (4, 5, 6)]


@pytest.mark.parametrize(("kinds", "n_bins"), [((4, 4), 1024), ((4, 3), 64), ((4, 6), 64)])
def test_scrambling_loses_nothing(kinds: tuple[int, int], n_bins: int) -> None:
    cells = scrambled_cells(kinds, n_bins)
    assert torch.equal(cells.flatten().sort().values, torch.arange(sum(kinds) * n_bins))


def bins_seen(layout: nn.Module, at: int) -> set[int]:
    """Tell which bins of the features a 3 x 3 convolution sees at some bin."""
    features = noise(1, 7, 5, 64).requires_grad_()
    maps = nn.Conv2d(7, 1, kernel_size=3, padding=1)(layout(features))
    (gradient,) = torch.autograd.grad(maps[0, 0, 2, at], features)
    return {place[1] for place in (gradient[0].abs().sum(dim=1) > 0).nonzero().tolist()}


def test_where_the_published_code_looks_at_three_bins_it_sees_eight_others() -> None:
    assert bins_seen(nn.Identity(), 40) == {39, 40, 41}
    assert bins_seen(Scrambled((4, 3), 64), 40) == set(range(5, 13))


@pytest.mark.parametrize("layout", ["fixed", "scrambled"])
@pytest.mark.parametrize("norm", ["channel", "bin"])
def test_an_answer_depends_on_its_own_item_and_on_all_frames(layout: str, norm: str) -> None:
    settings = Seldnet2020Settings(layout=layout, norm=norm, **SMALL)  # type: ignore[arg-type]
    network = lived_in(seldnet(settings, 7, 64, 11))
    reached = heard(network, noise(2, 7, 20, 64), frame=1, items=slice(1, 2))
    assert not reached[0].any()
    assert reached[1].all()


def plane_tone(hz: float, phase: float, n_samples: int) -> Tensor:
    time = torch.arange(n_samples, dtype=torch.float64) / 48_000
    return torch.cos(2 * torch.pi * hz * time + phase).float()


def test_magnitude_and_phase_are_those_of_a_tone() -> None:
    front = MagnitudePhase(MagnitudePhaseSettings())
    hz, n_bin = 3_000.0, 3_000 * 2048 // 48_000
    sound = torch.stack([plane_tone(hz, phase, 9_600) for phase in (0.0, 1.0, -2.0, 3.0)])
    maps = front.maps(sound[None])[0]
    assert maps.shape == (8, 10, 1024)
    assert (maps[:4].mean(dim=1).argmax(dim=1) == n_bin - 1).all()  # the bin at 0 Hz is left out
    middle = maps[4:, 4, n_bin - 1]
    start = 2 * torch.pi * hz * (4 * 960 - 1024) / 48_000
    turned = (middle - torch.tensor([0.0, 1.0, -2.0, 3.0]) - start) / (2 * torch.pi)
    torch.testing.assert_close(turned, turned.round(), rtol=0, atol=1e-3)


def test_silence_has_no_magnitude_and_the_phase_0() -> None:
    assert (MagnitudePhase(MagnitudePhaseSettings()).maps(torch.zeros(1, 4, 4_800)) == 0).all()


def test_real_spectra_have_the_phase_0_or_pi_and_never_minus_pi() -> None:
    """Those at half the rate, and that of the first frame, which is its own mirror image."""
    maps = MagnitudePhase(MagnitudePhaseSettings()).maps(noise(1, 4, 9_600))
    for phase in (maps[:, 4:, :, -1], maps[:, 4:, 0]):
        torch.testing.assert_close(phase, torch.pi * (phase > 1), rtol=0, atol=1e-3)


def test_both_forms_of_the_spectrum_have_the_same_phase() -> None:
    front = MagnitudePhase(MagnitudePhaseSettings())
    sound = noise(2, 4, 9_600)
    by_fft = front.maps(sound)
    front.spectrum.forward = front.spectrum.by_matrix  # type: ignore[method-assign]
    far = (front.maps(sound) - by_fft)[:, 4:].abs() > 3
    assert far.float().mean() < 1e-4
