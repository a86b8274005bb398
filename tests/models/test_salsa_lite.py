from dataclasses import replace

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy import ndarray
from tests.models.listening import noise
from torch import Tensor

from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import TETRAHEDRON, MicArray
from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import SettingError
from sonoscope.models.normalised import Moments
from sonoscope.models.salsa_lite import SalsaLite, SalsaLiteSettings
from sonoscope.signal.sphere import array_response

SETTINGS = SalsaLiteSettings("salsa_lite")
UNIQUE = SETTINGS.bin_of(2_000.0) - SETTINGS.bins.start
"""How many of the maps' bins say where a sound is."""


def plane_wave(array: MicArray, towards: Float[ndarray, "3"]) -> Tensor:
    """Give what an array hears of four seconds of noise from one direction."""
    n_samples = 4 * SETTINGS.rate_hz
    frequency_hz = np.fft.rfftfreq(n_samples, 1 / SETTINGS.rate_hz)
    response = array_response(array, towards[None], frequency_hz)[..., 0]
    spectrum = np.fft.rfft(noise(n_samples).numpy().astype(np.float64))
    return torch.from_numpy(np.fft.irfft(spectrum * response.T, n_samples)).float()[None]


def nipd(sound: Tensor) -> Tensor:
    """Give what most frames say of each other capsule and bin."""
    return SalsaLite(SETTINGS).maps(sound)[0, 4:].median(dim=1).values


def test_there_are_382_bins_from_47_hz_to_9_khz() -> None:
    assert SalsaLite(SETTINGS)(noise(1, 4, 4_800)).shape == (1, 7, 10, 382)
    assert SETTINGS.bins == range(2, 384)


def test_the_published_window_of_512_has_191_bins() -> None:
    published = SalsaLiteSettings("salsa_lite", window=512, hop=300, n_fft=512)
    assert len(published.bins) == 191


DIRECTIONS = pytest.mark.parametrize(
    "angles_deg", [(45, 35), (0, 0), (90, -40), (-160, 10), (20, 80)]
)


@DIRECTIONS
def test_in_free_field_it_is_how_much_shorter_the_way_is(angles_deg: tuple[int, int]) -> None:
    azimuth, elevation = np.radians(angles_deg)
    towards = unit_vector(azimuth, elevation)
    heard = nipd(plane_wave(replace(TETRAHEDRON, baffle="open"), towards))
    ahead_m = TETRAHEDRON.positions @ towards
    wanted = torch.from_numpy(ahead_m[1:] - ahead_m[0]).float()
    assert wanted.abs().max() > 0.02
    error = (heard[:, :UNIQUE] - wanted[:, None]).abs()
    assert error[:, 2:].max() < 6e-4
    assert error.max() < 3e-3  # at 47 and 70 Hz a window of 40 ms hears its own edges


@DIRECTIONS
def test_about_a_rigid_sphere_it_is_the_phase_of_the_response(angles_deg: tuple[int, int]) -> None:
    azimuth, elevation = np.radians(angles_deg)
    towards = unit_vector(azimuth, elevation)
    heard = nipd(plane_wave(TETRAHEDRON, towards))[:, 2:UNIQUE]
    frequency_hz = np.arange(4, 2 + UNIQUE) * SETTINGS.rate_hz / SETTINGS.n_fft
    response = array_response(TETRAHEDRON, towards[None], frequency_hz)[..., 0].T
    phase = np.angle(response[1:] / response[:1])
    wanted = torch.from_numpy(phase * SPEED_OF_SOUND_M_S / (2 * np.pi * frequency_hz)).float()
    torch.testing.assert_close(heard, wanted, rtol=0, atol=1e-3)
    ahead_m = TETRAHEDRON.positions @ towards
    # the longest wave goes half as far again about the sphere
    free_m = torch.from_numpy(ahead_m[1:] - ahead_m[0]).float()
    torch.testing.assert_close(heard[:, 0], 1.5 * free_m, rtol=0, atol=1.5e-3)


def test_nothing_is_said_of_directions_where_phases_are_ambiguous() -> None:
    maps = SalsaLite(SETTINGS).maps(noise(1, 4, 24_000))[0, 4:]
    assert (maps[..., :UNIQUE].abs().amax(dim=(0, 1)) > 0).all()
    assert maps[..., UNIQUE:].eq(0.0).all()
    last_hz = (SETTINGS.bins.start + UNIQUE - 1) * SETTINGS.rate_hz / SETTINGS.n_fft
    assert 1_900 < last_hz < 2_000


