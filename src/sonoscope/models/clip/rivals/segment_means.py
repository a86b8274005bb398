"""Means over segments: any number of places brought to a given number, as a product of matrices.

Segment i of n covers places floor(i N / n) to ceil((i + 1) N / n), which is what
`torch.nn.AdaptiveAvgPool1d` averages too, in a form that every runtime knows.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def segment_means(
    sequence: Float[Tensor, "*batch _"], n_segments: int
) -> Float[Tensor, "*batch _"]:
    """Average the last axis over `n_segments` segments of it.

    Examples
    --------
    >>> segment_means(torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2).tolist()
    [[2.0, 4.0]]
    """
    n_places = sequence.shape[-1]
    if n_places == n_segments:
        return sequence
    index = torch.arange(n_segments, device=sequence.device)
    place = torch.arange(n_places, device=sequence.device)[:, None]
    first = index * n_places // n_segments
    last = -(-(index + 1) * n_places // n_segments)
    inside = ((place >= first) & (place < last)).to(sequence.dtype)
    return sequence @ (inside / (last - first))
