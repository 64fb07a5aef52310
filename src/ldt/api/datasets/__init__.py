"""Data sets: what they are, where they come from, what became of their records."""
