"""Writes a corpus of bad inputs: files that lie, break off, hold no sound, or are something else.

Each entry says what is wrong and whether sonoscope refuses it in one line or still analyses what is
there. `python -m tests.journeys.bad_files FOLDER` writes the corpus and prints the table.
"""

import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from jaxtyping import Float
from numpy import ndarray

Culprit = Literal["sound", "geometry", "model"]

_RATE_HZ = 24_000


@dataclass(frozen=True, slots=True)
class BadFile:
    """One bad input.

    Attributes
    ----------
    name
        Of the entry.
    path
        The recording to analyse.
    why
        What is wrong, in a few words.
    options
        More command line options for `sonoscope analyze`.
    culprit
        Which input is at fault.
    at_fault
        That input: the recording, the geometry or the model file.
    refused
        False where what is there is still analysed.
    """

    name: str
    path: Path
    why: str
    options: tuple[str, ...]
    culprit: Culprit
    at_fault: Path
    refused: bool

    @property
    def channel_format(self) -> str | None:
        """The format the recording is said to have, if the options say one."""
        if "--format" not in self.options or self.culprit == "geometry":
            return None
        return self.options[self.options.index("--format") + 1]


def write_corpus(folder: Path) -> list[BadFile]:
    """Write all bad inputs below a folder that exists and is empty."""
    good = folder / "good.wav"
    soundfile.write(good, _sound(4), _RATE_HZ, subtype="PCM_16")
    return [*_sounds(folder), *_geometries(folder, good), *_models(folder, good)]


def _sounds(folder: Path) -> Iterator[BadFile]:
    for maker in (_truncated, _forged, _not_numbers, _counts, _other_files, _not_files):
        for path, why, refused, options in maker(folder):
            yield BadFile(path.name[:40], path, why, options, "sound", path, refused)


_Made = Iterator[tuple[Path, str, bool, tuple[str, ...]]]


def _sound(n_channels: int, n_samples: int = _RATE_HZ) -> Float[ndarray, "sample channel"]:
    noise = np.random.default_rng(7).standard_normal((n_samples, n_channels))
    return np.asarray(0.1 * noise, np.float32)


def _encoded(folder: Path, container: str, subtype: str) -> bytes:
    path = folder / f"whole.{container.lower()}"
    soundfile.write(path, _sound(4), _RATE_HZ, format=container, subtype=subtype)
    data = path.read_bytes()
    path.unlink()
    return data


