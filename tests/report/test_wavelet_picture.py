"""The picture of a denoiser: every leaf stands at its frequencies, before and after alike."""

import base64
import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sonoscope.report.colour_map import level_range
from sonoscope.report.linear_spectrogram import LinearColumns
from sonoscope.report.spectrogram import Spectrogram
from sonoscope.report.wavelet_picture import wavelet_picture
from sonoscope.signal.denoise import denoise

RATE = 48_000
SVG = "{http://www.w3.org/2000/svg}"


def picture(sound: np.ndarray, cuts: list[int], most: int = 640) -> Spectrogram:
    columns = LinearColumns(RATE, sound.shape[1], most)
    for block in np.split(sound, cuts, axis=1):
        columns.feed(block)
    return columns.finish()


def clicking() -> np.ndarray:
    rng = np.random.default_rng(0)
    sound = 0.1 * rng.standard_normal(RATE)
    sound[500::960] += 3
    return sound


@pytest.fixture(scope="module")
def root() -> ET.Element:
    done = denoise(clicking(), RATE)
    before, after = (picture(sound[None], []) for sound in (clicking(), done.samples))
    return ET.fromstring(wavelet_picture("a <title>", done.plan, before, after))


def test_leaves_fill_the_axis_without_gap(root: ET.Element) -> None:
    leaves = [rect for rect in root.iter(f"{SVG}rect") if rect.find(f"{SVG}title") is not None]
    assert len(leaves) == len(denoise(clicking(), RATE).plan.leaves)
    spans = sorted((float(leaf.attrib["y"]), float(leaf.attrib["height"])) for leaf in leaves)
    top = spans[0][0]
    for y, height in spans:
        assert y == pytest.approx(top, abs=0.01)
        top = y + height
    assert top == pytest.approx(112 + 430, abs=0.01)
    for leaf in leaves:
        told = leaf.find(f"{SVG}title")
        assert told is not None
        assert (": kept" in (told.text or "")) == (leaf.attrib["fill"] == "#2a7f62")


def test_before_and_after_have_the_same_colours() -> None:
    """What is 10 dB quieter is as much darker wherever it stands."""
    before = picture(clicking()[None], [])
    after = replace(before, level_db=before.level_db - 10)
    root = ET.fromstring(wavelet_picture("a", denoise(clicking(), RATE).plan, before, after))
    shades = []
    for image in root.iter(f"{SVG}image"):
        data = base64.b64decode(image.attrib["href"].split(",")[1])
        shades.append(np.asarray(Image.open(io.BytesIO(data))).astype(int))
    low, high = level_range(before.level_db)
    darker = (shades[0] - shades[1])[shades[1] > 0]
    assert np.abs(darker - 255 * 10 / (high - low)).max() <= 1


def test_words_do_not_stand_on_each_other(root: ET.Element) -> None:
    """Boxes of letters 0.56 of their size wide."""
    boxes = []
    for word in root.iter(f"{SVG}text"):
        size = float(word.attrib["font-size"])
        width = 0.56 * size * len(word.text or "")
        x = float(word.attrib["x"])
        x -= {"start": 0.0, "middle": width / 2, "end": width}[word.attrib["text-anchor"]]
        boxes.append((x, float(word.attrib["y"]) - 0.7 * size, width, 0.7 * size, word.text))
    for i, one in enumerate(boxes):
        assert one[0] >= 0
        assert one[0] + one[2] <= 1240
        for other in boxes[:i]:
            apart = (
                one[0] + one[2] <= other[0]
                or other[0] + other[2] <= one[0]
                or one[1] + one[3] <= other[1]
                or other[1] + other[3] <= one[1]
            )
            assert apart or not (one[4] and other[4]), (one, other)


@settings(max_examples=20)
@given(
    n_samples=st.integers(1, 9_000),
    cuts=st.lists(st.integers(0, 9_000), max_size=8),
    most=st.integers(2, 60),
)
def test_every_way_of_cutting_gives_the_same_spectrogram(
    n_samples: int, cuts: list[int], most: int
) -> None:
    sound = np.random.default_rng(n_samples).normal(size=(2, n_samples))
    whole, cut = picture(sound, [], most), picture(sound, sorted(cuts), most)
    np.testing.assert_allclose(cut.level_db, whole.level_db, atol=1e-6)
    assert whole.level_db.shape[1] <= most


def test_a_tone_stands_in_its_row_and_a_click_in_its_column() -> None:
    t = np.arange(RATE) / RATE
    tone = picture(np.sin(2 * np.pi * 12_050 * t)[None], [])
    row = int(tone.level_db.mean(axis=1).argmax())
    assert tone.edges_hz[row] <= 12_050 <= tone.edges_hz[row + 1]
    assert abs(tone.level_db[row, 10:-10].mean()) < 4
    click = np.zeros((1, RATE))
    click[0, 30_000] = 1
    shown = picture(click, [])
    column = int(shown.level_db.mean(axis=0).argmax())
    assert abs((column + 0.5) * shown.column_s - 30_000 / RATE) < 1.5 * shown.column_s
    assert shown.duration_s >= 1
