"""3 · Noise: what is known of it, or what the recording itself tells."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from ... import registry
from ...recipe import Part
from ..correlation_map import CorrelationMap
from ..form import Form
from ..look import Note, Picker, Section, row, tip
from ..memory import Memory
from ..noise_plot import NoisePlot
from ..noise_probe import Measured


class NoiseSection(Section):
    """Picks a noise model, measures the noise, and sets what is recommended."""

    changed = Signal()
    wanted = Signal()
    dark_changed = Signal()
    adopted = Signal(object)

    def __init__(self) -> None:
        super().__init__("3  Noise")
        self._picker = Picker()
        self._picker.setAccessibleName("Noise")
        tip(self._picker, "What is known of the noise. If in doubt, leave it as it is.")
        self._words = Note("dim")
        self._form: Form | None = None
        self._loaded = False
        self._found: Measured | None = None
        self.measure = QPushButton("Measure noise")
        tip(
            self.measure,
            "Find gain, read noise and whether neighbouring pixels are independent, from the "
            "image itself; pixels marked as unusable under “Beyond blur” are left out. Takes a second "
            "or two and changes nothing.",
        )
        self.adopt = QPushButton("Use this")
        tip(self.adopt, "Set the noise model and the method that the measurement recommends.")
        self.report = Note()
        self.advice = Note("dim")
        self.plot = NoisePlot()
        self.neighbours = CorrelationMap()
        self._pictures = _side_by_side(self.plot, self.neighbours)
        self._dark = QLineEdit()
        self._dark.setPlaceholderText("none (optional)")
        self._dark.setClearButtonEnabled(True)
        self._browse = QPushButton("Browse…")
        self._browse.setFixedWidth(70)
        dark = row(
            "Dark frames",
            self._dark,
            self._browse,
            tooltip="A file of frames taken without light, with the same camera settings: the "
            "best source of offset and read noise.",
        )
        for entry in registry.entries("noise").values():
            self._picker.addItem(entry.label, entry.name)
            self._picker.setItemData(self._picker.count() - 1, f"<qt>{entry.summary}</qt>", 3)
        buttons = _side_by_side(self.measure, self.adopt)
        for widget in (
            self._picker,
            self._words,
            dark,
            buttons,
            self.report,
            self._pictures,
            self.advice,
        ):
            self.body.addWidget(widget)
        self._browse.clicked.connect(self._ask_file)
        self._dark.textChanged.connect(lambda *_: self.dark_changed.emit())
        self._picker.currentIndexChanged.connect(self._edited)
        self.measure.clicked.connect(self._measure)
        self.adopt.clicked.connect(self._adopt)
        self.forget()
        self._edited()

    @property
    def name(self) -> str:
        """The model's name in the registry."""
        return self._picker.currentData() or "independent"

    @property
    def dark(self) -> str:
        """Path of the dark frames; empty for none."""
        return self._dark.text().strip()

    def value(self) -> Part:
        """The choice, frozen."""
        return Part(name=self.name, params=self._form.params() if self._form else {})

    def take(self, part: Part) -> None:
        """Show the noise model of a recipe; loads its class."""
        self._picker.choose(part.name)
        if not self._loaded:
            self.show_parameters()
        if self._form is not None:
            self._form.reset(part.params)

    def remember(self, memory: Memory) -> None:
        """Keep the choice for the next session."""
        memory.put("noise", self.name)

    def recall(self, memory: Memory) -> None:
        """Show the choice of the last session."""
        self._picker.choose(memory.get("noise", self.name))

    def show_parameters(self) -> None:
        """Build the model's form; loads its class."""
        self._loaded = True
        if self._form is not None:
            self.body.removeWidget(self._form)
            self._form.deleteLater()
            self._form = None
        entry = registry.entries("noise").get(self.name)
        if entry is not None:
            form = Form(entry.load().model_fields, entry.params)
            if len(form):
                form.changed.connect(self.changed)
                self.body.insertWidget(2, form)
                self._form = form
            else:
                form.deleteLater()

    def forget(self, words: str = "") -> None:
        """What was measured is not of this recording, or holds no more: say so in ``words``."""
        self._found = None
        self.measure.setEnabled(True)
        self.adopt.setEnabled(False)
        self._pictures.hide()
        self.report.say(words)
        self.advice.say("")

    def show_measured(self, found: Measured) -> None:
        """Numbers, picture and advice."""
        self._found = found
        self.measure.setEnabled(True)
        report = found.report
        self.report.say(report.sentence)
        self.advice.say(found.advice)
        means, variances = report.points.means, report.points.variances
        self._pictures.setVisible(len(means) > 1)
        self.neighbours.show_measurement(report.autocorrelation)
        if len(means) > 1:
            floor = report.read_noise**2
            self.plot.show_measurement(means, variances, report.gain, floor, report.offset)
        self.adopt.setEnabled(found.noise.name in registry.entries("noise"))

    def show_refused(self, sentence: str) -> None:
        """Why it could not be measured."""
        self.forget(sentence)

    def _measure(self) -> None:
        self.measure.setEnabled(False)
        self.report.say("Measuring …")
        self.wanted.emit()

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Open dark frames", self.dark, "Images (*.tif *.tiff *.npy);;All files (*)"
        )
        if path:
            self._dark.setText(path)

    def _adopt(self) -> None:
        if self._found is None:
            return
        self._picker.choose(self._found.noise.name)
        if self._loaded:
            self.show_parameters()  # numbers that were typed before are not part of the advice
        if self._form is not None:
            self._form.set(self._found.noise.params)
        self.adopted.emit(self._found)

    def _edited(self, *_: object) -> None:
        entry = registry.entries("noise").get(self.name)
        self._words.say(entry.summary if entry else "")
        self.summarise(entry.label if entry else "")
        if self._loaded:
            self.show_parameters()
        self.changed.emit()


def _side_by_side(*widgets: QWidget) -> QWidget:
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return line
