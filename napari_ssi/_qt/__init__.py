"""Everything that touches Qt or napari."""
