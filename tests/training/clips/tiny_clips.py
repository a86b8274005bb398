"""A training on clips small enough to be killed and repeated: tones of three heights, as files.

As a script: `python tiny_clips.py DATA OUT CHECKPOINT_EVERY PAUSE_S [resume]`.
"""

import sys
import time
from pathlib import Path

import numpy as np

from sonoscope.core.audio import Recording, write
from sonoscope.datasets.clip_folds import ClipSplit
from sonoscope.datasets.esc50 import ESC10_LABELS
from sonoscope.models.clip.build import EfficientNetNetwork
from sonoscope.models.clip.efficientnet import EfficientNetSettings
from sonoscope.models.clip.log_mel import LogMelSettings
from sonoscope.models.masking import MaskingSettings
from sonoscope.training.clips.assembly import gather_clips, train_clips
from sonoscope.training.clips.loop import ClipProgress
from sonoscope.training.clips.mixing import MixingSettings
from sonoscope.training.clips.recipe import ClipData, ClipRecipe, ClipValidation
from sonoscope.training.clips.tables import ClipScale, ClipTable, ClipTableRow
from sonoscope.training.clips.waveform import WaveformSettings
from sonoscope.training.loop import Machine
from sonoscope.training.schedule import ScheduleSettings

RATE_HZ = 8_000
TONES_HZ = {"high": 2_500.0, "low": 400.0, "middle": 1_000.0}
NETWORK = EfficientNetNetwork(
    maps=LogMelSettings(rate_hz=RATE_HZ, window_s=0.032, hop_s=0.016, n_bands=16),
    body=EfficientNetSettings(width=0.1, depth=0.1),
)
RECIPE = ClipRecipe(
    name="tiny",
    data=ClipData("folder", split=ClipSplit("grouped")),
    network=NETWORK,
    window_s=0.5,
    epochs=10,
    batch_size=8,
    waveform=WaveformSettings(
        gain_db=6, polarity=True, turn=True, speed=1.05, colour_db=3, noise_db=30, nothing_share=0.1
    ),
    masking=MaskingSettings(time_masks=1, longest_frames=3, band_masks=1, widest_bands=2),
    mixing=MixingSettings(between_class=0.2, time=0.1, frequency=0.1),
    validation=ClipValidation(every_epochs=2),
    learning_rate=5e-3,
    schedule=ScheduleSettings("plateau", patience=0, factor=0.5),
    ema_decay=0.8,
    precision="bfloat16",
)
ONE = Machine("cpu", workers=0, threads=1, checkpoint_every=10)

TABLE = ClipTable(
    "ega-table2",
    "Three networks",
    (
        ClipTableRow("one", {"kind": "efficientnet", "body": {"width": 0.1, "depth": 0.1}}, f1=0.4),
        ClipTableRow("two", {"kind": "resnet18", "body": {"width": 4}}, f1=0.6),
        ClipTableRow("wild", {"kind": "resnet18", "body": {"width": 4}}, recipe="paper"),
    ),
    references=("one",),
)
"""Two networks, and one that cannot be trained."""

_QUICK = {
    "epochs": 1,
    "batch_size": 8,
    "optimizer": "adamw",
    "schedule": {"kind": "constant"},
    "masking": {"frames": 0.1, "bands": 0.1},
    "data": {"split": {"validation_share": 0.0}},
    "validation": {"keep": "last"},
}
SCALE = ClipScale(
    "tiny",
    folds=(1, 2),
    seeds=1,
    window_s=0.5,
    maps={"rate_hz": RATE_HZ, "window_s": 0.032, "hop_s": 0.016, "n_bands": 16},
    recipes={"better": _QUICK, "paper": {**_QUICK, "learning_rate": 1e30}},
    plain="better",
    says="Scale tiny.",
    is_small=False,
)


def write_esc10(data: Path, n_clips: int = 1) -> Path:
    """Write clips of half a second in the layout of ESC-50: so many a label of ESC-10 and fold."""
    rng, folder = np.random.default_rng(0), data / "esc50"
    (folder / "audio").mkdir(parents=True)
    rows, licences = ["filename,fold,target,category,esc10,src_file,take"], []
    for i in range(5 * len(ESC10_LABELS) * n_clips):
        fold, label = 1 + i % 5, i // 5 % len(ESC10_LABELS)
        name = f"{fold}-{i}-A"
        rows.append(f"{name}-{label}.wav,{fold},{label},{ESC10_LABELS[label]},True,{i},A")
        licences.append(f"- [{name}.ogg]: clip derived from x (http://x.org/{i}/) by x [CC0]")
        sound = rng.normal(0, 0.1, (1, RATE_HZ // 2)).astype(np.float32)
        write(folder / "audio" / f"{name}-{label}.wav", Recording(sound, RATE_HZ))
    (folder / "esc50.csv").write_text("\n".join(rows) + "\n")
    (folder / "LICENSE").write_text("\n".join(licences) + "\n")
    return data


def write_tones(data: Path, n_clips: int = 20) -> Path:
    """Write a folder a tone below `data/clips`: decaying tones in a little noise."""
    rng = np.random.default_rng(0)
    time_s = np.arange(RATE_HZ // 2) / RATE_HZ
    for label, tone_hz in TONES_HZ.items():
        folder = data / "clips" / label
        folder.mkdir(parents=True)
        for i in range(n_clips):
            tone = np.sin(2 * np.pi * tone_hz * rng.uniform(0.95, 1.05) * time_s)
            sound = 0.3 * tone * np.exp(-rng.uniform(0, 8) * time_s)
            sound += rng.normal(0, 0.01, len(sound))
            write(folder / f"{i:02d}.wav", Recording(sound[None].astype(np.float32), RATE_HZ))
    return data


def main() -> None:
    data, out, every, pause_s, *rest = sys.argv[1:]

    def tell(progress: ClipProgress) -> None:
        time.sleep(float(pause_s))
        sys.stdout.write(f"{progress.step}\n")
        sys.stdout.flush()

    machine = Machine("cpu", workers=0, threads=1, checkpoint_every=int(every))
    material = gather_clips(RECIPE, Path(data))
    train_clips(material, Path(out), resume="resume" in rest, machine=machine, on_progress=tell)


if __name__ == "__main__":
    main()
