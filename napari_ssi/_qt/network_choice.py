"""Which network is trained, and its parameters."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from .. import registry
from ..recipe import Part
from .form import Form
from .look import Picker, row


class NetworkChoice(QWidget):
    """The networks that a method works with, and the form of the one chosen; :meth:`suit` it then."""

    changed = Signal()

    def __init__(self, method: str) -> None:
        super().__init__()
        known = registry.entries("network")
        wanted = registry.methods()[method].network
        self._picker = Picker()
        for name in wanted or known:
            self._picker.addItem(known[name].label, name)
        self._forms: dict[str, Form] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(row("Network", self._picker, tooltip="What is trained."))
        for name in wanted or known:
            form = Form(known[name].load().model_fields)
            form.changed.connect(self.changed)
            self._layout.addWidget(form)
            self._forms[name] = form
        self._picker.choose(registry.network_for(method))
        self._picker.currentIndexChanged.connect(self._chosen)
        self._show_form()

    @property
    def part(self) -> Part:
        """What is chosen, for the recipe."""
        name = self._picker.currentData()
        return Part(name=name, params=self._forms[name].params())

    def set(self, name: str, params: dict[str, Any]) -> None:
        """Show another choice, with the defaults of all other parameters; one not offered is left."""
        if self._picker.choose(name):
            self._forms[name].reset(params)

    def suit(self, physics: str, noise: str) -> None:
        """Grey out what does not go with these, and say why; leave it if it is chosen."""
        for at in range(self._picker.count()):
            entry = registry.find("network", self._picker.itemData(at))
            reason = entry.refusal(physics=physics, noise=noise)
            about = f"<qt>{reason or f'{entry.summary} {entry.when}'}</qt>"
            self._picker.model().item(at).setEnabled(not reason)
            self._picker.setItemData(at, about, Qt.ItemDataRole.ToolTipRole)
        if not self._picker.model().item(self._picker.currentIndex()).isEnabled():
            self._picker.choose("unet")

    def _chosen(self) -> None:
        self._show_form()
        self.changed.emit()

    def _show_form(self) -> None:
        for name, form in self._forms.items():
            form.setVisible(name == self._picker.currentData())
