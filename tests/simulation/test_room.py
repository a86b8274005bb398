"""Rooms decay as asked, their late sound stands at the level physics gives it, images mirror."""

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S, absorption_db_m
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import from_table
from sonoscope.signal.octaves import octave_centres, octave_weights
from sonoscope.signal.receiver import IdealFoa
from sonoscope.simulation.paths import Geometry, Hearing, hearing_of, paths_response
from sonoscope.simulation.room import (
    JITTER_M,
    Room,
    RoomSettings,
    acoustics,
    early_waves,
    image_sources,
    late_sound,
    reflections,
    room_paths,
    room_response,
    shortest_t60_s,
)

RATE = 16_000
OFFICE = Room((6.0, 5.0, 3.0), 0.5)
SOURCE, ARRAY = np.array([1.4, 3.6, 1.8]), np.array([3.1, 2.4, 1.5])
HERE = Geometry(SOURCE, ARRAY)
FOUR_ROOMS = [
    Room((6.0, 5.0, 3.0), 0.5),
    Room((4.0, 3.5, 2.5), 0.3),
    Room((10.0, 8.0, 4.0), 0.8),
    Room((9.0, 4.0, 3.5), 0.6),
]


def philox(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, 0]))


def hearing() -> Hearing:
    return hearing_of(IdealFoa(), RATE)


def silent() -> Hearing:
    heard = hearing()
    return Hearing(heard.table, torch.zeros_like(heard.diffuse), RATE)


def places(room: Room, count: int, seed: int = 0) -> list[Geometry]:
    """Sources and receivers well inside, off the planes of symmetry."""
    shares = philox(seed).uniform(0.12, 0.88, size=(count, 2, 3))
    return [Geometry(*(pair * np.array(room.size_m))) for pair in shares]


def octave_energy(sound: Tensor) -> Float[ndarray, "band sample"]:
    """Energy on W by octave; a zero-phase filter smears a decay to both sides alike."""
    omni = sound[0].double().numpy()
    size = 2 * len(omni)
    bins = np.fft.rfftfreq(size, 1 / RATE)
    spectrum = np.fft.rfft(omni, n=size) * (bins > 60)
    filtered = np.fft.irfft(spectrum * octave_weights(bins, RATE), n=size)
    return np.asarray(filtered[:, : len(omni)] ** 2)


def t30_s(room: Room, pairs: int) -> Float[ndarray, " band"]:
    """T30 of the mean energy over source and receiver places, by Schroeder's integration."""
    energies = [
        octave_energy(room_response(room, geometry, hearing(), philox(i)))
        for i, geometry in enumerate(places(room, pairs))
    ]
    shortest = min(energy.shape[1] for energy in energies)
    energy = np.mean([one[:, :shortest] for one in energies], axis=0)
    level_db = 10 * np.log10(energy[:, ::-1].cumsum(axis=1)[:, ::-1])
    level_db -= level_db[:, :1]
    found = []
    for level in level_db:
        part = np.flatnonzero((level < -5) & (level > -35))
        found.append(-60 / np.polyfit(part / RATE, level[part], 1)[0])
    return np.array(found)


@pytest.mark.parametrize("room", FOUR_ROOMS)
def test_a_room_decays_as_asked_in_every_octave(room: Room) -> None:
    found = t30_s(room, 12)
    assert found[1:] == pytest.approx(room.t60_s, rel=0.06)


def test_every_octave_has_its_own_t60() -> None:
    asked = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
    found = t30_s(Room((6.0, 5.0, 3.0), asked), 12)
    assert found[1:-1] == pytest.approx(asked[1:-1], rel=0.08)
    assert np.all(np.diff(found) < 0)


def test_air_limits_what_walls_can_do() -> None:
    walls = acoustics(Room((6.0, 5.0, 3.0), 1.5), 192_000)
    air = 60 / (SPEED_OF_SOUND_M_S * absorption_db_m(octave_centres(192_000)))
    assert walls.t60_s == pytest.approx(np.minimum(1.5, air))
    assert walls.t60_s[-1] < 0.15
    assert walls.exponents[0, -1] == pytest.approx(0, abs=1e-6)
    assert np.all(
        np.diff(walls.exponents[0]) <= 1e-9
    )  # the more air takes, the less is left to walls


def test_the_first_image_is_the_source_itself() -> None:
    images = image_sources(OFFICE, HERE, 0.08)
    nearest = int(np.linalg.norm(images.place_m, axis=1).argmin())
    assert np.allclose(images.place_m[nearest], SOURCE - ARRAY)
    assert images.hits[nearest].sum() == 0
    assert abs(len(images.place_m) - 963) < 60  # 4/3 π (ct)³ / V
    assert np.all(np.linalg.norm(images.place_m, axis=1) < 0.08 * SPEED_OF_SOUND_M_S)


