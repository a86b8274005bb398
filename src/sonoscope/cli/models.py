"""The verb `models`: which models came with the installation, and what their cards say."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sonoscope.targets.card import Card
    from sonoscope.targets.clip_card import ClipCard
    from sonoscope.targets.discharge_card import DischargeCard

    AnyCard = Card | ClipCard | DischargeCard


def models(
    name: Annotated[
        str | None, typer.Argument(help="Show the card of this shipped model or model file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the shipped models, or show the card of one."""
    from sonoscope.inference.classifier import card_of
    from sonoscope.inference.model_file import resolve, shipped
    from sonoscope.targets.card import card_text

    paths = shipped() if name is None else [resolve(name)]
    cards = [card_of(path) for path in paths]
    if as_json:
        tables = [json.loads(card_text(card)) for card in cards]
        print(json.dumps(tables if name is None else tables[0], indent=1))
    elif name is None:
        _list(cards)
    else:
        _show(cards[0])


def _list(cards: "list[AnyCard]") -> None:
    from rich.console import Console
    from rich.table import Table

    if not cards:
        print("no models came with this installation")
        return
    table = Table("name", "version", "listens to", "labels", "licence")
    for card in cards:
        labels = ", ".join(card.labels)
        table.add_row(card.name, card.version, _hears(card), labels, card.licence)
    Console().print(table)


def _hears(card: "AnyCard") -> str:
    """Say in a word or two what a model listens to."""
    from sonoscope.targets.card import Card
    from sonoscope.targets.discharge_card import DischargeCard

    if isinstance(card, Card):
        return card.channel_format
    if isinstance(card, DischargeCard):
        return "discharges, by pattern"
    return (
        "clips, by sound" if card.hears == ("sound",) else f"clips, by {' and '.join(card.hears)}"
    )


def _listening(card: "AnyCard") -> dict[str, str]:
    """Say how a model listens and answers."""
    from sonoscope.targets.card import Card
    from sonoscope.targets.discharge_card import DischargeCard

    if isinstance(card, DischargeCard):
        from_each = zip(card.labels, card.thresholds, strict=True)
        return {
            "listens to": f"{_hears(card)}: maps of {' and '.join(card.maps)}",
            "answers": f"each kind by itself, unknown from {card.unknown_from:g} of any",
            "labels": ", ".join(f"{label} (from {least:g})" for label, least in from_each),
        }
    if isinstance(card, Card):
        seconds = card.window / card.rate_hz
        thresholds = zip(card.labels, card.decoding.thresholds, strict=True)
        return {
            "listens to": f"{card.channel_format}, {card.rate_hz} Hz, windows of {seconds:g} s",
            "answers": f"{card.target}, every {1000 * card.grid.step_s:g} ms",
            "labels": ", ".join(f"{label} (from {least:g})" for label, least in thresholds),
        }
    parts = []
    if card.window is not None:
        parts.append(f"{card.rate_hz} Hz, windows of {card.window_s:g} s")
    if card.pattern is not None:
        parts.append(f"patterns of {card.pattern[0]} phases and {card.pattern[1]} amplitudes")
    return {
        "listens to": f"{_hears(card)}: {'; '.join(parts)}",
        "answers": f"one name a window, unknown below {card.threshold:g}",
        "labels": ", ".join(card.labels),
    }


def _show(card: "AnyCard") -> None:
    facts = {
        "name": f"{card.name} {card.version}",
        **_listening(card),
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
