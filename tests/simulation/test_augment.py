"""An augmented scene is the scene that the simulator makes of the transformed script."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial.transform import Rotation
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import EM32, TETRAHEDRON, MicArray
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.direction import sphere_grid
from sonoscope.core.errors import SettingError
from sonoscope.models.paper_features import PAIRS, PaperFeatures, PaperFeatureSettings
from sonoscope.signal.receiver import (
    Capsules,
    EncodedFoa,
    IdealFoa,
    Receiver,
    plane_wave_response,
)
from sonoscope.signal.symmetry import (
    array_symmetries,
    elevation_keeping,
    foa_matrix,
    keeps_elevation,
    signed_permutations,
    swap_name,
)
from sonoscope.simulation.ambience import DiffuseNoise
from sonoscope.simulation.augment import (
    AugmentationSettings,
    Rotate,
    Swap,
    augmented,
    drawn_transform,
    filtered,
    transformed,
)
from sonoscope.simulation.impulses import Waves, impulse_table, response_of_waves
from sonoscope.simulation.paths import Geometry
from sonoscope.simulation.render import Listener, rendered
from sonoscope.simulation.room import Room, image_sources
from sonoscope.simulation.script import Emission, Levels, Place, Script
from sonoscope.simulation.track import Track

RATE = 24_000
SIZE_M, SOURCE_M, ARRAY_M = (6.0, 5.0, 3.0), (1.4, 3.6, 1.8), (3.1, 2.4, 1.5)
RECEIVERS: dict[ChannelFormat, Receiver] = {"foa": IdealFoa(), "tetra": Capsules(TETRAHEDRON)}
Transform = Float[ndarray, "3 3"]
TETRA_EXACT = [each.transform for each in array_symmetries(TETRAHEDRON)]
TURNS = list(Rotation.random(6, random_state=1).as_matrix())
ABOUT_UP = list(Rotation.from_euler("z", [[17], [200]], degrees=True).as_matrix())


def augmentation_generator(seed: int, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, number]))


def anechoic() -> tuple[Tensor, Tensor]:
    """Give the places of seven sources and what they lose besides distance."""
    return torch.from_numpy(2.5 * sphere_grid(7)), torch.linspace(1, 0.4, 7)


def in_room(transform: Transform | None = None) -> tuple[Tensor, Tensor]:
    """Give the images of a room, or those of the room that was turned and mirrored as a whole."""
    turn = np.eye(3) if transform is None else transform
    size = np.abs(turn) @ SIZE_M
    centre = np.array(SIZE_M) / 2
    source, array = (turn @ (np.array(place) - centre) + size / 2 for place in (SOURCE_M, ARRAY_M))
    x, y, z = (float(length) for length in size)
    images = image_sources(Room((x, y, z), 0.4), Geometry(source, array), 0.080)
    gain = torch.from_numpy(0.8 ** images.hits.sum(axis=1)).float()
    return torch.from_numpy(images.place_m), gain


def heard(channel_format: ChannelFormat, place: Tensor, gain: Tensor) -> Tensor:
    distance = place.norm(dim=1)
    waves = Waves(
        (place / distance[:, None]).float(),
        distance * (RATE / SPEED_OF_SOUND_M_S) + 20,
        (gain / distance).float()[:, None],
        distance.float(),
    )
    return response_of_waves(impulse_table(RECEIVERS[channel_format], RATE), waves, 2_200)[0]


def error_db(one: Tensor, other: Tensor) -> float:
    power = (one - other).square().sum() / other.square().sum()
    return float(10 * power.clamp_min(1e-20).log10())


def moved(place: Tensor, transform: Transform) -> Tensor:
    return place @ torch.from_numpy(transform.T)


def worst_db(channel_format: ChannelFormat, transforms: Sequence[Transform]) -> float:
    """Compare swapped sound with the simulation of moved waves, over both kinds of scene."""
    worst = -np.inf
    for place, gain in (anechoic(), in_room()):
        before = heard(channel_format, place, gain)
        directions = (place / place.norm(dim=1, keepdim=True)).float()[None]
        for transform in transforms:
            after, towards = transformed(before, directions, channel_format, transform)
            simulated = heard(channel_format, moved(place, transform), gain)
            worst = max(worst, error_db(after, simulated))
            wanted = moved(directions[0].double(), transform).float()
            assert torch.allclose(towards[0], wanted, atol=1e-6)
    return worst


def test_swapped_foa_is_the_simulated_scene() -> None:
    assert worst_db("foa", list(signed_permutations())) < -100  # the 16 are among them


def test_turned_foa_is_the_simulated_scene_for_any_angle() -> None:
    assert worst_db("foa", TURNS + ABOUT_UP) < -100


def test_swapped_capsules_are_the_simulated_scene() -> None:
    assert worst_db("tetra", TETRA_EXACT) < -100


@pytest.mark.parametrize("channel_format", ["foa", "tetra"])
def test_a_mirrored_room_is_simulated_as_the_swap_says(channel_format: ChannelFormat) -> None:
    """The image sources of the moved walls, source and array, not the moved images."""
    before = heard(channel_format, *in_room())
    none = torch.zeros(1, 1, 3)
    for transform in TETRA_EXACT:
        after, _ = transformed(before, none, channel_format, transform)
        assert error_db(after, heard(channel_format, *in_room(transform))) < -100


def test_the_near_symmetries_of_the_tetrahedron_are_off_by_more() -> None:
    place, gain = anechoic()
    before = heard("tetra", place, gain)
    others = [
        each
        for each in array_symmetries(TETRAHEDRON, tolerance=0.02)
        if not keeps_elevation(each.transform)
    ]
    off = [
        error_db(before[list(each.order)], heard("tetra", moved(place, each.transform), gain))
        for each in others
    ]
    assert len(off) == 16
    assert -40 < min(off) <= max(off) < -30


@pytest.mark.parametrize(("array", "wanted_db"), [(TETRAHEDRON, -100.0), (EM32, -25.0)])
def test_encoded_foa_follows_the_symmetries_of_its_array(array: MicArray, wanted_db: float) -> None:
    """To 10 kHz, far above the aliasing of both; the em32's own angles are rounded to a degree."""
    directions, frequency_hz = sphere_grid(50), np.geomspace(200, 10_000, 12)
    receiver = EncodedFoa(array, RATE)
    before = plane_wave_response(receiver, directions, frequency_hz)
    generator, asked = augmentation_generator(3, 3), AugmentationSettings(swap="elevation")
    drawn = [drawn_transform(asked, array, generator) for _ in range(12)]
    for transform in drawn:
        after = foa_matrix(transform) @ before
        simulated = plane_wave_response(receiver, directions @ transform.T, frequency_hz)
        off = np.abs(after - simulated) ** 2
        power = (np.abs(simulated) ** 2).sum(axis=(1, 2))
        assert 10 * np.log10((off.sum(axis=(1, 2)) / power).max() + 1e-30) < wanted_db
    assert len({tuple(each.ravel().round(3)) for each in drawn}) > 4