@pytest.mark.parametrize("wall", range(6))
def test_first_images_are_mirrors_in_the_walls(wall: int) -> None:
    axis, far = divmod(wall, 2)
    mirrored = SOURCE.copy()
    mirrored[axis] = 2 * OFFICE.size_m[axis] * far - SOURCE[axis]
    images = image_sources(OFFICE, HERE, 0.04)
    (found,) = np.flatnonzero(images.hits[:, wall] * (images.hits.sum(axis=1) == 1))
    assert np.allclose(images.place_m[found], mirrored - ARRAY)
    assert np.allclose(room_paths(OFFICE, RATE)[1 + wall].image(SOURCE), mirrored)


def test_walls_are_hit_as_often_as_a_ray_crosses_them() -> None:
    images = image_sources(OFFICE, HERE, 0.06)
    for place, hits in zip(images.place_m, images.hits, strict=True):
        for axis in range(3):
            here, there = ARRAY[axis], ARRAY[axis] + place[axis]
            side = OFFICE.size_m[axis]
            planes = np.arange(-20, 21)
            crossed = planes[(planes * side - here) * (planes * side - there) < 0]
            assert hits[2 * axis] == np.count_nonzero(crossed % 2 == 0)
            assert hits[2 * axis + 1] == np.count_nonzero(crossed % 2 == 1)


def test_swapping_source_and_microphone_changes_nothing() -> None:
    uneven = Room((6.0, 5.0, 3.0), None, tuple((0.1 * (i + 1), 0.3) for i in range(6)))
    there = image_sources(uneven, HERE, 0.08)
    back = image_sources(uneven, Geometry(ARRAY, SOURCE), 0.08)
    one, other = (
        sorted(zip(np.linalg.norm(i.place_m, axis=1).round(9), i.hits.tolist(), strict=True))
        for i in (there, back)
    )
    assert one == other


def test_a_turned_room_with_its_walls_is_the_same_room() -> None:
    walls = tuple((0.1 * (i + 1), 0.2) for i in range(6))
    swapped = (*walls[2:4], *walls[:2], *walls[4:])
    room = Room((6.0, 5.0, 3.0), None, walls)
    other = Room((5.0, 6.0, 3.0), None, swapped)
    over = [1, 0, 2]
    one = room_response(room, HERE, silent(), philox(0))
    turned = Geometry(SOURCE[over], ARRAY[over])
    same = early_energy(other, turned)
    assert same == pytest.approx(early_energy(room, HERE), rel=1e-9)
    assert one.abs().max() > 0.3
    assert acoustics(room, RATE).t60_s == pytest.approx(acoustics(other, RATE).t60_s, rel=1e-6)


def early_energy(room: Room, geometry: Geometry) -> float:
    waves, shapes = early_waves(room, geometry, RATE, None)
    return float(np.square(waves.gain.double().numpy() @ shapes).sum())


def test_few_lines_give_every_image_its_octaves() -> None:
    room = Room((6.0, 5.0, 3.0), (0.9, 0.8, 0.7, 0.6, 0.5, 0.4))
    waves, shapes = early_waves(room, HERE, RATE, None)
    walls = acoustics(room, RATE)
    images = image_sources(room, HERE, walls.early_s, lowest_order=1)
    distance = np.linalg.norm(images.place_m, axis=1)
    share = np.cos(np.pi / 2 * ((distance / 343 / walls.early_s - 0.7) / 0.3).clip(0, 1))
    exact = np.prod(walls.wall_gains[None] ** images.hits[:, :, None], axis=1) * 10 ** (
        -np.outer(distance, absorption_db_m(octave_centres(RATE))) / 20
    )
    exact *= (share / distance)[:, None]
    error = waves.gain.double().numpy() @ shapes - exact
    assert np.all((error**2).sum(axis=0) <= 1.01e-6 * (exact**2).sum(axis=0))
    assert shapes.shape[0] <= 4


def test_equal_octaves_without_air_are_one_line() -> None:
    room = Room((6.0, 5.0, 3.0), None, ((0.3,),) * 6)
    _, shapes = early_waves(room, HERE, 1_000, None)  # below 500 Hz air takes next to nothing
    assert shapes.shape[0] == 1


def test_dead_walls_leave_the_direct_sound_alone() -> None:
    room = Room((6.0, 5.0, 3.0), None, ((1.0,),) * 6)
    dead = room_response(room, HERE, hearing(), philox(0))
    free = paths_response(room_paths(room, RATE)[:1], HERE, hearing())
    length = min(dead.shape[1], free.shape[1])
    assert (dead[:, :length] - free[:, :length]).abs().max() < 1e-5
    assert dead[:, length:].abs().max() < 1e-5


