"""Maps show sources where they are, as loud as they are, and what each method promises beyond."""

from collections.abc import Callable

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray
from tests.imaging.sound_fields import FREQUENCIES, SPIRAL, exact_spectra, half_sphere

from sonoscope.core.array import EM32, TETRAHEDRON, MicArray
from sonoscope.core.direction import angle_between, sphere_grid, unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.imaging.beamform import capon, conventional, functional, music, orthogonal, srp_phat
from sonoscope.imaging.grids import peaks
from sonoscope.imaging.spectra import CrossSpectra, cross_spectra, diagonal, whitened
from sonoscope.imaging.steering import Formulation, Listening, Scan, held, weights
from sonoscope.signal.receiver import Capsules, IdealFoa, Receiver, plane_wave_response
from sonoscope.signal.sphere import diffuse_covariance

POINTS = half_sphere(600)
SPHERE = Scan(Capsules(EM32), sphere_grid(400))
AHEAD = Scan(Capsules(SPIRAL), POINTS)
PLACE = 300
MAPS: dict[str, Callable[[CrossSpectra, Listening], Float[ndarray, "frequency point"]]] = {
    "conventional": conventional,
    "no diagonal": lambda spectra, scan: conventional(spectra, scan, diagonal_removed=True),
    "functional": functional,
    "capon": capon,
    "orthogonal": lambda spectra, scan: orthogonal(spectra, scan, 1),
}


@pytest.mark.parametrize("scan", [AHEAD, SPHERE], ids=["spiral", "rigid sphere"])
@pytest.mark.parametrize("name", MAPS)
def test_a_source_is_where_it_is_and_as_loud(name: str, scan: Scan) -> None:
    seen = MAPS[name](exact_spectra(scan, {PLACE: 2.5}, noise=1e-9), scan)
    assert np.all(seen.sum(axis=0).argmax() == PLACE)
    assert seen[:, PLACE] == pytest.approx(2.5, rel=1e-3)


@pytest.mark.parametrize("name", MAPS)
def test_twice_the_power_is_twice_the_map(name: str) -> None:
    quiet = exact_spectra(AHEAD, {PLACE: 1.0, 20: 0.3}, noise=0.01)
    loud = CrossSpectra(2 * quiet.matrices, quiet.frequency_hz, quiet.averages)
    once, twice = MAPS[name](quiet, AHEAD), MAPS[name](loud, AHEAD)
    assert np.abs(twice - 2 * once).max() < 1e-9


@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("formulation", ["I", "II", "III", "IV"])
@pytest.mark.parametrize("array", [EM32, TETRAHEDRON], ids=["many channels", "few"])
def test_the_fast_map_is_the_plain_sum(
    array: MicArray, formulation: Formulation, removed: bool
) -> None:
    points = sphere_grid(1500)[:1200] * np.linspace(0.3, 2, 1200)[:, None]
    scan = Scan(Capsules(array), points, near=True, formulation=formulation)
    spectra = exact_spectra(scan, {5: 1.0, 700: 0.2}, noise=0.1)
    seen = conventional(spectra, scan, diagonal_removed=removed)
    for i, h in enumerate(weights(scan, FREQUENCIES)):
        matrix = spectra.matrices[i] - removed * np.diag(np.diag(spectra.matrices[i]))
        plain = np.einsum("pc,cd,pd->p", np.conj(h), matrix, h).real
        if removed:
            plain *= seen[i, 5] / plain[5]
            assert seen[i] / plain == pytest.approx(1, rel=0.2)
        else:
            assert np.abs(seen[i] - plain).max() < 1e-12


@pytest.mark.parametrize("array", [EM32, TETRAHEDRON], ids=["many channels", "few"])
def test_noise_subspaces_and_inverses_are_the_plain_ones(array: MicArray) -> None:
    scan = Scan(Capsules(array), sphere_grid(90))
    spectra = exact_spectra(scan, {5: 1.0, 40: 0.2}, noise=0.1)
    narrow, far = capon(spectra, scan, loading=0.0), music(spectra, scan, 2)
    for i, h in enumerate(weights(scan, FREQUENCIES)):
        size = (np.abs(h) ** 2).sum(axis=1)
        inverse = np.linalg.inv(spectra.matrices[i])
        plain = size**2 / np.einsum("pc,cd,pd->p", np.conj(h), inverse, h).real
        assert narrow[i] == pytest.approx(plain, rel=1e-9)
        noise = np.linalg.eigh(spectra.matrices[i])[1][:, :-2]
        gap = (np.abs(np.conj(h) @ noise) ** 2).sum(axis=1) / size
        outside = np.delete(np.arange(90), [5, 40])
        assert far[i, outside] == pytest.approx(1 / gap[outside], rel=1e-9)


