"""Ambisonic scales there and back, encoders against theory and measurement, cuts and turns."""

from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import scipy.io
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Complex, Float
from numpy import ndarray
from scipy.spatial.transform import Rotation

from sonoscope.core.array import EM32, TETRAHEDRON, MicArray, on_sphere
from sonoscope.core.audio import ChannelFormat, read
from sonoscope.core.direction import angle_between, angles, sphere_grid, unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.signal.ambisonics import (
    Encoder,
    array_encoder,
    foa_gains,
    guess_format,
    measured_encoder,
    rotate_foa,
    to_foa,
)
from sonoscope.signal.sphere import array_response

_RATE_HZ = 24_000
_XYZ = [3, 1, 2]


def _noise(n_channels: int, n_samples: int, seed: int = 0) -> Float[ndarray, "channel sample"]:
    noise = np.random.default_rng(seed).standard_normal((n_channels, n_samples))
    return noise.astype(np.float32)


def _at_array(
    array: MicArray, sounds: Float[ndarray, "source sample"], directions: Float[ndarray, "source 3"]
) -> Float[ndarray, "capsule sample"]:
    """Let plane waves fall on an array, around a circle of time."""
    frequency_hz = np.fft.rfftfreq(sounds.shape[1], 1 / _RATE_HZ)
    response = array_response(array, directions, frequency_hz)
    heard = np.einsum("fqd,df->qf", response, scipy.fft.rfft(sounds.astype(np.float64)))
    return np.asarray(scipy.fft.irfft(heard, sounds.shape[1]), np.float32)


def _diffuse(n_samples: int, seed: int = 0) -> tuple[ndarray, ndarray]:
    return _noise(200, n_samples, seed), sphere_grid(200)


@pytest.fixture(scope="module")
def tetra() -> Encoder:
    return array_encoder(TETRAHEDRON, _RATE_HZ)


@pytest.fixture(scope="module")
def em32() -> Encoder:
    return array_encoder(EM32, _RATE_HZ)


def _patterns(
    encoder: Encoder, array: MicArray, frequency_hz: float, directions: Float[ndarray, "dir 3"]
) -> tuple[Complex[ndarray, "acn=4 dir"], Complex[ndarray, "acn=4 capsule"]]:
    """Give what the finished filters hear from every direction at one frequency."""
    time_s: Float[ndarray, " tap"] = (
        np.arange(encoder.filters.shape[2]) - encoder.delay
    ) / encoder.rate_hz
    gains = encoder.filters @ np.exp(-2j * np.pi * frequency_hz * time_s)
    return gains @ array_response(array, directions, np.array([float(frequency_hz)]))[0], gains


def _quality(encoder: Encoder, array: MicArray, frequency_hz: float) -> tuple[float, float, float]:
    """Give correlation of order 1 with the ideal, bias in degrees and noise gain in dB."""
    directions = sphere_grid(700)
    heard, gains = _patterns(encoder, array, frequency_hz, directions)
    ideal = foa_gains(directions).T
    match = (heard[1:] * ideal[1:]).sum().real
    norm = np.sqrt((np.abs(heard[1:]) ** 2).sum() * (ideal[1:] ** 2).sum())
    flow = (heard[:1].conj() * heard[_XYZ]).real.T
    bias = np.rad2deg(angle_between(flow, directions)).mean()
    noise = 10 * np.log10((np.abs(gains[1:]) ** 2).sum(axis=1).max())
    return float(match / norm), float(bias), float(noise)


def test_a_plane_wave_has_its_direction_in_the_first_order() -> None:
    direction = unit_vector(np.deg2rad(30), np.deg2rad(-20))
    w, y, z, x = foa_gains(direction)
    azimuth, elevation = angles(np.array([x, y, z]))
    assert w == 1
    assert np.rad2deg([azimuth, elevation]) == pytest.approx([30, -20])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_n3d_and_fuma_come_to_the_same_field(kind: type) -> None:
    foa: Float[ndarray, "4 sample"] = _noise(4, 100).astype(kind)
    w, y, z, x = foa
    n3d: Float[ndarray, "4 sample"] = np.stack([w, y * 3**0.5, z * 3**0.5, x * 3**0.5]).astype(kind)
    fuma: Float[ndarray, "4 sample"] = np.stack([w / 2**0.5, x, y, z]).astype(kind)
    for channel_format, samples in (("foa", foa), ("n3d", n3d), ("fuma", fuma)):
        again = to_foa(samples, channel_format)  # type: ignore[arg-type]
        assert again.dtype == kind
        np.testing.assert_allclose(again, foa, rtol=1e-6)


