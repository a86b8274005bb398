"""Each job as one short function: follow a sample from file to report with a finger."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core import event_table
from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import TETRAHEDRON, MicArray
from sonoscope.core.audio import (
    AudioFile,
    ChannelFormat,
    check_format,
    probe,
    read_blocks,
    resampled_length,
    write_blocks,
)
from sonoscope.core.durable import write_bytes, write_text
from sonoscope.core.errors import CheckpointError, InputError, SettingError
from sonoscope.core.event import Event
from sonoscope.inference.classifier import Classifier, Named
from sonoscope.inference.detector import Detector, Heard
from sonoscope.inference.model_file import resolve, shipped
from sonoscope.inference.monte_carlo import MonteCarlo, with_passes
from sonoscope.report import event_files
from sonoscope.report.names import NamedSpan
from sonoscope.report.page import ModelCard, Report, write_page
from sonoscope.report.spectrogram import Spectrogram, SpectrogramColumns
from sonoscope.signal.ambisonics import Encoder, array_encoder, guess_format, to_foa
from sonoscope.signal.format_check import ENOUGH_S, RATE_HZ, FormatVerdict, check_channels
from sonoscope.targets.calibration import calibrated
from sonoscope.targets.card import Card
from sonoscope.targets.clip_card import ClipCard
from sonoscope.targets.clip_label import UNKNOWN

if TYPE_CHECKING:
    from sonoscope.core.camera import Camera
    from sonoscope.datasets.clip_sets import FoundClips
    from sonoscope.datasets.scene_set import Reporting, SceneSetRecipe, WrittenSet
    from sonoscope.imaging.array_check import ArrayVerdict
    from sonoscope.imaging.image import BandImage, HotSpot
    from sonoscope.imaging.image import Place as HotPlace
    from sonoscope.inference.diagnosis import DiagnosisSettings, Listener
    from sonoscope.inference.hot_spot_tracks import SpotTracks
    from sonoscope.inference.hot_spots import Array, ImageSettings, Looker
    from sonoscope.metrics.noise_test import LabelledClip, NoiseTestSettings
    from sonoscope.metrics.scored_run import Reading
    from sonoscope.report.diagnosis_page import DiagnosisReport
    from sonoscope.report.hot_spot_table import Told
    from sonoscope.report.inspection_page import InspectedPlace
    from sonoscope.report.noise_table import NoiseTable
    from sonoscope.report.overlay import Overlay, Picture
    from sonoscope.signal.denoise import DenoiseSettings
    from sonoscope.signal.denoise import Plan as DenoisePlan
    from sonoscope.signal.prpd import Prpd, PrpdSettings
    from sonoscope.simulation.noises import Noise
    from sonoscope.targets.diagnosis import Answer, Window
    from sonoscope.targets.discharge_card import DischargeCard
    from sonoscope.training.clips.reproduce import ClipPlan, ClipTraining
    from sonoscope.training.clips.under_noise import NoisePlan, NoiseWork
    from sonoscope.training.reproduce import Plan, Training, Workplace

Format = Literal["auto"] | ChannelFormat | MicArray
"""What a recording's channels are said to be; capsules are given by where they sit."""

Block = Float[ndarray, "channel _"]

Work = TypeVar("Work")

SOUNDS_MODEL = "sounds50"
"""The shipped model that names clips where none is asked for."""

