"""Sampling rule 1 in numpy (docs/sampling-rule.md): which tokens a random-LTD layer retains, to the bit.

Letters: B rows, S tokens, K retained, L random-LTD layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .check import UINT32, UINT64, check_integer, wrong_type, wrong_value

SAMPLING_RULE = 1

#: The longest sequence that is sampled, as in the JavaScript library.
MAX_SEQ_LENGTH = 2**25

# A rank is one integer: class, key, position. 2^25 positions take the low 25 bits, the key the next 32.
POSITION_BITS = 25

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW, _HALF = np.uint64(UINT32 - 1), np.uint64(32)


@dataclass(frozen=True)
class Request:
    """A checked request for tokens. The masks are None or bool [B,S] in numpy."""

    reserved_length: int
    seq_length: int
    batch_size: int
    layers: int
    seed: int
    step: int
    batch_offset: int
    layer_offset: int
    keep_prefix: int
    keep_mask: np.ndarray | None
    padding_mask: np.ndarray | None


def check_request(
    reserved_length: Any,
    seq_length: Any,
    batch_size: Any,
    layers: Any = 1,
    *,
    seed: Any,
    step: Any = 0,
    batch_offset: Any = 0,
    layer_offset: Any = 0,
    keep_prefix: Any = 0,
    keep_mask: Any = None,
    padding_mask: Any = None,
) -> Request:
    """Holds the arguments of a sampling function to the contract.

    Raises TypeError for a wrong kind, ValueError for a wrong number, shape or content; nothing is drawn then.
    """
    seq_length = check_integer("seq_length", seq_length, 1, MAX_SEQ_LENGTH)
    reserved_length = check_integer("reserved_length", reserved_length, 1, seq_length)
    batch_size = check_integer("batch_size", batch_size, 1, UINT32)
    layers = check_integer("layers", layers, 1, UINT32)
    request = Request(
        reserved_length,
        seq_length,
        batch_size,
        layers,
        check_integer("seed", seed, 0, UINT64 - 1),
        check_integer("step", step, 0, UINT32 - 1),
        check_integer("batch_offset", batch_offset, 0, UINT32 - batch_size),
        check_integer("layer_offset", layer_offset, 0, UINT32 - layers),
        check_integer("keep_prefix", keep_prefix, 0, reserved_length),
        _token_mask("keep_mask", keep_mask, batch_size, seq_length),
        _token_mask("padding_mask", padding_mask, batch_size, seq_length),
    )
    _check_kept(request)
    return request


def _token_mask(name: str, mask: Any, batch_size: int, seq_length: int) -> np.ndarray | None:
    if mask is None:
        return None
    if hasattr(mask, "detach"):  # torch, on whichever device
        mask = mask.detach().cpu().numpy()
    if not isinstance(mask, np.ndarray) or mask.dtype not in (np.bool_, np.uint8):
        wrong_type(name, "a uint8 or bool array or tensor [B,S]", mask)
    if mask.shape != (batch_size, seq_length):
        wrong_value(name, f"shape {[batch_size, seq_length]}", mask)
    if mask.dtype == np.uint8 and mask.max() > 1:
        wrong_value(name, "values 0 or 1", int(mask.max()))
    return mask.astype(bool)


def _check_kept(request: Request) -> None:
    if request.keep_mask is None:
        return
    kept = request.keep_mask[:, request.keep_prefix :].sum(axis=1) + request.keep_prefix
    over = np.flatnonzero(kept > request.reserved_length)
    if over.size:
        row = int(over[0])
        expected = f"at most {request.reserved_length} kept tokens a row (reserved_length)"
        wrong_value("keep_mask", expected, None, f"{kept[row]} in row {row}")


def philox4x32(c0: Any, c1: Any, c2: Any, c3: Any, seed: int) -> tuple[np.ndarray, ...]:
    """Philox4x32-10 (Salmon et al., SC 2011): four uint64 arrays that hold 32-bit words, of the counters' shape.

    Counters are arrays or numbers below 2^32 that broadcast; the key is `seed`, its low word first.

    >>> [hex(int(word)) for word in philox4x32(0, 0, 0, 0, 0)]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = (np.asarray(c, dtype=np.uint64) for c in (c0, c1, c2, c3))
    k0, k1 = seed % UINT32, seed >> 32
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (
            (p1 >> _HALF) ^ c1 ^ np.uint64(k0),
            p1 & _LOW,
            (p0 >> _HALF) ^ c3 ^ np.uint64(k1),
            p0 & _LOW,
        )
        k0, k1 = (k0 + _W0) % UINT32, (k1 + _W1) % UINT32
    return c0, c1, c2, c3


def token_classes(request: Request) -> np.ndarray | None:
    """int64 [B,S]: 0 kept by the caller, 1 a token, 2 padding. None where every token is of class 1."""
    if request.keep_mask is None and request.padding_mask is None and request.keep_prefix == 0:
        return None
    classes = np.ones((request.batch_size, request.seq_length), dtype=np.int64)
    if request.padding_mask is not None:
        classes[~request.padding_mask] = 2
    if request.keep_mask is not None:
        classes[request.keep_mask] = 0
    classes[:, : request.keep_prefix] = 0
    return classes


def sample_numpy(request: Request) -> np.ndarray:
    """The retained positions, int32 [L,B,K], ascending along K."""
    B, S, K = request.batch_size, request.seq_length, request.reserved_length
    sampled = np.empty((request.layers, B, K), dtype=np.int32)
    blocks = np.arange((S + 3) // 4, dtype=np.uint64)
    positions = np.arange(S, dtype=np.int64)
    classes = token_classes(request)
    for layer in range(request.layers):
        for row in range(B):
            words = philox4x32(
                blocks, request.batch_offset + row, request.layer_offset + layer, request.step, request.seed
            )
            keys = np.stack(words, axis=-1).reshape(-1)[:S].astype(np.int64)
            ranks = (keys << POSITION_BITS) | positions
            if classes is not None:
                ranks |= classes[row] << (POSITION_BITS + 32)
            smallest = ranks if K == S else np.partition(ranks, K - 1)[:K]
            sampled[layer, row] = np.sort(smallest & (2**POSITION_BITS - 1))
    return sampled
