"""Sounds made from the physics of what makes them: knocks, steps, keys, alarms, sirens, motors.

Each function draws the parameters of one object (a door, a pair of shoes, a bell) and of one
happening (how often, how hard), and gives the pressure it radiates, up to a factor: the peak is
`PEAK`, the mean zero. All parameters are drawn before the first sample is computed, so that one
generator gives one object at every rate, and pitch and decay do not depend on the rate; modes
above the Nyquist frequency are left out, never folded.

A struck body is a sum of damped modes, driven by half-sine force pulses (Hertz contact) that are
written down in the frequency domain and so may be shorter than a sample. A loss factor η lets a
mode of frequency f die by 60 dB in 2.2 / (f η) seconds.

Voices and animals are not here: no simple model of them convinces.

References: L. Cremer, M. Heckl and B. A. T. Petersson, "Structure-Borne Sound", 3rd ed. 2005
(plates, loss factors, radiation); P. R. Cook, "Real Sound Synthesis for Interactive Applications",
2002 (particle models of steps and glass); Lord Rayleigh, "The Theory of Sound", § 233 (bells).
"""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Complex, Float
from numpy import ndarray

PEAK = 0.9
LEAD_S = 0.01  # before the first impact, so that the fade leaves it alone
FADE_S = 0.005
LOWEST_HZ = 40.0  # what small bodies radiate below is nothing
DOUBLET = 2  # a bell's modes come in pairs


def door_wood_knock(generator: np.random.Generator, rate_hz: int) -> Float[ndarray, " sample"]:
    """Knock on a wooden panel, 2 to 6 times.

    Modes of a simply supported orthotropic plate (stiff along the grain), struck at one spot by
    knuckles for 0.5 to 2 ms; η 0.03 to 0.08 with its frame; below the plate's critical frequency
    (about 20 / thickness, in m and Hz) it radiates the less, the lower (Cremer et al., ch. 3, 6).
    """
    size_m = generator.uniform([0.5, 0.35], [1.9, 0.8])
    thickness_m = generator.uniform(0.006, 0.04)
    spot = generator.uniform(0.15, 0.85, 2)
    loss = generator.uniform(0.03, 0.08)
    contact_s = generator.uniform(0.0005, 0.002)
    count = int(generator.integers(2, 7))
    gap_s = generator.uniform(0.12, 0.32) * generator.uniform(0.9, 1.1, count)
    strength = _jitter_db(generator, 2.5, count)
    freq_hz, shape = _plate(size_m, thickness_m, spot)
    critical_hz = 20 / thickness_m
    gain = shape * np.sqrt(np.minimum(1.0, freq_hz / critical_hz))
    onset_s = LEAD_S + np.cumsum(gap_s) - gap_s[0]
    decay_s = 2.2 / (freq_hz * loss)
    n_samples = round((onset_s[-1] + 0.35) * rate_hz)
    response = _response(freq_hz, decay_s, gain, rate_hz)
    return _finished(_struck(onset_s, strength, contact_s, response, n_samples, rate_hz), rate_hz)


