"""An earlier recipe is put into the controls whole, or what they cannot show is said."""

from __future__ import annotations

import json
import shutil
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from pydantic import ValidationError
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QFileDialog, QMenu

from napari_ssi import ImageStack, Recipe, registry, run, save_model, write
from napari_ssi._qt.earlier import Result
from napari_ssi.errors import InputError
from napari_ssi.io import read_recipe
from napari_ssi.physics._mask import PackedMask
from napari_ssi.psf.source import sha256
from napari_ssi.recipe import Part, Term
from napari_ssi.training.settings import Training

PSF = np.outer(np.hanning(9), np.hanning(9)).astype(np.float32)[1:-1, 1:-1]
GAUSSIAN = {"kind": "gaussian", "fwhm": [0.31, 0.31]}
SMALL = {"name": "unet", "params": {"channels": 4, "depth": 1}}
FEW = {"steps": 2, "patch": [16, 16], "batch": 1}


def recording(seed: int = 0) -> ImageStack:
    data = np.random.default_rng(seed).poisson(20, (48, 40)).astype(np.uint16) + 100
    return ImageStack(data, "YX", (0.1, 0.1))


def bad_pixels() -> np.ndarray:
    mask = np.zeros((48, 40), bool)
    mask[3:5, 7] = True
    return mask


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a result of a Gaussian blur, one with PSF and mask, and both recipes."""
    folder = tmp_path_factory.mktemp("monday")
    plain = Recipe.create(
        physics=Part(name="blur", params={"psf": GAUSSIAN}),
        method="richardson_lucy",
        effort="quick",
    )
    write(run(plain, recording()), folder / "plain.ome.tif")
    mask = {"mask": PackedMask.of(bad_pixels()).model_dump()}
    params = {"parts": ["blur", {"name": "inpainting", "params": mask}]}
    masked = Recipe.create(
        physics=Part(name="compose", params=params), method="total_variation", effort="quick"
    )
    write(run(masked, recording(), psf=PSF), folder / "x.ome.tif")
    return folder


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A model, in memory and in a file, and what was started from it, by how."""
    recipe = Recipe.create(method="noise2self", network=SMALL, training=FEW)
    found: dict[str, Any] = {"first": run(recipe, recording())}
    found["path"] = path = save_model(found["first"], tmp_path_factory.mktemp("m") / "monday.pt")
    for name, steps, start in (
        ("as it is", 0, path),
        ("on", 2, path),
        ("in memory", 2, found["first"].models),
    ):
        later = recipe.with_settings({"training.steps": str(steps)})
        found[name] = run(later, recording(1), start=start).recipe
    return found


@pytest.fixture
def ready(panel: Any, cells: Any, qtbot: Any) -> Any:
    """The panel with a recording of one plane, when torch is there."""
    qtbot.waitUntil(panel.earlier.button.isEnabled, timeout=60_000)
    return panel


def wait(panel: Any, qtbot: Any) -> str:
    """What is said when the recipe has been read."""
    qtbot.waitUntil(lambda: panel.earlier._worker is None, timeout=30_000)
    said = panel.earlier
    return "\n".join(t for t in (n.text() for n in (said.words, said.lacking, said.problem)) if t)


def use(panel: Any, recipe: Recipe, qtbot: Any, psf: tuple[Any, ...] = ()) -> str:
    panel.earlier.use_result(Result("cells · SSI", recipe.to_json(), psf, (0.1, 0.1)))
    return wait(panel, qtbot)


def effective(recipe: Recipe) -> dict[str, Any]:
    """All that a recipe says, defaults filled in; of a classical method what it has a use for."""
    tree = recipe.model_dump(mode="json")
    for kind in ("physics", "noise", "network"):
        part = getattr(recipe, kind)
        built = registry.find(kind, part.name).build(part.params)
        tree[kind]["params"] = built.model_dump(mode="json")
    for term, said in zip(recipe.method, tree["method"], strict=True):
        kind = "baseline" if recipe.is_baseline else "loss"
        said["params"] = registry.find(kind, term.name).build(term.params).model_dump()
    for link in tree["physics"]["params"].get("parts", ()):
        link["params"] = registry.find("physics", link["name"]).build(link["params"]).model_dump()
    tree["method"][1:] = sorted(tree["method"][1:], key=lambda term: term["name"])
    tree["training"] = Training.from_params(recipe.training).model_dump()
    if recipe.is_baseline:
        del tree["training"], tree["network"]
    return tree


