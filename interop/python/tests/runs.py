"""Small runs for the tests: hand-overs with weights drawn here, and batches to go with them."""

import contextlib
import json
import multiprocessing
import os
import random
import socket
import tempfile

import numpy as np

import random_ltd.train
from random_ltd.hand_over import KINDS, HandOver
from random_ltd.models import make_model
from random_ltd.tensor_file import write_tensors

MODELS = {
    "gpt": {"kind": "gpt", "layers": 3, "channels": 16, "heads": 2, "seq": 16, "vocab": 11},
    "vit": {"kind": "vit", "layers": 3, "channels": 16, "heads": 2, "seq": 16, "patch": 4, "classes": 5},
    "follower": {
        "kind": "follower",
        "layers": 3,
        "channels": 16,
        "heads": 2,
        "seq": 16,
        "nodes": 4,
        "hops": 2,
    },
}

OPTIMIZER = {
    "lr": 0.01,
    "warmup": 0.05,
    "warmupSteps": 4,
    "decay": "linear",
    "floor": 0.02,
    "follows": "layer-tokens",
    "beta1": 0.9,
    "beta2": 0.98,
    "epsilon": 1e-8,
    "weightDecay": 0.05,
    "clip": 1,
}


def new_run(kind="gpt", batch=6, dtype=np.float64, **changes):
    """A run at step 0, K from 8 to 16 of 16 tokens over 10 of 12 steps, layers 1 and 2 dropping."""
    config = {
        "task": kind,
        "model": MODELS[kind],
        "dropping": {"how": "layers", "layers": [1, 2]},
        "lengths": {"start": 8, "until": 0.8, "growth": "linear", "by": 4},
        "optimizer": OPTIMIZER,
        "batch": batch,
        "budget": {"unit": "steps", "amount": 12},
        "seed": 3,
        **changes,
    }
    draw = np.random.default_rng(1)
    arrays = {}
    for name, parameter in make_model(config["model"], config["dropping"]).named_parameters():
        shape = tuple(parameter.shape)
        arrays[f"weights/{name}"] = (draw.normal(size=shape) * 0.3 + (len(shape) == 1)).astype(dtype)
        for kind_ in KINDS[1:]:
            arrays[f"{kind_}/{name}"] = np.zeros(shape, dtype)
    totals = {"step": 0, "seconds": 0, "layerTokens": 0, "flops": 0}
    return HandOver(config, totals, 1 if kind == "follower" else 0, arrays)


def batch_of(config):
    """Batches that depend on the step alone."""
    model, B = config["model"], config["batch"]
    S = model["seq"]

    def batch(step):
        draw = np.random.default_rng(100 + step)
        if model["kind"] == "gpt":
            text = draw.integers(0, model["vocab"], size=(B, S + 1)).astype(np.int32)
            return {"tokens": text[:, :-1], "targets": text[:, 1:]}
        if model["kind"] == "vit":
            patches = draw.normal(size=(B, S, model["patch"])).astype(np.float32)
            return {
                "patches": patches,
                "labels": draw.integers(0, model["classes"], size=B).astype(np.int32),
            }
        tokens = draw.integers(0, 2, size=(B, S, 3 * model["nodes"] + 1)).astype(np.float32)
        return {
            "tokens": tokens,
            "targets": draw.integers(0, model["nodes"], size=(B, model["hops"])).astype(np.int32),
        }

    return batch


def write_batches(path, config, steps):
    batch = batch_of(config)
    whole = [batch(step) for step in range(steps)]
    write_tensors(path, {name: np.stack([b[name] for b in whole]) for name in whole[0]}, {"first_step": "0"})


# Ranks come from a server that has imported torch once: two seconds saved for each.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["torch", "random_ltd.train"])


def _rank(environment, arguments, output):
    os.environ.update(environment)
    with open(output, "w") as file, contextlib.redirect_stdout(file):
        random_ltd.train.main(arguments)


def free_port():
    """Below the ports that the system gives out by itself, so that no other socket takes it meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def train(world, *arguments, expect=0):
    """Starts `world` ranks of random_ltd.train by hand, as torchrun would; rank 0's lines of JSON."""
    with tempfile.TemporaryDirectory() as folder:
        port, processes = free_port(), []
        for rank in range(world):
            environment = {
                "RANK": str(rank),
                "WORLD_SIZE": str(world),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "GLOO_SOCKET_IFNAME": "lo",
            }
            given = ["--threads", "1", *map(str, arguments)]
            run = (environment, given, f"{folder}/{rank}")
            process = _SERVER.Process(target=_rank, args=run, daemon=True)
            process.start()
            processes.append(process)
        for process in processes:
            process.join(100)
            if process.is_alive():
                process.kill()
        codes = [process.exitcode for process in processes]
        assert (expect == 0) == all(code == 0 for code in codes), codes
        with open(f"{folder}/0") as file:
            return [json.loads(line) for line in file]
