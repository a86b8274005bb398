"""Times for reading, and where the marks of a time axis stand."""

import math

_STEPS_S = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0,
    60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0, 43200.0, 86400.0,
)  # fmt: skip
_SECONDS_ONLY_S = 120.0


def tick_step_s(span_s: float, most: int = 12) -> float:
    """Give the smallest pleasant step that makes no more than so many ticks.

    Examples
    --------
    >>> tick_step_s(10.0), tick_step_s(7200.0)
    (1.0, 600.0)
    """
    for step in _STEPS_S:
        if span_s / step <= most:
            return step
    return _STEPS_S[-1] * math.ceil(span_s / _STEPS_S[-1] / most)


def clock(seconds: float, whole_s: float, decimals: int = 0) -> str:
    """Write a time of a recording that lasts `whole_s`: plain seconds, m:ss or h:mm:ss.

    Examples
    --------
    >>> clock(7.5, 10.0, 1), clock(75.0, 600.0), clock(3675.25, 7200.0, 2)
    ('7.5', '1:15', '1:01:15.25')
    """
    if whole_s <= _SECONDS_ONLY_S:
        return f"{seconds:.{decimals}f}"
    ticks = round(seconds * 10**decimals)  # whole units first: 59.999 s must not read 0:60
    rest, fraction = divmod(ticks, 10**decimals)
    minutes, second = divmod(rest, 60)
    tail = f".{fraction:0{decimals}d}" if decimals else ""
    if whole_s < 3600:
        return f"{minutes}:{second:02d}{tail}"
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}{tail}"


def duration(seconds: float) -> str:
    """Write how long something lasts, with its unit.

    Examples
    --------
    >>> duration(10.0), duration(7200.0)
    ('10.00 s', '2:00:00 h')
    """
    if seconds <= _SECONDS_ONLY_S:
        return f"{seconds:.2f} s"
    return f"{clock(seconds, seconds)} {'min' if seconds < 3600 else 'h'}"
