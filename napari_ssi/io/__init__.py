"""Files in and out: a recording with its axes and pixel size, a result with its recipe.

>>> import tempfile, numpy as np, tifffile
>>> from pathlib import Path
>>> path = Path(tempfile.mkdtemp()) / "stack.ome.tif"
>>> data = np.zeros((4, 32, 32), np.uint16)
>>> size = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.3}
>>> tifffile.imwrite(path, data, metadata={"axes": "ZYX", **size})
>>> read(path).describe()
'4 z-planes, 32 x 32 pixels, 0.1 x 0.1 x 0.3 µm, uint16'
"""

from __future__ import annotations

from .reading import read, read_with_notes
from .recipes import read_recipe
from .writing import write, write_image

__all__ = ["read", "read_recipe", "read_with_notes", "write", "write_image"]