def footsteps(generator: np.random.Generator, rate_hz: int) -> Float[ndarray, " sample"]:
    """Walk 4 to 9 steps at 95 to 130 a minute.

    A step is a heel strike (0.4 to 3 ms, by the sole's hardness), the toes some 100 ms later and
    softer, and the friction of the sole rolling between the two; floor and shoe answer with
    strongly damped resonances, weaker upwards (Cook, ch. 15). Left and right foot differ a little.
    """
    count = int(generator.integers(4, 10))
    period_s = 60 / generator.uniform(95, 130)
    onset_s = LEAD_S + period_s * (np.arange(count) + generator.normal(0, 0.02, count))
    onset_s += max(0.0, LEAD_S - float(onset_s[0]))
    heel_contact_s, toe_contact_s = generator.uniform([0.0004, 0.001], [0.003, 0.005])
    toe_after_s = generator.uniform(0.07, 0.13)
    freq_hz = np.exp(generator.uniform(np.log(80), np.log(5_000), 24))
    loss = generator.uniform(0.08, 0.3, 24)
    slope = generator.uniform(0.2, 1.0)
    foot = np.where(np.arange(count) % 2, 1.0, generator.uniform(0.7, 1.0))
    strength = foot * _jitter_db(generator, 2.0, count)
    toe = generator.uniform(0.25, 0.6)
    friction = np.exp(generator.uniform(np.log(0.02), np.log(0.3)))
    band_hz = generator.uniform([700, 2_500], [1_500, 6_000])
    noise_generator = _child(generator)
    gain = (200 / freq_hz) ** slope / np.sqrt(freq_hz)
    response = _response(freq_hz, 2.2 / (freq_hz * loss), gain, rate_hz)
    n_samples = round((onset_s[-1] + 0.4) * rate_hz)
    sound = _struck(onset_s, strength, heel_contact_s, response, n_samples, rate_hz)
    sound += _struck(
        onset_s + toe_after_s, toe * strength, toe_contact_s, response, n_samples, rate_hz
    )
    rolling = np.zeros(n_samples)
    time_s = np.arange(n_samples) / rate_hz
    for start_s, hard in zip(onset_s, strength, strict=True):
        part = np.clip((time_s - start_s) / (1.6 * toe_after_s), 0, 1)
        rolling += hard * np.sin(np.pi * part) ** 2
    scuff = _noise(noise_generator, n_samples, rate_hz, band_hz[0], band_hz[1]) * rolling
    return _finished(sound / np.abs(sound).max() + friction * scuff, rate_hz)


def keyboard_typing(generator: np.random.Generator, rate_hz: int) -> Float[ndarray, " sample"]:
    """Type 6 to 24 keys, each down and up again.

    Each stroke is a click where the key bottoms out and a weaker one where it returns 60 to
    130 ms later (pulses of 0.06 to 0.2 ms), ringing cap and case (2 to 7 kHz) and the plate
    and desk below (200 to 3000 Hz). Strokes follow each other after log-normal pauses about the
    typist's own, 0.12 to 0.25 s (52 words a minute, the mean in V. Dhakal et al., "Observations
    on typing from 136 million keystrokes", CHI 2018, are 0.23 s a key); one in six is the space
    bar, lower and louder.
    """
    count = int(generator.integers(6, 25))
    typist_s = generator.uniform(0.12, 0.25)
    gap_s = np.clip(np.exp(generator.normal(np.log(typist_s), 0.35, count)), 0.06, 0.5)
    down_s = LEAD_S + np.cumsum(gap_s) - gap_s[0]
    up_s = down_s + generator.uniform(0.06, 0.13, count)
    contact_s = generator.uniform(6e-5, 2e-4)
    cap_hz = np.exp(generator.uniform(np.log(1_800), np.log(7_000), 10))
    plate_hz = np.exp(generator.uniform(np.log(200), np.log(3_000), 14))
    loss = np.concatenate([generator.uniform(0.04, 0.12, 10), generator.uniform(0.1, 0.3, 14)])
    desk = generator.uniform(0.2, 0.8)
    strength = _jitter_db(generator, 3.0, count)
    release = generator.uniform(0.25, 0.6)
    is_space = generator.random(count) < 1 / 6
    pitch = generator.normal(1.0, 0.03, count)
    cap_level = generator.uniform(0.4, 1.0, 10)
    freq_hz = np.concatenate([cap_hz, plate_hz])
    gain = np.concatenate([cap_level, np.full(14, desk)]) / np.sqrt(freq_hz)
    n_samples = round((up_s[-1] + 0.15) * rate_hz)
    sound = np.zeros(n_samples)
    for keys, lower, louder in ((~is_space, 1.0, 1.0), (is_space, 0.75, 1.5)):
        for which in np.array_split(np.flatnonzero(keys), 3):  # three rows of caps, each its pitch
            if not which.size:
                continue
            scale = lower * np.where(freq_hz > 1_500, pitch[which[0]], 1.0)
            response = _response(freq_hz * scale, 2.2 / (freq_hz * loss), gain, rate_hz)
            onset_s = np.concatenate([down_s[which], up_s[which]])
            hard = louder * np.concatenate([strength[which], release * strength[which]])
            sound += _struck(onset_s, hard, contact_s, response, n_samples, rate_hz)
    return _finished(sound, rate_hz)


