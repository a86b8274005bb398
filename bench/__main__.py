"""Run measurements and print their tables: `python -m bench [NAME...] --data DATA`."""

import argparse
import os
from pathlib import Path

from bench import (
    ambience,
    array_check,
    calibration,
    clip_networks,
    clip_rivals,
    clip_tables,
    decoding,
    denoising,
    diagnosis,
    direct_sound,
    discharge_model,
    discharges,
    drone_inspection,
    false_alarms,
    format_check,
    heard_axes,
    held_out,
    hot_spots,
    imaging,
    measured_rooms,
    measured_sphere,
    motion,
    networks,
    prpd,
    recordings,
    replay,
    rivals,
    room_response,
    rooms,
    scene_truth,
    scoring,
    simulation,
    speed,
    tracks,
    training_speed,
    wavelets,
)

BENCHES = {
    "speed": speed,
    "simulation": simulation,
    "room_response": room_response,
    "rooms": rooms,
    "motion": motion,
    "ambience": ambience,
    "array_check": array_check,
    "scene_truth": scene_truth,
    "replay": replay,
    "measured_rooms": measured_rooms,
    "format_check": format_check,
    "false_alarms": false_alarms,
    "measured_sphere": measured_sphere,
    "direct_sound": direct_sound,
    "calibration": calibration,
    "networks": networks,
    "recordings": recordings,
    "rivals": rivals,
    "scoring": scoring,
    "training_speed": training_speed,
    "held_out": held_out,
    "decoding": decoding,
    "wavelets": wavelets,
    "denoising": denoising,
    "discharges": discharges,
    "drone_inspection": drone_inspection,
    "hot_spots": hot_spots,
    "prpd": prpd,
    "discharge_model": discharge_model,
    "diagnosis": diagnosis,
    "clip_networks": clip_networks,
    "clip_rivals": clip_rivals,
    "clip_tables": clip_tables,
    "imaging": imaging,
    "heard_axes": heard_axes,
    "tracks": tracks,
}


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], help="which; all by default")
    parser.add_argument("--data", type=Path, default=os.environ.get("SONOSCOPE_DATA", "data"))
    parser.add_argument("--work", type=Path, default=Path("runs/bench"))
    parser.add_argument(
        "--into-cards", action="store_true", help="note held-out scores in the shipped models"
    )
    options = parser.parse_args()
    for name in options.names or BENCHES:
        bench = BENCHES[name]
        print(f"\n## {name}\n\n{bench.__doc__}", flush=True)
        more = {"into_cards": True} if options.into_cards and bench is held_out else {}
        print("\n" + bench.table(options.work, Path(options.data), **more), flush=True)


if __name__ == "__main__":
    main()
