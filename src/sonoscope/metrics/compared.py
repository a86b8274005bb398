"""Networks of a paper's table side by side: what their trainings have come to so far.

One kind of table for detectors, one for networks that name clips, and one for these under noise.
Trainings fill them in, and reports tell them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sonoscope.core.frame_table import FrameTable
from sonoscope.metrics.estimates import Place, Tested
from sonoscope.metrics.noise_test import NoiseTest
from sonoscope.metrics.scored_run import Reading, ScoredRun
from sonoscope.signal.denoise import DenoiseSettings

Figures = tuple[float | None, float | None, float | None, float | None]
"""ER, F, DE in degrees, FR; fractions; None where nothing was published."""


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """A network.

    Attributes
    ----------
    name
        What it is called by.
    runs
        Its trainings that are done.
    missing
        Words for those that are begun or asked for.
    published
        Figures of a paper.
    is_gain
        Whether they are differences from the reference row.
    source
        Whose they are.
    """

    name: str
    runs: Sequence[ScoredRun]
    missing: Sequence[str] = ()
    published: Figures = (None, None, None, None)
    is_gain: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedPicture:
    """One recording as a network heard it.

    Attributes
    ----------
    name, caption
        What its file is called by, and what it shows.
    reference, heard
        What sounded, and what was heard.
    duration_s
        How long it is.
    """

    name: str
    caption: str
    reference: FrameTable
    heard: FrameTable
    duration_s: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A table.

    Attributes
    ----------
    name, title
        What its files are called by, and what it shows.
    channel_format
        In which format all of it was heard.
    rows
        In their order.
    reference
        The row from which differences are taken.
    reading
        Which of the readings is shown; the csv has all.
    facts
        Sentences about data and training.
    pictures
        Recordings as they were and as they were heard.
    """

    name: str
    title: str
    channel_format: str
    rows: Sequence[ComparedRow]
    reference: str
    reading: Reading = "rounded"
    facts: Sequence[str] = ()
    pictures: Sequence[ComparedPicture] = ()


@dataclass(frozen=True, slots=True)
class ComparedClips:
    """A network.

    Attributes
    ----------
    name
        What it is called by.
    runs
        Its trainings that are done: what each original's clips were taken for.
    missing
        Words for those that are begun or asked for.
    parameters, trained_s
        Weights, and mean seconds of a training.
    f1, accuracy
        The paper's macro-F1 on private data; its authors' accuracy on this set.
    """

    name: str
    runs: Mapping[Place, Tested]
    missing: Sequence[str] = ()
    parameters: int = 0
    trained_s: float = 0.0
    f1: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class ClipComparison:
    """A table: its files' name, what it shows, and sentences about data and training."""

    name: str
    title: str
    rows: Sequence[ComparedClips]
    references: Sequence[str]
    facts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ComparedUnderNoise:
    """A network.

    Attributes
    ----------
    name
        What it is called by.
    tests
        Its trainings that were heard.
    missing
        Words for those that were not.
    published
        A paper's macro-F1 by ratio.
    """

    name: str
    tests: Mapping[Place, NoiseTest]
    missing: Sequence[str] = ()
    published: Mapping[float, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoiseComparison:
    """A table.

    Attributes
    ----------
    name, title
        What its files are called by, and what it shows.
    rows
        In their order.
    reference
        The row from which differences are taken.
    noises
        What was heard, all of it simulated.
    denoiser
        How clips were denoised.
    facts
        Sentences about data and training.
    """

    name: str
    title: str
    rows: Sequence[ComparedUnderNoise]
    reference: str
    noises: Sequence[str]
    denoiser: DenoiseSettings
    facts: Sequence[str] = ()
