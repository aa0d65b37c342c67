"""``import napari_ssi`` must cost nothing: napari imports every installed plugin, wanted or not."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

HEAVY = set(
    "torch scipy skimage napari magicgui qtpy PyQt5 PyQt6 PySide6 superqt pyqtgraph".split()
)


def run(code: str) -> str:
    # -P: the installed package, not the sources in the current folder.
    return subprocess.check_output([sys.executable, "-P", "-c", code], text=True)


@pytest.mark.parametrize("module", ["napari_ssi", "napari_ssi.registry"])
def test_import_loads_nothing_heavy(module: str) -> None:
    names = run(f"import sys, {module}; print(*sys.modules)").split()
    assert not HEAVY & {name.split(".")[0] for name in names}


def seconds(module: str) -> float:
    start = time.perf_counter()
    run(f"import {module}")
    return time.perf_counter() - start


def test_import_takes_a_tenth_of_a_second_more_than_numpy() -> None:
    # The best of several, taken in turns, is what the machine can do when others leave it alone.
    pairs = [(seconds("numpy"), seconds("napari_ssi")) for _ in range(5)]
    numpy, ours = (min(column) for column in zip(*pairs, strict=True))
    assert ours - numpy < 0.1, f"import numpy: {numpy:.2f} s, import napari_ssi: {ours:.2f} s"
