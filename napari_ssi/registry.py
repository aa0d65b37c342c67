"""Discovery of physics, noise models, losses, baselines and networks.

A public module in one of the five packages is found by its file name. It holds
one public class and a literal ``ABOUT`` that says what it is, keyed by the name
that recipes use (the file name, or well-known settings of the same class)::

    ABOUT = {
        "ssi": {
            "label": "SSI",
            "summary": "One sentence in plain words.",
            "when": "When would one choose it.",
            "recommended": True,
            "physics": ["mixing"],        # names or TRAITS, one of which must fit; default: any
            "noise": ["independent"],     # default: any
            "network": ["blind_spot"],    # networks that a loss works with; default: any
            "params": {"density": 0.1},   # what the name presets
            "traits": ["linear"],         # of a forward model, see TRAITS
        },
    }

``ABOUT`` is read without importing the module, so that listing needs no torch.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from .errors import InputError

Kind = Literal["physics", "noise", "loss", "baseline", "network"]

PACKAGES: dict[Kind, str] = {
    "physics": "physics",
    "noise": "noise",
    "loss": "losses",
    "baseline": "baselines",
    "network": "networks",
}


#: What a forward model may be, in words that complete "needs a forward model …".
TRAITS = {
    "linear": "that is linear",
    "identity": "without blur",
    "mixing": "that mixes pixels (there is a blur to undo)",
    "invariant": "that is one convolution, the same everywhere",
    "saturating": "that saturates",
}


@dataclass(frozen=True)
class Entry:
    """One thing that a recipe can name."""

    kind: Kind
    name: str
    module: str
    class_name: str
    label: str
    summary: str
    when: str = ""
    recommended: bool = False
    physics: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    role: str = "data"
    traits: tuple[str, ...] = ()

    def load(self) -> Any:
        """The class itself; imports its module."""
        return getattr(importlib.import_module(self.module), self.class_name)

    def build(self, params: dict[str, Any] | None = None) -> Any:
        """An instance with the name's presets and ``params`` over them."""
        return self.load().from_params({**self.params, **(params or {})})

    def suits(self) -> list[str]:
        """The forward models it goes with, by name; ``[]`` for all."""
        if not self.physics:
            return []
        known = entries("physics")
        return [n for n, e in known.items() if {n, *e.traits} & set(self.physics)]

    def refusal(self, *, physics: str, noise: str, network: str = "") -> str:
        """Why it cannot be used with this physics, noise and, if given, network; ``""`` if it can."""
        if self.physics and not {physics, *_traits(physics)} & set(self.physics):
            names = [n for n in self.physics if n not in TRAITS]
            words = [f"the forward model {' or '.join(names)}"] if names else []
            wanted = [TRAITS[t] for t in self.physics if t in TRAITS]
            words += [f"a forward model {' or '.join(wanted)}"] if wanted else []
            return f"{self.label} needs {' or '.join(words)}; the recipe has {physics}."
        if self.noise and noise not in self.noise:
            accepted = " or ".join(self.noise)
            return f"{self.label} needs the noise model {accepted}; the recipe has {noise}."
        if self.network and network and network not in self.network:
            accepted = " or ".join(self.network)
            return f"{self.label} needs the network {accepted}; the recipe has {network}."
        return ""


@cache
def entries(kind: Kind) -> dict[str, Entry]:
    """All entries of a kind by name, recommended ones first; imports none of them."""
    package = f"{__package__}.{PACKAGES[kind]}"
    folder = Path(__file__).parent / PACKAGES[kind]
    found: list[Entry] = []
    for path in sorted(folder.glob("*.py")):
        if not path.stem.startswith("_"):
            found.extend(_entries_of(kind, path, f"{package}.{path.stem}"))
    found.sort(key=lambda entry: (not entry.recommended, entry.label.lower()))
    return {entry.name: entry for entry in found}


def _traits(physics: str) -> tuple[str, ...]:
    known = entries("physics").get(physics)
    return known.traits if known else ()


def find(kind: Kind, name: str) -> Entry:
    """The entry called ``name``; raises :class:`InputError` naming the choices."""
    known = entries(kind)
    if name not in known:
        choices = ", ".join(sorted(known))
        raise InputError(f"There is no {kind} called {name!r}; choose one of: {choices}.")
    return known[name]


def methods() -> dict[str, Entry]:
    """Everything that restores: data losses (trained) and baselines, recommended first."""
    losses = {n: e for n, e in entries("loss").items() if e.role == "data"}
    return losses | entries("baseline")


def network_for(method: str) -> str:
    """The network to take where none is named: the first that the method works with."""
    known = methods().get(method)
    return known.network[0] if known and known.network else "unet"


def _entries_of(kind: Kind, path: Path, module: str) -> list[Entry]:
    about: dict[str, dict[str, Any]] = {}
    class_name = ""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not class_name:
            class_name = node.name
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if isinstance(node, ast.Assign | ast.AnnAssign) and any(
            isinstance(target, ast.Name) and target.id == "ABOUT" for target in targets
        ):
            about = ast.literal_eval(node.value) if node.value else {}
    # A module without ABOUT is a base or a shared part.
    return [_entry(kind, name, module, class_name, facts) for name, facts in about.items()]


def _entry(kind: Kind, name: str, module: str, class_name: str, facts: dict[str, Any]) -> Entry:
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()}
    return Entry(kind=kind, name=name, module=module, class_name=class_name, **given)
