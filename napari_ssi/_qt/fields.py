"""One control for one typed, ranged parameter."""

from __future__ import annotations

import math
import types
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from .look import Picker

_LARGE = 1e9


class NumberBox(QDoubleSpinBox):
    """A number of any size, written shortly: 0.0003, 12, 1e-06."""

    def __init__(self, low: float = 0.0, high: float = _LARGE, unit: str = "") -> None:
        super().__init__()
        self.setDecimals(25)  # a number that comes from a recipe stays what it is
        self.setRange(low, high)
        self.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.setKeyboardTracking(False)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # napari asks for 70 pixels and more; three of these stand side by side
        self.setStyleSheet("QDoubleSpinBox { min-width: 44px; padding: 1px 4px; }")
        if unit:
            self.setSuffix(f" {unit}")

    def sizeHint(self) -> QSize:
        """Room for a short number, not for the longest that the range allows."""
        return QSize(76, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(52, super().minimumSizeHint().height())

    def textFromValue(self, value: float) -> str:
        return f"{value:.6g}"

    def valueFromText(self, text: str) -> float:
        try:
            return float(self._bare(text))
        except ValueError:
            return self.minimum()

    def validate(self, text: str, position: int) -> tuple[Any, str, int]:
        bare = self._bare(text)
        try:
            value = float(bare)
        except ValueError:
            begun = not bare or all(c in "+-.eE0123456789" for c in bare)
            state = QValidator.State.Intermediate if begun else QValidator.State.Invalid
            return state, text, position
        inside = math.isfinite(value) and self.minimum() <= value <= self.maximum()
        state = QValidator.State.Acceptable if inside else QValidator.State.Intermediate
        return state, text, position

    def _bare(self, text: str) -> str:
        """What stands between prefix and suffix."""
        text = text.removeprefix(self.prefix()).removesuffix(self.suffix())
        return text.strip().replace(",", ".")


class Editor(QWidget):
    """A control for one value of a known type; ``changed`` when the user changes it."""

    changed = Signal()

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.inner = widget
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(widget)

    def get(self) -> Any:
        """The value now."""
        raise NotImplementedError

    def set(self, value: Any) -> None:
        """Show a value."""
        raise NotImplementedError


class _Number(Editor):
    def __init__(self, info: FieldInfo, whole: bool, unit: str) -> None:
        low, high = limits(info, whole)
        box: QSpinBox | NumberBox
        if whole:
            box = QSpinBox()
            box.setRange(int(max(low, -(2**31))), int(min(high, 2**31 - 1)))
            box.setKeyboardTracking(False)
            box.setSuffix(f" {unit}" if unit else "")
        else:
            box = NumberBox(low, high, unit)
        super().__init__(box)
        self._box = box
        box.valueChanged.connect(lambda *_: self.changed.emit())

    def get(self) -> Any:
        return self._box.value()

    def set(self, value: Any) -> None:
        self._box.setValue(min(max(value, self._box.minimum()), self._box.maximum()))


class _Flag(Editor):
    def __init__(self) -> None:
        self._box = QCheckBox()
        super().__init__(self._box)
        self._box.toggled.connect(lambda *_: self.changed.emit())

    def get(self) -> Any:
        return self._box.isChecked()

    def set(self, value: Any) -> None:
        self._box.setChecked(bool(value))


class _Choice(Editor):
    def __init__(self, values: tuple[Any, ...], words: tuple[str, ...] = ()) -> None:
        self._picker = Picker()
        super().__init__(self._picker)
        self._values = values
        for text in words or [str(value).replace("_", " ") for value in values]:
            self._picker.addItem(text)
        self._picker.currentIndexChanged.connect(lambda *_: self.changed.emit())

    def get(self) -> Any:
        return self._values[self._picker.currentIndex()]

    def set(self, value: Any) -> None:
        if value in self._values:
            self._picker.setCurrentIndex(self._values.index(value))


class _Text(Editor):
    def __init__(self) -> None:
        self._line = QLineEdit()
        super().__init__(self._line)
        self._line.editingFinished.connect(lambda *_: self.changed.emit())

    def get(self) -> Any:
        return self._line.text()

    def set(self, value: Any) -> None:
        self._line.setText(str(value))


class _Numbers(Editor):
    """A few numbers, separated by commas; nothing stands for ``None``."""

    def __init__(self, whole: bool) -> None:
        self._line = QLineEdit()
        super().__init__(self._line)
        self._kind = int if whole else float
        self._line.setPlaceholderText("auto")
        self._line.editingFinished.connect(lambda *_: self.changed.emit())

    def get(self) -> Any:
        words = self._line.text().replace("x", ",").replace(" ", ",").split(",")
        try:
            return tuple(self._kind(w) for w in words if w) or None
        except ValueError:
            return self._line.text()  # the class that takes it says what is wrong

    def set(self, value: Any) -> None:
        self._line.setText("" if value is None else ", ".join(str(v) for v in value))


class _Coefficients(Editor):
    """Numbers by whole numbers: ``8: 0.1, 11: -0.05``."""

    def __init__(self) -> None:
        self._line = QLineEdit()
        super().__init__(self._line)
        self._line.setPlaceholderText("none; 11: 0.1, 8: 0.05")
        self._line.editingFinished.connect(lambda *_: self.changed.emit())

    def get(self) -> Any:
        text = self._line.text()
        try:
            pairs = [word.split(":") for word in text.replace(";", ",").split(",") if word.strip()]
            return {int(number): float(value) for number, value in pairs}
        except ValueError:
            return text  # the class that takes it says what is wrong

    def set(self, value: Any) -> None:
        self._line.setText(", ".join(f"{number}: {v:g}" for number, v in value.items()))


class _Optional(Editor):
    """``None`` while “auto”, or another word for it, is ticked."""

    def __init__(self, editor: Editor, word: str) -> None:
        super().__init__(editor)
        self._editor = editor
        if isinstance(editor, _Number):
            editor.set(1)  # or the nearest that it may be: no odd smallest number to begin with
        self._auto = QCheckBox(word or "auto")
        self._auto.setToolTip("No value of its own." if word else "Let the program choose.")
        self.layout().insertWidget(0, self._auto)
        self._auto.toggled.connect(lambda on: (editor.setEnabled(not on), self.changed.emit()))
        editor.changed.connect(self.changed)

    def get(self) -> Any:
        return None if self._auto.isChecked() else self._editor.get()

    def set(self, value: Any) -> None:
        self._auto.setChecked(value is None)
        self._editor.setEnabled(value is not None)
        if value is not None:
            self._editor.set(value)


def editor(info: FieldInfo) -> Editor | None:
    """The control for a field; ``None`` for types that a form cannot show."""
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return _for_type(info.annotation, info, str(extra.get("unit", "")), str(extra.get("unset", "")))


def default(info: FieldInfo) -> Any:
    """A field's default; ``None`` where it has none."""
    value = info.get_default(call_default_factory=True)
    return None if value is PydanticUndefined else value


def limits(info: FieldInfo, whole: bool) -> tuple[float, float]:
    """The closed range of a number; open ends are moved inwards a little."""
    low, high = -_LARGE, _LARGE
    step = 1.0 if whole else 1e-9
    for rule in info.metadata:
        if isinstance(rule, Ge):
            low = float(rule.ge)  # type: ignore[arg-type]
        elif isinstance(rule, Gt):
            low = float(rule.gt) + step  # type: ignore[arg-type]
        elif isinstance(rule, Le):
            high = float(rule.le)  # type: ignore[arg-type]
        elif isinstance(rule, Lt):
            high = float(rule.lt) - step  # type: ignore[arg-type]
    return low, high


def _for_type(kind: Any, info: FieldInfo, unit: str, unset: str) -> Editor | None:
    if kind is bool:
        return _Flag()
    if kind in (int, float):
        return _Number(info, kind is int, unit)
    if kind is str:
        return _Text()
    origin = get_origin(kind)
    if origin is tuple and get_args(kind)[0] in (int, float):
        return _Numbers(get_args(kind)[0] is int)
    if origin is dict and get_args(kind) == (int, float):
        return _Coefficients()
    if origin is Literal:
        return _Choice(get_args(kind))
    if origin in (Union, types.UnionType):
        others = [arg for arg in get_args(kind) if arg is not type(None)]
        if len(others) == 1 and len(others) < len(get_args(kind)):
            if others[0] is bool:
                return _Choice((None, True, False), ("auto", "yes", "no"))
            inner = _for_type(others[0], info, unit, unset)
            if inner is None or isinstance(inner, _Numbers):
                return inner
            return _Optional(inner, unset)
    return None
