"""Self-supervised losses, one a file."""
