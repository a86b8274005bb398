import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import SettingError
from sonoscope.report.spectrogram import Spectrogram, SpectrogramColumns

RATE_HZ = 8_000


def picture(
    sound: Float[ndarray, "channel sample"], cuts: list[int], *, max_columns: int = 2000
) -> Spectrogram:
    columns = SpectrogramColumns(RATE_HZ, max_columns=max_columns)
    for block in np.split(sound, cuts, axis=1):
        columns.feed(block)
    return columns.finish()


@settings(max_examples=40)
@given(
    n_samples=st.integers(1, 15_000),
    cuts=st.lists(st.integers(0, 15_000), max_size=12),
    max_columns=st.integers(2, 400),
)
def test_every_way_of_cutting_gives_the_same_picture(
    n_samples: int, cuts: list[int], max_columns: int
) -> None:
    sound = np.random.default_rng(n_samples).normal(size=(2, n_samples)).astype(np.float32)
    whole = picture(sound, [], max_columns=max_columns)
    cut = picture(sound, sorted(min(c, n_samples) for c in cuts), max_columns=max_columns)
    np.testing.assert_array_equal(cut.level_db, whole.level_db)
    assert cut.column_s == whole.column_s


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
@pytest.mark.parametrize("tone_hz", [440.0, 1000.0, 3300.0])
def test_a_tone_of_full_scale_stands_in_its_row_at_0_db(rate_hz: int, tone_hz: float) -> None:
    columns = SpectrogramColumns(rate_hz)
    columns.feed(np.sin(2 * np.pi * tone_hz * np.arange(rate_hz)[None] / rate_hz))
    spectrogram = columns.finish()
    middle = spectrogram.level_db[:, 50]
    row = int(middle.argmax())
    below, above = spectrogram.edges_hz[[row, row + 1]]
    bin_hz = 1 / 0.043
    assert below - bin_hz / 2 <= tone_hz <= above + bin_hz / 2
    assert abs(middle[row]) < 2.5  # a tone between two bins loses up to 1.4 dB and half a triangle
    far = np.abs(spectrogram.edges_hz[:-1] - tone_hz) > 300
    assert middle[far].max() < middle[row] - 40


def test_a_click_stands_in_its_column_after_merging() -> None:
    sound = np.zeros((1, 60 * RATE_HZ), dtype=np.float32)
    at_s = 33.3
    sound[0, int(at_s * RATE_HZ)] = 1
    spectrogram = picture(sound, [], max_columns=100)
    column = int(spectrogram.level_db.max(axis=0).argmax())
    assert 50 <= spectrogram.level_db.shape[1] <= 100
    assert (
        column * spectrogram.column_s - 0.03 <= at_s <= (column + 1) * spectrogram.column_s + 0.03
    )


def test_merged_columns_hold_the_loudest_of_what_they_cover() -> None:
    sound = np.random.default_rng(3).normal(size=(1, 5 * RATE_HZ)).astype(np.float32)
    fine = picture(sound, [])
    coarse = picture(sound, [], max_columns=125)
    together = round(coarse.column_s / fine.column_s)
    assert together == 4
    pooled = fine.level_db.reshape(fine.level_db.shape[0], -1, together).max(axis=2)
    np.testing.assert_array_equal(coarse.level_db, pooled)


def test_memory_does_not_grow_with_the_sound() -> None:
    columns = SpectrogramColumns(RATE_HZ, max_columns=64)
    sizes = set()
    for _ in range(30):
        columns.feed(np.ones((1, 3 * RATE_HZ), dtype=np.float32))
        held = columns._held
        assert held is not None
        sizes.add(held.shape[1] + columns._columns.size)
    assert max(sizes) <= 64 * 160 + 64 * 80 + 512
    assert columns.finish().level_db.shape[1] <= 64


def test_a_delay_by_whole_hops_moves_the_picture() -> None:
    sound = np.random.default_rng(8).normal(size=(1, 3 * RATE_HZ)).astype(np.float32)
    late = np.concatenate([np.zeros((1, 100 * RATE_HZ // 100), np.float32), sound], axis=1)
    inner = slice(3, -3)  # at the start the window looks into what was silence either way
    np.testing.assert_allclose(
        picture(late, []).level_db[:, 100:][:, inner],
        picture(sound, []).level_db[:, inner],
        atol=1e-3,
    )


def test_channels_are_averaged_in_power() -> None:
    sound = np.random.default_rng(0).normal(size=(1, RATE_HZ)).astype(np.float32)
    one = picture(sound, []).level_db
    beside_silence = picture(np.concatenate([sound, 0 * sound]), []).level_db
    np.testing.assert_allclose(beside_silence, one - 10 * np.log10(2), atol=1e-4)


def test_nothing_and_silence_have_a_picture() -> None:
    assert SpectrogramColumns(RATE_HZ).finish().level_db.shape == (160, 1)
    silence = picture(np.zeros((1, 100), dtype=np.float32), [])
    np.testing.assert_allclose(silence.level_db, -120, atol=1e-4)


def test_what_is_fed_is_not_written_to() -> None:
    sound = np.random.default_rng(0).normal(size=(1, RATE_HZ))
    before = sound.copy()
    picture(sound, [100, 4000])
    np.testing.assert_array_equal(sound, before)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(SettingError, match="max_columns of at least 2"):
        SpectrogramColumns(RATE_HZ, max_columns=1)
    with pytest.raises(SettingError, match="3 rising frequencies for 2 rows"):
        Spectrogram(np.zeros((2, 5)), np.array([1.0, 2.0]), 0.1)
    with pytest.raises(SettingError, match="column_s"):
        Spectrogram(np.zeros((1, 5)), np.array([1.0, 2.0]), 0.0)
