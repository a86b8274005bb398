"""Geometry files of Acoular: `<MicArray name="..."><pos Name="1" x="0" y="0" z="0"/>...`.

Read strictly and by the standard library alone: such a file needs no document type and no entities,
so that whatever declares any (and might grow without end, or read other files) is refused.
"""

from pathlib import Path
from typing import NoReturn
from xml.parsers.expat import ExpatError, ParserCreate

from sonoscope.core.errors import InputError

_MOST_BYTES = 1 << 20


def read_acoular_xml(path: Path) -> tuple[str, list[tuple[float, float, float]]]:
    """Give an array's name and the places of its capsules, in the order of the file.

    Raises
    ------
    InputError
        If it is no file of at most 1 MiB, no XML, declares a document type, or a capsule's place is
        not three numbers.
    """
    content = _content(path)
    name, rows = path.stem, list[tuple[float, float, float]]()
    depth = 0

    def begun(tag: str, attributes: dict[str, str]) -> None:
        nonlocal name, depth
        if depth == 0 and tag != "MicArray":
            raise InputError(f"{path}: must be a MicArray of Acoular, but <{tag:.40}> was given")
        depth += 1
        if tag == "MicArray":
            name = attributes.get("name") or name
        elif tag == "pos":
            rows.append(_place(path, len(rows), attributes))

    def ended(_tag: str) -> None:
        nonlocal depth
        depth -= 1

    def refused(*_: object) -> NoReturn:
        raise InputError(f"{path}: must declare no document type and no entities, but it does")

    parser = ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begun, ended
    parser.StartDoctypeDeclHandler = refused
    parser.EntityDeclHandler = refused
    try:
        parser.Parse(content, True)  # noqa: FBT003 (the last piece)
    except InputError:
        raise
    # ValueError, LookupError: an encoding that expat or Python cannot read
    except (ExpatError, LookupError, ValueError) as error:
        raise InputError(f"{path}: must be readable XML, but: {error}") from error
    return name, rows


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(
                f"{path}: a geometry file must be a file, but there is none of that name"
            )
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: a geometry file must be a text of at most 1 MiB")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _place(path: Path, number: int, attributes: dict[str, str]) -> tuple[float, float, float]:
    told = [attributes.get(axis, "") for axis in "xyz"]
    try:
        x, y, z = (float(text) for text in told)
    except ValueError:
        x = y = z = float("nan")
    if not all(abs(value) < 1e9 for value in (x, y, z)):
        raise InputError(
            f"{path}: pos {number + 1} must have x, y and z as finite numbers, "
            f"but {', '.join(repr(text[:20]) for text in told)} was given"
        )
    return x, y, z
