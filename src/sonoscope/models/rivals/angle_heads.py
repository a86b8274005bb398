"""Three linear heads a frame: activity, azimuth and elevation of each label.

Angles are radians and unbounded; a network answers with the unit vectors that they point along.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sonoscope.models.output import Output


class AngleHeads(nn.Module):
    """From what each frame holds to a class-wise answer."""

    def __init__(self, n_inputs: int, n_labels: int) -> None:
        super().__init__()
        self.activity = nn.Linear(n_inputs, n_labels)
        self.azimuth = nn.Linear(n_inputs, n_labels)
        self.elevation = nn.Linear(n_inputs, n_labels)

    def forward(self, sequence: Float[Tensor, "batch frame feature"]) -> Output:
        """Answer each frame."""
        angles = torch.stack((self.azimuth(sequence), self.elevation(sequence)), dim=-1)
        return Output.from_angles(self.activity(sequence), angles)
