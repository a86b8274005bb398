"""Room responses on a rigid sphere: milliseconds and errors, beside pyroomacoustics.

The room is 6 x 5 x 3 m with T60 0.5 s (Sabine), four capsules on a rigid sphere of 4.2 cm at
(3.1, 2.4, 1.5), a source at (1.4, 3.6, 1.8), 24 kHz. Errors are against the sum of the same images
in the frequency domain in float64, each by equation 1, energy over energy from 100 Hz to 0.8
Nyquist. pyroomacoustics hears the sphere through a measured directivity of 2500 directions and 64
taps; its high-pass is off, its constant delay taken back. Times are the least of several runs, wall
and CPU, images given: the summing alone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy import ndarray
from torch import Tensor

from bench.tables import markdown
from sonoscope.core.air import SPEED_OF_SOUND_M_S
from sonoscope.core.array import EM32, TETRAHEDRON, MicArray, on_sphere
from sonoscope.core.direction import sphere_grid
from sonoscope.signal.receiver import Capsules, EncodedFoa, IdealFoa, Receiver, plane_wave_response
from sonoscope.signal.sphere import array_response_near, rigid_sphere
from sonoscope.simulation.impulses import Waves, impulse_table, response_of_waves

RATE = 24_000
SIZE_M = np.array([6.0, 5.0, 3.0])
ARRAY_M, SOURCE_M = np.array([3.1, 2.4, 1.5]), np.array([1.4, 3.6, 1.8])
T60_S = 0.5
DIRECTIONS, TAPS = 2_500, 64


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Image sources: where they are, seen from the array, and what the walls left of them."""

    place_m: Float[ndarray, "image 3"]
    left: Float[ndarray, " image"]

    @property
    def distance_m(self) -> Float[ndarray, " image"]:
        return np.asarray(np.linalg.norm(self.place_m, axis=1))

    @property
    def direction(self) -> Float[ndarray, "image 3"]:
        return np.asarray(self.place_m / self.distance_m[:, None])

    @property
    def delay(self) -> Float[ndarray, " image"]:
        return np.asarray(self.distance_m * (RATE / SPEED_OF_SOUND_M_S))

    def waves(self, lines: int = 1) -> Waves:
        """All as plane waves."""
        gain = torch.from_numpy(self.left / self.distance_m).float()
        return Waves(
            torch.from_numpy(self.direction).float(),
            torch.from_numpy(self.delay),
            gain[:, None].repeat(1, lines),
            torch.full((len(gain),), torch.inf),
        )


def table(
    work: Path,
    data: Path,
    *,
    until_s: tuple[float, ...] = (0.08, 0.15, 0.25),
    orders: tuple[int, ...] = (17, 25),
    rates: tuple[int, ...] = (16_000, 24_000, 48_000, 96_000, 192_000),
    waves: int = 400,
    runs: int = 15,
) -> str:
    """Time and error of both, and the error of single waves by rate."""
    del work, data
    return "\n\n".join(
        [
            responses_table(until_s, orders, runs),
            kinds_table(until_s[0], runs),
            single_waves_table(waves, rates),
        ]
    )


def responses_table(until_s: tuple[float, ...], orders: tuple[int, ...], runs: int) -> str:
    """Ours by time window; then ours and pyroomacoustics' on the images that it makes."""
    rows = [
        _ours(f"sonoscope, to {1000 * until:.0f} ms", images_until(until), runs)
        for until in until_s
    ]
    if find_spec("pyroomacoustics"):
        for order in orders:
            images, row = _theirs(order, runs)
            rows += [row, _ours(f"sonoscope, order {order}", images, runs)]
    head = [
        "engine",
        "images",
        "1 thread, wall / CPU ms",
        "2 threads",
        "3 lines, 1 thread",
        "error",
    ]
    return markdown(head, rows)


def images_until(until_s: float) -> Images:
    """Images of a shoebox whose walls are alike (Allen and Berkley 1979), selected by time."""
    volume, reach = SIZE_M.prod(), until_s * SPEED_OF_SOUND_M_S
    surface = 2 * (SIZE_M[[0, 1, 2]] * SIZE_M[[1, 2, 0]]).sum()
    absorbed = 24 * np.log(10) * volume / (SPEED_OF_SOUND_M_S * surface * T60_S)
    along, hits = [], []
    for axis in range(3):
        m = np.arange(-int(reach / SIZE_M[axis]) - 2, int(reach / SIZE_M[axis]) + 3)
        whole = 2 * m * SIZE_M[axis] - ARRAY_M[axis]
        along.append(np.concatenate([whole + SOURCE_M[axis], whole - SOURCE_M[axis]]))
        hits.append(np.concatenate([2 * np.abs(m), np.abs(m - 1) + np.abs(m)]))
    x, y, z = np.meshgrid(*along, indexing="ij")
    i, j, k = np.nonzero(x**2 + y**2 + z**2 < reach**2)
    place = np.stack([along[0][i], along[1][j], along[2][k]], axis=1)
    bounces = hits[0][i] + hits[1][j] + hits[2][k]
    return Images(place, (1 - absorbed) ** (bounces / 2))


