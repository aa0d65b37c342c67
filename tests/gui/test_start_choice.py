"""A model saved, chosen as the start, and applied, by clicks as a user makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QPushButton

from napari_ssi import ImageStack, Recipe, Restoration, run, save_model
from napari_ssi._qt.resolve import apply_to_all
from napari_ssi._qt.restore_panel import RestorePanel

SMALL = {"name": "unet", "params": {"channels": 4, "depth": 1}}
TRAINING = {"steps": 2, "patch": (16, 16), "batch": 1}


def recording(seed: int, shape: tuple[int, ...] = (40, 44)) -> np.ndarray:
    return np.random.default_rng(seed).poisson(20, shape).astype(np.uint16)


@pytest.fixture(scope="module")
def learned() -> Restoration:
    """By Noise2Self on planes."""
    recipe = Recipe.create(method="noise2self", network=SMALL, training=TRAINING)
    return run(recipe, ImageStack(recording(0), "YX"))


@pytest.fixture(scope="module")
def model(learned: Restoration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a file."""
    return save_model(learned, tmp_path_factory.mktemp("m") / "monday.pt")


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """What the user answers to the next file dialogs; "" cancels."""

    def answers(path: object) -> None:
        for name in ("getOpenFileName", "getSaveFileName"):
            monkeypatch.setattr(QFileDialog, name, lambda *a, **k: (str(path), ""))

    return answers


def click(qtbot: Any, panel: Any, text: str) -> None:
    button = next(b for b in panel.run.findChildren(QPushButton) if b.text() == text)
    assert button.isEnabled() and button.isVisibleTo(panel), text
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def pick(qtbot: Any, picker: QComboBox, text: str) -> None:
    """Open the list and click the entry; open it again where a run that ends has closed it."""
    taken: list[int] = []
    picker.activated.connect(taken.append)
    view = picker.view()
    for _ in range(3):
        picker.showPopup()
        at = picker.model().index(picker.findText(text), 0)
        assert at.isValid(), text
        qtbot.waitUntil(view.isVisible)
        qtbot.wait(PAUSE)
        if view.isVisible():
            place = view.visualRect(at).center()
            qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
            qtbot.waitUntil(lambda: not view.isVisible())
        if taken:
            break
    picker.activated.disconnect(taken.append)
    assert taken == [at.row()], text


#: A popup takes no click before this time, in milliseconds, as it may be that which opened it.
PAUSE = 250


def start(panel: Any) -> Any:
    return panel.effort.start


def tick(qtbot: Any, panel: Any) -> None:
    box = start(panel)._as_it_is
    assert box.isVisibleTo(panel)
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))


def read(qtbot: Any, panel: Any) -> str:
    """What is said of the file, once it has been read."""
    choice = start(panel)
    qtbot.waitUntil(lambda: choice._worker is None, timeout=15_000)
    return str(choice._problem.text() or choice._words.text())


def test_a_file_is_chosen_and_applied(
    panel: Any, engine: Any, cells: Any, model: Path, answer: Any, qtbot: Any
) -> None:
    panel.method._baselines.setChecked(False)
    assert start(panel).training == {}
    assert not start(panel)._as_it_is.isVisibleTo(panel)
    answer(model)
    pick(qtbot, start(panel)._picker, "A saved model…")
    assert read(qtbot, panel) == "Noise2Self · No blur (denoise only) · planes"
    assert start(panel)._picker.currentText() == "monday.pt"
    assert panel.effort._effort.isEnabled()
    tick(qtbot, panel)
    assert not panel.effort._effort.isEnabled()
    assert "applied as it is" in panel.effort._effort.toolTip()
    wanted = {"steps": 0, "start": {"path": str(model)}}
    assert panel.plan().main.recipe.training == wanted
    with qtbot.waitSignal(panel.finished, timeout=15_000):
        click(qtbot, panel, "Start")
    assert engine.seen[0][0].training == wanted
    assert engine.starts == [None]
    pick(qtbot, start(panel)._picker, "Nothing")
    assert panel.plan().main.recipe.training == {}
    assert panel.effort._effort.isEnabled()
    assert not start(panel)._as_it_is.isVisibleTo(panel)
    pick(qtbot, start(panel)._picker, "monday.pt")  # still there, and how it was to be used
    assert panel.plan().main.recipe.training == wanted


def test_a_dialog_that_is_cancelled_and_a_wrong_file_change_nothing(
    panel: Any, cells: Any, model: Path, answer: Any, tmp_path: Path, qtbot: Any
) -> None:
    choice = start(panel)
    answer("")
    pick(qtbot, choice._picker, "A saved model…")
    assert choice._picker.currentText() == "Nothing"
    other = tmp_path / "notes.pt"
    other.write_text("not a model")
    answer(other)
    pick(qtbot, choice._picker, "A saved model…")
    assert "notes.pt is not a model that was saved here" in read(qtbot, panel)
    assert choice._problem.isVisibleTo(panel)
    assert choice._picker.currentText() == "Nothing"
    assert choice._picker.findText("notes.pt") < 0
    answer(model)
    pick(qtbot, choice._picker, "A saved model…")
    assert "Noise2Self" in read(qtbot, panel)
    answer(other)
    pick(qtbot, choice._picker, "A saved model…")
    assert "not a model" in read(qtbot, panel)
    assert choice._picker.currentText() == "monday.pt"
    assert choice.training == {"start": {"path": str(model)}}
    assert "Noise2Self" in choice._words.text()
    answer("")
    pick(qtbot, choice._picker, "A saved model…")
    assert choice._picker.currentText() == "monday.pt"
    pick(qtbot, choice._picker, "Nothing")  # while another is being read: the last choice counts
    assert not choice._problem.isVisibleTo(panel)
    choice.open(other)
    pick(qtbot, choice._picker, "Nothing")
    qtbot.wait(300)
    assert not choice._problem.isVisibleTo(panel)
    assert choice.training == {}


