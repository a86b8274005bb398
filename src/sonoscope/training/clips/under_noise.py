"""The fault paper's table 3: the networks of its tables 1 and 2, heard again under noise.

Nothing is trained. Each training that is done hears the clips it was tested on under noises that
are simulated and stand in no training, as it did and denoised (`metrics.noise_test`); what it said
is kept, so that nothing is heard twice:

```
OUT/noise/ega-esc10-fold1-seed0-3f9c2b71aa-5b1e6f0c2d/result.json    training.table_work
```

The folder's name ends in a fingerprint of noises and ratios. The paper added "ambient machine
noise, wind, drone noise" to its test set at 20, 10 and 0 dB; how, it does not say.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from numpy import ndarray
from pydantic import TypeAdapter

from sonoscope.core.durable import write_text
from sonoscope.core.errors import InputError
from sonoscope.metrics.estimates import Place
from sonoscope.metrics.noise_test import (
    Condition,
    LabelledClip,
    Listener,
    NoiseTest,
    NoiseTestSettings,
    heard_in_noise,
)
from sonoscope.models.clip.build import ClipNetwork
from sonoscope.simulation.modelled_noise import ModelledNoise
from sonoscope.simulation.noises import power
from sonoscope.training import checkpoint
from sonoscope.training.clips.assembly import (
    gather_clips,
    load_clip_network,
    rate_of_clips,
    set_of,
    window_of,
)
from sonoscope.training.clips.ega_tables import BASELINE, EGA, TABLE1, TABLE2
from sonoscope.training.clips.recipe import ClipRecipe
from sonoscope.training.clips.reproduce import ClipPlan, ClipTraining, shown_clips
from sonoscope.training.clips.tables import ClipTable
from sonoscope.training.recipe import fingerprint
from sonoscope.training.reproduce import Workplace
from sonoscope.training.table_work import RESULT, KeptInFolder, Now, attempt, carry_out_each

_ABLATED = (BASELINE, *TABLE2.some(("+SE",)), EGA, *TABLE2.some(("+SE +IGAM",)))
TABLE3 = ClipTable(
    "ega-table3",
    "EGA, its parts and its rivals under noise never trained on",
    (*_ABLATED, *(row for row in TABLE1.rows if row not in _ABLATED)),
    references=("baseline",),
)
PUBLISHED: Mapping[str, Mapping[float, float]] = {
    "baseline": {math.inf: 0.49, 20.0: 0.43, 10.0: 0.34, 0.0: 0.21},
    "EGA": {math.inf: 0.66, 20.0: 0.61, 10.0: 0.55, 0.0: 0.42},
    "+SE +IGAM": {math.inf: 0.65, 20.0: 0.63, 10.0: 0.58, 0.0: 0.46},
}
"""The paper's macro-F1 by ratio, on its private recordings; its EGA is "baseline + IGAM"."""

NOISES = (ModelledNoise("rotor"), ModelledNoise("wind"), ModelledNoise("machine"))
SETTINGS = NoiseTestSettings(snr_db=(20.0, 10.0, 0.0))


@dataclass(frozen=True, slots=True)
class NoiseWork(KeptInFolder):
    """A training that is done, to be heard under noise, and where what it says is kept."""

    training: ClipTraining
    fold: int
    seed: int
    folder: Path


@dataclass(frozen=True, slots=True)
class NoisePlan:
    """What a table under noise can be made of.

    Attributes
    ----------
    clips
        The trainings that are asked for, done or not.
    settings
        Ratios and denoiser.
    """

    clips: ClipPlan
    settings: NoiseTestSettings = SETTINGS

    @property
    def name(self) -> str:
        """Name the table's files, without suffix."""
        return self.clips.name

    @property
    def out(self) -> Path:
        """Give the folder of table and trainings."""
        return self.clips.out

    @property
    def trainings(self) -> tuple[NoiseWork, ...]:
        """List what is to be heard: the trainings asked for that are done."""
        return tuple(self.work(each) for each in self.clips.trainings if each.is_done)

    def work(self, training: ClipTraining) -> NoiseWork:
        """Tell where what a training says under noise is kept."""
        told = TypeAdapter(NoiseTestSettings).dump_json(self.settings).decode()
        mark = fingerprint(told, *(f"{noise.name} {noise.seed}" for noise in NOISES))[:10]
        folder = self.out / "noise" / f"{training.folder.name}-{mark}"
        return NoiseWork(training, training.fold, training.seed, folder)

    def heard(self) -> dict[str, dict[Place, NoiseTest]]:
        """Read what the trainings of each row said, of this plan or of earlier ones.

        Raises
        ------
        InputError
            If a result cannot be read.
        """
        found = dict[str, dict[Place, NoiseTest]]()
        for row in shown_clips(self.clips):
            works = [self.work(each) for each in row.trainings]
            found[row.row.name] = {
                (work.fold, work.seed): read_test(work.folder / RESULT)
                for work in works
                if work.is_done
            }
        return found

    def missing(self) -> dict[str, list[str]]:
        """Name each row's trainings that are not heard, and why."""
        found = dict[str, list[str]]()
        for row in shown_clips(self.clips):
            found[row.row.name] = [
                f"fold {each.fold} seed {each.seed}{_why(self.work(each), each)}"
                for each in row.trainings
                if not self.work(each).is_done
            ]
        return found