def test_jitter_leaves_the_direct_sound_and_stays_small() -> None:
    still = image_sources(OFFICE, HERE, 0.08)
    moved = image_sources(OFFICE, HERE, 0.08, generator=philox(1))
    off = np.linalg.norm(moved.place_m - still.place_m, axis=1)
    order = still.hits.sum(axis=1)
    assert off[order == 0].tolist() == [0.0]
    assert off.max() <= JITTER_M + 1e-9
    assert off[order > 0].min() > 0
    assert off.mean() > JITTER_M / 2


def test_reflections_are_off_by_the_same_while_a_source_moves() -> None:
    step = np.array([0.9, -0.5, 0.3])  # other images come within reach
    moved = Geometry(SOURCE + step, ARRAY)
    one, other = (image_sources(OFFICE, at, 0.05, generator=philox(3)) for at in (HERE, moved))
    still, gone = (image_sources(OFFICE, at, 0.05) for at in (HERE, moved))
    offsets = [
        {tuple(place): off for place, off in zip(hits.tolist(), shifted, strict=True)}
        for hits, shifted in (
            (i.hits, i.place_m - s.place_m) for i, s in ((one, still), (other, gone))
        )
    ]
    # Hits name an image but for the side of even cells; these few are compared by the first order.
    first = [key for key in offsets[0] if sum(key) == 1]
    assert len(first) == 6
    assert all(np.allclose(offsets[0][key], offsets[1][key]) for key in first)


@pytest.mark.parametrize("room", FOUR_ROOMS)
def test_late_sound_has_the_level_of_the_images_it_replaces(room: Room) -> None:
    walls = acoustics(room, RATE)
    energy = []
    for geometry in places(room, 4):
        images = image_sources(room, geometry, 0.1)
        distance = np.linalg.norm(images.place_m, axis=1)
        lost = images.hits @ walls.exponents + np.outer(distance, walls.air)
        energy.append((np.exp(-lost) / distance[:, None] ** 2)[distance > 0.05 * 343].sum(axis=0))
    rate = 6 * np.log(10) / walls.t60_s
    late = 4 * np.pi * 343 / room.volume_m3 * (np.exp(-0.05 * rate) - np.exp(-0.1 * rate)) / rate
    assert np.abs(10 * np.log10(np.mean(energy, axis=0) / late)).max() < 2


def test_late_noise_has_the_power_theory_gives() -> None:
    sound = late_sound(Room((6.0, 5.0, 3.0), 1.5), hearing(), philox(0))
    part = sound[:, int(0.1 * RATE) : int(0.5 * RATE)]
    time = np.arange(int(0.1 * RATE), int(0.5 * RATE)) / RATE
    power = 4 * np.pi * 343 / 90 / RATE * np.exp(-6 * np.log(10) * time / 1.5)
    ratio = part.square().sum(dim=1).numpy() / power.sum() * np.array([1, 3, 3, 3])
    band = 0.82 + 0.18 * 3 / 8  # of Nyquist: what fades to it as a raised cosine keeps 3/8
    assert 10 * np.log10(ratio / band) == pytest.approx(np.zeros(4), abs=0.3)


def test_late_sound_ends_60_db_down_and_softly() -> None:
    sound = late_sound(OFFICE, hearing(), philox(0))
    assert sound.shape[1] == pytest.approx(0.5 * RATE, abs=2)
    assert sound[:, -1].abs().max() < 1e-2 * sound[:, -400:-300].abs().max()


def test_direct_to_reverberant_ratio_is_barrons() -> None:
    room = Room((7.0, 5.5, 3.2), 0.6)
    distance = 0.0567 * (room.volume_m3 / 0.6) ** 0.5
    direct = reverberant = 0.0
    for i, angle in enumerate(np.linspace(0, 2 * np.pi, 12, endpoint=False)):
        array = np.array([2.7, 2.05, 1.27]) + 0.1 * i
        offset = distance * np.array([np.cos(angle), np.sin(angle), 0.0])
        geometry = Geometry(array + offset, array)
        direct += float(
            octave_energy(paths_response(room_paths(room, RATE)[:1], geometry, hearing()))[2:].sum()
        )
        early = reflections(room, geometry, hearing(), philox(i))
        whole = late_sound(room, hearing(), philox(i))
        whole[:, : early.shape[1]] += early
        reverberant += float(octave_energy(whole)[2:].sum())
    barron_db = 10 * np.log10(np.exp(6 * np.log(10) * distance / 343 / 0.6))
    assert 10 * np.log10(direct / reverberant) == pytest.approx(barron_db, abs=1)


