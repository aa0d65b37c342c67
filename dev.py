#!/usr/bin/env python3
"""Run the demo, the tests or the checks from a fresh clone.

``python3 dev.py demo`` and ``python3 dev.py test`` need nothing but Python 3.11 and pip. tox builds
the environments; where it is missing it is put into ``.tools``, which also works with a Python that
the system manages. What follows ``--`` goes to the command inside, for example
``python3 dev.py test -- -k wiener``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENTS = {"demo": "demo", "test": "pyqt5", "test-pyqt6": "pyqt6", "lint": "lint"}
HAS_TOX = "import importlib.metadata as m; assert m.version('tox') >= '4'; import tox.run"


def main() -> int:
    if sys.version_info < (3, 11):
        return fail(f"napari-ssi needs Python 3.11 or newer. This is {sys.version.split()[0]}.")
    # Split by hand, because argparse treats "--" differently from one version to the next.
    arguments = sys.argv[1:]
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("task", choices=ENVIRONMENTS)
    task = parser.parse_args(arguments[:cut]).task

    if python("-c", HAS_TOX, quiet=True):
        # A folder per Python version: what is compiled for one does not load in another.
        tools = str(ROOT / ".tools" / f"python{sys.version_info.major}.{sys.version_info.minor}")
        os.environ["PYTHONPATH"] = tools
        pip = ["-m", "pip", "install", "--quiet", "--root-user-action=ignore", "--upgrade"]
        if python("-c", HAS_TOX, quiet=True) and python(*pip, "--target", tools, "tox>=4.22"):
            return fail(f"tox could not be installed into {tools}. Are pip and the network there?")
    return python("-m", "tox", "run", "-e", ENVIRONMENTS[task], "--", *arguments[cut + 1 :])


def python(*arguments: str, quiet: bool = False) -> int:
    """Run this Python in the repository; returns its exit code, 0 where all went well."""
    errors = subprocess.DEVNULL if quiet else None
    return subprocess.call([sys.executable, *arguments], cwd=ROOT, stderr=errors)


def fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
