"""Hand-overs: what is written is what is read, and what doesn't fit is refused by name."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: hand-overs are not tested")

from random_ltd import tensor_file
from random_ltd.hand_over import _metadata, read_hand_over, write_hand_over
from random_ltd.tensor_file import read_tensors, write_tensors
from runs import new_run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def test_what_is_written_is_read(path):
    run = new_run(dtype=np.float32)
    run.arrays["weights/head.norm"][0] = np.float32("nan")
    run.history["losses"] += [0.1, 1 / 3]
    write_hand_over(path, run)
    got = read_hand_over(path, config=run.config)
    assert got.config == run.config
    assert got.history == run.history
    for name, array in run.arrays.items():
        assert got.arrays[name].tobytes() == array.tobytes()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def changed(path, metadata=(), arrays=()):
    run = new_run()
    run.arrays.update(arrays)
    write_tensors(
        path, {n: a for n, a in run.arrays.items() if a is not None}, {**_metadata(run), **dict(metadata)}
    )


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"format": "pt"}, '"format" expected "random-ltd hand-over", got "pt"'),
        ({"version": "2"}, '"version"'),
        ({"sampling_rule": "2"}, '"sampling_rule" expected "1", got "2"'),
        ({"seed": "4"}, '"seed" expected "3", got "4"'),
        ({"step": "9"}, '"step"'),
        ({"consumed_layer_tokens": "9"}, '"consumed_layer_tokens"'),
        ({"keep_prefix": "-1"}, '"keep_prefix"'),
        ({"conventions": json.dumps({"gelu": "exact"})}, '"conventions.'),
        ({"config": "{"}, '"config" expected JSON'),
    ],
)
def test_metadata_is_held_to(path, metadata, message):
    changed(path)
    read_hand_over(path)
    changed(path, metadata)
    with pytest.raises(ValueError, match=message):
        read_hand_over(path)


def test_each_convention_is_held_to(path):
    from random_ltd.models import CONVENTIONS

    for name in CONVENTIONS:
        changed(path, {"conventions": json.dumps({**CONVENTIONS, name: "another"})})
        with pytest.raises(ValueError, match=f'"conventions.{name}" expected .*, got "another"'):
            read_hand_over(path)


def test_arrays_are_held_to_the_model(path):
    for name, array, message in [
        ("weights/blocks.0.qkv", np.zeros((16, 16)), r'"weights/blocks.0.qkv" expected .* \[16, 48\], got'),
        ("second/head.norm", np.zeros(16, np.int32), '"second/head.norm"'),
        ("first/embed.table", None, '"first/embed.table" expected an array .*, got none'),
        ("weights/blocks.3.qkv", np.zeros((16, 48)), '"weights/blocks.3.qkv" expected nothing by this name'),
    ]:
        changed(path, arrays={name: array})
        with pytest.raises(ValueError, match=message):
            read_hand_over(path)


def test_another_model_is_refused(path):
    write_hand_over(path, new_run())
    with pytest.raises(ValueError, match='"config.model" expected'):
        read_hand_over(path, config=new_run("vit").config | {"task": "gpt"})
    with pytest.raises(ValueError, match='"config.seed" expected 9, got 3'):
        read_hand_over(path, config=new_run(seed=9).config)


def test_a_file_that_is_not_whole_is_refused(path, monkeypatch):
    write_hand_over(path, new_run())
    content = path.read_bytes()
    for library in {tensor_file._library, None}:
        monkeypatch.setattr(tensor_file, "_library", library)
        for part in (content[:4], content[:100], content[:-1], content + b"0"):
            path.write_bytes(part)
            with pytest.raises(ValueError, match='"path" expected a safetensors file'):
                read_tensors(path)


def test_with_and_without_the_library(path, monkeypatch):
    """What one writes the other reads."""
    if tensor_file._library is None:
        pytest.skip("safetensors is not installed: its files are read and written here alone")
    tensors = {
        "a": np.arange(6, dtype=np.float64).reshape(2, 3),
        "b": np.arange(3, dtype=np.uint8),
        "c": np.arange(4, dtype=np.int32),
        "d": np.array(2.5, dtype=np.float32),
        "e": np.zeros((0, 4), dtype=np.float32),
    }
    library = tensor_file._library
    for writer, reader in ((library, None), (None, library), (None, None)):
        monkeypatch.setattr(tensor_file, "_library", writer)
        write_tensors(path, tensors, {"name": "ü"})
        monkeypatch.setattr(tensor_file, "_library", reader)
        got, metadata = read_tensors(path)
        assert metadata == {"name": "ü"}
        assert got.keys() == tensors.keys()
        for name, array in tensors.items():
            assert got[name].dtype == array.dtype
            assert got[name].shape == array.shape
            assert got[name].tobytes() == array.tobytes()