def unusual(cls: Any, presets: dict[str, Any], skip: tuple[str, ...] = ()) -> dict[str, Any]:
    """A value other than the default for each parameter of a class."""
    found: dict[str, Any] = {}
    for name, info in cls.model_fields.items():
        usual = presets.get(name, info.get_default(call_default_factory=True))
        kinds = (info.annotation, *typing.get_args(info.annotation))
        words = [
            v for k in kinds if typing.get_origin(k) is typing.Literal for v in typing.get_args(k)
        ]
        words += [v for v in typing.get_args(info.annotation) if isinstance(v, str)]
        number = float(usual) if isinstance(usual, int | float) else 0.0
        choices = [*words, not usual if isinstance(usual, bool) else None]
        choices += [number * 0.7 + 0.0123456789, 3, 2, 0.3, [3, 4]]
        for choice in choices:
            if name in skip or choice in (None, usual):
                continue
            try:
                cls(**{**presets, **found, name: choice})
            except (ValidationError, ValueError):
                continue
            found[name] = choice
            break
    return found


def recipes(every: bool = False) -> Iterator[Recipe]:
    """Every method on every forward model and with every noise that the panel shows, in unusual settings."""
    physics = {
        "denoising": {},
        "blur": {"psf": GAUSSIAN},
        "downsampling": {"factor": [3]},
        "motion": unusual(registry.find("physics", "motion").load(), {}),
        "saturation": {"level": 150.0, "psf": GAUSSIAN},
        "inpainting": {"single": False, "blank": False, "unmeasured": -1.5},
        "compose": {"psf": GAUSSIAN, "parts": ["blur", "motion", "downsampling", "inpainting"]},
    }
    for seed, (method, entry) in enumerate(registry.methods().items()):
        fits = [
            (name, noise)
            for name in physics
            for noise in registry.entries("noise")
            if not entry.refusal(physics=name, noise=noise)
        ]
        for name, noise in fits if every else {fits[k * (seed + 1) % len(fits)] for k in (1, 5)}:
            model, network = registry.find("noise", noise), registry.network_for(method)
            terms = [Term(name=method, params=unusual(entry.load(), entry.params))]
            if entry.kind == "loss" and seed % 2:
                terms += [Term(name=t, weight=0.3 + seed) for t in ("variation", "weights")]
            params = unusual(registry.find("network", network).load(), {})
            yield Recipe.create(
                physics=Part(name=name, params=physics[name]),
                noise=Part(name=noise, params=unusual(model.load(), model.params)),
                method=tuple(terms),
                network=Part(name=network, params=params),
                training=unusual(Training, {}, skip=("start",)) if seed % 3 else {},
                levels={"offset": 100.123456789012 if seed % 4 else None},
                nonnegative=(None, True, False)[seed % 3],
                effort=("quick", "balanced", "thorough")[seed % 3],
                device=("auto", "cpu", "cuda")[seed % 3],
                seed=seed,
            )


def test_every_method_comes_back_as_it_was(ready: Any, stack: Any, qtbot: Any) -> None:
    ready.set_image(stack)
    ready.image._axes.choose("TYX")  # two recordings of a scene, for Noise2Noise
    tried: dict[str, set[str]] = {"physics": set(), "noise": set(), "method": set()}
    for recipe in recipes():
        assert use(ready, recipe, qtbot) == "The settings of cells · SSI are set.", recipe
        made = ready.plan().main.recipe
        assert effective(made) == effective(recipe)
        tried["physics"].add(recipe.physics.name)
        tried["noise"].add(recipe.noise.name)
        tried["method"].add(recipe.method[0].name)
    assert tried["method"] == set(registry.methods())
    assert tried["noise"] == set(registry.entries("noise"))
    assert len(tried["physics"]) == 7


# --- by clicks -------------------------------------------------------------------------------


