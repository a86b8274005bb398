"""What stands in the card of an exported model can be read again."""

import shutil
from pathlib import Path

from sonoscope.inference.model_file import load
from sonoscope.training.export import note_metrics

TOY = Path(__file__).parents[1] / "inference" / "toys" / "foa.onnx"


def test_scores_that_are_no_numbers_are_left_out_of_the_card(tmp_path: Path) -> None:
    """A network that finds nothing has no direction error; its file must be readable still."""
    path = tmp_path / "foa.onnx"
    shutil.copy(TOY, path)
    note_metrics(path, "silence", {"ER": float("inf"), "F": 0.0, "DE": float("nan"), "FR": 1.0})
    assert load(path).card.metrics["silence"] == {"F": 0.0, "FR": 1.0}