def test_mono_and_stereo_are_heard_without_a_direction() -> None:
    sound = _noise(2, 50)
    stereo, mono = to_foa(sound, "stereo"), to_foa(sound[:1], "mono")
    np.testing.assert_allclose(stereo[0], (sound[0] + sound[1]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(mono[0], sound[0])
    assert not stereo[1:].any()
    assert not mono[1:].any()


@pytest.mark.parametrize("channel_format", ["tetra", "array"])
def test_capsules_are_no_ambisonics(channel_format: ChannelFormat) -> None:
    with pytest.raises(SettingError, match="needs an Encoder"):
        to_foa(_noise(4, 10), channel_format)


@given(st.integers(0, 2**32 - 1))
def test_turning_the_field_turns_every_direction(seed: int) -> None:
    turn = Rotation.random(random_state=seed).as_matrix()
    directions = sphere_grid(20)
    turned = rotate_foa(foa_gains(directions).T, turn)
    np.testing.assert_allclose(turned, foa_gains(directions @ turn.T).T, atol=1e-12)


@pytest.mark.parametrize(
    ("frequency_hz", "correlation", "bias_deg", "noise_db"),
    [
        (125, 1.000, 0, 15), (500, 0.994, 0.2, 3), (1_000, 0.976, 1, None),
        (1_500, 0.936, 3, None), (2_000, 0.852, 8, None), (3_000, 0.635, None, None),
        (4_000, 0.508, None, None),
    ],
)  # fmt: skip
def test_the_tetrahedron_is_as_good_as_theory_says(
    tetra: Encoder,
    frequency_hz: float,
    correlation: float,
    bias_deg: float | None,
    noise_db: float | None,
) -> None:
    found = _quality(tetra, TETRAHEDRON, frequency_hz)
    assert found[0] == pytest.approx(correlation, abs=0.001)
    if bias_deg is not None:
        assert found[1] == pytest.approx(bias_deg, abs=0.6)
    if noise_db is not None:
        assert found[2] == pytest.approx(noise_db, abs=1)


@pytest.mark.parametrize(
    ("frequency_hz", "correlation", "bias_deg", "noise_db"),
    [
        (125, 1.0, 0, 6.5), (500, 1.0, 0, -5.5), (1_000, 1.0, 0, None), (4_000, 1.0, 0.1, None),
        (6_000, 0.9998, 0.3, None), (8_000, 0.9895, 6, None), (10_000, 0.774, 12.7, None),
    ],
)  # fmt: skip
def test_the_em32_is_good_to_8_khz(
    em32: Encoder, frequency_hz: float, correlation: float, bias_deg: float, noise_db: float | None
) -> None:
    found = _quality(em32, EM32, frequency_hz)
    assert found[0] == pytest.approx(correlation, abs=0.001)
    assert found[1] == pytest.approx(bias_deg, abs=0.3)
    if noise_db is not None:
        assert found[2] == pytest.approx(noise_db, abs=0.5)


@pytest.mark.parametrize("noise_gain_db", [0.0, 10.0, 20.0])
def test_noise_never_gains_more_than_allowed(noise_gain_db: float) -> None:
    encoder = array_encoder(TETRAHEDRON, _RATE_HZ, noise_gain_db=noise_gain_db)
    gains = [_quality(encoder, TETRAHEDRON, f)[2] for f in np.geomspace(10, 11_000, 60)]
    assert (
        noise_gain_db - 2.5 < max(gains) < noise_gain_db + 0.3
    )  # the cut to finite length ripples


def test_level_and_phase_of_the_patterns_are_right(em32: Encoder) -> None:
    directions = sphere_grid(50)
    for frequency_hz in (250.0, 1_000.0, 4_000.0):
        heard, _ = _patterns(em32, EM32, frequency_hz, directions)
        np.testing.assert_allclose(heard, foa_gains(directions).T, atol=0.02)


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg"), [(0, 0), (75, -30), (-160, 50), (10, 89)]
)
def test_intensity_points_to_a_plane_wave(
    tetra: Encoder, azimuth_deg: float, elevation_deg: float
) -> None:
    direction = unit_vector(np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg))
    band = scipy.signal.butter(4, [200, 1_000], "bandpass", fs=_RATE_HZ, output="sos")
    sound = scipy.signal.sosfiltfilt(band, _noise(1, _RATE_HZ)).astype(np.float32)
    foa = tetra.encode(_at_array(TETRAHEDRON, sound, direction[None]))
    assert foa.shape == (4, _RATE_HZ)
    flow = (foa[0] * foa[_XYZ]).sum(axis=1)
    assert np.rad2deg(angle_between(flow, direction)) < 1.5
    inner = slice(2_000, -2_000)
    assert np.corrcoef(foa[0, inner], sound[0, inner])[0, 1] > 0.9999  # and in time


