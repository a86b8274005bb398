"""Adding up short impulses, each with its own start: the inner loop of every simulated response.

Where arrivals are dense they are sorted: one bag for every (group, sample) holds the rows and
weights of all that starts there, one library call sums all bags, and the sums are added up with
their shifts. Where arrivals are few each is added by itself.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

_FEW = 4
"""Where fewer than one in so many samples has an arrival, items are added one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """What is to be added: weighted rows of a table, from a sample on."""

    row: Int[Tensor, "item corner"]
    weight: Float[Tensor, "item corner"]
    start: Int[Tensor, " item"]


def weighted(
    rows: Float[Tensor, "row tap"],
    row: Int[Tensor, "item corner"],
    weight: Float[Tensor, "item corner"],
) -> Float[Tensor, "item tap"]:
    """Sum every item's few rows."""
    return embedding_bag(row, rows, mode="sum", per_sample_weights=weight)


def overlap_added(
    rows: Float[Tensor, "row tap"],
    items: Items,
    gains: Float[Tensor, "line item"],
    grouped: tuple[Int[Tensor, " item"], int],
    length: int,
) -> Float[Tensor, "line group {length}"]:
    """Add every item's impulse where it starts, in its group; what lies outside is cut.

    Parameters
    ----------
    grouped
        The group of every item, and how many groups there are.
    """
    taps = rows.shape[1]
    group, groups = grouped
    if not gains.numel():
        return gains.new_zeros(len(gains), groups, length)
    start = items.start.clamp(-taps, length)  # either end is just outside
    first, last = (int(edge) for edge in torch.aminmax(start))
    span = last - first + 1
    dense = span >= taps and span * groups <= _FEW * len(start)
    added = _by_bags if dense else _one_by_one
    slot = (group * span + (start - first)).int()
    out = added(rows, items, gains, slot, (groups, span))
    return pad(out, (first, length - first - out.shape[-1]))


def _one_by_one(
    rows: Tensor, items: Items, gains: Tensor, slot: Tensor, size: tuple[int, int]
) -> Tensor:
    groups, span = size
    impulse, taps = weighted(rows, items.row, items.weight), rows.shape[1]
    length = span + taps - 1
    first = slot + (slot // span) * (taps - 1)
    at = (first.long()[:, None] + torch.arange(taps, device=rows.device)).flatten()
    out = [
        rows.new_zeros(groups * length).scatter_add_(0, at, (gain[:, None] * impulse).flatten())
        for gain in gains
    ]
    return torch.stack(out).reshape(len(gains), groups, length)


def _by_bags(
    rows: Tensor, items: Items, gains: Tensor, slot: Tensor, size: tuple[int, int]
) -> Tensor:
    groups, span = size
    row, weight = items.row, items.weight
    if bool((slot[1:] < slot[:-1]).any()):
        order = torch.argsort(slot)
        row, weight, gains = row[order], weight[order], gains[:, order]
    count = torch.bincount(slot, minlength=groups * span)
    begin = ((count.cumsum(0) - count) * row.shape[1]).int()
    row = row.flatten()
    bags = [
        embedding_bag(
            row, rows, begin, mode="sum", per_sample_weights=(weight * gain[:, None]).flatten()
        )
        for gain in gains
    ]
    return _diagonals_summed(torch.stack(bags).reshape(len(gains), groups, span, -1))


def _diagonals_summed(
    rows: Float[Tensor, "line group sample tap"],
) -> Float[Tensor, "line group _"]:
    """Add rows up, each one sample later than the one before.

    In a row-major block of `tap` rows, padded to twice their width, one value less a row slants
    the block, so that what belongs to one sample lies in one column.
    """
    lines, groups, span, taps = rows.shape
    blocks = -(-span // taps)
    padded = pad(rows, (0, taps, 0, blocks * taps - span))
    flat = padded.reshape(lines, groups, blocks, 2 * taps * taps)[..., : taps * (2 * taps - 1)]
    sums = pad(flat.reshape(lines, groups, blocks, taps, 2 * taps - 1).sum(-2), (0, 1))
    here = pad(sums[..., :taps], (0, 0, 0, 1))
    over = pad(sums[..., taps:], (0, 0, 1, 0))
    return (here + over).flatten(-2)


def spread(
    impulses: Float[Tensor, "item channel tap"],
    gains: Float[Tensor, "line item"],
    start: Int[Tensor, " item"],
    between: tuple[Int[Tensor, " item"], Float[Tensor, "item 2"]],
    bins: int,
    length: int,
) -> Float[Tensor, "line {bins} channel {length}"]:
    """Add impulses of several channels where they start, each shared out over two bins.

    Parameters
    ----------
    between
        The lower of every item's two neighbouring bins, and the share of both.
    """
    _, channels, taps = impulses.shape
    lower, share = between
    whole = length + 2 * taps
    first = lower.long() * (channels * whole) + start.clamp(-taps, length) + taps
    steps = torch.arange(channels, device=start.device)[:, None] * whole
    steps = (steps + torch.arange(taps, device=start.device)).flatten()
    at = (first[:, None] + steps).flatten()
    impulses = impulses.flatten(1)
    out = []
    for gain in gains:
        line = impulses.new_zeros(bins * channels * whole)
        for side, part in enumerate((gain[:, None] * share).T):
            values = (part[:, None] * impulses).flatten()
            line[side * channels * whole :].scatter_add_(0, at, values)
        out.append(line)
    apart = torch.stack(out).reshape(len(gains), bins, channels, whole)
    return apart[..., taps : taps + length]
