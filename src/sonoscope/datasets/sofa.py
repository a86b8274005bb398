"""Measured responses in SOFA files (AES69, inside HDF5).

Read are the conventions that hold impulse responses: SimpleFreeFieldHRIR, FreeFieldHRIR,
SingleRoomDRIR, SingleRoomSRIR, SingleRoomMIMOSRIR, MultiSpeakerBRIR, GeneralFIR, GeneralFIRE and
GeneralFIR-E. The dimensions are the standard's: I one, C coordinates, M measurements, R receivers,
E emitters, N samples.

 DataType   Data.IR          a position of a source is
 FIR        [M, R, N]        a measurement
 FIRE       [M, R, E, N]     a measurement and an emitter
 FIR-E      [M, R, N, E]     a measurement and an emitter

Directions are turned into the listener's axes (view is x, up is z), which are the house's own. SOFA
tells where receivers are but not what they sit on: the caller says whether that is rigid.

Reference: AES69-2022, "AES standard for file exchange - Spatial acoustic data file format".
"""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from sonoscope.core.array import EM32, MAX_RADIUS_M, TETRAHEDRON, Baffle, MicArray
from sonoscope.core.audio import ChannelFormat
from sonoscope.core.direction import unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.simulation.measured import MeasuredRoom, measured_room

MAX_BYTES = 1 << 31
MAX_DELAY = 1 << 20
MAX_DISTANCE_M = 1_000.0

_DATA_TYPES = {"FIR": "MRN", "FIRE": "MREN", "FIR-E": "MRNE"}
_CONVENTIONS = (
    "SimpleFreeFieldHRIR", "FreeFieldHRIR", "SingleRoomDRIR", "SingleRoomSRIR",
    "SingleRoomMIMOSRIR", "MultiSpeakerBRIR", "GeneralFIR", "GeneralFIRE", "GeneralFIR-E",
)  # fmt: skip
_BINAURAL = ("HRIR", "BRIR")
_KNOWN_ARRAYS = (TETRAHEDRON, EM32)
_KNOWN_WITHIN_M = 1e-3
_METRE = ("metre", "meter", "metres", "meters", "m")
_DEGREE = ("degree", "degrees")


def read_sofa(
    path: Path, *, channels: ChannelFormat | MicArray | None = None, baffle: Baffle = "open"
) -> MeasuredRoom:
    """Read a SOFA file.

    Parameters
    ----------
    path
        The file.
    channels
        What the receivers are, where their positions do not make an array (FOA, for one).
    baffle
        What the receivers sit on, where their positions make an array that is none of the known.

    Raises
    ------
    InputError
        If it is no HDF5 file, no such SOFA file, too large for memory, or says what cannot be.
    SettingError
        If `channels` are needed and were not given.
    """
    import h5py  # type: ignore[import-untyped]  # heavy, and only this format needs it

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: must be a SOFA file (HDF5), but it cannot be opened") from error
    with file:
        try:
            return _room(_Sofa(path, file), channels, baffle)
        except (OSError, RuntimeError) as error:  # what HDF5 says of a damaged block
            raise InputError(f"{path}: must be whole, but its data are damaged: {error}") from error