def clock_alarm(generator: np.random.Generator, rate_hz: int) -> Float[ndarray, " sample"]:
    """Beep, as three alarm clocks of four do, or ring two bells with a hammer."""
    if generator.random() < 0.75:
        return _beeper(generator, rate_hz)
    return _twin_bell(generator, rate_hz)


def _beeper(generator: np.random.Generator, rate_hz: int) -> ndarray:
    """Drive a piezo disc by a pulse wave near its resonance, in groups of 1, 2 or mostly 4."""
    freq_hz = generator.uniform(1_900, 3_600)
    on_s = generator.uniform(0.05, 0.12)
    off_s = on_s * generator.uniform(0.7, 1.2)
    per_group = int(generator.choice([1, 2, 4, 4, 4]))
    pause_s = generator.uniform(0.25, 0.6)
    groups = int(generator.integers(2, 6))
    duty = generator.uniform(0.3, 0.5)
    resonance_q = generator.uniform(2.0, 10.0)
    period_s = per_group * (on_s + off_s) - off_s + pause_s
    n_samples = round((LEAD_S + groups * period_s - pause_s + 0.03) * rate_hz)
    time_s = np.arange(n_samples) / rate_hz - LEAD_S
    in_group_s = np.mod(time_s, period_s)
    in_beep_s = np.mod(in_group_s, on_s + off_s)
    in_groups = in_group_s < per_group * (on_s + off_s) - off_s
    sounding = (time_s >= 0) & (time_s < groups * period_s - pause_s) & in_groups
    envelope = np.where(
        sounding & (in_beep_s < on_s),
        np.minimum(1.0, np.minimum(in_beep_s, on_s - in_beep_s) / 0.003),
        0.0,
    )
    order = np.arange(1, 16)
    drive = np.sin(np.pi * order * duty) / order  # a pulse wave's partials
    disc = 1 / np.abs(1 - order**2 + 1j * order / resonance_q)
    phase = freq_hz * time_s
    return _finished(envelope * _partials(phase, drive * disc / disc[0], freq_hz, rate_hz), rate_hz)


def _twin_bell(generator: np.random.Generator, rate_hz: int) -> ndarray:
    """Strike two shallow bells in turn, 12 to 24 times a second.

    Partials follow Rayleigh's inextensional ring, n (n² - 1) / √(n² + 1) for n = 2, 3, 4, 5,
    each a doublet 0.1 to 0.6 % apart, since no bell is quite round.
    """
    first_hz = generator.uniform(800, 1_900) * np.array([1.0, generator.uniform(1.03, 1.25)])
    strikes_hz = generator.uniform(12, 24)
    duration_s = generator.uniform(1.5, 4.0)
    split = generator.uniform(0.001, 0.006, (2, 4))
    loss = generator.uniform(0.0008, 0.003)
    level = generator.uniform(0.3, 1.0, (2, 4, DOUBLET))
    contact_s = generator.uniform(1e-4, 3e-4)
    count = int(duration_s * strikes_hz)
    onset_s = LEAD_S + (np.arange(count) + generator.normal(0, 0.03, count)) / strikes_hz
    onset_s = np.maximum(onset_s, LEAD_S)
    strength = _jitter_db(generator, 1.0, count)
    order = np.arange(2, 6)
    ratio = order * (order**2 - 1) / np.sqrt(order**2 + 1)
    ratio /= ratio[0]
    n_samples = round((LEAD_S + duration_s + 0.6) * rate_hz)
    sound = np.zeros(n_samples)
    for bell in range(2):
        lower = first_hz[bell] * ratio
        freq_hz = np.concatenate([lower, lower * (1 + split[bell])])
        gain = level[bell].T.ravel() / freq_hz
        response = _response(freq_hz, 2.2 / (freq_hz * loss), gain, rate_hz)
        which = slice(bell, None, 2)
        sound += _struck(onset_s[which], strength[which], contact_s, response, n_samples, rate_hz)
    return _finished(sound, rate_hz)


