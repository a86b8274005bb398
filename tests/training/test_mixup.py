"""Mixed scenes are the sums of scenes, and their truth is that of both."""

from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from sonoscope.simulation.stream import Batch
from sonoscope.training.mixup import MixedStream, MixupSettings, mixed

UNION = MixupSettings(kind="union", share=1.0)
SOFT = MixupSettings(kind="soft", share=1.0)


def batch(n_copies: int = 1, size: int = 6, seed: int = 0) -> Batch:
    """Give scenes of which each has a channel pattern of its own to be told by."""
    random = torch.Generator().manual_seed(seed)
    sound = torch.randn(size, 4, 30, generator=random)
    count = torch.randint(n_copies + 1, (size, 5, 3, 1), generator=random)
    active = (torch.arange(n_copies) < count).float()
    way = torch.nn.functional.normalize(
        torch.randn(size, 5, 3, n_copies, 3, generator=random), dim=-1
    )
    away = 1 + torch.rand(size, 5, 3, n_copies, generator=random)
    return Batch(sound, active, way * active[..., None], away * active)


def generator(step: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[1, step]))


def weights(given: Batch, out: Batch) -> Tensor:
    """Solve for how much of every scene is in every mixed one."""
    flat, mixed_flat = given.sound.flatten(1), out.sound.flatten(1)
    solved: Tensor = torch.linalg.lstsq(flat.T, mixed_flat.T).solution
    return solved.T


def test_a_union_is_the_sum_of_two_scenes_and_all_that_sounds_in_them() -> None:
    given = batch()
    out = mixed(given, generator(), UNION)
    shares = weights(given, out)
    assert torch.allclose(shares.diagonal(), torch.ones(6), atol=1e-5)
    other = shares - torch.eye(6)
    partner = other.argmax(dim=1)
    level = other.gather(1, partner[:, None])[:, 0]
    assert bool(((level > 10 ** (-0.5) - 1e-4) & (level <= 1 + 1e-4)).all())
    assert torch.allclose(other.sum(dim=1), level, atol=1e-4)  # one partner and no more
    assert bool((partner != torch.arange(6)).all())
    assert torch.equal(out.active, torch.maximum(given.active, given.active[partner]))
    mine = given.active[..., None] > 0
    towards = torch.where(mine, given.direction, given.direction[partner])
    assert torch.equal(out.direction, towards)
    assert torch.equal(
        out.distance_m, torch.where(mine[..., 0], given.distance_m, given.distance_m[partner])
    )


def test_a_union_fills_the_copies_with_the_other_scenes_sources() -> None:
    given = batch(n_copies=3)
    out = mixed(given, generator(), UNION)
    partner = (weights(given, out) - torch.eye(6)).argmax(dim=1)
    both = given.active.sum(dim=-1) + given.active[partner].sum(dim=-1)
    assert bool((both > 3).any())
    assert torch.equal(out.active.sum(dim=-1), both.clamp_max(3))
    assert bool((out.active.diff(dim=-1) <= 0).all())  # no copy without the one before
    for scene, frame, label in np.ndindex(6, 5, 3):
        mine = given.direction[scene, frame, label][given.active[scene, frame, label] > 0]
        theirs = given.direction[partner[scene], frame, label]
        theirs = theirs[given.active[partner[scene], frame, label] > 0]
        wanted = torch.cat([mine, theirs])[:3]
        assert torch.equal(out.direction[scene, frame, label, : len(wanted)], wanted)
        assert not out.direction[scene, frame, label, len(wanted) :].any()


def test_soft_truth_lies_between_both() -> None:
    given = batch()
    out = mixed(given, generator(), SOFT)
    shares = weights(given, out)
    own = shares.diagonal()
    assert bool((own >= 0.5 - 1e-5).all())
    assert torch.allclose(shares.sum(dim=1), torch.ones(6), atol=1e-4)
    wanted = torch.einsum("ab,bflc->aflc", shares, given.active)
    assert torch.allclose(out.active, wanted, atol=1e-4)
    sounds = out.active > 1e-3
    assert torch.allclose(out.direction.norm(dim=-1)[sounds], torch.ones(()), atol=1e-5)
    mine = given.active > 0
    assert torch.equal(out.direction[mine], given.direction[mine])


def test_partners_share_a_channel_format() -> None:
    given = batch()
    for step in range(20):
        shares = weights(given, mixed(given, generator(step), UNION, n_parts=2))
        assert float(shares[:3, 3:].abs().max()) < 1e-4
        assert float(shares[3:, :3].abs().max()) < 1e-4
    lone = batch(size=2)
    assert mixed(lone, generator(), UNION, n_parts=2) is lone


def test_a_share_of_the_scenes_is_mixed_and_the_others_stay_to_the_bit() -> None:
    asked, n_mixed = MixupSettings(kind="union", share=0.3), 0
    for step in range(200):
        given = batch(seed=step)
        before = given.sound.clone()
        out = mixed(given, generator(step), asked)
        same = (out.sound == given.sound).all(dim=(1, 2))
        n_mixed += int((~same).sum())
        for name in (field.name for field in fields(Batch)):
            assert torch.equal(getattr(out, name)[same], getattr(given, name)[same])
        assert torch.equal(given.sound, before)
    assert 0.25 < n_mixed / 1_200 < 0.35


def test_a_mixed_batch_is_told_by_seed_and_step() -> None:
    class Same:
        def batch(self, step: int, size: int, window_s: float) -> Batch:
            del step, window_s
            return batch(size=size)

    one, again = MixedStream(Same(), UNION, 3), MixedStream(Same(), UNION, 3)
    assert torch.equal(one.batch(5, 6, 1.0).sound, again.batch(5, 6, 1.0).sound)
    others = [one.batch(6, 6, 1.0), MixedStream(Same(), UNION, 4).batch(5, 6, 1.0)]
    assert not any(torch.equal(one.batch(5, 6, 1.0).sound, other.sound) for other in others)
    assert mixed(batch(), generator(), MixupSettings()).sound.equal(batch().sound)
