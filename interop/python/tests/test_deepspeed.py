"""DeepSpeed's sampler swapped for sampling rule 1, on a stand-in, and on DeepSpeed's own layer where its source is.

DEEPSPEED_SOURCE names a folder with DeepSpeed's `deepspeed/`: its real layer, scheduler and constants run then, on the
CPU; only the packages around them, which need CUDA or a newer torch, are empty.
"""

import importlib
import logging
import os
import sys
import types

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: the swap is not tested")

from random_ltd import gpt_sample_tokens
from random_ltd.deepspeed import BASIC_LAYER, engine_rows, engine_step, use_sampling_rule

SOURCE = os.environ.get("DEEPSPEED_SOURCE")


class Engine:
    """As much of DeepSpeed's engine as is asked: steps, and two micro-batches of two rows."""

    global_steps = 0
    micro_steps = 0

    def gradient_accumulation_steps(self):
        return 2

    def train_micro_batch_size_per_gpu(self):
        return 2


def test_on_a_stand_in():
    names = ("gpt_sample_tokens", "bert_sample_tokens", "GatherTokens", "ScatterTokens")
    module = types.ModuleType("basic_layer")
    for name in names:
        setattr(module, name, name)
    engine = Engine()
    options = {"seed": 5, "step": engine_step(engine), "batch_offset": engine_rows(engine, 1)}
    put_back = use_sampling_rule(module, **options, mask_mode="gather")
    assert module.GatherTokens == "GatherTokens"
    for engine.global_steps, engine.micro_steps in ((0, 0), (0, 1), (1, 2), (1, 3)):
        row = 4 + 2 * (engine.micro_steps % 2)
        expected = gpt_sample_tokens(3, 9, 2, 2, seed=5, step=engine.global_steps, batch_offset=row)[0]
        for sample in (module.gpt_sample_tokens, module.bert_sample_tokens):
            mask = torch.zeros(1, 1, 9, 9)
            sampled, new_mask = sample(3, 9, 2, 2, "cpu", mask)
            assert torch.equal(sampled, expected)
            assert new_mask.shape == (2, 2, 1, 3, 3)
    put_back()
    assert all(getattr(module, name) == name for name in names)
    with pytest.raises(TypeError, match='"step" expected a function'):
        use_sampling_rule(module, seed=5, step=0, batch_offset=lambda: 0)


@pytest.fixture(scope="module")
def deepspeed():
    """DeepSpeed's `basic_layer` and `scheduler`."""
    if not SOURCE:
        pytest.skip("DEEPSPEED_SOURCE is not set: DeepSpeed's own layer is not tried")

    def bare(name, **attributes):
        module = types.ModuleType(name)
        module.__path__ = [os.path.join(SOURCE, *name.split("."))]
        vars(module).update(attributes)
        sys.modules[name] = module

    class Builder:
        def load(self):
            raise RuntimeError("there are no CUDA kernels here")

    for name in ("deepspeed", "deepspeed.ops", "deepspeed.ops.random_ltd", "deepspeed.runtime"):
        bare(name)
    bare("deepspeed.utils", logger=logging.getLogger("deepspeed"))
    bare("deepspeed.ops.op_builder", RandomLTDBuilder=Builder)
    routing = BASIC_LAYER.rsplit(".", 1)[0]
    bare(routing.rsplit(".", 1)[0])
    bare(routing)
    return importlib.import_module(BASIC_LAYER), importlib.import_module(routing + ".scheduler")


CONFIG = {
    "random_ltd_layer_num": 2,
    "total_layer_num": 4,
    "random_ltd_layer_id": [1, 2],
    "model_mask_name": None,
    "model_type": "decoder",
    "hidden_state_order": "batch_seq_dim",
    "global_batch_size": 8,
    "micro_batch_size": 2,
    "layer_token_lr_schedule": {"enabled": False},
    "random_ltd_schedule": {
        "min_value": 8,
        "max_value": 32,
        "schedule_type": "fixed_linear",
        "schedule_config": {"require_steps": 10, "seq_per_step": 8},
    },
}


class Layer(torch.nn.Module):
    """A layer that notes the mask it was given."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(5, 5, dtype=torch.float64))

    def forward(self, x, mask=None):
        self.seen = mask
        return x + torch.tanh(x @ self.weight)


def wrapped(deepspeed, rank, **changes):
    basic_layer, scheduler = deepspeed
    config = {**CONFIG, **changes}
    engine, state = Engine(), scheduler.RandomLTDScheduler(config)
    use_sampling_rule(
        basic_layer,
        seed=77,
        step=engine_step(engine),
        batch_offset=engine_rows(engine, rank),
        torch_tokens=True,
    )
    layers = [basic_layer.RandomLayerTokenDrop(Layer()) for _ in range(2)]
    for i, layer in enumerate(layers):
        layer.init_config(config, state, i)
    return engine, state, layers


def test_deepspeeds_layers_on_two_ranks_retain_what_the_whole_batch_would(deepspeed):
    seen, lengths = {}, []
    for rank in range(2):
        engine, state, layers = wrapped(deepspeed, rank)
        for step in range(3):
            for micro in range(2):
                state.update_seq(engine.global_steps)
                h = torch.randn(2, 32, 5, dtype=torch.float64, requires_grad=True)
                for layer in layers:
                    h = layer(h)
                h.sum().backward()
                seen[step, rank * 4 + micro * 2] = state.state["sample_idx"].clone()
                engine.micro_steps += 1
            engine.global_steps += 1
            lengths.append(state.get_current_seq())
    for step in range(3):
        whole = gpt_sample_tokens(lengths[step], 32, 8, 2, seed=77, step=step)[0]
        assert torch.equal(torch.cat([seen[step, row] for row in (0, 2, 4, 6)], dim=1), whole)


@pytest.mark.parametrize("order", ["batch_seq_dim", "seq_batch_dim"])
@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_deepspeeds_layers_gradients_and_masks(deepspeed, order, kind):
    _, state, (one, two) = wrapped(
        deepspeed, 1, hidden_state_order=order, model_type=kind, model_mask_name="mask"
    )
    state.update_seq(0)
    x = torch.randn(
        *((2, 32, 5) if order == "batch_seq_dim" else (32, 2, 5)), dtype=torch.float64, requires_grad=True
    )
    causal = torch.ones(1, 1, 32, 32).tril()
    assert torch.autograd.gradcheck(lambda x: two(one(x, mask=causal), mask=causal), (x,))
    rows = 2 if kind == "encoder" else 1
    assert torch.equal(two.random_ltd_layer.seen, torch.ones(rows, 1, 8, 8).tril())


def test_deepspeeds_layers_run_again_draw_the_same(deepspeed):
    from torch.utils.checkpoint import checkpoint

    _, state, (one, two) = wrapped(deepspeed, 1)
    state.update_seq(0)
    x = torch.randn(2, 32, 5, dtype=torch.float64, requires_grad=True)
    once = torch.autograd.grad(two(one(x)).square().sum(), x)[0]
    again = torch.autograd.grad(checkpoint(lambda x: two(one(x)), x, use_reentrant=False).square().sum(), x)[
        0
    ]
    assert torch.equal(once, again)
