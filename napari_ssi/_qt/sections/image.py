"""1 · Image: which recording, what its axes mean, its pixel size and offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QPushButton

from ... import background
from ...errors import InputError
from ...recipe import Levels
from ...stack import ImageStack
from ..fields import NumberBox
from ..layers import (
    WORKING,
    Frame,
    axes_choices,
    detected_axes,
    detected_pixel_size,
    from_file,
    from_header,
    refusal,
    to_stack,
)
from ..look import Note, Picker, Section, row, tip
from ..probe import Probe

if TYPE_CHECKING:
    import napari

_SELECTED = "selected layers"
_LOWEST: dict[background.Lowest, str] = {
    "measured": "as measured",
    "clipped": "clipped by the camera",
    "photonless": "no photon came",
}


@dataclass(frozen=True)
class Source:
    """The recording as the user describes it: pixels, place, and levels."""

    stack: ImageStack
    frames: tuple[Frame, ...]
    layers: tuple[Image, ...]
    levels: Levels


class ImageSection(Section):
    """Picks the recording and says in words what was understood."""

    changed = Signal()
    failed = Signal(str)

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__("1  Image")
        self._viewer = viewer
        self._layer_id = ""
        self._channels: list[str] = []
        self._listed: list[Image] = []
        self._probe = Probe(self)
        self._probe.measured.connect(self._measured)
        self._probe.refused.connect(self._refused)
        self._levels = ""
        self._picker = Picker()
        tip(
            self._picker,
            "The recording to restore. It is never changed. Select several layers of "
            "one shape in the layer list to treat them as channels.",
        )
        self._picker.setAccessibleName("Image")
        self._open = QPushButton("Open…")
        self._open.setFixedWidth(64)
        tip(
            self._open,
            "Open a recording (TIFF, OME-TIFF, ImageJ, zarr) with its axes and pixel size.",
        )
        self._words = Note()
        self._problem = Note("error")
        self._axes = Picker()
        self._sizes = {a: NumberBox(0, 1e6) for a in "XYZ"}
        for axis, box in self._sizes.items():
            box.setPrefix(f"{axis} ")
            box.setSpecialValueText(f"{axis} ?")
            tip(box, f"Pixel size along {axis} in µm; ? where it is not known.")
        self._auto = QCheckBox("auto")
        tip(self._auto, "Measure the offset in the darkest places of the image.")
        self._auto.setChecked(True)
        self._offset = NumberBox(-1e9, 1e9)
        self._offset.setEnabled(False)
        self.body.addWidget(row("", self._picker, self._open))
        self.body.addWidget(self._words)
        self.body.addWidget(self._problem)
        self.body.addWidget(
            row(
                "Axes",
                self._axes,
                tooltip="What the axes of the image are, slowest "
                "first. Change it if a time-lapse was taken for a z-stack.",
            )
        )
        self.body.addWidget(row("Pixel, µm", *self._sizes.values()))
        self.body.addWidget(
            row(
                "Offset",
                self._auto,
                self._offset,
                tooltip="What the camera shows "
                "without light, in the units of the image, for example the mean of a dark frame.",
            )
        )
        self._lowest = Picker()
        for name, words in _LOWEST.items():
            self._lowest.addItem(words, name)
        self._lowest_row = row(
            "Lowest",
            self._lowest,
            tooltip="What the pixels are that pile up at the lowest value. A camera clips noise below "
            "its black level; with single photons through a filter, dark pixels are those that none "
            "reached. It is told by how much they scatter; change it if you know better.",
        )
        self._lowest.setAccessibleName("Lowest pixels")
        self._lowest_row.hide()
        self.body.addWidget(self._lowest_row)
        self._picker.currentIndexChanged.connect(self._picked)
        self._open.clicked.connect(self._ask_file)
        self._axes.currentIndexChanged.connect(self._edited)
        self._auto.toggled.connect(self._offset.setDisabled)
        self._auto.toggled.connect(self._edited)
        self._lowest.currentIndexChanged.connect(self._edited)
        for box in (*self._sizes.values(), self._offset):
            box.valueChanged.connect(self._edited)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self._relist)
        viewer.layers.selection.events.changed.connect(self._selection_changed)
        self._relist()

    def detach(self) -> None:
        """Let go of the viewer."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.disconnect(self._relist)
        self._viewer.layers.selection.events.changed.disconnect(self._selection_changed)

    # --- what the user chose -------------------------------------------------------------

    def set_layer(self, layer: Any) -> None:
        """Choose a layer; one that cannot be restored is refused in words."""
        reason = refusal(layer)
        if reason:
            self._problem.say(reason)
            self.failed.emit(reason)
            return
        self._relist()
        self._picker.choose(layer.unique_id.hex)

    @property
    def layer(self) -> Image | None:
        """The layer chosen, the first of several."""
        layers = self.layers()
        return layers[0] if layers else None

    def layers(self) -> list[Image]:
        """The layers chosen: one, or several that count as channels."""
        chosen = self._picker.currentData()
        if chosen == _SELECTED:
            return self._selected()
        return [la for la in self._viewer.layers if la.unique_id.hex == chosen]

    @property
    def axes(self) -> str:
        """The axes of each chosen layer."""
        return self._axes.currentData() or ""

    def pixel_sizes(self) -> dict[str, float]:
        """µm by axis, 0 where it is not known."""
        return {a: box.value() for a, box in self._sizes.items() if a in self.axes}

    def source(self) -> Source:
        """The choice, frozen; raises :class:`InputError` where it cannot be restored."""
        layers = self.layers()
        if not layers:
            raise InputError(refusal(None))
        axes = self.axes
        spatial = [a for a in "ZYX" if a in axes]
        sizes = tuple(self._sizes[a].value() for a in spatial)
        stack = to_stack(layers, axes, sizes if all(sizes) else None)
        frames = tuple(Frame.of(layer, axes) for layer in layers)
        offset = None if self._auto.isChecked() else self._offset.value()
        levels = Levels(offset=offset, lowest=self._lowest.currentData())
        return Source(stack, frames, tuple(layers), levels)

    # --- keeping up with the viewer ------------------------------------------------------

    def set_levels(self, levels: Levels) -> None:
        """Set the offset and what the lowest pixels are, as if typed."""
        self._choose_lowest(levels.lowest)
        self.set_offset(levels.offset)

    def _choose_lowest(self, lowest: background.Lowest) -> None:
        with QSignalBlocker(self._lowest):
            changed = self._lowest.currentData() != lowest
            self._lowest.choose(lowest)
        if changed:
            self._edited()

    def set_offset(self, offset: float | None) -> None:
        """Set the camera's offset, as if typed; ``None`` to measure it."""
        self._auto.setChecked(offset is None)
        if offset is not None:
            self._offset.setValue(offset)

    def _images(self) -> list[Image]:
        return [
            la for la in self._viewer.layers if isinstance(la, Image) and WORKING not in la.metadata
        ]

    def _selected_now(self) -> list[Image]:
        """Several layers that are selected and can be channels of one recording; else none."""
        chosen = [la for la in self._images() if la in self._viewer.layers.selection]
        same = len({tuple(la.data.shape) for la in chosen if not la.rgb}) == 1
        return chosen if len(chosen) > 1 and same else []

    def _selected(self) -> list[Image]:
        """The layers that were selected last as channels, until one of them alone is, or one is gone.

        napari selects each layer that is added, results and PSFs too: that is no other choice.
        """
        now = self._selected_now()
        alone = self._viewer.layers.selection
        if now:
            self._channels = [la.unique_id.hex for la in now]
        elif len(alone) == 1 and next(iter(alone)).unique_id.hex in self._channels:
            self._channels = []
        known = [la for la in self._images() if la.unique_id.hex in self._channels]
        if len(known) < len(self._channels):
            self._channels = known = []
        return known

    def _relist(self, *_: object) -> None:
        before = self._picker.currentData()
        self._picker.blockSignals(True)
        self._picker.clear()
        for layer in self._images():
            self._picker.addItem(layer.name, layer.unique_id.hex)
        listed, self._listed = self._listed, self._selected()
        several = self._listed
        if several:
            self._picker.addItem(f"{len(several)} selected layers as channels", _SELECTED)
        wanted = before
        if before is None or (before == _SELECTED and not several):
            active = self._viewer.layers.selection.active
            if several:
                wanted = _SELECTED
            elif isinstance(active, Image):
                wanted = active.unique_id.hex
        if not self._picker.choose(wanted):
            self._picker.setCurrentIndex(0 if self._picker.count() else -1)
        self._picker.blockSignals(False)
        now = self._picker.currentData()
        if now != before or before != self._layer_id or (now == _SELECTED and listed != several):
            self._picked()
        elif now == _SELECTED:  # one of them may have another name
            self._describe()
            self.changed.emit()

    def _selection_changed(self, *_: object) -> None:
        chosen = self._picker.currentData()
        several = self._selected()
        if chosen in {la.unique_id.hex for la in self._selected_now()}:
            self._relist()
            self._picker.choose(_SELECTED)
        elif several != self._listed:
            self._relist()

    def _picked(self, *_: object) -> None:
        self._layer_id = self._picker.currentData() or ""
        layer = self.layer
        self._axes.blockSignals(True)
        self._axes.clear()
        if layer is not None and not refusal(layer):
            header = from_header(layer)
            found = header.axes if header else detected_axes(layer)
            for letters, words in axes_choices(layer.ndim, found):
                self._axes.addItem(words, letters)
            self._axes.choose(found)
            sizes = detected_pixel_size(layer, found) or (header and header.pixel_size) or ()
            known = dict(zip([a for a in "ZYX" if a in found], sizes, strict=False))
            for axis, box in self._sizes.items():
                box.blockSignals(True)
                box.setValue(known.get(axis, 0.0))
                box.blockSignals(False)
        self._axes.blockSignals(False)
        self._auto.setChecked(True)
        with QSignalBlocker(self._lowest):
            self._lowest.choose("measured")
        self._edited()

    def _edited(self, *_: object) -> None:
        self._sizes["Z"].setVisible("Z" in self.axes)
        self._axes.setEnabled(self._axes.count() > 1)
        self._levels = ""
        self._probe.measure(self._describe(), self._lowest.currentData())
        self.changed.emit()

    def _describe(self) -> ImageStack | None:
        layer = self.layer
        stack, words, problem = None, "", ""
        try:
            stack = self.source().stack
        except InputError as error:
            problem = str(error)
        else:
            words = stack.describe()
            words = words[:1].upper() + words[1:]
            if layer is not None and layer.multiscale:
                words += ", full resolution of a pyramid"
            if self._levels:
                words += f", {self._levels}"
        self._words.say(words)
        self._problem.say(problem)
        if problem:
            self._lowest_row.hide()
        self.summarise(layer.name if layer is not None else "none")
        return stack

    def _measured(self, levels: list[background.Levels]) -> None:
        self._levels = "; ".join(dict.fromkeys(found.describe() for found in levels))
        piled = any(found.low is not None or found.dark_fraction for found in levels)
        self._lowest_row.setVisible(piled or self._lowest.currentData() != "measured")
        if self._auto.isChecked():
            self._offset.blockSignals(True)
            self._offset.setValue(levels[0].offset)
            self._offset.blockSignals(False)
        self._describe()

    def _refused(self, sentence: str) -> None:
        self._problem.say(sentence)
        self._lowest_row.hide()

    # --- opening a file ------------------------------------------------------------------

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Open a recording", "", "Images (*.tif *.tiff *.zarr *.png *.npy);;All files (*)"
        )
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Add a file as a layer with its axes and pixel size, and choose it."""
        try:
            layer = from_file(path)
        except InputError as error:
            self._problem.say(str(error))
            self.failed.emit(str(error))
        else:
            self._viewer.add_layer(layer)
            self.set_layer(layer)