def entries(qtbot: Any, panel: Any, act: Callable[[QMenu], None]) -> list[str]:
    """Open the menu by a click, do something while it is open, and say what it listed."""
    menu, listed, done = panel.earlier._menu, [], []

    def opened() -> None:
        listed.extend(action.text() for action in menu.actions() if action.text())
        try:
            act(menu)
        finally:
            menu.close()
            done.append(True)

    # as long as a person takes: a click sooner after the last one does not open it again
    qtbot.wait(QApplication.doubleClickInterval() + 100)
    QTimer.singleShot(300, opened)
    qtbot.mouseClick(panel.earlier.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: bool(done), timeout=5_000
    )  # Qt 5 comes back here when the menu is closed
    return listed


def choose(qtbot: Any, menu: QMenu, words: str) -> None:
    """By the keyboard, as a menu takes no click for a while after the one that has opened it."""
    for _ in menu.actions():
        qtbot.keyClick(menu, Qt.Key.Key_Down)
        if menu.activeAction().text() == words:
            qtbot.keyClick(menu, Qt.Key.Key_Return)
            return
    raise AssertionError(f"{words!r} is not in the menu")


FILE = "A file: recipe or restored image …"


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """What the user answers to the next file dialogs; "" cancels."""

    def answers(path: object) -> None:
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))

    return answers


def test_the_settings_of_a_result_are_used_again(
    ready: Any, engine: Any, viewer: Any, qtbot: Any
) -> None:
    assert entries(qtbot, ready, lambda menu: None) == [FILE]
    ready.blur._kind.choose("gaussian")
    ready.noise._picker.choose("gaussian")
    ready.noise._form.set({"sigma": 4.5})
    ready.image.set_offset(100.5)
    ready.effort._effort.choose("quick")
    with qtbot.waitSignal(ready.finished, timeout=15_000):
        ready.start()
    wanted = ready.plan().main.recipe
    before = len(viewer.layers)
    ready.blur._kind.choose("none")
    ready.noise._picker.choose("independent")
    ready.image.set_offset(None)
    ready.effort._effort.choose("thorough")
    ready.method.choose("noise2void")
    size = ready.image.pixel_sizes()
    listed = entries(qtbot, ready, lambda menu: choose(qtbot, menu, "cells · SSI"))
    assert listed == ["cells · SSI", "cells · Total variation", "cells · Richardson-Lucy", FILE]
    assert wait(ready, qtbot) == "The settings of cells · SSI are set."
    assert ready.plan().main.recipe == wanted
    assert len(viewer.layers) == before
    assert ready.image.pixel_sizes() == size
    ready.start()  # what was said is of the past
    assert ready.earlier.words.text() == ""


def test_a_layer_that_goes_while_the_menu_is_open_still_tells(
    ready: Any, engine: Any, viewer: Any, qtbot: Any
) -> None:
    ready.method._baselines.setChecked(False)
    with qtbot.waitSignal(ready.finished, timeout=15_000):
        ready.start()
    wanted = ready.plan().main.recipe
    ready.noise._picker.choose("gaussian")

    def remove_and_click(menu: QMenu) -> None:
        viewer.layers.remove("cells · Noise2Self")
        choose(qtbot, menu, "cells · Noise2Self")

    entries(qtbot, ready, remove_and_click)
    assert wait(ready, qtbot) == "The settings of cells · Noise2Self are set."
    assert ready.plan().main.recipe == wanted
    assert entries(qtbot, ready, lambda menu: None) == [FILE]


def test_during_a_run_the_run_is_left_alone(ready: Any, engine: Any, qtbot: Any) -> None:
    engine.steps = (2_000,)
    ready.method._baselines.setChecked(False)
    ready.start()
    qtbot.waitUntil(lambda: len(engine.planes) > 3, timeout=15_000)
    recipe = Recipe.create(
        physics=Part(name="blur", params={"psf": GAUSSIAN}), method="ssi", seed=5
    )
    assert use(ready, recipe, qtbot) == "The settings of cells · SSI are set."
    assert ready.session.job is not None
    assert effective(ready.plan().main.recipe) == effective(recipe)
    with qtbot.waitSignal(ready.finished, timeout=15_000) as ended:
        ready.session.stop()
    assert ended.args[0].recipe.method[0].name == "noise2self"