def test_mistaken_swaps_of_the_script_in_circulation_are_other_scenes() -> None:
    place, gain = anechoic()
    before = heard("tetra", place, gain)
    named = {swap_name(each): each for each in TETRA_EXACT}
    for name, order in (("az-90,-el", [1, 3, 0, 2]), ("az+90,-el", [2, 0, 3, 1])):
        assert error_db(before[order], heard("tetra", moved(place, named[name]), gain)) > -6
    place, gain = place[1:2], gain[1:2]
    foa = heard("foa", place, gain)
    mistaken = foa[[0, 3, 2, 1]] * torch.tensor([[1.0], [1.0], [-1.0], [1.0]])
    assert error_db(mistaken, heard("foa", moved(place, named["az+90,-el"]), gain)) > -6


def test_a_mirror_turns_the_lags_of_pairs_round() -> None:
    """Capsules 1 and 2 of the scene mirrored by "-az,-el" hear in the other order."""
    place, gain = anechoic()
    before = heard("tetra", place[2:3], gain[2:3])
    mirror = next(each for each in TETRA_EXACT if swap_name(each) == "-az,-el")
    after, _ = transformed(before, torch.zeros(1, 1, 3), "tetra", mirror)

    def lag(sound: Tensor) -> int:
        spectrum = torch.fft.rfft(sound[:2], n=8_192)
        cross = torch.fft.irfft(spectrum[0].conj() * spectrum[1])
        return int((cross.argmax() + 4_096) % 8_192 - 4_096)

    assert lag(before) != 0
    assert lag(after) == -lag(before)


@pytest.mark.parametrize("channel_format", ["foa", "tetra"])
@pytest.mark.parametrize(
    ("swap", "rotate"),
    [("elevation", "none"), ("axes", "none"), ("none", "vertical"), ("axes", "any")],
)
def test_a_scene_is_augmented_by_its_number_alone(
    channel_format: ChannelFormat, swap: Swap, rotate: Rotate
) -> None:
    asked = AugmentationSettings(swap=swap, rotate=rotate)
    sound, towards = torch.randn(4, 50), torch.randn(3, 2, 3)
    kept = sound.clone(), towards.clone()
    once = augmented(sound, towards, channel_format, augmentation_generator(5, 9), asked)
    again = augmented(sound, towards, channel_format, augmentation_generator(5, 9), asked)
    others = [
        augmented(sound, towards, channel_format, augmentation_generator(5, n), asked)[0]
        for n in range(10)
    ]
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert sum(torch.equal(once[0], other) for other in others) < 6
    assert torch.equal(sound, kept[0])  # no argument is written to
    assert torch.equal(towards, kept[1])


