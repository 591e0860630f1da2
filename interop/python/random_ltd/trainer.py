"""Takes a run that began elsewhere on: one process, or one of several under DistributedDataParallel.

How rows and gradients are divided. A step's batch has B rows, numbered from 0. Of W ranks, rank r has the rows from
`r * B // W` up to `(r + 1) * B // W`, so ranks may have one row more or less than another, or none. A rank goes over its
rows in micro-batches and samples each with `batch_offset` = the number of its first row. The loss of a step is the mean
over all B rows. DDP divides the sum of the ranks' gradients by W; so a micro-batch is backpropagated as
`sum of its rows' losses * W / B`, and what DDP leaves in `.grad` is the gradient of the mean over the whole batch,
however uneven the ranks are. (Each rank's own mean, as is often seen, weighs rows unevenly as soon as ranks differ.)
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from .check import check_integer, wrong_value
from .hand_over import KINDS, HandOver
from .models import make_model, to_batch
from .sampling import check_request, sample_tokens
from .schedule import Lengths, learning_rate


@dataclass(frozen=True)
class Ranks:
    """This process among those of the run."""

    rank: int = 0
    world: int = 1

    def rows(self, batch: int) -> range:
        """The rows of the global batch that this rank has.

        >>> [list(Ranks(rank, 2).rows(5)) for rank in range(2)]
        [[0, 1], [2, 3, 4]]
        """
        return range(self.rank * batch // self.world, (self.rank + 1) * batch // self.world)


@dataclass(frozen=True)
class StepResult:
    """What a step came to, the same on each rank. digest: of the retained positions of all rows."""

    step: int
    loss: float
    K: int
    lr: float
    digest: str | None


class Trainer:
    """A run that goes on from a hand-over.

    run: where it stands. batch_of: the whole batch of a step, arrays by name, B rows each; B may change by step.
    ranks: with a world above 1 the process group must stand. accumulate: micro-batches of a rank's rows.
    dtype: float32 (default: that of the hand-over's weights) or float64. offset False is for showing what goes wrong
    without row numbers. digests: a SHA-256 of each step's retained positions, for comparing runs.
    """

    def __init__(
        self,
        run: HandOver,
        batch_of: Callable[[int], dict[str, np.ndarray]],
        *,
        ranks: Ranks | None = None,
        accumulate: int = 1,
        dtype: torch.dtype | None = None,
        device: Any = "cpu",
        offset: bool = True,
        digests: bool = False,
    ):
        self.run, self.batch_of, self.offset, self.digests = run, batch_of, offset, digests
        self.ranks = ranks or Ranks()
        self.accumulate = check_integer("accumulate", accumulate, 1, 2**31)
        self.device = torch.device(device)
        config = run.config
        if config["budget"]["unit"] != "steps":
            wrong_value(
                "config.budget.unit",
                '"steps" (a run by the clock can\'t be repeated)',
                config["budget"]["unit"],
            )
        weights = run.of("weights")
        dtype = dtype or torch.from_numpy(next(iter(weights.values()))[:0]).dtype
        model = make_model(config["model"], config["dropping"]).to(self.device, dtype)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(torch.from_numpy(weights[name]))
        self.model, self.dtype = model, dtype
        self.optimizer = self._adamw(run)
        schedule = config["lengths"]
        if config["dropping"]["how"] == "none":
            schedule = {**schedule, "until": 0}
        self.lengths = Lengths(schedule, config["model"]["seq"], model.flops)
        self.parallel = DistributedDataParallel(model) if self.ranks.world > 1 else model

    def _adamw(self, run: HandOver) -> torch.optim.AdamW:
        """PyTorch's AdamW, which computes what trainer/optimizer.ts does, with the moments of the run."""
        o = run.config["optimizer"]
        parameters = dict(self.model.named_parameters())
        # Gains and biases are not decayed.
        groups = [
            {"params": [p for p in parameters.values() if p.dim() > 1], "weight_decay": o["weightDecay"]},
            {"params": [p for p in parameters.values() if p.dim() <= 1], "weight_decay": 0.0},
        ]
        adamw = torch.optim.AdamW(groups, lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["epsilon"])
        first, second = run.of("first"), run.of("second")
        for name, p in parameters.items():
            adamw.state[p] = {
                "step": torch.tensor(float(run.totals["step"])),
                "exp_avg": torch.from_numpy(first[name]).to(p),
                "exp_avg_sq": torch.from_numpy(second[name]).to(p),
            }
        return adamw

    @property
    def step_number(self) -> int:
        """The step to come, from 0."""
        return self.run.totals["step"]

    def step(self) -> StepResult:
        """One optimizer step over the whole batch."""
        config, step = self.run.config, self.step_number
        progress = min(1.0, step / config["budget"]["amount"])
        K = self.lengths.at(progress)
        follows = config["optimizer"]["follows"]
        done = progress if follows == "steps" else self.lengths.spent_at(progress)
        lr = learning_rate(config["optimizer"], step, done)

        began = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        arrays = self.batch_of(step)
        B = len(next(iter(arrays.values())))  # the last batch of a pass over the data may be a smaller one
        total, sampled = self._backward(arrays, step, K, B)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config["optimizer"]["clip"])
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        seconds = time.perf_counter() - began

        loss = total / B
        totals, history = self.run.totals, self.run.history
        self.run.totals = {
            **totals,
            "step": step + 1,
            "seconds": totals["seconds"] + seconds,
            "layerTokens": totals["layerTokens"] + B * self.model.layer_tokens(K),
            "flops": totals["flops"] + B * self.model.flops(K),
        }
        for name, value in (("losses", loss), ("lengths", K), ("seconds", seconds)):
            history[name].append(value)
        return StepResult(step, loss, K, lr, self._digest(sampled) if self.digests else None)

    def _backward(self, arrays: dict, step: int, K: int, B: int) -> tuple[float, np.ndarray | None]:
        """Leaves the gradient of the batch's mean loss; the sum of all rows' losses, and this rank's positions."""
        rows, world = self.ranks.rows(B), self.ranks.world
        parts = micro_batches(rows, self.accumulate)
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        sampled = []
        for i, part in enumerate(parts):
            # Gradients are exchanged once a step, in the backward pass of each rank's last micro-batch.
            last = i == len(parts) - 1
            wait = contextlib.nullcontext() if last or world == 1 else self.parallel.no_sync()
            with wait:
                # A rank without rows of its own takes part with row 0, counted as nothing.
                own = part if len(part) else range(1)
                routes = self._routes(own, step, K)
                batch = to_batch(arrays, slice(own.start, own.stop), self.device, self.dtype)
                losses = self.parallel(batch, routes).sum() * (1 if len(part) else 0)
                (losses * (world / B)).backward()
            total += losses.detach().double()
            if len(part) and routes:
                sampled.append(torch.stack(routes).cpu().numpy())
        if world > 1:
            dist.all_reduce(total)
        return float(total), np.concatenate(sampled, axis=1) if sampled else None

    def _routes(self, rows: range, step: int, K: int) -> list[torch.Tensor]:
        """Retained positions [b,K] of each draw of the step, for some of the batch's rows."""
        S, draws = self.run.config["model"]["seq"], self.model.draws
        if K == S or draws == 0:
            return []
        request = check_request(
            K,
            S,
            len(rows),
            draws,
            seed=self.run.config["seed"],
            step=step,
            batch_offset=rows.start if self.offset else 0,
            keep_prefix=self.run.keep_prefix,
        )
        return list(sample_tokens(request, self.device))

    def _digest(self, sampled: np.ndarray | None) -> str:
        """SHA-256 of the retained positions of all rows, int32 [L,B,K] little-endian; of nothing with all tokens."""
        parts = [sampled]
        if self.ranks.world > 1:
            parts = [None] * self.ranks.world
            dist.all_gather_object(parts, sampled)
        parts = [part for part in parts if part is not None]
        whole = np.concatenate(parts, axis=1).astype("<i4").tobytes() if parts else b""
        return hashlib.sha256(whole).hexdigest()

    def hand_over(self) -> HandOver:
        """The run as it stands now, copied out. Moments and weights are the same on each rank."""
        states = {name: self.optimizer.state[p] for name, p in self.model.named_parameters()}
        parts = {
            "weights": dict(self.model.named_parameters()),
            "first": {name: state["exp_avg"] for name, state in states.items()},
            "second": {name: state["exp_avg_sq"] for name, state in states.items()},
        }
        arrays = {
            f"{kind}/{name}": array.detach().cpu().numpy().copy()
            for kind in KINDS
            for name, array in parts[kind].items()
        }
        run = self.run
        history = {name: list(values) for name, values in run.history.items()}
        return HandOver(run.config, dict(run.totals), run.keep_prefix, arrays, history, list(run.row_losses))


def micro_batches(rows: range, count: int) -> list[range]:
    """`rows` in at most `count` parts, as even as they go, in order; one empty part where there are no rows.

    >>> [list(part) for part in micro_batches(range(2, 7), 2)]
    [[2, 3], [4, 5, 6]]
    """
    count = max(1, min(count, len(rows)))
    return [rows[i * len(rows) // count : (i + 1) * len(rows) // count] for i in range(count)]
