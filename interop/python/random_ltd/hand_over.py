"""A run as it goes from Node to PyTorch and back: one safetensors file, read and written on both sides.

Tensors: `weights/NAME`, `first/NAME` and `second/NAME`, the latter two AdamW's moments as they are kept (not corrected
for having begun at zero), under the names of the model. Metadata, all strings: what is in `_metadata` below. JavaScript's
side is interop/node/hand-over.ts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .check import wrong_value
from .models import CONVENTIONS, make_model
from .rule import SAMPLING_RULE
from .tensor_file import read_tensors, write_tensors

FORMAT, VERSION = "random-ltd hand-over", "1"

KINDS = ("weights", "first", "second")


@dataclass
class HandOver:
    """A run between two steps. `config`, `totals`, `history` and `row_losses` are a RunState's (trainer/types.ts)."""

    config: dict
    #: Where the run stands: step, seconds, layerTokens, flops.
    totals: dict
    #: Positions below this are always retained.
    keep_prefix: int
    arrays: dict[str, np.ndarray]
    history: dict = field(
        default_factory=lambda: {"losses": [], "lengths": [], "seconds": [], "evaluations": []}
    )
    row_losses: list = field(default_factory=list)

    def of(self, kind: str) -> dict[str, np.ndarray]:
        """The arrays of one of KINDS, by the names of the model."""
        start = kind + "/"
        return {name[len(start) :]: array for name, array in self.arrays.items() if name.startswith(start)}


def write_hand_over(path: str | Path, run: HandOver) -> None:
    """Writes a run; a crash meanwhile leaves the file that was there as it was."""
    check_arrays(run)
    write_tensors(path, run.arrays, _metadata(run))


def _metadata(run: HandOver) -> dict[str, str]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "sampling_rule": str(SAMPLING_RULE),
        "seed": str(run.config["seed"]),
        "step": str(run.totals["step"]),
        "consumed_layer_tokens": str(run.totals["layerTokens"]),
        "keep_prefix": str(run.keep_prefix),
        "conventions": json.dumps(CONVENTIONS),
        "config": json.dumps(run.config),
        "totals": json.dumps(run.totals),
        "history": json.dumps(run.history),
        "row_losses": json.dumps(run.row_losses),
    }


def read_hand_over(path: str | Path, *, config: dict | None = None) -> HandOver:
    """Reads a run.

    config: where given, the run's must equal it.

    Raises ValueError that names what is wrong: the format, the sampling rule, a convention, a configuration, an array
    that is missing, of another shape or of none that the model has.
    """
    arrays, metadata = read_tensors(path)
    _expect("format", FORMAT, metadata.get("format"))
    _expect("version", VERSION, metadata.get("version"))
    _expect("sampling_rule", str(SAMPLING_RULE), metadata.get("sampling_rule"))
    parts = {
        name: _json(metadata, name) for name in ("conventions", "config", "totals", "history", "row_losses")
    }
    for name, meaning in CONVENTIONS.items():
        _expect(f"conventions.{name}", meaning, parts["conventions"].get(name))
    for name in sorted({*parts["config"], *(config or {})} if config is not None else ()):
        _expect(f"config.{name}", config.get(name), parts["config"].get(name))
    run = HandOver(
        parts["config"],
        parts["totals"],
        int(metadata.get("keep_prefix", "-1")),
        arrays,
        parts["history"],
        parts["row_losses"],
    )
    _expect("seed", str(run.config.get("seed")), metadata.get("seed"))
    _expect("step", str(run.totals.get("step")), metadata.get("step"))
    _expect(
        "consumed_layer_tokens", str(run.totals.get("layerTokens")), metadata.get("consumed_layer_tokens")
    )
    if run.keep_prefix < 0:
        wrong_value("keep_prefix", "a whole number", metadata.get("keep_prefix"))
    check_arrays(run)
    return run


def check_arrays(run: HandOver) -> None:
    """Holds the arrays to the shapes of the model that the configuration tells."""
    model = make_model(run.config["model"], run.config["dropping"])
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    wanted = {f"{kind}/{name}": shape for kind in KINDS for name, shape in shapes.items()}
    for name, shape in wanted.items():
        array = run.arrays.get(name)
        if array is None:
            wrong_value(name, f"an array {list(shape)}", None, "none")
        if array.shape != shape or array.dtype not in (np.float32, np.float64):
            wrong_value(name, f"a float32 or float64 array {list(shape)}", array)
    for name in run.arrays:
        if name not in wanted:
            wrong_value(
                name,
                f'nothing by this name in a model of kind "{run.config["model"]["kind"]}"',
                run.arrays[name],
            )


def _expect(name: str, expected: Any, got: Any) -> None:
    if got != expected:
        wrong_value(name, json.dumps(expected), None, json.dumps(got))


def _json(metadata: dict[str, str], name: str) -> Any:
    try:
        return json.loads(metadata[name])
    except (KeyError, ValueError):
        wrong_value(name, "JSON in the file's metadata", metadata.get(name))
