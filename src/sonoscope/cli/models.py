"""The verb `models`: which detectors came with the installation, and what their cards say."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sonoscope.targets.card import Card


def models(
    name: Annotated[
        str | None, typer.Argument(help="Show the card of this shipped model or model file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the shipped models, or show the card of one."""
    from sonoscope.inference.model_file import load, resolve, shipped
    from sonoscope.targets.card import card_text

    paths = shipped() if name is None else [resolve(name)]
    cards = [load(path).card for path in paths]
    if as_json:
        tables = [json.loads(card_text(card)) for card in cards]
        print(json.dumps(tables if name is None else tables[0], indent=1))
    elif name is None:
        _list(cards)
    else:
        _show(cards[0])


def _list(cards: "list[Card]") -> None:
    from rich.console import Console
    from rich.table import Table

    if not cards:
        print("no models came with this installation")
        return
    table = Table("name", "version", "listens to", "labels", "licence")
    for card in cards:
        labels = ", ".join(card.labels)
        table.add_row(card.name, card.version, card.channel_format, labels, card.licence)
    Console().print(table)


def _show(card: "Card") -> None:
    seconds = card.window / card.rate_hz
    thresholds = zip(card.labels, card.decoding.thresholds, strict=True)
    facts = {
        "name": f"{card.name} {card.version}",
        "listens to": f"{card.channel_format}, {card.rate_hz} Hz, windows of {seconds:g} s",
        "answers": f"{card.target}, every {1000 * card.grid.step_s:g} ms",
        "labels": ", ".join(f"{label} (from {least:g})" for label, least in thresholds),
        "trained on": card.trained_on,
        "data hash": card.data_hash,
        "seed": "" if card.seed is None else str(card.seed),
        "licence": card.licence,
    }
    for name, figures in card.metrics.items():
        facts[f"on {name}"] = ", ".join(f"{key} {value:g}" for key, value in figures.items())
    for key, value in facts.items():
        if value:
            print(f"{key + ':':<25}{value}")
    if card.recipe:
        print(f"recipe:\n{card.recipe.rstrip()}")
    if card.attribution:
        print(f"attribution:\n{card.attribution.rstrip()}")