_DENOISE_BLOCK = 1 << 18  # numbers read at once
_GUESS_RATE_HZ, _GUESS_S = 8_000, 30  # the guess listens below 500 Hz
_OVERVIEW_COLUMNS = 1200
_IMAGE_FILES = {"report": "report.html", "spots": "spots.csv", "picture": "image.svg"}
_PRPD_BLOCK = 1 << 20  # numbers read at once
_CHECK_S, _CHECK_BLOCKS, _CHECK_KEPT = 10, 30, 3  # seconds in a block, blocks read, loudest kept
_ARRAY_BLOCKS = 60  # of a second, read to check an array


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What `analyze` found in one recording.

    Attributes
    ----------
    file
        The recording.
    channel_format
        What its channels were taken for.
    card
        The model that listened.
    events
        In order of onset.
    files
        What was written, by kind.
    scores
        Of the events against the truth (DCASE 2019, strict), where it was given.
    warnings
        What one must know before trusting the events.
    """

    file: AudioFile
    channel_format: ChannelFormat
    card: Card
    events: tuple[Event, ...]
    files: Mapping[str, Path]
    scores: Mapping[str, float] | None
    warnings: tuple[str, ...]


def analyze(
    path: Path,
    out: Path,
    *,
    model: str | None = None,
    channel_format: Format = "auto",
    truth: Path | None = None,
    monte_carlo: MonteCarlo | None = None,
    progress: Callable[[float], None] | None = None,
) -> Analysis:
    """Detect, name and locate the sounds of one recording, and write tables and a report.

    Parameters
    ----------
    path
        The recording; it is read once, by blocks.
    out
        The folder to write into, made where there is none.
    model
        A shipped model's name or a model file; without it the shipped one for the format.
    channel_format
        "auto" guesses.
    truth
        A table of the true events, shown beside those found.
    monte_carlo
        Ask the network many times, and tell by how much its answers differ.
    progress
        Told how much was heard so far, 0 to 1.

    Raises
    ------
    InputError, SettingError, CheckpointError
        If the recording, the truth, the options or the model cannot be used.
    """
    file = probe(path)
    kind, array = _told_or_guessed(file, channel_format)
    detector = open_detector(model or ("tetra" if kind == "tetra" else "foa"))
    detector = detector.in_passes(monte_carlo)
    card = detector.card
    true = None if truth is None else event_table.read_events(truth, card.labels)
    samples = _sound(file, kind, array, detector)
    heard, picture = _listen(detector, _counted(samples, file, card.rate_hz, progress))
    found = heard.events(card)
    if heard.samples is not None:
        found = with_passes(found, heard.samples, heard.activity, card.labels, heard.grid)
    found = calibrated(found, card.calibration, card.thresholds)
    events = tuple(_within(file.duration_s, event) for event in found)
    analysis = Analysis(
        file, kind, card, events, {}, _scores(true, events, file), _warnings(file, card.rate_hz)
    )
    out = made_folder(out)  # only now: a recording that was refused leaves nothing behind
    files = event_files.write_named(out, events, card.rate_hz / 2)
    if heard.direction is None:
        event_files.remove_placed(out)
    else:
        files |= event_files.write_placed(out, events, card.labels)
    report = _report(analysis, true, heard, picture)
    write_page(out / "report.html", report)
    return replace(analysis, files=files | {"report": out / "report.html"})


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """What `classify` named one recording.

    Attributes
    ----------
    file
        The recording.
    card
        The model that listened.
    named
        The probability of each label in each window and in the whole.
    events
        The windows' names over time, without gaps or overlap; "unknown" is one of them.
    files
        What was written, by kind; nothing of a recording that fits into one window.
    warnings
        What one must know before trusting the name.
    """

    file: AudioFile
    card: ClipCard
    named: Named
    events: tuple[Event, ...]
    files: Mapping[str, Path]
    warnings: tuple[str, ...]

    def spans(self, name: str) -> Iterator[NamedSpan]:
        """Give the rows of `report.names`: of the whole, then of each window."""
        named, duration_s = self.named, self.file.duration_s

        def likeliest(said: Float[ndarray, " label"]) -> tuple[float, str]:
            best = named.labels[int(said.argmax())] if named.told(said) else ""
            return float(said.max()), best

        yield NamedSpan(name, "whole", 0.0, duration_s, named.label, *likeliest(named.whole))
        windows = zip(named.start_s.tolist(), named.names(), named.probability, strict=True)
        for start_s, label, said in windows:
            end_s = min(start_s + named.window_s, duration_s)
            yield NamedSpan(name, "window", start_s, end_s, label, *likeliest(said))


def classify(
    path: Path,
    out: Path | None = None,
    *,
    model: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Classification:
    """Name one recording, and write tables and a report of one that is longer than a window.

    Parameters
    ----------
    path
        The recording, of any length; it is read once, by blocks, and its channels heard as one.
    out
        The folder to write into, made where something is written; without it nothing is.
    model
        A shipped model's name or a model file; without it `SOUNDS_MODEL`.
    progress
        Told how much was heard so far, 0 to 1.

    Raises
    ------
    InputError, SettingError, CheckpointError
        If the recording or the model cannot be used, or nothing can be written.
    """
    file, classifier = probe(path), open_classifier(model)
    window, rate_hz = classifier.window_and_rate()
    blocks = _counted(read_blocks(file, rate_hz, window), file, rate_hz, progress)
    is_long = resampled_length(file.n_samples, file.rate_hz, rate_hz) > window
    columns = SpectrogramColumns(rate_hz) if is_long and out is not None else None
    named = classifier.name_blocks(_ahead(blocks if columns is None else _seen(blocks, columns)))
    events = named.events(file.duration_s)
    found = Classification(file, classifier.card, named, events, {}, _warnings(file, rate_hz))
    if columns is None or out is None:
        return found
    files = event_files.write_named(made_folder(out), events, rate_hz / 2)
    write_page(out / "report.html", _named_report(found, columns.finish()))
    return replace(found, files=files | {"report": out / "report.html"})


def simulate(
    recipe: "SceneSetRecipe",
    out: Path,
    *,
    count: int | None = None,
    seed: int,
    data: Path | None = None,
    tables: Path | None = None,
    workers: int = 1,
    reporting: "Reporting | None" = None,
) -> "WrittenSet":
    """Make scenes whose truth is known, in as many processes as asked for."""
    from sonoscope.datasets.scene_set import Reporting, write_scenes  # needs what learning needs

    return write_scenes(
        recipe,
        out,
        count=count,
        seed=seed,
        data=data,
        tables=tables,
        workers=workers,
        reporting=reporting or Reporting(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class DenoisedFile:
    """What `denoise` did to one recording.

    Attributes
    ----------
    file
        The recording.
    plan
        Tree, costs, chosen leaves, kept leaves and why.
    level_db, clean_level_db
        Mean power of all channels before and after, 0 dB being 1; -inf for silence.
    files
        What was written, by kind.
    warnings
        What one must know.
    """

    file: AudioFile
    plan: "DenoisePlan"
    level_db: float
    clean_level_db: float
    files: Mapping[str, Path]
    warnings: tuple[str, ...]


def denoise(
    path: Path, out: Path, settings: "DenoiseSettings | None" = None, *, picture: bool = False
) -> DenoisedFile:
    """Denoise one recording by wavelet packets, in constant memory; it is read three times.

    Parameters
    ----------
    out
        A .wav or .flac file.
    picture
        Draw tree, leaves and sound before and after beside `out`, ending in .svg.

    Raises
    ------
    InputError, SettingError
        If the recording or the settings cannot be used, or nothing can be written.
    """
    from sonoscope.report.before_after import Listened  # PyWavelets loads with these
    from sonoscope.report.wavelet_picture import wavelet_picture
    from sonoscope.signal.denoise import cleaned, planned

    file = probe(path)
    block = max(1, _DENOISE_BLOCK // file.n_channels)
    plan = planned(lambda: read_blocks(file, file.rate_hz, block), file.rate_hz, settings)
    shape = (file.n_channels, plan.n_samples)
    before, after = (Listened(file.rate_hz, plan.n_samples, seen=picture) for _ in range(2))
    blocks = before.through(read_blocks(file, file.rate_hz, block))
    write_blocks(out, after.through(cleaned(blocks, plan)), file.rate_hz, shape)
    files = {"sound": out}
    if picture:
        files["picture"] = out.with_suffix(".svg")
        drawn = wavelet_picture(
            f"{_title(file)}, denoised", plan, before.picture(), after.picture()
        )
        write_text(files["picture"], drawn)
    warnings = [] if file.warning is None else [file.warning]
    if not any(leaf.is_kept for leaf in plan.leaves):
        warnings.append(
            "no leaf holds anything sudden or mains-locked, so that nothing is left: "
            "--keep-all or a lower --limit keeps more"
        )
    return DenoisedFile(file, plan, before.level_db, after.level_db, files, tuple(warnings))


def reproduce(
    plan: "Plan",
    where: "Workplace",
    *,
    jobs: int = 1,
    reading: "Reading" = "rounded",
    on_end: "Callable[[Training], None] | None" = None,
) -> None:
    """Do the trainings of a table that are not done yet, and write it anew after each.

    Each format has a table of its own, which shows every training of it in the folder, also those
    that this call does not ask for.

    Parameters
    ----------
    plan
        The table (`training.reproduce.planned`).
    where
        Data and machine.
    jobs
        Trainings at once, each in a process of its own where there are several.
    reading
        How directions are scored in the table for reading; its csv has every way.
    on_end
        Told of each training that has ended, done or failed.

    Raises
    ------
    InputError, SettingError
        If the data are not there or are not those of the trainings in the folder, or a process is
        killed.
    """
    from sonoscope.report.comparison import write_comparison
    from sonoscope.training.compared import compared
    from sonoscope.training.reproduce import carry_out, check_data

    def write(ended: "Training | None") -> None:
        for heard_as in plan.formats if ended is None else (ended.heard_as,):
            write_comparison(plan.out, compared(plan, heard_as, where.data, reading))

    check_data(plan, where.data)
    _do_and_write(carry_out(plan, where, jobs), plan.out, write, on_end)


def _do_and_write(
    works: Iterator[Work],
    out: Path,
    write: "Callable[[Work | None], None]",
    on_end: Callable[[Work], None] | None,
) -> None:
    """Write a table as it stands, and again after each of its works that has ended."""
    made_folder(out)
    write(None)
    for work in works:
        write(work)
        if on_end is not None:
            on_end(work)


@dataclass(frozen=True, slots=True, eq=False)
class Robustness:
    """What `robustness` found of one model.

    Attributes
    ----------
    table
        Scores under every noise, ratio and treatment, and sentences about them.
    files
        What was written, by kind.
    warnings
        What one must know before trusting the scores.
    """

    table: "NoiseTable"
    files: Mapping[str, Path]
    warnings: tuple[str, ...]


def robustness(
    model: str,
    data: Path,
    noises: "Sequence[Noise]",
    out: Path | None = None,
    *,
    folds: Sequence[int] | None = None,
    settings: "NoiseTestSettings | None" = None,
    progress: Callable[[float], None] | None = None,
) -> Robustness:
    """Let a model name labelled clips under noise, as they are and denoised.

    Parameters
    ----------
    model
        A shipped model's name or a model file.
    data
        ESC-50, UrbanSound8K, or a folder a label.
    noises
        What hides the clips.
    out
        The folder of table, csv and figure; without it nothing is written.
    folds
        Which of a published set's folds to hear.
    progress
        Told how much was heard so far, 0 to 1.

    Raises
    ------
    InputError, SettingError, CheckpointError
        If model, clips, noises or options cannot be used, or nothing can be written.
    """
    from sonoscope.datasets.clip_sets import as_heard, found_clips
    from sonoscope.metrics.noise_scores import noise_cells
    from sonoscope.metrics.noise_test import Listener, NoiseTestSettings, heard_in_noise
    from sonoscope.report.noise_table import NoiseTable, noise_facts, write_noise_table
    from sonoscope.simulation.noises import warned_of

    settings, classifier = settings or NoiseTestSettings(), open_classifier(model)
    (window, rate_hz), card = classifier.window_and_rate(), classifier.card
    found = found_clips(data, folds).known_as(card.labels)
    if out is not None:
        made_folder(out)  # what cannot be written is said before all is heard
    listener = Listener(
        rate_hz, window, card.labels, classifier.logits, card.temperature, card.threshold
    )
    test = heard_in_noise(
        listener,
        _told_of(as_heard(found.clips, card.labels, rate_hz, settings.over), found, progress),
        {noise.name: noise.piece for noise in noises},
        settings,
    )
    table = NoiseTable(
        f"{card.name} under noise",
        noise_facts(found.says, test, noises, settings, rate_hz),
        noise_cells({(0, 0): test}),
        test.n_labels,
    )
    files = {} if out is None else write_noise_table(out, table)
    return Robustness(table, files, (*found.warnings, *warned_of(noises, rate_hz)))


def _told_of(
    sounds: "Iterable[LabelledClip]", found: "FoundClips", progress: Callable[[float], None] | None
) -> "Iterator[LabelledClip]":
    """Tell of clips once the next is asked for."""
    for heard, sound in enumerate(sounds, start=1):
        yield sound
        if progress is not None:
            progress(heard / len(found.clips))


def reproduce_noise(
    plan: "NoisePlan",
    where: "Workplace",
    *,
    jobs: int = 1,
    on_end: "Callable[[NoiseWork], None] | None" = None,
) -> None:
    """Let the trainings of a table that are done hear noise, and write the table after each.

    Raises
    ------
    InputError, SettingError
        As `reproduce`.
    """
    from sonoscope.report.noise_comparison import write_noise_comparison
    from sonoscope.training.clips.compared import compared_under_noise
    from sonoscope.training.clips.reproduce import check_clips
    from sonoscope.training.clips.under_noise import carry_out_noise

    check_clips(plan.clips, where.data)
    if not plan.trainings:
        raise SettingError(
            f"{plan.out} must hold trainings that are done, of those that {plan.name} asks for, but"
            " holds none: `sonoscope reproduce ega-table1` and `ega-table2` train them"
        )

    def write(_: "NoiseWork | None") -> None:
        write_noise_comparison(plan.out, compared_under_noise(plan))

    _do_and_write(carry_out_noise(plan, where, jobs), plan.out, write, on_end)


def reproduce_clips(
    plan: "ClipPlan",
    where: "Workplace",
    *,
    jobs: int = 1,
    on_end: "Callable[[ClipTraining], None] | None" = None,
) -> None:
    """Do the trainings of a table of clip networks, as `reproduce` does, and write it after each.

    Raises
    ------
    InputError, SettingError
        As `reproduce`.
    """
    from sonoscope.report.clip_comparison import write_clip_comparison
    from sonoscope.training.clips.compared import compared_clips
    from sonoscope.training.clips.reproduce import carry_out_clips, check_clips

    def write(_: "ClipTraining | None") -> None:
        write_clip_comparison(plan.out, compared_clips(plan))

    check_clips(plan, where.data)
    _do_and_write(carry_out_clips(plan, where, jobs), plan.out, write, on_end)


@dataclass(frozen=True, slots=True, eq=False)
class FormatCheck:
    """What `inspect_format` found.

    Attributes
    ----------
    file
        The recording.
    heard_s
        How much of it was listened to: the loudest half minute of its first five.
    verdict
        What its channels look like.
    warnings
        What one must know before trusting the verdict.
    """

    file: AudioFile
    heard_s: float
    verdict: FormatVerdict
    warnings: tuple[str, ...]


def inspect_format(path: Path, source: Float[ndarray, "3"] | None = None) -> FormatCheck:
    """Tell what a recording's four channels look like.

    Parameters
    ----------
    source
        Unit vector to where its loudest sound comes from, if that is known.

    Raises
    ------
    InputError
        If it has not four channels, is shorter than a second or silent, or cannot be read.
    """
    file = probe(path)
    if file.n_channels != 4:
        named = {1: " (one is mono)", 2: " (two are stereo)"}.get(file.n_channels, "")
        raise InputError(
            f"{path}: a recording to check must have 4 channels, "
            f"but {file.n_channels} was given{named}"
        )
    blocks = list(islice(read_blocks(file, RATE_HZ, _CHECK_S * RATE_HZ), _CHECK_BLOCKS))
    loudest = np.argsort([-float((block**2).sum()) for block in blocks])[:_CHECK_KEPT]
    samples = np.concatenate([blocks[i] for i in sorted(loudest)], axis=1)
    try:
        verdict = check_channels(samples, source)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    warnings = [] if file.warning is None else [file.warning]
    heard_s = samples.shape[1] / RATE_HZ
    if heard_s < ENOUGH_S:
        warnings.append(
            f"{heard_s:.1f} s are little to tell a format from: {ENOUGH_S:g} s or more are better"
        )
    return FormatCheck(file, heard_s, verdict, tuple(warnings))


@dataclass(frozen=True, slots=True, eq=False)
class ArrayCheck:
    """What `inspect_array` found.

    Attributes
    ----------
    file, array
        The recording, and the geometry it was held against.
    heard_s
        How much of it was listened to: the loudest seconds of its first minute.
    verdict
        Whether axes and channels are those of the geometry.
    warnings
        What one must know before trusting the verdict.
    """

    file: AudioFile
    array: MicArray
    heard_s: float
    verdict: "ArrayVerdict"
    warnings: tuple[str, ...]

    @property
    def fitting(self) -> MicArray:
        """The geometry with its capsules where the recording has them."""
        from sonoscope.imaging.array_check import reordered, turned

        order = self.verdict.order
        if order is not None:
            return reordered(self.array, order)
        return turned(self.array, self.verdict.transform)


def inspect_array(path: Path, array: MicArray, source: Float[ndarray, "3"]) -> ArrayCheck:
    """Tell whether a recording's axes and channels are those of an array.

    Parameters
    ----------
    source
        Unit vector to where its loudest sound comes from.

    Raises
    ------
    InputError
        If its channels are not as many as the capsules, or it is silent or cannot be read.
    SettingError
        If the capsules lie on a line.
    """
    from sonoscope.imaging.array_check import check_array

    file = probe(path)
    check_format(file, "array", array.n_capsules)
    kept: list[Block] = []
    for block in islice(read_blocks(file, file.rate_hz, file.rate_hz), _ARRAY_BLOCKS):
        kept = sorted([*kept, block], key=lambda each: -float(np.square(each).sum()))[:_CHECK_KEPT]
    samples = np.concatenate(kept, axis=1)
    try:
        verdict = check_array(samples, file.rate_hz, array, source)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    warnings = () if file.warning is None else (file.warning,)
    return ArrayCheck(file, array, samples.shape[1] / file.rate_hz, verdict, warnings)


@dataclass(frozen=True, slots=True, eq=False)
class PhaseResolved:
    """What `resolve_phase` found.

    Attributes
    ----------
    file
        The recording.
    heard_as
        Which of its channels were listened to, in words.
    prpd
        The pattern and what it says.
    files
        What was written: `pattern`, `curves` and `picture`.
    warnings
        What one must know before trusting it.
    """

    file: AudioFile
    heard_as: str
    prpd: "Prpd"
    files: Mapping[str, Path]
    warnings: tuple[str, ...]


def resolve_phase(path: Path, out: Path, wanted: "PrpdSettings") -> PhaseResolved:
    """Fold a recording's pulses on the mains; write the pattern's tables and picture.

    Raises
    ------
    InputError
        If it cannot be read, is shorter than a quarter of a second, or its rate holds no band.
    SettingError
        If it has no such channel, or a band was asked for that its rate cannot hold.
    """
    from sonoscope.report.prpd_picture import prpd_picture
    from sonoscope.report.prpd_table import curves_csv, pattern_csv
    from sonoscope.signal.prpd import phase_resolve_blocks
    from sonoscope.signal.references import shipped

    file = probe(path)
    blocks = read_blocks(file, file.rate_hz, max(1, _PRPD_BLOCK // file.n_channels))
    try:
        found = phase_resolve_blocks(blocks, file.rate_hz, wanted)
    except (InputError, SettingError) as error:
        raise type(error)(f"{path}: {error}") from error
    texts = {
        "pattern": (".pattern.csv", pattern_csv(found)),
        "curves": (".curves.csv", curves_csv(found)),
        "picture": (".prpd.svg", prpd_picture(path.name, found, shipped())),
    }
    made_folder(out)
    files = {name: out / f"{path.stem}{suffix}" for name, (suffix, _) in texts.items()}
    for name, (_, text) in texts.items():
        write_text(files[name], text)
    if wanted.channel is not None:
        heard_as = f"channel {wanted.channel + 1}"
    elif file.n_channels == 1:
        heard_as = "the only channel"
    else:
        heard_as = f"the mean power of {file.n_channels} channels, without regard to directions"
    return PhaseResolved(file, heard_as, found, files, (file.warning,) if file.warning else ())


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosed:
    """What `diagnose` found in one recording.

    Attributes
    ----------
    file
        The recording.
    heard_as
        Which of its channels were listened to, in words.
    named_by
        The network's name, or "references".
    answer, windows
        What it came to, and of what.
    strongest
        The number of the window that shows it best.
    files
        What was written: `report` and `windows`.
    warnings
        What one must know before trusting it.
    """

    file: AudioFile
    heard_as: str
    named_by: str
    answer: "Answer"
    windows: "tuple[Window, ...]"
    strongest: int
    files: Mapping[str, Path]
    warnings: tuple[str, ...]


def diagnose(
    path: Path,
    out: Path | None = None,
    *,
    wanted: "DiagnosisSettings | None" = None,
    progress: Callable[[float], None] | None = None,
) -> Diagnosed:
    """Tell whether a recording holds discharges, of what kind and how strong.

    Parameters
    ----------
    path
        The recording, of any length; it is read by blocks.
    out
        The folder for report.html and windows.csv; without it nothing is written.
    wanted
        How to listen.
    progress
        Told how much was heard so far, 0 to 1.

    Raises
    ------
    InputError, SettingError, CheckpointError
        If the recording, the settings or the model cannot be used, or nothing can be written.
    """
    from sonoscope.inference import diagnosis as heard
    from sonoscope.report.diagnosis_page import write_diagnosis
    from sonoscope.report.linear_spectrogram import LinearColumns
    from sonoscope.report.severity_table import windows_csv
    from sonoscope.targets.diagnosis import answer, strongest

    file, wanted = probe(path), wanted or heard.DiagnosisSettings()
    listener = heard.Listener.of(file, wanted)
    columns = LinearColumns(file.rate_hz, file.n_samples, _OVERVIEW_COLUMNS)
    windows = heard.hear(file, listener, None if out is None else columns.feed, progress)
    given = answer(windows)
    plans = heard.plans(file, listener, windows, given)
    given = answer(windows, heard.doubted(windows, given, plans))
    number = strongest(windows, given)
    found = Diagnosed(
        file, listener.heard_as, listener.named_by, given, windows, number, {},
        heard.warnings(file, listener, windows),
    )  # fmt: skip
    if out is None:
        return found
    files = {"report": made_folder(out) / "report.html", "windows": out / "windows.csv"}
    write_text(files["windows"], windows_csv(windows))
    write_diagnosis(
        files["report"], _diagnosis_report(found, listener, plans.get(number), columns.finish())
    )
    return replace(found, files=files)


def _diagnosis_report(
    found: Diagnosed, listener: "Listener", plan: "DenoisePlan | None", overview: Spectrogram
) -> "DiagnosisReport":
    """Look closely at the strongest window, and put all on one page."""
    from sonoscope.inference.diagnosis import read_window
    from sonoscope.report.before_after import Listened
    from sonoscope.report.diagnosis_page import Closer, DiagnosisReport
    from sonoscope.signal.denoise import cleaned, planned
    from sonoscope.signal.references import shipped

    file, window = found.file, found.windows[found.strongest]
    samples = read_window(file, listener, found.strongest)
    plan = plan or planned(lambda: [samples], file.rate_hz)
    before, after = (Listened(file.rate_hz, samples.shape[1], seen=True) for _ in range(2))
    for _ in after.through(cleaned(before.through([samples]), plan)):
        pass
    pattern, _ = listener.pattern(samples, file.rate_hz, window.band)
    card = listener.card
    low, high = (edge / 1e3 for edge in window.band)
    return DiagnosisReport(
        title=_title(file),
        duration_s=file.duration_s,
        answer=found.answer,
        windows=found.windows,
        closer=Closer(window, pattern, plan, before.picture(), after.picture()),
        overview=overview,
        known=shipped(),
        model=None if card is None else _model_card(card, card.attribution),
        facts={
            "Recording": f"{file.rate_hz / 1e3:g} kHz, {found.heard_as}",
            "Listened to": f"{low:g} to {high:g} kHz",
            "Mains": f"{window.clock_hz:.2f} Hz" if window.clock == "mains" else "not found",
            "Kinds named by": "network" if card else "reference patterns",
        },
        warnings=found.warnings,
        settings=listener.settings(len(found.windows)),
    )


@dataclass(frozen=True, slots=True)
class CameraView:
    """What a camera saw while an array listened.

    Attributes
    ----------
    camera
        How it sees.
    photo, video
        What is painted on.
    begins_s
        Time of the recording at the video's first frame.
    """

    camera: "Camera"
    photo: Path | None = None
    video: Path | None = None
    begins_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Imaged:
    """What `image` found.

    Attributes
    ----------
    file
        The recording.
    looker
        What it was looked at with.
    images
        One a band, over the whole time.
    spots
        Hot spots in the order of time.
    places
        Where they come from, the loudest first.
    told
        How they are said: over what levels are, and on which photograph.
    files
        What was written, by kind.
    warnings
        What one must know before trusting it.
    followed
        Which hot spots are one source from window to window.
    """

    file: AudioFile
    looker: "Looker"
    images: "tuple[BandImage, ...]"
    spots: "tuple[HotSpot, ...]"
    places: "tuple[HotPlace, ...]"
    told: "Told"
    files: Mapping[str, Path]
    warnings: tuple[str, ...]
    followed: "SpotTracks"


def image(
    path: Path,
    array: "Array",
    out: Path | None = None,
    *,
    wanted: "ImageSettings | None" = None,
    sensitivity_db: float | None = None,
    seen: CameraView | None = None,
    progress: Callable[[float], None] | None = None,
) -> Imaged:
    """Show where the sound of a recording comes from: maps, hot spots, pictures and a report.

    Parameters
    ----------
    path
        The recording, of any length; it is read by blocks. Of a video its sound is taken.
    array
        What its channels are.
    out
        The folder to write into; without it nothing is written.
    wanted
        How to look.
    sensitivity_db
        What 94 dB of sound gives, over a sine of full scale; without it levels are over that.
    seen
        What a camera on the array saw.
    progress
        Told how much was looked at so far, 0 to 1.

    Raises
    ------
    InputError, SettingError
        If recording, array, settings or pictures cannot be used, or nothing can be written.
    """
    from sonoscope.core.video import probe_video
    from sonoscope.imaging.image import FAR_RAD, SAME_RAD
    from sonoscope.inference import hot_spots
    from sonoscope.inference.hot_spot_tracks import followed
    from sonoscope.report.hot_spot_table import Told
    from sonoscope.report.overlay import Overlay, read_photograph
    from sonoscope.report.video_overlay import painted_video

    wanted = wanted or hot_spots.ImageSettings()
    if seen is not None:
        wanted = hot_spots.for_camera(wanted, array, seen.camera)
    with _sound_of(path) as file:
        looker = hot_spots.Looker.of(file, array, wanted)
        photo = video = None
        if seen is not None and seen.photo is not None:
            photo = read_photograph(seen.photo, seen.camera)
        if seen is not None and seen.video is not None:
            video = probe_video(seen.video)
            seen.camera.check_size(seen.video, video.size_px)
        overlay = None if seen is None else Overlay(seen.camera, looker.view)
        gathered, files = hot_spots.Gathered(), {}
        windows = hot_spots.look(file, looker, progress)
        if video is not None and out is not None and overlay is not None and seen is not None:
            files["video"] = made_folder(out) / "overlay.mp4"
            windows = painted_video(files["video"], video, overlay, windows, seen.begins_s)
        for images in windows:
            gathered.add(images)
        same_rad = FAR_RAD if looker.is_coarse else SAME_RAD
        found = Imaged(
            file, looker, gathered.images, gathered.spots,
            hot_spots.places_of(gathered, looker),
            Told(looker.view, sensitivity_db, None if seen is None else seen.camera), files,
            hot_spots.warnings(file, looker), followed(gathered.spots, gathered.windows, same_rad),
        )  # fmt: skip
    return found if out is None else _write_image(found, path, made_folder(out), overlay, photo)


def _write_image(
    found: Imaged,
    path: Path,
    out: Path,
    overlay: "Overlay | None",
    photo: "Picture | None",
) -> Imaged:
    """Write the tables, the pictures and the page."""
    from sonoscope.report import image_page
    from sonoscope.report.hot_spot_table import spots_csv
    from sonoscope.report.overlay import png_of

    painted = None
    files = dict(found.files)
    if overlay is not None and photo is not None:
        whole = image_page.whole_image(found.images)
        marks = image_page.marks_of(found.places)
        painted = overlay.painted(photo, whole.drawn(overlay.view), marks)
        files["overlay"] = out / "overlay.png"
        write_bytes(files["overlay"], png_of(painted))
    files |= {name: out / file for name, file in _IMAGE_FILES.items()}
    file, settings = found.file, found.looker.settings()
    report = image_page.ImageReport(
        title=path.name.encode("utf-8", "replace").decode(),
        duration_s=file.duration_s,
        images=found.images,
        spots=found.spots,
        found=found.places,
        told=found.told,
        overlay=painted,
        facts={
            "Recording": f"{file.rate_hz / 1e3:g} kHz, {file.n_channels} channels",
            "Array": settings["Array"].partition(",")[0],
            "Method": found.looker.method,
        },
        settings=settings,
        warnings=found.warnings,
        tracks=_tracks_picture(found, path),
    )
    number_of = found.followed.number_of
    write_text(files["spots"], spots_csv(found.told, found.spots, found.places, number_of))
    if report.tracks:
        from sonoscope.imaging.image import PASCAL_DB
        from sonoscope.report.track_picture import tracks_csv

        sensitivity_db = found.told.sensitivity_db
        over_db = 0.0 if sensitivity_db is None else PASCAL_DB - sensitivity_db
        files |= {"tracks": out / "tracks.csv", "track picture": out / "tracks.svg"}
        write_text(files["tracks"], tracks_csv(found.followed.tracks, over_db))
        write_text(files["track picture"], report.tracks)
    write_text(files["picture"], image_page.picture(report))
    image_page.write_image_page(files["report"], report)
    return replace(found, files=files)


def _tracks_picture(found: Imaged, path: Path) -> str:
    """Draw what was followed; nothing where no source was."""
    from sonoscope.report.track_picture import track_picture

    tracks = found.followed
    if not tracks.tracks:
        return ""
    name = path.name.encode("utf-8", "replace").decode()
    duration_s = found.file.duration_s
    return track_picture(name, tracks.tracks, found.spots, tracks.number_of, duration_s)


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """What `inspect` found.

    Attributes
    ----------
    file
        The recording.
    looker
        What it was looked at with.
    places
        Where hot spots are and what was heard there, the loudest first.
    told
        How they are said: over what levels are, and on which photograph.
    named_by
        The network that named kinds, or "references".
    files
        What was written: `report`, `places`, `overlay` and `place_1` and so on, to listen to.
    warnings
        What one must know before trusting it.
    """

    file: AudioFile
    looker: "Looker"
    places: "tuple[InspectedPlace, ...]"
    told: "Told"
    named_by: str
    files: Mapping[str, Path]
    warnings: tuple[str, ...]


def inspect(
    path: Path,
    array: "Array",
    out: Path | None = None,
    *,
    looking: "ImageSettings | None" = None,
    wanted: "DiagnosisSettings | None" = None,
    sensitivity_db: float | None = None,
    seen: CameraView | None = None,
    progress: Callable[[float], None] | None = None,
) -> Inspected:
    """Find where a recording holds discharges, listen to each place, and say what it is.

    Parameters
    ----------
    looking, wanted
        How to look for places, and how to diagnose what is heard there.

    Others are as of `image`; errors as of `image` and `diagnose`.
    """
    from sonoscope.inference import hot_spots
    from sonoscope.inference.diagnosis import DiagnosisSettings, Listener
    from sonoscope.inference.inspection import discharge_band, inspect_places, places_within
    from sonoscope.report.hot_spot_table import Told
    from sonoscope.report.inspection_page import InspectedPlace
    from sonoscope.report.overlay import read_photograph

    file, wanted = probe(path), wanted or DiagnosisSettings()
    listener = Listener.of(file, wanted)
    looking = looking or hot_spots.ImageSettings()
    if looking.bands_hz is None:
        looking = replace(looking, bands_hz=(discharge_band(file.rate_hz),))
    camera = None if seen is None else seen.camera
    if camera is not None:
        looking = hot_spots.for_camera(looking, array, camera)
    looker = hot_spots.Looker.of(file, array, looking)
    photo = None
    if seen is not None and seen.photo is not None:
        photo = read_photograph(seen.photo, seen.camera)
    tell = progress or (lambda _: None)
    gathered = hot_spots.Gathered()
    for images in hot_spots.look(file, looker, lambda done: tell(done / 2)):
        gathered.add(images)
    places = places_within(gathered, looker)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) if out is None else made_folder(out)
        heard = inspect_places(
            file, looker, places, folder, wanted, lambda done: tell(0.5 + done / 2)
        )
    found = Inspected(
        file, looker,
        tuple(InspectedPlace(h.place, h.answer, h.window, h.pattern, h.repeat) for h in heard),
        Told(looker.view, sensitivity_db, camera), listener.named_by, {},
        tuple(dict.fromkeys([
            *hot_spots.warnings(file, looker), *(told for h in heard for told in h.warnings),
        ])),
    )  # fmt: skip
    return found if out is None else _write_inspection(found, gathered.images, photo, camera, out)


def _write_inspection(
    found: Inspected,
    images: "Sequence[BandImage]",
    photo: "Picture | None",
    camera: "Camera | None",
    out: Path,
) -> Inspected:
    """Write the table, the painted photograph and the page."""
    from sonoscope.report import inspection_page as page
    from sonoscope.report.image_page import whole_image
    from sonoscope.report.overlay import Overlay, png_of
    from sonoscope.signal.references import shipped

    file, looker, painted = found.file, found.looker, None
    whole, settings = whole_image(images), looker.settings()
    files = {"report": out / "report.html", "places": out / "places.csv"}
    if photo is not None and camera is not None:
        marks = page.marks_of(found.places)
        painted = Overlay(camera, looker.view).painted(photo, whole.drawn(looker.view), marks)
        files["overlay"] = out / "overlay.png"
        write_bytes(files["overlay"], png_of(painted))
    report = page.InspectionReport(
        title=_title(file),
        duration_s=file.duration_s,
        places=found.places,
        told=found.told,
        image=whole,
        overlay=painted,
        known=shipped(),
        by="likeness" if found.named_by == "references" else "confidence",
        facts={
            "Recording": f"{file.rate_hz / 1e3:g} kHz, {file.n_channels} channels",
            "Array": settings["Array"].partition(",")[0],
            "Kinds named by": found.named_by,
        },
        conditions={
            **settings,
            "Listening": "a beam at each place, undelayed and at its level, quiet to the others",
            "Speed of sound": f"{SPEED_OF_SOUND_M_S:g} m/s, as in air of 20 °C",
        },
        warnings=found.warnings,
    )
    write_text(files["places"], page.places_csv(found.told, found.places))
    page.write_inspection(files["report"], report)
    beams = {f"place_{n}": out / f"place_{n}.wav" for n in range(1, len(found.places) + 1)}
    return replace(found, files={**files, **beams})


@contextmanager
def _sound_of(path: Path) -> Iterator[AudioFile]:
    """Give a recording, or the sound of a video for as long as it is needed."""
    from sonoscope.core.video import SUFFIXES, probe_video, write_sound

    if path.suffix.lower() not in SUFFIXES:
        yield probe(path)
        return
    with TemporaryDirectory(prefix="sonoscope") as folder:
        sound = Path(folder) / f"{path.stem}.wav"
        write_sound(probe_video(path), sound)
        yield probe(sound)


def _told_or_guessed(file: AudioFile, told: Format) -> tuple[ChannelFormat, MicArray | None]:
    """Settle what the channels are, refusing a file that does not have them."""
    if isinstance(told, MicArray):
        check_format(file, "array", told.n_capsules)
        return "array", told
    if told == "array":
        raise SettingError("an array must be given by its geometry, but only its name was given")
    if told != "auto":
        check_format(file, told)
        return told, None
    start = next(read_blocks(file, _GUESS_RATE_HZ, _GUESS_S * _GUESS_RATE_HZ))
    try:
        return guess_format(start, _GUESS_RATE_HZ), None
    except InputError as error:
        raise InputError(f"{file.path}: {error}") from error


def open_detector(model: str) -> Detector:
    """Open a shipped model by name, or a model file; the last two opened are kept.

    Raises
    ------
    CheckpointError
        If there is none, or it cannot be used.
    """
    return _detector(resolve(model))


def open_classifier(model: str | None = None) -> Classifier:
    """Open a model that names sound by a shipped one's name or as a file; the last two are kept.

    Raises
    ------
    CheckpointError
        If there is none, or it cannot be used.
    """
    if model is None and SOUNDS_MODEL not in [path.stem for path in shipped()]:
        raise CheckpointError(
            "no model that names clips came with this installation: give one by --model "
            "(`sonoscope train` learns one from a recipe of clips, and `sonoscope export` "
            "makes its file)"
        )
    return _classifier(resolve(model or SOUNDS_MODEL))


@lru_cache(maxsize=2)
def _classifier(path: Path) -> Classifier:
    classifier = Classifier.load(path)
    classifier.window_and_rate()  # a model that needs more than sound is refused before any file
    return classifier


@lru_cache(maxsize=2)
def _detector(path: Path) -> Detector:
    return Detector.load(path)


@lru_cache(maxsize=2)
def _encoder(array: MicArray, rate_hz: int) -> Encoder:
    return array_encoder(array, rate_hz)


def made_folder(out: Path) -> Path:
    """Make a folder to write into where there is none.

    Raises
    ------
    SettingError
        If it cannot be one.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"--out must be a folder to write to, but {out}: {error.strerror}"
        ) from error
    return out


