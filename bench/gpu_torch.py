"""PyTorch's indexing of the tensors of bench/gpu.js, on the same machine, as Markdown: python3 bench/gpu_torch.py

Medians of alternating runs. The ratio is to a copy of as many bytes, as in bench/gpu.js: what both tables have in
common is the device's own copy, so a line there and a line here compare by their GB/s.
"""

import statistics
import time

import torch

ROUNDS = 9
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def milliseconds(run, repeats):
    if DEVICE == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(repeats):
            run()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / repeats
    began = time.perf_counter()
    for _ in range(repeats):
        run()
    return 1000 * (time.perf_counter() - began) / repeats


def compare(contestants):
    repeats = {}
    for name, run in contestants.items():
        milliseconds(run, 3)
        repeats[name] = max(1, min(200, int(8 / max(milliseconds(run, 3), 0.01))))
    samples = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, run in contestants.items():
            samples[name].append(milliseconds(run, repeats[name]))
    return {name: statistics.median(times) for name, times in samples.items()}


def lines(row_bytes, count):
    batch = min(8, count // 128)
    kept, channels = count // batch, row_bytes // 4
    seq = 2 * kept
    x = torch.zeros(batch, seq, channels, device=DEVICE)
    part = torch.zeros(batch, kept, channels, device=DEVICE)
    idx = torch.rand(batch, seq, device=DEVICE).topk(kept).indices.sort().values
    rows = torch.arange(batch, device=DEVICE)[:, None]
    wide = idx[..., None].expand(-1, -1, channels)
    flat = (rows * seq + idx).reshape(-1)
    all_rows, part_rows = x.view(-1, channels), part.view(-1, channels)
    found = compare(
        {
            "copy": lambda: part.copy_(x[:, :kept]),
            "gather: x[arange, idx]": lambda: x[rows, idx],
            "gather: torch.gather": lambda: torch.gather(x, 1, wide, out=part),
            "gather: index_select": lambda: torch.index_select(all_rows, 0, flat, out=part_rows),
            "scatter in place: index_copy_": lambda: all_rows.index_copy_(0, flat, part_rows),
            "accumulate: index_add_": lambda: all_rows.index_add_(0, flat, part_rows),
        }
    )
    for name, ms in found.items():
        gbs = 2 * count * row_bytes / ms / 1e6
        yield f"| {name} | {row_bytes} B | {count} | {ms:.3f} | {gbs:.1f} | {ms / found['copy']:.2f} |"


if __name__ == "__main__":
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else "no CUDA device: the processor"
    print(f"torch {torch.__version__}, {name}; {ROUNDS} rounds\n")
    print("|  | row | B*K | ms | GB/s | / copy |\n| --- | --- | --- | --- | --- | --- |")
    for row_bytes in (64, 256, 1024, 4096):
        for count in (1024, 32768, 1048576):
            for line in lines(row_bytes, count):
                print(line)
