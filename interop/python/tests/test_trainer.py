"""A run on one process, on ranks, and interrupted: the same tokens, and the same weights but for rounding."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")

from random_ltd.hand_over import read_hand_over, write_hand_over
from random_ltd.trainer import Trainer
from runs import batch_of, new_run, train, write_batches

STEPS = 6


def alone(run, steps=STEPS, rows=None, **options):
    batch = run.config["batch"] if rows is None else rows
    trainer = Trainer(run, batch_of({**run.config, "batch": batch}), digests=True, **options)
    results = [trainer.step() for _ in range(steps)]
    return trainer.hand_over(), results


def farthest(a, b):
    """The largest difference between two runs' weights and moments."""
    assert a.arrays.keys() == b.arrays.keys()
    return max(float(np.abs(a.arrays[name] - b.arrays[name]).max()) for name in a.arrays)


def on_ranks(tmp_path, run, world, *more, steps=STEPS, rows=None):
    first, out = tmp_path / "run.safetensors", tmp_path / f"out-{world}-{len(more)}.safetensors"
    batches = tmp_path / "batches.safetensors"
    write_hand_over(first, run)
    write_batches(batches, {**run.config, "batch": rows or run.config["batch"]}, STEPS)
    lines = train(world, "--run", first, "--batches", batches, "--until", steps, "--out", out, *more)
    return read_hand_over(out), lines


@pytest.mark.parametrize(
    ("kind", "batch", "world", "accumulate"),
    [
        ("gpt", 8, 2, 1),
        ("vit", 6, 2, 1),
        ("follower", 6, 2, 2),
        ("gpt", 5, 2, 2),  # uneven: ranks of 2 and 3 rows, micro-batches of 1, 1 and 1, 2
        ("gpt", 2, 3, 1),  # a rank without rows
    ],
)
def test_ranks_do_what_one_process_does(tmp_path, kind, batch, world, accumulate):
    expected, results = alone(new_run(kind, batch))
    got, lines = on_ranks(tmp_path, new_run(kind, batch), world, "--accumulate", accumulate)
    assert [line["digest"] for line in lines] == [r.digest for r in results]
    assert [line["K"] for line in lines] == [r.K for r in results]
    assert np.allclose([line["loss"] for line in lines], [r.loss for r in results], rtol=0, atol=1e-12)
    assert farthest(got, expected) < 1e-12  # float64
    assert got.totals["layerTokens"] == expected.totals["layerTokens"]


def test_a_smaller_batch_is_the_mean_of_its_own_rows(tmp_path):
    expected, results = alone(new_run(batch=8), 2, rows=3)
    got, lines = on_ranks(tmp_path, new_run(batch=8), 2, steps=2, rows=3)
    assert [line["digest"] for line in lines] == [r.digest for r in results]
    assert farthest(got, expected) < 1e-12
    assert expected.totals["layerTokens"] == sum(3 * (2 * r.K + 16) for r in results)


def test_without_row_numbers_it_is_another_run(tmp_path):
    expected, results = alone(new_run())
    got, lines = on_ranks(tmp_path, new_run(), 2, "--no-offset")
    assert lines[0]["digest"] != results[0].digest
    assert farthest(got, expected) > 1e-6


def test_micro_batches_alone():
    expected, results = alone(new_run(batch=7))
    got, in_parts = alone(new_run(batch=7), accumulate=3)
    assert [r.digest for r in in_parts] == [r.digest for r in results]
    assert farthest(got, expected) < 1e-12


def test_interrupted_and_taken_up_again_to_the_bit(tmp_path):
    whole, _ = alone(new_run())
    half, _ = alone(new_run(), 3)
    write_hand_over(tmp_path / "half.safetensors", half)
    rest, _ = alone(read_hand_over(tmp_path / "half.safetensors"), 3)
    assert farthest(rest, whole) == 0
    assert rest.history["losses"] == whole.history["losses"]


def test_a_rank_that_dies_leaves_the_last_hand_over_whole(tmp_path):
    whole, _ = alone(new_run())
    first, out = tmp_path / "run.safetensors", tmp_path / "out.safetensors"
    batches = tmp_path / "batches.safetensors"
    write_hand_over(first, new_run())
    write_batches(batches, new_run().config, STEPS)
    arguments = ["--batches", batches, "--until", STEPS, "--out", out, "--every", 2]
    lines = train(2, "--run", first, *arguments, "--kill", "1:3", expect=1)
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert read_hand_over(out).totals["step"] == 2
    for world in (1, 2):
        train(world, "--run", out, *arguments[:-1], 100)
        assert farthest(read_hand_over(out), whole) < 1e-12
        write_hand_over(out, alone(new_run(), 2)[0])


def test_models_gradients_with_dropping_are_exact():
    """Against finite differences of the loss, float64, through gather and scatter."""
    for kind in ("gpt", "vit", "follower"):
        run = new_run(kind, 2)
        trainer = Trainer(run, batch_of(run.config))
        batch = {name: torch.from_numpy(a) for name, a in batch_of(run.config)(0).items()}
        batch = {n: a.double() if a.is_floating_point() else a for n, a in batch.items()}
        routes = trainer._routes(range(2), 0, 8)
        loss = trainer.model(batch, routes).mean()
        grads = torch.autograd.grad(loss, list(trainer.model.parameters()))
        random = np.random.default_rng(2)
        for p, grad in zip(trainer.model.parameters(), grads, strict=True):
            direction = torch.from_numpy(random.normal(size=tuple(p.shape)))
            values = []
            with torch.no_grad():
                for sign in (1, -1):
                    p += sign * 1e-5 * direction
                    values.append(float(trainer.model(batch, routes).mean()))
                    p -= sign * 1e-5 * direction
            expected = (values[0] - values[1]) / 2e-5
            assert abs(float((grad * direction).sum()) - expected) < 1e-7


def test_a_batch_size_of_one_route_counts_layer_tokens():
    run = new_run(dropping={"how": "route", "first": 1, "last": 2})
    after, results = alone(run, 1)
    assert results[0].K == 8
    assert after.totals["layerTokens"] == 6 * (2 * 8 + 16)


def test_a_run_by_the_clock_is_refused():
    run = new_run(budget={"unit": "seconds", "amount": 5})
    with pytest.raises(ValueError, match='"config.budget.unit"'):
        Trainer(run, batch_of(run.config))
