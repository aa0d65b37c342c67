"""What a training starts from: nothing, what this session has learned last, or a saved model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QVBoxLayout, QWidget

from .. import registry
from ..errors import InputError
from ..recipe import Recipe
from ..restoration import Restoration
from .look import Note, Picker, row, tip
from .worker import Worker, call

log = logging.getLogger("napari_ssi")

_NOTHING, _LAST, _FILE, _ASK = "", "last", "file", "ask"


class StartChoice(QWidget):
    """A row with the choice, and whether it is only applied; :meth:`suit` it to the method."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._last: Restoration | None = None
        self._path: Path | None = None
        self._sha256 = ""
        self._found = ""
        self._chosen = _NOTHING
        self._before: tuple[str, Path | None, str, str] = (_NOTHING, None, "", "")
        self._worker: Worker | None = None
        self._refusal = ""
        self._picker = Picker()
        self._picker.addItem("Nothing", _NOTHING)
        self._picker.addItem("The last result", _LAST)
        self._picker.addItem("A saved model…", _ASK)
        self._about(_NOTHING, "Train from scratch.")
        self._about(_ASK, "Choose a file that “Save model…” has written.")
        self._words, self._problem = Note("dim"), Note("error")
        self._as_it_is = QCheckBox("Apply it as it is, without training")
        tip(
            self._as_it_is,
            "In the time that a network takes to be applied. Offset, scale and noise are measured on this "
            "recording; it must be of the same kind as the one that was learned from.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self._row = row("Start from", self._picker)
        for widget in (self._row, self._words, self._problem, self._as_it_is):
            layout.addWidget(widget)
        self._picker.activated.connect(lambda *_: self._activated())
        self._as_it_is.toggled.connect(lambda *_: self.changed.emit())
        self.offer(None)
        self.suit("")

    # --- what the user chose -------------------------------------------------------------

    @property
    def as_it_is(self) -> bool:
        """Whether there is a start, and nothing is to be trained."""
        return self._given != _NOTHING and self._as_it_is.isChecked()

    @property
    def models(self) -> tuple[Any, ...]:
        """What is in memory to start from."""
        return self._last.models if self._given == _LAST and self._last else ()

    @property
    def training(self) -> dict[str, Any]:
        """The fields of the recipe's ``training`` that are decided here."""
        fields: dict[str, Any] = {"steps": 0} if self.as_it_is else {}
        if self._given == _FILE:
            fields["start"] = {"path": str(self._path)}
            if self._sha256:
                fields["start"]["sha256"] = self._sha256
        return fields

    @property
    def _given(self) -> str:
        return self._chosen if self._picker.isEnabled() else _NOTHING

    # --- what may be chosen --------------------------------------------------------------

    def suit(self, method: str) -> None:
        """Grey everything where a classical method has no use for it, with the reason."""
        before, classical = self._given, method in registry.entries("baseline")
        label = registry.methods()[method].label if method in registry.methods() else ""
        self._picker.setEnabled(not classical)
        self._refusal = f"{label} is a classical method, which learns nothing to start from."
        self._problem.say("")
        self._show()
        if self._given != before:
            self.changed.emit()

    def offer(self, last: Restoration | None) -> None:
        """Take note of what has been learned last in this session."""
        self._last = last
        words = "Nothing has been learned in this session yet."
        if last is not None:
            words = f"What {last.recipe.label} has learned of {last.source.name}."
        at = self._picker.findData(_LAST)
        self._picker.model().item(at).setEnabled(last is not None)
        self._about(_LAST, words)
        self._show()
        if self._chosen == _LAST:
            self.changed.emit()

    def take(self, start: Mapping[str, Any] | None, *, as_it_is: bool) -> str:
        """Choose what a recipe starts from; a sentence where that is gone, else ``""``."""
        self._as_it_is.setChecked(as_it_is)
        path, known = (start or {}).get("path"), (start or {}).get("sha256")
        if path and Path(path).is_file():
            self.open(path, known or "")
            return ""
        last = start is not None and not path and self._learned(known)
        self._choose(_LAST if last else _NOTHING)
        if start is None or last:
            return ""
        gone = f"in {path}, which is not there" if path else "not saved in a file"
        return f"The model that the recipe starts from is {gone}: “Start from” says Nothing."

    def open(self, path: str | Path, sha256: str = "") -> None:
        """Choose a file; what is wrong with it is said as soon as it is read.

        Weights of another ``sha256``, if one is given, are refused before the run.
        """
        from .. import saved_models

        before = (self._chosen, self._path, self._found, self._sha256)
        self._path, self._found, self._sha256 = Path(path), "Reading …", sha256
        self._choose(_FILE)
        self._before = before
        self._worker = call(lambda: saved_models.load_starts(path))
        self._worker.returned.connect(self._read)
        self._worker.errored.connect(self._unreadable)
        self._worker.start()

    # --- inside --------------------------------------------------------------------------

    def _activated(self) -> None:
        chosen = self._picker.currentData()
        if chosen != _ASK:
            self._choose(chosen)
            return
        self._picker.choose(self._chosen)
        folder = "" if self._path is None else str(self._path.parent)
        path, _ = QFileDialog.getOpenFileName(
            self, "Start from a saved model", folder, "Models (*.pt);;All files (*)"
        )
        if path:
            self.open(path)

    def _choose(self, chosen: str) -> None:
        self._chosen = chosen
        self._forget()
        at = self._picker.findData(_FILE)
        if self._path is not None and at < 0:
            at = self._picker.findData(_ASK)
            self._picker.insertItem(at, "", _FILE)
        if self._path is not None:
            self._picker.setItemText(at, self._path.name)
            self._about(_FILE, str(self._path))
        self._picker.choose(chosen)
        self._problem.say("")
        self._show()
        self.changed.emit()

    def _learned(self, sha256: str | None) -> bool:
        """Whether these weights are what was learned last."""
        from ..saved_models import starts_of
        from ..training import start

        return self._last is not None and sha256 == start.sha256(starts_of(self._last.models))

    def _forget(self) -> None:
        """What is still being read no longer counts."""
        if self._worker is not None:
            self._worker.returned.disconnect(self._read)
            self._worker.errored.disconnect(self._unreadable)
        self._worker = None

    def _read(self, found: tuple[list[Any], Recipe]) -> None:
        self._worker = None
        starts, recipe = found
        words = [recipe.label, registry.find("physics", recipe.physics.name).label]
        words.append("z-stacks" if starts[0].ndim == 3 else "planes")
        words += [f"{len(starts)} channels"] if len(starts) > 1 else []
        self._found = " · ".join(words)
        self._show()

    def _unreadable(self, error: Exception) -> None:
        """Back to what was chosen before."""
        chosen, self._path, self._found, self._sha256 = self._before
        if self._path is None:
            self._picker.removeItem(self._picker.findData(_FILE))
        self._choose(chosen)
        if not isinstance(error, InputError):
            log.error("A model could not be read", exc_info=error)
        self._problem.say(str(error))

    def _show(self) -> None:
        self._as_it_is.setVisible(self._given != _NOTHING)
        self._words.say(self._found if self._given == _FILE else "")
        words = "A network that was trained on a similar recording learns this one in fewer steps."
        if self._given == _FILE:
            words = str(self._path)
        tip(self._picker, words if self._picker.isEnabled() else self._refusal)

    def _about(self, data: str, words: str) -> None:
        at = self._picker.findData(data)
        self._picker.setItemData(at, f"<qt>{escape(words)}</qt>", Qt.ItemDataRole.ToolTipRole)
