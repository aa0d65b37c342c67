"""``napari-ssi restore IN -o OUT.ome.tif``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import options
from .bar import Bar, duration, interruptible

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..recipe import Recipe
    from ..restoration import Restoration
    from ..stack import ImageStack


def add_options(parser: argparse.ArgumentParser) -> None:
    """Input, output and recipe."""
    options.add_input(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT.ome.tif", type=Path, required=True, help="the result"
    )
    parser.add_argument(
        "--start",
        metavar="FILE",
        type=Path,
        help="a saved model of an earlier recording to start the training from",
    )
    parser.add_argument(
        "--save-model", metavar="FILE", type=Path, help="keep what is learned, for --start"
    )
    options.add_recipe(parser)


def run(arguments: argparse.Namespace) -> int:
    """Restore and save; everything that can be refused is refused before the work."""
    from ..errors import InputError
    from ..io import write
    from ..io.writing import checked
    from ..saved_models import begin, save_model

    output = checked(arguments.output)
    kept = arguments.save_model
    for target in (output, kept):
        if target is not None:
            given = (arguments.input, arguments.psf, arguments.recipe, arguments.start)
            options.refuse_overwriting(target, *given)
            options.check_folder(target.parent)
    stack, notes = options.read_input(arguments)
    recipe = options.make_recipe(arguments)
    if arguments.start is not None:
        recipe, _ = begin(recipe, arguments.start, stack.n_channels)
    if kept is not None and recipe.is_baseline:
        raise InputError(
            f"{recipe.label} is a classical method, which learns no model to save; leave out "
            "--save-model, or choose a learned method."
        )
    say(f"{arguments.input.name}: {stack.describe()}")
    say_all(notes)
    say(f"{recipe.label}, {recipe.physics.name}, noise {recipe.noise.name}, seed {recipe.seed}")
    restoration = carry_out(recipe, stack)
    written = write(restoration, output)
    say_all(restoration.notes)
    print(f"Wrote {written}")
    if kept is not None:
        print(f"Wrote {save_model(restoration, kept)}")
    return 0


def carry_out(
    recipe: Recipe, stack: ImageStack, label: str = "", psf: NDArray[Any] | None = None
) -> Restoration:
    """Run the pipeline with a bar, under Ctrl-C; ``psf`` is one that is in no file.

    Raises
    ------
    InputError, Cancelled
        From the pipeline.
    """
    from .. import pipeline
    from ..events import Control

    control, bar = Control(), Bar(label=label)
    began = time.monotonic()
    with interruptible(control):
        try:
            restoration = pipeline.run(recipe, stack, psf=psf, control=control, report=bar)
        finally:
            bar.close()
    say(f"{label + ': ' if label else ''}done in {duration(time.monotonic() - began)}")
    return restoration


def say(sentence: str) -> None:
    """To stderr: stdout is for results."""
    print(sentence, file=sys.stderr)


def say_all(sentences: list[str] | tuple[str, ...]) -> None:
    """Each note on a line of its own."""
    for sentence in sentences:
        say(f"  note: {sentence}")
