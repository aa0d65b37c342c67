"""The numbered parts of the Restore panel."""
