"""Training of a network on one recording."""
