"""The command line: ``napari-ssi restore | compare | methods | info | psf | demo``.

Exit codes: 0 done (also when stopped with the best image kept), 1 something
given cannot be used (one sentence on stderr), 2 wrong usage, 130 cancelled.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import InputError
from ..events import Cancelled

#: Command and its one line of help; the module of that name adds its options and runs it.
COMMANDS = {
    "restore": "restore one recording",
    "compare": "run all methods on one recording, side by side",
    "methods": "list everything a recipe can name, with parameters",
    "info": "say what is understood of a file",
    "psf": "make a point-spread function",
    "demo": "restore a simulated recording in a napari window",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; never raises for a user's fault."""
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # --help, --version, or wrong usage
        return int(stop.code or 0)
    command = importlib.import_module(f".{arguments.command}", __name__)
    try:
        return int(command.run(arguments))
    except InputError as error:
        print(f"napari-ssi: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, Cancelled):
        print("\nnapari-ssi: cancelled, nothing was written.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # napari-ssi methods | head
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
        return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands; imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="napari-ssi",
        description="Restore noisy, blurred microscope recordings without training data.",
        epilog="napari-ssi COMMAND --help says what each takes.",
    )
    parser.add_argument("--version", action="version", version=f"napari-ssi {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, words in COMMANDS.items():
        sub = commands.add_parser(name, help=words, description=words[:1].upper() + words[1:] + ".")
        importlib.import_module(f".{name}", __name__).add_options(sub)
    return parser