def test_files_are_used(ready: Any, monday: Path, answer: Any, qtbot: Any) -> None:
    for name in ("plain.recipe.json", "plain.ome.tif"):
        ready.blur._kind.choose("none")
        answer(monday / name)
        entries(qtbot, ready, lambda menu: choose(qtbot, menu, FILE))
        assert wait(ready, qtbot) == f"The settings of {name} are set."
        assert effective(ready.plan().main.recipe) == effective(read_recipe(monday / name))
    answer("")
    entries(qtbot, ready, lambda menu: choose(qtbot, menu, FILE))
    assert wait(ready, qtbot) == "The settings of plain.ome.tif are set."


def test_a_result_opened_from_its_file_is_listed(
    ready: Any, viewer: Any, monday: Path, tmp_path: Path, qtbot: Any
) -> None:
    tifffile.imwrite(tmp_path / "raw.ome.tif", np.ones((8, 8), np.float32))
    viewer.open([monday / "plain.ome.tif", tmp_path / "raw.ome.tif"], plugin="napari")
    name = viewer.layers[-2].name
    with (tmp_path / "raw.ome.tif").open("r+b") as file:
        file.truncate(5)  # what is written at this moment is not listed, and hides no other
    ready.image.set_layer(viewer.layers["cells"])
    listed = entries(qtbot, ready, lambda menu: choose(qtbot, menu, name))
    assert listed == [name, FILE]
    assert wait(ready, qtbot) == "The settings of plain.ome.tif are set."
    assert effective(ready.plan().main.recipe) == effective(read_recipe(monday / "plain.ome.tif"))


# --- what is refused changes nothing ---------------------------------------------------------


def test_what_is_no_recipe_is_refused_and_changes_nothing(
    ready: Any, answer: Any, tmp_path: Path, qtbot: Any
) -> None:
    good = json.loads(Recipe.create(physics=Part(name="blur", params={"psf": GAUSSIAN})).to_json())
    rubbish = {
        "wrong.json": ("{", "not valid JSON"),
        "list.json": ("[1, 2]", "must be a JSON object"),
        "deep.json": ("[" * 100_000, "cannot be read"),
        "newer.json": (json.dumps({**good, "version": 2}), "install a newer napari-ssi"),
        "method.json": (json.dumps({**good, "method": "ssi3"}), "no method called 'ssi3'"),
        "field.json": (json.dumps({**good, "colour": "red"}), "no parameter 'colour'"),
        "unfit.json": (json.dumps({**good, "method": "noise2self"}), "Noise2Self needs"),
        "training.json": (
            json.dumps({**good, "training": {"steps": -1}}),
            "greater than or equal to 0",
        ),
        "psf.json": (
            json.dumps({**good, "physics": {"name": "blur", "params": {"psf": {"kind": "?"}}}}),
            "'kind'",
        ),
        "term.json": (
            json.dumps({**good, "method": [{"name": "ssi", "params": {"density": 7}}]}),
            "density",
        ),
    }
    for name, (text, _) in rubbish.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "noise.tif").write_bytes(np.random.default_rng(0).bytes(5_000))
    (tmp_path / "noise.json").write_bytes(np.random.default_rng(0).bytes(5_000))
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((9, 9), np.uint8))
    said = {name: words for name, (_, words) in rubbish.items()}
    said |= {"noise.tif": "TIFF", "noise.json": "not a text file", "plain.tif": "holds no recipe"}
    said |= {"absent.json": "cannot be read", "absent.ome.tif": "There is no file"}
    ready.noise._picker.choose("poisson")
    before = ready.plan().main.recipe
    for name, words in said.items():
        ready.earlier.use_file(tmp_path / name)
        answered = wait(ready, qtbot)
        assert words in answered and answered.endswith("Nothing was changed."), (name, answered)
        assert ready.earlier.problem.isVisibleTo(ready)
        assert "\n" not in answered
        assert ready.plan().main.recipe == before


