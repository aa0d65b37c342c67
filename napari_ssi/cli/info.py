"""``napari-ssi info IN [--noise]``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ..background import Lowest
from . import options

if TYPE_CHECKING:
    from ..noise.estimation import NoiseReport


def add_options(parser: argparse.ArgumentParser) -> None:
    """The file, and the form of the answer."""
    options.add_input(parser)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--noise", action="store_true", help="measure the noise of each channel")
    parser.add_argument(
        "--dark",
        metavar="FILE",
        type=Path,
        help="frames taken without light, for --noise: they tell offset and read noise best",
    )
    parser.add_argument(
        "--mask",
        metavar="FILE",
        type=Path,
        help="unusable pixels (TIFF or .npy, not zero where they are), which --noise leaves out",
    )
    parser.add_argument(
        "--lowest",
        choices=get_args(Lowest),
        default="measured",
        help="what pixels are that pile up at the lowest value: clipped there, or reached by no photon "
        "(default: told by their scatter)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what is understood of a recording: axes, pixel size, levels; of a result, its figures."""
    facts = collect(arguments)
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return 0
    print(f"{arguments.input}: {facts['summary']}")
    print(f"  axes        {facts['axes']}, {' x '.join(map(str, facts['shape']))}")
    for channel in facts["channels"]:
        print(f"  {channel['name']:<11} {channel['levels']}")
        if "noise" in channel:
            print(f"  {'':<11} {channel['noise']}")
            print(f"  {'':<11} {channel['advice']}")
    for note in facts["notes"]:
        print(f"  note: {note}")
    if facts["recipe"]:
        print(f"  This is a result: {facts['recipe']['method'][0]['name']}, recipe inside.")
    for name, value in facts["estimates"].items():
        print(f"    {name:<20} {value if isinstance(value, str) else format(value, '.4g')}")
    for note in facts["result_notes"]:
        print(f"    note: {note}")
    return 0


def collect(arguments: argparse.Namespace) -> dict[str, Any]:
    """The answer as plain data."""
    import numpy as np

    from .. import background, io
    from ..errors import InputError
    from ..io.recipes import read_annotation
    from ..physics._mask import read_mask

    stack, notes = options.read_input(arguments)
    dark = None if arguments.dark is None else io.read(arguments.dark)
    mask = None if arguments.mask is None else read_mask(arguments.mask)
    channels = []
    for channel in range(stack.n_channels):
        facts = {"name": stack.channel_name(channel)}
        try:
            planes = list(stack.planes(channel))
            levels = background.measure(planes, lowest=arguments.lowest)
            facts["levels"] = levels.describe()
            if arguments.noise or dark is not None or mask is not None:
                from ..noise.measuring import measure_noise

                report = measure_noise(
                    stack, channel, lowest=arguments.lowest, dark=dark, mask=mask
                )
                facts |= _noise(report)
        except InputError as error:
            facts["levels"] = str(error)
        channels.append(facts)
    inside = {}
    if arguments.input.suffix.lower() in (".tif", ".tiff"):
        texts = read_annotation(arguments.input)
        kept = ("recipe", "estimates", "notes")
        inside = {name: json.loads(texts[name]) for name in kept if texts.get(name)}
    return {
        "summary": stack.describe(),
        "axes": stack.axes,
        "shape": list(stack.shape),
        "dtype": np.dtype(stack.data.dtype).str,
        "pixel_size_um": list(stack.pixel_size) if stack.pixel_size else None,
        "channels": channels,
        "notes": notes,
        "recipe": inside.get("recipe"),
        "estimates": inside.get("estimates", {}),
        "result_notes": inside.get("notes", []),
    }


def _noise(report: NoiseReport) -> dict[str, Any]:
    """In words, as numbers, and what to do about it."""
    from ..noise.estimation import recommend

    name, params, _, advice = recommend(report, "denoising")
    return {
        "noise": report.sentence,
        "advice": advice,
        "noise_model": {"name": name, "params": params},
    }