def _sound(
    file: AudioFile, kind: ChannelFormat, array: MicArray | None, detector: Detector
) -> Iterator[Block]:
    """Read by blocks what the model takes: its rate, its channels."""
    card = detector.card
    if card.channel_format == "tetra" and kind != "tetra":
        raise SettingError(
            f"{file.path}: a recording for the model {card.name} must be of the tetrahedron, "
            f"but {kind} was given"
        )
    blocks = read_blocks(file, card.rate_hz, detector.batch * detector.stride * card.hop)
    if kind == card.channel_format or kind in ("mono", "stereo"):
        return blocks
    if kind in ("tetra", "array"):
        return _encoder(array or TETRAHEDRON, card.rate_hz).stream(blocks)
    return (to_foa(block, kind) for block in blocks)


def _listen(detector: Detector, sound: Iterator[Block]) -> tuple[Heard, Spectrogram]:
    """Hear and picture the same blocks; the next one is read while the network works."""
    columns = SpectrogramColumns(detector.card.rate_hz)
    first = 1 if detector.card.channel_format == "foa" else None  # W alone

    return detector.listen(_ahead(_seen(sound, columns, first))), columns.finish()


def _seen(
    blocks: Iterable[Block], columns: SpectrogramColumns, first: int | None = None
) -> Iterator[Block]:
    """Picture blocks, or their first channels alone, on their way."""
    for block in blocks:
        columns.feed(block[:first])
        yield block


