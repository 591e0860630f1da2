"""What pip installs is what there is."""

import pytest

from conftest import HERE

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")


def test_every_folder_of_the_package_is_installed():
    settings = tomllib.loads((HERE.parent / "pyproject.toml").read_text())
    folders = {file.parent.relative_to(HERE.parent) for file in (HERE.parent / "random_ltd").rglob("*.py")}
    assert sorted(settings["tool"]["setuptools"]["packages"]) == sorted(".".join(f.parts) for f in folders)
