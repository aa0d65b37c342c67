"""Beads as points in the viewer: green in the PSF, red out of it, clicked from one to the other."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Points
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from ..psf.beads import Bead
from .layers import Frame

if TYPE_CHECKING:
    import napari

USED, LEFT_OUT = (0.15, 0.8, 0.35), (0.95, 0.25, 0.2)


class BeadPoints(QObject):
    """One points layer over a recording of beads, and what the user decided on them.

    ``exclude`` and ``include`` are numbers of beads as
    :func:`~napari_ssi.psf.beads.distil` takes them; ``decided`` tells that they have
    changed, ``said`` why something was not done.
    """

    decided = Signal()
    said = Signal(str)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._recording: Image | None = None
        self._beads: Sequence[Bead] = ()
        self._writing = False
        self.layer: Points | None = None
        self.exclude: set[int] = set()
        self.include: set[int] = set()
        viewer.layers.events.removed.connect(self._removed)

    def detach(self) -> None:
        """Let go of the viewer and of the layer."""
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._let_go()

    def begin(self, recording: Image) -> bool:
        """Whether it starts afresh: another recording, or one whose points are gone."""
        anew = self.layer is None or recording is not self._recording
        if anew:
            self._let_go()
            self._recording = recording
            self.exclude, self.include = set(), set()
        return anew

    def show_beads(self, beads: Sequence[Bead], axes: str, voxel_size: Sequence[float]) -> None:
        """Show what was found; the points that the user has deleted stay away."""
        if self._recording is None or self._recording not in self._viewer.layers:
            return
        numbers = range(len(beads)) if self.layer is None else self._numbers()
        self._beads = beads
        shown = [beads[i] for i in numbers]
        features: dict[str, Any] = {
            "bead": list(numbers),
            "used": ["in the PSF" if b.used else "left out" for b in shown],
            "why": [b.reason or "good" for b in shown],
        }
        if len(axes) == 3:
            features["plane"] = [round(b.position[0], 1) for b in shown]
        if self.layer is None:
            widths = np.array([b.fwhm[-2:] for b in beads]) / np.array(voxel_size[-2:])
            known = widths[np.isfinite(widths)]
            size = 2.5 * float(np.median(known)) if known.size else 0.0
            self._add(numbers, axes, max(4.0, size))
        layer = self.layer
        assert layer is not None
        layer.features = features
        self._paint()

    def toggle(self, number: int) -> None:
        """Take a bead out of the PSF, or into it."""
        if self._is_used(number):
            self.include.discard(number)
            self.exclude.add(number)
        else:
            self.exclude.discard(number)
            self.include.add(number)
        self._paint()
        self.decided.emit()

    def _is_used(self, number: int) -> bool:
        """As the user wants it, before the PSF has followed."""
        if number in self.exclude:
            return False
        return number in self.include or self._beads[number].used

    # --- the layer -----------------------------------------------------------------------

    def _add(self, numbers: Sequence[int], axes: str, size: float) -> None:
        """A layer of (Y, X) alone, so that all beads are in sight whatever plane of a stack is."""
        recording = self._recording
        assert recording is not None
        place = Frame.of(recording, axes)
        n = len(axes)
        self.layer = layer = Points(
            self._places(numbers),
            name=f"beads of {recording.name}",
            size=size,
            scale=place.scale[-2:],
            translate=place.translate[-2:],
            rotate=place.rotate[-2:, -2:],
            affine=recording.affine.set_slice([n - 2, n - 1]),
            units=place.units[-2:],
            axis_labels=place.axis_labels[-2:],
        )
        layer.mode = "pan_zoom"
        layer.mouse_drag_callbacks.append(self._clicked)
        layer.events.data.connect(self._edited)
        self._viewer.add_layer(layer)

    def _places(self, numbers: Sequence[int]) -> NDArray[np.float64]:
        return np.array([self._beads[i].position[-2:] for i in numbers])

    def _paint(self) -> None:
        layer = self.layer
        if layer is None or not len(layer.data):
            return
        colours = np.array([USED if self._is_used(i) else LEFT_OUT for i in self._numbers()])
        layer.face_color = np.column_stack([colours, np.full(len(colours), 0.35)])
        layer.border_color = np.column_stack([colours, np.ones(len(colours))])
        layer.refresh()

    def _numbers(self) -> list[int]:
        return [] if self.layer is None else [int(i) for i in self.layer.features["bead"]]

    def _clicked(self, layer: Points, event: Any) -> Generator[None, None, None]:
        """A click without dragging, while nothing is being selected or added."""
        if layer.mode != "pan_zoom":
            return
        position = event.position
        yield
        while event.type == "mouse_move":
            if not np.allclose(event.position, position):
                return
            yield
        index = layer.get_value(
            position,
            view_direction=event.view_direction,
            dims_displayed=event.dims_displayed,
            world=True,
        )
        if index is not None:
            self.toggle(self._numbers()[int(index)])

    def _edited(self, event: Any) -> None:
        layer = self.layer
        if self._writing or layer is None:
            return
        action = str(getattr(event.action, "value", event.action))
        if action == "removed":
            gone = set(range(len(self._beads))) - set(self._numbers())
            self.include -= gone
            if not gone <= self.exclude:
                self.exclude |= gone
                self.decided.emit()
        elif action in ("added", "changed"):
            self._put_back(layer, action)

    def _put_back(self, layer: Points, action: str) -> None:
        """A bead is where it was found, and nowhere else."""
        self._writing = True
        try:
            if action == "added":
                layer.selected_data = {len(layer.data) - 1}
                layer.remove_selected()
            else:
                layer.data = self._places(self._numbers())
        finally:
            self._writing = False
        self.said.emit(
            "Beads cannot be added or moved by hand: click a red one to take it in, or give a "
            "smaller window and distil again."
        )

    def _removed(self, event: Any) -> None:
        if event.value in (self.layer, self._recording):
            self._let_go()

    def _let_go(self) -> None:
        if self.layer is not None:
            self.layer.events.data.disconnect(self._edited)
            if self._clicked in self.layer.mouse_drag_callbacks:
                self.layer.mouse_drag_callbacks.remove(self._clicked)
        self.layer, self._recording = None, None
        self._beads = ()