def _ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """Fetch the next block in a thread while this one is in use."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = reader.submit(next, blocks, None)
            yield block


def _counted(
    blocks: Iterable[Block],
    file: AudioFile,
    rate_hz: int,
    progress: Callable[[float], None] | None,
) -> Iterator[Block]:
    n_samples = 0
    for block in blocks:
        yield block
        n_samples += block.shape[1]
        if progress:
            progress(min(1.0, n_samples / rate_hz / file.duration_s))


def _within(duration_s: float, event: Event) -> Event:
    """Cut what the last frame's length adds."""
    return replace(event, offset_s=max(event.onset_s, min(event.offset_s, duration_s)))


def _scores(
    true: Sequence[Event] | None, events: Sequence[Event], file: AudioFile
) -> dict[str, float] | None:
    if true is None:
        return None
    from sonoscope.metrics.dcase2019 import count  # its solver takes long to load

    scores = count(true, events, "strict", duration_s=file.duration_s).scores()
    named = {"ER": scores.er, "F": scores.f, "DE": scores.de_deg, "FR": scores.fr}
    return {name: value for name, value in named.items() if np.isfinite(value)}


def _warnings(file: AudioFile, rate_hz: int) -> tuple[str, ...]:
    warnings = [] if file.warning is None else [file.warning]
    if file.rate_hz < rate_hz:
        warnings.append(
            f"the recording ends at {file.rate_hz / 2000:g} kHz and the model listens up to "
            f"{rate_hz / 2000:g} kHz: it may miss or confuse sounds"
        )
    return tuple(warnings)