def siren(generator: np.random.Generator, rate_hz: int) -> Float[ndarray, " sample"]:
    """Wail, yelp or alternate two tones, as an emergency vehicle does, for 3 to 5 s.

    Wail and yelp charge and discharge a capacitor that sets the pitch, between 500 to 700 Hz and
    1200 to 1700 Hz, in 3 to 6 s or three to five times a second; two tones a fourth apart change
    each 0.4 to 0.9 s (DIN 14610: 440 and 585 Hz). The driver clips, so that partial n falls as
    about 1 / n, and the horn passes what lies around 1 kHz.
    """
    kind = str(generator.choice(["wail", "yelp", "two tones"]))
    duration_s = generator.uniform(3.0, 5.0)
    low_hz, high_hz = generator.uniform([500, 1_200], [700, 1_700])
    wail_hz, yelp_hz = 1 / generator.uniform(3.0, 6.0), generator.uniform(3.0, 5.0)
    tone_hz, tone_s = generator.uniform(360, 600), generator.uniform(0.4, 0.9)
    interval = generator.uniform(1.26, 1.36)
    steepness = generator.uniform(1.0, 3.0)
    start = generator.random()
    slope = generator.uniform(0.8, 1.6)
    horn_hz, horn_q = generator.uniform(900, 1_800), generator.uniform(0.7, 2.0)
    n_samples = round(duration_s * rate_hz)
    time_s = np.arange(n_samples) / rate_hz
    if kind == "two tones":
        is_high = np.mod(time_s / (2 * tone_s) + start, 1.0) < 0.5
        pitch_hz = tone_hz * np.where(is_high, interval, 1.0)
    else:
        cycle = np.mod(time_s * (wail_hz if kind == "wail" else yelp_hz) + start, 1.0)
        rise = 1 - np.abs(2 * cycle - 1)
        bend = np.expm1(-steepness * rise) / np.expm1(-steepness)
        pitch_hz = low_hz * (high_hz / low_hz) ** bend
    phase = np.cumsum(pitch_hz) / rate_hz
    order = np.arange(1, 13)
    sound = np.zeros(n_samples)
    for n in order:
        partial_hz = n * pitch_hz
        if partial_hz.max() >= 0.48 * rate_hz:
            break
        relative = partial_hz / horn_hz
        horn = 1 / np.sqrt(1 + (horn_q * (relative - 1 / relative)) ** 2)
        sound += n**-slope * horn * np.sin(2 * np.pi * n * phase)
    return _finished(sound, rate_hz)


