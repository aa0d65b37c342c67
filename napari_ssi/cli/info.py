"""``napari-ssi info IN``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from . import options


def add_options(parser: argparse.ArgumentParser) -> None:
    """The file, and the form of the answer."""
    options.add_input(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace) -> int:
    """Print what is understood of a recording: axes, pixel size, levels, recipe."""
    facts = collect(arguments)
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return 0
    print(f"{arguments.input}: {facts['summary']}")
    print(f"  axes        {facts['axes']}, {' x '.join(map(str, facts['shape']))}")
    for channel in facts["channels"]:
        print(f"  {channel['name']:<11} {channel['levels']}")
    for note in facts["notes"]:
        print(f"  note: {note}")
    if facts["recipe"]:
        print(f"  This is a result: {facts['recipe']['method'][0]['name']}, recipe inside.")
    return 0


def collect(arguments: argparse.Namespace) -> dict[str, Any]:
    """The answer as plain data."""
    import numpy as np

    from .. import background
    from ..errors import InputError
    from ..io.recipes import read_annotation

    stack, notes = options.read_input(arguments)
    channels = []
    for channel in range(stack.n_channels):
        try:
            levels = background.measure(list(stack.planes(channel))).describe()
        except InputError as error:
            levels = str(error)
        channels.append({"name": stack.channel_name(channel), "levels": levels})
    recipe = None
    if arguments.input.suffix.lower() in (".tif", ".tiff"):
        text = read_annotation(arguments.input).get("recipe")
        recipe = json.loads(text) if text else None
    return {
        "summary": stack.describe(),
        "axes": stack.axes,
        "shape": list(stack.shape),
        "dtype": np.dtype(stack.data.dtype).str,
        "pixel_size_um": list(stack.pixel_size) if stack.pixel_size else None,
        "channels": channels,
        "notes": notes,
        "recipe": recipe,
    }
