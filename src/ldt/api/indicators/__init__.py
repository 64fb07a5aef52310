"""Indicators: definitions, values, lineage."""
