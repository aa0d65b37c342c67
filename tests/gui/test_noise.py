"""The noise section: measure, read, adopt; models and their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_ssi import registry


def bright(viewer: Any, gain: float = 2.0, read: float = 4.0, name: str = "noisy") -> Any:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 400, 192) * np.ones((192, 1))
    counts = 100 + gain * rng.poisson(ramp) + rng.normal(0, read, ramp.shape)
    return viewer.add_image(counts.round().astype(np.uint16), name=name)


def measured(panel: Any, qtbot: Any) -> None:
    qtbot.mouseClick(panel.noise.measure, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.noise.measure.isEnabled(), timeout=20_000)


def test_measuring_says_what_was_found_and_use_this_sets_it(
    viewer: Any, panel: Any, qtbot: Any
) -> None:
    panel.set_image(bright(viewer))
    assert not panel.noise.adopt.isEnabled()
    assert not panel.noise.plot.isVisibleTo(panel)
    panel.noise.show_parameters()
    measured(panel, qtbot)
    words = panel.noise.report.text()
    assert "gain" in words and "independent" in words
    assert panel.noise.plot.isVisibleTo(panel)
    assert len(panel.noise.plot.getPlotItem().listDataItems()[0].xData) > 3
    assert panel.noise.neighbours.isVisibleTo(panel)
    assert "three pixels" in panel.noise.neighbours.toolTip()
    assert panel.noise.advice.text()
    qtbot.mouseClick(panel.noise.adopt, Qt.MouseButton.LeftButton)
    chosen = panel.noise.value()
    assert chosen.name in ("poisson", "poisson_gaussian")
    assert abs(chosen.params["gain"] - 2) < 0.3
    assert panel.method.name == "noise2self"
    assert panel.plan().main.recipe.noise == chosen


def test_pixels_that_are_marked_as_unusable_have_no_say(
    viewer: Any, panel: Any, qtbot: Any
) -> None:
    layer = bright(viewer)
    layer.data[60:130, 40:150] = np.random.default_rng(1).integers(0, 4000, (70, 110))
    panel.set_image(layer)
    measured(panel, qtbot)
    before = panel.noise.report.text()
    labels = np.zeros(layer.data.shape, int)
    labels[60:130, 40:150] = 1
    panel.forward.set_layer(viewer.add_labels(labels))
    measured(panel, qtbot)
    words = panel.noise.report.text()
    assert words != before and "20.89% of the pixels are left out" in words
    assert abs(panel.noise._found.report.gain - 2) < 0.3
    panel.forward.set_layer(viewer.add_labels(np.ones((192, 192), int)))
    measured(panel, qtbot)
    assert "The mask leaves 0 pixels" in panel.noise.report.text()


def test_dark_frames_tell_offset_and_read_noise(
    viewer: Any, panel: Any, qtbot: Any, tmp_path: Any
) -> None:
    rng = np.random.default_rng(1)
    dark = 90 + rng.normal(0, 6, (4, 128, 128))
    pages = dark.round().astype(np.uint16)
    tifffile.imwrite(tmp_path / "dark.tif", pages, photometric="minisblack")
    light = rng.poisson(np.linspace(20, 400, 192) * np.ones((192, 1)))
    y = 90 + 2 * light + rng.normal(0, 6, light.shape)
    panel.set_image(viewer.add_image(y.round().astype(np.uint16), name="lit"))
    panel.noise.show_parameters()
    panel.noise._dark.setText(str(tmp_path / "dark.tif"))
    measured(panel, qtbot)
    qtbot.mouseClick(panel.noise.adopt, Qt.MouseButton.LeftButton)
    assert panel.noise.value().name == "poisson_gaussian"
    assert panel.noise.value().params["sigma"] == pytest.approx(6, rel=0.05)
    assert panel.image.source().levels.offset == pytest.approx(90, abs=0.2)
    assert "read noise" in panel.noise.report.text()
    assert panel.plan().main.recipe.levels.offset == pytest.approx(90, abs=0.2)
    # the offset is of these frames, so that what was measured is still shown, until they go
    assert panel.noise.adopt.isEnabled()
    panel.noise._dark.clear()
    assert not panel.noise.adopt.isEnabled() and "again" in panel.noise.report.text()


def test_light_frames_in_place_of_dark_ones_are_refused(
    viewer: Any, panel: Any, qtbot: Any, tmp_path: Any
) -> None:
    panel.set_image(bright(viewer))
    tifffile.imwrite(tmp_path / "light.tif", np.full((32, 32), 9000, np.uint16))
    panel.noise._dark.setText(str(tmp_path / "light.tif"))
    measured(panel, qtbot)
    assert "brighter" in panel.noise.report.text()
    panel.noise._dark.setText(str(tmp_path / "missing.tif"))
    measured(panel, qtbot)
    assert "missing.tif" in panel.noise.report.text()
    assert not panel.noise.adopt.isEnabled()


def test_noise_that_neighbours_share_gets_a_model_that_says_so(
    viewer: Any, panel: Any, qtbot: Any
) -> None:
    white = np.random.default_rng(0).normal(0, 30, (192, 192))
    filtered = sum(np.roll(white, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)) / 9
    panel.set_image(viewer.add_image((500 + filtered).astype(np.float32), name="filtered"))
    panel.noise.show_parameters()
    panel.noise._picker.choose("correlated")
    panel.noise._form.set({"sigma": 77.0})
    assert panel.noise.value().params["sigma"] == 77
    measured(panel, qtbot)
    assert "structured masks" in panel.noise.advice.text()
    qtbot.mouseClick(panel.noise.adopt, Qt.MouseButton.LeftButton)
    assert panel.noise.value().name == "correlated"
    assert panel.method.name == "noise2self"
    assert panel.plan().main.recipe.noise.name == "correlated"
    assert panel.noise.value().params.get("sigma") is None


def test_what_was_measured_goes_with_its_image(viewer: Any, panel: Any, qtbot: Any) -> None:
    panel.set_image(bright(viewer))
    measured(panel, qtbot)
    panel.set_image(bright(viewer, gain=5.0, name="another"))
    assert panel.noise.report.text() == ""
    assert not panel.noise.adopt.isEnabled()
    # asked of one image, answered after another was chosen: dropped
    panel.noise.measure.click()
    panel.set_image(viewer.layers["noisy"])
    qtbot.wait(1500)
    assert panel.noise.report.text() == ""


def turn(picker: Any, key: Any, qtbot: Any) -> None:
    picker.setFocus()
    qtbot.keyClick(picker, key)


def test_what_was_measured_goes_when_what_it_depends_on_is_changed(
    viewer: Any, panel: Any, qtbot: Any
) -> None:
    def outdated() -> bool:
        gone = not panel.noise.adopt.isEnabled() and not panel.noise.plot.isVisibleTo(panel)
        return gone and "measure it again" in panel.noise.report.text()

    def holds() -> bool:
        return panel.noise.adopt.isEnabled() and "gain" in panel.noise.report.text()

    mask, blur = panel.forward.mask, panel.blur._kind
    labels = viewer.add_labels(np.zeros((192, 192), int))
    panel.set_image(bright(viewer))
    measured(panel, qtbot)
    assert holds()
    # the pixels that are left out: chosen, and painted
    turn(mask._kind, Qt.Key.Key_End, qtbot)
    assert mask.kind == "layer" and outdated()
    measured(panel, qtbot)
    assert holds()
    labels.paint((20, 20), 1)
    qtbot.waitUntil(outdated, timeout=5_000)
    # the blur, of which the advice is
    measured(panel, qtbot)
    turn(blur, Qt.Key.Key_End, qtbot)
    assert panel.blur.kind == "gaussian" and outdated()
    # dark frames, while it is measured: the answer is dropped
    panel.noise.measure.click()
    qtbot.keyClicks(panel.noise._dark, "dark.tif")
    assert outdated() and panel.noise.measure.isEnabled()
    qtbot.wait(1500)
    assert outdated()
    panel.noise._dark.clear()
    # what it does not depend on: the width of the blur, and the model that is chosen
    measured(panel, qtbot)
    panel.blur._xy.setFocus()
    qtbot.keyClick(panel.blur._xy, Qt.Key.Key_Up)
    qtbot.mouseClick(panel.noise.adopt, Qt.MouseButton.LeftButton)
    assert holds()


def test_every_model_shows_its_parameters_with_units_and_greys_methods(
    panel: Any, stack: Any, qtbot: Any
) -> None:
    panel.noise.show_parameters()
    for entry in registry.entries("noise").values():
        panel.noise._picker.choose(entry.name)
        assert panel.noise.name == entry.name
        fields = entry.load().model_fields
        shown = panel.noise._form._editors if panel.noise._form else {}
        assert set(shown) <= set(fields)
        for name in ("gain", "sigma", "looks"):
            assert (name in shown) == (name in fields)
        for method in registry.methods().values():
            index = panel.method._picker.findData(method.name)
            item = panel.method._picker.model().item(index)
            refusal = method.refusal(physics="denoising", noise=entry.name)
            assert item.isEnabled() == (not refusal)


def test_no_image_is_said_and_nothing_hangs(panel: Any, qtbot: Any) -> None:
    panel.noise.measure.click()
    qtbot.waitUntil(lambda: panel.noise.measure.isEnabled(), timeout=5_000)
    assert "image" in panel.noise.report.text().lower()