def vacuum_cleaner(generator: np.random.Generator, rate_hz: int) -> Float[ndarray, " sample"]:
    """Run a vacuum cleaner for 3 to 5 s.

    A universal motor turns 18 000 to 34 000 times a minute, a few per cent slower and faster as
    the nozzle's load changes: partials of its rotation, of the 5 to 9 blades of its fan, and of
    100 or 120 Hz magnetic hum. Above them all flow noise: turbulence at nozzle and fan, a hump
    between some 200 Hz and 3 kHz, and a hose that resonates.
    """
    duration_s = generator.uniform(3.0, 5.0)
    rotation_hz = generator.uniform(18_000, 34_000) / 60
    blades = int(generator.integers(5, 10))
    drift, drift_hz = generator.uniform(0.002, 0.03), generator.uniform(0.2, 1.2)
    drift_phase = generator.random()
    mains_hz = float(generator.choice([100.0, 120.0]))
    motor_db, blade_db, hum_db = generator.uniform([-26, -24, -32], [-12, -8, -16])
    motor_level, hum_level = generator.uniform(0.2, 1.0, 6), generator.uniform(0.2, 1.0, 5)
    low_hz, high_hz = generator.uniform([120, 1_500], [400, 4_500])
    hose_hz, hose_gain = generator.uniform(300, 1_500), generator.uniform(0.0, 1.5)
    noise_generator = _child(generator)
    n_samples = round(duration_s * rate_hz)
    time_s = np.arange(n_samples) / rate_hz
    wave = np.sin(2 * np.pi * (drift_hz * time_s + drift_phase))
    turns = np.cumsum(rotation_hz * (1 + drift * wave)) / rate_hz
    sound = _noise(noise_generator, n_samples, rate_hz, low_hz, high_hz)
    sound += hose_gain * _noise(noise_generator, n_samples, rate_hz, 0.8 * hose_hz, hose_hz)
    sound *= (1 - 3 * drift * wave) / np.std(sound)
    top_hz = rotation_hz * (1 + drift)
    for level_db, phase, level, partial_hz in (
        (motor_db, turns, motor_level, top_hz),
        (blade_db, blades * turns, np.array([1.0, 0.3]), blades * top_hz),
        (hum_db, mains_hz * time_s, hum_level, mains_hz),
    ):
        sound += 10 ** (level_db / 20) * _partials(phase, level, partial_hz, rate_hz)
    return _finished(sound, rate_hz)


def glass_breaking(generator: np.random.Generator, rate_hz: int) -> Float[ndarray, " sample"]:
    """Break a pane or a bottle, and let its shards rain down.

    A crack (broadband, 5 to 30 ms), the body's own modes, cut short as it falls apart, then 40 to
    160 shards that land at exponentially falling rate and ring at two or three high-Q modes, the
    smaller the higher (1.2 to 12 kHz) and softer; η of glass with its contacts 0.002 to 0.01 (Cook,
    ch. 14: particles).
    """
    crack_s, crack = generator.uniform(0.005, 0.03), generator.uniform(0.5, 2.0)
    body_hz = np.exp(generator.uniform(np.log(250), np.log(5_000), 24))
    body_loss = generator.uniform(0.01, 0.03)
    body_level = generator.uniform(0.2, 1.0, 24)
    count = int(generator.integers(40, 160))
    mean_s, last_s = generator.uniform(0.12, 0.4), 1.5
    chance = generator.random(count) * -np.expm1(-last_s / mean_s)
    land_s = LEAD_S + 0.01 - mean_s * np.log1p(-chance)
    size = generator.random(count)  # 0 smallest, 1 largest
    first_hz = 12_000 * (1 / 10) ** size * generator.uniform(0.9, 1.1, count)
    ratio = np.column_stack([np.ones(count), generator.uniform(1.2, 2.8, (count, 2))])
    loss = np.exp(generator.uniform(np.log(0.002), np.log(0.01), (count, 3)))
    level = generator.uniform(0.2, 1.0, (count, 3)) * _jitter_db(generator, 5.0, count)[:, None]
    level *= (0.1 + 0.6 * size[:, None]) * np.exp(-land_s / 0.4)[:, None]
    noise_generator = _child(generator)
    n_samples = round((land_s.max() + 0.3) * rate_hz)
    time_s = np.arange(n_samples) / rate_hz - LEAD_S
    burst = np.where(time_s >= 0, np.exp(-np.maximum(time_s, 0) * 6.9 / (3 * crack_s)), 0.0)
    sound = crack * burst * _noise(noise_generator, n_samples, rate_hz, 150.0, 8_000.0)
    body = _response(body_hz, 2.2 / (body_hz * body_loss), body_level / body_hz, rate_hz)
    sound += 1.5 * _placed(body / np.abs(body).max(), LEAD_S, n_samples, rate_hz)
    for shard in range(count):
        freq_hz = first_hz[shard] * ratio[shard]
        decay_s = 2.2 / (freq_hz * loss[shard])
        ringing = _response(freq_hz, decay_s, level[shard] / freq_hz, rate_hz)
        sound += _placed(ringing / (2 * np.pi), float(land_s[shard]), n_samples, rate_hz)
    return _finished(sound, rate_hz)