class _Sofa:
    """A SOFA file's attributes and variables, checked as they are asked for."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self._file = path, file

    def text(self, name: str, variable: str | None = None) -> str:
        """Give a global attribute, or one of a variable; nothing where there is none."""
        holder = self._file if variable is None else self._file.get(variable)
        value = None if holder is None else holder.attrs.get(name)
        if isinstance(value, np.ndarray):
            value = value.ravel()[0] if value.size else None
        if isinstance(value, bytes):
            return value.decode("utf-8", errors="replace").strip()
        return "" if value is None else str(value).strip()

    def has(self, name: str) -> bool:
        return name in self._file

    def shape(self, name: str) -> tuple[int, ...]:
        """Give the shape of a variable of numbers that lie in this very file."""
        item = self._file.get(name)
        if item is None or not hasattr(item, "shape"):
            raise InputError(f"{self.path}: must have the variable {name}, but it has none")
        if item.dtype.kind not in "fiu" or item.external is not None or item.is_virtual:
            raise InputError(f"{self.path}: {name} must be numbers in this file, but it is not")
        if item.size * 4 > MAX_BYTES:
            raise InputError(
                f"{self.path}: {name} must have at most {MAX_BYTES >> 20} MiB, "
                f"but {item.size * 4 >> 20} MiB ({item.shape}) was given"
            )
        return tuple(int(n) for n in item.shape)

    def numbers(self, name: str, kind: type[np.floating[Any]] = np.float64) -> ndarray:
        """Read a variable of finite numbers."""
        shape = self.shape(name)
        if not all(shape):
            raise InputError(f"{self.path}: {name} must hold numbers, but {shape} was given")
        values = np.asarray(self._file[name].astype(kind)[...])
        if not np.isfinite(values).all():
            raise InputError(f"{self.path}: {name} must be finite numbers, but some are not")
        return values


def _room(sofa: _Sofa, channels: ChannelFormat | MicArray | None, baffle: Baffle) -> MeasuredRoom:
    order = _order(sofa)
    shape = sofa.shape("Data.IR")
    if len(shape) != len(order) or not all(shape):
        raise InputError(
            f"{sofa.path}: Data.IR must have the dimensions {', '.join(order)} and hold something, "
            f"but {shape} was given"
        )
    rate_hz = _rate(sofa)
    count = {"E": 1} | dict(zip(order, shape, strict=True))
    offsets = _offsets(sofa, count["M"], count["E"])
    hears = _channels(sofa, count["R"], channels, baffle)
    sound = sofa.numbers("Data.IR", np.float32)
    if "E" in order:
        sound = np.moveaxis(sound, order.index("E"), 1)  # [M, E, R, N]
    sound = sound.reshape(-1, count["R"], count["N"])
    sound = _delayed(sound, _delays(sofa, count))
    distance = np.linalg.norm(offsets, axis=1)
    return measured_room(
        sofa.text("Title") or sofa.path.stem,
        rate_hz,
        sound,
        offsets / distance[:, None],
        distance,
        hears,
        _credit(sofa),
        str(sofa.path),
    )


def _order(sofa: _Sofa) -> str:
    convention, data_type = sofa.text("SOFAConventions"), sofa.text("DataType")
    if sofa.text("Conventions") != "SOFA" or convention not in _CONVENTIONS:
        raise InputError(
            f"{sofa.path}: must be a SOFA file of {', '.join(_CONVENTIONS)}, "
            f"but {convention or 'none'!r} was given"
        )
    if data_type not in _DATA_TYPES:
        raise InputError(
            f"{sofa.path}: DataType must be {', '.join(_DATA_TYPES)}, "
            f"but {data_type or 'none'!r} was given"
        )
    return _DATA_TYPES[data_type]


def _rate(sofa: _Sofa) -> int:
    rates = np.unique(sofa.numbers("Data.SamplingRate"))
    unit = sofa.text("Units", "Data.SamplingRate").lower()
    is_one = len(rates) == 1 and rates[0] == round(rates[0]) and 8_000 <= rates[0] <= 192_000
    if not is_one or unit not in ("hertz", "hz", ""):
        raise InputError(
            f"{sofa.path}: Data.SamplingRate must be one whole number of 8000..192000 hertz, "
            f"but {rates[:4].tolist()} {unit} was given"
        )
    return int(rates[0])


# ── where things are ─────────────────────────────────────────────────────────────────────────────


def _places(
    sofa: _Sofa, name: str, values: ndarray, owner: str | None = None
) -> Float[ndarray, "*any 3"]:
    """Give a variable's coordinates (last axis) in metres, by its Type and Units."""
    owner = owner or name
    kind = sofa.text("Type", owner).lower() or "cartesian"
    units = [unit.strip() for unit in sofa.text("Units", owner).lower().split(",")]
    if values.shape[-1] != 3:
        raise InputError(f"{sofa.path}: {name} must have 3 coordinates, but {values.shape} given")
    if kind == "cartesian" and (units == [""] or all(unit in _METRE for unit in units)):
        return np.asarray(values, np.float64)
    if (
        kind == "spherical"
        and len(units) == 3
        and all(unit in _DEGREE for unit in units[:2])
        and units[2] in _METRE
    ):
        if np.abs(values[..., 1]).max() > 90.001:
            raise InputError(f"{sofa.path}: {name} must have elevations in -90..90 degrees")
        angle = np.deg2rad(values[..., :2])
        return np.asarray(values[..., 2:] * unit_vector(angle[..., 0], angle[..., 1]))
    raise InputError(
        f"{sofa.path}: {name} must be cartesian in metre or spherical in degree, degree, metre, "
        f"but {kind} in {', '.join(units) or 'nothing'} was given"
    )


