"""Gather and scatter of tokens in plain torch, with DeepSpeed's calls, for machines without its CUDA kernels.

Letters: B rows, S tokens, K retained, C channels (any number of trailing dimensions).
"""

from __future__ import annotations

from typing import Any

import torch


def _at(
    states: torch.Tensor, sorted_indices: torch.Tensor, batch_first: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column numbers that pick the retained tokens out of `states`."""
    token = sorted_indices.to(states.device, torch.int64)
    row = torch.arange(token.shape[0], device=states.device)[:, None]
    return (row, token) if batch_first else (token.t(), row.t())


def gather_tokens(
    activations: torch.Tensor, sorted_indices: torch.Tensor, batch_first: bool = True
) -> torch.Tensor:
    """The retained tokens: [B,S,...] and int [B,K] -> [B,K,...] ([S,B,...] -> [K,B,...] otherwise). Differentiable."""
    return activations[_at(activations, sorted_indices, batch_first)]


def scatter_tokens(
    all_activations: torch.Tensor,
    layer_activations: torch.Tensor,
    sorted_indices: torch.Tensor,
    batch_first: bool = True,
) -> torch.Tensor:
    """`all_activations` with the retained tokens replaced. Differentiable: replaced rows get no gradient.

    >>> h = torch.zeros(1, 3, 1)
    >>> scatter_tokens(h, torch.ones(1, 1, 1), torch.tensor([[1]])).flatten().tolist()
    [0.0, 1.0, 0.0]
    """
    at = _at(all_activations, sorted_indices, batch_first)
    return all_activations.index_put(at, layer_activations.to(all_activations.dtype))


class GatherTokens:
    """DeepSpeed's call: `GatherTokens.apply(activations, sorted_indices, batch_first)` gives both tensors."""

    @staticmethod
    def apply(activations: torch.Tensor, sorted_indices: torch.Tensor, batch_first: bool) -> tuple[Any, Any]:
        return activations, gather_tokens(activations, sorted_indices, batch_first)


class ScatterTokens:
    """DeepSpeed's call: `ScatterTokens.apply(all_activations, layer_activations, sorted_indices, batch_first)`."""

    @staticmethod
    def apply(
        all_activations: torch.Tensor,
        layer_activations: torch.Tensor,
        sorted_indices: torch.Tensor,
        batch_first: bool,
    ) -> torch.Tensor:
        return scatter_tokens(all_activations, layer_activations, sorted_indices, batch_first)
