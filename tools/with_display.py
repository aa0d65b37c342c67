"""Run a command that opens windows: as it is where there is a display, else under a virtual one.

``python tools/with_display.py COMMAND ARGUMENT …``. Xvfb and not Qt's "offscreen" platform, because
napari's canvas needs a real OpenGL context; without one it draws black.
"""

from __future__ import annotations

import os
import subprocess
import sys


def main(command: list[str]) -> int:
    headless = not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and headless:
        print("No display: running under a virtual one (Xvfb).", flush=True)
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", *command]
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
