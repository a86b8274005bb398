"""Denoising: what it gains on discharge pulses under rotor noise, and what a usual recipe loses.

Pulses of 20 to 40 kHz (simulated: decaying tones in both half cycles of the mains) at 96 kHz under
rotor noise at 0 and -10 dB of the whole band's power. Noises:

- simulated: `simulation.rotor`, a drone drawn anew each time, which reaches up to 48 kHz by itself;
- quadcopter: recordings at 16 kHz, which hold nothing above 8 kHz. Three ways to 96 kHz, none of
  which is a recording of a drone at 96 kHz:
  "resampled" leaves the pulses' band empty, so that any high-pass would do;
  "continued" adds noise above 8 kHz that falls on as the recording does from 2 to 7.5 kHz, and
  swells as it does there; above 8 kHz it is made up;
  "six times as fast" plays the samples at 96 kHz: the recorded spectrum, stretched, lies under the
  pulses, and everything in it is six times too fast.

Gain is output SNR over input SNR, SNR being pulses' power over that of all that differs from them;
the silent output has 0 dB. "Beside" names the SNR within 20 to 40 kHz before anything is done.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy import signal
from scipy.optimize import minimize

from bench.tables import markdown
from sonoscope.core import audio
from sonoscope.signal.denoise import Choice, DenoiseSettings, Leaf, denoise, planned
from sonoscope.signal.wavelet import Basis, analysed_into
from sonoscope.simulation.rotor import drawn_rotors, rotor_sounds

RATE, LENGTH = 96_000, 1 << 17
BAND_HZ = (20_000.0, 40_000.0)

Sound = Float[ndarray, " sample"]

EVERY = Choice(keep="all")
RECIPES: dict[str, DenoiseSettings | None] = {
    "as it comes (best basis, hard, noise by leaf, leaves chosen)": DenoiseSettings(),
    "soft": DenoiseSettings(rule="soft"),
    "garrote": DenoiseSettings(rule="garrote"),
    "soft, SURE": DenoiseSettings(rule="soft", threshold="sure"),
    "all leaves": DenoiseSettings(choice=EVERY),
    "all leaves, fixed tree, soft": DenoiseSettings(choice=EVERY, basis="fixed", rule="soft"),
    "all leaves, one global sigma": DenoiseSettings(choice=EVERY, noise="global"),
    "band-pass 20 to 40 kHz, no wavelets": None,
}


def _philox(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=list(key)))


def discharge_pulses(number: int, length: int = LENGTH, *, locked: bool = True) -> Sound:
    """Draw clicks of 20 to 40 kHz that decay within 0.05 to 0.2 ms; two clusters a mains cycle."""
    generator = _philox(number, 40)
    cycle = RATE / generator.choice([50.0, 60.0])
    start, sound = generator.uniform(), np.zeros(length + 2_000)
    t = np.arange(2_000)
    for turn in range(int(length / cycle) + 2):
        for centre in np.repeat([0.2, 0.7], generator.poisson(2.0, size=2)):
            spread = generator.normal(0, 0.05) if locked else generator.uniform(0, 1)
            at = int((turn - start + centre + spread) * cycle)
            frequency, decay = generator.uniform(*BAND_HZ), generator.uniform(5e-5, 2e-4) * RATE
            phase, height = generator.uniform(0, 2 * np.pi), np.exp(generator.normal(0, 0.4))
            if 0 <= at < length:
                tone = np.sin(2 * np.pi * frequency / RATE * t + phase)
                sound[at : at + len(t)] += height * np.exp(-t / decay) * tone
    return sound[:length]


def simulated_rotor(number: int) -> Sound:
    """Draw a drone and hear all of its rotors at 1 m."""
    generator = _philox(number, 41)
    bed = drawn_rotors(generator)
    sounds = rotor_sounds(bed, RATE, LENGTH, generator, torch.device("cpu"))
    return np.asarray(sounds.sum(dim=0).double().numpy())


def recorded_rotor(path: Path, way: str) -> Sound:
    """Bring a recording at 16 kHz to 96 kHz."""
    if way == "six times as fast":
        return np.asarray(audio.read(path).samples[0, :LENGTH], np.float64)
    sound = np.asarray(audio.read(path, RATE).samples[0, RATE : RATE + LENGTH], np.float64)
    return sound + continuation(sound) if way == "continued" else sound


def continuation(sound: Sound) -> Sound:
    """Make noise above 8 kHz that goes on as a recording of 16 kHz falls from 2 to 7.5 kHz."""
    frequency, density = signal.welch(sound, RATE, nperseg=4_096)
    seen = (frequency >= 2_000) & (frequency <= 7_500)
    slope, height = np.polyfit(np.log(frequency[seen]), np.log(density[seen]), 1)
    bins = np.fft.rfftfreq(len(sound), 1 / RATE)
    above = np.maximum(bins, 8_000.0)
    gain = np.where(bins >= 8_000, np.exp((height + slope * np.log(above)) / 2), 0.0)
    noise = _philox(len(sound), 42).standard_normal(len(sound))
    shaped = np.fft.irfft(np.fft.rfft(noise) * gain * np.sqrt(RATE / 2), len(sound))
    high = signal.sosfiltfilt(
        signal.butter(4, (2_000, 7_500), "band", fs=RATE, output="sos"), sound
    )
    swell = signal.sosfiltfilt(signal.butter(2, 300, fs=RATE, output="sos"), np.abs(high))
    swell = np.maximum(swell / swell.mean(), 0.05)
    return np.asarray(shaped * swell / np.sqrt((swell**2).mean()))


def snr_db(true: Sound, heard: Sound) -> float:
    """Power of what is true over that of all else, dB."""
    return float(10 * np.log10((true**2).sum() / ((heard - true) ** 2).sum()))


def mixed(true: Sound, noise: Sound, at_db: float) -> Sound:
    """Add noise at an SNR of the whole band."""
    gain = np.sqrt((true**2).sum() / (noise**2).sum() / 10 ** (at_db / 10))
    return np.asarray(true + gain * noise)


def band_passed(sound: Sound) -> Sound:
    """Let 20 to 40 kHz through, without delay."""
    sos = signal.butter(6, BAND_HZ, "band", fs=RATE, output="sos")
    return np.asarray(signal.sosfiltfilt(sos, sound))


def cleaned_by(recipe: DenoiseSettings | None, sound: Sound) -> Sound:
    """Denoise, or band-pass where there is no recipe."""
    return band_passed(sound) if recipe is None else denoise(sound, RATE, recipe).samples


@dataclass(frozen=True, slots=True)
class Noises:
    """A kind of rotor noise, and how to get one by number."""

    name: str
    one: Callable[[int], Sound]


def noises_of(data: Path) -> Iterator[Noises]:
    """List the kinds of noise that there are."""
    yield Noises("simulated", simulated_rotor)
    files = sorted((data / "quadcopter" / "drone").glob("*.wav"))
    for way in ("continued", "six times as fast", "resampled") if files else ():
        yield Noises(
            f"quadcopter, {way}",
            lambda number, way=way: recorded_rotor(files[number % len(files)], way),  # type: ignore[misc]
        )


def table(
    work: Path, data: Path, *, count: int = 16, at_db: tuple[float, ...] = (0.0, -10.0)
) -> str:
    """Denoise with every recipe."""
    del work
    torch.set_num_threads(1)
    rows = []
    for noises in noises_of(data):
        beds = [noises.one(number) for number in range(count)]
        sounds = [discharge_pulses(number, len(bed)) for number, bed in enumerate(beds)]
        for level_db in at_db:
            heard = [mixed(s, bed, level_db) for s, bed in zip(sounds, beds, strict=True)]
            beside = [
                snr_db(band_passed(s), band_passed(x)) for s, x in zip(sounds, heard, strict=True)
            ]
            for name, recipe in RECIPES.items():
                out = np.array(
                    [snr_db(s, cleaned_by(recipe, x)) for s, x in zip(sounds, heard, strict=True)]
                )
                gain = out - level_db
                rows.append(
                    [
                        noises.name,
                        f"{level_db:g}",
                        f"{np.mean(beside):.1f}",
                        name,
                        f"{out.mean():.1f}",
                        f"{gain.mean():+.1f}",
                        f"{gain.min():+.1f}",
                    ]
                )
                print(rows[-1], flush=True)
    head = ["noise", "SNR dB", "beside dB", "recipe", "output SNR dB", "gain dB", "least gain dB"]
    return markdown(head, rows) + "\n\n" + weights_table(count=max(2, count // 2))


# --- the weights of the choice of leaves


WEIGHTS = ("bias", "suddenness", "peak", "mains")


def traits(leaf: Leaf) -> list[float]:
    """Give what weights are multiplied with."""
    return [
        1.0,
        float(np.log1p(max(leaf.kurtosis, 0.0))),
        float(np.log(max(leaf.crest, 1.0))),
        float(np.log(max(leaf.mains, 1.0))),
    ]


def lessons(count: int) -> tuple[Float[ndarray, "leaf trait"], Float[ndarray, " leaf"]]:
    """Give leaves, and whether keeping each, thresholded, leaves less of an error than silence.

    Simulated rotors drawn apart from those of the table, white and pink noise, no noise at all but
    rotors; pulses of the mains and at any time; -15 to 20 dB.
    """
    seen, right = [], []
    for number in range(count):
        generator = _philox(number, 43)
        pink = np.cumsum(generator.standard_normal(LENGTH))
        pink -= signal.sosfiltfilt(signal.butter(2, 100, fs=RATE, output="sos"), pink)
        beds = [simulated_rotor(1_000 + number), generator.standard_normal(LENGTH), pink]
        for i, bed in enumerate(beds):
            true = discharge_pulses(1_000 + 10 * number + i, locked=bool(generator.integers(2)))
            for level_db in (float(generator.uniform(-15, 20)), None):
                heard = bed if level_db is None else mixed(true, bed, level_db)
                leaves, useful = _useful(heard, true if level_db is not None else 0 * true)
                seen += [traits(leaf) for leaf in leaves]
                right += useful
    return np.array(seen), np.array(right, dtype=np.float64)


def _useful(heard: Sound, true: Sound) -> tuple[list[Leaf], list[bool]]:
    """Judge every leaf by the truth."""
    settings = DenoiseSettings(choice=EVERY)
    plan = planned(lambda: [heard[None]], RATE, settings)
    useful = []
    for leaf in plan.leaves:
        alone = tuple(np.zeros_like(level) for level in plan.basis)
        alone[leaf.level][leaf.node] = True
        theirs = _energy(true, alone)
        kept = replace(plan, kept=alone)
        useful.append(_left(heard, true, kept.kept) < theirs)
    return list(plan.leaves), useful


def _energy(sound: Sound, nodes: Basis) -> float:
    return float(sum((v**2).sum() for v in analysed_into(sound, nodes).values))


def _left(heard: Sound, true: Sound, nodes: Basis) -> float:
    """Error energy of one leaf after the hard universal threshold."""
    loud = next(v for v in analysed_into(heard, nodes).values if v.size)
    own = next(v for v in analysed_into(true, nodes).values if v.size)
    sigma = np.median(np.abs(loud)) / 0.6744897501960817
    kept = np.where(np.abs(loud) > sigma * np.sqrt(2 * np.log(loud.shape[-1])), loud, 0.0)
    return float(((kept - own) ** 2).sum())


def fitted(
    seen: Float[ndarray, "leaf trait"], right: Float[ndarray, " leaf"], ridge: float = 1e-2
) -> Float[ndarray, " trait"]:
    """Fit a logistic regression; weights other than the bias are held small."""

    def loss(weights: Float[ndarray, " trait"]) -> float:
        odds = seen @ weights
        cross = np.logaddexp(0, odds) - right * odds
        return float(cross.mean() + ridge * (weights[1:] ** 2).mean())

    found = minimize(loss, np.zeros(seen.shape[1]), method="BFGS")
    return np.asarray(found.x)


def weights_table(*, count: int) -> str:
    """Learn the weights of `Choice`, and tell how often they judge rightly."""
    seen, right = lessons(count)
    half = len(right) // 2
    weights, first = fitted(seen, right), fitted(seen[:half], right[:half])
    shipped = np.array([getattr(Choice(), name) for name in WEIGHTS])
    rows = []
    for name, each in (("learnt", weights), ("shipped", shipped), ("learnt from half", first)):
        part = slice(half, None) if name == "learnt from half" else slice(None)
        is_kept = seen[part] @ each >= 0
        wanted = right[part] > 0.5
        rows.append(
            [
                name,
                *(f"{weight:.2f}" for weight in each),
                len(wanted),
                f"{100 * np.mean(is_kept == wanted):.1f} %",
                f"{100 * np.mean(is_kept[wanted]):.1f} %" if wanted.any() else "-",
                f"{100 * np.mean(is_kept[~wanted]):.1f} %" if (~wanted).any() else "-",
            ]
        )
    head = ["weights", *WEIGHTS, "leaves", "judged rightly", "useful kept", "useless kept"]
    return markdown(head, rows)
