"""The only writer of the small models in toys/: run it as a script, with `onnx` installed.

`foa` hears three pure tones and points exactly at them by their intensity, smoothed over seven
frames; `foa_long` is the same with a window four times as long, `tetra` the same on a tetrahedron
much smaller than the wavelength. `whole` answers from everything in its window and from the place
of the frame in it, so its answers tell which windows were heard; `kept` does the same and can be
told what to keep of it. The rest are refused.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent / "toys"
LABELS, TONES_HZ = ("hum", "beep", "whistle"), (500.0, 1000.0, 2000.0)
RATE_HZ, HOP, WINDOW_FRAMES = 8_000, 160, 100
CAPSULES = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])  # x, y, z


def card(name: str, frames: int = WINDOW_FRAMES, **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "name": name,
        "version": "1",
        "labels": LABELS,
        "rate_hz": RATE_HZ,
        "channel_format": "foa",
        "window": frames * HOP,
        "hop": HOP,
        "decoding": {"thresholds": [0.5, 0.5, 0.5], "smoothing_s": 0.5},
        "recipe": "tones = [500, 1000, 2000]",
        "trained_on": "nothing: its filters are written down",
        "metrics": {"tones": {"F": 1.0, "DE": 0.0}},
        "licence": "MIT",
    }
    return plain | changes


def constant(name: str, value: Any, kind: type = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, kind), name)


def tone_filters() -> np.ndarray[Any, Any]:
    time = (np.arange(2 * HOP) - HOP + 0.5) / RATE_HZ
    window = np.hanning(2 * HOP) / np.hanning(2 * HOP).sum() * 2
    waves = [
        window * wave(2 * np.pi * tone * time) for tone in TONES_HZ for wave in (np.cos, np.sin)
    ]
    return np.array(waves)[:, None]


def tone_graph(frames: int, mix: np.ndarray[Any, Any]) -> onnx.GraphProto:
    """Filter, multiply W with each channel, smooth, divide by the energy."""
    n = len(LABELS)
    constants = [
        constant("mix", mix[:, :, None]),
        constant("filters", tone_filters()),
        constant("box", np.full((1, 1, 7), 1 / 7)),
        constant("one_channel", [-1, 1, frames * HOP], np.int64),
        constant("pairs", [-1, 4, n, 2, frames], np.int64),
        constant("lines", [-1, 1, frames], np.int64),
        constant("fields", [-1, 4, n, frames], np.int64),
        constant("axis", [3], np.int64),
        constant("w_at", 0, np.int64),
        constant("xyz_at", [3, 1, 2], np.int64),
        constant("floor", 1e-9),
        constant("steep", 3.0),
        constant("quiet", 7.8),  # - 2 ln 0.02: a tone of amplitude 0.02 is as likely as not
    ]
    nodes = [
        helper.make_node("Conv", ["sound", "mix"], ["acn"]),
        helper.make_node("Reshape", ["acn", "one_channel"], ["mono"]),
        helper.make_node(
            "Conv", ["mono", "filters"], ["filtered"], strides=[HOP], pads=[HOP // 2, HOP // 2]
        ),
        helper.make_node("Reshape", ["filtered", "pairs"], ["tones"]),
        helper.make_node("Gather", ["tones", "w_at"], ["w_flat"], axis=1),
        helper.make_node("Unsqueeze", ["w_flat", "one_axis"], ["w"]),
        helper.make_node("Mul", ["tones", "w"], ["product"]),
        helper.make_node("ReduceSum", ["product", "axis"], ["rough"], keepdims=0),
        helper.make_node("Reshape", ["rough", "lines"], ["rough_lines"]),
        helper.make_node("Conv", ["rough_lines", "box"], ["smooth_lines"], pads=[3, 3]),
        helper.make_node("Reshape", ["smooth_lines", "fields"], ["smooth"]),
        helper.make_node("Transpose", ["smooth"], ["field"], perm=[0, 3, 2, 1]),
        helper.make_node("Gather", ["field", "w_at"], ["energy_flat"], axis=3),
        helper.make_node("Abs", ["energy_flat"], ["energy"]),
        helper.make_node("Add", ["energy", "floor"], ["energy_up"]),
        helper.make_node("Gather", ["field", "xyz_at"], ["flow"], axis=3),
        helper.make_node("Unsqueeze", ["energy_up", "last_axis"], ["energy_3"]),
        helper.make_node("Div", ["flow", "energy_3"], ["direction"]),
        helper.make_node("Log", ["energy_up"], ["loudness"]),
        helper.make_node("Add", ["loudness", "quiet"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["activity"]),
    ]
    constants += [constant("one_axis", [1], np.int64), constant("last_axis", [3], np.int64)]
    return graph(nodes, constants, frames)


def whole_graph(frames: int, short: int = 0) -> onnx.GraphProto:
    """Answer the mean level of the window times a ramp over its frames.

    Where it is to be some frames short, it cuts them off in a way that no reader can foresee.
    """
    ramp = np.linspace(0.1, 1.0, frames)[None, :, None] * np.array([1.0, 0.7, 0.4])
    constants = [
        constant("ramp", ramp),
        constant("ramp_3", np.stack([ramp, -ramp, ramp**2], axis=-1)),
        constant("axes", [1, 2], np.int64),
        constant("more", [3], np.int64),
        constant("nothing", [0.0]),
        constant("count", [frames - short]),
        constant("zero", [0], np.int64),
        constant("one", [1], np.int64),
        constant("all", [0, 1, 2], np.int64),
    ]
    nodes = [
        helper.make_node("Abs", ["sound"], ["size"]),
        helper.make_node("ReduceMean", ["size", "axes"], ["level"], keepdims=1),
        helper.make_node("Mul", ["level", "ramp"], ["full"]),
        helper.make_node("ReduceMean", ["size", "all"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["naught"]),
        helper.make_node("Add", ["naught", "count"], ["end_float"]),
        helper.make_node("Cast", ["end_float"], ["end"], to=TensorProto.INT64),
        helper.make_node("Slice", ["full", "zero", "end", "one"], ["activity"]),
        helper.make_node("Unsqueeze", ["level", "more"], ["level_3"]),
        helper.make_node("Mul", ["level_3", "ramp_3"], ["direction"]),
    ]
    return graph(nodes, constants, frames, told="frame" if short else 0)


def kept_graph(frames: int) -> onnx.GraphProto:
    """Multiply the whole's answers by an input that is one unless it is given."""
    made = whole_graph(frames)
    for node in made.node:
        for i, name in enumerate(node.output):
            if name in ("activity", "direction"):
                node.output[i] = f"all_{name}"
    made.node.extend(
        [
            helper.make_node("Mul", ["all_activity", "kept_0"], ["activity"]),
            helper.make_node("Unsqueeze", ["kept_0", "more"], ["kept_3"]),
            helper.make_node("Mul", ["all_direction", "kept_3"], ["direction"]),
        ]
    )
    made.input.append(
        helper.make_tensor_value_info("kept_0", TensorProto.FLOAT, ["pass", "step", "unit"])
    )
    made.initializer.append(constant("kept_0", np.ones((1, 1, 1))))
    return made


