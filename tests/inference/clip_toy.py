"""A model that names clips by the sign of their mean, to test with."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from sonoscope.targets.card import CARD_KEY, card_text
from sonoscope.targets.clip_card import ClipCard

RATE_HZ, WINDOW = 8_000, 800
CARD = ClipCard(
    "toy",
    "1",
    ("negative", "positive"),
    rate_hz=RATE_HZ,
    window=WINDOW,
    temperature=0.1,
    threshold=0.8,
)


def toy(path: Path, card: ClipCard = CARD, n_labels: int = 2) -> Path:
    """Write a graph whose logits are minus and plus the sum of the sound's samples / 8."""
    weight = np.tile(np.linspace(-1, 1, n_labels), (WINDOW, 1)).astype(np.float32) / 8
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["sound", "weight"], ["logits"])],
        "toy",
        [helper.make_tensor_value_info("sound", TensorProto.FLOAT, ["batch", WINDOW])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", n_labels])],
        [onnx.numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {CARD_KEY: card_text(card)})
    path.write_bytes(model.SerializeToString())
    return path
