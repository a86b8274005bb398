"""Two families draw recordings that differ in what they are made of, not only in their seeds."""

import hashlib

import numpy as np
import pytest

from sonoscope.simulation.discharge import KINDS, Brush, Corona, Kind, pulse_train
from sonoscope.simulation.disturbance import RainNoise, disturbance
from sonoscope.simulation.inspection import Family, Hall, InspectionSettings, OpenAir
from sonoscope.simulation.inspection_families import (
    BED_KINDS,
    drawn_bed,
    drawn_discharge,
    drawn_inspection,
    drawn_shape,
    random_inspection,
)
from sonoscope.simulation.mains import MainsSettings, mains_clock

FAMILIES: tuple[Family, ...] = ("a", "b")


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def drawn(family: Family, count: int) -> list[InspectionSettings]:
    generator = rng(0)
    return [drawn_inspection(family, generator) for _ in range(count)]


def test_families_differ_in_pulses_places_and_noises() -> None:
    ones, others = drawn("a", 60), drawn("b", 60)
    places = [{type(one.place) for one in every} for every in (ones, others)]
    assert places == [{OpenAir}, {Hall}]
    shapes = [
        {(s.shape.kind, s.shape.partial > 0) for one in every for s in one.sources}
        for every in (ones, others)
    ]
    assert not shapes[0] & shapes[1]
    noises = [{bed.kind for one in every for bed in one.beds} for every in (ones, others)]
    assert "rain" in noises[1] - noises[0]


@pytest.mark.parametrize("kind", KINDS)
def test_families_differ_in_the_statistics_of_every_kind(kind: Kind) -> None:
    """Some law or range of a kind's settings has nothing in common with the other family's."""
    every = [
        [drawn_discharge(kind, family, rng(seed)) for seed in range(40)] for family in FAMILIES
    ]
    apart = []
    for name in vars(every[0][0]):
        values = [{getattr(one, name) for one in some} for some in every]
        if all(isinstance(value, float) for value in values[0] | values[1]):
            low, high = sorted(values, key=lambda some: sum(some) / len(some))
            apart.append(max(low) < min(high) or np.mean(list(low)) * 1.4 < np.mean(list(high)))
        else:
            apart.append(not values[0] & values[1])
    assert any(apart)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_draw_can_be_heard(family: Family) -> None:
    for kind in KINDS:
        counts = []
        for seed in range(6):
            clock = mains_clock(MainsSettings(), 0.0, 1.0, rng(seed))
            pulses = pulse_train(drawn_discharge(kind, family, rng(seed)), clock, rng(seed))
            counts.append(len(pulses.time_s))
        assert min(counts) >= 15  # in a second
        assert max(counts) < 10_000


@pytest.mark.parametrize("family", FAMILIES)
def test_no_multiple_of_a_wheel_comes_near_the_mains_or_twice_it(family: Family) -> None:
    for seed in range(60):
        brush = drawn_discharge("brush", family, rng(seed), mains_hz=50.1)
        assert isinstance(brush, Brush)
        multiples = brush.wheel_hz * np.arange(1, 60)
        for line in (50.1, 100.2):
            assert np.abs(multiples - line).min() >= min(1.0, brush.wheel_hz / 4) - 1e-9


@pytest.mark.parametrize("family", FAMILIES)
def test_a_draw_has_what_was_asked(family: Family) -> None:
    made = random_inspection(
        family, 4, kinds=("corona", "brush"), snr_db=3.0, duration_s=0.3, nominal_hz=16.7,
        beds=("crane",),
    )  # fmt: skip
    assert made.truth.kinds == ("corona", "brush")
    assert made.truth.snr_db == pytest.approx(3.0)
    assert made.truth.settings.family == family
    assert made.truth.settings.mains.nominal_hz == 16.7
    assert [bed.kind for bed in made.truth.settings.beds] == ["crane", "floor"]
    assert made.samples.shape == (round(0.3 * 96_000),)
    assert 0.04 < np.abs(made.samples).max() <= 0.9
    inside = random_inspection(
        family, 4, kinds=("surface",), snr_db=3.0, snr="in_band", duration_s=0.2
    )
    assert inside.truth.snr_in_band_db == pytest.approx(3.0)
    nothing = random_inspection(family, 4, kinds=(), duration_s=0.1)
    assert nothing.truth.kinds == ()
    assert nothing.truth.snr_db is None


def test_recordings_of_a_seed_are_the_same_whatever_was_made_before() -> None:
    for family in FAMILIES:
        once = random_inspection(family, 7, duration_s=0.2)
        random_inspection(family, 8, duration_s=0.2)
        again = random_inspection(family, 7, duration_s=0.2)
        assert once.samples.tobytes() == again.samples.tobytes()
        assert once.truth.settings == again.truth.settings


def test_counts_of_sources_and_mains_are_drawn_as_written() -> None:
    every = drawn("a", 200) + drawn("b", 200)
    counts = np.bincount([len(one.sources) for one in every], minlength=3) / len(every)
    assert np.abs(counts - [0.15, 0.65, 0.2]).max() < 0.08
    assert {one.mains.nominal_hz for one in every} == {50.0, 60.0, 16.7}
    for one in every:
        assert abs(one.mains.offset_hz) <= 0.2
        kinds = [source.discharge.kind for source in one.sources]
        assert len(set(kinds)) == len(kinds)
    kinds = [source.discharge.kind for one in every for source in one.sources]
    assert min(kinds.count(kind) for kind in KINDS) > 30


def test_polarities_and_second_clusters_occur_in_both() -> None:
    for family in FAMILIES:
        several = [drawn_discharge("corona", family, rng(seed)) for seed in range(60)]
        coronas = [one for one in several if isinstance(one, Corona)]
        assert {one.point for one in coronas} == {"hv", "earth"}
        twice = np.mean([one.overvoltage > one.streamer_onset for one in coronas])
        assert 0.1 < twice < 0.6


def test_draws_stay_those_that_networks_learnt_from() -> None:
    told = hashlib.sha256()
    for family in FAMILIES:
        for seed in range(20):
            beds = [drawn_bed(kind, family, rng(seed)) for kind in BED_KINDS[family]]
            discharges = [drawn_discharge(kind, family, rng(seed)) for kind in KINDS]
            told.update(repr((beds, discharges, drawn_shape(family, rng(seed)))).encode())
    assert told.hexdigest()[:16] == "6f354941723c50b7"


@pytest.mark.parametrize("family", FAMILIES)
def test_rain_of_every_draw_can_be_heard(family: Family) -> None:
    """A family's own noises or not: whoever asks for one hears it."""
    for seed in range(40):
        bed = drawn_bed("rain", family, rng(seed))
        assert isinstance(bed, RainNoise)
        assert disturbance(bed, 96_000, 400, rng(seed)).shape == (400,)


def test_shapes_and_noises_can_all_be_drawn() -> None:
    for family in FAMILIES:
        for seed in range(20):
            drawn_shape(family, rng(seed))
        for kind in BED_KINDS[family]:
            assert drawn_bed(kind, family, rng(0)).kind == kind