STIMULI: Mapping[str, Callable[[np.random.Generator, int], Float[ndarray, " sample"]]] = {
    "clock_alarm": clock_alarm,
    "door_wood_knock": door_wood_knock,
    "footsteps": footsteps,
    "glass_breaking": glass_breaking,
    "keyboard_typing": keyboard_typing,
    "siren": siren,
    "vacuum_cleaner": vacuum_cleaner,
}


def _plate(
    size_m: ndarray, thickness_m: float, spot: ndarray
) -> tuple[Float[ndarray, " mode"], Float[ndarray, " mode"]]:
    """Give an orthotropic wooden plate's modes below 6 kHz, and how far the spot drives each.

    f = π/2 √((A m⁴/a⁴ + 2 √(A B) m²n²/(a b)² + B n⁴/b⁴) / (ρ h)), with bending stiffness A along
    the grain (12 GPa) and B across (0.9 GPa), ρ 600 kg/m³; at most the 250 lowest.
    """
    along, across = np.meshgrid(np.arange(1, 40), np.arange(1, 40), indexing="ij")
    root = np.sqrt(np.array([12e9, 0.9e9]) * thickness_m**2 / 12 / 600)
    grain, cross = root[0] * (along / size_m[0]) ** 2, root[1] * (across / size_m[1]) ** 2
    freq_hz = (np.pi / 2 * (grain + cross)).ravel()
    drive = np.sin(np.pi * along * spot[0]) * np.sin(np.pi * across * spot[1])
    heard = np.flatnonzero((freq_hz > LOWEST_HZ) & (freq_hz < 6_000))
    heard = heard[np.argsort(freq_hz[heard])][:250]
    return freq_hz[heard], np.abs(drive.ravel()[heard]) / freq_hz[heard]


def _response(
    freq_hz: Float[ndarray, " mode"],
    decay_s: Float[ndarray, " mode"],
    gain: Float[ndarray, " mode"],
    rate_hz: int,
) -> Float[ndarray, " sample"]:
    """Give the pressure after an impulse, Σ gain ω exp(-6.9 t / decay) sin(ω t), to -60 dB."""
    heard = freq_hz < 0.48 * rate_hz
    longest_s = float(min(1.5, decay_s[heard].max(initial=0.001)))
    time_s = np.arange(max(1, round(longest_s * rate_hz))) / rate_hz
    response = np.zeros(len(time_s))
    for freq, decay, level in zip(freq_hz[heard], decay_s[heard], gain[heard], strict=True):
        until = min(len(time_s), max(1, round(decay * rate_hz)))
        pole = np.exp((2j * np.pi * freq - 6.91 / decay) * time_s[:until])
        response[:until] += level * 2 * np.pi * freq * pole.imag
    return response


def _struck(
    onset_s: Float[ndarray, " impact"],
    strength: Float[ndarray, " impact"],
    contact_s: float,
    response: Float[ndarray, " _"],
    n_samples: int,
    rate_hz: int,
) -> Float[ndarray, " sample"]:
    """Drive a body by half-sine pulses that begin next to the onsets, and let it ring."""
    length = len(response) + round(contact_s * rate_hz) + 16
    n_fft = 1 << (length + 64).bit_length()
    freq_hz = np.fft.rfftfreq(n_fft, 1 / rate_hz)
    force = _half_sine(freq_hz, contact_s) * np.exp(-1j * np.pi * freq_hz * contact_s)
    answer = np.fft.irfft(force * np.fft.rfft(response, n_fft), n_fft)[:length]
    sound = np.zeros(n_samples)
    for start_s, hard in zip(onset_s, strength, strict=True):
        sound += hard * _placed(answer, float(start_s), n_samples, rate_hz)
    return sound