def graph(
    nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto], frames: int, told: int | str = 0
) -> onnx.GraphProto:
    kind, n = TensorProto.FLOAT, len(LABELS)
    told = told or frames
    return helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("sound", kind, ["batch", 4, frames * HOP])],
        [
            helper.make_tensor_value_info("activity", kind, ["batch", told, n]),
            helper.make_tensor_value_info("direction", kind, ["batch", told, n, 3]),
        ],
        constants,
    )


def save(name: str, made: onnx.GraphProto, told: str | None) -> None:
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if told is not None:
        helper.set_model_props(model, {"sonoscope.card": told})
    onnx.checker.check_model(model)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def small_tetrahedron() -> np.ndarray[Any, Any]:
    """Give W, Y, Z, X of capsules that hear 1 + u.c: the mean, and 3/4 of the differences."""
    y_z_x = CAPSULES[:, [1, 2, 0]].T / np.sqrt(3)
    return np.concatenate([np.full((1, 4), 0.25), 0.75 * y_z_x])


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    tones = tone_graph(WINDOW_FRAMES, np.eye(4))
    save("foa", tones, json.dumps(card("foa")))
    save(
        "foa_long",
        tone_graph(4 * WINDOW_FRAMES, np.eye(4)),
        json.dumps(card("foa_long", 4 * WINDOW_FRAMES)),
    )
    tetra = tone_graph(WINDOW_FRAMES, small_tetrahedron())
    save("tetra", tetra, json.dumps(card("tetra", channel_format="tetra")))
    save("whole", whole_graph(WINDOW_FRAMES), json.dumps(card("whole")))
    dropout = [{"name": "kept_0", "rate": 0.25, "shape": [WINDOW_FRAMES, len(LABELS)]}]
    save("kept", kept_graph(WINDOW_FRAMES), json.dumps(card("kept", dropout=dropout)))
    save("liar", whole_graph(WINDOW_FRAMES, short=1), json.dumps(card("liar")))
    save("no_card", tones, None)
    save("torn_card", tones, '{"name": "foa", ')
    save("strange_card", tones, json.dumps(card("foa", mood="good")))
    save("uneven_card", tones, json.dumps(card("foa", hop=161)))
    save("other_window", tones, json.dumps(card("foa", 50)))


if __name__ == "__main__":
    main()
