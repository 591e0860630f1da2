"""`python -m random_ltd.train`: takes a handed-over run on, alone or as one of the ranks that torchrun starts.

    python -m random_ltd.train --run run.safetensors --batches batches.safetensors --until 20 --out run.safetensors
    torchrun --nproc-per-node 2 -m random_ltd.train ...the same...

RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT come from the environment, as torchrun sets them. Prints one line of JSON
for each step.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist

from .check import wrong_value
from .hand_over import read_hand_over, write_hand_over
from .tensor_file import read_tensors
from .trainer import Ranks, Trainer


def batches_from(path: str) -> Callable[[int], dict[str, np.ndarray]]:
    """Batches from a file: arrays [N,B,...] of N steps, the first of which is `first_step` in the metadata."""
    arrays, metadata = read_tensors(path)
    first = int(metadata["first_step"])
    count = len(next(iter(arrays.values())))

    def batch_of(step: int) -> dict[str, np.ndarray]:
        if not first <= step < first + count:
            wrong_value("step", f"one of the batches' steps, {first} to {first + count - 1}", step)
        return {name: array[step - first] for name, array in arrays.items()}

    return batch_of


def join() -> Ranks:
    """This process among those that the environment tells of; NCCL where there are GPUs, else gloo."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks()
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=timedelta(seconds=120))
    return Ranks(dist.get_rank(), world)


def main(arguments: list[str] | None = None) -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--run", required=True, help="the hand-over to go on from")
    parser.add_argument("--batches", required=True, help="a file of batches")
    parser.add_argument("--until", type=int, required=True, help="the step to stop before")
    parser.add_argument("--out", required=True, help="where the run is handed over")
    parser.add_argument("--every", type=int, default=0, help="hand over each so many steps too")
    parser.add_argument("--accumulate", type=int, default=1, help="micro-batches of each rank's rows")
    parser.add_argument("--dtype", choices=["float32", "float64"], help="default: as handed over")
    parser.add_argument("--threads", type=int, help="torch's threads in this process")
    parser.add_argument(
        "--no-offset", action="store_true", help="number rows from 0 on each rank: a wrong run"
    )
    parser.add_argument(
        "--kill", metavar="RANK:STEP", help="that rank dies before that step, for trying it out"
    )
    options = parser.parse_args(arguments)

    if options.threads:
        torch.set_num_threads(options.threads)
    ranks = join()
    device = "cpu"
    if torch.cuda.is_available():
        device = f"cuda:{int(os.environ.get('LOCAL_RANK', '0'))}"
        torch.cuda.set_device(device)
    trainer = Trainer(
        read_hand_over(options.run),
        batches_from(options.batches),
        ranks=ranks,
        accumulate=options.accumulate,
        dtype=getattr(torch, options.dtype) if options.dtype else None,
        device=device,
        offset=not options.no_offset,
        digests=True,
    )
    kill = tuple(map(int, options.kill.split(":"))) if options.kill else None
    while trainer.step_number < options.until:
        if kill == (ranks.rank, trainer.step_number):
            os.kill(os.getpid(), signal.SIGKILL)
        result = trainer.step()
        if ranks.rank == 0:
            print(json.dumps(asdict(result)), flush=True)
            done = trainer.step_number
            if done == options.until or (options.every and done % options.every == 0):
                write_hand_over(options.out, trainer.hand_over())


if __name__ == "__main__":
    main()
    # Nothing is asked of the others after the last exchange, and the process group is not taken down: with a barrier and
    # destroy_process_group one rank was seen twice not to end after another had (gloo, torch 1.13, a busy machine).
    sys.stdout.flush()
    os._exit(0)
