"""Parameters that are typed, ranged, in stated units, and the same everywhere.

A class with settings derives from :class:`Configured`: its fields *are* the
recipe's JSON, the panel's form, the command line's ``--set`` and the error
message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import InputError

#: Characters of a wrong value that are repeated in the message.
LONGEST = 60


class Configured(BaseModel):
    """Base of everything that a recipe can set up.

    Declare a field with its range, title, unit and a sentence in plain words::

        iterations: int = Field(10, ge=1, le=1000, title="Iterations",
                                description="How many updates.",
                                json_schema_extra={"unit": "iterations"})

    ``json_schema_extra={"advanced": True}`` folds it away in the panel.
    """

    model_config = ConfigDict(
        extra="forbid", validate_assignment=True, arbitrary_types_allowed=True
    )

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Self:
        """Build from a recipe's ``params``; a bad value raises one :class:`InputError` sentence."""
        try:
            return cls(**params)
        except ValidationError as error:
            raise InputError(sentence(error, cls.__name__, list(cls.model_fields))) from None


def sentence(error: ValidationError, owner: str, known: Sequence[str] = ()) -> str:
    """The first fault of a pydantic error as one sentence.

    For example: ``The 'density' parameter of Masked must be less than or equal
    to 0.5. Got 3 instead.`` ``known`` are the parameters that ``owner`` has.
    """
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        if len(first["loc"]) > 1 or not known:
            return f"{_upper(owner)} has no parameter {where!r}; `napari-ssi methods` lists what there is."
        return f"{_upper(owner)} has no parameter {where!r}; choose one of: {', '.join(known)}."
    if first["type"] == "missing":
        return f"{_upper(owner)} needs the parameter {where!r}."
    if first["type"] == "union_tag_not_found":
        return f"The {where!r} parameter of {owner} must name its 'kind'. Got {first['input']!r} instead."
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    if not where:
        return f"{_upper(message)}."
    message = message[:1].lower() + message[1:]
    message = re.sub(r"^input should be ", "must be ", message)
    message = re.sub(r"^input should ", "must ", message)
    verb = "" if message.startswith("must ") else ":"
    given = repr(first["input"])
    given = given if len(given) <= LONGEST else f"{given[: LONGEST - 1]}…"
    return f"The {where!r} parameter of {owner}{verb} {message}. Got {given} instead."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