def test_without_augmentation_nothing_changes() -> None:
    sound, towards = torch.randn(4, 50), torch.randn(3, 2, 3)
    generator = augmentation_generator(0, 0)
    same = augmented(sound, towards, "foa", generator, AugmentationSettings())
    assert same[0] is sound
    assert same[1] is towards


def test_every_swap_of_a_group_comes_up_as_often() -> None:
    generator = augmentation_generator(1, 1)
    groups: tuple[tuple[MicArray | None, Swap, int], ...] = (
        (None, "elevation", 16),
        (None, "axes", 48),
        (TETRAHEDRON, "axes", 8),
    )
    for array, swap, count in groups:
        asked = AugmentationSettings(swap=swap)
        names = [swap_name(drawn_transform(asked, array, generator)) for _ in range(40 * count)]
        often = [names.count(name) for name in set(names)]
        assert len(often) == count
        assert min(often) > 15


def test_rotations_are_even_over_their_group() -> None:
    generator = augmentation_generator(2, 2)
    up = AugmentationSettings(rotate="vertical")
    about_up = np.stack([drawn_transform(up, None, generator) for _ in range(400)])
    assert np.allclose(about_up[:, 2], (0, 0, 1))
    assert np.allclose(np.linalg.det(about_up), 1)
    assert np.abs(about_up[:, :2, :2].mean(axis=0)).max() < 0.12
    anyhow = AugmentationSettings(rotate="any")
    any_turn = np.stack([drawn_transform(anyhow, None, generator) for _ in range(400)])
    assert np.allclose(any_turn @ any_turn.swapaxes(1, 2), np.eye(3))
    assert np.allclose(np.linalg.det(any_turn), 1)
    assert np.abs(any_turn.mean(axis=0)).max() < 0.12
    assert np.abs((any_turn**2).mean(axis=0) - 1 / 3).max() < 0.06


def test_what_a_format_cannot_follow_is_refused() -> None:
    sound, towards = torch.randn(4, 50), torch.randn(3, 2, 3)
    with pytest.raises(SettingError, match="must lay tetra onto itself"):
        transformed(sound, towards, "tetra", TURNS[0])
    with pytest.raises(SettingError, match='must be "foa" or "tetra", but stereo was given'):
        transformed(sound[:2], towards, "stereo", np.eye(3))


def test_a_gain_is_one_for_the_whole_scene_within_its_range() -> None:
    sound, towards = torch.randn(4, 300), torch.randn(3, 2, 3)
    asked, found = AugmentationSettings(gain_db=6.0), []
    for number in range(60):
        out, same = augmented(sound, towards, "foa", augmentation_generator(6, number), asked)
        gain = out / sound
        assert torch.allclose(gain, gain[0, 0].expand_as(gain), rtol=1e-5)
        assert same is towards
        found.append(20 * np.log10(float(gain[0, 0])))
    assert -6 <= min(found) < -4
    assert 4 < max(found) <= 6


def test_a_random_filter_has_the_gains_that_were_drawn_and_no_delay() -> None:
    gains_db = np.array([3.0, -5.0, 4.0, 0.0, -2.0, 6.0, 1.0])
    click = torch.zeros(4, 4_096)
    click[:, 2_000] = 1.0
    response = filtered(click, gains_db)
    around = response[0, 2_000 - 127 : 2_000 + 128]
    assert torch.allclose(around, around.flip(0), atol=1e-6)  # symmetric: no delay at all
    assert torch.equal(response, response[:1].expand_as(response))  # one filter for all
    level_db = 20 * torch.fft.rfft(response[0]).abs().log10()
    octaves_hz = [2_048 / 2**k for k in range(1, 5)]  # as bins of 4 096 points
    assert [float(level_db[round(k)]) for k in octaves_hz] == pytest.approx(gains_db[1:5], abs=0.7)


