"""DeepSpeed's signatures, masks and gather and scatter. Without torch there is nothing of it."""

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: sampling functions are not tested")

from random_ltd import (
    GatherTokens,
    ScatterTokens,
    bert_sample_tokens,
    check_request,
    gather_tokens,
    gpt_sample_tokens,
    sample_numpy,
    scatter_tokens,
)

B, S, K, L = 2, 12, 5, 3


def test_deepspeeds_signatures():
    names = ["reserved_length", "seq_length", "batch_size", "layers", "device", "attn_mask"]
    for sample in (gpt_sample_tokens, bert_sample_tokens):
        parameters = inspect.signature(sample).parameters.values()
        assert [p.name for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD] == names
        assert [p.default for p in parameters if p.name in names[3:]] == [1, "cpu", None]


@pytest.mark.parametrize("backend", [None, "numpy", "torch"])
def test_what_is_drawn(backend):
    masks = {
        "keep_mask": torch.zeros(B, S, dtype=torch.uint8),
        "padding_mask": torch.ones(B, S, dtype=torch.uint8),
    }
    masks["keep_mask"][1, 7] = 1
    masks["padding_mask"][0, 9:] = 0
    rule = {"seed": 2**64 - 1, "step": 6, "batch_offset": 4, "layer_offset": 1, "keep_prefix": 1, **masks}
    expected = sample_numpy(check_request(K, S, B, L, **rule))
    for sample in (gpt_sample_tokens, bert_sample_tokens):
        sampled, mask = sample(K, S, B, L, "cpu", backend=backend, **rule)
        assert mask is None
        assert sampled.dtype == torch.int32
        assert np.array_equal(sampled.numpy(), expected)


def test_masks():
    mask = torch.randn(B, 2, S, S)
    sampled, new = bert_sample_tokens(K, S, B, L, "cpu", mask, seed=1)
    assert new.shape == (L, B, 2, K, K)
    for layer, b, h in np.ndindex(L, B, 2):
        at = sampled[layer, b].long()
        assert torch.equal(new[layer, b, h], mask[b, h][at][:, at])
    gathered = gpt_sample_tokens(K, S, B, L, "cpu", mask, seed=1, mask_mode="gather")[1]
    assert torch.equal(gathered, new)
    unchecked = gpt_sample_tokens(K, S, B, L, "cpu", mask, seed=1, mask_mode="slice-unchecked")[1]
    assert torch.equal(unchecked, mask[:, :, :K, :K])
    row = torch.randn(1, 1, 1, S)
    new = bert_sample_tokens(K, S, B, L, "cpu", row, seed=1)[1]
    assert torch.equal(new[1, 1, 0, 0], row[0, 0, 0, sampled[1, 1].long()])
    assert new.shape == (L, B, 1, 1, K)


def test_the_corner_is_taken_only_where_it_is_right():
    causal = torch.full((S, S), float("-inf")).triu(1)
    for mask in (
        causal[None, None],
        causal.expand(B, 4, S, S),
        causal[None, None] == 0,
        torch.zeros(1, 1, 1, S),
    ):
        new = gpt_sample_tokens(K, S, B, 1, "cpu", mask, seed=1)[1]
        assert torch.equal(new, mask[:, :, :K, :K])
        gathered = gpt_sample_tokens(K, S, B, 1, "cpu", mask, seed=1, mask_mode="gather")[1][0]
        assert torch.equal(gathered, new.expand(gathered.shape))
    for at in ((0, 0, 11, 0), (1, 3, 0, 11), (1, 0, 5, 5)):
        wrong = causal.expand(B, 4, S, S).clone()
        wrong[at] = 7
        with pytest.raises(ValueError, match=r'"attn_mask" expected entries .* got another entry at \['):
            gpt_sample_tokens(K, S, B, 1, "cpu", wrong, seed=1)
        gpt_sample_tokens(S, S, B, 1, "cpu", wrong, seed=1)  # all tokens: the whole mask


@pytest.mark.parametrize(
    ("change", "error", "name"),
    [
        ({"seed": None}, TypeError, "seed"),
        ({"sede": 1}, TypeError, "sede"),
        ({"attn_mask": [[1]]}, TypeError, "attn_mask"),
        ({"attn_mask": torch.zeros(3, 1, S, S)}, ValueError, "attn_mask"),
        ({"attn_mask": torch.zeros(1, 1, S, S + 1)}, ValueError, "attn_mask"),
        ({"mask_mode": "corner"}, ValueError, "mask_mode"),
        ({"backend": "cuda"}, ValueError, "backend"),
        ({"keep_mask": torch.ones(B, S)}, TypeError, "keep_mask"),
    ],
)
def test_bad_input(change, error, name):
    good = {"reserved_length": K, "seq_length": S, "batch_size": B, "seed": 1}
    gpt_sample_tokens(**good)
    with pytest.raises(error, match=f'"{name}" expected'):
        gpt_sample_tokens(**{**good, **change})


def test_a_missing_seed_is_named():
    with pytest.raises(TypeError, match='"seed" expected an unsigned 64-bit integer'):
        gpt_sample_tokens(K, S, B)


@pytest.mark.parametrize("batch_first", [True, False])
def test_gather_and_scatter_are_exact(batch_first):
    sampled = gpt_sample_tokens(K, S, B, seed=1)[0][0]
    x = torch.randn(*((B, S, 3) if batch_first else (S, B, 3)), dtype=torch.float64, requires_grad=True)
    part = gather_tokens(x, sampled, batch_first)
    assert part.shape == ((B, K, 3) if batch_first else (K, B, 3))
    for b in range(B):
        whole = x[b] if batch_first else x[:, b]
        assert torch.equal(part[b] if batch_first else part[:, b], whole[sampled[b].long()])
    assert torch.equal(scatter_tokens(x, part, sampled, batch_first), x)
    assert torch.autograd.gradcheck(lambda x: gather_tokens(x, sampled, batch_first), (x,))
    assert torch.autograd.gradcheck(
        lambda x, y: scatter_tokens(x, y, sampled, batch_first), (x, part.detach().requires_grad_())
    )
    same, theirs = GatherTokens.apply(x, sampled, batch_first)
    assert same is x
    assert torch.equal(theirs, part)
    assert torch.equal(
        ScatterTokens.apply(x, 2 * part, sampled, batch_first),
        scatter_tokens(x, 2 * part, sampled, batch_first),
    )
