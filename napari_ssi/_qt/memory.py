"""What the panel remembers from one session to the next, per user."""

from __future__ import annotations

import json
from typing import Any

from qtpy.QtCore import QSettings


class Memory:
    """Named values in an INI file of the user; whatever cannot be read counts as not there."""

    def __init__(self) -> None:
        self._settings = QSettings(
            QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-ssi", "restore-panel"
        )

    def get(self, key: str, default: Any) -> Any:
        """The value kept under ``key``, if it has the type of ``default``."""
        try:
            value = json.loads(self._settings.value(key, "null", type=str))
        except (TypeError, ValueError):
            return default
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        return value if type(value) is type(default) else default

    def put(self, key: str, value: Any) -> None:
        """Keep a value that JSON can hold."""
        self._settings.setValue(key, json.dumps(value))
