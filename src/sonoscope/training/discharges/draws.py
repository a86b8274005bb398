"""Patterns of simulated recordings, drawn by number, made once and kept on disk.

    number ─► kinds, SNR ─► simulation.inspection_families ─► envelope ─┬─► maps and figures
                                                                        └─► with echoes ─► the same

Draw n of a seed is the same whatever was made before, so shards can be made in any order, and those
that are there are kept. What takes time (the simulation and the choice of a band) is done once;
echoes are added to the envelope, which takes little.

**Echoes.** Family a is heard in the open; what stands in a hall has late sound. So each recording
is also heard with some that is drawn: a few early reflections and a tail that fades by 60 dB in
0.03 to 0.3 s, from 10 dB under to 6 dB over the direct sound in energy. Both add to the power, with
the fluctuations of diffuse sound (exponentially distributed). It is a model of rooms in general,
and of none that is tested on.

SNR is drawn as either of its two definitions (`simulation.inspection`): over all noise, or over
that within 20 to 40 kHz.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from io import BytesIO
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float16, Float32, Float64
from numpy import ndarray
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass as settings
from scipy.signal import lfilter

from sonoscope import __version__
from sonoscope.core.durable import write_bytes
from sonoscope.core.errors import CheckpointError
from sonoscope.core.recipe import STRICT
from sonoscope.signal.envelope import Envelope
from sonoscope.signal.pattern_input import FIGURES, MAPS, figures_of, maps_of
from sonoscope.signal.prpd import Prpd, PrpdSettings, heard_envelope, phase_resolve_envelope
from sonoscope.signal.references import LOCKED
from sonoscope.simulation.discharge import Kind
from sonoscope.simulation.inspection import Family, Inspection, SnrDefinition
from sonoscope.simulation.inspection_families import random_inspection
from sonoscope.training.recipe import fingerprint

Label = Literal["corona", "surface", "floating", "internal", "brush"]
LABELS: tuple[Label, ...] = get_args(Label)
"""What is named. A loose particle's pulses keep no clock and sound as a raindrop's: no kind."""

_SINGLE: tuple[tuple[Kind, float], ...] = (
    ("corona", 0.2), ("surface", 0.2), ("floating", 0.2), ("internal", 0.2), ("brush", 0.12),
    ("particle", 0.08),
)  # fmt: skip
_SHARD = 50
_PART: dict["Part", int] = {"train": 1_000_000_000, "validation": 2_000_000_000}
_STREAM = 0xD15C

Share = Annotated[float, Field(ge=0, le=1)]
Part = Literal["train", "validation"]


@settings(config=STRICT)
class DrawSettings:
    """Which recordings are made.

    Attributes
    ----------
    train, validation
        How many to learn from, and how many to choose weights, thresholds and calibration by; their
        seeds never meet.
    seed
        Of all of them.
    family
        Of the simulation.
    noise_share, pair_share
        Of noise alone, and of two sources at once.
    snr_db
        Lowest and highest, by either definition.
    duration_s
        Of a recording.
    echoes
        How many times each recording is also heard with echoes.
    """

    train: Annotated[int, Field(ge=1)] = 3_000
    validation: Annotated[int, Field(ge=1)] = 400
    seed: Annotated[int, Field(ge=0, lt=1_000)] = 0
    family: Family = "a"
    noise_share: Share = 0.2
    pair_share: Share = 0.25
    snr_db: tuple[float, float] = (-10.0, 20.0)
    duration_s: Annotated[float, Field(ge=0.5, le=10)] = 2.0
    echoes: Annotated[int, Field(ge=0)] = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """What a draw asks the simulation for."""

    kinds: tuple[Kind, ...]
    snr: SnrDefinition
    snr_db: float


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """Patterns and what is true of them.

    Attributes
    ----------
    maps, figures
        All that `signal.pattern_input` knows, in its order, of each view of a draw: as it is
        heard, then with echoes.
    target
        Which of `LABELS` discharge.
    snr_db, snr_in_band_db
        By both definitions; NaN of noise alone.
    """

    maps: Float16[ndarray, "draw view half phase level"]
    figures: Float32[ndarray, "draw view figure"]
    target: Bool[ndarray, "draw label"]
    snr_db: Float32[ndarray, " draw"]
    snr_in_band_db: Float32[ndarray, " draw"]

    def __len__(self) -> int:
        return len(self.target)


def asked(wanted: DrawSettings, generator: np.random.Generator) -> Asked:
    """Draw what discharges, and how loud against the noise."""
    u = generator.uniform()
    kinds: tuple[Kind, ...]
    if u < wanted.noise_share:
        kinds = ()
    elif u < wanted.noise_share + wanted.pair_share:
        kinds = _pair(generator)
    else:
        names, odds = zip(*_SINGLE, strict=True)
        kinds = (names[int(generator.choice(len(names), p=odds))],)
    ratio: SnrDefinition = "whole" if generator.uniform() < 0.5 else "in_band"
    return Asked(kinds, ratio, float(generator.uniform(*wanted.snr_db)))


def _pair(generator: np.random.Generator) -> tuple[Kind, ...]:
    """Draw two kinds that keep the mains, or in one of seven one and another that does not."""
    first, second = (LOCKED[i] for i in generator.permutation(len(LOCKED))[:2])
    if generator.uniform() < 1 / 7:
        return (first, "brush" if generator.uniform() < 0.5 else "particle")
    return (first, second)


def with_echoes(found: Envelope, generator: np.random.Generator) -> Envelope:
    """Add early reflections and a tail to what stands over the median."""
    direct = np.maximum(found.power - np.median(found.power), 0.0)
    late = np.zeros_like(direct)
    for _ in range(int(generator.integers(0, 7))):
        after = round(generator.uniform(2e-3, 25e-3) * found.rate_hz)
        late[after:] += 10 ** (generator.uniform(-15, -3) / 10) * direct[: len(direct) - after]
    fade_s = float(np.exp(generator.uniform(np.log(0.03), np.log(0.3))))
    kept = float(np.exp(-6 * np.log(10) / (fade_s * found.rate_hz)))
    begins = round(generator.uniform(2e-3, 12e-3) * found.rate_hz)
    tail = lfilter([1 - kept], [1, -kept], direct)
    late[begins:] += 10 ** (generator.uniform(-10, 6) / 10) * tail[: len(tail) - begins]
    return replace(found, power=found.power + late * _diffuse(len(late), generator))


def _diffuse(length: int, generator: np.random.Generator) -> Float64[ndarray, " {length}"]:
    """Give the power of diffuse sound of mean 1, smoothed about as the envelope is."""
    drawn = generator.exponential(size=length)
    return np.convolve(drawn, [0.1, 0.25, 0.3, 0.25, 0.1], "same")


_VIEW = PrpdSettings(least_hz=1e6)  # no comparison with references, which no map needs
_ECHO = replace(_VIEW, clock_hz=(10.0, 11.0))  # the other clock is as without echoes


def views(made: Inspection, echoes: int, generator: np.random.Generator) -> list[Prpd]:
    """Resolve a recording as it is heard, and with echoes so many times."""
    heard, bands = heard_envelope(made.samples[None], made.rate_hz, PrpdSettings())
    plain = phase_resolve_envelope(heard, _VIEW, bands=bands)
    others = [
        phase_resolve_envelope(with_echoes(heard, generator), _ECHO, bands=bands)
        for _ in range(echoes)
    ]
    return [plain, *(replace(each, other=plain.other) for each in others)]


def drawn(wanted: DrawSettings, part: Part, number: int) -> Patterns:
    """Make one draw."""
    seed = _PART[part] + wanted.seed * 1_000_000 + number
    generator = np.random.Generator(np.random.Philox(key=[seed, _STREAM]))
    what = asked(wanted, generator)
    made = random_inspection(
        wanted.family,
        seed,
        kinds=what.kinds,
        snr=what.snr,
        snr_db=what.snr_db,
        duration_s=wanted.duration_s,
    )
    found = views(made, wanted.echoes, generator)
    truth = made.truth
    return Patterns(
        np.stack([maps_of(each, tuple(MAPS)) for each in found])[None].astype(np.float16),
        np.stack([figures_of(each, tuple(FIGURES)) for each in found])[None],
        np.array([[label in truth.kinds for label in LABELS]]),
        _db(truth.snr_db),
        _db(truth.snr_in_band_db),
    )


def _db(value: float | None) -> Float32[ndarray, " 1"]:
    return np.array([np.nan if value is None else value], np.float32)


def draws_hash(wanted: DrawSettings) -> str:
    """Tell these draws from others, however many they are."""
    each = replace(wanted, train=1, validation=1)
    plain = TypeAdapter(DrawSettings).dump_python(each, mode="json")
    told = json.dumps([plain, *MAPS, *FIGURES, *LABELS], sort_keys=True)
    return fingerprint(told, __version__)


Listener = Callable[[int, int], None]
"""Told how many draws are there, and of how many."""


def patterns_in(
    folder: Path, wanted: DrawSettings, part: Part, on_progress: Listener | None = None
) -> Patterns:
    """Make what is missing of a part in a folder, and give all of it.

    Raises
    ------
    CheckpointError
        If a file there cannot be read.
    """
    place = folder / f"draws-{draws_hash(wanted)[:12]}"
    place.mkdir(parents=True, exist_ok=True)
    count = getattr(wanted, part)
    return together(list(_shards(place, wanted, part, count, on_progress)))


def _shards(
    place: Path, wanted: DrawSettings, part: Part, count: int, on_progress: Listener | None
) -> Iterator[Patterns]:
    for start in range(0, count, _SHARD):
        numbers = range(start, min(start + _SHARD, count))
        path = place / f"{part}-{start:06d}-{len(numbers)}.npz"
        if not path.is_file():
            write_bytes(path, _bytes(together([drawn(wanted, part, n) for n in numbers])))
        if on_progress is not None:
            on_progress(numbers[-1] + 1, count)
        yield _read(path)


def together(parts: Sequence[Patterns]) -> Patterns:
    """Put patterns after each other."""
    return Patterns(
        *(
            np.concatenate([getattr(each, field.name) for each in parts])
            for field in fields(Patterns)
        )
    )


def _bytes(patterns: Patterns) -> bytes:
    buffer = BytesIO()
    np.savez_compressed(
        buffer, **{field.name: getattr(patterns, field.name) for field in fields(Patterns)}
    )
    return buffer.getvalue()


def _read(path: Path) -> Patterns:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Patterns(*(stored[field.name] for field in fields(Patterns)))
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path}: not readable draws ({error}); without it, it is made again"
        ) from error
