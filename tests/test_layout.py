"""The shape of the package: small files, one concept each, Qt in one place only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "napari_ssi"
MODULES = sorted(PACKAGE.rglob("*.py"))
ENGINE = [path for path in MODULES if PACKAGE / "_qt" not in path.parents]

# Names that say nothing about what is inside, and so collect everything.
VAGUE = {"utils", "util", "helpers", "helper", "core", "common", "manager", "misc"}
GUI = set("qtpy PyQt5 PyQt6 PySide2 PySide6 napari magicgui superqt pyqtgraph vispy".split())

LIMIT = 400
COMFORTABLE = 250


def name(path: Path) -> str:
    return path.relative_to(PACKAGE.parent).as_posix()


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def imported(path: Path) -> set[str]:
    """Top-level names of all absolute imports, those inside functions and under TYPE_CHECKING included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_the_package_is_found() -> None:
    assert PACKAGE / "__init__.py" in MODULES


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_file_is_too_long(path: Path) -> None:
    assert lines(path) < LIMIT, f"{name(path)} has {lines(path)} lines: split it by concept."


def test_most_files_are_short() -> None:
    long = [f"{name(path)} ({lines(path)})" for path in MODULES if lines(path) > COMFORTABLE]
    assert len(long) <= len(MODULES) // 5, f"Over {COMFORTABLE} lines: {', '.join(long)}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_the_name_says_what_is_inside(path: Path) -> None:
    vague = VAGUE & set(path.relative_to(PACKAGE).with_suffix("").parts)
    assert not vague, f"{name(path)}: '{vague.pop()}' can hold anything, and so will."


@pytest.mark.parametrize("path", ENGINE, ids=name)
def test_only_one_folder_knows_qt_and_napari(path: Path) -> None:
    assert not imported(path) & GUI, f"{name(path)}: this belongs under napari_ssi/_qt."
