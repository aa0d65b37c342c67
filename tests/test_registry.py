"""Discovery without imports, choices named, and a bad ABOUT noticed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import napari_ssi
from napari_ssi import registry
from napari_ssi.errors import InputError

PACKAGE = Path(napari_ssi.__file__).parent
FIELDS = {
    "label",
    "summary",
    "when",
    "recommended",
    "physics",
    "noise",
    "network",
    "params",
    "role",
    "traits",
}


def modules() -> list[Path]:
    folders = [PACKAGE / folder for folder in registry.PACKAGES.values()]
    return [path for folder in folders for path in sorted(folder.glob("[!_]*.py"))]


def test_listing_loads_neither_torch_nor_scipy() -> None:
    code = """
import sys
from napari_ssi import registry
from napari_ssi.recipe import Recipe
found = [list(registry.entries(kind)) for kind in registry.PACKAGES]
assert "blur" in found[0], found
registry.methods()
Recipe.create(physics="denoising", method="noise2self").with_settings({"method.density": "0.2"})
heavy = {"torch", "scipy", "skimage", "qtpy", "napari"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", modules(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_about_is_written_as_it_should_be(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    about = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "ABOUT" for t in node.targets)
    ]
    if not about:
        pytest.skip("a base or a shared part")
    assert len(about) == 1
    classes = [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert classes, f"{path.name} has no public class; its first one is what a recipe configures"
    for name, facts in ast.literal_eval(about[0]).items():
        assert name == name.lower()
        assert set(facts) <= FIELDS, f"{name} says {set(facts) - FIELDS}"
        assert {"label", "summary"} <= set(facts)
        for field in ("physics", "noise", "network"):
            assert isinstance(facts.get(field, []), list), f"{name}: {field} is a list of names"


def test_names_are_unique_among_methods() -> None:
    losses, baselines = registry.entries("loss"), registry.entries("baseline")
    assert not set(losses) & set(baselines)
    for kind in registry.PACKAGES:
        names = [
            name
            for path in modules()
            if path.parent.name == registry.PACKAGES[kind]
            for name in _names(path)
        ]
        assert len(names) == len(set(names))
        assert set(names) == set(registry.entries(kind))


def _names(path: Path) -> list[str]:
    return [entry.name for entry in registry._entries_of("loss", path, path.stem)]


def test_recommended_come_first() -> None:
    for kind in registry.PACKAGES:
        recommended = [entry.recommended for entry in registry.entries(kind).values()]
        assert recommended == sorted(recommended, reverse=True)


def test_unknown_names_name_the_choices() -> None:
    with pytest.raises(
        InputError, match=r"no physics called 'blurr'; choose one of: blur, compose, denoising, "
    ):
        registry.find("physics", "blurr")


def test_a_new_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "import nothing_that_exists\n"
        "class _Hidden: ...\n"
        "class Mine: ...\n"
        'ABOUT: dict = {"mine": {"label": "M", "summary": "S.", "physics": ["blur"], "params": {"a": 1}}}\n'
    )
    (entry,) = registry._entries_of("loss", path, "somewhere.mine")
    assert (entry.name, entry.class_name, entry.physics, entry.params) == (
        "mine",
        "Mine",
        ("blur",),
        {"a": 1},
    )
    assert entry.refusal(physics="blur", noise="independent") == ""
    assert (
        entry.refusal(physics="denoising", noise="x")
        == "M needs the forward model blur; the recipe has denoising."
    )
    path.write_text("class Base: ...\n")
    assert registry._entries_of("loss", path, "x") == []
    path.write_text('ABOUT = {"mine": {"label": "M", "summary": "S.", "colour": 1}}\n')
    with pytest.raises(TypeError, match="colour"):
        registry._entries_of("loss", path, "x")