def test_the_published_limit_of_two_kilohertz_is_a_little_too_high_for_a_rigid_sphere() -> None:
    # towards a capsule and away from the first, where the way between them is longest
    frequency_hz = np.arange(50.0, 2_001.0, 10.0)
    across = TETRAHEDRON.directions[1:] - TETRAHEDRON.directions[0]
    across /= np.linalg.norm(across, axis=1, keepdims=True)

    def widest(array: MicArray) -> Float[ndarray, " frequency"]:
        response = array_response(array, across, frequency_hz)
        phase = np.unwrap(np.angle(response[:, 1:] / response[:, :1]), axis=0)
        return np.asarray(np.abs(phase).max(axis=(1, 2)))

    assert widest(replace(TETRAHEDRON, baffle="open")).max() < np.pi
    ambiguous = widest(TETRAHEDRON) > np.pi
    assert not ambiguous[frequency_hz <= 1_700.0].any()
    assert ambiguous[frequency_hz >= 1_800.0].all()


def test_spectra_are_the_power_of_each_capsule_in_decibels() -> None:
    seconds = torch.arange(SETTINGS.rate_hz) / SETTINGS.rate_hz
    tone_hz = 100 * SETTINGS.rate_hz / SETTINGS.n_fft
    gains = torch.tensor([1.0, 0.1, 10.0, 0.0])[None, :, None]
    level = SalsaLite(SETTINGS).maps(gains * torch.sin(2 * torch.pi * tone_hz * seconds))[0, :4]
    peak = level[:, 25].max(dim=-1)
    assert peak.indices[:3].tolist() == [100 - SETTINGS.bins.start] * 3
    # a sine of one in a Hann window of 960 has a peak of 960 / 4
    wanted = 20 * torch.log10(torch.tensor([240.0, 24.0, 2_400.0]))
    torch.testing.assert_close(peak.values[:3], wanted, rtol=0, atol=1e-3)
    assert level[3].eq(-100.0).all()


def deviation(settings: SalsaLiteSettings, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Give by how many metres NIPD by FFT and by products of matrices differ in each frame."""
    features, sound = SalsaLite(settings), noise(8, 4, 4_800)
    fast = features.maps(sound)
    monkeypatch.setattr(features.spectrum, "forward", features.spectrum.by_matrix)
    return (features.maps(sound) - fast)[:, 4:].abs().amax(dim=(0, 1, 3))


def test_rounding_decides_nothing_unless_the_edges_are_reflected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert deviation(SETTINGS, monkeypatch).max() < 1e-4
    reflected = deviation(replace(SETTINGS, edges="reflect"), monkeypatch)
    assert reflected[0] > 0.1
    assert reflected[1:].max() < 1e-4


def test_silence_and_half_silence_are_numbers() -> None:
    sound = noise(1, 4, 4_800)
    sound[:, 1:] = 0.0
    for case in (sound, torch.zeros_like(sound)):
        case.requires_grad_()
        maps: Tensor = SalsaLite(SETTINGS)(case)
        (gradient,) = torch.autograd.grad(maps.sum(), case)
        assert maps.isfinite().all()
        assert gradient.isfinite().all()
        assert maps[:, 4:].eq(0.0).all()


def test_maps_are_normalised_and_what_never_varies_stays_zero() -> None:
    features = SalsaLite(SETTINGS)
    moments = Moments(features.n_maps, features.n_bins)
    sound = noise(2, 4, 48_000)
    moments.add(features.maps(sound))
    features.normalise_by(moments.mean.float(), moments.std.float())
    maps = features(sound)
    deviation = maps.std(dim=(0, 2), correction=0)
    torch.testing.assert_close(deviation[:4], torch.ones(4, 382), rtol=0, atol=1e-3)
    torch.testing.assert_close(deviation[4:, :UNIQUE], torch.ones(3, UNIQUE), rtol=0, atol=1e-3)
    assert maps[:, 4:, :, UNIQUE:].eq(0.0).all()
    assert set(features.state_dict()) == {"mean", "std"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (SalsaLiteSettings("salsa_lite", f_max_direction_hz=10_000.0), "must rise within 0..12000"),
        (SalsaLiteSettings("salsa_lite", f_max_hz=13_000.0), "13000 were given"),
        (SalsaLiteSettings("salsa_lite", n_fft=512), "window must be at most n_fft"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: SalsaLiteSettings, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        SalsaLite(settings)
