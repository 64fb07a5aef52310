"""References between objects: what the text of a reference may mean. Pure text, nothing is looked up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

#: Prefix of the identifiers of INSPIRE's first guidelines: `urn:x-inspire:object:id:NAMESPACE:LOCALID`.
_INSPIRE_URN = "urn:x-inspire:object:id:"
#: Parameters of a request (lower case) that name one object: WFS 2.0 and 1.1, OGR's, and the one of the Spanish cadastre.
_ID_PARAMETERS = frozenset({"id", "resourceid", "featureid", "gmlobjectid", "gml_id", "localid", "refcat"})
#: How many places are tried at which a namespace may end.
_SPLITS = 8


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a reference may mean; an object that one of them names is its target.

    Attributes:
        aliases: other names of an object, as a `gml:id`.
        identifiers: (namespace, localId) pairs; a namespace of None is any.
    """

    aliases: tuple[str, ...] = ()
    identifiers: tuple[tuple[str | None, str], ...] = ()


def targets(text: str) -> Candidates:
    """Return what a reference may mean.

    Understood are `#id` and `file.gml#id`; http addresses that end in an identifier, or whose parameters (`ID`, `RESOURCEID`)
    or `/items/` name an object; `urn:x-inspire:object:id:NAMESPACE:LOCALID` and other URNs; `namespace/localId` (the version
    behind it is passed over) and `namespace:localId`; and a plain identifier.

    The last part of an http address alone is no candidate: number 1 of one register is not number 1 of another.
    """
    before, _, fragment = text.strip().partition("#")
    aliases: list[str] = []
    pairs: list[tuple[str | None, str]] = []
    for plain in filter(None, (unquote(fragment), *_plain_ids(before))):
        aliases.append(plain)
        pairs.append((None, plain))
    lower = before.lower()
    if lower.startswith(("http://", "https://")):
        pairs += _of_address(before)
    elif lower.startswith("urn:"):
        rest = before[len(_INSPIRE_URN) :] if lower.startswith(_INSPIRE_URN) else before
        aliases += [rest, rest.rpartition(":")[2]]
        pairs += [(None, before), (None, rest), *_splits(rest, ":"), *_splits(rest, ".")]
    elif before and not fragment:
        aliases.append(before)
        pairs += [(None, before), *_splits(before, "/"), *_splits(before, ":")]
    return Candidates(tuple(dict.fromkeys(filter(None, aliases))), tuple(dict.fromkeys(pairs)))


def _plain_ids(address: str) -> Iterator[str]:
    """Yield the identifiers that the parameters of an address, or its path behind `items`, name."""
    parts = urlsplit(address) if "://" in address else None
    if parts is None:
        return
    for name, value in parse_qsl(parts.query):
        if name.lower() in _ID_PARAMETERS:
            yield value
    head, _, last = parts.path.rpartition("/")
    if head.endswith("/items"):
        yield unquote(last)


def _of_address(address: str) -> Iterator[tuple[str | None, str]]:
    """Yield the pairs that an http address may be made of: namespaces are often addresses themselves."""
    yield None, address
    whole = address.split("?", maxsplit=1)[0].rstrip("/")
    scheme, _, path = whole.partition("://")
    host = path.split("/")[0]
    other = "http" if scheme.lower() == "https" else "https"
    for head, local in _splits(path, "/"):
        if head == host and "/" in local:
            continue
        for start in (scheme, other):
            yield f"{start}://{head}", unquote(local)
            yield f"{start}://{head}/", unquote(local)
    segments = path.split("/")[1:]
    if len(segments) > 1:
        # https://registry.example/id/DE.HH.AU/1 for (DE.HH.AU, 1)
        yield unquote(segments[-2]), unquote(segments[-1])


def _splits(text: str, separator: str) -> Iterator[tuple[str, str]]:
    """Yield (namespace, localId) for the last places at which a namespace may end, also without a version behind them."""
    parts = text.split(separator)
    for end in (len(parts), len(parts) - 1):
        for place in range(end - 1, max(0, end - 1 - _SPLITS), -1):
            namespace, local = separator.join(parts[:place]), separator.join(parts[place:end])
            if namespace and local:
                yield namespace, local
