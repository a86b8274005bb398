"""SOFA files in the published layout (AES69: attributes, dimensions, variables) are rooms."""

from collections.abc import Callable
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy import ndarray
from numpy.typing import NDArray

from sonoscope.core.array import TETRAHEDRON
from sonoscope.core.direction import angle_between, angles, unit_vector
from sonoscope.core.errors import InputError, SettingError
from sonoscope.datasets.responses import read_room
from sonoscope.datasets.sofa import MAX_BYTES, read_sofa

RATE = 48_000
DEGREES = "degree, degree, metre"


def write_sofa(
    path: Path,
    ir: ndarray,
    convention: str = "SingleRoomSRIR",
    data_type: str = "FIR",
    *,
    delay: ndarray | None = None,
    rate: float = RATE,
    **places: tuple[ndarray, str, str],
) -> Path:
    """Write a file as the SOFA APIs do: netCDF-4's dimension scales, then variables on them."""
    order = {"FIR": "MRN", "FIRE": "MREN", "FIR-E": "MRNE"}[data_type]
    size = dict(zip(order, ir.shape, strict=True))
    size |= {"I": 1, "C": 3, "E": size.get("E", 1)}
    defaults: dict[str, tuple[ndarray, str, str]] = {
        "ListenerPosition": (np.zeros((1, 3)), "cartesian", "metre"),
        "ListenerView": (np.array([[1.0, 0, 0]]), "cartesian", "metre"),
        "ListenerUp": (np.array([[0.0, 0, 1]]), "cartesian", "metre"),
        "ReceiverPosition": (np.zeros((size["R"], 3, 1)), "cartesian", "metre"),
        "SourcePosition": (np.array([[0.0, 0, 1.5]]), "spherical", DEGREES),
        "EmitterPosition": (np.zeros((size["E"], 3, 1)), "cartesian", "metre"),
    }
    with h5py.File(path, "w") as file:
        file.attrs.update(
            {
                "Conventions": "SOFA",
                "Version": "2.1",
                "SOFAConventions": convention,
                "SOFAConventionsVersion": "1.0",
                "DataType": data_type,
                "RoomType": "reverberant",
                "Title": "a hall",
                "Organization": np.bytes_("an institute"),
                "License": "CC BY 4.0",
            }
        )
        for name in "ICRENM":
            if name in size:
                scale = file.create_dataset(name, data=np.zeros(size[name]))
                scale.make_scale("This is a netCDF dimension but not a netCDF variable.")
        for name, (values, kind, units) in (defaults | places).items():
            variable = file.create_dataset(name, data=np.asarray(values, np.float64))
            variable.attrs["Type"], variable.attrs["Units"] = kind, units
        response = file.create_dataset("Data.IR", data=ir)
        for axis, name in enumerate(order):
            response.dims[axis].attach_scale(file[name])
        file.create_dataset("Data.SamplingRate", data=np.array([rate]))
        file["Data.SamplingRate"].attrs["Units"] = "hertz"
        late = np.zeros((1, size["R"])) if delay is None else delay
        file.create_dataset("Data.Delay", data=late)
    return path


def _pulses(*shape: int) -> NDArray[np.float64]:
    """Give decaying noise behind a pulse at tap 20, each response another."""
    rng = np.random.default_rng(1)
    ir = 0.05 * rng.standard_normal(shape) * np.exp(-np.arange(shape[-1]) / 50)
    ir[..., :20] = 0
    ir[..., 20] = 1
    return np.asarray(ir)


def _tetrahedron() -> tuple[ndarray, str, str]:
    azimuth, elevation = np.rad2deg(angles(TETRAHEDRON.directions))
    rows = np.stack([azimuth, elevation, np.full(4, 0.042)], axis=1)
    return rows[:, :, None], "spherical", DEGREES


