"""Parameters that are typed, ranged, in stated units, and the same everywhere.

A class with settings derives from :class:`Configured`: its fields *are* the
recipe's JSON, the panel's form, the command line's ``--set`` and the error
message.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import InputError


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
            raise InputError(sentence(error, cls.__name__)) from None


def sentence(error: ValidationError, owner: str) -> str:
    """The first fault of a pydantic error as one sentence.

    For example: ``The 'density' parameter of MaskedLoss: input should be less
    than or equal to 0.5. Got 3.``
    """
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{owner} has no parameter {where!r}; `napari-ssi methods` lists what it has."
    message = first["msg"][:1].lower() + first["msg"][1:]
    return f"The {where!r} parameter of {owner}: {message}. Got {first['input']!r}."
