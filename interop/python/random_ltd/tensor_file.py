"""Reads and writes safetensors files, whole and to the bit.

By the library `safetensors` where it is installed. Debian 12 has no package of it, so there its format, which is short
(huggingface/safetensors, "Format"), is read and written here: u64 length of a JSON header, the header, the bytes.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import numpy as np

from .check import wrong_value

try:
    import safetensors as _library
    from safetensors.numpy import save as _save
except ImportError:
    _library = None

#: The dtypes that hand-overs and batches have.
_DTYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "U8": "|u1"}


def write_tensors(path: str | Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Writes to a file beside `path` and renames it, so that `path` is at any time the old file or the new one."""
    path = Path(path)
    tensors = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    content = _pack(tensors, metadata) if _library is None else _save(tensors, metadata)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    with open(half, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(half, path)


def read_tensors(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors of a file by name, and its metadata. Raises ValueError for a file that is not whole."""
    if _library is None:
        return _unpack(Path(path).read_bytes(), path)
    try:
        with _library.safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except _library.SafetensorError as error:
        wrong_value("path", "a safetensors file", path, f"{path}: {error}")


def _pack(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    header: dict = {"__metadata__": metadata}
    codes = {np.dtype(name): code for code, name in _DTYPES.items()}
    at, parts = 0, []
    # Wide elements first, so that each tensor lies on a multiple of its element size.
    for name in sorted(tensors, key=lambda name: (-tensors[name].itemsize, name)):
        array = tensors[name]
        end = at + array.nbytes
        header[name] = {"dtype": codes[array.dtype], "shape": list(array.shape), "data_offsets": [at, end]}
        parts.append(array.tobytes())
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def _unpack(content: bytes, path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    def refuse(why: str):
        wrong_value("path", "a safetensors file", path, f"{path}: {why}")

    if len(content) < 8:
        refuse(f"{len(content)} bytes")
    start = 8 + struct.unpack_from("<Q", content)[0]
    if start > len(content):
        refuse("a header cut off")
    try:
        header = json.loads(content[8:start])
    except ValueError as error:
        refuse(str(error))
    metadata = header.pop("__metadata__", {})
    tensors, end = {}, 0
    for name, about in sorted(header.items(), key=lambda entry: entry[1]["data_offsets"]):
        if about["dtype"] not in _DTYPES:
            refuse(f"dtype {about['dtype']} of {name}")
        dtype = np.dtype(_DTYPES[about["dtype"]])
        size = int(np.prod(about["shape"], dtype=np.int64))
        begin, end_ = about["data_offsets"]
        if begin != end or end_ - begin != size * dtype.itemsize or start + end_ > len(content):
            refuse(f"bytes of {name} that don't fit its shape or the file")
        end = end_
        tensors[name] = np.frombuffer(content, dtype, size, start + begin).reshape(about["shape"]).copy()
    if start + end != len(content):
        refuse("bytes after the last tensor")
    return tensors, metadata
