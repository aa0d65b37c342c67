"""``napari-ssi methods [--json | --table]``."""

from __future__ import annotations

import argparse
import json
import textwrap
import types
import typing
from typing import Any

HEADINGS = {
    "loss": "Learned methods (self-supervised)",
    "baseline": "Classical methods",
    "physics": "Physics: what blurred it",
    "noise": "Noise: what is known of it",
    "network": "Networks",
    "training": "Training",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The form of the answer."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument(
        "--table", action="store_true", help="which method goes with which noise and physics"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print everything the registry knows, with parameters, ranges, units and needs."""
    if arguments.table:
        print("\n".join(table()))
        return 0
    catalogue = collect()
    if arguments.json:
        print(json.dumps(catalogue, indent=2, ensure_ascii=False))
    else:
        print("\n".join(describe(catalogue)))
    return 0


def collect() -> dict[str, list[dict[str, Any]]]:
    """The catalogue as plain data, by kind."""
    from .. import registry
    from ..training.settings import Training

    catalogue: dict[str, list[dict[str, Any]]] = {}
    for kind in ("loss", "baseline", "physics", "noise", "network"):
        catalogue[kind] = [
            {
                "name": entry.name,
                "label": entry.label,
                "summary": entry.summary,
                "when": entry.when,
                "recommended": entry.recommended,
                "role": entry.role,
                "needs": {"physics": entry.suits(), "noise": list(entry.noise)},
                "parameters": parameters(entry.load(), entry.params),
            }
            for entry in registry.entries(kind).values()
        ]
    summary = "How the network is trained; --effort presets the number of steps."
    catalogue["training"] = [
        {
            "name": "training",
            "label": "Training",
            "summary": summary,
            "when": "",
            "recommended": False,
            "role": "training",
            "needs": {"physics": [], "noise": []},
            "parameters": parameters(Training, {}),
        }
    ]
    return catalogue


def table() -> list[str]:
    """What goes with what, as a Markdown table; from the same facts that refuse a recipe."""
    from .. import registry

    noises = registry.entries("noise")
    physics = registry.entries("physics")
    rows = [["Method", "Physics", *(entry.name for entry in noises.values())]]
    for method in registry.methods().values():
        for model in physics:
            fits = [not method.refusal(physics=model, noise=noise) for noise in noises]
            if any(fits):
                rows.append([method.name, model, *("yes" if fit else "-" for fit in fits)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in rows
    ]


def parameters(owner: Any, presets: dict[str, Any]) -> list[dict[str, Any]]:
    """Name, type, default, range, unit and words of each field of a configured class."""
    found = []
    for name, field in owner.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        bounds = {
            bound: getattr(mark, bound)
            for mark in field.metadata
            for bound in ("ge", "gt", "le", "lt")
            if getattr(mark, bound, None) is not None
        }
        default = presets.get(name, field.get_default(call_default_factory=True))
        found.append(
            {
                "name": name,
                "title": field.title or name,
                "type": _type_name(field.annotation),
                "default": json.loads(json.dumps(default, default=str)),
                "range": bounds,
                "unit": extra.get("unit", ""),
                "advanced": bool(extra.get("advanced", False)),
                "description": field.description or "",
            }
        )
    return found


def describe(catalogue: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The catalogue as lines for people."""
    lines: list[str] = []
    for kind, entries in catalogue.items():
        lines += [HEADINGS[kind], "=" * len(HEADINGS[kind])]
        for entry in entries:
            star = "  (recommended)" if entry["recommended"] else ""
            lines.append(f"{entry['name']}: {entry['label']}{star}")
            lines += _wrapped(entry["summary"])
            if entry["when"]:
                lines += _wrapped(f"When: {entry['when']}")
            for what, names in entry["needs"].items():
                if names:
                    lines += _wrapped(f"Needs {what}: {' or '.join(names)}.")
            for parameter in entry["parameters"]:
                lines += _wrapped(_parameter(parameter), "      ")
            lines.append("")
    return lines


def _parameter(parameter: dict[str, Any]) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    facts = [parameter["type"]]
    facts += [f"{signs[bound]} {value:g}" for bound, value in parameter["range"].items()]
    unit = f" {parameter['unit']}" if parameter["unit"] else ""
    default = "automatic" if parameter["default"] is None else json.dumps(parameter["default"])
    return (
        f"{parameter['name']} ({', '.join(facts)}{unit}; default {default}): "
        f"{parameter['description']}"
    )


def _type_name(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_name(arguments[0])
    if origin is typing.Literal:
        return " | ".join(json.dumps(a) for a in arguments)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(_type_name(a) for a in arguments if a is not type(None))
    if origin is not None:
        return str(annotation).replace("typing.", "")
    return str(getattr(annotation, "__name__", annotation))


def _wrapped(text: str, indent: str = "    ") -> list[str]:
    return textwrap.wrap(text, 96, initial_indent=indent, subsequent_indent=indent + "  ")