def _ours(name: str, images: Images, runs: int) -> list[str]:
    sphere = impulse_table(Capsules(TETRAHEDRON), RATE)
    length = int(images.delay.max()) + 128
    cells = []
    for threads, lines in ((1, 1), (2, 1), (1, 3)):
        torch.set_num_threads(threads)
        waves = images.waves(lines)
        cells.append(least_ms(partial(response_of_waves, sphere, waves, length), runs))
    torch.set_num_threads(1)
    heard = response_of_waves(sphere, images.waves(), length)[0].double().numpy()
    error = error_db(spectrum(heard, BAND_HZ), in_theory(images))
    return [name, f"{len(images.left)}", *cells, f"{error:.1f} dB"]


def least_ms(job: Callable[[], object], runs: int) -> str:
    """Give wall and CPU time of the quickest of several runs."""
    wall, cpu = [], []
    for _ in range(runs):
        start, busy = time.perf_counter(), time.process_time()
        job()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - busy)
    return f"{1000 * min(wall):.2f} / {1000 * min(cpu):.2f}"


BAND_HZ = np.random.default_rng(0).uniform(100, 0.8 * RATE / 2, 200)


def spectrum(
    response: Float[ndarray, "channel sample"], frequency: Float[ndarray, " frequency"]
) -> Complex[ndarray, "frequency channel"]:
    turn = np.exp(-2j * np.pi * frequency[:, None] / RATE * np.arange(response.shape[1]))
    return np.asarray(turn @ response.T)


