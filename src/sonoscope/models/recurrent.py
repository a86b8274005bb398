"""Two-way GRUs that learn fast on a CPU: both directions in one product, the backward pass by hand.

A GRU layer of few units is a chain of tiny products, and what costs time on a CPU is starting them
one by one: PyTorch starts some twenty operations a frame and direction, forward and back. Here a
frame takes five operations forward and three back, for both directions at once. Equations (those
of `torch.nn.GRU`), a frame after another::

    r = sigmoid(i_r + U_r h)    z = sigmoid(i_z + U_z h)    m = U_n h + b
    n = tanh(i_n + r m)         h' = (1 - z) n + z h

and back, with everything that does not depend on the gradient g of h' worked out beforehand::

    a = (1 - z)(1 - n^2)
    g_r = g a m r (1 - r)       g_z = g (h - n) z (1 - z)   g_m = g a r       g_n = g a
    g_h = g z + U_r' g_r + U_z' g_z + U_n' g_m

Sums are float32 whatever the rest computes in: bfloat16 is slower here, and keeps less.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

_PIECE = 20_000  # numbers of one state in a piece of time


def two_way(
    gru: nn.GRU, sequence: Float[Tensor, "batch frame _"]
) -> Float[Tensor, "batch frame both"]:
    """Give what a two-way GRU gives, for one whose batch comes first, within rounding.

    On a CPU by this module's own steps; on other devices, and into an exported graph, by PyTorch's.
    """
    if sequence.device.type != "cpu" or not _known(gru):
        both: Tensor = gru(sequence)[0]
        return both
    for layer in range(gru.num_layers):
        sequence = _layer(gru, layer, sequence)
        if layer + 1 < gru.num_layers:
            sequence = nn.functional.dropout(sequence, gru.dropout, gru.training)
    return sequence


def _known(gru: nn.GRU) -> bool:
    return gru.bidirectional and gru.batch_first and gru.bias and not torch.compiler.is_exporting()


def _layer(
    gru: nn.GRU, layer: int, sequence: Float[Tensor, "batch frame _"]
) -> Float[Tensor, "batch frame both"]:
    n = gru.hidden_size
    w_in, u, b_in, b_u = (
        torch.stack([getattr(gru, f"{part}_l{layer}{way}") for way in ("", "_reverse")])
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    bias = b_in + nn.functional.pad(b_u[:, : 2 * n], (0, n))
    given = linear(sequence, w_in.flatten(0, 1), bias.flatten())
    states: Tensor = _Recurrence.apply(given, u, b_u[:, 2 * n :])  # type: ignore[no-untyped-call]
    return states


class _Recurrence(torch.autograd.Function):
    """From what the inputs give each gate, to the states.

    Shapes: given `batch frame 6 units`, u `2, 3 units, units`, b `2, units`, to states `batch frame
    2 units`; where there are two, the way ahead and the way back. Inside, time comes first, and
    the way back is the way ahead over mirrored time.
    """

    @staticmethod
    def forward(ctx: Any, given: Tensor, u: Tensor, b: Tensor) -> Tensor:
        n, (n_batch, n_frames, _) = u.shape[-1], given.shape
        gates = torch.empty(n_frames, 2, n_batch, 3 * n, dtype=b.dtype)  # r, z, m
        fresh, states = (torch.empty(n_frames, 2, n_batch, n, dtype=b.dtype) for _ in range(2))
        heard = torch.empty(n_batch, n_frames, 2 * n, dtype=b.dtype)
        way_in, way_out = torch.unflatten(given, -1, (2, 3 * n)), torch.unflatten(heard, -1, (2, n))
        step = torch.zeros(2, n_batch, n, dtype=b.dtype)
        turned = u.transpose(1, 2).contiguous()
        for here, there in _pieces(n_frames, n_batch * n):
            for way, when in enumerate((here, there)):
                piece = _mirrored(way_in[:, when, way], way)
                gates[here, way, :, : 2 * n] = piece[..., : 2 * n]
                gates[here, way, :, 2 * n :] = b[way]
                fresh[here, way] = piece[..., 2 * n :]
            gate = gates[here]
            rows = (
                gate,
                gate[..., : 2 * n],
                *torch.split(gate, n, dim=-1),
                fresh[here],
                states[here],
            )
            for whole, rz, r, z, m, new, state in zip(*(x.unbind(0) for x in rows), strict=True):
                whole.baddbmm_(step, turned)
                rz.sigmoid_()
                new.addcmul_(r, m).tanh_()
                step = torch.lerp(new, step, z, out=state)
            way_out[:, here, 0] = states[here, 0].transpose(0, 1)
            way_out[:, there, 1] = states[here, 1].flip(0).transpose(0, 1)
        ctx.save_for_backward(gates, fresh, states, u)
        ctx.given_as = given.dtype
        return heard

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gates, fresh, states, u = ctx.saved_tensors
        n_frames, _, n_batch, n = states.shape
        way_in = torch.unflatten(grads[0], -1, (2, n))
        of_given = torch.empty(n_batch, n_frames, 6 * n, dtype=ctx.given_as)
        way_out = torch.unflatten(of_given, -1, (2, 3 * n))
        of_u, of_b = torch.zeros_like(u), u.new_zeros(2, n)
        step = u.new_zeros(2, n_batch, n)
        for here, there in reversed(list(_pieces(n_frames, n_batch * n))):
            r, z, m = torch.split(gates[here], n, dim=-1)
            new = fresh[here]
            if here.start:
                before = states[here.start - 1 : here.stop - 1]
            else:
                before = torch.cat([torch.zeros_like(states[:1]), states[: here.stop - 1]])
            a = (1 - z) * (1 - new.square())
            share = torch.stack([a * m * r * (1 - r), (before - new) * z * (1 - z), a * r], dim=-2)
            total = torch.stack(
                [_mirrored(way_in[:, when, way], way) for way, when in enumerate((here, there))],
                dim=1,
            )
            pull = torch.empty_like(share)
            flat = pull.flatten(3)
            rows = zip(*(x.unbind(0) for x in (total, share, pull, flat, z)), strict=True)
            for one_total, one_share, one_pull, one_flat, kept in reversed(list(rows)):
                one_total += step
                torch.mul(one_total[..., None, :], one_share, out=one_pull)
                step = torch.baddbmm(one_total * kept, one_flat, u)
            pulled = flat.transpose(0, 1).flatten(1, 2)  # way, frame and batch, 3 units
            of_u.baddbmm_(pulled.transpose(1, 2), before.transpose(0, 1).flatten(1, 2))
            of_b += pulled[..., 2 * n :].sum(dim=1)
            total *= a
            for way, when in enumerate((here, there)):
                piece = torch.cat([flat[:, way, :, : 2 * n], total[:, way]], dim=-1)
                way_out[:, when, way] = _mirrored(piece.transpose(0, 1), way).transpose(0, 1)
        return of_given, of_u, of_b


def _pieces(n_frames: int, per_frame: int) -> Iterator[tuple[slice, slice]]:
    """Cut time, and mirrored time, into pieces that stay in the nearest memory."""
    length = max(2, _PIECE // per_frame)
    for start in range(0, n_frames, length):
        stop = min(start + length, n_frames)
        yield slice(start, stop), slice(n_frames - stop, n_frames - start)


def _mirrored(piece: Float[Tensor, "batch frame _"], way: int) -> Float[Tensor, "frame batch _"]:
    """Let time come first, and run the other way on the way back."""
    return (piece.flip(1) if way else piece).transpose(0, 1)