def test_a_filter_commutes_with_a_swap_and_leaves_directions_alone() -> None:
    gains_db = np.linspace(-6, 6, 7)
    before = heard("tetra", *anechoic())
    none, mirror = torch.zeros(1, 1, 3), TETRA_EXACT[3]
    one = filtered(transformed(before, none, "tetra", mirror)[0], gains_db)
    other = transformed(filtered(before, gains_db), none, "tetra", mirror)[0]
    assert torch.allclose(one, other, atol=1e-7)
    asked = AugmentationSettings(eq_db=6.0)
    towards = torch.randn(3, 2, 3)
    sound, same = augmented(before, towards, "tetra", augmentation_generator(8, 1), asked)
    assert same is towards
    assert 0.05 < float((sound - before).norm() / before.norm()) < 1.5
    assert sound.shape == before.shape


def test_gain_and_filter_do_not_turn_a_scene() -> None:
    """An array's symmetries come with swaps and rotations alone."""
    sound, towards = torch.randn(4, 600), torch.randn(3, 2, 3)
    asked = AugmentationSettings(gain_db=3.0, eq_db=3.0)
    for number in range(10):
        _, same = augmented(sound, towards, "tetra", augmentation_generator(9, number), asked)
        assert same is towards


def test_gcc_maps_permuted_after_the_fact_need_their_lags_turned_round() -> None:
    """Channels alone give another scene; of a swapped pair the lag b becomes -b."""
    front = PaperFeatures(PaperFeatureSettings(channel_format="tetra"))
    place, gain = anechoic()
    before = heard("tetra", place[1:2], gain[1:2])
    noise = torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.rfft(before, n=2 * RATE) * torch.fft.rfft(noise, n=2 * RATE)
    sound = torch.fft.irfft(spectrum)[:, :RATE]
    for transform in TETRA_EXACT[1:]:
        swapped, _ = transformed(sound, torch.zeros(1, 1, 3), "tetra", transform)
        wanted = front.maps(swapped[None])[0, 4:, :, 1:]  # lag -32 has no counterpart
        maps = front.maps(sound[None])[0, 4:, :, 1:]
        order = next(
            list(each.order)
            for each in array_symmetries(TETRAHEDRON)
            if np.allclose(each.transform, transform)
        )
        pairs = [(order[m], order[n]) for m, n in PAIRS]
        naive = torch.stack([maps[PAIRS.index((min(p), max(p)))] for p in pairs])
        turned = torch.stack(
            [maps[PAIRS.index((min(p), max(p)))].flip(-1 if p[0] > p[1] else ()) for p in pairs]
        )
        assert torch.allclose(turned, wanted, atol=2e-4)
        assert any(p[0] > p[1] for p in pairs)  # every swap but none turns some pair
        assert float((naive - wanted).norm() / wanted.norm()) > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("channel_format", ["foa", "tetra"])
def test_a_rendered_scene_swapped_is_the_scene_rendered_at_the_swapped_directions(
    channel_format: ChannelFormat,
) -> None:
    """The renderer itself, from a script: two sources at once, and their truth."""
    listener = Listener(channel_format, RECEIVERS[channel_format], RATE)
    rows = torch.from_numpy(np.array([[2.0, 1.0, 0.5], [-1.0, 1.5, -0.6]]))
    transforms = list(elevation_keeping()) if channel_format == "foa" else TETRA_EXACT
    assert len(transforms) == (16 if channel_format == "foa" else 8)
    (before,), events = rendered(script(rows.numpy()), [listener])
    towards = torch.tensor(np.stack([event.direction_at(np.full(1, 0.2))[0] for event in events]))
    for transform in transforms:
        after, turned = transformed(before, towards.float(), channel_format, transform)
        (simulated,), moved_events = rendered(script(moved(rows, transform).numpy()), [listener])
        assert error_db(after, simulated) < -95  # the ambience lies there
        told = np.stack([event.direction_at(np.full(1, 0.2))[0] for event in moved_events])
        assert np.allclose(turned.numpy(), told, atol=1e-5)


def script(places_m: Float[ndarray, "source 3"]) -> Script:
    """Two noises at once in the open, over silence."""
    emissions = tuple(
        Emission(
            label=f"label {i}",
            sound=np.random.default_rng(i).standard_normal(RATE // 4).astype(np.float32),
            onset_s=0.05 + 0.02 * i,
            track=Track.still(place),
            level_db=0.0,
            is_extra=False,
            attribution="",
        )
        for i, place in enumerate(places_m)
    )
    return Script(
        place=Place(None, Track.still(np.zeros(3))),
        emissions=emissions,
        duration_s=0.4,
        levels=Levels("active", 45.0),
        ambience=DiffuseNoise(),
        foa_encoder="ideal",
        is_mono=False,
        is_clean=True,
        gain_db=0.0,
        seed=(1, 2),
        overlap=2,
        room=0,
    )