def test_without_a_recording_nothing_is_set(ready: Any, viewer: Any, qtbot: Any) -> None:
    viewer.layers.clear()
    answered = use(ready, Recipe.create(method="noise2void"), qtbot)
    assert answered.startswith("There is no image to restore") and "Then use" in answered
    assert ready.method.name == "noise2self"


def test_of_two_the_later_counts(ready: Any, qtbot: Any) -> None:
    for seed in (1, 2):
        recipe = Recipe.create(method="noise2void", seed=seed)
        ready.earlier.use_result(Result("x", recipe.to_json()))
    wait(ready, qtbot)
    qtbot.wait(200)
    assert ready.plan().main.recipe.seed == 2


# --- what is of the image, and what cannot be shown --------------------------------------------


def test_what_is_of_the_image_stays(ready: Any, viewer: Any, stack: Any, qtbot: Any) -> None:
    ready.set_image(stack)
    ready.image._axes.choose("TYX")
    ready.image._sizes["X"].setValue(0.25)
    ready.image.set_offset(3)
    ready.effort.choose_where("view")
    assert use(ready, Recipe.create(method="noise2void"), qtbot).endswith("are set.")
    assert ready.image.layer is stack
    assert ready.image.axes == "TYX"
    assert ready.image.pixel_sizes() == {"Y": 0.1, "X": 0.25}
    assert ready.plan().main.recipe.levels.offset is None  # to be measured on this one
    assert ready.effort.where == "view"


def test_a_recipe_of_a_stack_on_a_plane(ready: Any, viewer: Any, stack: Any, qtbot: Any) -> None:
    psf = {"kind": "gaussian", "fwhm": [0.8, 0.3, 0.3]}
    physics = {"psf": psf, "parts": ["blur", "isotropic"]}
    recipe = Recipe.create(
        physics=Part(name="compose", params=physics), method="ssi", training={"patch": [8, 40, 40]}
    )
    assert ready.image.layer is not stack
    answered = use(ready, recipe, qtbot).split("\n")
    assert answered[0] == "The settings of cells · SSI are set, but:"
    assert "Blur, FWHM: [0.8, 0.3, 0.3] in the recipe, [0.3, 0.3] in the panel." in answered
    assert any(said.startswith(registry.find("physics", "isotropic").label) for said in answered)
    assert ready.method.name == "ssi"
    ready.set_image(stack)
    assert use(ready, recipe, qtbot) == "The settings of cells · SSI are set."
    assert effective(ready.plan().main.recipe) == effective(recipe)


def test_what_has_no_control_is_said(ready: Any, qtbot: Any) -> None:
    physics = {
        "psf": GAUSSIAN,
        "parts": ["blur", {"name": "downsampling", "params": {"factor": [4]}}],
    }
    recipe = Recipe.create(
        physics=Part(name="compose", params=physics),
        method=(Term(name="ssi"), Term(name="bounds", weight=2, params={"upper": 0.5})),
        noise=Part(
            name="correlated",
            params={"autocorrelation": [[0.0, 0.1, 0.0], [0.1, 1.0, 0.1], [0.0, 0.1, 0.0]]},
        ),
        seed=2**40,
    )
    answered = use(ready, recipe, qtbot)
    assert answered.count("\n") == 4
    assert "(Finer by: [4])" in answered and "not in the panel" in answered
    assert "0.5 in the recipe, automatic in the panel." in answered
    assert "Noise, " in answered and "Seed: 1099511627776 in the recipe" in answered
    chain = {"parts": [{"name": "downsampling", "params": {"factor": [2]}}, "motion"]}
    answered = use(ready, Recipe.create(physics=Part(name="compose", params=chain)), qtbot)
    assert "From the specimen to the camera" in answered


def test_a_method_that_wants_two_recordings_says_so(
    ready: Any, viewer: Any, stack: Any, qtbot: Any
) -> None:
    recipe = Recipe.create(method=(Term(name="noise2noise", params={"between": "time points"}),))
    answered = use(ready, recipe, qtbot)
    assert "needs two recordings" in answered and "1 time point(s)" in answered
    assert ready.method.name == "noise2noise"
    ready.set_image(stack)
    ready.image._axes.choose("TYX")
    assert use(ready, recipe, qtbot).endswith("are set.")


