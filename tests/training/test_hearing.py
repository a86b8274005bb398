"""Recordings heard window by window are counted as the organisers would count them."""

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from sonoscope.core.errors import SettingError
from sonoscope.core.event import Event, Waypoint
from sonoscope.core.frame_table import FrameTable
from sonoscope.metrics.dcase2019 import LABELS_2019
from sonoscope.models.output import Output, VectorOutput
from sonoscope.training.hearing import FRAMES_PER_S, hear, readings, rounded, table

RATE_HZ, HOP, WINDOW = 1_000, 20, 100


class Repeats(nn.Module):
    """Says label 0 as surely as the first channel is loud, from where the others point."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.lengths: list[tuple[int, ...]] = []

    def forward(self, sound: Float[Tensor, "batch 4 sample"]) -> Output:
        self.lengths.append(tuple(sound.shape))
        frames = sound.unfold(-1, HOP, HOP).mean(dim=-1).transpose(1, 2)
        return Output(frames[..., :1], frames[:, :, None, 1:])


def sound(n_samples: int) -> Float[np.ndarray, "4 sample"]:
    ramp = np.linspace(-1, 1.3, n_samples, dtype=np.float32)
    return np.stack([ramp, ramp, 0 * ramp, 1 + 0 * ramp])


@pytest.mark.parametrize("n_samples", [40, 100, 330, 1000, 1001])
def test_windows_are_those_of_the_training_and_frames_those_of_the_recording(
    n_samples: int,
) -> None:
    network = Repeats()
    heard = hear(network, sound(n_samples), WINDOW, HOP, at_once=3)
    n_frames = -(-n_samples // HOP)
    assert heard.active.shape == (n_frames, 1)
    assert heard.direction.shape == (n_frames, 1, 3)
    assert {shape[2] for shape in network.lengths} == {WINDOW}
    assert max(shape[0] for shape in network.lengths) <= 3
    whole = sound(n_samples)[:, : HOP * (n_samples // HOP)].reshape(4, -1, HOP).mean(axis=2)
    np.testing.assert_allclose(heard.direction[: whole.shape[1], 0], whole[1:].T, atol=1e-6)
    np.testing.assert_array_equal(heard.active[: whole.shape[1], 0], whole[0] > 0)


def test_the_threshold_is_a_probability() -> None:
    loud = sound(1000)
    loud[0] = 1.0  # a logit of 1: 0.73
    assert hear(Repeats(), loud, WINDOW, HOP, 0.7).active.all()
    assert not hear(Repeats(), loud, WINDOW, HOP, 0.75).active.any()


def test_only_class_wise_answers_are_read() -> None:
    class Vectors(Repeats):
        def forward(self, sound: Float[Tensor, "batch 4 sample"]) -> VectorOutput:  # type: ignore[override]
            return VectorOutput(torch.zeros(len(sound), 5, 1, 1, 3))

    with pytest.raises(SettingError, match="class-wise"):
        hear(Vectors(), sound(100), WINDOW, HOP)


def rows(azimuth_deg: list[float], elevation_deg: list[float]) -> FrameTable:
    n = len(azimuth_deg)
    return FrameTable(
        FRAMES_PER_S,
        LABELS_2019,
        np.arange(n),
        np.zeros(n, int),
        np.deg2rad(azimuth_deg),
        np.deg2rad(elevation_deg),
    )


def test_directions_round_to_the_nearest_point_of_the_grid() -> None:
    found = rounded(rows([4.9, 6.0, -14.9, 176.0, -176.0, 180.0], [-4.0, 7.0, 38, 0, 0, 0]))
    np.testing.assert_allclose(np.rad2deg(found.azimuth), [0, 10, -10, -180, -180, -180])
    np.testing.assert_allclose(np.rad2deg(found.elevation), [0, 10, 40, 0, 0, 0], atol=1e-9)


def event(azimuth_deg: float, elevation_deg: float) -> Event:
    here = Waypoint(0.0, float(np.deg2rad(azimuth_deg)), float(np.deg2rad(elevation_deg)))
    return Event("knock", 0.5, 1.5, (here,))


def test_rounding_undoes_what_the_organisers_scorer_does_to_small_errors() -> None:
    """4 degrees too low in both angles are floored to 10 degrees, rounded to none."""
    truth = [event(50.0, 20.0)]
    frames = np.arange(25, 76)
    n = len(frames)
    heard = FrameTable(
        FRAMES_PER_S,
        LABELS_2019,
        frames,
        np.zeros(n, int),
        np.full(n, np.deg2rad(46.0)),
        np.full(n, np.deg2rad(16.0)),
    )
    scores = {name: each.scores() for name, each in readings(truth, heard, 60.0).items()}
    assert scores["rounded"].de_deg == pytest.approx(0.0, abs=1e-6)
    assert scores["as-is"].de_deg == pytest.approx(13.9, abs=0.2)
    assert scores["strict"].de_deg == pytest.approx(5.5, abs=0.1)
    assert scores["rounded"].er == scores["as-is"].er == 0.0


def test_rows_are_what_is_active() -> None:
    loud = sound(200)
    found = table(hear(Repeats(), loud, WINDOW, HOP), ("knock",))
    assert (found.frame >= 4).all()
    np.testing.assert_allclose(
        found.elevation, np.arctan2(1.0, loud[1, found.frame * HOP + 9]), atol=0.1
    )
