"""Everything that a restoration needs besides the pixels, as JSON."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from . import registry
from .background import Lowest
from .configured import sentence
from .errors import InputError

#: What becomes of a parameter with a name and a value.
Change = Callable[[str, Any], Any]
Effort = Literal["quick", "balanced", "thorough"]
Device = Literal["auto", "cpu", "cuda", "mps"]

#: The recipe format that is written, and the only one that is read so far.
VERSION = 1


def _plain(value: Any) -> Any:
    """As it comes back from JSON: lists for tuples, numbers for numpy's, text for paths."""

    def other(thing: Any) -> Any:
        if isinstance(thing, os.PathLike):
            return os.fspath(thing)
        if hasattr(thing, "tolist"):
            return thing.tolist()
        if isinstance(thing, BaseModel):
            return thing.model_dump(mode="json")
        raise ValueError(f"{type(thing).__name__} is not")

    try:
        return json.loads(json.dumps(value, default=other, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"input should be something that JSON can hold ({error})") from None


Params = Annotated[dict[str, Any], BeforeValidator(_plain)]


class Part(BaseModel):
    """A thing from the registry and its parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    params: Params = Field(default_factory=dict)


class Term(Part):
    """One term of a learned method's loss."""

    weight: float = Field(1.0, ge=0, allow_inf_nan=False)


class Levels(BaseModel):
    """The camera's offset, ``None`` to estimate it from the recording, and what its lowest pixels are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset: float | None = Field(
        None, allow_inf_nan=False, description="In the units of the recording."
    )
    lowest: Lowest = Field(
        "measured",
        title="Lowest pixels",
        description="Pixels that pile up at the lowest value: clipped there, or reached by no photon "
        "(photonless); told by their scatter if not said.",
    )


class Recipe(BaseModel):
    """Physics + noise + method + levels + training + seed.

    ``method`` is a list of loss terms, or one baseline; a single one, or its name, stands for it::

        Recipe(physics=Part(name="blur", params={...}), method="ssi")

    ``training`` holds parameters of :class:`~napari_ssi.training.settings.Training`
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
    training: Params = Field(default_factory=dict)
    nonnegative: bool | None = Field(
        None,
        title="No negative values",
        description="Keep the result at or above the camera's offset; by default for deconvolution "
        "only.",
    )
    seed: int = Field(
        0,
        ge=0,
        lt=1 << 63,
        title="Seed",
        description="Start of the random numbers: the same seed repeats a run on the same machine.",
    )
    device: Device = "auto"

    @model_validator(mode="before")
    @classmethod
    def _suitable_method(cls, tree: Any) -> Any:
        """Where none is named: the first recommended learned method that suits the physics and noise."""
        if not isinstance(tree, dict) or "method" in tree:
            return tree
        names = {}
        for part, usual in (("physics", "denoising"), ("noise", "independent")):
            given = tree.get(part, usual)
            given = given.get("name") if isinstance(given, dict) else getattr(given, "name", given)
            names[part] = str(given)
        suitable = [n for n, entry in registry.methods().items() if not entry.refusal(**names)]
        return {**tree, "method": suitable[0]} if suitable else tree

    @model_validator(mode="before")
    @classmethod
    def _suitable_network(cls, tree: Any) -> Any:
        """Where none is named: the one that the method needs."""
        if not isinstance(tree, dict) or "network" in tree or not tree.get("method"):
            return tree
        method = tree["method"]
        first = method[0] if isinstance(method, list | tuple) else method
        name = first.get("name") if isinstance(first, dict) else getattr(first, "name", first)
        return {**tree, "network": registry.network_for(str(name))}

    @field_validator("method", mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        if isinstance(value, dict | Term):
            return (value,)
        return ({"name": value},) if isinstance(value, str) else value

    @field_validator("physics", "noise", "network", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def create(cls, /, **parts: Any) -> Self:
        """Build, with one sentence for the first fault, and check names and combination."""
        recipe = cls._validated(parts)
        recipe.check()
        return recipe

    @classmethod
    def _validated(cls, parts: dict[str, Any]) -> Self:
        try:
            return cls.model_validate(parts)
        except ValidationError as error:
            raise InputError(sentence(error, "the recipe", list(cls.model_fields))) from None

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
        if self.method[0].weight == 0:
            raise InputError("The method itself has weight 0: nothing would be learned; give 1.")
        for term in self.method[1:]:
            if registry.find("loss", term.name).role == "data":
                raise InputError(
                    f"{term.name!r} cannot be a further term, as it is a method; one is enough."
                )
            unfit = registry.find("loss", term.name).refusal(
                physics=self.physics.name, noise=self.noise.name
            )
            if unfit:
                raise InputError(unfit)
        refusal = data[self.method[0].name].refusal(
            physics=self.physics.name,
            noise=self.noise.name,
            network="" if self.is_baseline else self.network.name,
        )
        if not refusal and not self.is_baseline:
            network = registry.find("network", self.network.name)
            refusal = network.refusal(physics=self.physics.name, noise=self.noise.name)
        if refusal:
            raise InputError(refusal)

    def with_settings(self, settings: dict[str, str]) -> Recipe:
        """A copy with ``part.param`` keys set, as the command line's ``--set``.

        ``part`` is ``physics``, ``noise``, ``network``, ``training``, ``levels``,
        ``method`` (its first term) or the name of a term; values are JSON, or
        plain text. A key without a dot is a field of the recipe itself, and further
        dots go deeper (``physics.psf.path``).
        """
        tree = self.model_dump(mode="json")
        for key, text in settings.items():
            try:
                value = json.loads(text)
            except json.JSONDecodeError:
                value = text
            part, _, name = key.partition(".")
            *folders, name = name.split(".")
            if not name:
                # a name alone gets its params, for the keys that follow; a wrong value is refused
                tree = self._validated({**tree, part: value}).model_dump(mode="json")
                continue
            terms = {term["name"]: term["params"] for term in tree["method"]}
            if part in ("training", "levels"):
                params = tree[part]
            elif part in ("physics", "noise", "network"):
                params = tree[part]["params"]
            elif part == "method" and tree["method"]:
                params = tree["method"][0]["params"]
            elif part in terms:
                params = terms[part]
            else:
                raise InputError(
                    f"There is no part {part!r} in the recipe; choose one of: physics, noise, "
                    f"network, training, levels, method, {', '.join(terms)}."
                )
            for folder in folders:  # physics.psf.path
                params = params.setdefault(folder, {})
                if not isinstance(params, dict):
                    raise InputError(f"{folder!r} in {key!r} is a single value and has no parts.")
            params[name] = value
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
            raise InputError(
                f"The recipe is not valid JSON ({error}); give a result that was saved here, or a "
                ".recipe.json file."
            ) from None
        if not isinstance(tree, dict):
            raise InputError(
                f"The recipe must be a JSON object, got {type(tree).__name__}; give a result that was "
                "saved here, or a .recipe.json file."
            )
        version = tree.get("version", VERSION)
        if isinstance(version, int) and version > VERSION:
            raise InputError(
                f"The recipe has format version {version}, and this napari-ssi reads up to "
                f"{VERSION}; install a newer napari-ssi."
            )
        return cls.create(**tree)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read from a file; relative paths of PSFs and masks are taken from the recipe's folder."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"The recipe {path} cannot be read: {error.strerror or error}."
            ) from None
        except UnicodeDecodeError:
            raise InputError(f"The recipe {path} is not a text file; give a .json file.") from None
        return cls.from_json(text).found_from(path.parent)

    def save(self, path: str | Path) -> None:
        """Write as JSON, atomically, with paths as :meth:`beside` gives them."""
        path = Path(path)
        write_text(path, self.beside(path.parent).to_json() + "\n")

    def beside(self, folder: Path) -> Self:
        """A copy whose paths of PSFs and masks suit a recipe in ``folder``.

        Relative where the file lies in or below that folder, so that the folder may be moved as a
        whole; absolute otherwise, so that the recipe may.
        """
        home = folder.resolve()

        def moved(path: str) -> str:
            full = Path(path).resolve()
            return (full.relative_to(home) if full.is_relative_to(home) else full).as_posix()

        return self.with_physics(_each_path(moved))

    def found_from(self, folder: Path) -> Self:
        """The inverse of :meth:`beside`: a copy with absolute paths."""
        return self.with_physics(_each_path(lambda path: str((folder / path).resolve())))

    def with_physics(self, change: Change) -> Self:
        """A copy with ``change(name, value)`` for each parameter of the forward model.

        Of those of the parts of a chain, too, and of what stands inside a PSF or a mask.
        """
        params = {
            name: _changed(name, value, change) for name, value in self.physics.params.items()
        }
        return self.model_copy(update={"physics": Part(name=self.physics.name, params=params)})


def _changed(name: str, value: Any, change: Change) -> Any:
    value = change(name, value)
    if isinstance(value, dict):
        return {key: _changed(key, inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_changed(name, inner, change) for inner in value]
    return value


def _each_path(change: Callable[[str], str]) -> Change:
    """Applied to what names a file: the path of a PSF or mask, or a mask that is a path."""

    def changed(name: str, value: Any) -> Any:
        return change(value) if name in ("path", "mask") and isinstance(value, str) else value

    return changed


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, 0o666 & ~_umask())  # a temporary file is private, a recipe is not
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