# --- PSFs ------------------------------------------------------------------------------------


def by_hash(psf: np.ndarray) -> dict[str, Any]:
    return {"kind": "array", "sha256": sha256(psf)}


def blurred(psf: Any, **params: Any) -> Recipe:
    return Recipe.create(physics=Part(name="blur", params={"psf": psf, **params}), method="ssi")


def test_a_psf_is_found_among_the_layers_or_in_the_result(
    ready: Any, viewer: Any, cells: Any, qtbot: Any
) -> None:
    viewer.add_image(np.ones((5, 5), np.float32), name="another psf")
    recipe = blurred(by_hash(PSF), subtract_background=True)
    answered = use(ready, recipe, qtbot)
    assert "in memory only" in answered
    with pytest.raises(InputError, match="No PSF file"):  # rather than with another PSF, or none
        ready.plan()
    viewer.layers.selection = {cells}
    assert use(ready, recipe, qtbot, (PSF,)).endswith("are set.")
    added = viewer.layers[-1]
    assert added.name == "PSF · cells · SSI" and not added.visible
    assert tuple(added.scale) == (0.1, 0.1)
    assert viewer.layers.selection == {cells}
    assert ready.plan().main.recipe == recipe
    np.testing.assert_array_equal(ready.plan().psf[0], PSF)
    ready.blur._kind.choose("none")
    before = list(viewer.layers)
    assert use(ready, recipe, qtbot).endswith("are set.")  # the layer is there now
    assert list(viewer.layers) == before and ready.blur.layers.chosen == [added]


def test_a_saved_result_finds_its_psf_and_mask_where_it_was_moved_to(
    ready: Any, viewer: Any, monday: Path, tmp_path: Path, qtbot: Any
) -> None:
    home = Path(shutil.copytree(monday, tmp_path / "moved"))
    mask = bad_pixels()
    ready.earlier.use_file(home / "x.ome.tif")
    assert wait(ready, qtbot) == "The settings of x.ome.tif are set."
    assert ready.blur.kind == "file" and ready.blur._path.text() == str(home / "x.psf.tif")
    made = ready.plan().main.recipe.physics.params
    assert made["psf"]["sha256"] == sha256(PSF)
    assert made["parts"][1]["params"]["mask"] == PackedMask.of(mask).model_dump(mode="json")
    (labels,) = [la for la in viewer.layers if la.name == "Unusable pixels"]
    ready.forward.mask.choose("none")
    ready.earlier.use_file(home / "x.recipe.json")
    wait(ready, qtbot)
    assert [la for la in viewer.layers if la.name.startswith("Unusable")] == [labels]
    tifffile.imwrite(home / "x.psf.tif", PSF * 2)
    (home / "x.mask.tif").unlink()
    ready.earlier.use_file(home / "x.ome.tif")
    answered = wait(ready, qtbot).split("\n")
    assert "is not the one that the recipe was made with" in answered[2]
    assert answered[1].startswith("There is no mask file") and len(answered) == 3
    assert ready.method.name == "total_variation"
    with pytest.raises(InputError, match="No PSF file"):
        ready.plan()
    (home / "x.psf.tif").unlink()
    ready.earlier.use_file(home / "x.ome.tif")
    assert "There is no PSF file" in wait(ready, qtbot)
    with pytest.raises(InputError, match=r"There is no PSF file .*x\.psf\.tif"):
        ready.plan()
    held = viewer.add_image(PSF, name="kept")
    ready.earlier.use_file(home / "x.ome.tif")
    assert "PSF" not in wait(ready, qtbot)
    assert ready.blur.layers.chosen == [held]


