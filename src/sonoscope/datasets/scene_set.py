"""Scenes on disk, with truth and a manifest from which any of them is made again bit for bit.

    OUT/foa/scene_0000.wav      and  OUT/tetra/scene_0000.wav, as the recipe's formats say
    OUT/truth/scene_0000.csv    the events (label, onset, offset, azimuth, elevation)
    OUT/dcase2019/scene_0000.csv  the same as DCASE 2019 wrote them
    OUT/manifest.json           recipe, seed, and for each scene its room, SNRs and attributions

A run that was broken off goes on with the scenes that are missing.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from sonoscope.core import audio, event_table
from sonoscope.core.durable import write_text
from sonoscope.core.errors import SettingError
from sonoscope.core.recipe import STRICT
from sonoscope.datasets.choice import ClipChoice, bank, find_clips
from sonoscope.simulation.schedule import SceneSettings, Script
from sonoscope.simulation.stream import SceneStream

MANIFEST = "manifest.json"
SNR_DEFINITION = "active: event power on the omnidirectional channel over mean ambience power"


@dataclass(config=STRICT)
class SceneSetRecipe:
    """A set of scenes, but for how many and the seed.

    Attributes
    ----------
    name
        What the set is called.
    labels, extra_labels
        What is in the truth, and what sounds beside it in `scene.extra_share` of the events.
    duration_s
        Length of each scene.
    formats
        Channel formats to write; the same scene in each.
    file_type
        `wav` (16 bit) or `flac`.
    data, scene
        Dry sounds, and the ranges scenes are drawn from.
    """

    name: str
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    extra_labels: tuple[str, ...] = ()
    duration_s: Annotated[float, Field(gt=0.5, le=3_600)] = 30.0
    formats: Annotated[tuple[Literal["foa", "tetra"], ...], Field(min_length=1)] = ("foa", "tetra")
    file_type: Literal["wav", "flac"] = "wav"
    data: ClipChoice = ClipChoice()
    scene: SceneSettings = SceneSettings()


def scene_stream(recipe: SceneSetRecipe, data: Path | None, seed: int) -> SceneStream:
    """Give the recipe's scenes by number, in memory."""
    labels = (*recipe.labels, *recipe.extra_labels)
    clips = find_clips(recipe.data, data, labels)
    sounds = bank(recipe.data, clips, recipe.scene.rate_hz)
    return SceneStream(
        recipe.scene, sounds, recipe.labels, seed, recipe.formats, recipe.extra_labels
    )


def write_scenes(
    recipe: SceneSetRecipe,
    out: Path,
    *,
    count: int,
    seed: int,
    data: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Write scenes 0 to count-1 and give the path of the manifest.

    Parameters
    ----------
    progress
        Told how many scenes are done.

    Raises
    ------
    SettingError
        If `out` holds scenes of another recipe or seed.
    """
    told = {
        "recipe": json.loads(TypeAdapter(SceneSetRecipe).dump_json(recipe)),
        "seed": seed,
        "snr_definition": SNR_DEFINITION,
    }
    _check_same(out, told)
    stream = scene_stream(recipe, data, seed)
    for folder in (*recipe.formats, "truth", "dcase2019"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    write_text(out / MANIFEST, json.dumps(told | {"scenes": []}, indent=1))
    described = []
    for number in range(count):
        name = f"scene_{number:04d}"
        described.append({"name": name} | _describe(stream.script(number, recipe.duration_s)))
        _write_scene(recipe, stream, out, number, name)
        if progress:
            progress(number + 1)
    write_text(out / MANIFEST, json.dumps(told | {"scenes": described}, indent=1))
    return out / MANIFEST


def _check_same(out: Path, told: dict[str, Any]) -> None:
    path = out / MANIFEST
    if not path.exists():
        return
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        same = all(before[key] == told[key] for key in ("recipe", "seed"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{path}: must be a manifest of scenes, but: {error}") from error
    if not same:
        raise SettingError(f"{out}: holds scenes of another recipe or seed; choose another --out")


def _write_scene(
    recipe: SceneSetRecipe, stream: SceneStream, out: Path, number: int, name: str
) -> None:
    """Write what is missing; the truth goes last, so that it stands for a scene that is whole."""
    truth = out / "truth" / f"{name}.csv"
    if truth.exists():
        return
    for channel_format in recipe.formats:
        scene = stream.scene(number, channel_format, recipe.duration_s)
        path = out / channel_format / f"{name}.{recipe.file_type}"
        audio.write(path, scene.recording, "pcm16")
    events = [event for event in scene.events if event.label in recipe.labels]
    if all(event.path for event in events):
        event_table.write_dcase_events(out / "dcase2019" / f"{name}.csv", events)
    event_table.write_events(truth, events)


def _describe(script: Script) -> dict[str, Any]:
    room = script.place.room
    return {
        "room_m": None if room is None else [round(side, 3) for side in room.size_m],
        "t60_s": None if room is None else round(room.t60_s, 3),
        "mono": script.is_mono,
        "sources": [
            {
                "label": emission.label,
                "onset_s": round(emission.onset_s, 3),
                "snr_db": round(emission.snr_db, 2),
                "clip": emission.attribution,
            }
            for emission in script.emissions
        ],
    }
