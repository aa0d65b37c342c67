"""The examples of docstrings give what they say."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

import napari_ssi

MODULES = [
    found.name
    for found in pkgutil.walk_packages(napari_ssi.__path__, "napari_ssi.")
    if not found.name.startswith("napari_ssi._qt") and not found.name.endswith("__main__")
]


@pytest.mark.parametrize("name", ["napari_ssi", *MODULES])
def test_examples(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # an example may write a file
    module = import_module(name)
    runner = doctest.DocTestRunner(verbose=False)
    said: list[str] = []
    for example in doctest.DocTestFinder().find(module):
        runner.run(example, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
