"""Puts the stages together: sources, harmonise, store, indicators; ingest, build, recompute, the sample city."""
