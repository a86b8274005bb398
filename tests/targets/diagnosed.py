"""Windows that say what is wanted."""

from sonoscope.signal.severity import Severity
from sonoscope.targets.diagnosis import Clock, State, Window

SEVERITY = Severity(
    level_db=-30.0,
    peak_db=-28.0,
    over_noise_db=20.0,
    background_db=-50.0,
    rms_db=-45.0,
    cycle_peak_db=-32.0,
    audible_db=-42.0,
    quadratic_db=-20.0,
    pulses_hz=100.0,
    pulses_a_cycle=2.0,
    active_cycles=0.8,
    phase_spread_deg=14.0,
    phase_width_deg=65.0,
    stronger_half=0.9,
    once=0.6,
    twice=0.3,
)


def window(label: str, number: int = 0) -> Window:
    """Give window `number` of 2 s that says a kind with 0.9, or a state."""
    states: dict[str, State] = {each: each for each in ("unknown", "unphased", "nothing")}
    state = states.get(label)
    clock: Clock = "none" if state in ("unphased", "nothing") else "mains"
    return Window(
        start_s=2.0 * number,
        end_s=2.0 * (number + 1),
        band=(20_000.0, 40_000.0),
        clock=clock,
        clock_hz=None if clock == "none" else 50.0,
        kinds=() if state else (label,),
        state=state or "nothing",
        confidence={} if state else {label: 0.9},
        severity=SEVERITY,
    )