def _per_measurement(
    sofa: _Sofa, name: str, count: int, default: tuple[float, float, float], owner: str = ""
) -> Float[ndarray, "measurement 3"]:
    """Give a place or direction for each measurement; SOFA writes one where it never changes."""
    if not sofa.has(name):
        return np.broadcast_to(np.array(default), (count, 3))
    places = _places(sofa, name, sofa.numbers(name), owner or name)
    if places.ndim != 2 or len(places) not in (1, count):
        raise InputError(
            f"{sofa.path}: {name} must have 1 or {count} rows, but {places.shape} was given"
        )
    return np.broadcast_to(places, (count, 3))


def _axes(sofa: _Sofa, thing: str, count: int) -> Float[ndarray, "measurement 3 3"]:
    """Give the local axes (rows x, y, z) of the listener or the source, from its view and up."""
    view = _per_measurement(sofa, f"{thing}View", count, (1.0, 0.0, 0.0))
    owner = f"{thing}Up" if sofa.text("Type", f"{thing}Up") else f"{thing}View"
    up = _per_measurement(sofa, f"{thing}Up", count, (0.0, 0.0, 1.0), owner)
    left = np.cross(up, view)
    lengths = np.linalg.norm(left, axis=1)
    if not (lengths > 1e-6 * np.linalg.norm(view, axis=1) * np.linalg.norm(up, axis=1)).all():
        raise InputError(
            f"{sofa.path}: {thing}View and {thing}Up must not point along one line, but they do"
        )
    ahead = view / np.linalg.norm(view, axis=1, keepdims=True)
    left = left / lengths[:, None]
    return np.stack([ahead, left, np.cross(ahead, left)], axis=1)


def _offsets(sofa: _Sofa, count: int, emitters: int) -> Float[ndarray, "position 3"]:
    """Give where each source was, in the listener's axes, measurements outermost."""
    if not sofa.has("SourcePosition"):
        raise InputError(f"{sofa.path}: must have the variable SourcePosition, but it has none")
    source = _per_measurement(sofa, "SourcePosition", count, (0.0, 0.0, 0.0))[:, None]
    if emitters > 1 or (sofa.has("EmitterPosition") and sofa.shape("EmitterPosition")[0] == 1):
        local = _local(sofa, "EmitterPosition", emitters, count)
        if local.any():
            source = source + np.einsum("mec,mcx->mex", local, _axes(sofa, "Source", count))
    listener = _per_measurement(sofa, "ListenerPosition", count, (0.0, 0.0, 0.0))[:, None]
    axes = _axes(sofa, "Listener", count)
    offsets = np.einsum("mex,mcx->mec", source - listener, axes).reshape(-1, 3)
    distance = np.linalg.norm(offsets, axis=1)
    if not ((distance > 1e-3) & (distance < MAX_DISTANCE_M)).all():
        wrong = distance[~((distance > 1e-3) & (distance < MAX_DISTANCE_M))][0]
        raise InputError(
            f"{sofa.path}: sources must be at 0.001..{MAX_DISTANCE_M:g} m from the listener, but "
            f"{wrong:g} m was given (positions are in metres, not millimetres)"
        )
    return np.asarray(offsets)


def _local(
    sofa: _Sofa, name: str, things: int, count: int
) -> Float[ndarray, "measurement thing 3"]:
    """Give local places [E or R, C, I or M] for each measurement."""
    raw = sofa.numbers(name)
    raw = raw[..., None] if raw.ndim == 2 else raw
    if raw.ndim != 3 or raw.shape[0] != things or raw.shape[2] not in (1, count):
        raise InputError(
            f"{sofa.path}: {name} must have {things} rows of 3 coordinates, for one or each of "
            f"{count} measurements, but {raw.shape} was given"
        )
    places = _places(sofa, name, np.moveaxis(raw, 2, 0))
    return np.broadcast_to(places, (count, things, 3))


# ── what hears ───────────────────────────────────────────────────────────────────────────────────


