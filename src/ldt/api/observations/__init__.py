"""Observations: the latest value of every station, datastreams, series."""
