"""LDT: data interoperability for the local digital twin of a city or territory."""

from importlib.metadata import version

__version__ = version("ldt")
