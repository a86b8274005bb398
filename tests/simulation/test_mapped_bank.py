"""Sounds that stand in for a label: only its own, all of them, and named in what is told."""

from collections import Counter

import numpy as np
import pytest
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.errors import SettingError
from sonoscope.simulation.sources import MappedBank


class Tones:
    """A bank whose sounds tell which label was asked for."""

    labels = ("bell", "cough", "dog", "sneeze")

    def draw(
        self, label: str, generator: np.random.Generator, max_s: float
    ) -> tuple[Float[ndarray, " sample"], str]:
        return np.full(3, self.labels.index(label), np.float32), f"{label}.wav by Ann"


STAND_INS = {"clearthroat": ("cough", "sneeze"), "piano": ("harp", "bell"), "fire": ("flames",)}


def test_only_what_has_sounds_can_be_drawn() -> None:
    assert MappedBank(Tones(), STAND_INS).labels == (
        "bell", "clearthroat", "cough", "dog", "piano", "sneeze",
    )  # fmt: skip


def test_every_stand_in_is_as_likely_and_no_other_sounds() -> None:
    bank, generator = MappedBank(Tones(), STAND_INS), np.random.default_rng(1)
    drawn = Counter(bank.draw("clearthroat", generator, 1.0)[1] for _ in range(400))
    assert set(drawn) == {"cough: cough.wav by Ann", "sneeze: sneeze.wav by Ann"}
    assert min(drawn.values()) > 150  # 200 expected, 10 the standard deviation
    sound, told = bank.draw("piano", generator, 1.0)
    assert (float(sound[0]), told) == (0.0, "bell: bell.wav by Ann")
    assert bank.draw("dog", generator, 1.0)[1] == "dog: dog.wav by Ann"


def test_what_nothing_stands_in_for_is_refused() -> None:
    bank = MappedBank(Tones(), STAND_INS)
    with pytest.raises(SettingError, match="fire was given"):
        bank.draw("fire", np.random.default_rng(1), 1.0)
    with pytest.raises(SettingError, match=r"sounds\.fire must name"):
        MappedBank(Tones(), {"fire": ()})