def _report(
    analysis: Analysis, true: Sequence[Event] | None, heard: Heard, picture: Spectrogram
) -> Report:
    file, card, decoding = analysis.file, analysis.card, analysis.card.decoding
    limits = sorted(set(decoding.thresholds))
    settings = {
        "Recording": f"{file.n_channels} channels, {file.rate_hz} Hz, {file.duration_s:.3f} s",
        "Heard at": f"{card.rate_hz} Hz, in frames of {1000 * card.grid.step_s:g} ms",
        "Threshold": f"{limits[0]:g}" + (f" to {limits[-1]:g}" if len(limits) > 1 else ""),
        "Shortest event": f"{decoding.min_duration_s:g} s",
        "Longest pause within an event": f"{decoding.max_gap_s:g} s",
        "Directions smoothed over": f"{decoding.smoothing_s:g} s",
    }
    if card.calibration is not None:
        n_events = card.calibration.events
        settings["Scores and regions"] = f"calibrated on {n_events} events of validation scenes"
    if heard.samples is not None:
        settings["Passes"] = f"{heard.samples.n_passes}, each with other units left out"
    return Report(
        title=_title(file),
        duration_s=file.duration_s,
        channel_format=analysis.channel_format,
        model=_model_card(card, _makers(card)),
        events=analysis.events,
        truth=true,
        settings=settings,
        scores=analysis.scores,
        spectrogram=picture,
        activity=heard.activity,
        warnings=analysis.warnings,
    )