@pytest.mark.parametrize("name", MAPS)
def test_held_weights_make_the_same_map(name: str) -> None:
    spectra = exact_spectra(SPHERE, {PLACE: 1.0, 20: 0.3}, noise=0.01)
    again = MAPS[name](spectra, held(SPHERE, FREQUENCIES))
    assert np.array_equal(again, MAPS[name](spectra, SPHERE))


def test_srp_phat_takes_held_weights_of_phases_alone() -> None:
    spectra = exact_spectra(SPHERE, {PLACE: 1.0}, noise=0.1)
    phases = held(Scan(Capsules(EM32), SPHERE.points, formulation="I"), FREQUENCIES)
    assert np.array_equal(srp_phat(spectra, phases), srp_phat(spectra, SPHERE))
    with pytest.raises(SettingError, match="of formulation I, but III"):
        srp_phat(spectra, held(SPHERE, FREQUENCIES))


def test_without_the_diagonal_noise_of_the_channels_leaves_nothing() -> None:
    noisy = exact_spectra(AHEAD, {}, noise=5.0)
    assert conventional(noisy, AHEAD).min() > 0.2
    assert np.abs(conventional(noisy, AHEAD, diagonal_removed=True)).max() < 1e-12
    both = exact_spectra(AHEAD, {PLACE: 1.0}, noise=5.0)
    assert conventional(both, AHEAD)[:, PLACE] == pytest.approx(1 + 5 / 24)
    assert conventional(both, AHEAD, diagonal_removed=True)[:, PLACE] == pytest.approx(1)


def two_close() -> tuple[Scan, CrossSpectra, Float[ndarray, "2 3"]]:
    azimuth = np.deg2rad(np.arange(-60, 60.5, 0.5))
    scan = Scan(Capsules(SPIRAL), unit_vector(azimuth, 0.0))
    spectra = exact_spectra(scan, {110: 1.0, 140: 1.0}, noise=1e-3)  # -5 and 10 degrees
    return scan, spectra, scan.points[[110, 140]]


def test_capon_and_music_part_two_sources_that_the_conventional_map_joins() -> None:
    scan, spectra, true = two_close()
    joined = peaks(conventional(spectra, scan).sum(axis=0), scan.points, 2)
    assert angle_between(scan.points[joined[:2], None], true).min(axis=1).max() > np.deg2rad(3)
    for seen in (capon(spectra, scan), music(spectra, scan, 2)):
        parted = peaks(seen.mean(axis=0), scan.points, 2)[:2]
        assert angle_between(scan.points[parted, None], true).min(axis=1).max() < np.deg2rad(1.1)


def test_a_little_loading_lets_capon_work_on_a_singular_matrix() -> None:
    seen = capon(exact_spectra(AHEAD, {PLACE: 1.0}), AHEAD)
    assert seen.sum(axis=0).argmax() == PLACE
    assert seen[:, PLACE] == pytest.approx(1.0, rel=1e-3)


def test_functional_side_lobes_fall_with_the_exponent() -> None:
    spectra = exact_spectra(AHEAD, {PLACE: 1.0})
    plain = conventional(spectra, AHEAD)
    sharp = functional(spectra, AHEAD, exponent=8.0)
    assert sharp == pytest.approx(plain**8, abs=1e-9)
    assert functional(spectra, AHEAD, exponent=1.0) == pytest.approx(plain, abs=1e-12)


