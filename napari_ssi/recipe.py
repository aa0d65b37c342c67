"""Everything that a restoration needs besides the pixels, as JSON."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from . import registry
from .configured import sentence
from .errors import InputError

Effort = Literal["quick", "balanced", "thorough"]
Device = Literal["auto", "cpu", "cuda", "mps"]


class Part(BaseModel):
    """A thing from the registry and its parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    params: dict[str, Any] = Field(default_factory=dict)


class Term(Part):
    """One term of a learned method's loss."""

    weight: float = Field(1.0, ge=0)


class Levels(BaseModel):
    """The camera's offset; ``None`` to estimate it from the recording."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset: float | None = Field(None, description="In the units of the recording.")


class Recipe(BaseModel):
    """Physics + noise + method + levels + training + seed.

    ``method`` is a list of loss terms, or one baseline; a name stands for it::

        Recipe(physics=Part(name="blur", params={...}), method="ssi")

    ``training`` holds parameters of :class:`~napari_ssi.training.trainer.Trainer`
    and is not used by baselines.

    Raises
    ------
    InputError
        From :meth:`create`, :meth:`from_json`, :meth:`load` and :meth:`with_settings`:
        one sentence on the first fault.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    physics: Part = Part(name="denoising")
    noise: Part = Part(name="independent")
    method: tuple[Term, ...] = (Term(name="ssi"),)
    levels: Levels = Levels()
    network: Part = Part(name="unet")
    effort: Effort = "balanced"
    training: dict[str, Any] = Field(default_factory=dict)
    nonnegative: bool | None = Field(None, description="None: for deconvolution only.")
    seed: int = Field(0, ge=0)
    device: Device = "auto"

    @field_validator("method", mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        return ({"name": value},) if isinstance(value, str) else value

    @field_validator("physics", "noise", "network", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def create(cls, **parts: Any) -> Self:
        """Build, with one sentence for the first fault, and check names and combination."""
        try:
            recipe = cls(**parts)
        except ValidationError as error:
            raise InputError(sentence(error, "the recipe")) from None
        recipe.check()
        return recipe

    @property
    def is_baseline(self) -> bool:
        """Whether the method is a classical one, without a network."""
        return self.method[0].name in registry.entries("baseline")

    @property
    def label(self) -> str:
        """The method's name for people."""
        return registry.methods()[self.method[0].name].label

    def check(self) -> None:
        """Raise :class:`InputError` for names, parameters or combinations that cannot work."""
        registry.find("physics", self.physics.name)
        registry.find("noise", self.noise.name)
        registry.find("network", self.network.name)
        if not self.method:
            raise InputError("The recipe names no method; `napari-ssi methods` lists them.")
        data = registry.methods()
        if self.method[0].name not in data:
            raise InputError(
                f"There is no method called {self.method[0].name!r}; "
                f"choose one of: {', '.join(data)}."
            )
        if self.is_baseline and len(self.method) > 1:
            raise InputError("A baseline stands alone; it takes no further loss terms.")
        for term in self.method[1:]:
            registry.find("loss", term.name)
        refusal = data[self.method[0].name].refusal(
            physics=self.physics.name, noise=self.noise.name
        )
        if refusal:
            raise InputError(refusal)

    def with_settings(self, settings: dict[str, str]) -> Recipe:
        """A copy with ``part.param`` keys set, as the command line's ``--set``.

        ``part`` is ``physics``, ``noise``, ``network``, ``training``, ``levels``,
        ``method`` (its first term) or the name of a term; values are JSON, or
        plain text. A key without a dot is a field of the recipe itself.
        """
        tree = self.model_dump(mode="json")
        for key, text in settings.items():
            try:
                value = json.loads(text)
            except json.JSONDecodeError:
                value = text
            part, _, name = key.partition(".")
            terms = {term["name"]: term["params"] for term in tree["method"]}
            if not name:
                tree[part] = value
            elif part in ("training", "levels"):
                tree[part][name] = value
            elif part in ("physics", "noise", "network"):
                tree[part]["params"][name] = value
            elif part == "method":
                tree["method"][0]["params"][name] = value
            elif part in terms:
                terms[part][name] = value
            else:
                raise InputError(
                    f"There is no part {part!r} in the recipe; choose one of: physics, noise, "
                    f"network, training, levels, method, {', '.join(terms)}."
                )
        return self.create(**tree)

    def to_json(self) -> str:
        """As JSON, indented."""
        return self.model_dump_json(indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of :meth:`to_json`."""
        try:
            tree = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"The recipe is not valid JSON: {error}.") from None
        if not isinstance(tree, dict):
            raise InputError("The recipe must be a JSON object.")
        return cls.create(**tree)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read from a file; a relative PSF path is taken from the recipe's folder."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"The recipe {path} cannot be read: {error}.") from None
        recipe = cls.from_json(text)
        psf = recipe.physics.params.get("psf")
        if isinstance(psf, dict) and psf.get("kind", "file") == "file" and "path" in psf:
            full = (path.parent / psf["path"]).resolve()
            params = {**recipe.physics.params, "psf": {**psf, "path": str(full)}}
            recipe = recipe.model_copy(
                update={"physics": Part(name=recipe.physics.name, params=params)}
            )
        return recipe

    def save(self, path: str | Path) -> None:
        """Write as JSON, atomically."""
        write_text(Path(path), self.to_json() + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None
