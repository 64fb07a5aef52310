"""What the twin is: pure types, no input or output, no SQL."""