def test_nothing_sounds_before_the_direct_wave() -> None:
    uneven = Room((6.0, 5.0, 3.0), (1.0, 0.3, 1.0, 0.3, 1.0))
    near_floor = Geometry(np.array([2.0, 2.0, 0.1]), np.array([4.5, 3.5, 0.1]))
    response = room_response(uneven, near_floor, hearing(), philox(0))
    first = int(near_floor.distance_m / 343 * RATE) - hearing().table.lead
    assert response[:, :first].abs().max() < 1e-4 * response.abs().max()
    assert response[0].abs().argmax() == pytest.approx(first + hearing().table.lead, abs=2)


def test_turning_the_receiver_turns_what_it_hears() -> None:
    turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    one = room_response(OFFICE, HERE, silent(), philox(0))
    other = room_response(OFFICE, Geometry(SOURCE, ARRAY, turn), silent(), philox(0))
    w, y, z, x = one
    assert torch.allclose(other, torch.stack([w, -x, z, y]), atol=1e-6)


def test_parts_by_order_add_up() -> None:
    whole = room_response(OFFICE, HERE, silent(), philox(9))
    direct = paths_response(room_paths(OFFICE, RATE)[:1], HERE, silent())
    rest = reflections(OFFICE, HERE, silent(), philox(9))
    rest[:, : direct.shape[1]] += direct
    assert (whole[:, : rest.shape[1]] - rest).abs().max() < 1e-6


@pytest.mark.parametrize("length_m", [6.0, 17.0])  # 17: the far wall's image comes while they fade
def test_paths_and_reflections_of_order_two_make_all_reflections(length_m: float) -> None:
    room = Room((length_m, 5.0, 3.0), 0.5)
    paths = paths_response(room_paths(room, RATE), HERE, silent())
    direct = paths_response(room_paths(room, RATE)[:1], HERE, silent())
    every = reflections(room, HERE, silent(), None)
    fewer = reflections(room, HERE, silent(), None, lowest_order=2)
    length = max(sound.shape[1] for sound in (paths, direct, every, fewer))
    paths, direct, every, fewer = (
        torch.nn.functional.pad(sound, (0, length - sound.shape[1]))
        for sound in (paths, direct, every, fewer)
    )
    fewer = fewer + paths - direct
    # Air counts by octave in one and by frequency in the other: 4 kHz holds on to 8 kHz.
    error = (every - fewer).square()
    assert error.sum() < 1e-3 * every.square().sum()
    late = int(0.07 * RATE)
    assert error[:, late:].sum() < 0.02 * every[:, late:].square().sum()


def test_a_generator_in_the_same_state_gives_the_same_response() -> None:
    one, same, other = (room_response(OFFICE, HERE, hearing(), philox(i)) for i in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_materials_of_equal_walls_decay_near_sabines_formula() -> None:
    settings = from_table(
        {"size_m": [6, 5, 3], "surfaces": {"walls": "gypsum_board"}}, RoomSettings, where="here"
    )
    room = settings.room()
    found = acoustics(room, RATE).t60_s
    alpha = np.array([0.15, 0.1, 0.06, 0.04, 0.04, 0.05])
    sabine = shortest_t60_s(room.size_m) / alpha
    air = 60 / (SPEED_OF_SOUND_M_S * absorption_db_m(octave_centres(RATE)))
    assert found == pytest.approx(1 / (1 / sabine + 1 / air), rel=0.06)


def test_surfaces_with_a_t60_share_it_out() -> None:
    surfaces = {"walls": "brick", "floor": "carpet", "ceiling": [0.5, 0.6]}
    table = {"size_m": [6, 5, 3], "t60_s": 0.6, "surfaces": surfaces}
    room = from_table(table, RoomSettings, where="here").room()
    walls = acoustics(room, RATE)
    assert walls.t60_s == pytest.approx(np.full(6, 0.6))
    ratio = walls.exponents[4] / walls.exponents[0]
    given = np.log(1 - np.array([0.03, 0.09, 0.2, 0.54, 0.7, 0.72])) / np.log(
        1 - np.array([0.03, 0.03, 0.03, 0.04, 0.05, 0.07])
    )
    assert ratio == pytest.approx(given)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"size_m": [6, 5, 3], "t60_s": 0.01}, "t60_s must be at least"),
        ({"size_m": [6, 5, 3]}, "T60 or an absorption"),
        ({"size_m": [6, 5, 3], "surfaces": {"walls": "cheese"}}, "material must be one of"),
        ({"size_m": [6, 5, 3], "surfaces": {"walls": [1.5]}}, "absorption must be"),
        ({"size_m": [6, -5, 3], "t60_s": 0.5}, "greater than 0"),
        ({"size_m": [6, 5, 3], "t60_s": 0.5, "t30_s": 0.5}, "t30_s: unknown key"),
    ],
)
def test_rooms_that_cannot_be_are_refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        from_table(table, RoomSettings, where="here").room()
