"""The notebook client: a local digital twin as tables, series and grids, over HTTP and nothing else.

::

    from ldt.client import Twin

    city = Twin("http://127.0.0.1:8000/twins/sample-city")
    city.values("no2-annual-mean", scheme="station", period=2025).plot("value")
"""

from ldt.client.errors import BadAnswer, ClientError, Gone, NotFound, Refused, ServiceFault, Unreachable
from ldt.client.twin import Twin

__all__ = [
    "BadAnswer",
    "ClientError",
    "Gone",
    "NotFound",
    "Refused",
    "ServiceFault",
    "Twin",
    "Unreachable",
]
