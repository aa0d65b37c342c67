"""``napari-ssi psf theory | beads | image | inspect …``: where point-spread functions come from."""

from __future__ import annotations

import argparse
import importlib
from types import ModuleType

#: Command and its one line of help; the module ``psf_NAME`` beside this one adds its options and
#: runs it.
COMMANDS = {
    "theory": "compute a PSF from what is written on the objective",
    "beads": "distil a PSF from a recording of beads",
    "image": "suggest the width of a PSF from the recording itself",
    "inspect": "measure a PSF and warn of what may be wrong",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    commands = parser.add_subparsers(dest="psf_command", required=True, metavar="COMMAND")
    for name, words in COMMANDS.items():
        sub = commands.add_parser(name, help=words, description=words[:1].upper() + words[1:] + ".")
        _module(name).add_options(sub)


def run(arguments: argparse.Namespace) -> int:
    """Run the command that was chosen."""
    return int(_module(arguments.psf_command).run(arguments))


def _module(name: str) -> ModuleType:
    return importlib.import_module(f".psf_{name}", __package__)