def test_orthogonal_keeps_the_level_of_a_quiet_source_beside_a_loud_one() -> None:
    seen = orthogonal(exact_spectra(AHEAD, {PLACE: 1.0, 20: 0.01}), AHEAD, 2)
    assert seen[:, PLACE] == pytest.approx(1.0, rel=0.05)
    assert seen.sum(axis=1) == pytest.approx(1.01, rel=0.05)
    assert np.count_nonzero(seen, axis=1).tolist() == [2, 2, 2]


def test_srp_phat_hears_phases_alone_and_is_one_at_a_lone_source() -> None:
    spectra = exact_spectra(AHEAD, {PLACE: 1.0}, noise=3.0)
    seen = srp_phat(spectra, AHEAD)
    assert seen[:, PLACE] == pytest.approx(1)
    assert seen.argmax(axis=1).tolist() == [PLACE] * 3
    gains = np.linspace(0.1, 3, 24)
    uneven = CrossSpectra(spectra.matrices * np.outer(gains, gains), FREQUENCIES, 9.0)
    assert srp_phat(uneven, AHEAD) == pytest.approx(seen)


def test_an_ambisonic_beam_is_a_cardioid_and_sharpest_when_diffuse_sound_is_whitened() -> None:
    turned = np.deg2rad([0, 52.5, 65.5])
    scan = Scan(IdealFoa(), unit_vector(turned, 0.0))
    spectra = exact_spectra(scan, {0: 1.0})
    assert conventional(spectra, scan)[0] == pytest.approx(((1 + np.cos(turned)) / 2) ** 2)
    diffuse = np.broadcast_to(np.diag([1, 1 / 3, 1 / 3, 1 / 3]), (3, 4, 4))
    white, root = whitened(spectra.matrices, diffuse)
    aim = np.conj(next(weights(scan, FREQUENCIES))) @ root[0]
    sharp = np.einsum("pc,cd,pd->p", aim, white[0], np.conj(aim)).real
    assert sharp / sharp[0] == pytest.approx(((1 + 3 * np.cos(turned)) / 4) ** 2)
    assert sharp[1] / sharp[0] == pytest.approx(0.5, abs=0.01)  # 105 degrees wide at -3 dB


@pytest.mark.parametrize(
    "receiver", [Capsules(SPIRAL), Capsules(EM32), IdealFoa()], ids=["open", "rigid", "foa"]
)
def test_samples_of_a_wave_are_seen_where_they_come_from(receiver: Receiver) -> None:
    rate, place = 48_000.0, unit_vector(0.6, -0.3)
    sound = np.random.default_rng(0).standard_normal(24_000)
    frequency = np.fft.rfftfreq(len(sound), 1 / rate)
    response = plane_wave_response(receiver, place[None], frequency)[:, :, 0]
    samples = np.fft.irfft(np.fft.rfft(sound)[:, None] * response, axis=0, n=len(sound)).T
    spectra = cross_spectra(np.ascontiguousarray(samples), rate, (2000.0, 6000.0))
    scan = Scan(receiver, np.concatenate([place[None], half_sphere(400)]))
    seen = conventional(spectra, scan).sum(axis=0)
    assert seen.argmax() == 0
    power = diagonal(cross_spectra(sound[None], rate, (2000.0, 6000.0)).matrices).sum()
    assert seen[0] == pytest.approx(power, rel=0.02)


def test_diffuse_sound_on_the_sphere_has_no_peak() -> None:
    field = diffuse_covariance(EM32, np.array([2000.0])).astype(np.complex128)
    seen = conventional(CrossSpectra(field, np.array([2000.0]), 9.0), SPHERE)[0]
    assert np.ptp(10 * np.log10(seen)) < 0.5


def test_what_cannot_be_counted_or_inverted_is_refused() -> None:
    spectra = exact_spectra(AHEAD, {PLACE: 1.0})
    with pytest.raises(SettingError, match=r"in 1\.\.23, but 24"):
        music(spectra, AHEAD, 24)
    with pytest.raises(SettingError, match=r"in 1\.\.23, but 0"):
        orthogonal(spectra, AHEAD, 0)
    with pytest.raises(SettingError, match="loading must be large enough"):
        capon(spectra, AHEAD, loading=-1e-3)
    with pytest.raises(SettingError, match="exponent must be at least 1"):
        functional(spectra, AHEAD, exponent=0.5)