@settings(max_examples=25)
@given(st.lists(st.integers(0, 6_000), min_size=1, max_size=6))
def test_blocks_are_encoded_as_the_whole(tetra: Encoder, lengths: list[int]) -> None:
    whole = _noise(4, sum(lengths))
    blocks = np.split(whole, np.cumsum(lengths)[:-1], axis=1)
    parts = list(tetra.stream(iter(blocks)))
    assert [part.shape[1] for part in parts] == lengths
    once = tetra.encode(whole)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), once, atol=2e-5)


def test_encoding_is_convolution(tetra: Encoder) -> None:
    sound = _noise(4, 9_000)
    plain = sum(
        scipy.signal.fftconvolve(tetra.filters[:, q], sound[q : q + 1], axes=1) for q in range(4)
    )
    expected = np.asarray(plain)[:, tetra.delay : tetra.delay + 9_000]
    np.testing.assert_allclose(tetra.encode(sound), expected, atol=2e-5)


def test_an_encoder_wants_all_capsules(tetra: Encoder) -> None:
    with pytest.raises(InputError, match="of 4 capsules must be given as many channels, but 3"):
        tetra.encode(_noise(3, 100))


def test_turning_array_and_sources_together_changes_nothing() -> None:
    turn = Rotation.from_euler("zyx", [40, 25, -70], degrees=True).as_matrix()
    turned_rows = tuple(
        (float(x), float(y), float(z)) for x, y, z in TETRAHEDRON.positions @ turn.T
    )
    turned = MicArray("turned", turned_rows, "rigid")
    sounds, directions = _noise(3, 4_096), sphere_grid(3)
    foa = array_encoder(TETRAHEDRON, _RATE_HZ).encode(_at_array(TETRAHEDRON, sounds, directions))
    elsewhere = array_encoder(turned, _RATE_HZ).encode(
        _at_array(turned, sounds, directions @ turn.T)
    )
    error = rotate_foa(foa, turn) - elsewhere
    assert (error**2).mean() < 1e-5 * (foa**2).mean()


def test_an_open_array_is_encoded_too() -> None:
    rows = tuple((float(x), float(y), float(z)) for x, y, z in 0.05 * sphere_grid(12))
    array = MicArray("open", rows, "open")
    encoder = array_encoder(array, _RATE_HZ)
    correlation, bias_deg, _ = _quality(encoder, array, 500)
    assert correlation > 0.999
    assert bias_deg < 0.5


def test_measured_responses_serve_as_well_as_theory(tetra: Encoder) -> None:
    frequency_hz = np.fft.rfftfreq(1_024, 1 / _RATE_HZ)
    directions = sphere_grid(300)
    response = array_response(TETRAHEDRON, directions, frequency_hz)
    measured = measured_encoder(response, directions, _RATE_HZ)
    assert measured.filters.shape == (4, 4, 512)
    for f in (500.0, 1_500.0):
        theory = _quality(tetra, TETRAHEDRON, f)
        np.testing.assert_allclose(_quality(measured, TETRAHEDRON, f)[:2], theory[:2], atol=0.1)
    with pytest.raises(InputError, match="an odd number of frequencies"):
        measured_encoder(response[:-1], directions, _RATE_HZ)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sensor_noise", [0.0, 0.03])
