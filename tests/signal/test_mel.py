"""Mel bands by Slaney's scale."""

import librosa
import numpy as np
import pytest

from sonoscope.signal.mel import hz_to_mel, mel_matrix, mel_to_hz


@pytest.mark.parametrize(("rate_hz", "n_fft", "n_mels"), [(24_000, 1_024, 64), (16_000, 640, 64)])
def test_bands_equal_librosas(rate_hz: int, n_fft: int, n_mels: int) -> None:
    theirs = librosa.filters.mel(sr=rate_hz, n_fft=n_fft, n_mels=n_mels, fmin=0.0)
    assert np.abs(mel_matrix(rate_hz, n_fft, n_mels) - theirs.T).max() < 1e-7


def test_there_and_back() -> None:
    frequency = np.array([0.0, 440.0, 1_000.0, 7_300.0])
    assert np.allclose(mel_to_hz(hz_to_mel(frequency)), frequency)
