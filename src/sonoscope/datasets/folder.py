"""A user's own clips: one folder a label, sound files within.

```
sounds/
├── door_wood_knock/
│   ├── first.wav            a group of its own, known by its bytes
│   └── front_door/          all below: one group, `door_wood_knock/front_door`
│       ├── 1.wav
│       └── 2.wav
└── siren/ ...
```

A file's group is the hash of its bytes, so that a copy under another name on the other side of a
split is found; files in a folder below the label belong to that folder's group. Where a rule for
names is given, it comes first: `motor7_001.wav` and `motor7_002.wav` are one group by the rule
`(.+)_[0-9]+`, whatever their label.
"""

import hashlib
import re
from collections.abc import Collection
from pathlib import Path

from sonoscope.core.errors import InputError, SettingError
from sonoscope.simulation.sources import Clip

SUFFIXES = frozenset({".aif", ".aiff", ".flac", ".oga", ".ogg", ".opus", ".rf64", ".wav"})


def clips(
    folder: Path,
    *,
    labels: Collection[str] | None = None,
    licence: str = "unknown",
    attribution: str | None = None,
    group_rule: str | None = None,
) -> list[Clip]:
    """List the sound files below each label's folder, in order of their names.

    Parameters
    ----------
    folder
        Holds a folder a label; its name becomes the clips' fold.
    labels
        Which to keep; all where None.
    licence, attribution
        Said of every clip; the attribution is the file's path in `folder` where None.
    group_rule
        A regular expression for the beginning of a file's name (without its suffix), whose first
        group, or whole match where it has none, names the clip's group.

    Raises
    ------
    InputError
        Where there is no folder or no sound file of a label, or a name does not follow the rule.
    SettingError
        For a label that has no folder, or a rule that is no regular expression.
    """
    rule = _rule(group_rule)
    if not folder.is_dir():
        raise InputError(f"{folder} must be a folder with a folder a label, but it is not")
    present = sorted(path.name for path in folder.iterdir() if path.is_dir())
    missing = sorted(set(labels or ()) - set(present))
    if missing:
        raise SettingError(f"labels must be folders in {folder}, but {missing[0]} was given")
    found = []
    for label in present:
        if labels is not None and label not in labels:
            continue
        paths = _sound_files(folder / label)
        if not paths:
            raise InputError(f"{folder / label} must hold sound files, but none was found")
        for path in paths:
            said = attribution or path.relative_to(folder).as_posix()
            group = _group(path, folder / label) if rule is None else _named_group(path, rule)
            found.append(Clip(label, path, group, folder.name, licence, said))
    if not found:
        raise InputError(f"{folder} must hold a folder a label, but none was found")
    return found


def _sound_files(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES
    )


def _group(path: Path, label_folder: Path) -> str:
    within = path.relative_to(label_folder).parts
    if len(within) > 1:
        return f"folder:{label_folder.name}/{within[0]}"
    return f"file:{hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()}"


def _rule(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise SettingError(f"group_rule must be a regular expression, but {text!r}: {error}") from (
            error
        )


def _named_group(path: Path, rule: re.Pattern[str]) -> str:
    found = rule.match(path.stem)
    if found is None:
        raise InputError(f"{path}: the name must follow the rule {rule.pattern!r}, but does not")
    return f"name:{found[1] if rule.groups else found[0]}"