def test_an_array_in_a_room(tmp_path: Path) -> None:
    sources = np.array([[30.0, 10.0, 1.0], [120.0, 0.0, 2.0], [350.0, -20.0, 1.5]])
    ir = _pulses(3, 4, 100)
    path = write_sofa(
        tmp_path / "room.sofa",
        ir,
        SourcePosition=(sources, "spherical", "degree, degree, meter"),
        ReceiverPosition=_tetrahedron(),
    )
    room = read_room(path)
    assert room.channels == TETRAHEDRON
    assert room.rate_hz == RATE
    np.testing.assert_array_equal(room.responses, ir.astype(np.float32))
    wanted = unit_vector(*np.deg2rad(sources[:, :2].T))
    np.testing.assert_allclose(room.directions, wanted, atol=1e-12)
    np.testing.assert_allclose(room.distance_m, sources[:, 2])
    assert room.credit == "a hall, an institute [CC BY 4.0]"
    assert room.name == "a hall"


def test_directions_are_turned_into_the_listeners_axes(tmp_path: Path) -> None:
    """A listener at (1, 2, 3) that looks along y and lies on its side."""
    path = write_sofa(
        tmp_path / "room.sofa",
        _pulses(3, 1, 64),
        SourcePosition=(
            np.array([[1.0, 4, 3], [1.0, 2, 4], [3.0, 2, 3]]), "cartesian", "metre",
        ),
        ListenerPosition=(np.array([[1.0, 2, 3]]), "cartesian", "metre"),
        ListenerView=(np.array([[0.0, 5, 0]]), "cartesian", "metre"),
        ListenerUp=(np.array([[1.0, 0.3, 0]]), "cartesian", "metre"),
    )  # fmt: skip
    room = read_room(path)
    # its up is x, so its left is up x view = z
    np.testing.assert_allclose(room.directions, [[1, 0, 0], [0, 1, 0], [0, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(room.distance_m, [2, 1, 2])
    assert room.channels == "mono"


def test_a_view_for_each_measurement(tmp_path: Path) -> None:
    """A head that turns left sees a source ahead move to its right."""
    views = np.array([[0.0, 0, 1], [90.0, 0, 1]])
    path = write_sofa(
        tmp_path / "brir.sofa",
        _pulses(2, 2, 64),
        "SingleRoomDRIR",
        ListenerView=(views, "spherical", DEGREES),
        ReceiverPosition=(
            np.array([[0.0, 0.09, 0], [0.0, -0.09, 0]])[:, :, None], "cartesian", "metre",
        ),
    )  # fmt: skip
    azimuth, _ = angles(read_room(path).directions)
    np.testing.assert_allclose(np.rad2deg(azimuth), [0, -90], atol=1e-9)


@pytest.mark.parametrize("data_type", ["FIRE", "FIR-E"])
def test_each_emitter_is_a_position(tmp_path: Path, data_type: str) -> None:
    ir = _pulses(2, 2, 3, 64)  # measurement, receiver, emitter, tap
    stored = ir if data_type == "FIRE" else np.moveaxis(ir, 2, 3)
    emitters = np.array([[2.0, 0, 0], [0.0, 2, 0], [0.0, 0, 3]])
    path = write_sofa(
        tmp_path / "many.sofa",
        stored,
        "MultiSpeakerBRIR",
        data_type,
        SourcePosition=(np.zeros((1, 3)), "cartesian", "metre"),
        EmitterPosition=(emitters[:, :, None], "cartesian", "metre"),
        ListenerView=(np.array([[1.0, 0, 0], [0.0, 1, 0]]), "cartesian", "metre"),
    )
    room = read_room(path)
    assert room.channels == "stereo"
    assert room.n_positions == 6
    for measurement in range(2):
        for emitter in range(3):
            np.testing.assert_array_equal(
                room.responses[3 * measurement + emitter],
                ir[measurement, :, emitter].astype(np.float32),
            )
    np.testing.assert_allclose(room.directions[:3], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(room.directions[3], [0, -1, 0], atol=1e-12)


def test_delays_between_channels_are_applied(tmp_path: Path) -> None:
    ir = _pulses(2, 2, 64)
    whole = write_sofa(
        tmp_path / "whole.sofa", ir, "SimpleFreeFieldHRIR", delay=np.array([[1000.0, 1003.0]])
    )
    room = read_room(whole)
    np.testing.assert_array_equal(room.responses[:, 0, :64], ir[:, 0].astype(np.float32))
    np.testing.assert_array_equal(room.responses[:, 1, 3:67], ir[:, 1].astype(np.float32))
    part = write_sofa(
        tmp_path / "part.sofa", ir, "GeneralFIR", delay=np.array([[2.0, 2.5], [3.25, 2.0]])
    )
    taps = read_sofa(part, channels="stereo").responses
    hz = np.fft.rfftfreq(256)
    ratio = np.fft.rfft(taps[:, 1], 256) / np.fft.rfft(taps[:, 0], 256)
    dry = np.fft.rfft(ir[:, 1], 256) / np.fft.rfft(ir[:, 0], 256)
    late = np.angle(ratio / dry)[:, 5:60] / (-2 * np.pi * hz[5:60])
    np.testing.assert_allclose(late, np.broadcast_to([[0.5], [-1.25]], late.shape), atol=0.05)


def test_a_round_trip_of_directions_on_a_dense_grid(tmp_path: Path) -> None:
    azimuth, elevation = np.meshgrid(np.arange(0, 360, 10.0), np.arange(-40, 50, 10.0))
    rows = np.stack([azimuth.ravel(), elevation.ravel(), np.ones(azimuth.size)], axis=1)
    path = write_sofa(
        tmp_path / "grid.sofa",
        _pulses(len(rows), 4, 40),
        SourcePosition=(rows, "spherical", DEGREES),
    )
    room = read_sofa(path, channels="foa")
    for wanted in rows[::17]:
        towards = unit_vector(*np.deg2rad(wanted[:2] + 2.0))
        found = room.spot(room.nearest(towards))
        assert np.rad2deg(angle_between(found.direction, towards)) < 4
        assert np.rad2deg(angles(found.direction)).round(6) % 360 == pytest.approx(wanted[:2] % 360)


def test_fields_that_may_lack(tmp_path: Path) -> None:
    path = write_sofa(tmp_path / "bare.sofa", _pulses(1, 1, 40), "GeneralFIR")
    with h5py.File(path, "a") as file:
        for name in ("ListenerView", "ListenerUp", "ListenerPosition", "Data.Delay", "License"):
            if name in file:
                del file[name]
        del file.attrs["License"]
    room = read_room(path)
    np.testing.assert_allclose(room.directions, [[1, 0, 0]], atol=1e-12)
    assert room.credit.endswith("[no licence stated]")


Spoil = Callable[[h5py.File], None]


def _attribute(name: str, value: str, of: str | None = None) -> Spoil:
    def spoil(file: h5py.File) -> None:
        (file if of is None else file[of]).attrs[name] = value

    return spoil


def _values(name: str, values: ndarray) -> Spoil:
    def spoil(file: h5py.File) -> None:
        kept = dict(file[name].attrs)
        del file[name]
        file.create_dataset(name, data=values)
        for key in ("Type", "Units"):
            if key in kept:
                file[name].attrs[key] = kept[key]

    return spoil


def _without(name: str) -> Spoil:
    def spoil(file: h5py.File) -> None:
        del file[name]

    return spoil


def _huge(file: h5py.File) -> None:
    del file["Data.IR"]
    file.create_dataset("Data.IR", (1, 4, MAX_BYTES), "f4", chunks=(1, 1, 1 << 16))


def _outside(file: h5py.File) -> None:
    del file["Data.IR"]
    file.create_dataset("Data.IR", (1, 4, 8), "f4", external=[("/etc/passwd", 0, 128)])


NAN = np.full((1, 4, 60), np.nan)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_attribute("Conventions", "netCDF"), "must be a SOFA file of"),
        (_attribute("SOFAConventions", "SimpleHeadphoneIR"), "but 'SimpleHeadphoneIR' was given"),
        (_attribute("DataType", "SOS"), "DataType must be FIR, FIRE, FIR-E, but 'SOS'"),
        (_without("Data.IR"), "must have the variable Data.IR"),
        (_values("Data.IR", np.zeros((4, 60))), "Data.IR must have the dimensions M, R, N"),
        (_values("Data.IR", np.zeros((1, 4, 0))), "and hold something"),
        (_values("Data.IR", NAN), "Data.IR must be finite numbers"),
        (_values("Data.IR", np.zeros((1, 4, 60))), "must hold a sound, but position 0 is silent"),
        (_huge, "Data.IR must have at most 2048 MiB, but 32768 MiB"),
        (_outside, "Data.IR must be numbers in this file"),
        (_values("Data.SamplingRate", np.array([44100.5])), "Data.SamplingRate must be one whole"),
        (_values("Data.SamplingRate", np.array([44100.0, 48000.0])), "must be one whole number"),
        (_attribute("Units", "kilohertz", "Data.SamplingRate"), "of 8000..192000 hertz, but"),
        (_without("SourcePosition"), "must have the variable SourcePosition"),
        (_attribute("Units", "degree, degree, millimetre", "SourcePosition"), "millimetre was"),
        (_attribute("Type", "spherical harmonics", "SourcePosition"), "must be cartesian in metre"),
        (_values("SourcePosition", np.array([[0.0, 95.0, 1.0]])), "elevations in -90..90"),
        (_values("SourcePosition", np.array([[0.0, 0.0, 1500.0]])), "metres, not millimetres"),
        (_values("SourcePosition", np.array([[0.0, 0.0, 0.0]])), "0.001..1000 m from the listener"),
        (_values("SourcePosition", np.ones((2, 3))), "must have 1 or 1 rows, but"),
        (_values("SourcePosition", np.ones((1, 2))), "must have 3 coordinates"),
        (_values("ListenerUp", np.array([[-2.0, 0, 0]])), "must not point along one line"),
        (_values("ReceiverPosition", np.eye(4, 3)[..., None] * 42.0), "metres, not millimetres"),
        (_values("ReceiverPosition", np.eye(3)[..., None]), "must have 4 rows"),
        (_values("Data.Delay", np.zeros((1, 3))), "Data.Delay must have the dimensions"),
        (_values("Data.Delay", np.full((1, 4), 1e9)), "Data.Delay must be at most"),
    ],
)
def test_a_file_is_refused_that_cannot_be(tmp_path: Path, spoil: Spoil, says: str) -> None:
    path = write_sofa(tmp_path / "bad.sofa", _pulses(1, 4, 60), ReceiverPosition=_tetrahedron())
    read_room(path)
    with h5py.File(path, "a") as file:
        spoil(file)
    with pytest.raises(InputError, match=r"bad\.sofa: .*") as refusal:
        read_room(path)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_receivers_that_are_no_array_must_be_declared(tmp_path: Path) -> None:
    path = write_sofa(tmp_path / "foa.sofa", _pulses(1, 4, 60))
    with pytest.raises(SettingError, match="channels of 4 receivers must be declared"):
        read_room(path)
    assert read_room(path, channels="foa").channels == "foa"
    with pytest.raises(InputError, match="responses of stereo must have 2 channels, but 4"):
        read_room(path, channels="stereo")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = write_sofa(tmp_path / "cut.sofa", _pulses(4, 4, 600), ReceiverPosition=_tetrahedron())
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(InputError, match=r"cut\.sofa: must be"):
        read_room(path)
    (tmp_path / "no.sofa").write_text("hello")
    with pytest.raises(InputError, match="it cannot be opened"):
        read_sofa(tmp_path / "no.sofa")
