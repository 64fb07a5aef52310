"""OGC API - Records, Part 1 (OGC 20-004r1): the data sets of a twin as a catalogue that can be searched."""
