"""Rooms decay as asked, and their late sound stands at the level physics gives it."""

import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt
from torch import Tensor

from sonoscope.core.errors import SettingError
from sonoscope.simulation.impulses import foa_table
from sonoscope.simulation.room import Room, image_sources, response_length, room_response

RATE = 16_000
TABLE = foa_table(RATE)


def omni_response(room: Room, source: Tensor, array: Tensor) -> Tensor:
    noise = torch.randn(4, response_length(room, RATE))
    noise[1:] *= 3**-0.5
    return room_response(room, source, array, TABLE, noise, RATE)[0]


def high_passed(response: Tensor) -> Tensor:
    """Images of one sign pile up at 0 Hz; no room does that."""
    section = butter(2, 60, "highpass", fs=RATE, output="sos")
    return torch.from_numpy(np.asarray(sosfilt(section, response.numpy())))


def decay_s(response: Tensor) -> float:
    """T30 by Schroeder's backward integration, after a 60 Hz high-pass."""
    energy = high_passed(response).square().flip(0).cumsum(0).flip(0)
    level_db = 10 * torch.log10(energy / energy[0]).numpy()
    part = np.flatnonzero((level_db < -5) & (level_db > -35))
    slope = np.polyfit(part / RATE, level_db[part], 1)[0]
    return float(-60 / slope)


@pytest.mark.parametrize(
    ("size_m", "t60_s"), [((6.0, 5.0, 3.0), 0.5), ((4.0, 3.5, 2.5), 0.25), ((10.0, 8.0, 4.0), 0.9)]
)
def test_a_room_decays_as_asked(size_m: tuple[float, float, float], t60_s: float) -> None:
    room = Room(size_m, t60_s)
    centre = torch.tensor(size_m) * torch.tensor([0.52, 0.45, 0.5])
    measured = [
        decay_s(omni_response(room, centre + torch.tensor(offset), centre))
        for offset in ([1.0, 0.4, 0.2], [-0.8, 0.9, -0.3], [0.3, -1.1, 0.4])
    ]
    assert np.mean(measured) == pytest.approx(t60_s, rel=0.08)


def test_the_images_first_is_the_source_itself() -> None:
    room = Room((6.0, 5.0, 3.0), 0.5)
    source, array = torch.tensor([1.4, 3.6, 1.8]), torch.tensor([3.1, 2.4, 1.5])
    place, gain = image_sources(room, source, array, 0.08)
    nearest = int(place.norm(dim=1).argmin())
    assert torch.allclose(place[nearest], source - array, atol=1e-5)
    assert gain[nearest] == 1
    assert abs(len(place) - 963) < 60  # 4/3 π (ct)³ / V


def test_images_are_mirrors_in_the_walls() -> None:
    room = Room((6.0, 5.0, 3.0), 0.5)
    source, array = torch.tensor([1.0, 2.0, 1.0]), torch.tensor([3.0, 2.0, 1.0])
    place, gain = image_sources(room, source, array, 0.03)
    for mirror in ([-1.0, 2.0, 1.0], [11.0, 2.0, 1.0], [1.0, -2.0, 1.0], [1.0, 2.0, -1.0]):
        found = (place - (torch.tensor(mirror) - array)).norm(dim=1) < 1e-4
        assert int(found.sum()) == 1
        assert float(gain[found]) == pytest.approx((1 - room.absorption) ** 0.5, rel=1e-5)


def test_swapping_source_and_microphone_changes_nothing() -> None:
    room = Room((6.0, 5.0, 3.0), 0.5)
    one, other = torch.tensor([1.4, 3.6, 1.8]), torch.tensor([3.1, 2.4, 1.5])
    silent = torch.zeros(4, 2_000)
    there = room_response(room, one, other, TABLE, silent, RATE)[0]
    back = room_response(room, other, one, TABLE, silent, RATE)[0]
    assert (there - back).abs().max() < 1e-4


def test_direct_and_reverberant_sound_are_equal_at_the_critical_distance() -> None:
    room = Room((7.0, 5.5, 3.2), 0.6)
    critical_m = 0.0567 * (room.volume_m3 / room.t60_s) ** 0.5
    ratios_db = []
    for angle in np.linspace(0, 2 * np.pi, 6, endpoint=False):
        array = torch.tensor([2.7, 2.05, 1.27])  # off the planes of symmetry
        offset = critical_m * torch.tensor([np.cos(angle), np.sin(angle), 0.0]).float()
        energy = high_passed(omni_response(room, array + offset, array)).square()
        arrival = round(critical_m / 343 * RATE)
        direct = energy[: arrival + 24].sum()
        ratios_db.append(float(10 * torch.log10(direct / energy[arrival + 24 :].sum())))
    assert abs(np.mean(ratios_db)) < 1.5


def test_a_decay_that_no_wall_can_give_is_refused() -> None:
    with pytest.raises(SettingError, match="t60_s must be at least"):
        Room((6.0, 5.0, 3.0), 0.01)
    with pytest.raises(SettingError, match="positive"):
        Room((6.0, -5.0, 3.0), 0.5)
