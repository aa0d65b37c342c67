"""``napari-ssi compare IN --psf FILE -o FOLDER``: all methods on one recording."""

from __future__ import annotations

import argparse
import csv
import io
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from . import options
from .restore import carry_out, say, say_all

if TYPE_CHECKING:
    from ..restoration import Restoration
    from ..stack import ImageStack

SCORES = ("psnr", "ssim", "mi", "smi")
HEADER = {
    "method": "method",
    "seconds": "seconds",
    "held_out": "held-out error",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "mi": "MI (bits)",
    "smi": "SMI (bits)",
    "note": "note",
}
UNLIKE = (
    "  note: Held-out errors compare among learned methods. Classical ones are tuned on other pixels, "
    "and outliers count differently there."
)


@dataclass
class Row:
    """One method's line of the table, and its image if it succeeded."""

    name: str
    label: str
    values: dict[str, float] = field(default_factory=dict)
    note: str = ""
    image: NDArray[Any] | None = None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Input, truth, output, and which methods."""
    options.add_input(parser)
    parser.add_argument("--truth", metavar="FILE", type=Path, help="the ground truth, to score by")
    parser.add_argument(
        "--fit",
        action="store_true",
        help="fit gain and offset to the truth before scoring (a truth from another exposure)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FOLDER", type=Path, required=True, help="made if it is not there"
    )
    parser.add_argument(
        "--methods", metavar="A,B", help="only these; all that the physics allows if not given"
    )
    options.add_recipe(parser, method=False)


def run(arguments: argparse.Namespace) -> int:
    """Run each method, and leave results, table.csv, table.md and comparison.png in the folder."""
    from .. import registry
    from ..io import write
    from .picture import comparison

    stack, notes = options.read_input(arguments)
    truth = _read_truth(arguments, stack)
    folder = arguments.output
    options.make_folder(folder)
    say(f"{arguments.input.name}: {stack.describe()}")
    say_all(notes)
    frame = first_frame(stack)
    rows = [Row("input", "Input", score(stack, stack.data, truth, arguments.fit))]
    for name in _methods(arguments):
        row = Row(name, registry.methods()[name].label)
        rows.append(row)
        began = time.monotonic()
        try:
            output = folder / f"{name}.ome.tif"
            options.refuse_overwriting(output, arguments.input, arguments.psf, arguments.truth)
            restoration = carry_out(options.make_recipe(arguments, name), stack, row.label)
            row.values["seconds"] = time.monotonic() - began
            row.values |= held_out(restoration)
            row.values |= score(stack, restoration.image, truth, arguments.fit)
            row.image = restoration.image[frame]
            write(restoration, output)
        except InputError as error:
            row.note = str(error)
            say(f"{row.label}: {error}")
    panels = [("Input", np.asarray(stack.data[frame]))]
    panels += [(_title(row), row.image) for row in rows if row.image is not None]
    if truth is not None:
        panels.append(("Truth", np.asarray(truth.data[frame])))
    comparison(panels, folder / "comparison.png")
    _save(folder / "table.csv", as_csv(rows))
    _save(folder / "table.md", as_markdown(rows))
    print(as_markdown(rows))
    if len({registry.methods()[row.name].kind for row in rows[1:] if "held_out" in row.values}) > 1:
        say(UNLIKE)
    print(f"Wrote {folder}: table.csv, table.md, comparison.png and the results.")
    return 0 if len(panels) > 1 + (truth is not None) else 1


def first_frame(stack: ImageStack) -> tuple[int | slice, ...]:
    """Index of the plane to show: first time point and channel, middle z."""
    at: dict[str, int | slice] = {"T": 0, "C": 0, "Z": stack.size("Z") // 2}
    return tuple(at.get(axis, slice(None)) for axis in stack.axes)


def held_out(restoration: Restoration) -> dict[str, float]:
    """The held-out error, averaged over the channels; empty where there is none."""
    found = [
        float(v) for k, v in restoration.estimates.items() if "held_out" in k or "held-out" in k
    ]
    if not found:
        for channel in restoration.history:
            for key in ("best_held_out", "held_out"):
                kept = np.asarray(channel.get(key, []), float)
                kept = kept[np.isfinite(kept)]
                if kept.size:
                    found.append(float(kept.min()))
                    break
    return {"held_out": float(np.mean(found))} if found else {}


def score(stack: ImageStack, image: Any, truth: ImageStack | None, fit: bool) -> dict[str, float]:
    """PSNR, SSIM, MI and SMI, averaged over time points and channels; empty without a truth."""
    if truth is None:
        return {}
    from dataclasses import replace

    from ..quality.affine_fit import affine_fit
    from ..quality.mutual_information import mutual_information
    from ..quality.psnr import psnr
    from ..quality.spectral_mutual_information import spectral_mutual_information
    from ..quality.ssim import ssim

    result = replace(stack, data=image)
    per_frame: list[tuple[float, ...]] = []
    for channel in range(stack.n_channels):
        # SSIM's window wants seven planes: thinner stacks are scored plane by plane.
        thin = stack.ndim == 3 and stack.size("Z") < 7
        for index in stack.frames(channel, 2 if thin else None):
            a, b = result.read(index), truth.read(index)
            if fit:
                a = affine_fit(a, b).astype(np.float32)
            span = float(b.max() - b.min()) or 1.0
            per_frame.append(
                (
                    psnr(a, b, span),
                    ssim(a, b, span),
                    mutual_information(a, b),
                    spectral_mutual_information(a, b),
                )
            )
    means = np.mean(per_frame, axis=0)
    return dict(zip(SCORES, (float(m) for m in means), strict=True))


def as_csv(rows: list[Row]) -> str:
    """The table for programs, with all digits."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows:
        numbers = [repr(row.values[k]) if k in row.values else "" for k in list(HEADER)[1:-1]]
        writer.writerow([row.name, *numbers, row.note])
    return out.getvalue()


