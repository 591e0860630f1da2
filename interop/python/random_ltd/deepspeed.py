"""DeepSpeed's own random-LTD layers with the tokens of sampling rule 1.

DeepSpeed's wrapper takes its sampling functions and its gather and scatter by name from the module
`deepspeed.runtime.data_pipeline.data_routing.basic_layer`, and a layer keeps the one it needs when
`random_ltd_initialize` runs. So these functions are put there before that.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from . import sampling, tokens
from .check import wrong_type

BASIC_LAYER = "deepspeed.runtime.data_pipeline.data_routing.basic_layer"


def use_sampling_rule(
    basic_layer: ModuleType,
    *,
    seed: int,
    step: Callable[[], int],
    batch_offset: Callable[[], int],
    torch_tokens: bool = False,
    **options: Any,
) -> Callable[[], None]:
    """Makes DeepSpeed's layers draw their tokens by sampling rule 1. Call it before `convert_to_random_ltd`.

    basic_layer: the module named BASIC_LAYER.
    step, batch_offset: asked at each draw: the optimizer step (unsigned 32-bit) and the number in the global batch
      of the micro-batch's first row. `engine_step` and `engine_rows` read both from DeepSpeed's engine. Nothing is
      counted here, so a forward pass that is run again (activation checkpointing) draws the same tokens.
    torch_tokens: also gather and scatter in plain torch, for machines without DeepSpeed's CUDA kernels.
    options: further ones of the sampling functions: `keep_prefix`, `mask_mode` (decoders), `backend`.

    Returns a function that puts DeepSpeed's own back.
    """
    for name, value in (("step", step), ("batch_offset", batch_offset)):
        if not callable(value):
            wrong_type(name, "a function without arguments", value)

    def with_rule(sample: Callable, **own: Any) -> Callable:
        @functools.wraps(sample)
        def draw(reserved_length, seq_length, batch_size, layers=1, device="cpu", attn_mask=None):
            return sample(
                reserved_length,
                seq_length,
                batch_size,
                layers,
                device,
                attn_mask,
                seed=seed,
                step=step(),
                batch_offset=batch_offset(),
                **own,
            )

        return draw

    encoder_options = {name: value for name, value in options.items() if name != "mask_mode"}
    new = {
        "gpt_sample_tokens": with_rule(sampling.gpt_sample_tokens, **options),
        "bert_sample_tokens": with_rule(sampling.bert_sample_tokens, **encoder_options),
    }
    if torch_tokens:
        new.update(GatherTokens=tokens.GatherTokens, ScatterTokens=tokens.ScatterTokens)
    old = {name: getattr(basic_layer, name) for name in new}

    def put(functions: dict) -> None:
        for name, function in functions.items():
            setattr(basic_layer, name, function)

    put(new)
    return lambda: put(old)


def engine_step(engine: Any) -> Callable[[], int]:
    """The step of DeepSpeed's engine, which counts from 0 and grows once all micro-batches are in."""
    return lambda: engine.global_steps


def engine_rows(engine: Any, data_parallel_rank: int) -> Callable[[], int]:
    """The first row of the engine's micro-batch: rank r has rows r * a * m onwards, a micro-batches of m rows each.

    `data_parallel_rank` counts data-parallel replicas: ranks that share one replica (tensor, pipeline or sequence
    parallelism) give the same number, or they would retain different tokens.
    """

    def first_row() -> int:
        a, m = engine.gradient_accumulation_steps(), engine.train_micro_batch_size_per_gpu()
        return (data_parallel_rank * a + engine.micro_steps % a) * m

    return first_row
