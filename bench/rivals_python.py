"""The same draws by numpy, and by torch where it is installed: ns a token, as JSON.

python3 bench/rivals_python.py '[{"rows": 192, "seqLength": 2048, "reservedLength": 1024}]' ROUNDS
"""

import json
import statistics
import sys
import time

import numpy as np

try:
    import torch
except ImportError:
    torch = None


def numpy_choice(rows, length, kept):
    """A permutation a row, as `choice` without replacement makes it, and a sort."""
    generator = np.random.default_rng(7)

    def run():
        out = np.empty((rows, kept), np.int32)
        for row in range(rows):
            out[row] = generator.choice(length, kept, replace=False, shuffle=False)
        out.sort(axis=1)

    return run


def numpy_partition(rows, length, kept):
    """Random keys, the smallest of them, and a sort."""
    generator = np.random.default_rng(7)

    def run():
        keys = generator.random((rows, length), np.float32)
        out = np.argpartition(keys, kept - 1, axis=1)[:, :kept].astype(np.int32)
        out.sort(axis=1)

    return run


def torch_topk(rows, length, kept):
    return lambda: torch.rand(rows, length).topk(kept, dim=1, sorted=False).indices.int().sort(dim=1)


def torch_multinomial(rows, length, kept):
    weights = torch.ones(rows, length)
    return lambda: torch.multinomial(weights, kept).int().sort(dim=1)


def main():
    cases, rounds = json.loads(sys.argv[1]), int(sys.argv[2])
    if torch:
        torch.set_num_threads(1)
    rivals = {"numpy choice": numpy_choice, "numpy argpartition": numpy_partition}
    if torch:
        rivals |= {"torch rand.topk": torch_topk, "torch multinomial": torch_multinomial}
    lines = []
    for case in cases:
        rows, length, kept = case["rows"], case["seqLength"], case["reservedLength"]
        runs = {name: make(rows, length, kept) for name, make in rivals.items()}
        samples = {name: [] for name in runs}
        for _ in range(rounds + 1):  # the first one warms up
            for name, run in runs.items():
                start = time.process_time()
                run()
                samples[name].append((time.process_time() - start) * 1e9 / (rows * length))
        lines.append({name: statistics.median(times[1:]) for name, times in samples.items()})
    print(json.dumps(lines))


main()
