"""OGC API - Common, Part 2: collections of every kind (OGC 20-024)."""
