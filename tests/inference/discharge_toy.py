"""A model that names discharges by which half cycle has pulses, to test with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from sonoscope.signal.pattern_input import HALF, LEVELS
from sonoscope.targets.card import CARD_KEY, card_text
from sonoscope.targets.discharge_card import DischargeCard

CARD = DischargeCard(
    "toy",
    "1",
    labels=("first", "second", "steady"),
    maps=("pulses",),
    figures=("mains_lock",),
    scales=(1.0, 1.0, 1.0),
    offsets=(-5.0, -5.0, -9.0),
    thresholds=(0.5, 0.5, 0.5),
)


def toy(path: Path, card: DischargeCard = CARD) -> Path:
    """Write a graph whose logits are the sums of both half cycles' maps, then the figures."""
    n_figures = len(card.labels) - 2
    sums = helper.make_node("ReduceSum", ["maps", "axes"], ["sums"], keepdims=0)
    both = helper.make_node("Concat", ["sums", "figures"], ["logits"], axis=1)
    graph = helper.make_graph(
        [sums, both],
        "toy",
        [
            helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 2, HALF, LEVELS]),
            helper.make_tensor_value_info("figures", TensorProto.FLOAT, ["batch", n_figures]),
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2 + n_figures])],
        [onnx.numpy_helper.from_array(np.array([2, 3]), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {CARD_KEY: card_text(card)})
    path.write_bytes(model.SerializeToString())
    return path


def card_with(**changes: object) -> DischargeCard:
    """Give the card with other fields."""
    return replace(CARD, **changes)  # type: ignore[arg-type]
