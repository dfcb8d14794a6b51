"""Git, read and written in real repositories."""
