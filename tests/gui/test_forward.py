"""The section after the blur: what it offers, refuses, shows and makes of the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QPushButton, QWidget

from napari_ssi import ImageStack, Recipe, registry
from napari_ssi._qt.bad_pixels import counted
from napari_ssi._qt.restore_panel import RestorePanel
from napari_ssi.errors import InputError
from napari_ssi.io import read_recipe
from napari_ssi.physics.chaining import chain_refusal
from napari_ssi.recipe import Part

TIP = Qt.ItemDataRole.ToolTipRole
FEW = {"steps": 3, "patch": (16, 16), "batch": 1}


def press(qtbot: Any, panel: Any, words: str) -> None:
    """Click the box or button with these words, where it is seen."""
    kinds = (QCheckBox, QPushButton)
    found = [w for kind in kinds for w in panel.findChildren(kind) if w.text() == words]
    (widget,) = [w for w in found if w.isVisibleTo(panel)]
    assert widget.isEnabled(), words
    at = widget.rect().center()
    if isinstance(widget, QCheckBox):
        at.setX(8)
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=at)


def pick(qtbot: Any, picker: QComboBox, words: str) -> None:
    """Choose by the keyboard, as the list of a combo box is a window of its own."""
    picker.setFocus()
    at = picker.findText(words)
    qtbot.keyClick(picker, Qt.Key.Key_Home)
    for _ in range(picker.count()):
        if picker.currentIndex() == at:
            return
        qtbot.keyClick(picker, Qt.Key.Key_Down)
    raise AssertionError(f"{words!r} cannot be chosen")


@pytest.fixture
def ready(panel: Any, qtbot: Any) -> Any:
    """The panel when torch is there, the section unfolded by a click."""
    qtbot.waitUntil(lambda: panel._torch_ready, timeout=60_000)
    assert not panel.forward.isExpanded()
    qtbot.mouseClick(panel.forward.toggleButton(), Qt.MouseButton.LeftButton)
    assert panel.forward.isExpanded()
    return panel


def recipe_of(panel: Any) -> Recipe:
    """As it comes back from JSON, which is what the command line takes."""
    recipe = panel.plan().main.recipe
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe
    return again


def test_nothing_more_is_nothing_more(ready: Any, cells: Any) -> None:
    assert recipe_of(ready).physics.name == "denoising"
    ready.blur._kind.choose("gaussian")
    assert recipe_of(ready).physics.name == "blur"


def test_everything_is_one_chain_in_the_order_of_the_light(
    ready: Any, cells: Any, qtbot: Any
) -> None:
    ready.blur._kind.choose("gaussian")
    pick(qtbot, ready.forward.mask._kind, "Find the bad ones")
    press(qtbot, ready, "It moved while a pixel was recorded")
    pick(qtbot, ready.forward._sampling, "2 x finer pixels")
    form = ready.forward._form
    length = form._editors["length"][0].findChild(QAbstractSpinBox)
    length.setFocus()
    length.selectAll()
    qtbot.keyClicks(length, "3")
    qtbot.keyClick(length, Qt.Key.Key_Return)
    recipe = recipe_of(ready)
    assert recipe.physics.name == "compose"
    parts = recipe.physics.params["parts"]
    assert [p["name"] for p in parts] == ["blur", "motion", "downsampling", "inpainting"]
    assert parts[1]["params"]["length"] == 6.0  # 3 recorded pixels on a grid twice as fine
    assert recipe.physics.params["psf"]["kind"] == "gaussian"
    assert ready.forward._grid.text() == "Result: 80 x 96 pixels of 0.05 x 0.05 µm"
    assert ready.method.name == "ssi"
    ready.forward.collapse()
    assert ready.forward._summary == "2 x finer, mask, motion"
    assert "2 x finer, mask" in ready.forward.text()
    # the command line's words for the same
    named = Recipe.create(method="ssi", physics="compose").with_settings(
        {
            "physics.parts": '["blur", {"name": "motion", "params": {"length": 6}}, '
            '{"name": "downsampling", "params": {"factor": [2]}}, "inpainting"]',
            "physics.psf.kind": "gaussian",
            "physics.psf.fwhm": "[0.25, 0.25]",
        }
    )
    y = ImageStack(cells.data, "YX", (0.1, 0.1))
    physics = [
        registry.find("physics", r.physics.name).build(r.physics.params) for r in (recipe, named)
    ]
    for one in physics:
        one.bind(y.spatial_shape, y.scale)
    shape = physics[0].object_shape((48, 40))
    import torch

    x = torch.rand(1, 1, *shape)
    torch.testing.assert_close(physics[0].A(x), physics[1].A(x))


def test_one_thing_alone_is_no_chain(ready: Any, cells: Any, qtbot: Any) -> None:
    pick(qtbot, ready.forward.mask._kind, "Find the bad ones")
    assert recipe_of(ready).physics.name == "inpainting"
    assert ready.method.name == "noise2self"
    found = ready.forward.mask._form._editors["single"][0].findChild(QCheckBox)
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton, pos=QPoint(8, found.height() // 2))
    assert recipe_of(ready).physics.params == {"single": False}
    pick(qtbot, ready.forward.mask._kind, "All pixels are good")
    assert recipe_of(ready).physics.name == "denoising"


def test_a_saturated_detector_stands_alone_and_takes_the_psf(
    ready: Any, cells: Any, qtbot: Any
) -> None:
    ready.blur._kind.choose("gaussian")
    press(qtbot, ready, "The detector was full in places")
    assert "needs the level" in ready.forward._problem.text()
    ready.forward._level.setValue(140)
    assert ready.forward._problem.text() == ""
    recipe = recipe_of(ready)
    assert recipe.physics.name == "saturation"
    assert recipe.physics.params["level"] == 140
    assert recipe.physics.params["psf"]["kind"] == "gaussian"
    assert ready.method.baselines() == []  # they need a linear A
    reason = chain_refusal(["blur", "motion", "saturation"])
    assert reason
    sampling = ready.forward._sampling
    for at in range(sampling.count()):
        possible = sampling.itemData(at) == "recorded"
        assert sampling.model().item(at).isEnabled() == possible
        assert (reason in sampling.itemData(at, TIP)) != possible
    assert not ready.forward._motion.isEnabled()
    assert not ready.forward.mask._kind.model().item(1).isEnabled()
    press(qtbot, ready, "The detector was full in places")  # a change of mind
    assert ready.forward._motion.isEnabled()
    pick(qtbot, sampling, "3 x finer pixels")
    assert not ready.forward._full.isEnabled()
    assert "choose it alone" in ready.forward._full.toolTip()


def test_cubic_voxels_are_for_stacks(
    viewer: Any, ready: Any, stack: Any, cells: Any, qtbot: Any
) -> None:
    ready.set_image(stack)
    pick(qtbot, ready.forward._sampling, "Cubic voxels (finer z)")
    assert recipe_of(ready).physics.name == "isotropic"
    assert ready.forward._grid.text() == "Result: 36 x 40 x 18 pixels of 0.1 x 0.1 x 0.1 µm"
    ready.set_image(cells)
    assert "need a z-stack" in ready.forward._problem.text()
    pick(qtbot, ready.forward._sampling, "As recorded")
    assert ready.forward._problem.text() == ""
    item = ready.forward._sampling.model().item(3)
    assert not item.isEnabled()
    assert "need a z-stack" in ready.forward._sampling.itemData(3, TIP)


def test_the_psf_is_brought_to_the_pixels_of_the_result(
    viewer: Any, ready: Any, cells: Any, qtbot: Any
) -> None:
    wide = np.zeros((15, 15))
    wide[5:10, 5:10] = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
    psf = viewer.add_image(wide, name="psf", scale=(0.1, 0.1), units=("um", "um"))
    ready.set_image(cells)
    ready.set_psf_layer(psf)
    assert ready.plan().psf.shape == (15, 15)
    before = ready.blur._picture._width.text()
    pick(qtbot, ready.forward._sampling, "2 x finer pixels")
    assert ready.plan().psf.shape[0] > 25
    after = ready.blur._picture._width.text()
    assert before.split(",")[0][:8] == after.split(",")[0][:8]  # as wide in µm
    assert before.split(",")[1] != after.split(",")[1]  # on more pixels
    pick(qtbot, ready.forward._sampling, "As recorded")
    assert ready.blur._picture._width.text() == before


def paint(labels: Any, *at: int | slice) -> None:
    labels.data[at] = 1
    labels.events.data()


def test_a_labels_layer_is_painted_and_goes_with_the_result(
    viewer: Any, ready: Any, stack: Any, qtbot: Any, tmp_path: Path
) -> None:
    pick(qtbot, ready.forward.mask._kind, "Marked in a labels layer")
    assert "No layer marks" in ready.forward._problem.text()
    with pytest.raises(InputError, match="No layer marks"):
        ready.plan()
    press(qtbot, ready, "Paint")
    labels = viewer.layers["Unusable pixels"]
    assert labels.mode == "paint"
    np.testing.assert_allclose(labels.scale, stack.scale)
    np.testing.assert_allclose(labels.translate, stack.translate)
    labels.paint((2, 8, 9), 1)
    qtbot.waitUntil(lambda: "0.01%" in ready.forward.mask._share.text(), timeout=5000)
    paint(labels, 2, 8, slice(9, 12))
    ready.method._baselines.setChecked(False)
    with qtbot.waitSignal(ready.finished, timeout=15_000):
        ready.start()
    path = tmp_path / "out.ome.tif"
    with qtbot.waitSignal(ready._saving.saved, timeout=15_000):
        ready.save(path)
    assert tifffile.imread(tmp_path / "out.mask.tif").sum() == 3
    kept = read_recipe(path).physics.params["mask"]
    assert kept["path"] == str(tmp_path / "out.mask.tif")
    assert '"path": "out.mask.tif"' in (tmp_path / "out.recipe.json").read_text()
    # napari's own way to save a layer
    written = viewer.layers[-1].save(str(tmp_path / "own.ome.tif"), plugin="napari-ssi")
    assert written
    assert tifffile.imread(tmp_path / "own.mask.tif").sum() == 3


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        (np.zeros((9, 9), int), "mask has 9 x 9 pixels"),
        (np.ones((48, 40), int), "every pixel as unusable"),
        (np.zeros((3, 48, 40), int), "mask has 3 x 48 x 40 pixels"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_in_words(
    marks: Any, words: str, viewer: Any, ready: Any, cells: Any, qtbot: Any
) -> None:
    viewer.add_labels(marks)
    ready.set_image(cells)
    pick(qtbot, ready.forward.mask._kind, "Marked in a labels layer")
    assert words in ready.forward._problem.text()
    viewer.layers.remove(viewer.layers[-1])
    assert "No layer marks" in ready.forward._problem.text()
    pick(qtbot, ready.forward.mask._kind, "All pixels are good")
    assert ready.forward._problem.text() == ""


def test_what_is_marked_at_one_time_holds_for_all(viewer: Any, ready: Any, qtbot: Any) -> None:
    lapse = viewer.add_image(
        np.random.default_rng(0).random((3, 32, 36)), axis_labels=("t", "y", "x"), name="lapse"
    )
    ready.set_image(lapse)
    marks = np.zeros((3, 32, 36), int)
    marks[1, 4, 5] = 7
    ready.forward.set_layer(viewer.add_labels(marks))
    mask = recipe_of(ready).physics.params["mask"]
    assert mask["shape"] == [32, 36]
    assert "0.09%" in ready.forward.mask._share.text()


def test_deleting_the_labels_in_mid_run_does_no_harm(
    viewer: Any, ready: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    engine.steps = (100_000,)
    ready.method._baselines.setChecked(False)
    marks = np.zeros((48, 40), int)
    marks[4] = 1
    labels = viewer.add_labels(marks)
    ready.forward.set_layer(labels)
    ready.start()
    qtbot.waitUntil(lambda: "training" in ready.run.status.text(), timeout=15_000)
    viewer.layers.remove(labels)
    marks[:] = 1
    ready.session.stop()
    with qtbot.waitSignal(ready.finished, timeout=15_000) as signal:
        pass
    bits = signal.args[0].recipe.physics.params["mask"]
    from napari_ssi.physics._mask import PackedMask

    assert PackedMask(**bits).array().sum() == 40


def test_a_try_takes_its_part_of_the_mask_and_all_takes_all(
    viewer: Any, ready: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    marks = np.zeros((48, 40), int)
    marks[2, 3] = marks[40, 30] = 1
    ready.forward.set_layer(viewer.add_labels(marks))
    ready.effort.choose_where("drawn")
    press(qtbot, ready, "Draw")
    corners = [[9.5, 4.5], [9.5, 38.5], [47.5, 38.5], [47.5, 4.5]]
    viewer.layers["Region to try"].add_rectangles(np.array(corners))
    ready.method._baselines.setChecked(False)
    with qtbot.waitSignal(ready.finished, timeout=15_000):
        press(qtbot, ready, "Start")
    with qtbot.waitSignal(ready.finished, timeout=15_000):
        press(qtbot, ready, "Apply to all")
    from napari_ssi.physics._mask import PackedMask

    masks = [PackedMask(**seen[0].physics.params["mask"]).array() for seen in engine.seen]
    assert masks[0].shape == engine.seen[0][1].shape
    assert masks[0].sum() == 1 and masks[0][40 - 10, 30 - 5]
    np.testing.assert_array_equal(masks[1], marks != 0)


def test_choices_come_back_in_the_next_session(
    viewer: Any, ready: Any, cells: Any, qtbot: Any
) -> None:
    press(qtbot, ready, "It moved while a pixel was recorded")
    ready.forward._form.set({"length": 9.0, "angle": 30.0})
    pick(qtbot, ready.forward.mask._kind, "Find the bad ones")
    ready.forward.mask._form.set({"saturated": False})
    pick(qtbot, ready.forward._sampling, "2 x finer pixels")
    before = recipe_of(ready)
    ready._remember()
    again = RestorePanel(viewer)
    qtbot.addWidget(again)
    assert recipe_of(again).physics == before.physics  # before torch is there
    qtbot.waitUntil(lambda: again._torch_ready, timeout=60_000)
    assert recipe_of(again).physics == before.physics
    assert again.forward.isExpanded()
    again.detach()


def test_nonsense_in_the_memory_leaves_it_as_it_is(viewer: Any, panel: Any, qtbot: Any) -> None:
    for key in ("sampling", "mask", "full_level"):
        panel._memory.put(key, "nonsense")
    panel._memory.put("motion_params", {"length": "x", "angle": None, "no": 1})
    panel._memory.put("mask_finds", {"single": 3, "mask": "x"})
    panel._memory.put("motion", True)
    again = RestorePanel(viewer)
    qtbot.addWidget(again)
    qtbot.waitUntil(lambda: again._torch_ready, timeout=60_000)
    assert again.forward._sampling.currentData() == "recorded"
    assert again.forward.mask.kind == "none"
    assert again.forward._links()[0].params == {}
    again.detach()


def test_it_fits_and_every_control_has_a_tooltip(
    viewer: Any, ready: Any, stack: Any, qtbot: Any
) -> None:
    viewer.add_labels(np.zeros((6, 40, 36), int), name="a layer with a very long name " * 4)
    ready.forward._sampling.choose("cubic")
    ready.forward.mask.choose("layer")
    ready.forward._motion.setChecked(True)

    def words(widget: QWidget) -> str:
        return widget.toolTip() or (words(widget.parent()) if widget is not ready else "")

    for widget in ready.forward.findChildren(QWidget):
        if widget.isVisibleTo(ready):
            assert widget.minimumSizeHint().width() <= 345, widget
            if isinstance(widget, QComboBox | QCheckBox | QAbstractSpinBox | QPushButton):
                assert len(words(widget)) > 20, widget


def test_how_many_pixels_are_bad_is_said_at_once(
    viewer: Any, ready: Any, cells: Any, qtbot: Any
) -> None:
    data = cells.data.copy()
    data[5, 6] = data[20, 30] = 9000
    ready.set_image(viewer.add_image(data, name="spoiled"))
    mask = ready.forward.mask

    def count() -> str:
        return str(mask._count.text())

    assert not mask._count.isVisibleTo(ready)
    pick(qtbot, mask._kind, "Find the bad ones")
    qtbot.waitUntil(lambda: "Left out" in count(), timeout=15_000)
    assert count() == "Left out: 2 of 1920 pixels (0.1%)."
    assert mask._count.isVisibleTo(ready)
    mask._form.set({"single": False})
    mask._edited()
    qtbot.waitUntil(lambda: count() == "Left out: none of 1920 pixels.", timeout=15_000)
    # with a mask besides, both together
    mask._form.set({"single": True})
    labels = np.zeros(data.shape, int)
    labels[30:34, 10:20] = 1
    ready.forward.set_layer(viewer.add_labels(labels))
    qtbot.waitUntil(lambda: count() == "Left out: 42 of 1920 pixels (2.2%).", timeout=15_000)
    pick(qtbot, mask._kind, "All pixels are good")
    assert not mask._count.isVisibleTo(ready)


def test_bad_pixels_are_counted_in_some_time_points() -> None:
    y = np.random.default_rng(0).normal(100, 1, (9, 2, 24, 24)).astype(np.float32)
    y[:, 0, 12, 12] = 500
    words = counted(Part(name="inpainting"), ImageStack(y, "TCYX", channel_names=("red", "green")))
    assert words == "Left out: 4 of 2304 pixels (0.17%), in 4 of 9 time points of channel red."
