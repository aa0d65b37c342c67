"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from ..recipe import Recipe
    from ..stack import ImageStack

EFFORTS = ("quick", "balanced", "thorough")
DEVICES = ("auto", "cpu", "cuda", "mps")


def add_input(parser: argparse.ArgumentParser) -> None:
    """The recording, and what its file may not say."""
    parser.add_argument("input", metavar="IN", type=Path, help="TIFF, OME-Zarr, .npy or grey PNG")
    parser.add_argument("--axes", metavar="ZYX", help="a letter per axis from T, C, Z, Y, X")
    parser.add_argument(
        "--pixel-size",
        metavar="µm",
        type=lengths,
        help="µm per pixel: one number, Y,X or Z,Y,X",
    )


def add_recipe(parser: argparse.ArgumentParser, *, method: bool = True) -> None:
    """What is done: any option goes over what ``--recipe`` says."""
    parser.add_argument("--psf", metavar="FILE", type=Path, help="the PSF; none: remove noise only")
    parser.add_argument(
        "--physics",
        metavar="NAME",
        help="what happened between specimen and recording, see napari-ssi methods",
    )
    if method:
        parser.add_argument("--method", metavar="NAME", help="see napari-ssi methods")
        parser.add_argument(
            "--recipe",
            metavar="FILE",
            type=Path,
            help="a recipe (.json), or a result that holds one",
        )
    parser.add_argument("--noise", metavar="NAME", help="what is known of the noise")
    parser.add_argument(
        "--offset", metavar="COUNTS", type=float, help="the camera's offset; estimated if not given"
    )
    parser.add_argument("--effort", choices=EFFORTS, help="how long to train at most")
    parser.add_argument("--seed", metavar="N", type=int, help="of all random numbers")
    parser.add_argument("--device", choices=DEVICES, help="where to compute; auto: a GPU if any")
    parser.add_argument(
        "--set",
        metavar="PART.PARAM=VALUE",
        action="append",
        type=setting,
        default=[],
        dest="settings",
        help="any parameter, e.g. training.steps=500; may be repeated",
    )


def lengths(text: str) -> tuple[float, ...]:
    """``"0.3,0.1,0.1"`` as numbers."""
    try:
        values = tuple(float(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number or Y,X or Z,Y,X in µm"
        ) from None
    if not all(0 < v < float("inf") for v in values) or len(values) > 3:
        raise argparse.ArgumentTypeError(f"{text!r}: one to three numbers above 0, in µm")
    return values


def setting(text: str) -> tuple[str, str]:
    """``"training.steps=500"`` as key and value."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"{text!r} must be a name, = and a value")
    return key.strip(), value.strip()


def read_input(arguments: argparse.Namespace) -> tuple[ImageStack, list[str]]:
    """The recording that the options name, and notes on it."""
    from ..io import read_with_notes

    return read_with_notes(arguments.input, axes=arguments.axes, pixel_size=arguments.pixel_size)


def make_recipe(arguments: argparse.Namespace, method: str | None = None) -> Recipe:
    """The recipe that the options describe; ``method`` stands for ``--method``.

    Raises
    ------
    InputError
        A name, a value or a combination that cannot work.
    """
    from .. import registry
    from ..io import read_recipe
    from ..io.psfs import psf_source
    from ..recipe import Recipe

    base = getattr(arguments, "recipe", None)
    tree = (read_recipe(base) if base else Recipe()).model_dump(mode="json")
    settings = dict(arguments.settings)
    for name in (
        "physics",
        "noise",
    ):  # as by their own options: the default method follows from them
        if not settings.get(name, "{").startswith("{"):
            tree[name] = {"name": settings.pop(name), "params": {}}
    if arguments.physics:
        tree["physics"] = {"name": arguments.physics, "params": {}}
    if arguments.psf is not None:
        if not takes_psf(tree["physics"]["name"]):
            if arguments.physics:
                raise InputError(
                    f"The forward model {arguments.physics} takes no PSF; leave --psf out, or name "
                    "several in a row with --physics compose."
                )
            tree["physics"] = {"name": "blur", "params": {}}
        tree["physics"]["params"]["psf"] = psf_source(arguments.psf)
    if arguments.noise:
        tree["noise"] = arguments.noise
    if arguments.offset is not None:
        tree["levels"]["offset"] = arguments.offset
    for name in ("effort", "seed", "device"):
        if getattr(arguments, name) is not None:
            tree[name] = getattr(arguments, name)
    method = method or arguments.method
    if method:
        tree["method"] = method
        needs = registry.methods().get(method)
        if needs and needs.network and tree["network"]["name"] not in needs.network:
            tree["network"] = needs.network[0]
    elif not base:
        tree["method"] = default_method(tree["physics"]["name"], _name(tree["noise"]))
    return Recipe.create(**tree).with_settings(settings)


def default_method(physics: str, noise: str) -> str:
    """The first recommended method that goes with this physics and noise."""
    from .. import registry

    fitting = [
        e for e in registry.methods().values() if not e.refusal(physics=physics, noise=noise)
    ]
    if not fitting:
        raise InputError(f"No method goes with the physics {physics} and the noise {noise}.")
    learned = [e for e in fitting if e.kind == "loss"]
    return (learned or fitting)[0].name


def takes_psf(physics: str) -> bool:
    """Whether a forward model has a PSF among its parameters."""
    from .. import registry

    return "psf" in registry.find("physics", physics).load().model_fields


def refuse_overwriting(output: Path, *inputs: Path | None) -> None:
    """Raise :class:`InputError` where ``output`` is one of the files that are read."""
    for given in inputs:
        if given is not None and output.exists() and given.exists() and output.samefile(given):
            raise InputError(
                f"{output} is also an input, which is never overwritten; name another."
            )


def make_folder(folder: Path) -> None:
    """Make ``folder`` where it is not there, and see that it can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made: {error.strerror}.") from None
    check_folder(folder)


def check_folder(folder: Path) -> None:
    """Raise :class:`InputError` before the work rather than after it, if nothing can be saved."""
    import os

    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; create it first.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"The folder {folder} cannot be written; choose another.")


def _name(part: str | dict[str, object]) -> str:
    return part if isinstance(part, str) else str(part["name"])
