"""Shape checks on, seeds fixed, hypothesis without deadlines, and where the reference data lie."""

import os
from pathlib import Path

# Tests run beside each other, and threads that wait at barriers for busy cores stand still.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
from jaxtyping import install_import_hook

install_import_hook("sonoscope", "beartype.beartype")  # every shape in a signature is checked

hypothesis.settings.register_profile("sonoscope", deadline=None, derandomize=True)
hypothesis.settings.load_profile("sonoscope")

SHARED = Path(
    os.environ.get("SONOSCOPE_SHARED", Path(__file__).resolve().parents[2] / "shared" / "data")
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs the reference data where there are none, unless they are required."""
    if SHARED.is_dir():
        return
    if os.environ.get("SONOSCOPE_REQUIRE_SHARED"):
        raise pytest.UsageError(f"the reference data must lie in {SHARED}, but it does not exist")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(pytest.mark.skip(reason=f"no reference data in {SHARED}"))


@pytest.fixture
def shared() -> Path:
    """Give the folder of the reference data."""
    return SHARED
