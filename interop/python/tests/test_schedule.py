"""K and the learning rate over a run."""

import pytest

from random_ltd.schedule import Lengths, fixed_linear, learning_rate


def test_fixed_linear():
    # docs/contract.md, `fixed_linear`: 100 by 16 is 112 at first, 8 by 16 is 16.
    assert fixed_linear(0, 100, 200, 10, 16) == 112
    assert fixed_linear(0, 8, 64, 10, 16) == 16
    assert [fixed_linear(t, 128, 1024, 1000, 128) for t in (1, 300, 600, 1000, 2000)] == [
        128,
        384,
        640,
        1024,
        1024,
    ]
    assert fixed_linear(5, 100, 100, 10, 16) == 100


def test_lengths():
    constant = Lengths({"start": 8, "until": 0.5, "growth": "constant"}, 32, lambda K: K)
    assert [constant.at(p) for p in (0, 0.4999, 0.5, 1)] == [8, 8, 32, 32]
    assert constant.spent_at(0.5) == pytest.approx(8 / 40)
    assert constant.spent_at(1) == 1
    linear = Lengths({"start": 8, "until": 1, "growth": "linear", "by": 8}, 32, lambda K: K)
    assert [linear.at(p) for p in (0, 0.34, 0.67, 1)] == [8, 16, 24, 32]
    for wrong in ({"start": 33}, {"growth": "root"}):
        with pytest.raises(ValueError, match="lengths"):
            Lengths({"start": 8, "until": 1, "growth": "linear", **wrong}, 32, lambda K: K)


def test_learning_rate():
    config = {"lr": 1, "warmup": 0.1, "warmupSteps": 4, "decay": "linear", "floor": 0.5}
    assert learning_rate(config, 0, 0.2) == pytest.approx(0.25 * (0.5 + 0.5 * (1 - 0.1 / 0.9)))
    assert learning_rate(config, 99, 1) == 0.5
    assert learning_rate({**config, "decay": "cosine"}, 99, 0.55) == pytest.approx(0.75)