def test_a_file_that_is_gone_is_refused_before_anything_is_run(
    viewer: Any, panel: Any, engine: Any, cells: Any, model: Path, tmp_path: Path, qtbot: Any
) -> None:
    copy = tmp_path / "copy.pt"
    copy.write_bytes(model.read_bytes())
    start(panel).open(copy)
    read(qtbot, panel)
    copy.unlink()
    with qtbot.waitSignal(panel.failed, timeout=15_000) as signal:
        click(qtbot, panel, "Start")
    assert signal.args == [f"There is no model {copy}; check the spelling and the folder."]
    assert panel.run.problem.text() == signal.args[0]
    assert panel.run.state == "idle"
    assert engine.seen == []  # not the classical methods either
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert start(panel).training == {"start": {"path": str(copy)}}


def test_the_last_result_is_offered_once_there_is_one(
    viewer: Any, panel: Any, engine: Any, cells: Any, learned: Restoration, qtbot: Any
) -> None:
    engine.models = learned.models
    choice, picker = start(panel), start(panel)._picker
    item = picker.model().item(picker.findText("The last result"))
    assert not item.isEnabled()
    assert "Nothing has been learned" in item.toolTip()
    assert not panel.run._save_model.isVisibleTo(panel)
    panel.method._baselines.setChecked(False)
    with qtbot.waitSignal(panel.finished, timeout=15_000) as signal:
        click(qtbot, panel, "Start")
    assert item.isEnabled()
    assert "Noise2Self has learned of cells" in item.toolTip()
    pick(qtbot, picker, "The last result")
    tick(qtbot, panel)
    with qtbot.waitSignal(panel.finished, timeout=15_000) as signal:
        click(qtbot, panel, "Start")
    assert engine.starts == [None, learned.models]
    assert engine.seen[1][0].training == {"steps": 0}

    # applied to all after a try, what was started from is still in the recipe
    plan = panel.plan()
    said = plan.main.recipe.with_settings({"training.start.sha256": '"ab"'})
    whole = apply_to_all(plan, replace(signal.args[0], recipe=said))
    assert whole.main.recipe.training == {"steps": 0, "start": {"sha256": "ab"}}

    panel.method.choose("total_variation")
    assert not picker.isEnabled()
    assert "Total variation is a classical method" in picker.toolTip()
    assert panel.effort._effort.isEnabled()
    with qtbot.waitSignal(panel.finished, timeout=15_000):
        click(qtbot, panel, "Start")
    assert engine.starts[2:] == [None]
    assert panel.session.last_learned is signal.args[0]  # a classical one is none to start from
    panel.method.choose("noise2self")
    assert picker.isEnabled() and choice.as_it_is

    engine.steps = (100_000,)
    pick(qtbot, picker, "Nothing")
    click(qtbot, panel, "Start")
    click(qtbot, panel, "Cancel")
    qtbot.waitUntil(lambda: panel.session.job is None, timeout=5000)
    assert panel.session.last_learned is signal.args[0]
    assert panel.run._save_model.isVisibleTo(panel)


def test_saved_by_one_panel_and_applied_by_another_as_from_python(
    make_napari_viewer: Any, answer: Any, tmp_path: Path, qtbot: Any
) -> None:
    """With the real engine: no step is made, and the result is that of ``run``."""
    viewer = make_napari_viewer()
    viewer.add_image(recording(0), name="one")
    panel = RestorePanel(viewer)
    viewer.window.add_dock_widget(panel)
    panel.method._baselines.setChecked(False)
    qtbot.waitUntil(lambda: panel._torch_ready, timeout=30_000)
    panel.effort._advanced.expand()
    panel.effort._forms["training"].set(TRAINING)
    panel.effort._network.set("unet", SMALL["params"])
    with qtbot.waitSignal(panel.finished, timeout=60_000):
        click(qtbot, panel, "Start")
    answer("")
    click(qtbot, panel, "Save model…")  # and changes the mind
    path = tmp_path / "one.pt"
    answer(path)
    with qtbot.waitSignal(panel._saving.saved, timeout=30_000):
        click(qtbot, panel, "Save model…")
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".pt"] == ["one.pt"]

    panel.set_image(viewer.add_image(recording(1), name="two"))
    pick(qtbot, start(panel)._picker, "A saved model…")
    assert "Noise2Self" in read(qtbot, panel)
    tick(qtbot, panel)
    with qtbot.waitSignal(panel.finished, timeout=60_000) as signal:
        click(qtbot, panel, "Start")
    result = signal.args[0]
    assert result.estimates["steps"] == 0
    assert "applied as it is" in panel.run.notes.text()
    assert result.recipe.training["start"]["path"] == str(path)
    stack = ImageStack(recording(1), "YX")
    again = run(Recipe.from_json(result.recipe.to_json()), stack)
    np.testing.assert_allclose(again.image, result.image, rtol=1e-5)

    # what does not fit is said before Start
    volume = viewer.add_image(recording(2, (4, 24, 24)), name="volume", axis_labels=("z", "y", "x"))
    panel.set_image(volume)
    estimate = panel.effort._estimate
    qtbot.waitUntil(lambda: "restores planes" in estimate.text(), timeout=30_000)
    with qtbot.waitSignal(panel.failed, timeout=60_000) as signal:
        click(qtbot, panel, "Start")
    assert "restores planes" in signal.args[0]
    assert [layer.name for layer in viewer.layers] == [
        "one",
        "one · Noise2Self",
        "two",
        "two · Noise2Self",
        "volume",
    ]
