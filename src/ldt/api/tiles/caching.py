"""How long tiles may be kept: as long as the state that they show is named in their address, for good."""

from __future__ import annotations

from starlette.requests import Request

from ldt.model.snapshot import PUBLIC, Snapshot
from ldt.store.snapshots import parse_at

#: Seconds that a tile of a named state is kept for without asking.
MAX_AGE = 86_400


def cache_control(request: Request, snapshot: Snapshot) -> dict[str, str]:
    """Return the header that says for how long a tile may be kept, and by whom.

    A revision (`at=17`) never shows anything else; an instant may lie in the future, and without `at` the newest state is shown: then
    the client asks each time, and gets 304 while nothing has changed. What not everyone may see is kept by no one but the client.
    """
    whose = "public" if snapshot.access == PUBLIC else "private"
    named = isinstance(parse_at(request.query_params.get("at")), int)
    return {"Cache-Control": f"{whose}, max-age={MAX_AGE}" if named else f"{whose}, no-cache"}
