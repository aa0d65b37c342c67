"""The live preview, the snapshots, a try on a region, and saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtGui import QPainter, QPixmap
from qtpy.QtWidgets import QPushButton

from napari_ssi._qt.loss_plot import LossPlot
from napari_ssi._qt.time_left import TimeLeft, sentence
from napari_ssi.errors import InputError
from napari_ssi.events import Progress


def click(qtbot: Any, panel: Any, text: str) -> None:
    button = next(b for b in panel.run.findChildren(QPushButton) if b.text() == text)
    assert button.isEnabled() and button.isVisibleTo(panel), text
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def running(panel: Any, engine: Any, qtbot: Any, snapshots: int = 2) -> None:
    """Begin an endless run and wait for some previews."""
    engine.steps = (100_000,)
    panel.method._baselines.setChecked(False)
    panel.start()
    qtbot.waitUntil(lambda: len(panel.session._preview.snapshots) >= snapshots, timeout=15_000)


def test_the_preview_follows_the_slice_and_keeps_shape_dtype_and_contrast(
    viewer: Any, panel: Any, engine: Any, stack: Any, qtbot: Any
) -> None:
    viewer.dims.set_current_step(0, 1)
    running(panel, engine, qtbot)
    assert engine.planes[0] == 1
    layer = viewer.layers["stack · preview"]
    assert layer.data.shape == (40, 36)
    assert layer.data.dtype == np.float32
    assert tuple(layer.contrast_limits) == (3, 44)
    np.testing.assert_allclose(layer.translate, stack.translate[1:])
    np.testing.assert_allclose(layer.scale, stack.scale[1:])
    viewer.dims.set_current_step(0, 4)
    qtbot.waitUntil(lambda: engine.planes[-1] == 4, timeout=5000)
    layer.name = "mine"
    seen = len(panel.session._preview.snapshots)
    qtbot.waitUntil(lambda: len(panel.session._preview.snapshots) > seen, timeout=15_000)
    assert "stack · preview" not in names(viewer)
    assert tuple(layer.contrast_limits) == (3, 44)


def test_snapshots_can_be_looked_at_and_kept(
    viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    running(panel, engine, qtbot, 3)
    panel.run._slider.setValue(0)
    preview = viewer.layers["cells · preview"]
    np.testing.assert_allclose(preview.data, cells.data * 0.5 + 1)
    seen = len(panel.session._preview.snapshots)
    qtbot.waitUntil(lambda: len(panel.session._preview.snapshots) > seen, timeout=15_000)
    np.testing.assert_allclose(preview.data, cells.data * 0.5 + 1)
    click(qtbot, panel, "Keep this one")
    kept = viewer.layers["cells · Noise2Self, step 1"]
    np.testing.assert_allclose(kept.data, preview.data)
    assert viewer.layers[-1] is preview
    panel.run._slider.setValue(panel.run._slider.maximum())
    assert preview.data.max() > kept.data.max()
    click(qtbot, panel, "Cancel")
    qtbot.waitUntil(lambda: panel.session.job is None, timeout=15_000)
    assert names(viewer) == ["cells"]


def test_a_kept_plane_of_a_volume_lies_at_its_depth(
    viewer: Any, panel: Any, engine: Any, stack: Any, qtbot: Any
) -> None:
    viewer.dims.set_current_step(0, 3)
    running(panel, engine, qtbot, 3)
    panel.run._slider.setValue(1)
    click(qtbot, panel, "Keep this one")
    kept = viewer.layers[-2]
    assert kept.data.shape == (1, 40, 36)
    np.testing.assert_allclose(kept.scale, stack.scale)
    here = stack.data_to_world((3, 0, 0))
    np.testing.assert_allclose(kept.data_to_world((0, 0, 0)), here)
    click(qtbot, panel, "Cancel")
    qtbot.waitUntil(lambda: panel.session.job is None, timeout=15_000)


def test_side_by_side_while_it_trains(
    viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    running(panel, engine, qtbot)
    click(qtbot, panel, "Side by side")
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
    viewer.layers.remove("cells · preview")
    assert not viewer.canvas.grid.enabled
    with qtbot.waitSignal(panel.finished, timeout=15_000):
        click(qtbot, panel, "Stop and keep")
    click(qtbot, panel, "Side by side")
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)


def test_try_on_a_drawn_rectangle_then_apply_to_all(
    viewer: Any, panel: Any, engine: Any, stack: Any, qtbot: Any
) -> None:
    panel.method._baselines.setChecked(False)
    panel.effort.choose_where("drawn")
    with pytest.raises(InputError, match="No rectangle"):
        panel.plan()
    qtbot.mouseClick(panel.effort._draw, Qt.MouseButton.LeftButton)
    shapes = viewer.layers["Region to try"]
    assert shapes.mode == "add_rectangle"
    # pixel centres 2 … 33 and 1 … 32
    corners = [[2, 1.5, 0.5], [2, 1.5, 32.5], [2, 33.5, 32.5], [2, 33.5, 0.5]]
    shapes.add_rectangles(np.array(corners))
    with qtbot.waitSignal(panel.finished, timeout=15_000) as signal:
        click(qtbot, panel, "Start")
    tried = viewer.layers["stack · Noise2Self (try)"]
    np.testing.assert_allclose(tried.data, stack.data[:, 2:34, 1:33] * 0.5)
    np.testing.assert_allclose(tried.data_to_world((0, 0, 0)), stack.data_to_world((0, 2, 1)))
    with qtbot.waitSignal(panel.finished, timeout=15_000):
        click(qtbot, panel, "Apply to all")
    recipe, full, _, models = engine.seen[-1]
    assert models == signal.args[0].models
    assert full.shape == stack.data.shape
    assert recipe == engine.seen[0][0]
    np.testing.assert_allclose(viewer.layers["stack · Noise2Self"].data, stack.data * 0.5)
    assert not panel.run._apply.isVisibleTo(panel)


def test_try_on_the_current_view(viewer: Any, panel: Any, qtbot: Any) -> None:
    layer = viewer.add_image(np.random.default_rng(0).random((400, 300)), scale=(0.1, 0.1))
    panel.effort.choose_where("view")
    viewer.scene.camera.center = (0, 20.0, 15.0)
    height, width = viewer.canvas.size
    viewer.scene.camera.zoom = width / 10.0  # 10 units wide: 100 pixels
    plan = panel.plan()
    assert plan.is_try
    rows, columns = plan.stack.shape
    assert columns == pytest.approx(100, abs=2)
    assert rows == pytest.approx(100 * height / width, abs=2)
    centre = [f + n / 2 for f, n in zip(plan.frames[0].offset, plan.stack.shape, strict=True)]
    assert centre == pytest.approx([200, 150], abs=2)
    viewer.scene.camera.center = (0, 500.0, 15.0)
    with pytest.raises(InputError, match="outside"):
        panel.plan()
    assert layer in viewer.layers


def test_save_writes_an_ome_tiff_with_the_recipe(
    viewer: Any, panel: Any, cells: Any, qtbot: Any, tmp_path: Path
) -> None:
    panel.method._baselines.setChecked(False)
    with qtbot.waitSignal(panel.finished, timeout=15_000):
        panel.start()
    path = tmp_path / "result.ome.tif"
    with qtbot.waitSignal(panel._saving.saved, timeout=15_000):
        panel.save(path)
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert "noise2self" in file.ome_metadata
        np.testing.assert_allclose(file.asarray(), cells.data * 0.5)
    with qtbot.waitSignal(panel.failed, timeout=15_000) as signal:
        panel.save(tmp_path / "no" / "such" / "folder.ome.tif")
    assert panel.run.problem.text() == signal.args[0]
    assert cells in viewer.layers


@pytest.fixture
def plot(qtbot: Any) -> LossPlot:
    """An empty plot."""
    plot = LossPlot()
    qtbot.addWidget(plot)
    return plot


def shown(plot: LossPlot, qtbot: Any) -> Any:
    """The axis of the held-out error, on a screen."""
    plot.redraw()
    with qtbot.waitExposed(plot):
        plot.show()
    axis = plot._plot.getPlotItem().getAxis("left")
    qtbot.waitUntil(lambda: axis.range[1] < 0)
    return axis


def test_the_plot_marks_the_best_point(plot: LossPlot) -> None:
    assert plot.best is None
    for step in range(1, 3000):
        plot.add(step, {"loss": 1 / step, "held_out": float("nan") if step == 5 else 2.0})
    plot.add(3000, {"held_out": 1.0, "best_held_out": 0.5, "best_step": 70.0})
    plot.redraw()
    assert plot.best == (70.0, 0.5)
    assert len(plot._points["loss"]) <= 1001
    x, y = plot._best.getOriginalDataset()
    assert (list(x), list(y)) == ([70.0], [0.5])
    plot.reset()
    assert plot.best is None


def test_the_plot_marks_no_step_when_the_first_guess_is_kept(plot: LossPlot) -> None:
    for step in (5, 10):
        plot.add(step, {"loss": 1.0, "held_out": 1.0, "best_held_out": 0.9, "best_step": 5.0})
    plot.redraw()
    assert plot.best == (5.0, 0.9)
    assert "○ best" in plot._legend.text()
    # as the trainer reports last
    plot.add(10, {"loss": 1.0, "held_out": 1.0, "best_held_out": 0.95, "best_step": 0.0})
    plot.redraw()
    assert plot.best is None
    assert len(plot._best.getOriginalDataset()[0] or ()) == 0
    assert "best: step 0" in plot._legend.text() and "○" not in plot._legend.text()
    plot.reset()
    assert "○ best" in plot._legend.text()


def test_a_small_fall_of_the_held_out_error_is_seen_whatever_the_batches_do(
    plot: LossPlot, qtbot: Any
) -> None:
    plot.resize(330, 160)
    rng = np.random.default_rng(0)
    held = 0.0214 * (1 + 0.01 * np.exp(-np.arange(60) / 12))
    for step, error in enumerate(held, start=1):
        plot.add(step, {"loss": rng.uniform(0.01, 0.1), "held_out": error})
    axis = shown(plot, qtbot)
    low, high = 10 ** np.array(axis.range)
    assert held[0] - held[-1] > 0.7 * (high - low)  # it fills the height
    assert low < held.min() and high > held.max()
    picture = QPixmap(8, 8)
    painter = QPainter(picture)
    _, _, labels = axis.generateDrawSpecs(painter)
    painter.end()
    assert [float(text) for *_, text in labels] == pytest.approx(
        [held.min(), held.mean(), held.max()], rel=0.01
    )
    drawn = np.array(plot._loss.getOriginalDataset()[1])
    assert drawn[10:].std() < 0.5 * np.std([v for _, v in plot._points["loss"]])


def test_an_error_that_is_as_good_as_flat_looks_flat(plot: LossPlot, qtbot: Any) -> None:
    rng = np.random.default_rng(0)
    for step in range(1, 40):
        plot.add(step, {"loss": 1.0, "held_out": 0.00577 * (1 + 1e-4 * rng.random())})
    low, high = 10 ** np.array(shown(plot, qtbot).range)
    assert low < 0.00577 < high
    assert high / low >= 1.0099


def test_the_time_left_follows_the_recent_speed() -> None:
    left = TimeLeft()
    assert left(Progress("training", 1, 1000, elapsed=30.0)) is None
    for step in range(2, 200):
        found = left(Progress("training", step, 1000, elapsed=30.0 + 0.1 * step))
    assert found == pytest.approx(80, rel=0.05)
    progress = Progress("training", 200, 1000, channel="red")
    assert sentence(progress, "SSI", 2, 3, 80.0) == (
        "3 of 3 · SSI, red: training 200 of 1000, 1 min left at most"
    )


def test_the_noise_that_is_found_is_shown() -> None:
    from napari_ssi._qt.time_left import noise_words

    assert noise_words({"loss": 1.0}) == ""
    words = noise_words({"sigma_upper": 5.254, "gain_upper": 2.0})
    assert words == ". Noise in the dark at most 5.25, gain at most 2"
