"""Sampling rule 1 in numpy, torch and Triton, against the vectors that the JavaScript library is held to."""

import numpy as np
import pytest

from random_ltd import check_request, philox4x32, sample_numpy

# Random123's known answers (kat_vectors, philox4x32 10).
KNOWN = [
    ((0, 0, 0, 0), 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((2**32 - 1,) * 4, 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        0xA4093822 | 0x299F31D0 << 32,
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "seed", "words"), KNOWN)
def test_philox_known_answers_numpy(counter, seed, words):
    assert " ".join(f"{int(w):08x}" for w in philox4x32(*counter, seed)) == words


@pytest.mark.parametrize(("counter", "seed", "words"), KNOWN)
def test_philox_known_answers_torch(counter, seed, words):
    torch = pytest.importorskip("torch")
    from random_ltd.rule_torch import philox4x32_torch

    got = philox4x32_torch(*(torch.tensor(c) for c in counter), seed)
    assert " ".join(f"{int(w):08x}" for w in got) == words


def test_vectors_numpy(vector):
    arguments, expected = vector
    assert np.array_equal(sample_numpy(check_request(**arguments)), expected)


def test_vectors_torch(vector):
    torch = pytest.importorskip("torch")
    from random_ltd.rule_torch import sample_torch

    arguments, expected = vector
    got = sample_torch(check_request(**arguments), torch.device("cpu"))
    assert got.dtype == torch.int32
    assert np.array_equal(got.numpy(), expected)


def test_vectors_triton(vector):
    torch = pytest.importorskip("torch")
    pytest.importorskip("triton", reason="Triton is not installed: its kernel is not tested")
    from random_ltd.rule_triton import MAX_TRITON_SEQ_LENGTH, sample_triton

    arguments, expected = vector
    if arguments["seq_length"] > MAX_TRITON_SEQ_LENGTH:
        pytest.skip(f"longer than {MAX_TRITON_SEQ_LENGTH}: rule_torch does these")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    got = sample_triton(check_request(**arguments), device)
    assert np.array_equal(got.cpu().numpy(), expected)


def test_the_plain_rule():
    """Against docs/sampling-rule.md as it is written there, at random sizes."""
    from conftest import HERE

    page = (HERE.parents[2] / "docs" / "sampling-rule.md").read_text()
    plain = {}
    exec(page.split("```python\n")[1].split("```")[0], plain)
    random = np.random.default_rng(5)
    for _ in range(30):
        S = int(random.integers(1, 60))
        K = int(random.integers(1, S + 1))
        seed, step, layer, row = (int(random.integers(0, 2**32)) for _ in range(4))
        keep = set(random.choice(S, size=int(random.integers(0, K + 1)), replace=False).tolist())
        padding = set(random.choice(S, size=int(random.integers(0, S + 1)), replace=False).tolist())
        masks = [np.zeros((1, S), dtype=np.uint8), np.ones((1, S), dtype=np.uint8)]
        masks[0][0, list(keep)] = 1
        masks[1][0, list(padding)] = 0
        request = check_request(
            K,
            S,
            1,
            seed=seed,
            step=step,
            layer_offset=layer,
            batch_offset=row,
            keep_mask=masks[0],
            padding_mask=masks[1],
        )
        assert sample_numpy(request)[0, 0].tolist() == plain["retained"](
            seed, step, layer, row, S, K, keep, padding
        )


def test_shards_retain_what_the_whole_batch_does():
    whole = sample_numpy(check_request(5, 16, 6, 3, seed=9, step=4))
    parts = [
        sample_numpy(check_request(5, 16, 2, 3, seed=9, step=4, batch_offset=2 * rank)) for rank in range(3)
    ]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)
    without = [sample_numpy(check_request(5, 16, 2, 3, seed=9, step=4)) for _ in range(3)]
    assert not np.array_equal(np.concatenate(without, axis=1), whole)
    later = [
        sample_numpy(check_request(5, 16, 6, 1, seed=9, step=4, layer_offset=layer)) for layer in range(3)
    ]
    assert np.array_equal(np.concatenate(later), whole)


GOOD = {"reserved_length": 4, "seq_length": 8, "batch_size": 2, "layers": 1, "seed": 7}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"seed": -1}, ValueError, '"seed" expected an integer from 0 to 18446744073709551615, got -1'),
        ({"seed": 2**64}, ValueError, '"seed"'),
        ({"seed": 1.0}, TypeError, '"seed"'),
        ({"seed": True}, TypeError, '"seed"'),
        ({"step": 2**32}, ValueError, '"step"'),
        ({"reserved_length": 0}, ValueError, '"reserved_length" expected an integer from 1 to 8, got 0'),
        ({"reserved_length": 9}, ValueError, '"reserved_length"'),
        ({"seq_length": 2**25 + 1}, ValueError, '"seq_length"'),
        ({"batch_offset": 2**32 - 1}, ValueError, '"batch_offset" expected an integer from 0 to 4294967294'),
        ({"layer_offset": 2**32}, ValueError, '"layer_offset"'),
        ({"keep_prefix": 5}, ValueError, '"keep_prefix" expected an integer from 0 to 4, got 5'),
        ({"keep_mask": [[1]]}, TypeError, '"keep_mask"'),
        ({"keep_mask": np.ones((2, 8))}, TypeError, '"keep_mask"'),
        ({"keep_mask": np.ones((1, 8), np.uint8)}, ValueError, '"keep_mask" expected shape \\[2, 8\\]'),
        (
            {"padding_mask": np.full((2, 8), 2, np.uint8)},
            ValueError,
            '"padding_mask" expected values 0 or 1, got 2',
        ),
        ({"keep_mask": np.ones((2, 8), np.uint8)}, ValueError, '"keep_mask" expected at most 4 kept tokens'),
    ],
)
def test_bad_input(change, error, message):
    sample_numpy(check_request(**GOOD))
    with pytest.raises(error, match=message):
        check_request(**{**GOOD, **change})
