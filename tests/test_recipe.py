"""Recipes survive JSON, say what is wrong in one sentence, and are written whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssi import recipe as module
from napari_ssi import registry
from napari_ssi.errors import InputError
from napari_ssi.recipe import Part, Recipe, Term

COMBINATIONS = [
    (physics, noise, method)
    for method, entry in registry.methods().items()
    for physics in registry.entries("physics")
    for noise in registry.entries("noise")
    if not entry.refusal(physics=physics, noise=noise)
]


def defaults(entry: registry.Entry) -> dict[str, Any]:
    return dict(entry.build().model_dump(mode="json"))


# --- JSON ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("physics", "noise", "method"), COMBINATIONS)
def test_every_combination_survives_json(physics: str, noise: str, method: str) -> None:
    parts = {
        "physics": Part(name=physics, params=defaults(registry.find("physics", physics))),
        "noise": Part(name=noise, params=defaults(registry.find("noise", noise))),
        "method": (Term(name=method, params=defaults(registry.methods()[method]), weight=0.5),),
    }
    recipe = Recipe.create(**parts, effort="quick", seed=7, device="cpu", levels={"offset": 100.5})
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe
    assert again.to_json() == recipe.to_json()
    assert again.label == registry.methods()[method].label
    assert again.is_baseline == (method in registry.entries("baseline"))
    for part, kind in ((again.physics, "physics"), (again.noise, "noise")):
        registry.find(kind, part.name).build(part.params)  # what was written configures the class
    registry.methods()[method].build(again.method[0].params)


@pytest.mark.parametrize("physics", sorted(registry.entries("physics")))
def test_without_a_method_it_takes_a_recommended_one(physics: str) -> None:
    recipe = Recipe.create(physics=physics)
    assert registry.methods()[recipe.method[0].name].recommended
    assert Recipe.from_json(json.dumps({"physics": physics})) == recipe
    assert Recipe.create().physics.name == "denoising"


def test_params_become_plain_json() -> None:
    params = {
        "fwhm": (np.float64(0.3), 1),
        "n": np.int64(3),
        "p": Path("a") / "b",
        "a": np.arange(2),
    }
    recipe = Recipe.create(physics=Part(name="blur", params=params))
    assert recipe.physics.params == {
        "fwhm": [0.3, 1],
        "n": 3,
        "p": os.path.join("a", "b"),
        "a": [0, 1],
    }
    assert Recipe.from_json(recipe.to_json()) == recipe


# --- --set -----------------------------------------------------------------------------------


def test_a_single_method_needs_no_list() -> None:
    alone = Recipe.create(physics="blur", method={"name": "hessian", "params": {"weight": 0.1}})
    listed = Recipe.create(physics="blur", method=[{"name": "hessian", "params": {"weight": 0.1}}])
    assert alone == listed
    assert Recipe.create(method=Term(name="noise2self")) == Recipe.create(method="noise2self")


def test_settings() -> None:
    recipe = Recipe.create(physics="blur", method="ssi").with_settings(
        {
            "seed": "3",
            "effort": "quick",
            "levels.offset": "100",
            "method.density": "0.2",
            "ssi.pattern": "grid",
            "physics.psf.kind": "gaussian",
            "physics.psf.fwhm": "[0.3]",
            "training.patch": "64",
            "nonnegative": "false",
        }
    )
    assert (recipe.seed, recipe.effort, recipe.levels.offset, recipe.nonnegative) == (
        3,
        "quick",
        100,
        False,
    )
    assert recipe.method[0].params == {"density": 0.2, "pattern": "grid"}
    assert recipe.physics.params == {"psf": {"kind": "gaussian", "fwhm": [0.3]}}
    assert recipe.training == {"patch": 64}


def test_settings_leave_the_original_alone() -> None:
    recipe = Recipe.create(training={"patch": 32})
    recipe.with_settings({"training.patch": "64", "method.density": "0.3"})
    assert recipe.training == {"patch": 32}
    assert recipe.method[0].params == {}


# --- one sentence ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            {"seed": -1},
            "'seed' parameter of the recipe must be greater than or equal to 0. Got -1 instead.",
        ),
        ({"effort": "max"}, "must be 'quick', 'balanced' or 'thorough'. Got 'max' instead."),
        (
            {"efort": "quick"},
            "The recipe has no parameter 'efort'; choose one of: version, physics",
        ),
        ({"levels": {"ofset": 1}}, "has no parameter 'levels.ofset'"),
        ({"levels": {"offset": float("inf")}}, "must be a finite number"),
        ({"physics": {}}, "needs the parameter 'physics.name'"),
        ({"physics": "blurr"}, "There is no physics called 'blurr'"),
        ({"noise": "blurr"}, "There is no noise called 'blurr'"),
        ({"network": "blurr"}, "There is no network called 'blurr'"),
        ({"method": "blurr"}, "There is no method called 'blurr'; choose one of:"),
        ({"method": []}, "names no method"),
        ({"method": 3}, "Got 3 instead"),
        ({"method": ["noise2self"]}, "'method.0' parameter"),
        ({"method": [{"name": "noise2self", "weight": -1}]}, "'method.0.weight' parameter"),
        (
            {"method": [{"name": "noise2self"}, {"name": "blurr"}]},
            "There is no loss called 'blurr'",
        ),
        ({"training": {"x": float("nan")}}, "something that JSON can hold"),
        ({"training": {"x": object()}}, "something that JSON can hold"),
        ({"physics": "denoising", "method": "ssi"}, "SSI needs a forward model that mixes pixels"),
        ({"training": "y" * 500}, "…"),
        ({"cls": 1}, "no parameter 'cls'"),
        ({"self": 1}, "no parameter 'self'"),
    ],
)
def test_faults_are_one_sentence(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        Recipe.create(**parts)
    message = str(caught.value)
    assert words in message
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[1]", "must be a JSON object"),
        ('{"version": 2}', "format version 2, and this napari-ssi reads up to 1; install a newer"),
        ('{"version": "x"}', "'version' parameter"),
        ('{"training": {"a": NaN}}', "something that JSON can hold"),
    ],
)
def test_bad_json(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Recipe.from_json(text)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("foo.x", "There is no part 'foo' in the recipe; choose one of: physics, noise"),
        ("foo", "has no parameter 'foo'"),
        ("training", "'training' parameter"),
        ("", "has no parameter ''"),
        ("training.a.b", "'a' in 'training.a.b' is a single value"),
        ("levels.x", "'levels.x'"),
    ],
)
def test_bad_settings(key: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Recipe.create(training={"a": 1}).with_settings({key: "3"})


def test_wrong_parameters_of_a_class_are_one_sentence() -> None:
    with pytest.raises(InputError, match=r"must be less than or equal to 0.5. Got 3 instead\."):
        registry.find("loss", "ssi").build({"density": 3})
    with pytest.raises(InputError, match="has no parameter 'dens'; choose one of: density"):
        registry.find("loss", "ssi").build({"dens": 3})


# --- files -----------------------------------------------------------------------------------


def with_psf(path: Path) -> Recipe:
    return Recipe.create(
        physics=Part(name="blur", params={"psf": {"kind": "file", "path": str(path)}})
    )


def test_a_psf_below_the_recipe_moves_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "here" / "psfs").mkdir(parents=True)
    with_psf(tmp_path / "here" / "psfs" / "bead.tif").save(tmp_path / "here" / "r.json")
    written = json.loads((tmp_path / "here" / "r.json").read_text())
    assert written["physics"]["params"]["psf"]["path"] == "psfs/bead.tif"
    (tmp_path / "here").rename(tmp_path / "there")
    loaded = Recipe.load(tmp_path / "there" / "r.json")
    assert loaded.physics.params["psf"]["path"] == str(
        (tmp_path / "there" / "psfs" / "bead.tif").resolve()
    )


@pytest.mark.parametrize("chain", [False, True])
@pytest.mark.parametrize("kind", ["path", "source"])
def test_a_mask_below_the_recipe_moves_with_its_folder(
    kind: str, chain: bool, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    path = str(tmp_path / "here" / "bad.tif")
    params = {"mask": path if kind == "path" else {"kind": "file", "path": path}}
    physics = Part(name="inpainting", params=params)
    if chain:
        physics = Part(name="compose", params={"parts": ["motion", physics]})
    Recipe(physics=physics).save(tmp_path / "here" / "r.json")
    assert str(tmp_path) not in (tmp_path / "here" / "r.json").read_text()
    moved = (tmp_path / "here").rename(tmp_path / "there")
    loaded = Recipe.load(moved / "r.json").physics.params
    found = (loaded["parts"][1]["params"] if chain else loaded)["mask"]
    full = str((moved / "bad.tif").resolve())
    assert found == (full if kind == "path" else {"kind": "file", "path": full})


def test_a_psf_elsewhere_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    with_psf(Path("bead.tif")).save(tmp_path / "b" / "r.json")  # relative to where one works
    assert Recipe.load(tmp_path / "b" / "r.json").physics.params["psf"]["path"] == str(
        (tmp_path / "a" / "bead.tif").resolve()
    )


def test_saved_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.json"
    Recipe.create(seed=1).save(path)
    before = path.read_text()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "replace", fail)
    with pytest.raises(InputError, match=r"r.json cannot be written: No space left on device\."):
        Recipe.create(seed=2).save(path)
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_saved_recipe_can_be_read_by_others(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        Recipe.create().save(tmp_path / "r.json")
        assert stat.S_IMODE((tmp_path / "r.json").stat().st_mode) == 0o644
    finally:
        os.umask(mask)


def test_files_that_cannot_be_used_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json cannot be read: No such file or directory"):
        Recipe.load(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        Recipe.load(tmp_path / "binary.json")
    with pytest.raises(InputError, match="cannot be written"):
        Recipe.create().save(tmp_path / "no" / "folder.json")


def test_settings_can_name_a_part_and_then_its_parameters():
    recipe = Recipe().with_settings(
        {"physics": "blur", "physics.psf.path": "a.tif", "method": "ssi", "method.density": "0.1"}
    )
    assert recipe.physics.params == {"psf": {"path": "a.tif"}}
    assert recipe.method[0].name == "ssi" and recipe.method[0].params == {"density": 0.1}


@pytest.mark.parametrize(
    "settings",
    [
        {"training": "5", "training.steps": "3"},
        {"levels": "null", "levels.offset": "3"},
        {"method": "[1]", "method.density": "1"},
        {"method": "[]", "method.density": "1"},
        {"seed": "1" + "0" * 30},
    ],
)
def test_nonsense_settings_are_refused_in_a_sentence(settings):
    with pytest.raises(InputError):
        Recipe(method="noise2self").with_settings(settings)


def test_terms_that_would_do_nothing_or_fail_are_refused():
    with pytest.raises(InputError, match="cannot be a further term"):
        Recipe.create(method=[{"name": "noise2self"}, {"name": "noise2void"}])
    with pytest.raises(InputError, match="nothing would be learned"):
        Recipe.create(method=[{"name": "noise2self", "weight": 0}])
