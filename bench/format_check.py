"""What `check-format` says of scenes written in every scale, order and defect, and of recordings.

Simulated scenes of 10 s (modelled sounds, up to three at once, still sources) at 0 to 30 dB SNR, a
fifth of them without a room, the others with T60 0.15 to 1.3 s; Ambisonics ideal, or encoded from
the em32 or the tetrahedron. "Right" is the whole answer: kind, scale, channel of W, name for
--format, channels at fault. Confidence is that of the answers given. Then order and signs by a
source of known direction: one sound in each scene, 15 to 30 dB, one of the 48 or 24 exchanges.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from bench.tables import markdown
from sonoscope.core import audio
from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.audio import ChannelFormat, Recording
from sonoscope.pipeline import inspect_format
from sonoscope.signal.format_check import FormatVerdict
from sonoscope.signal.symmetry import array_symmetries, foa_matrix, signed_permutations
from sonoscope.simulation.render import render
from sonoscope.simulation.scene_settings import SceneSettings
from sonoscope.simulation.schedule import Supplies
from sonoscope.simulation.sources import ModelledBank
from sonoscope.simulation.stream import SceneStream, listener_for

RATE_HZ, SEED = 16_000, 20260901
Samples = Float[ndarray, "4 sample"]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """One scene as Ambisonics and as capsules, and three sounds that have nothing to do with it."""

    foa: Samples
    tetra: Samples
    strangers: Float[ndarray, "3 sample"]


def _gains(*gains: float) -> Float[ndarray, "4 1"]:
    return np.array(gains, np.float32)[:, None]


_R2, _R3 = 2**0.5, 3**0.5
_CARDIOIDS = 0.5 * np.concatenate([np.ones((4, 1)), TETRAHEDRON.directions[:, [1, 2, 0]]], axis=1)

CASES: dict[str, tuple[Callable[[Heard], ndarray], str]] = {
    "ACN, SN3D": (lambda s: s.foa, "foa"),
    "ACN, N3D": (lambda s: s.foa * _gains(1, _R3, _R3, _R3), "n3d"),
    "FuMa": (lambda s: s.foa[[0, 3, 1, 2]] * _gains(1 / _R2, 1, 1, 1), "fuma"),
    "SN3D in FuMa order": (lambda s: s.foa[[0, 3, 1, 2]], "W1 sn3d Z4"),
    "FuMa scale in ACN order": (lambda s: s.foa * _gains(1 / _R2, 1, 1, 1), "W1 fuma Z3"),
    "W last": (lambda s: s.foa[[1, 2, 3, 0]], "W4 sn3d"),
    "W and Y exchanged": (lambda s: s.foa[[1, 0, 2, 3]], "W2 sn3d"),
    "Y inverted (a mirror: no difference)": (lambda s: s.foa * _gains(1, -1, 1, 1), "foa"),
    "tetrahedron": (lambda s: s.tetra, "tetra"),
    "tetrahedron, capsule 3 inverted": (lambda s: s.tetra * _gains(1, 1, -1, 1), "tetra 3"),
    "tetrahedron, 2 and 4 exchanged (no difference)": (lambda s: s.tetra[[0, 3, 2, 1]], "tetra"),
    "cardioids (A-format)": (lambda s: _CARDIOIDS @ s.foa, "a_format"),
    "cardioids, capsule 4 inverted": (
        lambda s: (_CARDIOIDS @ s.foa) * _gains(1, 1, 1, -1),
        "a_format 4",
    ),
    "four sounds": (lambda s: np.concatenate([s.foa[:1], s.strangers]), "unrelated"),
    "mono four times": (lambda s: s.foa[[0, 0, 0, 0]], "copies 1 2 3 4"),
    "stereo twice": (lambda s: s.tetra[[0, 1, 0, 1]], "copies 1 2 3 4"),
    "Y dead": (lambda s: s.foa * _gains(1, 0, 1, 1), "dead 2"),
    "X another sound": (
        lambda s: np.concatenate([s.foa[:3], _R3 / 3 * s.strangers[:1]]),
        "unclear 4",
    ),
    "Y 6 dB too loud": (lambda s: s.foa * _gains(1, 2, 1, 1), "uneven 2"),
    "Z 4 dB too soft": (lambda s: s.foa * _gains(1, 1, 0.63, 1), "uneven 3"),
}


def answer(verdict: FormatVerdict) -> str:
    """Put a verdict into a word or two; channels count from 1."""
    if verdict.kind != "foa":
        return " ".join([verdict.kind, *(str(channel + 1) for channel in verdict.channels)])
    if verdict.channels:
        return " ".join(["foa, but", *(str(channel + 1) for channel in verdict.channels)])
    if verdict.channel_format is not None:
        return verdict.channel_format
    scale = max(verdict.scales, key=lambda each: verdict.scales[each])
    return f"W{verdict.omni + 1} {scale} Z{verdict.vertical + 1}"


def table(work: Path, data: Path, *, scenes: int = 60, duration_s: float = 10.0) -> str:
    """Print all four tables."""
    work.mkdir(parents=True, exist_ok=True)
    heard = list(simulated(scenes, duration_s))
    parts = [
        _confusion(work, heard, duration_s),
        "By length (SN3D, N3D, FuMa and tetrahedron together):",
        _by_length(work, heard, duration_s),
        "Order and signs by a source of known direction:",
        _by_source(work, scenes, duration_s),
    ]
    folder = data / "foa-recordings"
    if folder.is_dir():
        parts += ["Recordings:", _recordings(work, folder)]
    return "\n\n".join(parts)


def stream(**changes: Any) -> SceneStream:
    """Give the scenes that are listened to."""
    ranges = SceneSettings(rate_hz=RATE_HZ)
    ranges = replace(
        ranges,
        t60_s=(0.15, 1.3),
        mono_share=0.0,
        empty_share=0.0,
        anechoic_share=0.2,
        foa_encoders=("ideal", "em32", "tetra"),
    )
    bank = ModelledBank(RATE_HZ)
    return SceneStream(replace(ranges, **changes), Supplies(bank, tuple(bank.labels)), SEED)


def simulated(scenes: int, duration_s: float) -> Iterator[Heard]:
    """Make scenes."""
    made, bank = stream(), ModelledBank(RATE_HZ)
    generator = np.random.default_rng(SEED)
    for number in range(scenes):
        foa, tetra = (scene.recording.samples for scene in made.scenes(number, duration_s))
        level = float(np.sqrt((foa[0] ** 2).mean()))
        strangers = [level * _stranger(bank, foa.shape[1], generator) for _ in range(3)]
        yield Heard(foa, tetra, np.stack(strangers))


def _stranger(
    bank: ModelledBank, n_samples: int, generator: np.random.Generator
) -> Float[ndarray, " sample"]:
    """Give sounds one after the other, 30 dB above a noise of their own, at an rms of one."""
    line, end = 0.03 * generator.standard_normal(n_samples), 0
    while end < n_samples:
        label = bank.labels[int(generator.integers(len(bank.labels)))]
        sound, _ = bank.draw(label, generator, 4.0)
        part = sound[: n_samples - end]
        line[end : end + len(part)] += part / np.sqrt((part**2).mean() + 1e-20)
        end += len(sound) + RATE_HZ // 4
    return np.asarray(line / np.sqrt((line**2).mean()), np.float32)


def _told(work: Path, samples: ndarray, source: ndarray | None = None) -> FormatVerdict:
    path = work / "case.wav"
    loudest = max(float(np.abs(samples).max()), 1e-9)
    quiet = samples * min(1.0, 0.99 / loudest)
    audio.write(path, Recording(quiet.astype(np.float32), RATE_HZ), "pcm16")
    return inspect_format(path, source).verdict


def _confusion(work: Path, heard: list[Heard], duration_s: float) -> str:
    del duration_s
    rows = []
    for name, (written, right) in CASES.items():
        verdicts = [_told(work, written(scene)) for scene in heard]
        answers = [answer(verdict) for verdict in verdicts]
        is_right = [each == right or each.startswith(f"{right} ") for each in answers]
        others = Counter(a for a, good in zip(answers, is_right, strict=True) if not good)
        told = ", ".join(f"{each} {count}" for each, count in others.most_common(4))
        rows.append(
            [
                name,
                right,
                f"{sum(is_right)} of {len(answers)}",
                _mean([v.confidence for v, good in zip(verdicts, is_right, strict=True) if good]),
                _mean(
                    [v.confidence for v, good in zip(verdicts, is_right, strict=True) if not good]
                ),
                told,
            ]
        )
        print(rows[-1], flush=True)
    head = ["written as", "right", "said", "confidence, right", "wrong", "otherwise said"]
    return markdown(head, rows)


def _mean(shares: list[float]) -> str:
    return f"{np.mean(shares):.2f}" if shares else ""


def _by_length(work: Path, heard: list[Heard], duration_s: float) -> str:
    rows = []
    for length_s in (1.0, 2.0, 5.0, duration_s):
        right, unclear, sure_and_wrong = [], [], []
        n_samples = round(length_s * RATE_HZ)
        for name in ("ACN, SN3D", "ACN, N3D", "FuMa", "tetrahedron"):
            written, wanted = CASES[name]
            for scene in heard:
                verdict = _told(work, written(scene)[:, -n_samples:])
                right.append(answer(verdict) == wanted)
                unclear.append(verdict.kind == "unclear")
                sure_and_wrong.append(verdict.confidence > 0.9 and not (right[-1] or unclear[-1]))
        told = [f"{np.mean(each):.3f}" for each in (right, unclear, sure_and_wrong)]
        rows.append([f"{length_s:g}", *told])
    return markdown(["seconds", "right", "said to be unclear", "wrong with over 90 %"], rows)


def _by_source(work: Path, scenes: int, duration_s: float) -> str:
    made, generator = stream(max_overlap=(1,), snr_db=(15.0, 30.0)), np.random.default_rng(SEED)
    turns = list(signed_permutations())
    orders = [each.order for each in array_symmetries(TETRAHEDRON, 0.02)]
    rows = []
    heard_as: ChannelFormat
    for heard_as in ("foa", "tetra"):
        found = Counter[str]()
        for number in range(scenes):
            script = made.script(number, duration_s)
            if not script.emissions:
                continue
            script = replace(script, emissions=script.emissions[:1])
            listener = listener_for(heard_as, RATE_HZ, script.foa_encoder)
            (scene,) = render(script, [listener])
            if not scene.events:
                continue
            samples = scene.recording.samples
            event = scene.events[0]
            source = event.direction_at(np.array(event.onset_s))
            if heard_as == "foa":
                turn = foa_matrix(turns[int(generator.integers(48))])
                written = turn @ samples
                right = tuple(_channel_name(row) for row in turn)
            else:
                order = orders[int(generator.integers(24))]
                written = samples[list(order)]
                right = tuple(str(q + 1) for q in order)
            verdict = _told(work, written, source)
            placement = verdict.placement
            if placement is None:
                found["unclear" if verdict.kind == "unclear" else "kind wrong"] += 1
            elif placement.channels == right:
                found["right"] += 1
            elif placement.elsewhere > 0.5:
                found["doubted"] += 1
            elif placement.open_count > 1:
                found["wrong, said to be open"] += 1
            else:
                found["wrong"] += 1
        rows.append([heard_as, sum(found.values()), *(found[key] for key in _OUTCOMES)])
    return markdown(["format", "scenes", *_OUTCOMES], rows)


_OUTCOMES = ("right", "doubted", "wrong, said to be open", "wrong", "unclear", "kind wrong")


def _channel_name(row: Float[ndarray, "4"]) -> str:
    """Name the axis that a channel must be for the mixed scene to be the one before."""
    place = int(np.abs(row).argmax())
    return ("-" if row[place] < 0 else "") + "WYZX"[place]


def _recordings(work: Path, folder: Path) -> str:
    rows = []
    for path in sorted(folder.glob("*.ogg")) + sorted(folder.glob("*.wav")):
        if "09-16ch" in path.name:
            continue
        sound = audio.read(path)
        first = work / "first.wav"
        audio.write(first, Recording(sound.samples[:4], sound.rate_hz))
        verdict = inspect_format(first).verdict
        rivals = [f"{kind} {share:.2f}" for kind, share in verdict.scales.items() if share > 0.01]
        rows.append(
            [
                path.name,
                answer(verdict),
                f"{verdict.confidence:.2f}",
                f"{verdict.ratio_db:+.1f} ± {verdict.ratio_error_db:.1f}",
                f"{verdict.phase:.2f}",
                ", ".join(rivals),
            ]
        )
    head = [
        "recording (first four channels)",
        "said",
        "confidence",
        "ratio dB",
        "in phase",
        "scales",
    ]
    return markdown(head, rows)
