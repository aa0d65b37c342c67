"""4 · Method: recommended ones first, impossible ones greyed with the reason."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox

from ... import registry
from ..look import Note, Picker, Section, tip
from ..memory import Memory

#: Run first for comparison, where the physics allows.
BASELINES = ("richardson_lucy", "total_variation")
#: How many methods stand above “More”.
RECOMMENDED = 3


class MethodSection(Section):
    """Picks the method, and whether the classical ones run first."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__("4  Method")
        self._wanted = ""
        self._physics, self._noise = "denoising", "independent"
        self._picker = Picker()
        self._picker.setAccessibleName("Method")
        tip(
            self._picker,
            "How the image is restored. What does not fit the blur and the noise is "
            "greyed out; rest the pointer on it to see why.",
        )
        self._words = Note("dim")
        self._baselines = QCheckBox("Also run the classical baselines first")
        self._baselines.setChecked(True)
        tip(
            self._baselines,
            "Richardson-Lucy and total variation tune themselves and finish within "
            "seconds, so that there is something to compare with.",
        )
        self.body.addWidget(self._picker)
        self.body.addWidget(self._words)
        self.body.addWidget(self._baselines)
        self._picker.activated.connect(self._activated)
        self._picker.currentIndexChanged.connect(self._edited)
        self._baselines.toggled.connect(self._edited)
        self._fill()

    @property
    def name(self) -> str:
        """The method's name in the registry."""
        return self._picker.currentData() or "ssi"

    @property
    def context(self) -> tuple[str, str]:
        """The forward model and the noise model that it has to go with."""
        return self._physics, self._noise

    def baselines(self) -> list[str]:
        """Names of the baselines to run first."""
        if not self._baselines.isChecked():
            return []
        known = registry.entries("baseline")
        return [
            name
            for name in BASELINES
            if name in known
            and name != self.name
            and not known[name].refusal(physics=self._physics, noise=self._noise)
        ]

    def set_context(self, physics: str, noise: str) -> None:
        """Grey out what does not go with this physics and noise."""
        if (physics, noise) != (self._physics, self._noise):
            self._physics, self._noise = physics, noise
            self._fill()

    def remember(self, memory: Memory) -> None:
        """Keep the choice for the next session."""
        memory.put("method", self._wanted or self.name)
        memory.put("baselines", self._baselines.isChecked())

    def recall(self, memory: Memory) -> None:
        """Show the choice of the last session."""
        wanted = memory.get("method", "")
        if wanted in registry.methods():
            self._wanted = wanted
        self._baselines.setChecked(memory.get("baselines", True))
        self._fill()

    def want(self, name: str) -> None:
        """Pick a method; one that is not possible now, as soon as it is."""
        self._wanted = name
        self._fill()

    def choose(self, name: str) -> bool:
        """Pick a method, if it is possible now."""
        if self._picker.choose(name):
            self._wanted = name
            return True
        return False

    def _activated(self, *_: Any) -> None:
        self._wanted = self.name

    def _fill(self) -> None:
        methods = list(registry.methods().values())
        first = [e for e in methods if e.recommended][:RECOMMENDED]
        rest = sorted((e for e in methods if e not in first), key=lambda e: not e.recommended)
        self._picker.blockSignals(True)
        self._picker.clear()
        for entry in first:
            self._add(entry)
        if first and rest:
            self._header("More")
        for entry in rest:
            self._add(entry)
        # The wanted one comes back as soon as it is possible again.
        if not (self._wanted and self._picker.choose(self._wanted)):
            possible = next((e.name for e in (*first, *rest) if self._possible(e)), None)
            self._picker.choose(possible)
        self._picker.blockSignals(False)
        self._edited()

    def _possible(self, entry: registry.Entry) -> bool:
        return not entry.refusal(physics=self._physics, noise=self._noise)

    def _add(self, entry: registry.Entry) -> None:
        self._picker.addItem(entry.label, entry.name)
        at = self._picker.count() - 1
        reason = entry.refusal(physics=self._physics, noise=self._noise)
        words = reason or " ".join(w for w in (entry.summary, entry.when) if w)
        self._picker.setItemData(at, f"<qt>{words}</qt>", Qt.ItemDataRole.ToolTipRole)
        self._picker.model().item(at).setEnabled(not reason)

    def _header(self, text: str) -> None:
        self._picker.insertSeparator(self._picker.count())
        self._picker.addItem(text)
        item = self._picker.model().item(self._picker.count() - 1)
        item.setEnabled(False)

    def _edited(self, *_: object) -> None:
        entry = registry.methods().get(self.name)
        words = entry.summary if entry else ""
        wanted = registry.methods().get(self._wanted)
        if wanted is not None and entry is not None and wanted.name != entry.name:
            reason = wanted.refusal(physics=self._physics, noise=self._noise)
            words = f"{reason} {entry.label} is used instead.\n{words}" if reason else words
        self._words.say(words)
        self._baselines.setVisible(any(n in registry.entries("baseline") for n in BASELINES))
        self.summarise(entry.label if entry else "")
        self.changed.emit()
