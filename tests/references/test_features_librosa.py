"""The paper's feature maps held against librosa and numpy in float64."""

import itertools

import librosa
import numpy as np
import pytest
import torch
from numpy import ndarray

from sonoscope.models.paper_features import (
    PAPER48,
    PaperFeatures,
    PaperFeatureSettings,
    mel_bands,
)

FOA = PaperFeatureSettings()
TETRA = PaperFeatureSettings(channel_format="tetra")


def coloured_noise(n_samples: int) -> ndarray:
    """Give four correlated channels whose spectrum falls by some 30 dB, all bins alive."""
    generator = np.random.default_rng(7)
    white = generator.standard_normal((4, n_samples))
    mixed = white + 0.6 * white[:1] + 0.01 * generator.standard_normal((4, n_samples))
    low = np.stack([np.convolve(channel, 0.8 ** np.arange(40), mode="same") for channel in mixed])
    return np.asarray((0.05 * low).astype(np.float32))


def librosa_spectrum(sound: ndarray, settings: PaperFeatureSettings) -> ndarray:
    spectrum = librosa.stft(
        sound.astype(np.float64),
        n_fft=settings.n_fft,
        hop_length=settings.hop,
        win_length=settings.window,
        window="hann",
        center=True,
        pad_mode="reflect" if settings.edges == "reflect" else "constant",
        dtype=np.complex128,
    )
    n_frames = sound.shape[-1] // settings.hop
    return np.asarray(spectrum[:, :, :n_frames].transpose(0, 2, 1))


def librosa_mel(settings: PaperFeatureSettings) -> ndarray:
    return np.asarray(
        librosa.filters.mel(
            sr=settings.rate_hz,
            n_fft=settings.n_fft,
            n_mels=settings.n_mels,
            fmin=settings.f_min_hz,
            fmax=settings.f_max_hz,
            dtype=np.float64,
        ).T
    )


def reference_maps(sound: ndarray, settings: PaperFeatureSettings) -> ndarray:
    spectrum, mel = librosa_spectrum(sound, settings), librosa_mel(settings)
    power = np.abs(spectrum) ** 2
    log_mel = np.stack(
        [librosa.power_to_db(p @ mel, amin=1e-10, top_db=settings.top_db) for p in power]
    )
    if settings.channel_format == "foa":
        flow = np.real(np.conj(spectrum[0]) * spectrum[[3, 1, 2]])
        if settings.intensity_norm == "length":
            size = np.sqrt((flow**2).sum(axis=0)) + 1e-8
        else:
            size = 1e-8 + power[0] + (power[1] + power[2] + power[3]) / 3
        return np.concatenate([log_mel, flow / size @ mel])
    half = settings.n_mels // 2
    pairs = []
    for m, n in itertools.combinations(range(4), 2):
        phase = np.angle(np.conj(spectrum[m]) * spectrum[n])
        correlation = np.fft.irfft(np.exp(1j * phase))
        pairs.append(np.concatenate([correlation[:, -half:], correlation[:, :half]], axis=1))
    return np.concatenate([log_mel, np.stack(pairs)])


@pytest.mark.parametrize("settings", [FOA, PAPER48], ids=["24 kHz", "48 kHz"])
def test_the_mel_bands_are_slaneys(settings: PaperFeatureSettings) -> None:
    np.testing.assert_allclose(mel_bands(settings), librosa_mel(settings), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        FOA,
        PAPER48,
        TETRA,
        PaperFeatureSettings(edges="zeros"),
        PaperFeatureSettings(intensity_norm="energy", top_db=20.0),
        PaperFeatureSettings(channel_format="tetra", edges="zeros", n_mels=48, f_min_hz=50.0),
    ],
    ids=["foa", "foa at 48 kHz", "tetra", "zeros", "energy", "tetra of 48 lags"],
)
def test_maps_are_those_of_librosa_and_numpy(settings: PaperFeatureSettings) -> None:
    sound = coloured_noise(17 * settings.hop + 101)
    ours = PaperFeatures(settings)(torch.from_numpy(sound)[None])[0].numpy()
    wanted = reference_maps(sound, settings)
    assert wanted.shape == ours.shape
    np.testing.assert_allclose(ours, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("settings", [FOA, TETRA], ids=["foa", "tetra"])
def test_the_exported_form_gives_the_same_maps(settings: PaperFeatureSettings) -> None:
    sound = coloured_noise(17 * settings.hop)
    features = PaperFeatures(settings)
    exported = torch.export.export(features, (torch.from_numpy(sound)[None],)).module()
    ours = exported(torch.from_numpy(sound)[None])[0].numpy()
    np.testing.assert_allclose(ours, reference_maps(sound, settings), rtol=0, atol=1e-4)
