"""Panels in napari's docks: found again, opened beside each other, and let go when closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    import napari


class DockPanel(QWidget):
    """A dock widget that lets go of the viewer when its dock is closed for good."""

    _docked = False

    def detach(self) -> None:
        """Be called by the viewer no more; safe to call twice."""
        raise NotImplementedError

    def taken_out(self) -> None:
        """The user has closed the dock."""
        self.detach()

    def event(self, event: QEvent) -> bool:
        """Notice the dock being closed for good: napari then takes the panel out of it."""
        if event.type() == QEvent.Type.ParentChange:
            if self._docked and self.parent() is None:
                self.taken_out()
                self.deleteLater()
            self._docked = self.parent() is not None
        return bool(super().event(event))

    def closeEvent(self, event: object) -> None:
        self.detach()
        super().closeEvent(event)


Panel = TypeVar("Panel", bound=DockPanel)


def docked(viewer: napari.viewer.Viewer, kind: type[Panel]) -> Panel | None:
    """The panel of this kind in the viewer's window, if one is there."""
    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, kind):
            return widget
    return None


def bring_up(viewer: napari.viewer.Viewer, kind: type[Panel], name: str) -> Panel:
    """The panel of this kind in front of the others, made if there is none."""
    panel = docked(viewer, kind)
    if panel is None:
        panel = kind(viewer)  # type: ignore[call-arg]
        viewer.window.add_dock_widget(panel, name=name, area="right", tabify=True)
    dock = panel.parent()
    dock.show()
    dock.raise_()
    return panel
