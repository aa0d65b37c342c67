"""The window of ``napari-ssi demo``: a specimen, the Restore panel, training live."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QEventLoop, QSettings, QTimer
from qtpy.QtWidgets import QApplication

from ..errors import InputError
from ..io.atomic import atomically
from ..restoration import Restoration
from .contributions import sample_layers
from .memory import Memory
from .restore_panel import TITLE, RestorePanel

#: Of the window, in pixels: a small laptop's screen.
SIZE = (1440, 880)
#: Seconds after which a run that reports nothing is given up.
PATIENCE = 1800


def open_window(sample: str, effort: str) -> tuple[napari.Viewer, RestorePanel]:
    """A viewer with the specimen's layers and the panel set to deconvolve it."""
    # What the panel remembers of the demo is not to replace what the user chose last.
    elsewhere = tempfile.mkdtemp(prefix="napari-ssi-demo-")
    atexit.register(shutil.rmtree, elsewhere, ignore_errors=True)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, elsewhere)
    memory = Memory()
    memory.put("method", "ssi")
    memory.put("effort", effort)
    viewer = napari.Viewer(title="napari-ssi demo")
    layers = [viewer.add_layer(napari.layers.Layer.create(*data)) for data in sample_layers(sample)]
    panel = RestorePanel(viewer)
    viewer.window.resize(*SIZE)
    viewer.window.add_dock_widget(panel, name=TITLE, area="right")
    recording = next(layer for layer in layers if layer.visible)
    viewer.layers.selection.active = recording
    if viewer.dims.ndim > 2:
        viewer.dims.set_current_step(0, recording.data.shape[0] // 2)
    panel.set_image(recording)
    panel.set_psf_layer(next(layer for layer in layers if layer.name.endswith("PSF")))
    return viewer, panel


def stay(sample: str, effort: str) -> int:
    """Open the window, start training, and leave it to the user."""
    _, panel = open_window(sample, effort)
    QTimer.singleShot(500, panel.start)
    napari.run()
    return 0


def record(
    sample: str, effort: str, screenshot: Path, say: Callable[[str], None]
) -> list[Restoration]:
    """Open the window, train, save a picture of it when done, and close it.

    ``say`` is told now and then what the panel shows. Returns what was restored,
    the panel's method last.

    Raises
    ------
    InputError
        The panel refused or failed, in its own sentence.
    """
    viewer, panel = open_window(sample, effort)
    loop = QEventLoop()
    outcome: list[Any] = []

    def ended(result: Any) -> None:
        outcome.append(result)
        loop.quit()

    panel.finished.connect(ended)
    panel.failed.connect(ended)
    QTimer.singleShot(PATIENCE * 1000, loop.quit)
    telling = QTimer()
    telling.timeout.connect(lambda: say(panel.run.status.text()))
    telling.start(5000)
    panel.start()
    loop.exec_() if hasattr(loop, "exec_") else loop.exec()
    telling.stop()
    restorations = list(panel.session.restorations.values())
    panel.session.side_by_side(True)
    _settle(1.0)
    with atomically(screenshot) as (temporary,):
        _grab(viewer, temporary)
    viewer.close()
    _settle(0.2)
    if not outcome:
        raise InputError(f"The demo did not end within {PATIENCE} s; try --effort quick.")
    if not isinstance(outcome[0], Restoration):
        raise InputError(str(outcome[0]) if outcome[0] else "The run in the window was cancelled.")
    return [r for r in restorations if r is not outcome[0]] + outcome


def _settle(seconds: float) -> None:
    """Let the window draw."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        QApplication.processEvents()
        time.sleep(0.01)


def _grab(viewer: napari.Viewer, path: Path) -> None:
    """The whole window, canvas and panel."""
    from PIL import Image

    picture = viewer.screenshot(canvas_only=False, flash=False)
    Image.fromarray(picture).convert("RGB").save(path, format="PNG")