def test_psfs_of_channels_and_of_depths_and_from_the_optics(
    ready: Any, viewer: Any, stack: Any, tmp_path: Path, qtbot: Any
) -> None:
    second = PSF**2
    each = blurred([by_hash(PSF), by_hash(second)])
    assert "each of 2 channels" in use(ready, each, qtbot, (PSF, second))
    two = viewer.add_image(
        np.random.default_rng(0).poisson(20, (2, 40, 40)), axis_labels=("c", "y", "x")
    )
    ready.set_image(two)
    assert use(ready, each, qtbot, (PSF, second)).endswith("are set.")
    assert ready.plan().main.recipe == each
    assert use(ready, blurred(by_hash(second)), qtbot, (second,)).endswith("are set.")
    assert ready.plan().main.recipe == blurred(by_hash(second))
    ready.set_image(stack)
    deep = np.stack([np.stack([PSF * k] * 3) for k in (1, 2)])
    np.save(tmp_path / "deep.npy", deep)
    source = {"kind": "file", "path": str(tmp_path / "deep.npy"), "sha256": sha256(deep)}
    params = {"psf": {**source, "voxel_size": [0.3, 0.1, 0.1]}, "depths": [0.0, 1.5]}
    recipe = Recipe.create(physics=Part(name="depth_varying_blur", params=params), method="ssi")
    assert use(ready, recipe, qtbot).endswith("are set.")
    made = ready.plan().main.recipe.physics
    assert (made.name, made.params) == (
        recipe.physics.name,
        {"psf": by_hash(deep), "depths": [0.0, 1.5]},
    )
    optics = {
        "kind": "widefield",
        "numerical_aperture": 0.8,
        "emission_wavelength": 0.6,
        "immersion_index": 1.0,
    }
    before = len(viewer.layers)
    for _ in range(2):  # found again the second time
        assert use(ready, blurred(optics), qtbot).endswith("are set.")
        assert len(viewer.layers) == before + 1
    assert ready.plan().psf[0].ndim == 3


def test_a_mask_of_another_size_is_not_taken(ready: Any, qtbot: Any) -> None:
    mask = PackedMask.of(np.eye(12)).model_dump()
    recipe = Recipe.create(physics=Part(name="inpainting", params={"mask": mask, "blank": False}))
    answered = use(ready, recipe, qtbot)
    assert "12 x 12 pixels" in answered and "48 x 40" in answered
    assert ready.plan().main.recipe.physics == Part(name="inpainting", params={"blank": False})


# --- models to start from --------------------------------------------------------------------


def test_what_a_recipe_starts_from_is_found_or_said(
    ready: Any, learned: dict[str, Any], tmp_path: Path, qtbot: Any
) -> None:
    for name in ("as it is", "on"):
        assert use(ready, learned[name], qtbot).endswith("are set.")
        qtbot.waitUntil(lambda: ready.effort.start._worker is None, timeout=15_000)
        assert ready.effort.start.as_it_is == (name == "as it is")
        assert effective(ready.plan().main.recipe) == effective(learned[name])
    assert "not saved in a file" in use(ready, learned["in memory"], qtbot)
    assert ready.plan().main.recipe.training == {**FEW, "steps": 2}
    ready.effort.start.offer(learned["first"])
    assert use(ready, learned["in memory"], qtbot).endswith("are set.")
    assert ready.plan().main.start is learned["first"].models
    ready.method.choose("hessian")  # which greys the start
    path = tmp_path / "gone.pt"
    gone = learned["as it is"].with_settings({"training.start.path": str(path)})
    assert "which is not there" in use(ready, gone, qtbot)
    assert ready.effort.start.models == ()
    assert ready.plan().main.recipe.training == {**FEW, "steps": 0}
    shutil.copy(learned["path"], path)
    ready.method.choose("hessian")
    assert use(ready, gone, qtbot).endswith("are set.")
    assert ready.effort.start.as_it_is
    assert ready.plan().main.recipe == gone


# --- the forms that follow --------------------------------------------------------------------


def test_settings_of_one_method_do_not_reach_another_while_folded(ready: Any, qtbot: Any) -> None:
    recipe = Recipe.create(method=(Term(name="noise2self", params={"density": 0.07}),))
    use(ready, recipe, qtbot)
    assert ready.effort._advanced.isExpanded()
    ready.effort._advanced.collapse()
    for name in (
        "deep_image_prior",
        "noise2void",
        "deep_image_prior",
    ):  # the first has no parameters
        ready.method.choose(name)
        assert ready.plan().main.recipe == Recipe.create(
            method=name, network=Part(name=registry.network_for(name))
        )
    ready.method.choose("noise2self")
    assert ready.plan().main.recipe == recipe
