"""Outdoors sound comes straight and from mirrors, and loses on the way what air takes."""

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sonoscope.core.air import absorption_db_m
from sonoscope.core.errors import SettingError
from sonoscope.signal.receiver import IdealFoa
from sonoscope.simulation.impulses import impulse_table
from sonoscope.simulation.outdoors import Outdoors, Reflector, outdoor_paths, outdoor_response
from sonoscope.simulation.paths import Geometry, Hearing

RATE = 192_000
FREE = Outdoors(ground=None)
WALL = Reflector((10.0, 0.0, 2.0), (-2.0, 0.0, 0.0), (6.0, 4.0), (0.36,))


def hearing(rate_hz: int = RATE) -> Hearing:
    return Hearing(impulse_table(IdealFoa(), rate_hz), torch.zeros(1, 4, 8), rate_hz)


def response(outdoors: Outdoors, source: list[float], receiver: list[float]) -> Tensor:
    geometry = Geometry(np.array(source, float), np.array(receiver, float))
    return outdoor_response(outdoors, geometry, hearing())


def level_db(sound: Tensor, frequency_hz: Float[ndarray, " frequency"]) -> Float[ndarray, " f"]:
    time = np.arange(sound.shape[1]) / RATE
    spectrum = np.exp(-2j * np.pi * frequency_hz[:, None] * time) @ sound[0].double().numpy()
    return np.asarray(20 * np.log10(np.abs(spectrum)))


def test_air_takes_26_db_at_40_khz_over_20_m() -> None:
    frequency = np.array([1_000.0, 10_000.0, 20_000.0, 40_000.0, 70_000.0])
    lost = -level_db(response(FREE, [20.0, 0, 5], [0, 0, 5]), frequency) - 20 * np.log10(20)
    assert lost == pytest.approx(20 * absorption_db_m(frequency), abs=0.1)
    assert lost[3] == pytest.approx(26.4, abs=0.3)


def test_free_field_is_one_wave_in_its_direction() -> None:
    sound = response(FREE, [0, 60.0, 0], [0, 0, 0])  # so far that the wave is plane
    w, y, z, x = sound
    assert torch.allclose(y, w, atol=1e-5 * float(w.abs().max()))
    assert max(float(z.abs().max()), float(x.abs().max())) < 1e-6
    assert int(w.abs().argmax()) == pytest.approx(60 / 343 * RATE, abs=1)


def test_hard_ground_doubles_the_pressure_of_what_lies_on_it() -> None:
    frequency = np.array([200.0, 1_000.0, 4_000.0])
    low = [30.0, 0, 1e-4], [0, 0, 1e-4]
    mirrored = level_db(response(Outdoors((0.0,)), *low), frequency)
    assert mirrored - level_db(response(FREE, *low), frequency) == pytest.approx(6.02, abs=0.05)


def test_ground_makes_a_comb_where_half_waves_fit() -> None:
    source, receiver = [12.0, 0, 1.5], [0, 0, 2.5]
    longer = np.hypot(12, 4.0) - np.hypot(12, 1.0)
    null = 343 / longer / 2
    frequency = np.array([null, 2 * null])
    gain = level_db(response(Outdoors((0.19,)), source, receiver), frequency) - level_db(
        response(FREE, source, receiver), frequency
    )
    left = 0.9 * np.hypot(12, 1.0) / np.hypot(12, 4.0)  # air takes next to nothing here
    assert gain == pytest.approx(20 * np.log10([1 - left, 1 + left]), abs=0.05)


def test_reflectors_mirror_only_what_is_before_them() -> None:
    (_, way) = outdoor_paths(Outdoors(None, (WALL,)), RATE)
    source = np.array([[2.0, 0, 2], [12.0, 0, 2], [2.0, 0, 2], [12.0, 0, 2]])
    receiver = np.array([[4.0, 1, 2], [4.0, 1, 2], [12.0, 1, 2], [14.0, 1, 2]])
    assert way.share(source, receiver).tolist() == [1, 0, 0, 0]
    assert np.allclose(way.image(source[0]), [18, 0, 2])
    assert way.gains == pytest.approx(0.8)


def test_reflectors_end_at_their_edges() -> None:
    (_, way) = outdoor_paths(Outdoors(None, (WALL,)), RATE)
    side = np.linspace(-8, 8, 161)
    place = np.stack([np.full(161, 4.0), side, np.full(161, 2.0)], axis=1)
    share = way.share(place, place)  # heard where it is sent: straight back
    assert np.all(share[np.abs(side) < 2] == 1)
    assert np.all(share[np.abs(side) > 4] == 0)
    assert share[np.abs(np.abs(side) - 3) < 1e-9] == pytest.approx(0.5)
    assert np.abs(np.diff(share)).max() < 0.2  # no step that would click
    high = np.array([4.0, 0, 5.0])
    assert way.share(high, high) == 0


def test_swapping_source_and_microphone_changes_nothing() -> None:
    place = Outdoors("grass", (WALL,))
    there = response(place, [2.0, 0.5, 1.5], [5.0, 1.0, 2.0])[0]
    back = response(place, [5.0, 1.0, 2.0], [2.0, 0.5, 1.5])[0]
    assert (there - back).abs().max() < 1e-6
    assert there.abs().max() > 0.1


def test_a_mirror_keeps_distances_and_turns_handedness() -> None:
    (_, way) = outdoor_paths(Outdoors(None, (Reflector((1.0, 2.0, 3.0), (1.0, -2.0, 0.5)),)), RATE)
    assert np.allclose(way.matrix @ way.matrix.T, np.eye(3))
    assert np.linalg.det(way.matrix) == pytest.approx(-1)
    assert np.allclose(way.image(np.array([1.0, 2.0, 3.0])), [1, 2, 3])
    spots = np.array([[0.3, 1.0, 2.0], [5.0, -4.0, 0.5]])
    assert np.allclose(way.image(way.image(spots)), spots)


def test_nothing_sounds_before_the_direct_wave() -> None:
    sound = response(Outdoors("gravel"), [8.0, 0, 0.1], [0, 0, 0.1])
    first = int(8 / 343 * RATE) - hearing().table.lead
    assert sound[:, :first].abs().max() < 1e-3 * sound.abs().max()


@pytest.mark.parametrize(
    ("ground", "reflector", "message"),
    [
        ("cheese", {}, "material must be one of"),
        ("grass", {"normal": (0.0, 0.0, 0.0)}, "normal must have a direction"),
        ("grass", {"size_m": (1.0, 0.0)}, "size_m must be positive"),
        ("grass", {"surface": (2.0,)}, "absorption must be"),
    ],
)
def test_places_that_cannot_be_are_refused(
    ground: str, reflector: dict[str, tuple[float, ...]], message: str
) -> None:
    given = {"point_m": (0.0, 0.0, 0.0), "normal": (1.0, 0.0, 0.0)} | reflector
    with pytest.raises(SettingError, match=message):
        Outdoors(ground, (Reflector(**given),))  # type: ignore[arg-type]
