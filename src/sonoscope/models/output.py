"""What every network of this house answers: how sure it is of each label, and where it hears it."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Output(NamedTuple):
    """One answer a label frame.

    Attributes
    ----------
    activity
        Logits: the sigmoid of one is the probability that its label sounds.
    direction
        A vector (x, y, z) towards each label, of any length; it means nothing where the label is
        silent.
    """

    activity: Float[Tensor, "batch frame label"]
    direction: Float[Tensor, "batch frame label 3"]
