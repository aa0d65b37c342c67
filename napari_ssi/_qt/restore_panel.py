"""The Restore panel: numbered sections in the order in which a user thinks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.notifications import show_error, show_info
from napari.utils.theme import get_theme
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from ..errors import InputError
from . import region
from .docking import DockPanel, bring_up
from .forecast import Forecast
from .look import KeepsStill, Note, dim_colour
from .memory import Memory
from .noise_probe import Context, Measured, NoiseProbe
from .psf_panel import TITLE as MAKE_PSF
from .psf_panel import PsfPanel
from .resolve import Plan, resolve
from .saving import Saving
from .sections.blur import BlurSection
from .sections.effort import EffortSection
from .sections.forward import ForwardSection
from .sections.image import ImageSection
from .sections.method import MethodSection
from .sections.noise import NoiseSection
from .sections.run import RunSection
from .session import Session
from .use_settings import Sections, UseSettings
from .worker import call

if TYPE_CHECKING:
    import napari

#: The width that the panel is made for, in pixels.
WIDTH = 360
TITLE = "Restore (self-supervised)"
#: Said in the place of a measurement that holds no more.
OUTDATED = "The noise was measured with another mask, blur or dark frames: measure it again."


class RestorePanel(DockPanel):
    """Restores an image of the viewer, live.

    Parameters
    ----------
    viewer
        The napari viewer whose layers are offered and which gets the results.

    Signals
    -------
    finished
        A run has ended: the main method's Restoration, or None if there is none.
    failed
        The sentence that the user sees when something cannot be done.
    """

    finished = Signal(object)
    failed = Signal(str)

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.setWindowTitle("Restore")
        # napari hands plugins a proxy, of which the layers are not the layers that it lists
        self._viewer = viewer = getattr(viewer, "__wrapped__", viewer)
        self._torch_ready = False
        self._psf_panel: PsfPanel | None = None
        self._saving = Saving(self)
        self._noise_probe = NoiseProbe(self)
        self._memory = Memory()
        self.image = ImageSection(viewer)
        self.blur = BlurSection(viewer)
        self.forward = ForwardSection(viewer)
        self.noise = NoiseSection()
        self.method = MethodSection()
        self.effort = EffortSection()
        self.run = RunSection()
        self._sections = Sections(
            self.image, self.blur, self.forward, self.noise, self.method, self.effort
        )
        self.earlier = UseSettings(viewer, self._sections)
        self._lay_out()
        self.session = Session(viewer, self.run, self)
        self._forecast = Forecast(self.plan, self)
        self._still = KeepsStill(self)
        self._connect()
        self._recall()
        self._image_changed()
        self._recolour()
        self._still.guard(self)
        self._load_torch()

    def sizeHint(self) -> QSize:
        """The width it is made for."""
        return QSize(WIDTH, 720)

    # --- for scripts and the manifest ----------------------------------------------------

    def set_image(self, layer: Image) -> None:
        """Choose the recording."""
        self.image.set_layer(layer)

    def set_psf_layer(self, layer: Image) -> None:
        """Choose the layer that holds the PSF."""
        self.blur.set_layer(layer)

    def plan(self) -> Plan:
        """What Start would do now; raises :class:`~napari_ssi.errors.InputError`."""
        source = self.image.source()
        layer = source.layers[0]
        window, time = None, None
        if self.effort.where != "all":
            find = region.drawn if self.effort.where == "drawn" else region.in_view
            window = find(self._viewer, layer, self.image.axes)
            if "T" in source.stack.axes and "T" in self.image.axes:
                at = source.frames[0].to_data(self._viewer.dims.point)[self.image.axes.index("T")]
                time = int(min(max(round(float(at)), 0), source.stack.size("T") - 1))
        self.blur.set_stack(self.forward.stack, self.forward.zoom)  # Start may come before torch
        blur = self.blur.value()
        return resolve(
            source,
            replace(blur, physics=self.forward.value(blur.physics)),
            self.noise.value(),
            self.effort.recipe_fields(self.method.name),
            self.method.baselines(),
            window,
            time,
            self.effort.start.models,
        )

    def start(self) -> None:
        """As the Start button: freeze the choices and run them."""
        if self.session.job is not None:
            return
        try:
            plan = self.plan()
        except InputError as error:
            self._refuse(str(error))
            return
        self._remember()
        self.earlier.forget()
        self.session.begin(plan, self.image.layers())

    # --- putting it together -------------------------------------------------------------

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(self.earlier)
        for section in self._sections:
            column.addWidget(section)
        column.addStretch()
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        # napari's title bar reaches a few pixels into the widget below it
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(area, 1)
        layout.addWidget(self.run)
        self.setMinimumWidth(300)

    def _connect(self) -> None:
        self.image.changed.connect(self._image_changed)
        self.image.failed.connect(self.failed)
        self.blur.changed.connect(self._context_changed)
        self.blur.make.connect(self._make_psf)
        self.forward.changed.connect(self._context_changed)
        self.forward.mask.paint.connect(self._paint_mask)
        self.noise.changed.connect(self._context_changed)
        self.noise.wanted.connect(self._measure_noise)
        self.noise.dark_changed.connect(self._doubt_noise)
        self.noise.adopted.connect(self._noise_adopted)
        self._noise_probe.measured.connect(self.noise.show_measured)
        self._noise_probe.refused.connect(self.noise.show_refused)
        self.method.changed.connect(self._method_changed)
        self.effort.changed.connect(self._changed)
        self.effort.unfolded.connect(self._show_forms)
        self.effort.draw.connect(self._draw)
        self.earlier.taken.connect(self._method_changed)
        self.run.start.connect(self.start)
        self.run.save.connect(lambda: self._saving.ask(self.session.restorations))
        self.run.save_model.connect(lambda: self._saving.ask_model(self.session.last_learned))
        self._saving.begun.connect(lambda: self.run.status.say("Saving …"))
        self._saving.saved.connect(self._saved)
        self._saving.failed.connect(self._save_failed)
        self._forecast.begun.connect(
            lambda: self.effort.say_estimate("Working out time and memory …")
        )
        self._forecast.ready.connect(lambda words, _: self.effort.say_estimate(words))
        self._forecast.refused.connect(self._forecast_refused)
        self.session.finished.connect(self.finished)
        self.session.failed.connect(self.failed)
        self.session.busy.connect(self._forecast.hold)
        self.session.learned.connect(self.effort.start.offer)
        self._viewer.events.theme.connect(self._recolour)
        # A method of this object would not be called any more once it is being destroyed.
        parts = (self.session, self.image, self.blur, self.forward)
        self._let_go = partial(_let_go, parts, self._viewer.events.theme, self._recolour)
        self.destroyed.connect(self._let_go)

    def _image_changed(self) -> None:
        try:
            stack = self.image.source().stack
        except InputError:
            stack = None
        self.forward.set_stack(stack, self.image.axes)
        self._show_blur()
        self._noise_probe.forget()
        self.noise.forget()
        self.run.set_startable(self.image.layer is not None)
        self._changed()

    def _measure_noise(self) -> None:
        try:
            source, context = self.image.source(), self._noise_context()
        except InputError as error:
            self.noise.show_refused(str(error))
            return
        self._noise_probe.measure(source.stack, source.levels, context)

    def _noise_context(self) -> Context:
        mask = self.forward.mask.marked()
        return Context(self.forward.physics_name, self.noise.dark, mask)

    def _doubt_noise(self) -> None:
        """Take away a measurement that was asked for with another mask, blur or dark frames."""
        asked = self._noise_probe.context
        with suppress(InputError):  # the layer of the mask is gone
            if asked is None or asked == self._noise_context():
                return
        self._noise_probe.forget()
        self.noise.forget(OUTDATED)

    def _noise_adopted(self, found: Measured) -> None:
        if found.offset is not None:
            context = self._noise_probe.context
            self.image.set_offset(found.offset)  # which makes forget what was measured before
            self._noise_probe.context = context
            self.noise.show_measured(found)
        self.method.choose(found.method)

    def _make_psf(self) -> None:
        """Open the other panel for this recording, and take the PSF that comes of it."""
        panel = bring_up(self._viewer, PsfPanel, MAKE_PSF)
        if panel is not self._psf_panel:
            panel.made.connect(self.set_psf_layer)
            self._psf_panel = panel
        layer = self.image.layer
        if layer is not None:
            panel.set_recording(layer, self.image.pixel_sizes())

    def _show_blur(self) -> None:
        """The PSF on the pixels of the result, which need torch to be known."""
        self.blur.set_stack(self.forward.stack, self.forward.zoom if self._torch_ready else ())

    def _context_changed(self) -> None:
        self.forward.set_blur(self.blur.physics_name)
        self._show_blur()
        self._doubt_noise()
        self.method.set_context(self.forward.physics_name, self.noise.name)
        self._changed()

    def _method_changed(self) -> None:
        self.effort.start.suit(self.method.name)
        self._show_forms()
        self._changed()

    def _changed(self) -> None:
        if self.session.job is None:
            self.run.problem.say("")
        if self._torch_ready:  # asks again then, and the window is not held up until it is
            self._forecast.ask()

    def _show_forms(self) -> None:
        if self._torch_ready and self.effort.wants_forms:
            self.effort.show_method(self.method.name, *self.method.context)
            self._still.guard(self.effort)
            self._recolour()
        else:  # what was ticked before it was folded
            self.effort.suit(*self.method.context)

    def _load_torch(self) -> None:
        """Import what the first run needs, so that it does not hold up the window then."""
        loading = call(_import_engine)
        loading.returned.connect(self._loaded)
        loading.start()

    def _loaded(self, *_: object) -> None:
        self._torch_ready = True
        self.noise.show_parameters()
        self.forward.show_parameters()
        self._still.guard(self)
        self._recolour()
        self._show_forms()
        self.earlier.ready()

    # --- regions, forecasts, refusals ----------------------------------------------------

    def _draw(self) -> None:
        layer = self.image.layer
        if layer is None:
            return
        shapes = region.add_drawing(self._viewer, layer)
        shapes.events.data.connect(lambda *_: self._forecast.ask())

    def _paint_mask(self) -> None:
        layer = self.image.layer
        if layer is not None:
            self.forward.set_layer(region.add_painting(self._viewer, layer, self.image.axes))

    def _forecast_refused(self, sentence: str) -> None:
        said = [note.text() for note in self.findChildren(Note) if note.isVisibleTo(self)]
        self.effort.say_estimate("" if sentence in said else sentence)

    def _refuse(self, sentence: str) -> None:
        self.run.problem.say(sentence)
        show_error(sentence)
        self.failed.emit(sentence)

    # --- saving --------------------------------------------------------------------------

    def save(self, path: str | Path, label: str = "") -> None:
        """Write a result (by default the last) as OME-TIFF."""
        found = self.session.restorations
        if found:
            self._saving.save(found.get(label) or list(found.values())[-1], path)

    def _saved(self, words: str) -> None:
        self.run.status.say(words)
        show_info(words)

    def _save_failed(self, sentence: str) -> None:
        self.run.status.say("")
        self._refuse(sentence)

    # --- memory, look, the end -----------------------------------------------------------

    def _remember(self) -> None:
        for section in self._sections[1:]:
            section.remember(self._memory)
        self._memory.put("folded", [not s.isExpanded() for s in self._sections])

    def _recall(self) -> None:
        for section in self._sections[1:]:
            section.recall(self._memory)
        folded = self._memory.get("folded", [])
        if len(folded) == len(self._sections):
            for section, fold in zip(self._sections, folded, strict=True):
                if isinstance(fold, bool):
                    (section.collapse if fold else section.expand)()

    def _recolour(self, *_: object) -> None:
        theme = get_theme(self._viewer.theme)
        self.run.plot.recolour(theme.text.as_hex())
        self.noise.plot.recolour(theme.text.as_hex())
        self.noise.neighbours.recolour(theme.text.as_hex())
        dim = dim_colour(self._viewer.theme)
        for note in self.findChildren(Note):
            note.recolour(dim)

    def taken_out(self) -> None:
        """The user has closed the dock: cancel a run, and let go of the viewer."""
        self.session.cancel()
        self.detach()

    def detach(self) -> None:
        """Cancel a run and let go of the viewer."""
        self._remember()
        self._let_go()


def _let_go(parts: tuple[Any, ...], theme: Any, recolour: Any, *_: object) -> None:
    """Be called by the viewer no more; safe when the widgets are gone, and twice."""
    for part in parts:
        part.detach()
    theme.disconnect(recolour)


def _import_engine() -> None:
    from .. import cost, registry  # noqa: F401

    for kind in ("noise", "loss", "network"):
        for entry in registry.entries(kind).values():
            entry.load()
