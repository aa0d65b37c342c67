"""Small pieces of look that all parts of the panel share."""

from __future__ import annotations

from html import escape
from typing import Any, ClassVar

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

#: Width of the names in front of controls, in pixels.
LABEL_WIDTH = 102
_UNLIMITED = 16777215


def tip(widget: QWidget, text: str) -> None:
    """A tooltip that wraps, and the same words for screen readers."""
    widget.setToolTip(f"<qt>{escape(text)}</qt>")
    widget.setAccessibleDescription(text)


def dim_colour(theme: str) -> str:
    """Of words that stand back, in a theme of napari."""
    known = get_theme(theme)
    pairs = zip(known.text.as_rgb_tuple(), known.background.as_rgb_tuple(), strict=True)
    return f"rgb({', '.join(str(round(0.65 * text + 0.35 * ground)) for text, ground in pairs)})"


class Note(QLabel):
    """A line of words that wraps, is plain, dim, a warning or an error, and hides when empty."""

    _STYLES: ClassVar = {
        "plain": "",
        "dim": "color: rgba(150, 155, 165, 255);",
        "warning": "color: rgb(214, 160, 40);",
        "error": "border: 1px solid rgb(200, 60, 60); border-radius: 3px; padding: 4px;"
        "background-color: rgba(200, 60, 60, 40);",
    }

    def __init__(self, kind: str = "plain", text: str = "") -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # Long words (paths) must not widen the panel.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.setStyleSheet(f"QLabel {{ {self._STYLES[kind]} }}")
        self._kind = kind
        self.say(text)

    def recolour(self, dim: str) -> None:
        """Follow the theme with the colour of dim words."""
        if self._kind == "dim":
            self.setStyleSheet(f"QLabel {{ color: {dim}; }}")

    def say(self, text: str) -> None:
        """Show ``text``; an empty one hides the label."""
        if text != self.text():
            self.setText(text)
        self.setVisible(bool(text))


class Picker(QComboBox):
    """A combo box that keeps within its column, however long its entries."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def choose(self, data: Any) -> bool:
        """Select the entry with this data, if it is there and enabled."""
        index = self.findData(data)
        if index < 0:
            return False
        item = self.model().index(index, 0)
        if not item.flags() & Qt.ItemFlag.ItemIsEnabled:
            return False
        self.setCurrentIndex(index)
        return True


class Section(QCollapsible):
    """A numbered part of the panel; folded, its title says what is chosen."""

    def __init__(self, title: str, *, expanded: bool = True) -> None:
        super().__init__(title, expandedIcon=QIcon(), collapsedIcon=QIcon())
        self._title = title
        self._summary = ""
        button = self.toggleButton()
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        button.setStyleSheet(
            "QPushButton, QPushButton:checked { text-align: left; border: none; padding: 5px 6px;"
            " font-weight: bold; background-color: rgba(128, 138, 155, 45); }"
            "QPushButton:hover { background-color: rgba(128, 138, 155, 90); }"
            "QPushButton:focus { border-left: 2px solid rgb(80, 130, 220); }"
        )
        tip(button, "Click to fold or unfold.")
        self.layout().setContentsMargins(0, 0, 0, 0)
        self.layout().setSpacing(0)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(8, 6, 4, 8)
        self.body.setSpacing(6)
        content = QWidget()
        content.setLayout(self.body)
        self.content().deleteLater()
        self.setContent(content)
        self.toggled.connect(self._retitle)
        (self.expand if expanded else self.collapse)()

    def expand(self, animate: bool = False) -> None:
        """Unfold, at once and without a limit to the height: contents come and go."""
        super().expand(animate=False)
        self.content().setMaximumHeight(_UNLIMITED)
        self.content().show()
        self._retitle()

    def collapse(self, animate: bool = False) -> None:
        """Fold, at once."""
        super().collapse(animate=False)
        self.content().hide()
        self._retitle()

    def summarise(self, text: str) -> None:
        """What stands behind the title while folded."""
        self._summary = text
        self._retitle()

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._retitle()

    def _retitle(self, *_: object) -> None:
        arrow = "▾" if self.isExpanded() else "▸"
        text = f"{arrow}  {self._title}"
        if not self.isExpanded() and self._summary:
            text += f"   {self._summary}"
        button = self.toggleButton()
        room = max(40, self.width() - 16)
        text = button.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
        self.setText(text.replace("&", "&&"))


def row(name: str, *widgets: QWidget, tooltip: str = "") -> QWidget:
    """A line of the panel: a name and its controls."""
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(5)
    if name:
        label = QLabel(name)
        label.setFixedWidth(LABEL_WIDTH)
        label.setWordWrap(True)
        label.setBuddy(widgets[0])
        if tooltip:
            tip(label, tooltip)
        layout.addWidget(label)
    for widget in widgets:
        layout.addWidget(widget)
        if name and not widget.accessibleName():
            widget.setAccessibleName(name)
        if tooltip and not widget.toolTip():
            tip(widget, tooltip)
    return line


class KeepsStill(QObject):
    """Keeps the wheel from changing values that the pointer merely passes while scrolling."""

    def guard(self, root: QWidget) -> None:
        """Watch all controls below ``root``."""
        for kind in (QComboBox, QAbstractSpinBox, QSlider):
            for widget in root.findChildren(kind):
                if widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
                    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.Wheel
            and isinstance(watched, QWidget)
            and not watched.hasFocus()
        ):
            event.ignore()
            return True
        return False
