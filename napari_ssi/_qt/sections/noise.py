"""3 · Noise: what is known of it, from the registry."""

from __future__ import annotations

from qtpy.QtCore import Signal

from ... import registry
from ...recipe import Part
from ..form import Form
from ..look import Note, Picker, Section, tip
from ..memory import Memory


class NoiseSection(Section):
    """Picks a noise model; models join by being in the registry."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__("3  Noise")
        self._picker = Picker()
        self._picker.setAccessibleName("Noise")
        tip(self._picker, "What is known of the noise. If in doubt, leave it as it is.")
        self._words = Note("dim")
        self._form: Form | None = None
        for entry in registry.entries("noise").values():
            self._picker.addItem(entry.label, entry.name)
            self._picker.setItemData(self._picker.count() - 1, f"<qt>{entry.summary}</qt>", 3)
        self.body.addWidget(self._picker)
        self.body.addWidget(self._words)
        self._picker.currentIndexChanged.connect(self._edited)
        self._edited()

    @property
    def name(self) -> str:
        """The model's name in the registry."""
        return self._picker.currentData() or "independent"

    def value(self) -> Part:
        """The choice, frozen."""
        return Part(name=self.name, params=self._form.params() if self._form else {})

    def remember(self, memory: Memory) -> None:
        """Keep the choice for the next session."""
        memory.put("noise", self.name)

    def recall(self, memory: Memory) -> None:
        """Show the choice of the last session."""
        self._picker.choose(memory.get("noise", self.name))

    def show_parameters(self) -> None:
        """Build the model's form; loads its class."""
        if self._form is not None:
            self._form.deleteLater()
            self._form = None
        entry = registry.entries("noise").get(self.name)
        if entry is not None:
            form = Form(entry.load().model_fields, entry.params)
            if len(form):
                form.changed.connect(self.changed)
                self.body.addWidget(form)
                self._form = form
            else:
                form.deleteLater()

    def _edited(self, *_: object) -> None:
        entry = registry.entries("noise").get(self.name)
        self._words.say(entry.summary if entry else "")
        self.summarise(entry.label if entry else "")
        self.changed.emit()
