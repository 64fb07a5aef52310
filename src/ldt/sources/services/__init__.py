"""Live services: what a recipe's `service` block says becomes files, which the ordinary readers then read.

A service is never read directly. Its answers are fetched page by page into files, so that every record can be walked back to
the bytes it came from, an interrupted fetch goes on where it stopped, and reading works without network afterwards.
"""