def _channels(
    sofa: _Sofa, count: int, wanted: ChannelFormat | MicArray | None, baffle: Baffle
) -> ChannelFormat | MicArray:
    if wanted is not None:
        return wanted
    if count == 1:
        return "mono"
    if count == 2 and any(word in sofa.text("SOFAConventions") for word in _BINAURAL):
        return "stereo"
    undeclared = SettingError(
        f"{sofa.path}: the channels of {count} receivers must be declared (such as foa), "
        f"because their positions make no array"
    )
    if not sofa.has("ReceiverPosition") or "harmonic" in sofa.text("Type", "ReceiverPosition"):
        raise undeclared
    raw = sofa.numbers("ReceiverPosition")
    places = _local(sofa, "ReceiverPosition", count, raw.shape[2] if raw.ndim == 3 else 1)
    if np.abs(places - places[0]).max() > 1e-6:
        raise InputError(f"{sofa.path}: receivers must stay where they are, but they move")
    return _array(sofa, places[0], baffle, undeclared)


def _array(
    sofa: _Sofa, places: Float[ndarray, "receiver 3"], baffle: Baffle, undeclared: SettingError
) -> MicArray:
    away = np.linalg.norm(places, axis=1)
    if away.max() > MAX_RADIUS_M:
        raise InputError(
            f"{sofa.path}: receivers must lie within {MAX_RADIUS_M:g} m of the listener, but one "
            f"is {away.max():g} m away (positions are in metres, not millimetres)"
        )
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    if apart.min() < 1e-4:
        raise undeclared
    for known in _KNOWN_ARRAYS:
        if (
            known.n_capsules == len(places)
            and np.linalg.norm(known.positions - places, axis=1).max() < _KNOWN_WITHIN_M
        ):
            return known
    if baffle == "rigid" and away.max() > 1.02 * away.min():
        raise InputError(
            f"{sofa.path}: capsules on a rigid sphere must be at one distance from the listener, "
            f"but {away.min():g} to {away.max():g} m was given"
        )
    rows = tuple((float(x), float(y), float(z)) for x, y, z in places)
    return MicArray(sofa.text("ListenerShortName") or sofa.path.stem, rows, baffle)


# ── when ─────────────────────────────────────────────────────────────────────────────────────────


def _delays(sofa: _Sofa, count: dict[str, int]) -> Float[ndarray, "position receiver"]:
    """Give the samples by which each response is to be delayed; none where nothing is said."""
    positions, receivers = count["M"] * count["E"], count["R"]
    if not sofa.has("Data.Delay"):
        return np.zeros((positions, receivers))
    delay = sofa.numbers("Data.Delay")
    delay = delay[..., None] if delay.ndim == 2 else delay
    shapes = [n in (1, count[name]) for n, name in zip(delay.shape, "MRE", strict=False)]
    if delay.ndim != 3 or not all(shapes) or not -MAX_DELAY <= delay.min() <= delay.max():
        raise InputError(
            f"{sofa.path}: Data.Delay must have the dimensions I or M, and R, but "
            f"{delay.shape} was given"
        )
    if delay.max() > MAX_DELAY:
        raise InputError(
            f"{sofa.path}: Data.Delay must be at most {MAX_DELAY} samples, "
            f"but {delay.max():g} was given"
        )
    full = np.broadcast_to(delay, (count["M"], receivers, count["E"]))
    return np.moveaxis(full, 2, 1).reshape(positions, receivers)


def _delayed(
    sound: Float[ndarray, "position receiver tap"], delay: Float[ndarray, "position receiver"]
) -> Float[ndarray, "position receiver new_tap"]:
    """Apply delays between channels exactly, fractions too; what all share is left out.

    The absolute time of flight says nothing that the distance does not.
    """
    rest = delay - np.floor(delay.min(axis=1, keepdims=True))
    if not rest.any():
        return sound
    taps = sound.shape[2]
    length = taps + int(np.ceil(rest.max())) + 1
    if np.array_equal(rest, np.round(rest)):
        late = np.zeros((*sound.shape[:2], length), np.float32)
        for place, start in np.ndenumerate(rest.astype(int)):
            late[place][start : start + taps] = sound[place]
        return late
    size = 2 * length
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * rest[..., None])
    return np.fft.irfft(np.fft.rfft(sound, size) * turn, size)[..., :length].astype(np.float32)


def _credit(sofa: _Sofa) -> str:
    names = ("Title", "DatabaseName", "Organization", "AuthorContact")
    parts = list(dict.fromkeys(sofa.text(name) for name in names))
    who = ", ".join(part for part in parts if part) or sofa.path.name
    return f"{who} [{sofa.text('License') or 'no licence stated'}]"