def as_markdown(rows: list[Row]) -> str:
    """The table for people; columns without a number are left out."""
    keys = [
        k
        for k in HEADER
        if k == "method"
        or any(k in row.values for row in rows)
        or (k == "note" and any(row.note for row in rows))
    ]
    digits = {"seconds": 1, "psnr": 2, "ssim": 3, "mi": 3, "smi": 3}

    def cell(row: Row, key: str) -> str:
        if key == "method":
            return row.label
        if key == "note":
            return row.note
        value = row.values.get(key, math.nan)
        if math.isnan(value):
            return "–"
        return f"{value:.{digits[key]}f}" if key in digits else f"{value:.4g}"

    lines = ["| " + " | ".join(HEADER[k] for k in keys) + " |"]
    lines.append("|" + "|".join("---" if k in ("method", "note") else "---:" for k in keys) + "|")
    lines += ["| " + " | ".join(cell(row, k) for k in keys) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _read_truth(arguments: argparse.Namespace, stack: ImageStack) -> ImageStack | None:
    if arguments.truth is None:
        return None
    from ..io import read

    truth = read(arguments.truth, axes=stack.axes)
    if truth.shape != stack.shape:
        raise InputError(
            f"The truth must have the shape of the recording, {stack.shape}; got {truth.shape}."
        )
    return truth


def _methods(arguments: argparse.Namespace) -> list[str]:
    from .. import registry

    known = registry.methods()
    if arguments.methods:
        names = [name.strip() for name in arguments.methods.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise InputError(
                    f"There is no method {name!r}; choose from: {', '.join(sorted(known))}."
                )
        if not names:
            raise InputError(f"--methods names none; choose from: {', '.join(sorted(known))}.")
        return names
    physics = arguments.physics or ("blur" if arguments.psf is not None else "denoising")
    noise = arguments.noise or "independent"
    fitting = [n for n, e in known.items() if not e.refusal(physics=physics, noise=noise)]
    # Baselines first: they are quick, and something to look at soon.
    return sorted(fitting, key=lambda n: known[n].kind != "baseline")


def _title(row: Row) -> str:
    return f"{row.label}  {row.values['psnr']:.1f} dB" if "psnr" in row.values else row.label


def _save(path: Path, text: str) -> None:
    from ..io.atomic import atomically

    with atomically(path) as (temporary,):
        temporary.write_text(text, encoding="utf-8")
