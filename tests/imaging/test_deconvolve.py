"""Deconvolved maps hold the sources and nothing of the beam that they were seen through."""

import numpy as np
import pytest
from tests.imaging.sound_fields import FREQUENCIES, SPIRAL, exact_spectra, half_sphere

from sonoscope.core.array import EM32
from sonoscope.core.direction import sphere_grid, unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.imaging.beamform import conventional
from sonoscope.imaging.deconvolve import CleanSettings, clean_sc, damas
from sonoscope.imaging.spectra import CrossSpectra
from sonoscope.imaging.steering import Formulation, Scan, held, transfers
from sonoscope.signal.receiver import Capsules

AHEAD = Scan(Capsules(SPIRAL), half_sphere(300))
SPHERE = Scan(Capsules(EM32), sphere_grid(300))
ONE = 150
TWO = {ONE: 1.0, 20: 0.05}
KEPT = CleanSettings(diagonal_removed=False)


@pytest.mark.parametrize("scan", [AHEAD, SPHERE], ids=["spiral", "rigid sphere"])
@pytest.mark.parametrize("settings", [KEPT, CleanSettings()], ids=["kept", "removed"])
def test_clean_sc_leaves_a_source_and_no_side_lobe(settings: CleanSettings, scan: Scan) -> None:
    spectra = exact_spectra(scan, {ONE: 2.0})
    assert np.count_nonzero(conventional(spectra, scan)[0] > 0.002) > 50
    clean = clean_sc(spectra, scan, settings)
    assert np.count_nonzero(clean, axis=1).tolist() == [1, 1, 1]
    assert clean[:, ONE] == pytest.approx(2.0, rel=2e-3)


@pytest.mark.parametrize("formulation", ["II", "III"])
def test_clean_sc_keeps_the_level_of_a_near_source_without_its_diagonal(
    formulation: Formulation,
) -> None:
    scan = Scan(Capsules(EM32), unit_vector(0.4, 0.2)[None] * 0.3, True, formulation)
    clean = clean_sc(exact_spectra(scan, {0: 1.0}, noise=4.0), scan)
    assert clean[:, 0] == pytest.approx(1.0, rel=2e-3)


def test_held_weights_make_the_same_deconvolved_maps() -> None:
    few = Scan(Capsules(EM32), sphere_grid(60))
    spectra = exact_spectra(few, {20: 1.0, 40: 0.3}, noise=0.1)
    kept = held(few, FREQUENCIES)
    assert np.array_equal(clean_sc(spectra, kept), clean_sc(spectra, few))
    assert np.array_equal(damas(spectra, kept, sweeps=5), damas(spectra, few, sweeps=5))


def test_clean_sc_finds_a_quiet_source_below_the_side_lobes_of_a_loud_one_in_noise() -> None:
    spectra = exact_spectra(AHEAD, TWO, noise=1.0)
    clean = clean_sc(spectra, AHEAD).mean(axis=0)
    near_quiet = AHEAD.points @ AHEAD.points[20] > np.cos(0.2)
    near_loud = AHEAD.points @ AHEAD.points[ONE] > np.cos(0.2)
    assert clean[near_loud].sum() == pytest.approx(1.0, rel=0.05)
    assert clean[near_quiet].sum() == pytest.approx(0.05, rel=0.3)
    assert clean[~near_quiet & ~near_loud].sum() < 0.01


def test_clean_sc_takes_what_is_heard_even_where_the_model_is_wrong() -> None:
    rng = np.random.default_rng(0)
    wrong = np.exp(0.5j * rng.standard_normal(24))
    heard = np.stack([one[ONE] * wrong for one in transfers(AHEAD, FREQUENCIES)])
    matrices = heard[:, :, None] * np.conj(heard[:, None, :])
    spectra = CrossSpectra(matrices, FREQUENCIES, 100.0)
    clean = clean_sc(spectra, AHEAD, KEPT)
    assert np.count_nonzero(clean, axis=1).tolist() == [1, 1, 1]


def test_damas_parts_what_the_map_joins_and_keeps_the_levels() -> None:
    azimuth = np.deg2rad(np.arange(-60, 61, 5.0))
    scan = Scan(Capsules(SPIRAL), unit_vector(azimuth, 0.0))
    true = np.zeros(25)
    true[[10, 13]] = 1.0, 0.5
    spectra = exact_spectra(scan, {10: 1.0, 13: 0.5}, noise=2.0)
    seen = conventional(spectra, scan, diagonal_removed=True)[0]
    assert np.abs(seen - true).max() > 0.3
    found = damas(spectra, scan, sweeps=2000)
    assert found.min() >= 0
    assert np.abs(found - true).max() < 0.05


def test_damas_of_a_map_is_a_map_of_the_same_sources() -> None:
    spectra = exact_spectra(SPHERE, {ONE: 1.0, 40: 0.3})
    found = damas(spectra, SPHERE, sweeps=30, diagonal_removed=False)
    again = exact_spectra(SPHERE, {p: float(found[0, p]) for p in range(300)})
    seen = conventional(spectra, SPHERE)[0]
    assert np.abs(conventional(again, SPHERE)[0] - seen).max() < 0.05
    assert np.count_nonzero(found[0] > 0.03) < 20


def test_clean_sc_gives_no_more_than_the_capsules_heard() -> None:
    rng = np.random.default_rng(1)
    parts = rng.standard_normal((2, 3, 24, 40))
    noise = parts[0] + 1j * parts[1]
    spectra = CrossSpectra(noise @ np.conj(noise.transpose(0, 2, 1)) / 80, FREQUENCIES, 40.0)
    heard = np.einsum("fcc->f", spectra.matrices).real / 24
    kept = clean_sc(spectra, AHEAD, CleanSettings(floor=1e-6, diagonal_removed=False)).sum(axis=1)
    removed = clean_sc(spectra, AHEAD, CleanSettings(floor=1e-6)).sum(axis=1)
    assert np.all(kept < heard)
    assert np.all(removed < heard)


def test_silence_has_no_sources() -> None:
    silent = CrossSpectra(np.zeros((3, 24, 24), np.complex128), FREQUENCIES, 9.0)
    assert not clean_sc(silent, AHEAD).any()
    assert not damas(silent, AHEAD, sweeps=1).any()


def test_more_points_than_memory_are_refused() -> None:
    scan = Scan(Capsules(EM32), sphere_grid(8193))
    with pytest.raises(SettingError, match="at most 8192 points, but 8193"):
        damas(exact_spectra(SPHERE, {ONE: 1.0}), scan)
