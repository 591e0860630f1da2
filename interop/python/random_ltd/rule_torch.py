"""Sampling rule 1 in torch, on any device that has 64-bit integers. Letters as in rule.py."""

from __future__ import annotations

import torch

from .check import UINT32
from .rule import POSITION_BITS, Request, token_classes

_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW = UINT32 - 1


def _product(multiplier: int, words: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """High and low 32 bits of a 32 x 32 bit product: int64 is signed, so by halves of 16 bits."""
    low, high = multiplier * (words & 0xFFFF), multiplier * (words >> 16)
    middle = high + (low >> 16)  # below 2^49
    return middle >> 16, ((middle & 0xFFFF) << 16) | (low & 0xFFFF)


def philox4x32_torch(c0, c1, c2, c3, seed: int):
    """Philox4x32-10: four int64 tensors that hold 32-bit words. The counters are int64 tensors that broadcast."""
    k0, k1 = seed & _LOW, seed >> 32
    for _ in range(10):
        high0, low0 = _product(_M0, c0)
        high1, low1 = _product(_M1, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


def sample_torch(request: Request, device: torch.device) -> torch.Tensor:
    """The retained positions, int32 [L,B,K] on `device`, ascending along K. One layer at a time."""
    B, S, K = request.batch_size, request.seq_length, request.reserved_length
    whole = {"dtype": torch.int64, "device": device}
    blocks = torch.arange((S + 3) // 4, **whole)
    rows = torch.arange(B, **whole)[:, None] + request.batch_offset
    positions = torch.arange(S, **whole)
    step = torch.tensor(request.step, **whole)
    classes = token_classes(request)
    if classes is not None:
        classes = torch.from_numpy(classes).to(device) << (POSITION_BITS + 32)
    sampled = torch.empty((request.layers, B, K), dtype=torch.int32, device=device)
    for layer in range(request.layers):
        ordinal = torch.tensor(request.layer_offset + layer, **whole)
        words = philox4x32_torch(blocks, rows, ordinal, step, request.seed)
        keys = torch.stack(torch.broadcast_tensors(*words), dim=-1).reshape(B, -1)[:, :S]
        ranks = (keys << POSITION_BITS) | positions
        if classes is not None:
            ranks |= classes
        smallest = torch.topk(ranks, K, dim=1, largest=False, sorted=False).values
        sampled[layer] = torch.sort(smallest & (2**POSITION_BITS - 1), dim=1).values
    return sampled
