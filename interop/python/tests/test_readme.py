"""What the README's Python prints is what the README says."""

import contextlib
import io
import re

import pytest

from conftest import HERE

pytest.importorskip("torch", reason="torch is not installed: the README is not tried")


def test_readme():
    page = (HERE.parent / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)
    assert blocks
    for code, text in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, {})
        assert printed.getvalue() == text
