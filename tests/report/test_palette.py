from itertools import combinations

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from sonoscope.report.colour_map import level_range, magma, png_data_uri
from sonoscope.report.palette import DARK, DARK_PAPER, LIGHT, LIGHT_PAPER, look

SEEN_AS = {  # Machado et al. 2009, severity 1, on linear RGB
    "trichromat": np.eye(3),
    "protanope": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                  [-0.003882, -0.048116, 1.051998]],
    "deuteranope": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                    [-0.011820, 0.042940, 0.968881]],
    "tritanope": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                  [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def linear(colours: tuple[str, ...]) -> Float[ndarray, "colour 3"]:
    value = np.array([list(bytes.fromhex(c[1:])) for c in colours]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Float[ndarray, "colour 3"]) -> Float[ndarray, "colour 3"]:
    cone = np.array([[0.41222147, 0.53633254, 0.05144599], [0.21190350, 0.68069955, 0.10739696],
                     [0.08830246, 0.28171884, 0.62997870]])  # fmt: skip
    lab = np.array([[0.21045426, 0.79361779, -0.00407205], [1.97799850, -2.42859221, 0.45059371],
                    [0.02590404, 0.78277177, -0.80867577]])  # fmt: skip
    return np.asarray(np.cbrt(rgb @ cone.T) @ lab.T)


@pytest.mark.parametrize(("colours", "paper"), [(LIGHT, LIGHT_PAPER), (DARK, DARK_PAPER)])
def test_colours_stand_out_from_the_page(colours: tuple[str, ...], paper: str) -> None:
    luminance = linear((paper, *colours)) @ [0.2126, 0.7152, 0.0722]
    lighter, darker = np.maximum(luminance[0], luminance), np.minimum(luminance[0], luminance)
    assert ((lighter + 0.05) / (darker + 0.05))[1:].min() >= 3


@pytest.mark.parametrize("eye", SEEN_AS)
@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_colours_stay_apart_for_every_eye(colours: tuple[str, ...], eye: str) -> None:
    seen = oklab(np.clip(linear(colours) @ np.array(SEEN_AS[eye]).T, 0, 1))
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.06


def test_a_hundred_labels_all_look_different() -> None:
    drawn = {(x.colour, x.mark, x.dash) for x in map(look, range(112))}
    assert len(drawn) == 112


def test_the_colour_map_rises_evenly_in_lightness() -> None:
    colours = tuple("#" + bytes(row).hex() for row in magma().tolist())
    lightness = oklab(linear(colours))[:, 0]
    steps = np.diff(lightness)
    assert np.all(steps[8:] > 0)  # the first are black but for rounding
    assert steps[32:].max() < 3 * np.median(steps[32:])


def test_bare_noise_is_drawn_dark_and_a_tone_above_it_bright() -> None:
    noise = np.random.default_rng(0).uniform(-80, -70, size=(20, 50))
    floor, top = level_range(noise)
    assert (noise.mean() - floor) / (top - floor) < 0.2
    noise[5, :] = -20
    assert level_range(noise)[1] == -20


def test_silence_and_an_empty_picture_are_drawn() -> None:
    for level_db in (np.full((4, 4), -120.0), np.zeros((4, 1))):
        assert png_data_uri(level_db).startswith("data:image/png;base64,")
    assert level_range(np.zeros((4, 0))) == (-75.0, 0.0)
