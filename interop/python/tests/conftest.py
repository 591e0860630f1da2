"""Finds the package and the vectors that every implementation is held to."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ["PYTHONPATH"] = str(HERE.parent)  # of the processes that tests start

# Before Triton is first imported: without a GPU its kernels run in its interpreter.
try:
    import torch

    if not torch.cuda.is_available():
        os.environ.setdefault("TRITON_INTERPRET", "1")
    if not hasattr(
        torch.Tensor, "untyped_storage"
    ):  # torch 1.13; Triton's interpreter asks for torch 2's name
        torch.Tensor.untyped_storage = lambda tensor: tensor.storage().untyped()
except ImportError:
    pass

VECTORS = HERE.parents[2] / "test" / "vectors" / "sampling-rule-1.json"


def vector_cases():
    """(sampling arguments by name, expected int32 [L,B,K]) of each case."""
    for case in json.loads(VECTORS.read_text())["cases"]:
        o = case["options"]
        B, S, K, L = o["batchSize"], o["seqLength"], o["reservedLength"], o["layers"]
        arguments = {
            "reserved_length": K,
            "seq_length": S,
            "batch_size": B,
            "layers": L,
            "seed": int(o["seed"]),
            "step": o["step"],
            "batch_offset": o.get("batchOffset", 0),
            "layer_offset": o.get("layerOffset", 0),
            "keep_prefix": o.get("keepPrefix", 0),
        }
        for name, key in (("keep_mask", "keepMask"), ("padding_mask", "paddingMask")):
            if key in o:
                arguments[name] = np.array(o[key], dtype=np.uint8).reshape(B, S)
        yield arguments, np.array(case["sampledIndices"], dtype=np.int32).reshape(L, B, K)


@pytest.fixture(
    params=list(vector_cases()), ids=lambda case: f"S{case[0]['seq_length']}-seed{case[0]['seed']}"
)
def vector(request):
    return request.param
