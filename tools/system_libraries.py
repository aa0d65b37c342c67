"""Install the system libraries that Qt and a virtual display need, where they are missing.

Qt's own message for any of them is "could not load the platform plugin xcb", followed by an abort,
so each one is tried beforehand. On Debian and Ubuntu as root (or with sudo that asks no password)
the missing packages are installed; otherwise the command that installs them is printed. Does
nothing on macOS and Windows.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys

# File name -> Debian package, for Qt 5 and Qt 6, and for the OpenGL that draws napari's canvas.
LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libOpenGL.so.0": "libopengl0",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libXext.so.6": "libxext6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
# The virtual display, for a machine without a screen and for the tests on any machine.
PROGRAMS = {"Xvfb": "xvfb", "xvfb-run": "xvfb", "xauth": "xauth"}


def missing() -> dict[str, str]:
    absent = {name: package for name, package in PROGRAMS.items() if shutil.which(name) is None}
    for name, package in LIBRARIES.items():
        try:
            ctypes.CDLL(name)
        except OSError:
            absent[name] = package
    return absent


def main() -> int:
    if not sys.platform.startswith("linux"):
        return 0
    absent = missing()
    if not absent:
        return 0
    packages = sorted(set(absent.values()))
    if shutil.which("apt-get") is None:
        sentence = "napari's window needs these; please install them with your package manager:"
        print(sentence, *absent, file=sys.stderr)
        return 1
    prefix = administrator()
    if prefix is None:
        sentence = "napari's window needs system libraries that are missing. Please run:"
        command = "sudo apt-get update && sudo apt-get install -y --no-install-recommends"
        print(f"{sentence}\n  {command}", *packages, file=sys.stderr)
        return 1
    print("Installing system libraries:", *packages, flush=True)
    # Said on the command line, because sudo drops the environment.
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    subprocess.call([*apt, "update"], stdin=subprocess.DEVNULL)
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    # apt's long log is of interest only when it fails.
    result = subprocess.run(
        install,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    absent = missing()
    if result.returncode != 0 or absent:
        print(result.stdout, result.stderr, "Could not install:", *absent, file=sys.stderr)
        return 1
    return 0


def administrator() -> list[str] | None:
    """The prefix with which a command runs as root, or None where that is not allowed."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "--non-interactive"]
    if (
        shutil.which("sudo")
        and subprocess.run([*sudo, "true"], capture_output=True).returncode == 0
    ):
        return sudo
    return None


if __name__ == "__main__":
    sys.exit(main())
