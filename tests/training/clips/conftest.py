"""The tiny training on clips, as a module that tests in this process can use."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).with_name("tiny_clips.py")


@pytest.fixture(scope="session")
def tiny_clips() -> ModuleType:
    """Give the tiny recipe and the maker of its clips."""
    spec = importlib.util.spec_from_file_location("tiny_clips_training", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_clips_training"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory, tiny_clips: ModuleType) -> Path:
    """Give a data folder with sixty clips of three tones."""
    data: Path = tiny_clips.write_tones(tmp_path_factory.mktemp("tones"))
    return data
