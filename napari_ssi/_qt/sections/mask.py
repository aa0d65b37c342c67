"""Which pixels of the camera say nothing: none, those that are found, or those marked in a layer."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ... import registry
from ...errors import InputError
from ...physics._mask import PackedMask, fitting, read_mask
from ...recipe import Part
from ...stack import ImageStack
from ..chain import marks_of
from ..form import Form
from ..layers import pixels
from ..look import Note, Picker, row, tip

if TYPE_CHECKING:
    import napari

#: Milliseconds of rest after which labels that change are looked at again.
REST = 300
_KINDS = {
    "none": "All pixels are good",
    "found": "Find the bad ones",
    "layer": "Marked in a labels layer",
}
_FINDS = {"found": "Found and left out:", "layer": "Also found and left out:"}


class MaskChoice(QWidget):
    """The forward model ``inpainting``, or none.

    ``paint`` asks for a labels layer to mark pixels in.
    """

    changed = Signal()
    paint = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        #: The axes of the recording's layer.
        self.axes = ""
        self._form: Form | None = None
        self._kept: dict[str, Any] = {}
        self._watched: Labels | None = None
        self._marks: PackedMask | None = None
        self._rest = QTimer(self)  # a stroke is many events
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._look_again)
        self._kind, self._layer = Picker(), Picker()
        for key, words in _KINDS.items():
            self._kind.addItem(words, key)
        self._paint = QPushButton("Paint")
        self._paint.setFixedWidth(56)
        tip(self._paint, "Add a labels layer over the image, and paint on the unusable pixels.")
        self._labels = row(
            "Labels layer",
            self._layer,
            self._paint,
            tooltip="Pixels with any label are ignored. A layer of one plane holds for all "
            "planes; what is marked at one time or in one channel holds for all.",
        )
        self._share, self._count, self._finds = Note("dim"), Note(), Note("dim")
        self._about = registry.entries("physics")["inpainting"]
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        choice = row("Pixels", self._kind, tooltip=self._about.summary)
        for widget in (choice, self._labels, self._share, self._count, self._finds):
            self._column.addWidget(widget)
        for picker in (self._kind, self._layer):
            picker.currentIndexChanged.connect(self._edited)
        self._paint.clicked.connect(lambda *_: self.paint.emit())
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self._relist)
        self._relist()
        self._edited()

    def detach(self) -> None:
        """Let go of the viewer."""
        self._watch(None)
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.disconnect(self._relist)

    # --- what the user chose -------------------------------------------------------------

    @property
    def kind(self) -> str:
        """``none``, ``found`` or ``layer``."""
        return self._kind.currentData()

    @property
    def params(self) -> dict[str, Any]:
        """What is found by itself, as far as it was changed."""
        return self._form.params() if self._form is not None else self._kept

    def part(self) -> Part:
        """For the recipe, the mask in it; raises :class:`InputError` if there is no layer."""
        params = self.params
        if self.kind == "layer":
            params = {**params, "mask": marks_of(pixels(self._chosen()), self.axes)}
        return Part(name="inpainting", params=params)

    def marked(self) -> PackedMask | None:
        """The pixels marked in a layer, over the spatial axes; raises as :meth:`part`."""
        return marks_of(pixels(self._chosen()), self.axes) if self.kind == "layer" else None

    def set_layer(self, layer: Labels) -> None:
        """Take the unusable pixels from a labels layer."""
        self._relist()
        self._layer.choose(layer.unique_id.hex)
        self.choose("layer")

    def choose(self, kind: str) -> None:
        """Pick where they come from."""
        self._kind.choose(kind)

    def recall(self, kind: str, params: object) -> None:
        """Show the choice of the last session, whatever was kept."""
        if isinstance(params, dict):
            self._kept = {k: v for k, v in params.items() if isinstance(v, bool)}
        self.choose(kind)

    def take(self, part: Part | None, stack: ImageStack) -> list[str]:
        """Show the ``inpainting`` of a recipe for this recording, or none; loads its class.

        Its mask is taken from a labels layer that marks the same, else a layer is added. Sentences on one
        that is gone or does not fit.
        """
        if part is None:
            self.choose("none")
            return []
        mask = self._about.build(part.params).mask
        if self._form is not None:
            self._form.reset({k: v for k, v in part.params.items() if k != "mask"})
        self.choose("found")
        if mask is None:
            return []
        try:
            read = read_mask(mask) if isinstance(mask, str) else mask.array()
            marks = fitting(read, stack.spatial_shape)
        except InputError as error:
            return [f"{error} No pixels are marked; bad ones are only found."]
        same = next((la for la in self._viewer.layers if self._marks_these(la, marks)), None)
        if same is not None:
            self.set_layer(same)
        else:
            self.paint.emit()  # which adds a layer and chooses it
            layer = self._chosen()
            axes = self.axes[-layer.ndim :]
            marks = marks.transpose(["ZYX"[-marks.ndim :].index(a) for a in axes if a in "ZYX"])
            apart = tuple(i for i, a in enumerate(axes) if a not in "ZYX")
            layer.data = np.array(
                np.broadcast_to(np.expand_dims(marks, apart), layer.data.shape), np.uint8
            )
            layer.mode = "pan_zoom"
            self._edited()
        return []

    def _marks_these(self, layer: Any, marks: NDArray[np.bool_]) -> bool:
        """Whether a layer of the viewer marks these pixels and no others, over the spatial axes."""
        if not isinstance(layer, Labels):
            return False
        with suppress(InputError, ValueError):  # of another shape
            found = fitting(marks_of(pixels(layer), self.axes).array(), marks.shape)
            return bool((found == marks).all())
        return False

    # --- showing it ----------------------------------------------------------------------

    def show_parameters(self) -> None:
        """Build the form; loads the class, and torch with it."""
        self._form = Form(self._about.load().model_fields, skip=("mask",))
        self._form.set(self._kept)
        self._form.changed.connect(self._edited)
        self._column.addWidget(self._form)
        self._edited()

    def grey(self, reason: str) -> None:
        """Grey all but none where there is a reason, but never what is chosen."""
        words = reason or f"{self._about.summary} {self._about.when}"
        for at, kind in enumerate(_KINDS):
            if kind != "none":
                self._kind.setItemData(at, f"<qt>{words}</qt>", Qt.ItemDataRole.ToolTipRole)
                self._kind.model().item(at).setEnabled(not reason or kind == self.kind)

    def say(self, words: str) -> None:
        """What the engine says of the mask."""
        self._share.say(words)

    def say_count(self, words: str) -> None:
        """How many pixels will be left out."""
        self._count.say(words)

    def _chosen(self) -> Labels:
        chosen = self._layer.currentData()
        for layer in self._viewer.layers:
            if layer.unique_id.hex == chosen:
                return layer
        raise InputError(
            "No layer marks the unusable pixels: press “Paint”, or add a labels layer."
        )

    def _relist(self, *_: object) -> None:
        before = self._layer.currentData()
        self._layer.blockSignals(True)
        self._layer.clear()
        for layer in self._viewer.layers:
            if isinstance(layer, Labels):
                self._layer.addItem(layer.name, layer.unique_id.hex)
        if not self._layer.choose(before):
            self._layer.setCurrentIndex(self._layer.count() - 1)
        self._layer.blockSignals(False)
        if self.kind == "layer" and self._layer.currentData() != before:
            self._edited()

    def _edited(self, *_: object) -> None:
        self._watch(None)
        if self.kind == "layer":
            with suppress(InputError):
                self._watch(self._chosen())
        self._labels.setVisible(self.kind == "layer")
        self._finds.say(_FINDS.get(self.kind, "") if self._form is not None else "")
        if self._form is not None:
            self._form.setVisible(self.kind != "none")
        self.changed.emit()

    def _watch(self, layer: Labels | None) -> None:
        """Notice when more pixels are marked."""
        for other, act in ((self._watched, "disconnect"), (layer, "connect")):
            if other is not None:
                # the event of a stroke comes before the labels change; the first of these after it,
                # the second with an undo, and with every move along z
                for event in (other.events.labels_update, other.events.set_data, other.events.data):
                    getattr(event, act)(self._labels_changed)
        self._watched = layer

    def _labels_changed(self, *_: object) -> None:
        self._rest.start()

    def _look_again(self) -> None:
        marks = None
        with suppress(InputError):
            marks = marks_of(pixels(self._chosen()), self.axes)
        if marks != self._marks:
            self._marks = marks
            self._edited()
