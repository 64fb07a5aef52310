"""CQL2 (OGC 21-065r2): from text or JSON to a condition over the properties of any items."""

from ldt.store.cql2.expression import expression
from ldt.store.cql2.functions import FUNCTIONS
from ldt.store.cql2.text import LEVELS, parse

__all__ = ["FUNCTIONS", "LEVELS", "expression", "parse"]
