"""Classical methods, one a file, each of which tunes itself."""
