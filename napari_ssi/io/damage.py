"""Is a TIFF whole? Readers that open what is left of one do not say so."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

import tifffile

from ..errors import InputError

#: IFDs are followed at most this far; a longer chain is taken to be whole.
MANY = 1_000_000


def follow(path: Path) -> tuple[int, bool]:
    """The number of planes in the chain that starts at the header, and whether it breaks off.

    Raises
    ------
    InputError
        The file is empty, is not a TIFF, or holds no plane at all.
    """
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{path.name} is empty (0 bytes); copy it again from where it came.")
    with path.open("rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        version = struct.unpack(f"{order}H", head[2:4])[0] if order and len(head) >= 8 else 0
        if order is None or version not in (42, 43):
            raise InputError(
                f"{path.name} is not a TIFF file, whatever its name says; open the original "
                "recording."
            )
        big = version == 43
        head = head.ljust(16, b"\0")
        offset = int(struct.unpack_from(f"{order}{'Q' if big else 'I'}", head, 8 if big else 4)[0])
        seen: set[int] = set()
        while offset and offset not in seen and len(seen) < MANY:
            following = _next(file, offset, order, big) if offset < size else None
            if following is None:
                break
            seen.add(offset)
            offset = following
        else:
            offset = 0
    if not seen:
        raise InputError(
            f"{path.name} is damaged: no plane can be found in its {size} bytes; copy it again "
            "from where it came."
        )
    return len(seen), bool(offset)


def _next(file: BinaryIO, offset: int, order: str, big: bool) -> int | None:
    """Offset of the IFD after the one at ``offset``; ``None`` where the file ends before that."""
    count, entry, word = (f"{order}Q", 20, f"{order}Q") if big else (f"{order}H", 12, f"{order}I")
    file.seek(offset)
    head = file.read(struct.calcsize(count))
    if len(head) < struct.calcsize(count):
        return None
    file.seek(min(struct.unpack(count, head)[0] * entry, 1 << 62), 1)
    link = file.read(struct.calcsize(word))
    if len(link) < struct.calcsize(word):
        return None
    return int(struct.unpack(word, link)[0])


def check(path: Path, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> list[str]:
    """Refuse a series of which planes or pixels are missing; notes on lesser damage.

    Compares what the metadata promise (OME: SizeZ x SizeC x SizeT, ImageJ:
    images) with the planes that were found, and where the pixels are said to lie
    with the length of the file.

    Raises
    ------
    InputError
        Saying how many planes are there, and of how many.
    """
    size = path.stat().st_size
    linked, broken = follow(path)
    promised = promised_planes(tif, series)
    pages = list(series._pages)
    if series.dataoffset is not None:  # one block, perhaps described by its first page alone
        plane = series.keyframe.nbytes or 1
        total = max(promised, series.nbytes // plane)
        found = min(series.nbytes, max(0, size - series.dataoffset)) // plane
    else:
        total = max(promised, len(pages))
        found = sum(page is not None and _inside(page, size) for page in pages)
    if found < total:
        raise InputError(
            f"{path.name} is incomplete: {_planes(found)} of {total} can be found; copy it again "
            "from where it came."
        )
    if broken and not promised:
        raise cut_short(path, linked)
    return ["The list of planes breaks off at its end, but none is missing."] if broken else []


def cut_short(path: Path, linked: int) -> InputError:
    """The error for a file whose chain of planes breaks off after ``linked`` of them."""
    return InputError(
        f"{path.name} is damaged or cut short: only {_planes(linked)} can be found before the "
        f"file ends at {path.stat().st_size} bytes; copy it again from where it came."
    )


def _inside(page: tifffile.TiffPage | tifffile.TiffFrame, size: int) -> bool:
    if page.parent.filehandle.size != size:  # another file of the same recording
        size = page.parent.filehandle.size
    segments = zip(page.dataoffsets, page.databytecounts, strict=False)
    return all(offset + count <= size for offset, count in segments)


def promised_planes(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> int:
    """The number of (Y, X) planes that the metadata promise; 0 where they do not say."""
    if tif.is_ome:
        pixels = ome_pixels(tif, series)
        if pixels is None:
            return 0
        per_pixel = [
            int(c.get("SamplesPerPixel") or 1) for c in pixels if c.tag.endswith("}Channel")
        ]
        planes = 1
        for axis in "ZCT":
            planes *= int(pixels.get(f"Size{axis}") or 1)
        return planes // (per_pixel[0] if per_pixel else 1)
    if tif.is_imagej and tif.imagej_metadata and series is tif.series[0]:
        # The samples of a composite page count as images of their own.
        samples = max(1, int(series.keyframe.samplesperpixel))
        return int(tif.imagej_metadata.get("images", 1)) // samples
    return 0


def ome_pixels(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> ElementTree.Element | None:
    """The ``Pixels`` element that belongs to a series; ``None`` where there is none."""
    try:
        root = ElementTree.fromstring(tif.ome_metadata or "")
    except ElementTree.ParseError:
        return None
    images = [e for e in root if e.tag.endswith("}Image") or e.tag == "Image"]
    named = [e for e in images if series.name and e.get("Name") == series.name]
    if len(named) == 1:
        images = named
    else:
        images = images[next(i for i, s in enumerate(tif.series) if s is series) :]
    for image in images[:1]:
        for child in image:
            if child.tag.endswith("Pixels"):
                return child
    return None


def _refuse(path: Path, found: int, promised: int) -> None:
    raise InputError(
        f"{path.name} is incomplete: {_planes(found)} of {promised} can be found; "
        "copy it again from where it came."
    )


def _planes(number: int) -> str:
    return "1 plane" if number == 1 else f"{number} planes"