def in_theory(images: Images) -> Complex[ndarray, "frequency channel"]:
    """Every image by equation 1."""
    total = np.zeros((len(BAND_HZ), TETRAHEDRON.n_capsules), np.complex128)
    for some in np.array_split(np.arange(len(images.left)), -(-len(images.left) // 2_000)):
        heard = plane_wave_response(Capsules(TETRAHEDRON), images.direction[some], BAND_HZ)
        gain = images.left[some] / images.distance_m[some]
        turn = np.exp(-2j * np.pi * BAND_HZ[:, None] / RATE * images.delay[some])
        total += np.einsum("fcw,fw->fc", heard, gain * turn)
    return total


def error_db(
    heard: Complex[ndarray, "frequency channel"], wanted: Complex[ndarray, "frequency channel"]
) -> float:
    power = (np.abs(wanted) ** 2).sum()
    return float(10 * np.log10((np.abs(heard - wanted) ** 2).sum() / power))


def _theirs(order: int, runs: int) -> tuple[Images, list[str]]:
    import pyroomacoustics as pra  # type: ignore[import-untyped]

    pra.constants.set("rir_hpf_enable", 0)
    lead, hearing = _their_hearing()
    absorbed, _ = pra.inverse_sabine(T60_S, SIZE_M)
    room = pra.ShoeBox(SIZE_M, fs=RATE, materials=pra.Material(absorbed), max_order=order)
    room.set_sound_speed(SPEED_OF_SOUND_M_S)
    room.add_source(SOURCE_M)
    places = np.repeat(ARRAY_M[:, None], TETRAHEDRON.n_capsules, axis=1)
    room.add_microphone_array(pra.MicrophoneArray(places, RATE, directivity=hearing))
    room.image_source_model()
    cells = []
    for threads in (1, 2):
        pra.constants.set("num_threads", threads)
        cells.append(least_ms(room.compute_rir, max(1, runs // 5)))
    source = room.sources[0]
    images = Images(
        (source.images - ARRAY_M[:, None]).T.astype(float), source.damping[0].astype(float)
    )
    length = max(len(rir[0]) for rir in room.rir)
    rirs = np.stack([np.pad(rir[0], (0, length - len(rir[0]))) for rir in room.rir])
    late = lead + pra.constants.get("frac_delay_length") // 2
    heard = spectrum(rirs, BAND_HZ) * np.exp(2j * np.pi * BAND_HZ[:, None] / RATE * late)
    error = error_db(heard, in_theory(images))
    name = f"pyroomacoustics {pra.__version__}, order {order}"
    return images, [name, f"{len(images.left)}", *cells, "", f"{error:.1f} dB"]


def _their_hearing() -> tuple[int, list[object]]:
    """Give the capsules as directivities, and the delay of their impulses."""
    import pyroomacoustics as pra

    lead, size = TAPS // 3, 512
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    taper = 0.5 + 0.5 * np.cos(np.pi * np.clip(frequency / (RATE / 2) / 0.2 - 4, 0, 1))
    turn = np.exp(-2j * np.pi * frequency / RATE * lead)
    directions = sphere_grid(DIRECTIONS)
    grid = pra.doa.GridSphere(cartesian_points=directions.T)
    straight = pra.directivities.Rotation3D([0, 0], "yz")
    hearing = []
    for capsule in TETRAHEDRON.directions:
        response = rigid_sphere(directions @ capsule, frequency, TETRAHEDRON.radius_m)
        impulses = np.fft.irfft(response.T * (taper * turn), size)[:, :TAPS]
        hearing.append(pra.directivities.MeasuredDirectivity(straight, grid, impulses, RATE))
    return lead, hearing


def kinds_table(until_s: float, runs: int) -> str:
    """The other receivers on the first window, one thread."""
    images = images_until(until_s)
    length = int(images.delay.max()) + 128
    few = Images(images.place_m[:10], images.left[:10])
    opened = MicArray("open", TETRAHEDRON.positions_m, "open")
    receivers: dict[str, Receiver] = {
        "ideal FOA": IdealFoa(),
        "rigid, 4 capsules": Capsules(TETRAHEDRON),
        "rigid, 32 capsules": Capsules(EM32),
        "open, 4 capsules": Capsules(opened),
        "FOA of em32": EncodedFoa(EM32, RATE),
    }
    rows = []
    for name, receiver in receivers.items():
        start = time.process_time()
        kind = impulse_table(receiver, RATE)
        built = time.process_time() - start
        cells = [
            least_ms(partial(response_of_waves, kind, some.waves(), length), runs)
            for some in (few, images)
        ]
        megabytes = kind.impulse.numel() * 4 / 1e6
        rows.append([name, *cells, f"{kind.taps}", f"{megabytes:.1f}", f"{1000 * built:.0f}"])
    head = ["receiver", "10 waves, ms", f"{len(images.left)} waves", "taps", "MB", "built in ms"]
    return markdown(head, rows)


def single_waves_table(count: int, rates: tuple[int, ...]) -> str:
    """The worst of many single waves from anywhere, at any fraction of a sample."""
    large = on_sphere("large", [(0.0, 0.0), (90.0, 0.0)], 0.0875)
    cases: list[tuple[str, Receiver, float]] = [
        ("ideal FOA", IdealFoa(), np.inf),
        ("rigid 4.2 cm", Capsules(TETRAHEDRON), np.inf),
        ("rigid 4.2 cm, source at 0.1 to 3 m", Capsules(TETRAHEDRON), 3.0),
        ("rigid 8.75 cm", Capsules(large), np.inf),
    ]
    rows = [
        [name, f"{rate}", *_worst(receiver, rate, count, farthest)]
        for name, receiver, farthest in cases
        for rate in rates
    ]
    rows += [
        [
            f"FOA of {array.name}",
            f"{rate}",
            *_worst(EncodedFoa(array, rate), rate, count // 4, np.inf),
        ]
        for array in (EM32, TETRAHEDRON)
        for rate in rates
        if rate <= 48_000
    ]
    return markdown(["receiver", "rate Hz", "worst energy", "worst at one frequency"], rows)


def _worst(receiver: Receiver, rate: int, count: int, farthest_m: float) -> list[str]:
    """Give the largest error of energy, and at one frequency and channel against the free field."""
    rng = np.random.default_rng(1)
    frequency = np.linspace(100, 0.8 * rate / 2, 120)
    directions = rng.standard_normal((count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    distance = 1 / rng.uniform(1 / farthest_m, 10, count) if np.isfinite(farthest_m) else None
    start = 2_300 * rate / 24_000 if isinstance(receiver, EncodedFoa) else 200.0
    delay = start + rng.uniform(0, 1, count)
    length = int(start * 2) + 400
    wanted = _single_waves(receiver, directions, distance, frequency)
    turn = np.exp(-2j * np.pi * frequency[:, None] / rate * np.arange(length))
    energy, single = [], []
    kind = impulse_table(receiver, rate)
    for i in range(count):
        wave = _wave(directions[i], delay[i], np.inf if distance is None else distance[i])
        heard = turn @ response_of_waves(kind, wave, length)[0].double().numpy().T
        exact = wanted[:, :, i] * np.exp(-2j * np.pi * frequency[:, None] / rate * delay[i])
        energy.append(error_db(heard, exact))
        single.append(20 * np.log10(np.abs(heard - exact).max()))
    return [f"{max(energy):.1f} dB", f"{max(single):.1f} dB"]


def _single_waves(
    receiver: Receiver,
    directions: Float[ndarray, "wave 3"],
    distance_m: Float[ndarray, " wave"] | None,
    frequency: Float[ndarray, " frequency"],
) -> Complex[ndarray, "frequency channel wave"]:
    if distance_m is None:
        return plane_wave_response(receiver, directions, frequency)
    assert isinstance(receiver, Capsules)
    pairs = zip(directions, distance_m, strict=True)
    near = [array_response_near(receiver.array, u, float(r), frequency) for u, r in pairs]
    return np.stack(near, axis=2)


def _wave(direction: Float[ndarray, "3"], delay: float, distance_m: float) -> Waves:
    def tensor(value: object, kind: torch.dtype = torch.float32) -> Tensor:
        return torch.as_tensor(np.array([value]), dtype=kind)

    return Waves(
        tensor(direction), tensor(delay, torch.float64), torch.ones(1, 1), tensor(distance_m)
    )
