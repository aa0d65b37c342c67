"""Further terms beside a method's loss, each with its weight."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from .. import registry
from ..recipe import Term
from .fields import NumberBox
from .look import Note, row, tip


class FurtherTerms(QWidget):
    """A box and a weight for each optional term of a loss; :meth:`suit` greys what does not fit."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._entries = {n: e for n, e in registry.entries("loss").items() if e.role == "term"}
        self._lines: dict[str, tuple[QCheckBox, NumberBox]] = {}
        self._wanted: set[str] = set()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(Note("dim", "Further terms"))
        for name, entry in self._entries.items():
            box, weight = QCheckBox(entry.label), NumberBox(0, 1e6)
            weight.setValue(0.01)
            weight.setEnabled(False)
            weight.setPrefix("weight ")
            tip(weight, "Weight of this term beside the data term.")
            box.clicked.connect(lambda on, name=name: self.choose(name, on))
            weight.valueChanged.connect(self.changed)
            layout.addWidget(row("", box, weight))
            self._lines[name] = (box, weight)
        self.suit("denoising", "independent")

    @property
    def terms(self) -> list[Term]:
        """Those chosen, for the recipe."""
        return [
            Term(name=name, weight=weight.value())
            for name, (box, weight) in self._lines.items()
            if box.isChecked()
        ]

    def choose(self, name: str, on: bool = True, weight: float | None = None) -> None:
        """Take a term or not; one that does not fit now is taken as soon as it does."""
        (self._wanted.add if on else self._wanted.discard)(name)
        box, number = self._lines[name]
        if weight is not None:
            number.setValue(weight)
        self._tick(box, number, on and box.isEnabled())
        self.changed.emit()

    def reset(self, weights: Mapping[str, float]) -> None:
        """Take the terms with these weights, and no others."""
        for name in self._lines:
            self.choose(name, name in weights, weights.get(name))

    def suit(self, physics: str, noise: str) -> None:
        """Grey and leave out what does not go with these, with the reason as tooltip."""
        for name, (box, weight) in self._lines.items():
            entry = self._entries[name]
            reason = entry.refusal(physics=physics, noise=noise)
            box.setEnabled(not reason)
            tip(box, reason or f"{entry.summary} {entry.when}")
            self._tick(box, weight, not reason and name in self._wanted)

    def _tick(self, box: QCheckBox, weight: NumberBox, on: bool) -> None:
        box.setChecked(on)
        weight.setEnabled(on)