def _why(work: NoiseWork, training: ClipTraining) -> str:
    if not training.is_done:
        return " (not trained: ega-table1 and ega-table2 train it)"
    return work.why_not


def carry_out_noise(plan: NoisePlan, where: Workplace, jobs: int) -> Iterator[NoiseWork]:
    """Hear what was not heard yet, and give each as it ends, done or failed.

    Raises
    ------
    SettingError
        If a process is killed.
    """
    do = partial(attempt, do=_Hear(where, plan.settings))
    yield from carry_out_each(plan.trainings, do, jobs)


@dataclass(frozen=True, slots=True)
class _Hear:
    """Hears a training's test clips under noise."""

    where: Workplace
    settings: NoiseTestSettings

    def __call__(self, work: NoiseWork) -> None:
        now, training = Now(work), work.training
        network, recipe = load_clip_network(weights_of(training))
        if self.where.machine.device != "cpu" and torch.cuda.is_available():
            network.to("cuda")
        test = heard_in_noise(
            listener_of(network, recipe),
            _told(heard_clips(recipe, self.where.data), now),
            {noise.name: noise.piece for noise in NOISES},
            self.settings,
        )
        write_text(work.folder / RESULT, as_text(test))


def _told(clips: list[LabelledClip], now: Now) -> Iterator[LabelledClip]:
    for heard, clip in enumerate(clips):
        now.tell("testing", heard, len(clips))
        yield clip


def weights_of(training: ClipTraining) -> Path:
    """Give the checkpoint that a training's test heard.

    Raises
    ------
    InputError
        If there is none any more.
    """
    best = training.folder / checkpoint.BEST
    if training.recipe.validation.keep == "best" and best.is_file():
        return best
    last = checkpoint.position(training.folder)
    if last is None:
        raise InputError(f"{training.folder} must hold a checkpoint to be heard, but holds none")
    return training.folder / last.file


def listener_of(network: ClipNetwork, recipe: ClipRecipe) -> Listener:
    """Let a network listen as in its test, but for turns."""
    device = next(network.parameters()).device

    @torch.no_grad()
    def logits(sound: Float[ndarray, "batch sample"]) -> Float32[ndarray, "batch label"]:
        said = network(torch.from_numpy(sound).to(device))
        return np.asarray(said.float().cpu().numpy())

    crops = recipe.listening.crops
    return Listener(
        rate_of_clips(recipe), window_of(recipe), recipe.data.labels, logits, crops=crops
    )


def heard_clips(recipe: ClipRecipe, data: Path) -> list[LabelledClip]:
    """Read the clips that a recipe is tested on, as its test held them."""
    clips = gather_clips(recipe, data).split.test
    listened = set_of(recipe, clips)
    assert listened is not None  # a split always has clips to test on
    held, sounds = listened.held, []
    for i, clip in enumerate(clips):
        samples = held.cut(np.array([i]), np.zeros(1, np.int64), int(held.length[i]))[0].numpy()
        name = f"{clip.label}/{clip.fold}/{clip.path.name}"
        sounds.append(LabelledClip(samples, int(held.label[i]), clip.group, name, power(samples)))
    return sounds


def as_text(test: NoiseTest) -> str:
    """Write what was said as JSON; the ratio of clean clips is null."""
    told = {
        "n_labels": test.n_labels,
        "label": test.label.tolist(),
        "groups": test.groups,
        "conditions": [
            {
                "noise": each.noise,
                "snr_db": None if math.isinf(each.snr_db) else each.snr_db,
                "is_denoised": each.is_denoised,
                "said": test.said[each].tolist(),
                "unsure": test.unsure[each].astype(int).tolist(),
            }
            for each in test.said
        ],
    }
    return json.dumps(told) + "\n"


def read_test(path: Path) -> NoiseTest:
    """Read what was said.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        rows = {
            Condition(
                each["noise"],
                math.inf if each["snr_db"] is None else each["snr_db"],
                each["is_denoised"],
            ): (np.array(each["said"], np.int64), np.array(each["unsure"], np.bool_))
            for each in told["conditions"]
        }
        return NoiseTest(
            told["n_labels"],
            np.array(told["label"], np.int64),
            tuple(told["groups"]),
            {each: said for each, (said, _) in rows.items()},
            {each: unsure for each, (_, unsure) in rows.items()},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: does not tell what was said under noise: {error}") from error
