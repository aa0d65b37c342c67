#!/usr/bin/env python3
"""Run the demo, the tests or the checks from a fresh clone: ``python3 dev.py demo``, ``python3 dev.py test``.

Needs nothing but Python 3.11 and pip. tox builds the environments; where it is missing it is put into ``.tools``, which
also works with a Python that the system manages. What follows ``--`` goes to the command inside, e.g.
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


def main() -> int:
    if sys.version_info < (3, 11):
        return fail(f"napari-ssi needs Python 3.11 or newer. This is {sys.version.split()[0]}.")
    # Split by hand, because argparse treats "--" differently from one version to the next.
    arguments = sys.argv[1:]
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=ENVIRONMENTS)
    task = parser.parse_args(arguments[:cut]).task
    environment = os.environ.copy()
    if not has_tox(environment):
        # A folder per Python version, as a compiled dependency of one does not load in another.
        tools = ROOT / ".tools" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        environment["PYTHONPATH"] = str(tools)
        if not has_tox(environment):
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(tools), "tox>=4.22"]
            if subprocess.call(pip) != 0:
                return fail(f"Could not install tox into {tools}. Is pip there, and the network?")
    tox = [sys.executable, "-m", "tox", "run", "-e", ENVIRONMENTS[task], "--", *arguments[cut + 1 :]]
    return subprocess.call(tox, cwd=ROOT, env=environment)


def has_tox(environment: dict[str, str]) -> bool:
    check = "import importlib.metadata as m; assert int(m.version('tox').split('.')[0]) >= 4; import tox.run"
    return subprocess.run([sys.executable, "-c", check], env=environment, stderr=subprocess.DEVNULL).returncode == 0


def fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
