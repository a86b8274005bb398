"""The bench of training speed compares like with like, and prints its tables."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bench import training_speed

from sonoscope.models.paper_features import PaperFeatures, mel_bands


def test_librosas_maps_are_the_front_ends() -> None:
    features = training_speed.FEATURES
    sound = 0.1 * torch.randn(1, 4, 24_000, generator=torch.Generator().manual_seed(0))
    ours = PaperFeatures(features).maps(sound)[0].numpy()
    theirs = training_speed.librosa_maps(sound[0].numpy(), mel_bands(features).astype(np.float32))
    assert np.allclose(theirs[:4], ours[:4], atol=1e-3)  # dB
    assert np.allclose(theirs[4:], ours[4:], atol=1e-5)


@pytest.mark.slow
def test_the_tables_are_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_speed, "WINDOW_S", 0.32)
    lines = training_speed.table(tmp_path, tmp_path, sizes=(1,), steps=1, crops=1).splitlines()
    assert sum(line.startswith("|") for line in lines) == 3 + 7 + 8
    assert any(line.startswith("| 1 |") for line in lines)
    assert any(line.startswith("| Res-scSE-CRNN, MIC |") for line in lines)