def _put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _truncated(folder: Path) -> _Made:
    kinds = [
        ("WAV", "PCM_16", "wav", 20), ("WAVEX", "FLOAT", "wav", 40), ("RF64", "PCM_24", "wav", 30),
        ("FLAC", "PCM_16", "flac", 30), ("OGG", "VORBIS", "ogg", 300), ("OGG", "OPUS", "opus", 60),
        ("AIFF", "PCM_16", "aiff", 30),
    ]  # fmt: skip
    for container, subtype, suffix, header in kinds:
        data = _encoded(folder, container, subtype)
        name = f"{container}-{subtype}".lower()
        cut = _put(folder / f"cut-in-header-{name}.{suffix}", data[:header])
        yield cut, f"{header} bytes of a header", True, ()
        cut = _put(folder / f"cut-in-half-{name}.{suffix}", data[: len(data) // 2 + 1])
        yield cut, "half of the file", False, ()
    wav = _encoded(folder, "WAV", "PCM_16")
    yield _put(folder / "empty.wav", b""), "no byte at all", True, ()
    yield _put(folder / "header-only.wav", wav[:44]), "a header of 44 bytes, no sample", True, ()


def _forged(folder: Path) -> _Made:
    wav = _encoded(folder, "WAV", "PCM_16")
    for name, at, value, why, refused in [
        ("data-4gib", 40, b"\xff" * 4, "data size 0xFFFFFFFF", False),
        ("data-2gib", 40, struct.pack("<I", 1 << 31), "data size 2 GiB", False),
        ("data-zero", 40, bytes(4), "data size 0 before a second of sound", True),
        ("riff-2gib", 4, struct.pack("<I", 1 << 31), "RIFF size 2 GiB", False),
        ("no-channels", 22, bytes(2), "0 channels", True),
        ("2000-channels", 22, struct.pack("<H", 2000), "2000 channels", True),
        ("rate-0", 24, bytes(4), "rate 0 Hz", True),
        ("rate-2ghz", 24, struct.pack("<I", (1 << 31) + 5), "rate 2 GHz", True),
        ("77-bits", 34, struct.pack("<H", 77), "77 bits a sample", True),
        ("unknown-codec", 20, struct.pack("<H", 0x55AA), "an unknown codec", True),
    ]:
        forged = wav[:at] + value + wav[at + len(value) :]
        yield _put(folder / f"{name}.wav", forged), why, refused, ()
    endless = wav[:12] + b"LIST" + struct.pack("<I", 0xFFFFFFF0) + wav[12:]
    yield _put(folder / "endless-list.wav", endless), "a LIST chunk of 4 GiB", True, ()
    flac = bytearray(_encoded(folder, "FLAC", "PCM_16"))
    flac[21] |= 0x0F
    flac[22:26] = b"\xff" * 4
    yield _put(folder / "1-tib.flac", bytes(flac)), "2^36 - 1 samples promised", False, ()
    rf64 = bytearray(_encoded(folder, "RF64", "PCM_24"))
    ds64 = rf64.find(b"ds64") + 8
    rf64[ds64 : ds64 + 24] = struct.pack("<QQQ", 1 << 60, 1 << 60, 1 << 60)
    yield _put(folder / "1-eib.wav", bytes(rf64)), "RF64 lengths of 2^60", False, ()
    aiff = bytearray(_encoded(folder, "AIFF", "PCM_16"))
    frames = aiff.find(b"COMM") + 10
    aiff[frames : frames + 4] = b"\xff" * 4
    yield _put(folder / "frames.aiff", bytes(aiff)), "2^32 - 1 frames promised", False, ()
    damaged = bytearray(_encoded(folder, "FLAC", "PCM_16"))
    half = len(damaged) // 2
    damaged[half : half + 2000] = bytes(2000)
    yield _put(folder / "damaged.flac", bytes(damaged)), "2000 zeros in the middle", True, ()


def _not_numbers(folder: Path) -> _Made:
    for name, value, at in [
        ("nan", np.nan, 1000), ("inf", np.inf, 0), ("minus-inf-late", -np.inf, 69_000),
        ("1e38", 1e38, 12_000),
    ]:  # fmt: skip
        samples = _sound(4, 3 * _RATE_HZ)
        samples[at, 2] = value
        path = folder / f"{name}.wav"
        soundfile.write(path, samples, _RATE_HZ, subtype="FLOAT")
        yield path, f"a sample of {value:g}", True, ()


def _counts(folder: Path) -> _Made:
    for count, format_name in [
        (1, None), (2, None), (3, None), (5, None), (64, None), (1024, None), (5, "foa"),
        (1, "foa"), (3, "fuma"), (2, "tetra"), (4, "mono"), (1, "stereo"),
    ]:  # fmt: skip
        path = folder / f"{count}-channels{'-as-' + format_name if format_name else ''}.wav"
        soundfile.write(
            path, _sound(count, 4 * _RATE_HZ // max(4, count)), _RATE_HZ, subtype="PCM_16"
        )
        options = ("--format", format_name) if format_name else ()
        yield path, f"{count} channels", format_name is not None or count > 2, options
    for rate_hz in (1, 4_000, 768_000):
        path = folder / f"{rate_hz}-hz.wav"
        soundfile.write(path, _sound(4), rate_hz, subtype="PCM_16")
        yield path, f"a rate of {rate_hz} Hz", True, ()


def _other_files(folder: Path) -> _Made:
    flac = _encoded(folder, "FLAC", "PCM_16")
    png = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de")
    text = b"time,label\n0.0,dog\n" * 100
    yield _put(folder / "a-flac.wav", flac), "a FLAC that is called .wav", False, ()
    yield _put(folder / "text.wav", text), "text", True, ()
    yield _put(folder / "text.raw", text), "text with a name that libsndfile trusts", True, ()
    yield _put(folder / "image.wav", png), "a PNG", True, ()
    yield _put(folder / "zeros.flac", bytes(4096)), "4096 zeros", True, ()
    noise = np.random.default_rng(3).integers(0, 256, 10_000, np.uint8).tobytes()
    yield _put(folder / "noise.ogg", noise), "random bytes", True, ()
    yield _put(folder / "ogg-head.ogg", b"OggS" + noise), "an Ogg mark, then random bytes", True, ()
    au = folder / "sun.wav"
    soundfile.write(au, _sound(4), _RATE_HZ, format="AU", subtype="PCM_16")
    yield au, "a kind of file that is not listened to", True, ()


def _not_files(folder: Path) -> _Made:
    (folder / "folder.wav").mkdir()
    yield folder / "folder.wav", "a directory", True, ()
    yield folder / "missing.wav", "no file", True, ()
    yield folder / ("long" * 80 + ".wav"), "a name too long for the file system", True, ()
    (folder / "dangling.wav").symlink_to(folder / "nowhere.wav")
    yield folder / "dangling.wav", "a link to nothing", True, ()
    (folder / "circle.wav").symlink_to(folder / "circle.wav")
    yield folder / "circle.wav", "a link to itself", True, ()
    os.mkfifo(folder / "pipe.wav")
    yield folder / "pipe.wav", "a named pipe that nobody writes to", True, ()
    yield Path("/dev/zero"), "a device without end", True, ()
    locked = folder / "locked.wav"
    soundfile.write(locked, _sound(4), _RATE_HZ, subtype="PCM_16")
    locked.chmod(0)
    readable = os.access(locked, os.R_OK)  # an administrator may read all
    yield locked, "no permission to read", not readable, ()


_TETRA_DEG = "capsules_deg = [[45, 35], [-45, -35], [135, -35], [-135, 35]]\n"

_GEOMETRIES = {
    "not-toml": ("capsules: [1, 2, 3]\n", "YAML"),
    "empty": ("", "an empty file"),
    "unknown-key": ("radius_m = 0.042\ngain_db = 3\n" + _TETRA_DEG, "an unknown key"),
    "negative-radius": ("radius_m = -0.042\n" + _TETRA_DEG, "a negative radius"),
    "nan-radius": ("radius_m = nan\n" + _TETRA_DEG, "a radius that is no number"),
    "no-radius": (_TETRA_DEG, "angles without a radius"),
    "text-radius": ('radius_m = "0.042"\n' + _TETRA_DEG, "a radius in quotes"),
    "millimetres": ("capsules_m = [[24, 0, 0], [-24, 0, 0], [0, 24, 0], [0, 0, 24]]\n", "mm"),
    "nan": ("capsules_m = [[nan, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]\n", "NaN"),
    "infinite": ("capsules_m = [[inf, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]\n", "infinity"),
    "no-capsules": ("capsules_m = []\n", "no capsules"),
    "same-place": (
        "capsules_m = [[0.1, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]]\n",
        "two capsules at one place",
    ),
    "three-capsules": (
        "capsules_m = [[0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]]\n",
        "three capsules for four channels",
    ),
    "two-numbers": ("capsules_m = [[0.1, 0], [0, 0.1]]\n", "two numbers a capsule"),
    "both": ("radius_m = 0.1\ncapsules_m = [[0, 0, 1]]\n" + _TETRA_DEG, "two lists of capsules"),
    "soft-baffle": ('radius_m = 0.042\nbaffle = "soft"\n' + _TETRA_DEG, "an unknown baffle"),
    "not-a-sphere": (
        'baffle = "rigid"\ncapsules_m = [[0.1, 0, 0], [0, 0.2, 0], [0, 0, 0.3], [-0.1, 0, 0]]\n',
        "a rigid sphere with three radii",
    ),
}


def _geometries(folder: Path, good: Path) -> Iterator[BadFile]:
    for name, (text, why) in _GEOMETRIES.items():
        path = _put(folder / f"geometry-{name}.toml", text.encode())
        yield BadFile(path.stem, good, why, ("--format", str(path)), "geometry", path, refused=True)
    for name, data, why in [
        ("binary", bytes(range(256)), "bytes that are no UTF-8"),
        ("sound", good.read_bytes(), "a sound file in place of a geometry"),
    ]:
        path = _put(folder / f"geometry-{name}.toml", data)
        yield BadFile(path.stem, good, why, ("--format", str(path)), "geometry", path, refused=True)
    path = folder / "geometry-missing.toml"
    yield BadFile(path.stem, good, "no file", ("--format", str(path)), "geometry", path, True)


def _models(folder: Path, good: Path) -> Iterator[BadFile]:
    graph = onnx_without_card()
    (folder / "model-folder.onnx").mkdir()
    for name, data, why in [
        ("text", b"this is not a model\n", "text"),
        ("empty", b"", "an empty file"),
        ("truncated", graph[: len(graph) // 2], "half an ONNX file"),
        ("random", np.random.default_rng(5).bytes(4096), "random bytes"),
        ("no-card", graph, "an ONNX graph without a card"),
        ("bad-card", onnx_without_card() + _metadata("sonoscope.card", "{"), "a card of no JSON"),
        ("empty-card", onnx_without_card() + _metadata("sonoscope.card", "{}"), "an empty card"),
        ("sound", good.read_bytes(), "a sound file in place of a model"),
        ("folder", None, "a directory"),
        ("missing", None, "no file"),
    ]:
        path = folder / f"model-{name}.onnx"
        if data is not None:
            path.write_bytes(data)
        yield BadFile(path.stem, good, why, ("--model", str(path)), "model", path, refused=True)


def onnx_without_card() -> bytes:
    """Give a valid ONNX model, y = Identity(x), written field by field (onnx.proto)."""
    node = _text(1, "x") + _text(2, "y") + _text(4, "Identity")
    graph = _message(1, node) + _text(2, "identity")
    graph += _message(11, _value("x")) + _message(12, _value("y"))
    return _number(1, 8) + _message(7, graph) + _message(8, _number(2, 17))


def _metadata(key: str, value: str) -> bytes:
    return _message(14, _text(1, key) + _text(2, value))


def _value(name: str) -> bytes:
    shape = _message(1, _number(1, 4))
    return _text(1, name) + _message(2, _message(1, _number(1, 1) + _message(2, shape)))


def _message(field: int, content: bytes) -> bytes:
    assert len(content) < 1 << 14
    low, high = len(content) & 127, len(content) >> 7
    size = bytes([low | 128, high]) if high else bytes([low])
    return bytes([field << 3 | 2]) + size + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _number(field: int, value: int) -> bytes:
    return bytes([field << 3, value])


if __name__ == "__main__":
    for entry in write_corpus(Path(sys.argv[1])):
        fate = "refused" if entry.refused else "analysed"
        print(f"{entry.name:40} {fate:8} {entry.why} {' '.join(entry.options)}")  # noqa: T201
