"""The second panel: a PSF from the optics, beads or the image, or looked at; it ends as a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from ..errors import InputError
from .bead_points import BeadPoints
from .docking import DockPanel, bring_up
from .look import KeepsStill, Note, dim_colour, tip
from .memory import Memory
from .psf_layer import MadePSF, add_beside
from .psf_making import Maker, from_beads, from_optics, inspected
from .psf_report import PsfReport
from .sections.beads import BeadsSection
from .sections.from_image import FromImageSection
from .sections.inspect import InspectSection
from .sections.optics import OpticsSection

if TYPE_CHECKING:
    import napari

#: The width that the panel is made for, in pixels.
WIDTH = 360
TITLE = "Make a PSF"

#: Tab, its tooltip, the button, and what is said meanwhile.
_WAYS = {
    "optics": (
        "From optics",
        "Compute the PSF from what is written on the objective.",
        "Make the PSF",
        "Computing the PSF …",
    ),
    "beads": (
        "From beads",
        "Average single beads of a recording.",
        "Distil the PSF",
        "Finding and averaging beads …",
    ),
    "image": (
        "From image",
        "Estimate the width from the recording itself, as a last resort.",
        "Try the widths",
        "Trying widths …",
    ),
    "inspect": (
        "Inspect",
        "Look at a layer with a PSF: width, sampling, asymmetry, warnings.",
        "Inspect the layer",
        "Measuring the PSF …",
    ),
}


class PsfPanel(DockPanel):
    """Makes a PSF layer, with its voxel size and where it comes from.

    Parameters
    ----------
    viewer
        The napari viewer whose layers are offered and which gets the PSF.

    Signals
    -------
    made
        The layer that holds the PSF: new, or renewed.
    failed
        The sentence that the user sees when something cannot be done.
    """

    made = Signal(object)
    failed = Signal(str)

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.setWindowTitle(TITLE)
        # napari hands plugins a proxy, of which the layers are not the layers that it lists
        self._viewer = viewer = getattr(viewer, "__wrapped__", viewer)
        self._memory = Memory()
        self.layer: Image | None = None
        self._from_beads: Image | None = None
        self.optics = OpticsSection(viewer)
        self.beads = BeadsSection(viewer)
        self.inspect = InspectSection(viewer)
        self.image = FromImageSection(viewer)
        self._pages = {
            "optics": self.optics,
            "beads": self.beads,
            "image": self.image,
            "inspect": self.inspect,
        }
        self.points = BeadPoints(viewer, self)
        self.maker = Maker(self)
        self.tabs = QTabBar()
        self.report = PsfReport()
        self.problem, self.status = Note("error"), Note()
        self.make, self.use = QPushButton(), QPushButton("Use in Restore")
        self._still = KeepsStill(self)
        self._lay_out()
        self._connect()
        self.optics.recall(self._memory)
        self._turn(0)
        self._still.guard(self)
        self._recolour()

    def sizeHint(self) -> QSize:
        """The width it is made for."""
        return QSize(WIDTH, 720)

    # --- for the Restore panel and scripts -----------------------------------------------

    @property
    def way(self) -> str:
        """``optics``, ``beads``, ``image`` or ``inspect``."""
        return list(_WAYS)[self.tabs.currentIndex()]

    def choose_way(self, way: str) -> None:
        """Turn to a tab."""
        self.tabs.setCurrentIndex(list(_WAYS).index(way))

    def set_recording(self, layer: Image, sizes: Mapping[str, float]) -> None:
        """The recording that the PSF is for, and its voxel size (µm by axis) as the user knows it."""
        self.optics.voxels.set_layer(layer)
        self.optics.voxels.set_sizes(sizes)

    def start(self) -> None:
        """As the button: make, distil, search or inspect."""
        starters = {
            "optics": self._start_optics,
            "beads": self._start_beads,
            "image": self.image.start,
            "inspect": self._start_inspection,
        }
        try:
            work = starters[self.way]()
        except InputError as error:
            self._refuse(str(error))
            return
        self.problem.say("")
        self.status.say(_WAYS[self.way][3])
        if work is not None:  # a search answers by itself
            self.maker.ask(work)
        self._enable()

    # --- putting it together -------------------------------------------------------------

    def _lay_out(self) -> None:
        for words, hint, *_ in _WAYS.values():
            self.tabs.setTabToolTip(self.tabs.addTab(words), hint)
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(True)
        self.tabs.setUsesScrollButtons(False)
        self.tabs.setAccessibleName("Where the PSF comes from")
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        for page in self._pages.values():
            column.addWidget(page)
        self.report.layout().setContentsMargins(8, 8, 4, 8)
        self.report.hide()
        column.addWidget(self.report)
        column.addStretch()
        self._area = area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tip(self.use, "Take this PSF in the Restore panel, which is opened if need be.")
        self.use.hide()
        buttons = QHBoxLayout()
        buttons.addWidget(self.make, 2)
        buttons.addWidget(self.use, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(8, 6, 8, 8)
        foot.addWidget(self.problem)
        foot.addWidget(self.status)
        foot.addLayout(buttons)
        layout = QVBoxLayout(self)
        # napari's title bar reaches a few pixels into the widget below it
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.tabs)
        layout.addWidget(area, 1)
        layout.addLayout(foot)
        self.setMinimumWidth(300)

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self._turn)
        self.make.clicked.connect(self.start)
        self.use.clicked.connect(self._use)
        for page in self._pages.values():
            page.changed.connect(self._check)
        self.optics.rebuilt.connect(self._rebuilt)
        self.image.wanted.connect(self._take_width)
        self.image.refused.connect(self._refuse)
        self.image.searching.connect(self._searching)
        self.points.decided.connect(self._decided)
        self.points.said.connect(self.problem.say)
        self.maker.made.connect(self._made)
        self.maker.refused.connect(self._refuse)
        self._viewer.events.theme.connect(self._recolour)
        self._viewer.layers.events.removed.connect(self._removed)
        # A method of this object would not be called any more once it is being destroyed.
        parts = (self.points, *(page.voxels for page in self._pages.values()))
        events = (
            (self._viewer.events.theme, self._recolour),
            (self._viewer.layers.events.removed, self._removed),
        )
        self._let_go = partial(_let_go, parts, events)
        self.destroyed.connect(self._let_go)

    def _turn(self, *_: object) -> None:
        for way, page in self._pages.items():
            page.setVisible(way == self.way)
        hint, words = _WAYS[self.way][1:3]
        self.make.setText(words)
        tip(self.make, hint)
        self._enable()
        self._check()

    def _enable(self) -> None:
        """The button works unless what it would do is being done."""
        searching = self.way == "image" and self.image.search.busy
        self.make.setEnabled(not self.maker.busy and not searching)

    def _check(self, *_: object) -> None:
        """Say at once what cannot be computed."""
        try:
            if self.way == "optics":
                self.optics.value()
                self.optics.depths()
        except InputError as error:
            self.problem.say(str(error))
        else:
            self.problem.say("")

    def _rebuilt(self) -> None:
        self._still.guard(self.optics)
        self._recolour()

    # --- the four ways -------------------------------------------------------------------

    def _start_optics(self) -> Callable[[], MadePSF]:
        source, sizes, recorded = self.optics.value()
        self.optics.remember(self._memory)
        self._finish = self._add
        return partial(from_optics, source, sizes, recorded, self.optics.depths())

    def _start_beads(self) -> Callable[[], MadePSF]:
        pixels, sizes, name, settings = self.beads.value()
        recording, axes = self.beads.recording(), self.beads.voxels.axes
        if self.points.begin(recording):
            self._from_beads = None
        self._finish = partial(self._distilled, axes=axes)
        return partial(
            from_beads,
            pixels,
            sizes,
            name,
            exclude=set(self.points.exclude),
            include=set(self.points.include),
            **settings,
        )

    def _start_inspection(self) -> Callable[[], MadePSF]:
        value, layer = self.inspect.value(), self.inspect.voxels.layer
        self._finish = lambda _: layer
        return partial(inspected, *value)

    def _take_width(self, work: Callable[[], MadePSF]) -> None:
        """The user has clicked for the PSF of a width."""
        self._finish = self._add
        self.maker.ask(work)
        self._enable()

    def _searching(self, on: bool) -> None:
        if not on:
            self.status.say("")
        self._enable()

    def _decided(self) -> None:
        """The user has taken a bead in or out: average again."""
        self.choose_way("beads")
        self.start()

    # --- what comes of it ----------------------------------------------------------------

    _finish: Callable[[MadePSF], Image]

    def _made(self, made: MadePSF) -> None:
        self._enable()
        self.report.show_psf(made)
        self.report.show()
        self.layer = layer = self._finish(made)
        # an inspected layer may have been removed meanwhile
        self.use.setVisible(layer in self._viewer.layers)
        grid = " x ".join(str(n) for n in reversed(made.array.shape[-3:]))
        looked_at = not made.facts.get("psf")
        words = "Measured:" if looked_at else "In the layer list:"
        name = made.name if looked_at else layer.name  # which of several PSFs
        self.status.say(f"{words} {name}, {grid} voxels.")
        # once it has its place
        QTimer.singleShot(100, self._show_report)
        if not looked_at:
            self.made.emit(layer)

    def _show_report(self) -> None:
        self._area.verticalScrollBar().setValue(self.report.y())

    def _add(self, made: MadePSF) -> Image:
        """A new layer."""
        layer = made.to_layer()
        add_beside(self._viewer, layer)
        return layer

    def _distilled(self, made: MadePSF, axes: str) -> Image:
        self.points.show_beads(made.beads, axes, made.voxel_size)
        if self._from_beads is None:
            self._from_beads = self._add(made)
        else:
            made.renew(self._from_beads)
        if self.points.layer is not None:
            self._viewer.layers.selection.active = self.points.layer
        return self._from_beads

    def _use(self) -> None:
        from .restore_panel import TITLE as RESTORE
        from .restore_panel import RestorePanel

        if self.layer is not None and self.layer in self._viewer.layers:
            bring_up(self._viewer, RestorePanel, RESTORE).set_psf_layer(self.layer)

    def _refuse(self, sentence: str) -> None:
        self._enable()
        self.status.say("")
        self.problem.say(sentence)
        self.failed.emit(sentence)

    def _removed(self, event: Any) -> None:
        if event.value is self._from_beads:
            self._from_beads = None
        if event.value is self.layer:
            self.layer = None
            self.use.hide()
            self.status.say("")

    # --- look, the end -------------------------------------------------------------------

    def _recolour(self, *_: object) -> None:
        colour = dim_colour(self._viewer.theme)
        for note in self.findChildren(Note):
            note.recolour(colour)
        text = get_theme(self._viewer.theme).text.as_hex()
        self.image.recolour(text)
        self.report.profiles.recolour(text)

    def detach(self) -> None:
        """Drop what is under way and let go of the viewer."""
        self.maker.forget()
        self.image.search.cancel()
        self._let_go()


def _let_go(parts: Sequence[Any], events: Sequence[tuple[Any, Any]], *_: object) -> None:
    """Be called by the viewer no more; safe when the widgets are gone, and twice."""
    for part in parts:
        part.detach()
    for event, callback in events:
        event.disconnect(callback)
