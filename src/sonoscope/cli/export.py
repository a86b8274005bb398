"""The verb `export`: a trained detector as one file that listens without torch."""

import importlib.util
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sonoscope.core.errors import SettingError


class HeardAs(StrEnum):
    """Channel formats a detector can be exported for."""

    FOA = "foa"
    TETRA = "tetra"


def export(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="A checkpoint of a training: checkpoint-*.safetensors or best.safetensors."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(help="The model file to write, ending in .onnx.")],
    heard_as: Annotated[
        HeardAs | None,
        typer.Option("--format", help="For which channels, if the network has several formats."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="SONOSCOPE_DATA",
            help="Data as in training: thresholds are tuned and scores and regions calibrated on "
            "the recipe's validation scenes or recordings.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the model is called.")] = None,
) -> None:
    """Write a checkpoint's network as one ONNX file: raw sound in, with its card."""
    missing = [
        each for each in ("torch", "onnx", "onnxscript") if not importlib.util.find_spec(each)
    ]
    if missing:
        raise SettingError(
            "sonoscope export needs the training extra: pip install 'sonoscope[train]'"
        )
    from sonoscope.core.recipe import json_table
    from sonoscope.targets.card import card_text
    from sonoscope.training.checkpoint import read
    from sonoscope.training.clips.export import export_clips
    from sonoscope.training.export import export as run

    kind = json_table(read(checkpoint)[0].recipe).get("kind")
    if kind == "discharges":
        from sonoscope.training.discharges.export import export_discharges

        if heard_as is not None or data is not None:
            raise SettingError(
                "--format and --data must be left out for a network that names discharges"
            )
        print(card_text(export_discharges(checkpoint, out, name=name)))
        print(out)
        return
    if kind == "clips":
        if heard_as is not None:
            raise SettingError("--format must be left out for a network that names clips")
        print(card_text(export_clips(checkpoint, out, name=name, data=data)))
        print(out)
        return
    card = run(checkpoint, out, heard_as.value if heard_as else None, name=name, data=data)
    print(card_text(card))
    print(out)
