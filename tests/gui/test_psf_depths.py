"""A PSF that changes with depth, by the mouse: made in one panel, used and saved in the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_ssi import Recipe
from napari_ssi._qt.psf_layer import PSF, depths_of
from napari_ssi._qt.psf_panel import PsfPanel
from napari_ssi.errors import InputError
from napari_ssi.events import Watched
from napari_ssi.io import read_recipe, write
from napari_ssi.pipeline import iterate  # the panel's is another while it is tested

OPTICS = {"numerical_aperture": 0.8, "immersion_index": 1.515, "sample_index": 1.33, "depth": 10.0}


def run(*what: Any, **more: Any) -> Any:
    return Watched(iterate(*what, **more)).finish()


@pytest.fixture
def thick(viewer: Any) -> Any:
    """A z-stack of 13 µm."""
    data = np.random.default_rng(0).poisson(20, (14, 32, 30)).astype(np.uint16) + 100
    return viewer.add_image(
        data,
        name="thick",
        scale=(1.0, 0.2, 0.2),
        units=("um",) * 3,
        axis_labels=("z", "y", "x"),
    )


@pytest.fixture
def made(viewer: Any, panel: Any, thick: Any, qtbot: Any) -> Any:
    """The layer, made from the optics with three clicks, and taken by the Restore panel."""
    panel.set_image(thick)
    qtbot.mouseClick(panel.blur.maker, Qt.MouseButton.LeftButton)
    maker: PsfPanel = panel._psf_panel
    maker.optics.set({"kind": "widefield", **OPTICS})
    picker = maker.optics.along_z
    assert picker.isVisibleTo(maker)
    picker.setFocus()
    qtbot.keyClick(picker, Qt.Key.Key_Down)
    assert picker.currentText() == "3 along z"
    qtbot.mouseClick(maker.make, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not maker.maker.busy, timeout=60_000)
    assert maker.problem.text() == ""
    yield maker.layer
    maker.maker.forget()


def test_psfs_at_several_depths_are_one_layer_that_says_which_is_which(
    panel: Any, made: Any
) -> None:
    assert made.ndim == 4 and made.data.shape[0] == 3
    assert depths_of(made) == [0.0, 6.5, 13.0]
    np.testing.assert_allclose(made.scale, (6.5, 1.0, 0.2, 0.2))
    assert made.axis_labels == ("depth", "z", "y", "x")
    assert "3 depths" in made.name and made.metadata[PSF]["psf"]["depth"] == 10.0
    np.testing.assert_allclose(made.data.sum((1, 2, 3)), 1, rtol=1e-5)
    said = panel._psf_panel.report.said.text()
    assert said.startswith("3 PSFs, 0 to 13 µm below the first plane; shown is that at 6.5 µm.")


def test_restore_takes_them_as_a_blur_that_changes_with_depth(
    panel: Any, made: Any, thick: Any, tmp_path: Path
) -> None:
    assert panel.blur.kind == "layer" and panel.blur._problem.text() == ""
    assert panel.blur.physics_name == panel.forward.physics_name == "depth_varying_blur"
    assert "the blur changes with depth" in panel.blur._shown.text()
    assert not panel.blur._subtract.isVisibleTo(panel)
    assert panel.method.choose("richardson_lucy")
    plan = panel.plan()
    recipe = Recipe.from_json(plan.main.recipe.to_json())
    assert recipe == plan.main.recipe
    assert recipe.physics.name == "depth_varying_blur"
    assert recipe.physics.params["depths"] == [0.0, 6.5, 13.0]
    # saved beside the result with its hash, and read from there
    few = recipe.with_settings({"method.iterations": "3"})
    result = run(few, plan.stack, psf=plan.psf)
    path = write(result, tmp_path / "x.ome.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "x.psf.tif"), plan.psf[0])
    again = read_recipe(path)
    assert again.physics.params["psf"]["sha256"] == recipe.physics.params["psf"]["sha256"]
    assert again.physics.params["depths"] == recipe.physics.params["depths"]
    np.testing.assert_allclose(run(again, plan.stack).image, result.image, rtol=1e-5)
    # a file that is another is refused
    tifffile.imwrite(tmp_path / "x.psf.tif", plan.psf[0] * 2, photometric="minisblack")
    with pytest.raises(InputError, match="not the one the recipe was made with"):
        run(again, plan.stack)


def test_it_goes_with_what_is_beyond_the_blur_and_not_with_what_needs_one_convolution(
    viewer: Any, panel: Any, made: Any
) -> None:
    panel.forward.mask.choose("found")
    params = panel.plan().main.recipe.physics.params
    assert [part["name"] for part in params["parts"]] == ["depth_varying_blur", "inpainting"]
    assert params["parts"][0]["params"]["depths"] == [0.0, 6.5, 13.0]
    assert params["psf"]["kind"] == "array"
    panel.forward.mask.choose("none")
    picker = panel.method._picker
    item = picker.model().item(picker.findData("wiener"))
    assert not item.isEnabled() and "one convolution" in item.toolTip()
    # a single plane has no depth
    flat = viewer.add_image(np.ones((32, 30)), name="flat")
    panel.set_image(flat)
    assert "need a z-stack" in panel.blur._problem.text()
    # another PSF is a plain blur again
    plain = viewer.add_image(np.outer([1.0, 2, 1], [1, 2, 1]), name="plain psf")
    panel.set_psf_layer(plain)
    assert panel.blur.physics_name == "blur"


def test_without_a_thick_recording_it_is_refused_at_once(panel: Any, made: Any) -> None:
    optics = panel._psf_panel.optics
    optics.along_z.choose(9)
    assert panel._psf_panel.problem.text() == ""
    optics.voxels.picker.choose("")
    assert "need a recording of 9 planes" in panel._psf_panel.problem.text()
    optics.voxels.boxes["Z"].setValue(0)
    assert not optics.along_z.isVisibleTo(panel._psf_panel)
    assert panel._psf_panel.problem.text() == ""


@pytest.mark.parametrize(
    "depths", [["a", 1, 2], [float("nan"), 1, 2], 5, [[1], 2, 3], [0, 4], [4, 2, 0]]
)
def test_depths_that_are_none_are_said_in_a_sentence(
    viewer: Any, panel: Any, thick: Any, depths: Any
) -> None:
    psfs = np.random.default_rng(0).random((3, 5, 7, 7)).astype(np.float32)
    layer = viewer.add_image(psfs, name="PSFs", metadata={PSF: {"depths": depths}})
    panel.set_image(thick)
    panel.blur.set_layer(layer)
    assert depths_of(layer) == []
    assert "must be 2D (Y, X) or 3D (Z, Y, X)" in panel.blur._problem.text()
    layer.metadata = {PSF: {"depths": [0, 4, 8]}}
    panel.blur.set_layer(layer)
    assert panel.blur._problem.text() == ""


@pytest.mark.parametrize(("number", "value"), [(0, np.nan), (2, np.inf), (2, 0.0)])
def test_what_is_wrong_with_one_that_is_not_shown_is_said_at_once(
    viewer: Any, panel: Any, thick: Any, qtbot: Any, number: int, value: float
) -> None:
    psfs = np.random.default_rng(0).random((3, 5, 7, 7)).astype(np.float32)
    psfs[number] = value
    viewer.add_image(psfs, name="PSFs", metadata={PSF: {"depths": [0, 4, 8]}})
    panel.set_image(thick)
    picker = panel.blur._kind
    picker.setFocus()
    qtbot.keyClick(picker, Qt.Key.Key_Down)
    assert panel.blur.kind == "layer" and panel.blur._depths() == [0, 4, 8]
    said = panel.blur._problem.text()
    assert said.startswith(f"Of 3 PSFs at several depths, number {number + 1} ")
    assert not panel.blur._picture.isVisibleTo(panel)
