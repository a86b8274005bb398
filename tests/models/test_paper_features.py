import math
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.models.normalised import Moments
from sonoscope.models.paper_features import (
    PAIRS,
    PAPER48,
    PaperFeatures,
    PaperFeatureSettings,
    mel_bands,
)

FOA = PaperFeatureSettings()
TETRA = PaperFeatureSettings(channel_format="tetra")
BOTH = pytest.mark.parametrize("settings", [FOA, TETRA], ids=["foa", "tetra"])


def noise(*shape: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def plane_wave(azimuth: float, elevation: float, n_samples: int) -> Tensor:
    x, y, z = unit_vector(np.array(azimuth), np.array(elevation))
    gains = torch.tensor([1.0, y, z, x], dtype=torch.float32)
    return gains[None, :, None] * noise(1, 1, n_samples)


@pytest.mark.parametrize(
    "settings",
    [
        FOA,
        PAPER48,
        PaperFeatureSettings(edges="zeros"),
        PaperFeatureSettings(window=962, hop=333, n_fft=962, n_mels=32),  # 962 = 26 x 37
        PaperFeatureSettings(window=1000, hop=1200, n_fft=1006, n_mels=32),  # 1006 = 2 x 503
    ],
    ids=["paper", "paper48", "zeros", "odd sizes", "hop over window"],
)
def test_both_forms_of_the_spectrum_are_torchs(settings: PaperFeatureSettings) -> None:
    sound = noise(2, 4, 11 * settings.hop + 17)
    n_frames = sound.shape[-1] // settings.hop
    wanted = torch.stft(
        sound.flatten(0, 1),
        settings.n_fft,
        settings.hop,
        settings.window,
        torch.hann_window(settings.window),
        pad_mode="reflect" if settings.edges == "reflect" else "constant",
        return_complex=True,
    )[:, :, :n_frames]
    wanted = wanted.mT.reshape(2, 4, n_frames, -1)
    features = PaperFeatures(settings)
    for real, imaginary in (features.spectrum(sound), features.spectrum.by_matrix(sound)):
        error = (torch.complex(real, imaginary) - wanted).abs().max()
        assert error < 1e-6 * wanted.abs().max()


def test_a_tone_lies_in_its_mel_band() -> None:
    mel = mel_bands(FOA)
    seconds = torch.arange(24_000) / 24_000
    for hz in (300.0, 1_000.0, 4_000.0, 9_000.0):
        tone = torch.sin(2 * math.pi * hz * seconds).expand(1, 4, -1)
        loudest = PaperFeatures(FOA).maps(tone)[0, 0, 25].argmax()
        assert loudest == mel[round(hz * 1024 / 24_000)].argmax()


def test_twice_the_sound_is_six_decibel_more_and_comes_from_the_same_place() -> None:
    for settings in (FOA, TETRA):
        features = PaperFeatures(settings)
        sound = noise(1, 4, 4_800)
        once, twice = features(sound), features(2 * sound)
        torch.testing.assert_close(twice[:, :4], once[:, :4] + 20 * math.log10(2))
        torch.testing.assert_close(twice[:, 4:], once[:, 4:], rtol=0, atol=2e-5)


@pytest.mark.parametrize("angles_deg", [(0, 0), (90, 0), (-130, 35), (20, -80)])
def test_intensity_points_at_a_plane_wave(angles_deg: tuple[float, float]) -> None:
    azimuth, elevation = math.radians(angles_deg[0]), math.radians(angles_deg[1])
    maps = PaperFeatures(FOA)(plane_wave(azimuth, elevation, 9_600))
    towards = maps[0, 4:] / torch.from_numpy(mel_bands(FOA).sum(axis=0)).float()
    wanted = torch.from_numpy(unit_vector(np.array(azimuth), np.array(elevation))).float()
    torch.testing.assert_close(towards, wanted[:, None, None].expand_as(towards), rtol=0, atol=2e-3)


def test_energy_normalised_intensity_is_short_in_diffuse_sound() -> None:
    settings = PaperFeatureSettings(intensity_norm="energy")
    bank = torch.from_numpy(mel_bands(settings).sum(axis=0)).float()
    gains = torch.tensor([1.0, 3**-0.5, 3**-0.5, 3**-0.5])[None, :, None]
    diffuse = PaperFeatures(settings)(gains * noise(1, 4, 96_000))[0, 4:] / bank
    direct = PaperFeatures(settings)(plane_wave(0.3, 0.2, 96_000))[0, 4:] / bank
    assert diffuse.mean(dim=1).norm(dim=0).max() < 0.2
    assert (direct.norm(dim=0) > 0.7).all()


def test_a_delay_moves_the_peak_of_its_pairs() -> None:
    source = noise(1, 24_000)
    late = torch.stack([source.roll(delay, dims=-1) for delay in (0, 5, -3, 1)], dim=1)
    peaks = PaperFeatures(TETRA).maps(late)[0, 4:, 10].argmax(dim=-1)
    delays = [0, 5, -3, 1]
    assert peaks.tolist() == [32 + delays[n] - delays[m] for m, n in PAIRS]
    assert peaks[0] == 37


@BOTH
def test_a_click_is_loudest_in_its_frame(settings: PaperFeatureSettings) -> None:
    for frame in (3, 8):
        click = torch.zeros(1, 4, 4_800)
        click[..., frame * settings.hop] = 1.0
        assert (PaperFeatures(settings)(click)[0, :4].argmax(dim=1) == frame).all()


@BOTH
def test_a_ragged_tail_is_no_frame(settings: PaperFeatureSettings) -> None:
    features = PaperFeatures(settings)
    assert features(noise(1, 4, 4_799)).shape == (1, features.n_maps, 9, 64)
    assert features(noise(1, 4, 4_800)).shape == (1, features.n_maps, 10, 64)


@BOTH
def test_a_batch_is_one_at_a_time_and_stays_as_it_was(settings: PaperFeatureSettings) -> None:
    sound = noise(3, 4, 4_800)
    before = sound.clone()
    features = PaperFeatures(settings)
    together = features(sound)
    alone = torch.cat([features(one[None]) for one in sound])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert torch.equal(sound, before)


@BOTH
def test_silence_and_half_silence_are_numbers(settings: PaperFeatureSettings) -> None:
    sound = noise(1, 4, 4_800)
    sound[:, 1:] = 0.0
    for case in (sound, torch.zeros_like(sound)):
        case.requires_grad_()
        maps: Tensor = PaperFeatures(settings)(case)
        (gradient,) = torch.autograd.grad(maps.sum(), case)
        assert maps.isfinite().all()
        assert gradient.isfinite().all()


def test_silence_has_the_phase_zero() -> None:
    maps = PaperFeatures(TETRA).maps(torch.zeros(1, 4, 4_800))
    wanted = torch.zeros(1, 6, 10, 64)
    wanted[..., 32] = 1.0  # irfft(exp(j angle(0))) is a pulse at lag 0
    torch.testing.assert_close(maps[:, 4:], wanted, rtol=0, atol=1e-5)


@BOTH
def test_mixed_precision_does_not_reach_the_maps(settings: PaperFeatureSettings) -> None:
    sound = noise(1, 4, 4_800)
    features = PaperFeatures(settings)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = features(sound)
    assert torch.equal(mixed, features(sound))


def test_no_frame_hears_beyond_its_window() -> None:
    sound = noise(1, 4, 9_600).requires_grad_()
    maps: Tensor = PaperFeatures(FOA)(sound)
    (gradient,) = torch.autograd.grad(maps[:, :, 10].abs().sum(), sound)
    heard = gradient.abs().sum(dim=(0, 1)).nonzero()
    # The first sample of a periodic Hann window has the weight 0.
    assert heard.min() == 10 * 480 - 480 + 1
    assert heard.max() == 10 * 480 + 480 - 1


def test_top_db_raises_what_is_far_below_the_loudest() -> None:
    sound = noise(1, 4, 9_600)
    sound[..., 4_800:] *= 1e-4
    plain = PaperFeatures(FOA)(sound)[:, :4]
    raised = PaperFeatures(PaperFeatureSettings(top_db=30.0))(sound)[:, :4]
    floor = plain.amax(dim=(2, 3), keepdim=True) - 30.0
    assert (plain < floor).any()
    assert torch.equal(raised, torch.maximum(plain, floor))


def test_normalised_maps_have_mean_zero_and_deviation_one() -> None:
    features = PaperFeatures(FOA)
    moments, heard = Moments(7, 64), []
    for seed in range(3):
        maps = features.maps(noise(2, 4, 9_600, seed=seed))
        moments.add(maps)
        heard.append(maps.double().transpose(1, 2).flatten(0, 1))
    frames = torch.cat(heard).numpy()
    np.testing.assert_allclose(moments.mean, frames.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(moments.std, frames.std(axis=0), rtol=1e-6)
    features.normalise_by(moments.mean.float(), moments.std.float())
    normalised = torch.cat([features(noise(2, 4, 9_600, seed=seed)) for seed in range(3)])
    torch.testing.assert_close(normalised.mean(dim=(0, 2)), torch.zeros(7, 64), rtol=0, atol=1e-4)
    deviation = normalised.std(dim=(0, 2), correction=0)
    torch.testing.assert_close(deviation, torch.ones(7, 64), rtol=0, atol=1e-4)


def test_what_never_varies_is_not_divided_by_nothing() -> None:
    features = PaperFeatures(FOA)
    moments = Moments(7, 64)
    moments.add(features.maps(torch.zeros(1, 4, 4_800)))
    features.normalise_by(moments.mean.float(), moments.std.float())
    assert torch.equal(features(torch.zeros(1, 4, 4_800)), torch.zeros(1, 7, 10, 64))


def test_only_the_normalisation_is_saved() -> None:
    assert set(PaperFeatures(TETRA).state_dict()) == {"mean", "std"}


def test_sound_too_short_is_refused() -> None:
    with pytest.raises(InputError, match="at least 513 samples, but 512 were given"):
        PaperFeatures(FOA)(noise(1, 4, 512))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (PaperFeatureSettings(window=1025), "window must be at most n_fft"),
        (PaperFeatureSettings(f_max_hz=12_001.0), "must rise within 0..12000 Hz"),
        (PaperFeatureSettings(f_min_hz=500.0, f_max_hz=400.0), "500 and 400 were given"),
        (PaperFeatureSettings(n_mels=512), "n_mels must leave"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: PaperFeatureSettings, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        PaperFeatures(settings)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the exporter's own
@BOTH
def test_an_onnx_file_gives_the_same_maps(settings: PaperFeatureSettings, tmp_path: Path) -> None:
    features = PaperFeatures(settings)
    program = torch.onnx.export(
        features,
        (noise(2, 4, 24_000),),
        dynamo=True,
        verbose=False,
        input_names=["sound"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    assert program is not None
    program.save(tmp_path / "features.onnx")
    assert (tmp_path / "features.onnx").stat().st_size < 1_000_000
    session = onnxruntime.InferenceSession(tmp_path / "features.onnx")
    for n_sounds in (1, 3):
        sound = noise(n_sounds, 4, 24_000, seed=n_sounds)
        (maps,) = session.run(None, {"sound": sound.numpy()})
        np.testing.assert_allclose(maps, features(sound).numpy(), rtol=0, atol=1e-4)
