"""The numbered sections: what they say, offer, refuse and remember."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QPushButton, QSlider, QWidget
from scipy.ndimage import gaussian_filter

from napari_ssi import registry
from napari_ssi._qt.restore_panel import RestorePanel
from napari_ssi.errors import InputError


def words(panel: Any) -> str:
    return str(panel.image._words.text())


def test_the_image_is_described_in_words(panel: Any, stack: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: "offset" in words(panel), timeout=15_000)
    assert words(panel).startswith("6 z-planes, 36 x 40 pixels, 0.1 x 0.1 x 0.3 µm, uint16, offset")


def test_a_file_is_opened_with_its_axes_and_pixel_size(
    viewer: Any, panel: Any, tmp_path: Path, qtbot: Any
) -> None:
    path = tmp_path / "lapse.ome.tif"
    size = {"PhysicalSizeX": 0.2, "PhysicalSizeY": 0.2}
    data = np.random.default_rng(0).integers(0, 99, (4, 32, 32), np.uint16)
    tifffile.imwrite(path, data, metadata={"axes": "TYX", **size})
    panel.image.open(str(path))
    assert words(panel).startswith("4 time points, 32 x 32 pixels, 0.2 x 0.2 µm")
    with qtbot.waitSignal(panel.failed) as signal:
        panel.image.open(str(tmp_path / "absent.tif"))
    assert panel.image._problem.text() == signal.args[0]
    # dropped onto the window, napari's reader gives the pixels alone
    plain = viewer.open(str(path), plugin="napari")[0]
    panel.set_image(plain)
    assert words(panel).startswith("4 time points, 32 x 32 pixels, 0.2 x 0.2 µm")


def test_axes_pixel_size_and_offset_can_be_corrected(panel: Any, stack: Any) -> None:
    panel.image._axes.choose("TYX")
    assert "6 time points" in words(panel)
    assert not panel.image._sizes["Z"].isVisibleTo(panel)
    panel.image._sizes["X"].setValue(0.2)
    panel.image._auto.setChecked(False)
    panel.image._offset.setValue(12.5)
    plan = panel.plan()
    assert plan.stack.axes == "TYX"
    assert plan.stack.pixel_size == (0.1, 0.2)
    assert plan.main.recipe.levels.offset == 12.5


def test_what_the_lowest_pixels_are_can_be_said(
    viewer: Any, panel: Any, stack: Any, qtbot: Any
) -> None:
    assert not panel.image._lowest_row.isVisibleTo(panel)
    light = gaussian_filter(np.random.default_rng(3).normal(size=(192, 192)), 6)
    light -= np.quantile(light, 0.3)
    light = 4 * np.clip(light / light.max(), 0, 1)
    rng = np.random.default_rng(0)
    photons = rng.poisson(light)
    pulses = np.round(20 * rng.gamma(np.maximum(photons, 1e-9)) * (photons > 0))
    layer = viewer.add_image(pulses.astype(np.float32), name="single photons")
    panel.set_image(layer)
    lowest = panel.image._lowest
    qtbot.waitUntil(lambda: "without a photon" in words(panel), timeout=15_000)
    assert lowest.isVisibleTo(panel)
    lowest.setFocus()
    qtbot.keyClick(lowest, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: "clipped at 0" in words(panel), timeout=15_000)
    assert panel.plan().main.recipe.levels.lowest == "clipped"
    qtbot.mouseClick(panel.noise.measure, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "are clipped" in panel.noise.report.text(), timeout=15_000)
    qtbot.keyClick(lowest, Qt.Key.Key_Up)  # what was measured holds no longer
    assert not panel.noise.adopt.isEnabled()
    qtbot.waitUntil(lambda: "without a photon" in words(panel), timeout=15_000)
    lowest.choose("clipped")
    panel.set_image(stack)
    qtbot.waitUntil(lambda: "offset" in words(panel), timeout=15_000)
    assert not lowest.isVisibleTo(panel)
    assert panel.plan().main.recipe.levels.lowest == "measured"


def test_what_was_said_of_channels_stays_when_a_layer_is_added(
    viewer: Any, panel: Any, qtbot: Any
) -> None:
    rng = np.random.default_rng(0)
    clipped = np.clip(rng.normal(0.3, 0.3, (2, 96, 96)), 0, None).astype(np.float32)
    pair = [viewer.add_image(plane, name=f"c{n}") for n, plane in enumerate(clipped)]
    viewer.layers.selection = set(pair)
    assert len(panel.image.layers()) == 2
    lowest = panel.image._lowest
    qtbot.waitUntil(lambda: lowest.isVisibleTo(panel), timeout=15_000)
    lowest.choose("photonless")
    panel.image._auto.setChecked(False)
    panel.image._offset.setValue(0.25)
    viewer.add_image(clipped[0] + 5, name="a result")
    assert len(panel.image.layers()) == 2
    levels = panel.image.source().levels
    assert (levels.lowest, levels.offset) == ("photonless", 0.25)
    viewer.layers.clear()
    assert not panel.image._lowest_row.isVisibleTo(panel)


def test_without_an_image_nothing_can_be_started(viewer: Any, panel: Any, stack: Any) -> None:
    viewer.layers.clear()
    assert "no image" in panel.image._problem.text()
    assert not panel.run._start.isEnabled()
    with pytest.raises(InputError, match="no image"):
        panel.plan()


def test_what_cannot_be_restored_is_refused(viewer: Any, panel: Any, qtbot: Any) -> None:
    viewer.add_image(np.zeros((32, 32, 3), np.uint8), rgb=True, name="photo")
    assert "colour" in panel.image._problem.text()
    labels = viewer.add_labels(np.zeros((32, 32), int))
    with qtbot.waitSignal(panel.failed) as signal:
        panel.set_image(labels)
    assert "labels layer" in signal.args[0]
    with qtbot.waitSignal(panel.failed) as signal:
        panel.start()
    assert panel.run.problem.text() == signal.args[0]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.full((32, 32), np.nan), "NaN"),
        (np.zeros((3, 3)), "at least 8 x 8"),
        (np.zeros((32, 32), bool), "integers or real"),
    ],
)
def test_bad_pixels_are_said_at_once(
    data: Any, sentence: str, viewer: Any, panel: Any, qtbot: Any
) -> None:
    viewer.add_image(data, contrast_limits=(0, 1))
    qtbot.waitUntil(lambda: sentence in panel.image._problem.text(), timeout=15_000)


def test_selected_layers_count_as_channels(
    viewer: Any, panel: Any, engine: Any, qtbot: Any
) -> None:
    layers = [
        viewer.add_image(np.random.default_rng(0).random((32, 32)), name=n)
        for n in ("red", "green")
    ]
    viewer.layers.selection = set(layers)
    assert panel.image._picker.currentText() == "2 selected layers as channels"
    panel.method._baselines.setChecked(False)
    with qtbot.waitSignal(panel.finished, timeout=15_000):
        panel.start()
    assert [la.name for la in viewer.layers[2:]] == ["red · Noise2Self", "green · Noise2Self"]
    np.testing.assert_allclose(viewer.layers[-1].data, layers[1].data * 0.5, rtol=1e-6)
    # napari has selected the results meanwhile, which is no other choice of the user's
    assert not viewer.layers.selection & set(layers)
    assert panel.image.layers() == layers
    viewer.add_image(np.ones((9, 9)), name="a PSF")
    viewer.layers.selection.clear()
    assert panel.image.layers() == layers
    assert panel.plan().stack.n_channels == 2
    viewer.layers.selection = {layers[1]}
    assert panel.image.layers() == [layers[1]]
    viewer.layers.selection = set(layers)
    assert panel.image.layers() == layers
    panel.image._picker.choose(layers[0].unique_id.hex)
    viewer.layers.selection = {viewer.layers["a PSF"]}
    assert panel.image.layers() == [layers[0]]  # picked by hand: it stays
    viewer.layers.selection = set(layers)
    viewer.layers.remove(layers[0])
    assert panel.image.layers() == [layers[1]]


def test_the_psf_is_shown_with_its_width_and_warnings(viewer: Any, panel: Any, stack: Any) -> None:
    panel.blur._kind.choose("gaussian")
    panel.blur._xy.setValue(0.35)
    panel.blur._z.setValue(0.9)
    view = panel.blur._picture
    assert view.isVisibleTo(panel)
    # a little wider than the Gaussian itself, as a pixel averages over its area
    assert view._width.text().startswith("FWHM 0.357 x 0.357 x 0.923 µm (xyz)")
    assert view._sections["xz"].isVisibleTo(panel)
    bead = np.zeros((9, 9), np.float32)
    bead[3:6, 3:6] = [[1, 2, 1], [2, 9, 2], [1, 2, 1]]
    layer = viewer.add_image(bead, name="my psf")
    panel.set_psf_layer(layer)
    assert "slice by slice" in view._notes.text()
    assert not view._sections["xz"].isVisibleTo(panel)
    plan = panel.plan()
    np.testing.assert_array_equal(plan.psf[0], bead)
    assert plan.main.recipe.physics.params["psf"]["kind"] == "array"
    layer.data = np.zeros((9, 9), np.float32)
    assert plan.psf[0].max() == 9


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan])
def test_a_bad_psf_is_refused_in_words(value: float, viewer: Any, panel: Any, cells: Any) -> None:
    layer = viewer.add_image(np.full((9, 9), value), name="psf", contrast_limits=(0, 1))
    panel.set_image(cells)
    panel.set_psf_layer(layer)
    assert panel.blur._problem.text().startswith("The PSF")
    assert not panel.blur._picture.isVisibleTo(panel)


def test_a_psf_from_a_file(panel: Any, cells: Any, tmp_path: Path) -> None:
    panel.blur._kind.choose("file")
    assert "No PSF file" in panel.blur._problem.text()
    panel.blur._path.setText(str(tmp_path / "absent.npy"))
    panel.blur._path.editingFinished.emit()
    assert "no PSF file" in panel.blur._problem.text()
    path = tmp_path / "psf.npy"
    np.save(path, np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32))
    panel.blur._path.setText(str(path))
    panel.blur._path.editingFinished.emit()
    assert panel.blur._problem.text() == ""
    assert panel.plan().main.recipe.physics.params["psf"]["path"] == str(path)


def test_impossible_methods_are_grey_with_the_reason(panel: Any, cells: Any) -> None:
    picker = panel.method._picker
    tips = Qt.ItemDataRole.ToolTipRole
    at = picker.findData("ssi")
    assert not picker.model().item(at).isEnabled()
    assert registry.methods()["ssi"].refusal(physics="denoising", noise="independent") in str(
        picker.itemData(at, tips)
    )
    assert panel.method.name == "noise2self"
    assert panel.method.choose("wiener") or not registry.methods()["wiener"].refusal(
        physics="denoising", noise="independent"
    )
    panel.method.choose("noise2self")
    panel.blur._kind.choose("gaussian")
    assert picker.model().item(picker.findData("ssi")).isEnabled()
    assert panel.method.name == "ssi"
    assert "is used instead" in panel.method._words.text()
    panel.blur._kind.choose("none")
    assert panel.method.name == "noise2self"
    assert "instead" not in panel.method._words.text()


def test_three_methods_are_recommended_and_the_rest_is_under_more(panel: Any, cells: Any) -> None:
    picker = panel.method._picker
    texts = [picker.itemText(i) for i in range(picker.count())]
    more = texts.index("More")
    assert not picker.model().item(more).isEnabled()
    assert len([t for t in texts[:more] if t]) == 3
    known = {e.label for e in registry.methods().values()}
    assert known <= set(texts)


def test_advanced_parameters_come_from_the_registry(panel: Any, cells: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: panel._torch_ready, timeout=30_000)
    assert not panel.effort._forms
    qtbot.mouseClick(panel.effort._advanced.toggleButton(), Qt.MouseButton.LeftButton)
    assert {"method", "training", "general"} <= set(panel.effort._forms)
    panel.effort._forms["method"].set({"density": 0.33})
    panel.effort._forms["training"].set({"steps": 7})
    panel.effort._forms["general"].set({"seed": 3, "nonnegative": True})
    panel.effort.terms.choose("bounds", weight=0.5)
    recipe = panel.plan().main.recipe
    assert recipe.method[0].params == {"density": 0.33}
    assert (recipe.method[1].name, recipe.method[1].weight) == ("bounds", 0.5)
    assert recipe.training == {"steps": 7}
    assert (recipe.seed, recipe.nonnegative) == (3, True)
    panel.method.choose("total_variation")
    assert "training" not in panel.effort._forms
    assert panel.plan().main.recipe.training == {}


def test_the_network_is_chosen_and_greyed_with_the_reason(
    panel: Any, cells: Any, qtbot: Any
) -> None:
    qtbot.waitUntil(lambda: panel._torch_ready, timeout=30_000)
    panel.effort._advanced.expand()
    panel.blur._kind.choose("gaussian")
    panel.method.choose("ssi")
    assert panel.plan().main.recipe.network.name == "unet"
    panel.effort._network.set("unrolled", {"iterations": 2})
    recipe = panel.plan().main.recipe
    assert (recipe.network.name, recipe.network.params) == ("unrolled", {"iterations": 2})
    shown = [form.isVisibleTo(panel) for form in panel.effort._network._forms.values()]
    assert shown.count(True) == 1
    panel.effort.show_method("ssi", "downsampling", "independent")
    picker = panel.effort._network._picker
    item = picker.model().item(picker.findData("unrolled"))
    assert not item.isEnabled()
    assert "one convolution" in item.toolTip()
    assert panel.plan().main.recipe.network.name == "unet"
    # a method that works with one network offers no other
    panel.method.choose("deep_image_prior")
    assert panel.effort._network._picker.count() == 1


def test_a_further_term_that_does_not_fit_is_grey_with_the_reason(
    panel: Any, cells: Any, qtbot: Any
) -> None:
    qtbot.waitUntil(lambda: panel._torch_ready, timeout=30_000)
    panel.effort._advanced.expand()
    terms = panel.effort.terms
    box, weight = terms._lines["multi_operator"]
    reason = registry.find("loss", "multi_operator").refusal(
        physics="denoising", noise="independent"
    )
    assert reason and not box.isEnabled() and reason in box.toolTip()
    assert terms._lines["bounds"][0].isEnabled()
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    assert len(panel.plan().main.recipe.method) == 1

    panel.forward.mask.choose("found")
    assert box.isEnabled() and reason not in box.toolTip()
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    assert weight.isEnabled()
    assert panel.plan().main.recipe.method[1].name == "multi_operator"
    # folded or not, what does not fit any more is not refused at Start, and comes back
    panel.effort._advanced.collapse()
    panel.forward.mask.choose("none")
    assert not box.isEnabled() and not box.isChecked() and not weight.isEnabled()
    assert len(panel.plan().main.recipe.method) == 1
    panel.effort._advanced.expand()
    panel.forward.mask.choose("layer")
    assert box.isChecked()
    panel.forward.mask.choose("found")
    assert panel.plan().main.recipe.method[1].name == "multi_operator"
    # and what is ticked outlives a look at another method
    panel.method.choose("total_variation")
    assert not terms.isVisibleTo(panel)
    panel.method.choose("noise2self")
    assert terms.isVisibleTo(panel) and box.isChecked()


def test_time_memory_and_device_are_told_before_start(panel: Any, cells: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: "0.8 GB" in panel.effort._estimate.text(), timeout=15_000)
    # two methods of 90 s each
    assert panel.effort._estimate.text() == (
        "At most about 3 min, 0.8 GB of memory. Device: CPU (a test)."
    )


def test_choices_are_remembered(viewer: Any, panel: Any, cells: Any, qtbot: Any) -> None:
    panel.blur._kind.choose("gaussian")
    panel.blur._xy.setValue(0.4)
    panel.method.choose("total_variation")
    panel.effort._effort.choose("thorough")
    panel.method._baselines.setChecked(False)
    panel.noise.collapse()
    panel._remember()
    again = RestorePanel(viewer)
    qtbot.addWidget(again)
    assert (again.blur.kind, again.blur._xy.value()) == ("gaussian", 0.4)
    assert again.method.name == "total_variation"
    assert again.effort._effort.currentData() == "thorough"
    assert not again.method._baselines.isChecked()
    assert not again.noise.isExpanded()
    assert again.blur.isExpanded()
    again.detach()


def test_nonsense_in_the_memory_does_no_harm(viewer: Any, panel: Any, qtbot: Any) -> None:
    for key in ("blur", "method", "effort", "device", "noise", "psf_path"):
        panel._memory.put(key, "nonsense")
    panel._memory.put("fwhm_xy", -5.0)
    panel._memory.put("folded", [1, None, "x", True] * 9)
    again = RestorePanel(viewer)
    qtbot.addWidget(again)
    assert again.effort._effort.currentData() == "balanced"
    assert again.blur.kind == "none"
    assert again.blur._xy.value() > 0
    again.detach()


def test_everything_fits_into_360_pixels(viewer: Any, panel: Any, stack: Any, qtbot: Any) -> None:
    viewer.add_image(np.zeros((9, 9)), name="a layer with a very long name indeed " * 4)
    qtbot.waitUntil(lambda: panel._torch_ready, timeout=30_000)
    panel.effort._advanced.expand()
    for kind in ("gaussian", "file", "layer", "none"):
        panel.blur._kind.choose(kind)
        for widget in panel.findChildren(QWidget):
            if widget.isVisibleTo(panel):
                assert widget.minimumSizeHint().width() <= 345, widget


def test_every_control_has_a_tooltip(panel: Any, stack: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: panel._torch_ready, timeout=30_000)
    panel.effort._advanced.expand()
    kinds = (QComboBox, QAbstractSpinBox, QPushButton, QSlider)

    def words(widget: QWidget) -> str:  # Qt asks the parents in turn
        return widget.toolTip() or (words(widget.parent()) if widget is not panel else "")

    bare = [w.objectName() for kind in kinds for w in panel.findChildren(kind) if not words(w)]
    assert not bare


def test_the_wheel_scrolls_and_changes_nothing(panel: Any, cells: Any, qtbot: Any) -> None:
    picker = panel.effort._effort
    before = picker.currentIndex()
    centre = QPointF(picker.rect().center())
    event = QWheelEvent(
        centre,
        QPointF(picker.mapToGlobal(centre.toPoint())),
        QPoint(0, -120),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(picker, event)
    assert picker.currentIndex() == before