def _half_sine(freq_hz: Float[ndarray, " bin"], contact_s: float) -> Complex[ndarray, " bin"]:
    """Give the spectrum of sin(π t / contact) about its middle."""
    cycles = freq_hz * contact_s
    return np.asarray((np.sinc(cycles - 0.5) + np.sinc(cycles + 0.5)) / 2, complex)


def _noise(
    generator: np.random.Generator, n_samples: int, rate_hz: int, low_hz: float, high_hz: float
) -> Float[ndarray, " sample"]:
    """Give noise between two edges of second order, the same at every rate as far as it reaches.

    It is drawn bin by bin from below, on a grid that depends on the length in seconds alone.
    """
    period_s = 1 << max(0, int(np.ceil(np.log2(n_samples / rate_hz))))
    n_fft = period_s * rate_hz
    pairs = generator.standard_normal((n_fft // 2 + 1, 2)) / np.sqrt(2)
    freq_hz = np.arange(len(pairs)) / period_s
    low = 1 - 1j * low_hz / np.maximum(freq_hz, 1 / period_s)
    shape = 1 / ((1 + 1j * freq_hz / high_hz) ** 2 * low**2)
    shape[0] = shape[-1] = 0
    wave = np.fft.irfft((pairs @ np.array([1, 1j])) * shape, n_fft)[:n_samples]
    return np.asarray(wave * n_fft / np.sqrt(16_000 * period_s))


def _partials(
    phase: Float[ndarray, " sample"],
    level: Float[ndarray, " partial"],
    top_hz: float,
    rate_hz: int,
) -> Float[ndarray, " sample"]:
    """Add the partials of a phase in cycles, as long as they stay below the Nyquist frequency."""
    sound = np.zeros(len(phase))
    for order, amplitude in enumerate(level, start=1):
        if order * top_hz < 0.48 * rate_hz:
            sound += amplitude * np.sin(2 * np.pi * order * phase)
    return sound


def _placed(
    sound: Float[ndarray, " _"], onset_s: float, n_samples: int, rate_hz: int
) -> Float[ndarray, " sample"]:
    """Let a sound begin at the sample next to its onset."""
    placed = np.zeros(n_samples)
    start = round(onset_s * rate_hz)
    part = sound[: n_samples - start]
    placed[start : start + len(part)] = part
    return placed


def _finished(sound: Float[ndarray, " sample"], rate_hz: int) -> Float[ndarray, " sample"]:
    """Take away what lies below 40 Hz, fade both ends, and scale to the peak."""
    n_fft = 1 << len(sound).bit_length()
    freq_hz = np.fft.rfftfreq(n_fft, 1 / rate_hz)
    high_pass = 1j * freq_hz / (1j * freq_hz + LOWEST_HZ)
    heard = np.fft.irfft(np.fft.rfft(sound, n_fft) * high_pass, n_fft)[: len(sound)]
    length = round(FADE_S * rate_hz)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)
    heard[:length] *= ramp
    heard[len(heard) - length :] *= ramp[::-1]
    return np.asarray(heard * (PEAK / np.abs(heard).max()), np.float32)


def _jitter_db(
    generator: np.random.Generator, deviation_db: float, count: int
) -> Float[ndarray, " count"]:
    """Give factors that vary by so many dB."""
    return np.asarray(10 ** (generator.normal(0, deviation_db, count) / 20))


def _child(generator: np.random.Generator) -> np.random.Generator:
    """Give a generator for noise, whose count of samples depends on the rate."""
    return np.random.default_rng(int(generator.integers(1 << 62)))
