"""Where point-spread functions come from, and how they are checked."""
