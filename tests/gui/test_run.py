"""Start, pause, stop and keep, cancel, and what goes wrong on the way."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from napari.utils._proxies import PublicOnlyProxy
from qtpy.QtCore import Qt, QThreadPool, QTimer
from qtpy.QtWidgets import QPushButton

from napari_ssi._qt.restore_panel import RestorePanel
from napari_ssi.errors import InputError


def click(qtbot: Any, panel: Any, text: str) -> None:
    """Press the button that shows this text."""
    button = next(b for b in panel.run.findChildren(QPushButton) if b.text() == text)
    assert button.isEnabled() and button.isVisibleTo(panel), text
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def ended(panel: Any) -> bool:
    return panel.session.job is None


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def plain(panel: Any) -> None:
    """One method, no baselines."""
    panel.method._baselines.setChecked(False)


def test_start_ends_with_a_result_layer_where_the_input_lies(
    viewer: Any, panel: Any, stack: Any, qtbot: Any
) -> None:
    before = stack.data.copy()
    plain(panel)
    with qtbot.waitSignal(panel.finished, timeout=10_000) as signal:
        click(qtbot, panel, "Start")
    restoration = signal.args[0]
    assert names(viewer) == ["stack", "stack · Noise2Self"]
    result = viewer.layers[-1]
    assert result.data is restoration.image
    assert result.data.dtype == np.float32
    for fact in ("scale", "translate", "contrast_limits"):
        np.testing.assert_allclose(getattr(result, fact), getattr(stack, fact))
    assert result.units == stack.units
    assert result.axis_labels == stack.axis_labels
    assert result.colormap.name == "green"
    facts = result.metadata["napari_ssi"]
    assert json.loads(facts["recipe"])["method"][0]["name"] == "noise2self"
    assert facts["estimates"]["held_out"] == 0.1
    assert facts["notes"] == ["A note."]
    assert panel.run.notes.text() == "A note." and panel.run.notes.isVisibleTo(panel)
    np.testing.assert_array_equal(stack.data, before)
    assert restoration.source.pixel_size == pytest.approx((0.3, 0.1, 0.1))


def test_baselines_come_first_and_all_stand_side_by_side(
    viewer: Any, panel: Any, cells: Any, qtbot: Any
) -> None:
    panel.blur._kind.choose("gaussian")
    assert panel.method.name == "ssi"
    other = viewer.add_image(np.zeros((8, 8)), name="other")
    with qtbot.waitSignal(panel.finished, timeout=10_000):
        click(qtbot, panel, "Start")
    results = ["cells · Richardson-Lucy", "cells · Total variation", "cells · SSI"]
    assert names(viewer) == ["cells", "other", *results]

    click(qtbot, panel, "Side by side")
    grid = viewer.canvas.grid
    assert grid.enabled
    assert not other.visible
    assert grid.actual_shape(viewer.layers) == (2, 2)
    positions = [grid.position(i, viewer.layers) for i in (0, 2, 3, 4)]
    assert positions == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all(viewer.layers[i].name_overlay.visible for i in (0, 2, 3, 4))
    cells.contrast_limits = (101, 130)
    assert tuple(viewer.layers[-1].contrast_limits) == (101, 130)

    click(qtbot, panel, "Back to one view")
    assert not grid.enabled
    assert other.visible
    assert not cells.name_overlay.visible
    cells.contrast_limits = (90, 140)
    assert tuple(viewer.layers[-1].contrast_limits) == (101, 130)


def test_stop_keeps_the_best_so_far(
    viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    plain(panel)
    engine.steps = (100_000,)
    click(qtbot, panel, "Start")
    qtbot.waitUntil(lambda: "training" in panel.run.status.text(), timeout=15_000)
    with qtbot.waitSignal(panel.finished, timeout=15_000) as signal:
        click(qtbot, panel, "Stop and keep")
        assert panel.run.state == "stopping"
    assert signal.args[0] is not None
    assert names(viewer) == ["cells", "cells · Noise2Self"]
    assert panel.run.state == "idle"


def test_stop_during_a_baseline_begins_nothing_more(
    viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    engine.steps = (100_000,)
    click(qtbot, panel, "Start")
    qtbot.waitUntil(lambda: "1 of 2" in panel.run.status.text(), timeout=15_000)
    with qtbot.waitSignal(panel.finished, timeout=15_000) as signal:
        click(qtbot, panel, "Stop and keep")
    assert signal.args == [None]
    assert names(viewer) == ["cells", "cells · Total variation"]


@pytest.mark.parametrize("when", ["running", "paused", "stopping"])
def test_cancel_leaves_nothing_behind(
    when: str, viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    engine.steps, engine.pause = (100_000,), 0.02
    plain(panel)
    click(qtbot, panel, "Start")
    assert "cells · preview" in names(viewer)
    qtbot.waitUntil(lambda: bool(panel.session._preview.snapshots), timeout=15_000)
    if when == "paused":
        click(qtbot, panel, "Pause")
    if when == "stopping":
        engine.pause = 0.3
        click(qtbot, panel, "Stop and keep")
    click(qtbot, panel, "Cancel")
    assert names(viewer) == ["cells"]
    qtbot.waitUntil(lambda: ended(panel), timeout=1500)
    assert names(viewer) == ["cells"]
    assert panel.run.state == "idle"
    assert "nothing was kept" in panel.run.status.text()
    assert not panel.session.restorations


def test_cancel_takes_finished_baselines_along(
    viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    engine.steps = (4, 100_000)
    click(qtbot, panel, "Start")
    qtbot.waitUntil(lambda: "cells · Total variation" in names(viewer), timeout=15_000)
    click(qtbot, panel, "Cancel")
    qtbot.waitUntil(lambda: ended(panel), timeout=2000)
    assert names(viewer) == ["cells"]


def test_pause_holds_and_resume_goes_on(panel: Any, engine: Any, cells: Any, qtbot: Any) -> None:
    engine.steps = (100_000,)
    plain(panel)
    click(qtbot, panel, "Start")
    qtbot.waitUntil(lambda: len(engine.planes) > 3, timeout=15_000)
    click(qtbot, panel, "Pause")
    qtbot.wait(50)
    held = len(engine.planes)
    qtbot.wait(100)
    assert len(engine.planes) == held
    click(qtbot, panel, "Resume")
    qtbot.waitUntil(lambda: len(engine.planes) > held + 3, timeout=15_000)


def test_an_input_error_is_one_sentence_and_baselines_are_kept(
    viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    engine.errors = (None, InputError("The image is too small; take a larger one."))
    with qtbot.waitSignal(panel.failed, timeout=15_000) as signal:
        click(qtbot, panel, "Start")
    assert signal.args == ["The image is too small; take a larger one."]
    assert panel.run.problem.text() == signal.args[0]
    assert panel.run.problem.isVisibleTo(panel)
    assert panel.run.state == "idle"
    assert names(viewer) == ["cells", "cells · Total variation"]


def test_a_bug_is_one_sentence_and_its_traceback_goes_to_the_log(
    panel: Any, engine: Any, cells: Any, qtbot: Any, caplog: pytest.LogCaptureFixture
) -> None:
    plain(panel)
    engine.errors = (ZeroDivisionError("division by zero\nand more"),)
    with qtbot.waitSignal(panel.failed, timeout=15_000) as signal:
        click(qtbot, panel, "Start")
    assert "ZeroDivisionError: division by zero" in signal.args[0]
    assert "\n" not in signal.args[0]
    assert "Traceback" in caplog.text


def test_a_baseline_that_fails_does_not_end_the_run(
    viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    engine.errors = (InputError("It cannot be tuned."), None)
    with qtbot.waitSignal(panel.finished, timeout=15_000):
        click(qtbot, panel, "Start")
    assert names(viewer) == ["cells", "cells · Noise2Self"]


def test_changes_during_a_run_have_no_effect_on_it(
    viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    engine.steps = (100_000,)
    plain(panel)
    click(qtbot, panel, "Start")
    assert "cells · preview" in names(viewer)
    qtbot.waitUntil(lambda: bool(panel.session._preview.snapshots), timeout=15_000)
    viewer.add_image(np.ones((6, 32, 32)), name="another")
    panel.image._picker.setCurrentIndex(1)
    panel.blur._kind.choose("gaussian")
    panel.effort._effort.choose("thorough")
    cells.contrast_limits = (0, 1)
    cells.name = "renamed"
    panel.run._stop.click()
    qtbot.waitUntil(lambda: ended(panel), timeout=15_000)
    recipe = panel.session.restorations["Noise2Self"].recipe
    assert (recipe.physics.name, recipe.effort) == ("denoising", "balanced")
    assert "cells · Noise2Self" in names(viewer)
    assert viewer.layers["cells · Noise2Self"].contrast_limits[1] > 100


def test_input_and_preview_deleted_in_mid_run(
    viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    engine.steps = (100_000,)
    plain(panel)
    click(qtbot, panel, "Start")
    assert "cells · preview" in names(viewer)
    qtbot.waitUntil(lambda: bool(panel.session._preview.snapshots), timeout=15_000)
    viewer.layers.remove("cells · preview")
    viewer.layers.remove(cells)
    seen = len(panel.session._preview.snapshots)
    qtbot.waitUntil(lambda: len(panel.session._preview.snapshots) > seen + 1, timeout=15_000)
    assert names(viewer) == []
    with qtbot.waitSignal(panel.finished, timeout=15_000) as signal:
        click(qtbot, panel, "Stop and keep")
    assert signal.args[0] is not None
    assert names(viewer) == ["cells · Noise2Self"]


def test_closing_the_window_in_mid_run_leaves_no_thread(
    viewer: Any, panel: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    engine.steps = (100_000,)
    click(qtbot, panel, "Start")
    qtbot.waitUntil(lambda: len(engine.planes) > 2, timeout=15_000)
    control = panel.session.job.control
    viewer.close()
    assert control.cancelled
    pool = QThreadPool.globalInstance()
    qtbot.waitUntil(lambda: pool.activeThreadCount() == 0, timeout=2000)


def test_start_is_there_again_after_a_run_and_a_second_run_works(
    viewer: Any, panel: Any, cells: Any, qtbot: Any
) -> None:
    plain(panel)
    for _ in range(2):
        with qtbot.waitSignal(panel.finished, timeout=15_000):
            click(qtbot, panel, "Start")
    assert names(viewer) == ["cells", "cells · Noise2Self", "cells · Noise2Self [1]"]


def test_a_panel_that_was_closed_is_not_called_any_more(
    viewer: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    panel = RestorePanel(viewer)
    dock = viewer.window.add_dock_widget(panel, name="Restore", allowed_areas=["right"])
    plain(panel)
    engine.steps = (100_000,)
    panel.start()
    qtbot.waitUntil(lambda: len(engine.planes) > 2, timeout=15_000)
    control = panel.session.job.control
    with qtbot.waitSignal(panel.destroyed, timeout=15_000):
        QTimer.singleShot(0, dock.destroyOnClose)  # as a click would, from the event loop
    assert control.cancelled
    viewer.add_image(np.zeros((16, 16)))
    viewer.layers.remove(cells)
    viewer.dims.set_point(0, 3)
    viewer.theme = "light"
    qtbot.wait(100)


def test_it_works_through_the_proxy_that_napari_hands_to_plugins(
    viewer: Any, engine: Any, cells: Any, qtbot: Any
) -> None:
    panel = RestorePanel(PublicOnlyProxy(viewer))
    viewer.window.add_dock_widget(panel, name="Restore")
    with qtbot.waitSignal(panel.finished, timeout=15_000):
        click(qtbot, panel, "Start")
    assert names(viewer) == ["cells", "cells · Total variation", "cells · Noise2Self"]
    click(qtbot, panel, "Side by side")
    assert [la.visible for la in viewer.layers] == [True] * 3
