"""The form that is made from a configured class, and what the panel remembers."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field
from qtpy.QtCore import QSettings, Qt
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLineEdit

from napari_ssi._qt.fields import NumberBox
from napari_ssi._qt.form import Form
from napari_ssi._qt.memory import Memory
from napari_ssi.configured import Configured


class Example(Configured):
    """One field of each kind."""

    count: int = Field(
        3, ge=1, le=9, title="Count", description="How many.", json_schema_extra={"unit": "pieces"}
    )
    rate: float = Field(2e-3, gt=0, le=1, description="How fast.")
    flag: bool = True
    kind: Literal["grid", "random_walk"] = "grid"
    steps: int | None = Field(None, ge=1)
    maybe: bool | None = None
    window: tuple[int, ...] | None = None
    name: str = "x"
    rare: float = Field(1.0, json_schema_extra={"advanced": True})
    table: dict[str, Any] = Field(default_factory=dict)


@pytest.fixture
def form(qtbot: Any) -> Form:
    form = Form(Example.model_fields)
    qtbot.addWidget(form)
    return form


def control(form: Form, name: str, kind: type) -> Any:
    return form._editors[name][0].findChild(kind)


def test_an_untouched_form_gives_no_parameters(form: Form) -> None:
    assert form.params() == {}
    assert len(form) == 9  # a table cannot be shown


def test_what_is_changed_builds_the_class(form: Form, qtbot: Any) -> None:
    with qtbot.waitSignal(form.changed):
        control(form, "kind", QComboBox).setCurrentIndex(1)
    rate = control(form, "rate", QDoubleSpinBox)
    rate.setFocus()
    rate.selectAll()
    qtbot.keyClicks(rate, "3e-4")
    qtbot.keyClick(rate, Qt.Key.Key_Return)
    form.set({"steps": 12, "maybe": False, "flag": False, "unknown": 1})
    line = control(form, "window", QLineEdit)
    qtbot.keyClicks(line, "16, 48, 48")
    expected = {
        "kind": "random_walk",
        "rate": 3e-4,
        "steps": 12,
        "maybe": False,
        "flag": False,
        "window": (16, 48, 48),
    }
    assert form.params() == expected
    Example.from_params(form.params())
    form.set({"steps": None, "rate": 2e-3})
    assert {"steps", "rate"}.isdisjoint(form.params())


def test_ranges_units_and_descriptions_are_shown(form: Form) -> None:
    editor = form._editors["count"][0]
    assert (editor._box.minimum(), editor._box.maximum()) == (1, 9)
    assert editor._box.suffix() == " pieces"
    for words in ("How many.", "From 1 to 9 pieces", "Default: 3"):
        assert words in editor.toolTip()


def test_presets_stand_in_for_defaults(qtbot: Any) -> None:
    form = Form(Example.model_fields, {"count": 7})
    qtbot.addWidget(form)
    assert form.params() == {}
    assert form._editors["count"][0].get() == 7


def test_only_the_advanced_or_only_the_others(qtbot: Any) -> None:
    for advanced, count in ((True, 1), (False, 8)):
        form = Form(Example.model_fields, advanced=advanced)
        qtbot.addWidget(form)
        assert len(form) == count


@pytest.mark.parametrize(
    ("text", "value"), [("0.25", 0.25), ("1e-3", 1e-3), ("0,5", 0.5), ("7 µm", 7.0)]
)
def test_numbers_as_people_write_them(text: str, value: float, qtbot: Any) -> None:
    box = NumberBox(0, 100, "µm")
    qtbot.addWidget(box)
    box.lineEdit().setText(text)
    box.interpretText()
    assert box.value() == pytest.approx(value)


def test_numbers_refuse_words_and_keep_to_their_range(qtbot: Any) -> None:
    box = NumberBox(0.5, 2)
    qtbot.addWidget(box)
    box.setValue(1)
    for text in ("abc", "-3", "nan", "1e9"):
        box.selectAll()
        qtbot.keyClicks(box, text)
        qtbot.keyClick(box, Qt.Key.Key_Return)
        assert 0.5 <= box.value() <= 2


def test_memory_gives_back_what_it_was_given() -> None:
    Memory().put("effort", "quick")
    Memory().put("width", 3)
    Memory().put("folded", [True, False])
    assert Memory().get("effort", "balanced") == "quick"
    assert Memory().get("width", 0.5) == 3.0
    assert Memory().get("folded", []) == [True, False]


@pytest.mark.parametrize("nonsense", ["", "{", "[1, 2", "42", "null", '{"a": 1}', "\x00\xff"])
def test_memory_takes_nonsense_for_nothing(nonsense: str) -> None:
    settings = QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-ssi", "restore-panel"
    )
    settings.setValue("effort", nonsense)
    settings.sync()
    assert Memory().get("effort", "balanced") == "balanced"


def test_a_number_is_typed_in_between_prefix_and_suffix(qtbot: Any) -> None:
    box = NumberBox(0, 10, "µm")
    box.setPrefix("X ")
    box.setSpecialValueText("X ?")
    qtbot.addWidget(box)
    for text, value in (("0.25", 0.25), ("3,5", 3.5), ("0", 0.0), ("1e-3", 0.001)):
        box.setFocus()
        box.selectAll()
        qtbot.keyClicks(box, text)
        qtbot.keyClick(box, Qt.Key.Key_Return)
        assert box.value() == value
