"""`gpt_sample_tokens` and `bert_sample_tokens`: DeepSpeed's signatures, and tokens that depend on nothing hidden.

Letters: B rows, S tokens, K retained, L random-LTD layers, H attention heads (or 1).
"""

from __future__ import annotations

import importlib.util
from typing import Any

import torch

from .check import check_choice, wrong_type, wrong_value
from .rule import Request, check_request, sample_numpy
from .rule_torch import sample_torch

BACKENDS = ("numpy", "torch", "triton")


def sample_tokens(request: Request, device: Any = "cpu", backend: str | None = None) -> torch.Tensor:
    """The retained positions of a checked request, int32 [L,B,K] on `device`, ascending along K.

    `backend` None takes numpy on the CPU; on a GPU Triton where it is installed and the row fits, else torch.
    """
    device = torch.device(device)
    if backend is None:
        backend = "numpy" if device.type == "cpu" else _for_gpu(request, device)
    check_choice("backend", backend, BACKENDS)
    if backend == "numpy":
        return torch.from_numpy(sample_numpy(request)).to(device)
    if backend == "torch":
        return sample_torch(request, device)
    from .rule_triton import sample_triton

    return sample_triton(request, device)


def _for_gpu(request: Request, device: torch.device) -> str:
    if device.type != "cuda" or importlib.util.find_spec("triton") is None:
        return "torch"
    from .rule_triton import MAX_TRITON_SEQ_LENGTH

    return "triton" if request.seq_length <= MAX_TRITON_SEQ_LENGTH else "torch"


def gpt_sample_tokens(
    reserved_length: int,
    seq_length: int,
    batch_size: int,
    layers: int = 1,
    device: Any = "cpu",
    attn_mask: torch.Tensor | None = None,
    *,
    mask_mode: str = "slice",
    backend: str | None = None,
    **rule: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Draws the tokens that each random-LTD layer of a decoder retains, and the attention mask among them.

    The first six arguments are DeepSpeed's (`ops/random_ltd/dropping_utils.py`). By name: `seed` (required, unsigned
    64-bit), `step`, `batch_offset`, `layer_offset`, `keep_prefix`, `keep_mask` and `padding_mask` (uint8 or bool
    [B,S]; 1 = keep, 1 = a real token).

    `mask_mode`: "slice", the top-left K x K as DeepSpeed takes it, refused where that is wrong (on a GPU the look
    waits for the device); "gather", rows and columns at the retained positions; "slice-unchecked".

    Returns `sampled_indices`, int32 [L,B,K] on `device`, ascending along K, and `new_mask`: None without
    `attn_mask`, else [B,H,K,K], or [L,B,H,K,K] with "gather".

    Raises TypeError for a wrong kind, ValueError for a wrong number, shape or content; nothing is drawn then.

    >>> gpt_sample_tokens(4, 8, 2, seed=7)[0].tolist()
    [[[2, 3, 4, 6], [0, 1, 4, 5]]]
    """
    request = _checked(reserved_length, seq_length, batch_size, layers, rule)
    check_choice("mask_mode", mask_mode, ("slice", "gather", "slice-unchecked"))
    if attn_mask is not None:
        _check_mask(attn_mask, request)
        if mask_mode == "slice":
            _check_sliceable(attn_mask, request)
    sampled = sample_tokens(request, device, backend)
    if attn_mask is None:
        return sampled, None
    if mask_mode == "gather":
        return sampled, mask_gather(attn_mask, sampled)
    return sampled, mask_slice(attn_mask, request.reserved_length)


def bert_sample_tokens(
    reserved_length: int,
    seq_length: int,
    batch_size: int,
    layers: int = 1,
    device: Any = "cpu",
    attn_mask: torch.Tensor | None = None,
    *,
    backend: str | None = None,
    **rule: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The same for an encoder: `new_mask` is the mask gathered at the retained positions, [L,B,H,K,K].

    DeepSpeed's is a list of L tensors [B,H,K,K]; a layer's own is `new_mask[l]` in both.

    >>> bert_sample_tokens(2, 4, 1, seed=7)[0].tolist()
    [[[2, 3]]]
    """
    request = _checked(reserved_length, seq_length, batch_size, layers, rule)
    if attn_mask is not None:
        _check_mask(attn_mask, request)
    sampled = sample_tokens(request, device, backend)
    return sampled, None if attn_mask is None else mask_gather(attn_mask, sampled)


_RULE = ("seed", "step", "batch_offset", "layer_offset", "keep_prefix", "keep_mask", "padding_mask")


def _checked(reserved_length: Any, seq_length: Any, batch_size: Any, layers: Any, rule: dict) -> Request:
    for name, value in rule.items():
        if name not in _RULE:
            wrong_type(name, "no such argument (there are " + ", ".join(_RULE) + ")", value)
    if "seed" not in rule:
        wrong_type("seed", "an unsigned 64-bit integer", None)
    return check_request(reserved_length, seq_length, batch_size, layers, **rule)


def _check_mask(mask: Any, request: Request) -> None:
    if not isinstance(mask, torch.Tensor):
        wrong_type("attn_mask", "a tensor [B,H,S,S] or [B,H,1,S]", mask)
    B, S = request.batch_size, request.seq_length
    fits = mask.dim() == 4 and mask.shape[0] in (1, B) and mask.shape[2] in (1, S) and mask.shape[3] == S
    if not fits:
        wrong_value("attn_mask", f"shape [B,H,S,S] or [B,H,1,S] with B 1 or {B} and S {S}", mask)


_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _check_sliceable(mask: torch.Tensor, request: Request) -> None:
    """The corner is right where each entry depends on the sign of j - i alone, alike in all rows and heads."""
    if request.reserved_length == request.seq_length:
        return
    bits = mask.contiguous().view(_BITS[mask.element_size()])
    query, S = bits.shape[2], bits.shape[3]
    if query == 1:
        wrong = bits != bits[0, 0, 0, 0]
    else:
        i = torch.arange(S, device=bits.device)
        sign = torch.sign(i - i[:, None]) + 1
        expected = torch.stack([bits[0, 0, 1, 0], bits[0, 0, 0, 0], bits[0, 0, 0, 1]])[sign]
        wrong = bits != expected
    if wrong.any():
        expected = (
            'entries that depend only on the sign of j - i, alike in all rows and heads, with mask_mode "slice" '
            '("gather" is right for every mask, "slice-unchecked" takes the corner regardless)'
        )
        wrong_value("attn_mask", expected, None, f"another entry at {wrong.nonzero()[0].tolist()}")


def mask_slice(mask: torch.Tensor, reserved_length: int) -> torch.Tensor:
    """The top-left corner, [B,H,S,S] -> [B,H,K,K] (a query size of 1 stays 1)."""
    return mask[:, :, :reserved_length, :reserved_length]


def mask_gather(mask: torch.Tensor, sampled_indices: torch.Tensor) -> torch.Tensor:
    """`out[l,b,h,i,j] = mask[b,h,idx[l,b,i],idx[l,b,j]]`: [B or 1,H,S or 1,S] with [L,B,K] -> [L,B,H,K or 1,K]."""
    L, B, K = sampled_indices.shape
    at = sampled_indices.to(mask.device, torch.int64)
    heads = mask.shape[1]
    rows = mask.expand(B, *mask.shape[1:])
    out = []
    for layer in range(L):
        part = rows
        if mask.shape[2] != 1:
            part = part.gather(2, at[layer][:, None, :, None].expand(B, heads, K, mask.shape[3]))
        out.append(part.gather(3, at[layer][:, None, None, :].expand(B, heads, part.shape[2], K)))
    return torch.stack(out)
