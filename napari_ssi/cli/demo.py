"""``napari-ssi demo``: the main job on a simulated recording, from picking it to the result."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import options
from .restore import carry_out, say

if TYPE_CHECKING:
    from ..recipe import Recipe
    from ..restoration import Restoration
    from ..samples import Sample

SAMPLES = ("cells_2d", "nuclei_3d")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Where to leave pictures, and which specimen."""
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        help="train, save pictures and the result there, and end; without it a window stays open",
    )
    parser.add_argument("--sample", choices=SAMPLES, default="cells_2d", help="the specimen")
    parser.add_argument(
        "--effort",
        choices=options.EFFORTS,
        help="how long to train at most; balanced in a window that stays, where nobody watches quick, "
        "which takes some minutes on two cores",
    )


def run(arguments: argparse.Namespace) -> int:
    """Open the window where there is a display; with ``--output``, train and leave pictures."""
    from .. import samples

    folder = arguments.output
    if folder is None and not has_display():
        folder = Path("demo-output")
        say(f"There is no display: the result goes to {folder}.")
    if folder is not None:
        options.make_folder(folder)
    trouble = qt_trouble()
    if trouble:
        if folder is None:
            folder = Path("demo-output")
            options.make_folder(folder)
        say(f"napari's window cannot be opened here ({trouble}): the same is done without it.")
        sample = samples.make(arguments.sample)
        plan = recipe(sample, arguments.effort or "quick")
        leave(sample, [carry_out(plan, sample.stack, psf=sample.psf)], folder)
        return 0
    from .._qt import demo_window

    if folder is None:
        return demo_window.stay(arguments.sample, arguments.effort or "balanced")
    say("Opening napari with the Restore panel; training starts at once.")
    restorations = demo_window.record(
        arguments.sample, arguments.effort or "quick", folder / "screenshot.png", say
    )
    leave(samples.make(arguments.sample), restorations, folder)
    return 0


def recipe(sample: Sample, effort: str) -> Recipe:
    """SSI with the sample's own PSF."""
    from ..psf.source import sha256
    from ..recipe import Recipe

    return Recipe.create(
        physics={
            "name": "blur",
            "params": {"psf": {"kind": "array", "sha256": sha256(sample.psf)}},
        },
        method="ssi",
        effort=effort,
    )


def leave(sample: Sample, restorations: Sequence[Restoration], folder: Path) -> None:
    """Save before, after, comparison and the last of the results; say where."""
    from ..io import write
    from .compare import first_frame
    from .picture import comparison, grey, limits, save

    frame = first_frame(sample.stack)
    before, after = np.asarray(sample.stack.data[frame]), restorations[-1].image[frame]
    save(grey(before, *limits([before])), folder / "before.png")
    save(grey(after, *limits([after])), folder / "after.png")
    panels = [("Recorded", before)]
    panels += [(r.recipe.label, r.image[frame]) for r in restorations]
    panels.append(("Truth", sample.truth[frame]))
    comparison(panels, folder / "comparison.png", columns=3)
    write(restorations[-1], folder / "restored.ome.tif")
    print(f"Wrote to {folder}: {', '.join(sorted(p.name for p in folder.iterdir()))}")


def has_display() -> bool:
    """Whether a window could be seen."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def qt_trouble() -> str:
    """Why Qt cannot open a window, or ``""``.

    Asked in a process of its own: without the libraries of X, Qt aborts instead of
    raising anything.
    """
    import subprocess

    if not has_display():
        return "there is no display"
    probe = "from qtpy.QtWidgets import QApplication; QApplication([])"
    try:
        done = subprocess.run(
            [sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[0][:160] if lines else f"exit code {done.returncode}"