def test_the_sound_of_four_channels_tells_their_format(seed: int, sensor_noise: float) -> None:
    rng = np.random.default_rng(seed)
    sounds, directions = _diffuse(_RATE_HZ, seed)
    one = rng.standard_normal((1, 3))
    one /= np.linalg.norm(one)
    fields = [(sounds, directions), (sounds[:1], one), (sounds[:1], np.full((1, 3), 3**-0.5))]
    for field, where in fields:
        capsules = _at_array(TETRAHEDRON, field, where)
        foa = (foa_gains(where).T @ field).astype(np.float32)
        for heard, wanted in ((capsules, "tetra"), (foa, "foa")):
            scale = sensor_noise * heard.std()
            noisy = heard + scale * _noise(4, _RATE_HZ, seed + 50)
            assert guess_format(noisy.astype(np.float32), _RATE_HZ) == wanted


def test_other_counts_are_told_or_refused() -> None:
    assert guess_format(_noise(1, 100)) == "mono"
    assert guess_format(_noise(2, 100)) == "stereo"
    assert guess_format(np.zeros((4, 100), np.float32)) == "foa"
    with pytest.raises(InputError, match=r"--format GEOMETRY.toml describes its array, but 5"):
        guess_format(_noise(5, 100))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["BF_rec1", "BF_rec2", "BF_rec3", "BF_rec4", "BF_rec5"])
def test_real_ambisonics_are_known_as_such(shared: Path, name: str) -> None:
    fuma = read(shared / "foa-recordings" / f"{name}.ogg", 24_000).samples
    assert guess_format(to_foa(fuma, "fuma"), 24_000) == "foa"
    assert guess_format(fuma, 24_000) == "foa"


def _measured_sphere(shared: Path) -> tuple[MicArray, int, ndarray]:
    """Give the 110 positions and responses to four loudspeakers, one after the other."""
    table = scipy.io.loadmat(shared / "sphere-anechoic" / "SOFiA_A3_struct.mat", squeeze_me=True)[
        "SOFiA_A3_struct"
    ]
    azimuth, zenith = (np.rad2deg(table[key].item()).ravel() for key in ("azimuth", "elevation"))
    places = [(float(a), float(90 - z)) for a, z in zip(azimuth, zenith, strict=True)]
    responses = np.asarray(table["irChOne"].item(), np.float32)
    responses = responses if responses.shape[0] == len(places) else responses.T
    return (
        on_sphere("A3", places, float(table["radius"].item())),
        int(table["fs"].item()),
        responses,
    )


@pytest.mark.shared
def test_a_measured_sphere_hears_its_loudspeakers_where_they_stood(shared: Path) -> None:
    array, rate_hz, responses = _measured_sphere(shared)
    band = scipy.signal.butter(4, [300, 3_000], "bandpass", fs=rate_hz, output="sos")
    foa = scipy.signal.sosfilt(band, array_encoder(array, rate_hz, 1_024).encode(responses), axis=1)
    for onset_s, truth_deg in [(0.00145, 45), (0.0174, 15), (0.0335, -15), (0.0495, -45)]:
        start = round((onset_s - 0.0005) * rate_hz)
        part = foa[:, start : start + round(0.010 * rate_hz)]
        flow = (part[0] * part[_XYZ]).sum(axis=1)
        azimuth, elevation = np.rad2deg(angles(flow))
        assert abs(azimuth - truth_deg - 2.6) < 3  # the common turn of the set
        assert abs(elevation) < 4


@pytest.mark.shared
def test_a_measured_tetrahedron_is_known_as_such(shared: Path) -> None:
    array, rate_hz, responses = _measured_sphere(shared)
    scale = array.radius_m / TETRAHEDRON.radius_m  # a sphere twice as large is one an octave up
    assert guess_format(responses[[9, 95, 39, 65]], round(scale * rate_hz)) == "tetra"
