"""5 · Effort and place: how long, where, on what device; the estimate; advanced parameters."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton

from ... import registry
from ...recipe import Part, Recipe, Term
from ..form import Form
from ..further_terms import FurtherTerms
from ..look import Note, Picker, Section, row, tip
from ..memory import Memory
from ..network_choice import NetworkChoice
from ..start_choice import StartChoice

_EFFORTS = {
    "quick": ("Quick", "A first look."),
    "balanced": ("Balanced", "The usual choice."),
    "thorough": ("Thorough", "For the final figure: slower, and better on fine detail."),
}
_STEPS = (
    "How many steps are spent at most. "
    "Training ends earlier when the held-out error no longer falls."
)
_PLACES = {
    "all": ("Whole image", "Restore everything."),
    "drawn": ("Drawn rectangle", "Try it on a rectangle of a shapes layer, the one drawn last."),
    "view": ("Current view", "Try it on what the canvas shows now."),
}
_DEVICES = {
    "auto": "Automatic",
    "cpu": "CPU",
    "cuda": "NVIDIA GPU (CUDA)",
    "mps": "Apple GPU (MPS)",
}

#: Fields of the recipe itself that stand among the advanced ones.
_RESULT = {"nonnegative", "seed"}


class EffortSection(Section):
    """Effort, region, device and the estimate; advanced parameters folded away."""

    changed = Signal()
    draw = Signal()
    unfolded = Signal()

    def __init__(self) -> None:
        super().__init__("5  Effort and place")
        self._effort, self._where, self._device = Picker(), Picker(), Picker()
        for picker, choices in ((self._effort, _EFFORTS), (self._where, _PLACES)):
            for key, (words, more) in choices.items():
                picker.addItem(words, key)
                picker.setItemData(picker.count() - 1, f"<qt>{more}</qt>", 3)
        for key, words in _DEVICES.items():
            self._device.addItem(words, key)
        self._effort.choose("balanced")
        self.start = StartChoice()
        self._draw = QPushButton("Draw")
        self._draw.setFixedWidth(56)
        tip(self._draw, "Add a layer to draw on: drag a rectangle over the image.")
        self._estimate = Note("dim")
        self._advanced = Section("Advanced", expanded=False)
        self._ready = False
        self._forms: dict[str, Form] = {}
        self.terms = FurtherTerms()
        self.terms.setParent(self)
        self._network: NetworkChoice | None = None
        self._kept: dict[str, dict[str, Any]] = {}
        self._shown = ""
        self.body.addWidget(row("Effort", self._effort, tooltip=_STEPS))
        self.body.addWidget(self.start)
        self.body.addWidget(
            row(
                "Where",
                self._where,
                self._draw,
                tooltip="Try it on a region first; "
                "“Apply to all” then restores the whole image with what was learned.",
            )
        )
        self.body.addWidget(row("Device", self._device, tooltip="Where the computing is done."))
        self.body.addWidget(self._estimate)
        self.body.addWidget(self._advanced)
        for picker in (self._effort, self._where, self._device):
            picker.currentIndexChanged.connect(self._edited)
        self.start.changed.connect(self._edited)
        self._draw.clicked.connect(self.draw)
        self._advanced.toggled.connect(lambda on: on and self.unfolded.emit())
        self.terms.hide()
        self.terms.changed.connect(self.changed)
        self._edited()

    # --- what the user chose -------------------------------------------------------------

    @property
    def where(self) -> str:
        """``all``, ``drawn`` or ``view``."""
        return self._where.currentData()

    def choose_where(self, where: str) -> None:
        """Show another place."""
        self._where.choose(where)

    def recipe_fields(self, method: str) -> dict[str, Any]:
        """The fields of the recipe that stand in this section."""
        general = self._params("general")
        baseline = method in registry.entries("baseline")
        terms = [Term(name=method, params=self._params("method"))]
        if not baseline:
            terms += self.terms.terms
        return {
            "method": tuple(terms),
            "network": self._network.part
            if self._network and self._shown == method
            else Part(name=registry.network_for(method)),
            "training": {} if baseline else {**self._params("training"), **self.start.training},
            "effort": self._effort.currentData(),
            "device": self._device.currentData(),
            **general,
        }

    def say_estimate(self, words: str) -> None:
        """Time, memory and device, or that they are being worked out."""
        self._estimate.say(words)

    def remember(self, memory: Memory) -> None:
        """Keep the choices for the next session; the region is not one of them."""
        memory.put("effort", self._effort.currentData())
        memory.put("device", self._device.currentData())
        memory.put("advanced", self._advanced.isExpanded())

    def recall(self, memory: Memory) -> None:
        """Show the choices of the last session."""
        self._effort.choose(memory.get("effort", "balanced"))
        self._device.choose(memory.get("device", "auto"))

    def take(self, recipe: Recipe, method: str, physics: str, noise: str) -> list[str]:
        """Show what a recipe says of this, where ``method`` is the one that the panel shows.

        Loads classes. What is advanced is unfolded if it is not as usual. Sentences on what is gone.
        """
        self._effort.choose(recipe.effort)
        self._device.choose(recipe.device)
        self.start.suit(method)
        self.show_method(method, physics, noise)
        first, *further = recipe.method
        said: dict[str, dict[str, Any]] = {"general": recipe.model_dump(include=_RESULT)}
        gone = ""
        if method == first.name:
            said["method"] = first.params
        if not recipe.is_baseline:
            training = dict(recipe.training)
            start, untrained = training.pop("start", None), training.get("steps") == 0
            gone = self.start.take(start, as_it_is=start is not None and untrained)
            if self.start.as_it_is:
                training.pop("steps")
            said["training"] = training
            self.terms.reset({term.name: term.weight / first.weight for term in further})
            if self._network is not None:
                self._network.set(recipe.network.name, recipe.network.params)
        for key, form in self._forms.items():
            form.reset(said.get(key, {}))
        usual = Part(name=registry.network_for(method))
        network = self._network.part if self._network is not None else usual
        unusual = any(form.params() for form in self._forms.values()) or further or network != usual
        if unusual and not self._advanced.isExpanded():
            self._advanced.expand()
        return [gone] if gone else []

    # --- advanced parameters -------------------------------------------------------------

    @property
    def wants_forms(self) -> bool:
        """Whether the advanced parameters are unfolded, or count as they were left."""
        return self._advanced.isExpanded() or bool(self._shown)

    def show_method(self, method: str, physics: str, noise: str) -> None:
        """Build the forms of a method; loads its class, so call it when torch is there."""
        if method != self._shown:
            self._build(method)
        self.suit(physics, noise)

    def suit(self, physics: str, noise: str) -> None:
        """Grey what does not go with these among what is shown."""
        self.terms.suit(physics, noise)
        if self._network is not None:
            self._network.suit(physics, noise)

    def _build(self, method: str) -> None:
        if self._shown:
            self._kept[self._shown] = self._params("method")
        self._shown = method
        self._clear()
        entry = registry.methods().get(method)
        if entry is None:
            return
        self._add("method", entry.label, Form(entry.load().model_fields, entry.params))
        if "method" in self._forms:  # some have no parameters
            self._forms["method"].set(self._kept.get(method, {}))
        if entry.kind == "loss":
            from ...training.settings import Training

            self._add("training", "Training", Form(Training.model_fields))
            self._network = NetworkChoice(method)
            self._network.changed.connect(self.changed)
            self._advanced.body.addWidget(self._network)
            self._advanced.body.addWidget(self.terms)
            self.terms.show()
        fields = {name: info for name, info in Recipe.model_fields.items() if name in _RESULT}
        self._add("general", "Result", Form(fields))

    def _add(self, key: str, title: str, form: Form) -> None:
        if not len(form):
            form.deleteLater()
            return
        heading = Note("dim", title)
        self._advanced.body.addWidget(heading)
        self._advanced.body.addWidget(form)
        form.changed.connect(self.changed)
        self._forms[key] = form

    def _clear(self) -> None:
        self._forms.clear()
        self._network = None
        while (item := self._advanced.body.takeAt(0)) is not None:
            if item.widget() is not None:
                item.widget().hide()
                if item.widget() is not self.terms:  # kept, with what is ticked
                    item.widget().deleteLater()

    def _params(self, key: str) -> dict[str, Any]:
        return self._forms[key].params() if key in self._forms else {}

    def _edited(self, *_: object) -> None:
        self._draw.setVisible(self.where == "drawn")
        as_it_is = self.start.as_it_is
        self._effort.setEnabled(not as_it_is)
        tip(
            self._effort,
            "Nothing is trained: the start is applied as it is." if as_it_is else _STEPS,
        )
        effort = "without training" if as_it_is else self._effort.currentText().lower()
        self.summarise(f"{effort}, {self._where.currentText().lower()}")
        self.changed.emit()
