"""A form from the fields of a configured class: names, ranges, units, tooltips."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic.fields import FieldInfo
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from .fields import Editor, default, editor, limits
from .look import row


class Form(QWidget):
    """Controls for some fields; :meth:`params` holds what differs from the defaults.

    Parameters
    ----------
    fields
        As from ``Class.model_fields``.
    presets
        Values that stand in for the defaults (what a registry name presets).
    advanced
        Show only fields flagged advanced (True), only the others (False), or all (None).
    skip
        Names that are shown elsewhere.
    """

    changed = Signal()

    def __init__(
        self,
        fields: dict[str, FieldInfo],
        presets: dict[str, Any] | None = None,
        *,
        advanced: bool | None = None,
        skip: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self._editors: dict[str, tuple[Editor, Any]] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        for name, info in fields.items():
            extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            if name in skip or (advanced is not None and bool(extra.get("advanced")) != advanced):
                continue
            control = editor(info)
            if control is None:
                continue
            start = (presets or {}).get(name, default(info))
            control.set(start)
            control.setObjectName(name)
            control.changed.connect(self.changed)
            # As the control shows it, so that rounding is not taken for a change.
            self._editors[name] = (control, control.get())
            title = info.title or name.replace("_", " ").capitalize()
            layout.addWidget(row(title, control, tooltip=_tooltip(info, extra, start)))

    def __len__(self) -> int:
        return len(self._editors)

    def params(self) -> dict[str, Any]:
        """What the user has changed, by name."""
        return {
            name: control.get()
            for name, (control, start) in self._editors.items()
            if control.get() != start
        }

    def reset(self, params: dict[str, Any]) -> None:
        """Show these values, and the defaults of all others."""
        self.set({**{name: start for name, (_, start) in self._editors.items()}, **params})

    def set(self, params: dict[str, Any]) -> None:
        """Show values; names that are not there are ignored."""
        for name, value in params.items():
            if name in self._editors:
                self._editors[name][0].set(value)


def _tooltip(info: FieldInfo, extra: dict[str, Any], start: Any) -> str:
    words = [info.description or info.title or ""]
    low, high = limits(info, whole=False)
    unit = f" {extra['unit']}" if extra.get("unit") else ""
    if abs(low) < 1e8 and abs(high) < 1e8:
        words.append(f"From {low:.4g} to {high:.4g}{unit}.")
    if start is not None:
        words.append(f"Default: {start}{unit}.")
    return " ".join(w for w in words if w)
