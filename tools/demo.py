"""``napari-ssi demo``: a window that stays where there is a display, else pictures of one.

Without a display the same window opens under Xvfb (Qt's "offscreen" platform will not do: napari's
canvas needs a real OpenGL context and draws black without one), trains, and leaves before and after
pictures, a screenshot and the restored OME-TIFF in ``demo-output``. Arguments are passed on.
"""

from __future__ import annotations

import os
import subprocess
import sys

OUTPUT = "demo-output"


def main(arguments: list[str]) -> int:
    command = ["napari-ssi", "demo", *arguments]
    headless = not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and headless:
        print(f"No display: running under a virtual one (Xvfb), into {OUTPUT}.", flush=True)
        if "--output" not in arguments:
            command += ["--output", OUTPUT]
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", *command]
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
