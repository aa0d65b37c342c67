"""Side by side: one box per picture, linked cameras, one contrast, names in the corners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Layer

if TYPE_CHECKING:
    import napari

_LINKED = ("contrast_limits", "gamma")


class SideBySide:
    """napari's grid for chosen layers, and back to what was before."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._before: dict[str, Any] | None = None
        self._linked: list[Layer] = []

    @property
    def on(self) -> bool:
        """Whether the layers stand beside each other."""
        return self._before is not None

    def show(self, layers: Sequence[Layer]) -> None:
        """Put these beside each other, the first one's contrast for all; the others are hidden."""
        viewer = self._viewer
        shown = [layer for layer in viewer.layers if layer in layers]
        if self._before is None:
            grid = viewer.canvas.grid
            self._before = {
                "stride": grid.stride,
                "shape": grid.shape,
                "visible": {la: la.visible for la in viewer.layers},
                "named": {},
            }
        self._unlink()
        for layer in viewer.layers:
            self._before["visible"].setdefault(layer, True)
            layer.visible = layer in shown
        for layer in shown:
            self._before["named"].setdefault(layer, layer.name_overlay.visible)
            layer.name_overlay.visible = True
            layer.contrast_limits = layers[0].contrast_limits
        if len(shown) > 1:
            viewer.layers.link_layers(shown, _LINKED)
            self._linked = list(shown)
        viewer.canvas.grid.stride = 1
        viewer.canvas.grid.shape = (1, len(shown)) if len(shown) < 3 else (-1, -1)
        viewer.canvas.grid.enabled = True
        # the last result, which may be of a region; a preview has too few axes to be asked
        full = [layer for layer in shown if layer.ndim == viewer.dims.ndim]
        viewer.fit_to_view(layers=full[-1:] or None)

    def leave(self) -> None:
        """Back to one canvas, with everything visible that was."""
        if self._before is None:
            return
        before, self._before = self._before, None
        self._unlink()
        grid = self._viewer.canvas.grid
        grid.enabled = False
        grid.stride, grid.shape = before["stride"], before["shape"]
        for layer in self._viewer.layers:
            layer.visible = before["visible"].get(layer, True)
            if layer in before["named"]:
                layer.name_overlay.visible = before["named"][layer]
        self._viewer.fit_to_view()

    def _unlink(self) -> None:
        here = [layer for layer in self._linked if layer in self._viewer.layers]
        self._linked = []
        if len(here) > 1:
            self._viewer.layers.unlink_layers(here, _LINKED)
