"""`ldt sources check`: whether the services and pages that recipes name are still there, and since when they are not."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from ldt.errors import RecipeError, ServiceError
from ldt.harmonise.recipe import Recipe, load_recipe, recipe_names
from ldt.pipeline.fetch import cache_folder
from ldt.sources.services.http import Client
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Probe

#: Hosts are asked side by side, each of them politely.
_AT_A_TIME = 8
_TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a recipe's data come from: a live service (`protocol`), or the page where people get them (`page`)."""

    recipe: str
    protocol: str
    address: str
    layer: str | None = None


def upstreams(names: Sequence[str] = ()) -> list[tuple[Upstream, Recipe]]:
    """Return where the data of recipes come from, all shipped ones by default; those that do not say are left out."""
    found = []
    for name in names or recipe_names():
        recipe = load_recipe(name, Path.cwd())
        service = recipe.source.service
        if service and service.url.startswith("${"):
            continue  # whose broker or server it is, each twin says for itself
        if service:
            found.append((Upstream(name, service.protocol, service.url, service.layer), recipe))
        elif recipe.source.upstream:
            found.append((Upstream(name, "page", recipe.source.upstream), recipe))
    return found


def listed(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return every upstream with what it answered last; asks nobody."""
    known = _remembered()
    return [{**asdict(u), "last": known.get(u.recipe)} for u, _ in upstreams(names)]


def check(
    names: Sequence[str] = (), *, client: Client | None = None, told: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """Probe upstreams, and remember what they answered.

    Args:
        names: recipes, all shipped ones by default.
        client: asks, in place of one of its own.
        told: told of each recipe that was answered for.

    Returns:
        Per recipe: recipe, protocol, address, layer, state, status, message, records, answered, seconds, `since` (when this state was
        seen first) and `last_ok` (when the upstream was last seen well, None for never).
    """
    if client is None:
        # One more attempt, not five: a check is to be quick, and is run again.
        with Client(cache_folder(), timeout=_TIMEOUT, attempts=2) as own:
            return check(names, client=own, told=told)
    asked = upstreams(names)
    known = _remembered()

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        # Many recipes name the same page: it is asked once.
        distinct = {_what(u): (u, recipe) for u, recipe in asked}
        probes = {what: pool.submit(_probe, u, recipe, client) for what, (u, recipe) in distinct.items()}
        found = []
        for upstream, _ in asked:
            probe = probes[_what(upstream)].result()
            found.append({**asdict(upstream), **_answer(probe, known.get(upstream.recipe))})
            if told:
                told(upstream.recipe)
    _remember({**known, **{one["recipe"]: one for one in found}})
    return found


def _what(upstream: Upstream) -> tuple[str, str, str | None]:
    return upstream.protocol, upstream.address, upstream.layer


def _probe(upstream: Upstream, recipe: Recipe, client: Client) -> Probe:
    service = recipe.source.service
    if service:
        try:
            return protocol(service.protocol).probe(client.filled(service), client)
        except RecipeError as e:  # a variable that is not set
            return Probe("refused", e.message, None, None, datetime.now(UTC), 0.0)

    def page() -> Learnt:
        seen = client.look(upstream.address)
        if seen.status >= 400:
            raise ServiceError(
                f"answers {seen.status} {seen.said}".rstrip(), where=seen.url, answered=seen.status
            )
        if seen.moved_to:
            return Learnt(f"moved for good to {seen.moved_to}", seen.status, state="moved")
        return Learnt(f"the page is there ({seen.content_type.partition(';')[0]})", seen.status)

    return probed(page)


def _answer(probe: Probe, before: dict[str, Any] | None) -> dict[str, Any]:
    answered = probe.answered.isoformat(timespec="seconds")
    same = before is not None and before["state"] == probe.state
    return {
        "state": probe.state,
        "status": probe.status,
        "message": probe.message,
        "records": probe.records,
        "answered": answered,
        "seconds": probe.seconds,
        "since": before["since"] if before and same else answered,
        "last_ok": answered if probe.state == "ok" else before["last_ok"] if before else None,
    }


def _remembered() -> dict[str, dict[str, Any]]:
    """Return what upstreams answered last; nothing, where that cannot be read."""
    try:
        found = orjson.loads((cache_folder() / "checks.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(answers: dict[str, dict[str, Any]]) -> None:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(orjson.dumps(answers, option=orjson.OPT_INDENT_2))
    Path(file.name).replace(folder / "checks.json")
