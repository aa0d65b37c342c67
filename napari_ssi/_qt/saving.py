"""The Save buttons: a result as OME-TIFF, or what was learned; away from the window's thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QFileDialog, QInputDialog, QWidget

from ..errors import InputError
from ..restoration import Restoration
from .worker import Worker, call

log = logging.getLogger("napari_ssi")


class Saving(QObject):
    """Asks which result and where, and writes it; one at a time."""

    begun = Signal()
    saved = Signal(str)
    failed = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._worker: Worker | None = None

    def ask(self, restorations: Mapping[str, Restoration]) -> None:
        """Let the user choose a result, where there are several, and a file."""
        widget = self.parent()
        labels = list(restorations)
        if not labels:
            return
        label = labels[-1]
        if len(labels) > 1:
            label, sure = QInputDialog.getItem(
                widget, "Save", "Which result?", labels, len(labels) - 1, False
            )
            if not sure:
                return
        name = f"{restorations[label].source.name} {label}.ome.tif".replace("/", "-")
        path, _ = QFileDialog.getSaveFileName(
            widget, "Save as OME-TIFF", name, "OME-TIFF (*.ome.tif *.ome.tiff)"
        )
        if path:
            self.save(restorations[label], path)

    def ask_model(self, restoration: Restoration | None) -> None:
        """Let the user choose a file for what was learned, if anything was."""
        if restoration is None:
            return
        name = f"{restoration.source.name} {restoration.recipe.label}.pt".replace("/", "-")
        path, _ = QFileDialog.getSaveFileName(
            self.parent(), "Save the model", name, "Models (*.pt)"
        )
        if path:
            self.save_model(restoration, path)

    def save(self, restoration: Restoration, path: str | Path) -> None:
        """Write one; ends with ``saved`` or ``failed``."""

        def work() -> Path:
            from .. import io

            return io.write(restoration, Path(path))

        self._write(work)

    def save_model(self, restoration: Restoration, path: str | Path) -> None:
        """Write what was learned; ends with ``saved`` or ``failed``."""

        def work() -> Path:
            from .. import saved_models

            return saved_models.save_model(restoration, path)

        self._write(work)

    def _write(self, work: Callable[[], Path]) -> None:
        if self._worker is not None:
            return
        self._worker = call(work)
        self._worker.returned.connect(self._returned)
        self._worker.errored.connect(self._errored)
        self.begun.emit()
        self._worker.start()

    def _returned(self, path: Path) -> None:
        self._worker = None
        self.saved.emit(f"Saved as {path}.")

    def _errored(self, error: Exception) -> None:
        self._worker = None
        if not isinstance(error, InputError):
            log.error("Saving failed", exc_info=error)
        self.failed.emit(str(error))
