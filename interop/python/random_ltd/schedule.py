"""What a run does at which step: K and the learning rate, as trainer/dropping.ts and trainer/optimizer.ts have them."""

from __future__ import annotations

import math
from collections.abc import Callable

from .check import check_choice, wrong_value


def fixed_linear(step: int, least: int, most: int, require_steps: int, seq_per_step: int) -> int:
    """K at a step by DeepSpeed's `fixed_linear` since its commit ac0bde6cb.

    >>> [fixed_linear(t, 100, 200, 10, 16) for t in (0, 5, 10)]
    [112, 144, 192]
    """
    if least == most:
        return most
    value = math.floor(step / require_steps * (most - least) + least)
    value -= value % seq_per_step
    return min(most, max(value, -(-least // seq_per_step) * seq_per_step))


#: As fine as K and the costs of a run are looked at (trainer/dropping.ts).
FINENESS = 2000


class Lengths:
    """K over a run, and the part of its operations that is spent at a part of its steps.

    schedule: `lengths` of a RunConfig. cost: what a step at K costs, in any unit.
    """

    def __init__(self, schedule: dict, seq: int, cost: Callable[[int], float]):
        self.schedule, self.seq = schedule, seq
        check_choice("lengths.growth", schedule["growth"], ("constant", "linear"))
        if not 1 <= schedule["start"] <= seq:
            wrong_value("lengths.start", f"an integer from 1 to {seq}", schedule["start"])
        self._spent = [0.0]
        for n in range(FINENESS):
            self._spent.append(self._spent[-1] + cost(self.at((n + 0.5) / FINENESS)))

    def at(self, progress: float) -> int:
        """K where this part of the steps is done."""
        start, until = self.schedule["start"], self.schedule["until"]
        if progress >= until:
            return self.seq
        if self.schedule["growth"] == "constant":
            return start
        step = math.floor(progress / until * FINENESS)
        return fixed_linear(step, start, self.seq, FINENESS, self.schedule.get("by", self.seq))

    def spent_at(self, progress: float) -> float:
        """The part of a run's operations that is spent when this part of its steps is done."""
        at = min(1.0, max(0.0, progress)) * FINENESS
        n = min(FINENESS - 1, math.floor(at))
        low, high = self._spent[n], self._spent[n + 1]
        return (low + (at - n) * (high - low)) / self._spent[FINENESS]


def learning_rate(config: dict, step: int, done: float) -> float:
    """The learning rate of a step. done: the part of the run that is done, of its steps or of its layer-tokens."""
    warmup, floor = config["warmup"], config["floor"]
    warm = min(1.0, (step + 1) / config["warmupSteps"], (done + 1e-3) / warmup if warmup > 0 else 1.0)
    fallen = min(1.0, max(0.0, (done - warmup) / (1 - warmup)))
    rest = 1 - fallen if config["decay"] == "linear" else (1 + math.cos(math.pi * fallen)) / 2
    return config["lr"] * warm * (floor + (1 - floor) * rest)
