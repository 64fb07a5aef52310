"""OGC API - Tiles, Part 1: Core (OGC 20-057): vector tiles of items, map tiles of coverages."""
