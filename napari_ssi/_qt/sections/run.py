"""6 · Run: start, pause, stop, cancel; progress, the plot, the snapshots, the results."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from ..look import Note, Section, row, tip
from ..loss_plot import LossPlot
from ..preview import Snapshot

#: idle → running ⇄ paused → stopping → idle; cancelling → idle from any of them.
STATES = ("idle", "running", "paused", "stopping", "cancelling")


class RunSection(QFrame):
    """Stands below the other sections and is always in sight."""

    start = Signal()
    pause = Signal(bool)
    stop = Signal()
    cancel = Signal()
    compare = Signal(bool)
    apply = Signal()
    save = Signal()
    save_model = Signal()
    keep = Signal(object)
    looked_back = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.state = "idle"
        self._snapshots: list[Snapshot] = []
        self.problem = Note("error")
        self.notes = Note("warning")
        self.status = Note()
        self._start = self._button("Start", "Restore with these settings.")
        self._start.setObjectName("start")
        self._pause = self._button("Pause", "Hold, and go on later.")
        self._stop = self._button(
            "Stop and keep", "End the training now and restore with the best so far."
        )
        self._cancel = self._button("Cancel", "End now and keep nothing.")
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._bar.setAccessibleName("Progress")
        self.plot = LossPlot()
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName("Snapshots")
        tip(self._slider, "Look back over the previews of this run; at the right end it is live.")
        self._when = QElidingLabel()
        self._keep = self._button(
            "Keep this one", "Make a layer of the snapshot shown (this plane only)."
        )
        self._live = Section("Live", expanded=True)
        self._live.body.setContentsMargins(0, 0, 0, 0)
        self._live.body.addWidget(self.plot)
        self._look_back = QWidget()
        looking = QVBoxLayout(self._look_back)
        looking.setContentsMargins(0, 0, 0, 0)
        looking.setSpacing(3)
        looking.addWidget(row("Snapshots", self._slider))
        looking.addWidget(row("", self._when, self._keep))
        self._when.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._keep.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._live.body.addWidget(self._look_back)
        self._compare = self._button(
            "Side by side",
            "The input and all results beside each other, "
            "with one contrast and moving together; click again to return.",
        )
        self._compare.setCheckable(True)
        self._apply = self._button(
            "Apply to all", "Restore the whole image with what was learned on the region."
        )
        self._save = self._button(
            "Save…", "Save a result as OME-TIFF, with pixel size and recipe inside."
        )
        self._save_model = self._button(
            "Save model…",
            "Keep the network that was trained last in a file, to start from it, or apply it, on "
            "other recordings.",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 8)
        layout.setSpacing(6)
        for widget in (self.problem, self.notes, self._live):
            layout.addWidget(widget)
        self._after = QWidget()
        after = QVBoxLayout(self._after)
        after.setContentsMargins(0, 0, 0, 0)
        after.setSpacing(5)
        after.addWidget(self._apply)
        after.addWidget(self._line(self._compare, self._save, self._save_model))
        layout.addWidget(self._after)
        layout.addWidget(self.status)
        layout.addWidget(self._bar)
        layout.addWidget(self._line(self._start, self._pause, self._stop, self._cancel))
        self._start.clicked.connect(lambda: self.start.emit())
        self._pause.clicked.connect(lambda: self.pause.emit(self.state == "running"))
        self._stop.clicked.connect(lambda: self.stop.emit())
        self._cancel.clicked.connect(lambda: self.cancel.emit())
        self._compare.clicked.connect(self.compare)
        self._apply.clicked.connect(lambda: self.apply.emit())
        self._save.clicked.connect(lambda: self.save.emit())
        self._save_model.clicked.connect(lambda: self.save_model.emit())
        self._keep.clicked.connect(self._keep_shown)
        self._slider.valueChanged.connect(self._slid)
        self._live.hide()
        self.set_results(comparable=False, appliable=False, savable=False, learned=False)
        self.set_state("idle")

    # --- state ---------------------------------------------------------------------------

    def set_state(self, state: str, words: str = "") -> None:
        """Show which buttons count now, and say in words what is going on."""
        self.state = state
        idle = state == "idle"
        self._start.setVisible(idle)
        for button in (self._pause, self._stop, self._cancel):
            button.setVisible(not idle)
        self._pause.setEnabled(state in ("running", "paused"))
        self._pause.setText("Resume" if state == "paused" else "Pause")
        self._stop.setEnabled(state in ("running", "paused"))
        self._cancel.setEnabled(state not in ("idle", "cancelling"))
        self._bar.setVisible(not idle)
        self.status.say(words)

    def set_startable(self, startable: bool) -> None:
        """Whether there is something to start."""
        self._start.setEnabled(startable)

    def begin(self) -> None:
        """A new run: empty plot and snapshots."""
        self.plot.reset()
        self.set_snapshots([])
        self.problem.say("")
        self.notes.say("")
        self._bar.setValue(0)

    def show_progress(self, fraction: float, words: str) -> None:
        """The bar, and the words above it."""
        if fraction > 0:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(1000 * fraction))
        else:
            self._bar.setRange(0, 0)  # something goes on, but how far is not known
        self.status.say(words)

    def set_results(
        self, *, comparable: bool, appliable: bool, savable: bool, learned: bool
    ) -> None:
        """Which of the buttons for results make sense."""
        self._compare.setEnabled(comparable)
        self._apply.setVisible(appliable)
        self._save.setEnabled(savable)
        self._save_model.setVisible(learned)
        self._after.setVisible(comparable or appliable or savable or learned)

    def show_comparing(self, on: bool) -> None:
        """Whether “Side by side” is pressed."""
        self._compare.setChecked(on)
        self._compare.setText("Back to one view" if on else "Side by side")

    # --- snapshots -----------------------------------------------------------------------

    @property
    def looking_back(self) -> bool:
        """Whether the slider stands at an earlier snapshot than the latest."""
        return bool(self._snapshots) and self._slider.value() < len(self._snapshots) - 1

    def set_snapshots(self, snapshots: list[Snapshot]) -> None:
        """The previews so far; a slider at the end follows, another stays where it is."""
        shown = self._snapshots[self._slider.value()] if self.looking_back else None
        self._snapshots = list(snapshots)
        at = next((i for i, s in enumerate(snapshots) if s is shown), len(snapshots) - 1)
        self._slider.blockSignals(True)
        self._slider.setRange(0, max(0, len(snapshots) - 1))
        self._slider.setValue(max(0, at))
        self._slider.blockSignals(False)
        self._look_back.setVisible(bool(snapshots))
        self._live.setVisible(bool(snapshots) or self.plot.drawn)
        self._caption()

    def _slid(self, *_: object) -> None:
        self._caption()
        if self._snapshots:
            self.looked_back.emit(self._snapshots[self._slider.value()])

    def _caption(self) -> None:
        if self._snapshots:
            self._when.setText(self._snapshots[self._slider.value()].words)

    def _keep_shown(self) -> None:
        if self._snapshots:
            self.keep.emit(self._snapshots[self._slider.value()])

    @staticmethod
    def _button(text: str, tooltip: str) -> QPushButton:
        button = QPushButton(text)
        button.setMinimumHeight(26)
        tip(button, tooltip)
        return button

    @staticmethod
    def _line(*buttons: QPushButton) -> QWidget:
        line = QWidget()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        for button in buttons:
            layout.addWidget(button)
        return line
