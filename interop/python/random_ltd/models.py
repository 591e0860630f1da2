"""The trainer's example models in torch: weights of the same names, shapes and meaning as trainer/models/*.ts.

Letters: B rows, S tokens of a row, T tokens a layer sees (S or K), C channels, H heads, D = C / H, V kinds of token.
Matrices are [in,out], applied as x @ W. No biases but where one is named.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .check import check_choice, check_integer, wrong_value
from .tokens import gather_tokens, scatter_tokens

#: What RMSNorm adds to the mean of squares (trainer/models/layers.ts).
NORM_EPSILON = 1e-5

#: What two sides must mean alike by the weights. Written into a hand-over, and held to when one is read.
CONVENTIONS = {
    "matrices": "[in,out], y = x @ W",
    "qkv": "columns q, k, v, each H heads of D",
    "norm": "RMSNorm: x / sqrt(mean(x^2) + epsilon) * gain",
    "norm_epsilon": "1e-05",
    "gelu": "tanh",
    "rotary": "channel i with i + D/2 of each head",
}


class Block(nn.Module):
    """A transformer layer, norms before."""

    def __init__(self, channels: int, heads: int, causal: bool):
        super().__init__()
        C = channels
        self.heads, self.causal = heads, causal
        self.attnNorm = nn.Parameter(torch.empty(C))
        self.qkv = nn.Parameter(torch.empty(C, 3 * C))
        self.attnOut = nn.Parameter(torch.empty(C, C))
        self.mlpNorm = nn.Parameter(torch.empty(C))
        self.up = nn.Parameter(torch.empty(C, 4 * C))
        self.down = nn.Parameter(torch.empty(4 * C, C))

    def forward(self, x: torch.Tensor, rotary: tuple[torch.Tensor, torch.Tensor] | None) -> torch.Tensor:
        """x [B,T,C]; cosines and sines [B or 1,T,D/2]. Retained tokens, in order, need the causal mask of their T."""
        B, T, C = x.shape
        D = C // self.heads
        q, k, v = (rms_norm(x, self.attnNorm) @ self.qkv).view(B, T, 3, self.heads, D).unbind(2)
        if rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)
        scores = (q / math.sqrt(D)).transpose(1, 2) @ k.permute(0, 2, 3, 1)
        if self.causal:
            seen = torch.ones(T, T, dtype=torch.bool, device=x.device).tril()
            scores = scores.masked_fill(~seen, -1e9)
        mixed = (scores.softmax(-1) @ v.transpose(1, 2)).transpose(1, 2).reshape(B, T, C)
        y = x + mixed @ self.attnOut
        return y + F.gelu(rms_norm(y, self.mlpNorm) @ self.up, approximate="tanh") @ self.down


def rms_norm(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """`x / sqrt(mean(x^2) + epsilon) * gain` over the channels."""
    return x / torch.sqrt(x.square().mean(-1, keepdim=True) + NORM_EPSILON) * gain


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turns x [B,T,H,D], channel i with channel i + D/2, by cosines and sines [B or 1,T,D/2]."""
    a, b = x.chunk(2, -1)
    cos, sin = cos[:, :, None], sin[:, :, None]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Model(nn.Module):
    """A model of the trainer and how tokens are dropped in it; `state_dict` has the trainer's names.

    config, dropping: `model` and `dropping` of a RunConfig (trainer/types.ts).
    """

    causal = False

    def __init__(self, config: dict, dropping: dict):
        super().__init__()
        self.config = config
        C, H = config["channels"], config["heads"]
        if C % (2 * H):
            wrong_value("model", f"channels in multiples of {2 * H}", C)
        self.segments = segments_of(dropping, config["layers"])
        self.embed, self.head = nn.Module(), nn.Module()
        self.blocks = nn.ModuleList(Block(C, H, self.causal) for _ in range(config["layers"]))
        angles = self.angles()
        if angles is None:
            self.cos = self.sin = None
        else:
            # Made in float64 and rounded to float32, as in JavaScript, whatever the weights are then kept in.
            self.register_buffer("cos", angles.cos().float(), persistent=False)
            self.register_buffer("sin", angles.sin().float(), persistent=False)

    def angles(self) -> torch.Tensor | None:
        """Rotary angles of all positions, float64 [S,D/2]."""
        return None

    def forward(self, batch: dict[str, torch.Tensor], routes: list[torch.Tensor]) -> torch.Tensor:
        """The mean loss of each row [B]. routes: retained positions [B,K] of each draw; empty: all tokens."""
        x = self.embedded(batch)
        for layers, draw in self.segments:
            route = routes[draw] if routes and draw is not None else None
            rotary = self.rotary_at(route)
            part = x if route is None else gather_tokens(x, route)
            for layer in layers:
                part = self.blocks[layer](part, rotary)
            x = part if route is None else scatter_tokens(x, part, route)
        logits, targets = self.logits(x), self.targets(batch)
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten().long(), reduction="none")
        return losses.view(targets.shape).mean(-1)

    def rotary_at(self, route: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Tables of the tokens that are seen: [B,K,D/2] under a route, [1,S,D/2] without."""
        if self.cos is None:
            return None
        if route is None:
            return self.cos[None], self.sin[None]
        return self.cos[route.long()], self.sin[route.long()]

    def layer_tokens(self, K: int) -> int:
        """Layer-tokens of a row where K tokens are retained."""
        dropped = self._dropped()
        return dropped * K + (self.config["layers"] - dropped) * self.config["seq"]

    def flops(self, K: int) -> int:
        """Operations of a row's training step: matrix products, once forward and twice backward."""
        C, S, dropped = self.config["channels"], self.config["seq"], self._dropped()

        def layer(T: int) -> int:
            return 3 * (24 * C * C * T + 4 * T * T * C)

        return dropped * layer(K) + (self.config["layers"] - dropped) * layer(S) + self.other_flops()

    def _dropped(self) -> int:
        return sum(len(layers) for layers, draw in self.segments if draw is not None)

    @property
    def draws(self) -> int:
        """How many draws of tokens a step needs."""
        return len({draw for _, draw in self.segments if draw is not None})


class GPT(Model):
    """Causal, rotary positions: tokens and targets int [B,S]."""

    causal = True

    def __init__(self, config: dict, dropping: dict):
        super().__init__(config, dropping)
        C, V = config["channels"], config["vocab"]
        self.embed.table = nn.Parameter(torch.empty(V, C))
        self.head.norm = nn.Parameter(torch.empty(C))
        self.head.weight = nn.Parameter(torch.empty(C, V))

    def angles(self) -> torch.Tensor:
        half = self.config["channels"] // self.config["heads"] // 2
        rate = 10_000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
        return torch.arange(self.config["seq"], dtype=torch.float64)[:, None] * rate

    def embedded(self, batch: dict) -> torch.Tensor:
        return F.embedding(batch["tokens"].long(), self.embed.table)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        return rms_norm(x, self.head.norm) @ self.head.weight

    def targets(self, batch: dict) -> torch.Tensor:
        return batch["targets"]

    def other_flops(self) -> int:
        C, V, S = self.config["channels"], self.config["vocab"], self.config["seq"]
        return 2 * 2 * V * C * S + 3 * 2 * V * C * S


class ViT(Model):
    """Learned and two-dimensional rotary positions: patches [B,S,P], labels int [B]; reads the mean of the tokens."""

    def __init__(self, config: dict, dropping: dict):
        super().__init__(config, dropping)
        C, S = config["channels"], config["seq"]
        self.embed.patch = nn.Parameter(torch.empty(config["patch"], C))
        self.embed.bias = nn.Parameter(torch.empty(C))
        self.embed.positions = nn.Parameter(torch.empty(S, C))
        self.head.norm = nn.Parameter(torch.empty(C))
        self.head.weight = nn.Parameter(torch.empty(C, config["classes"]))
        self.head.bias = nn.Parameter(torch.empty(config["classes"]))

    def angles(self) -> torch.Tensor:
        S = self.config["seq"]
        side, half = math.isqrt(S), self.config["channels"] // self.config["heads"] // 2
        if side * side != S:
            wrong_value("model", "a square as seq", S)
        if half % 2:
            wrong_value(
                "model", f"channels in multiples of {4 * self.config['heads']}", self.config["channels"]
            )
        rate = 100.0 ** (-torch.arange(half // 2, dtype=torch.float64) / (half // 2))
        at = torch.arange(S)
        row, column = (along.to(torch.float64)[:, None] for along in (at // side, at % side))
        return torch.cat([row * rate, column * rate], 1)

    def embedded(self, batch: dict) -> torch.Tensor:
        return (
            batch["patches"].to(self.embed.patch.dtype) @ self.embed.patch
            + self.embed.bias
            + self.embed.positions
        )

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        return rms_norm(x, self.head.norm).mean(1, keepdim=True) @ self.head.weight + self.head.bias

    def targets(self, batch: dict) -> torch.Tensor:
        return batch["labels"][:, None]

    def other_flops(self) -> int:
        c = self.config
        return 2 * 2 * c["patch"] * c["channels"] * c["seq"] + 3 * 2 * c["channels"] * c["classes"]


class Follower(Model):
    """Answers at position 0, no positions: tokens [B,S,V], sums of rows of the table; targets int [B,hops]."""

    def __init__(self, config: dict, dropping: dict):
        super().__init__(config, dropping)
        C, answers = config["channels"], config["hops"] * config["nodes"]
        self.embed.table = nn.Parameter(torch.empty(3 * config["nodes"] + 1, C))
        self.head.norm = nn.Parameter(torch.empty(C))
        self.head.weight = nn.Parameter(torch.empty(C, answers))
        self.head.bias = nn.Parameter(torch.empty(answers))

    def embedded(self, batch: dict) -> torch.Tensor:
        return batch["tokens"].to(self.embed.table.dtype) @ self.embed.table

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        answers = rms_norm(x[:, 0], self.head.norm) @ self.head.weight + self.head.bias
        return answers.view(-1, self.config["hops"], self.config["nodes"])

    def targets(self, batch: dict) -> torch.Tensor:
        return batch["targets"]

    def other_flops(self) -> int:
        c = self.config
        V, C = 3 * c["nodes"] + 1, c["channels"]
        return 2 * 2 * V * C * c["seq"] + 3 * 2 * C * c["hops"] * c["nodes"]


KINDS: dict[str, type[Model]] = {"gpt": GPT, "vit": ViT, "follower": Follower}


def make_model(config: dict, dropping: dict) -> Model:
    """The model of a RunConfig, its weights not yet set."""
    return KINDS[check_choice("model.kind", config.get("kind"), tuple(KINDS))](config, dropping)


def segments_of(dropping: dict, layers: int) -> list[tuple[list[int], int | None]]:
    """Layers that run on the same tokens, in order, each with the number of its draw; None: all tokens."""
    how = check_choice("dropping.how", dropping.get("how"), ("none", "layers", "route"))
    everything = [([layer], None) for layer in range(layers)]
    if how == "none":
        return everything
    if how == "layers":
        dropped = dropping["layers"]
        for layer in dropped:
            check_integer("dropping.layers", layer, 0, layers - 1)
        return [([layer], dropped.index(layer) if layer in dropped else None) for layer in range(layers)]
    last = check_integer("dropping.last", dropping["last"], 0, layers - 1)
    first = check_integer("dropping.first", dropping["first"], 0, last)
    return [*everything[:first], (list(range(first, last + 1)), 0), *everything[last + 1 :]]


def to_batch(arrays: dict[str, Any], rows: slice, device: torch.device, dtype: torch.dtype) -> dict:
    """A part of a batch's rows as tensors; what is not whole numbers in the weights' dtype."""
    batch = {}
    for name, array in arrays.items():
        part = torch.as_tensor(array[rows]).to(device)
        batch[name] = part.to(dtype) if part.is_floating_point() else part
    return batch
