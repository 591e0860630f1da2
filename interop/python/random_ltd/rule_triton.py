"""Sampling rule 1 as a Triton kernel: one program for each layer and row. Letters as in rule.py.

With TRITON_INTERPRET=1 in the environment it runs on the CPU, slowly, which is how it is tested without a GPU.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from .rule import POSITION_BITS, Request, token_classes

#: A row's ranks stay in one program's registers. Longer sequences go to rule_torch.
MAX_TRITON_SEQ_LENGTH = 2**14


@triton.jit(do_not_specialize=["seed", "step", "batch_offset", "layer_offset"])
def _sample(
    sampled,  # int32 [L,B,K]
    classes,  # uint8 [B,S]; not read without HAS_CLASSES
    seed,
    step,
    batch_offset,
    layer_offset,
    B,
    S,
    K,
    HAS_CLASSES: tl.constexpr,
    BLOCK: tl.constexpr,
    POSITION_BITS: tl.constexpr,
):
    row = tl.program_id(0)
    layer = tl.program_id(1)
    i = tl.arange(0, BLOCK)
    zero = (i * 0).to(tl.uint32)
    w0, w1, w2, w3 = tl.philox(
        tl.cast(seed, tl.uint64),
        (i >> 2).to(tl.uint32),
        zero + (row + batch_offset).to(tl.uint32),
        zero + (layer + layer_offset).to(tl.uint32),
        zero + tl.cast(step, tl.uint32),
    )
    word = i & 3
    key = tl.where(word == 0, w0, tl.where(word == 1, w1, tl.where(word == 2, w2, w3)))
    rank = (key.to(tl.int64) << POSITION_BITS) | i.to(tl.int64)
    if HAS_CLASSES:
        token_class = tl.load(classes + row * S + i, mask=i < S, other=0)
        rank = rank | (token_class.to(tl.int64) << (POSITION_BITS + 32))
    last = tl.full((), (1 << 62), tl.int64)
    rank = tl.where(i < S, rank, last)
    # The K-th smallest rank, bit by bit: no two ranks are equal, as the position is in them.
    limit = tl.full((), 0, tl.int64)
    for down in range(POSITION_BITS + 34):
        candidate = limit | (tl.full((), 1, tl.int64) << (POSITION_BITS + 33 - down))
        below = tl.sum((rank < candidate).to(tl.int32), axis=0)
        limit = tl.where(below < K, candidate, limit)
    retained = rank <= limit
    # Written in order of position, so ascending without a sort.
    place = tl.cumsum(retained.to(tl.int32), axis=0) - 1
    tl.store(sampled + (layer * B + row).to(tl.int64) * K + place, i, mask=retained)


def sample_triton(request: Request, device: torch.device) -> torch.Tensor:
    """The retained positions, int32 [L,B,K] on `device`, ascending along K; S at most MAX_TRITON_SEQ_LENGTH."""
    B, S, K = request.batch_size, request.seq_length, request.reserved_length
    sampled = torch.empty((request.layers, B, K), dtype=torch.int32, device=device)
    classes = token_classes(request)
    if classes is None:
        bytes_ = torch.empty(1, dtype=torch.uint8, device=device)
    else:
        bytes_ = torch.from_numpy(classes).to(torch.uint8).to(device)
    _sample[(B, request.layers)](
        sampled,
        bytes_,
        request.seed,
        request.step,
        request.batch_offset,
        request.layer_offset,
        B,
        S,
        K,
        HAS_CLASSES=classes is not None,
        BLOCK=triton.next_power_of_2(max(S, 4)),
        POSITION_BITS=POSITION_BITS,
    )
    return sampled
