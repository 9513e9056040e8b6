"""A look at an unknown folder: what lies there, and which config would read it."""