def _named_report(found: Classification, picture: Spectrogram) -> Report:
    file, card, named = found.file, found.card, found.named
    one = "the only channel" if file.n_channels == 1 else f"the mean of {file.n_channels} channels"
    settings = {
        "Recording": f"{file.n_channels} channels, {file.rate_hz} Hz, {file.duration_s:.3f} s",
        "Heard at": f"{card.rate_hz} Hz, {one}",
        "Windows": f"{len(named.start_s)} of {named.window_s:g} s, every {named.window_s / 2:g} s",
        "Threshold": f"{card.threshold:g}, below which a window is {UNKNOWN}",
        "Temperature": f"{card.temperature:g}",
    }
    return Report(
        title=_title(file),
        duration_s=file.duration_s,
        channel_format="1 channel" if file.n_channels == 1 else f"{file.n_channels} channels",
        model=_model_card(card, _makers(card)),
        events=found.events,
        settings=settings,
        spectrogram=picture,
        activity=named.over_time(file.duration_s),
        warnings=found.warnings,
        places=False,
        lead=named.in_words(found.events, file.duration_s),
    )


def _title(file: AudioFile) -> str:
    return str(file.path.name).encode("utf-8", "replace").decode()


def _makers(card: Card | ClipCard) -> str:
    makers = len(card.attribution.splitlines())
    return f"{makers} recordings, listed by: sonoscope models {card.name}" if makers else ""


def _model_card(card: "Card | ClipCard | DischargeCard", attribution: str) -> ModelCard:
    facts = {"Learnt from": card.trained_on}
    if attribution:
        facts["Attribution"] = attribution
    for name, figures in card.metrics.items():
        facts[f"Scores on {name}"] = ", ".join(f"{key} {figures[key]:g}" for key in figures)
    return ModelCard(card.name, card.version, card.labels, card.licence, facts)
