"""Protocol `eea-air`: the Air Quality Download Service of the European Environment Agency.

A query is posted to `DownloadSummary`, which counts, and to `ParquetFile/urls`, which lists the files, one for each sampling point. What
is wanted stands in the recipe's parameters or in the query of the address: `countries` (codes), `cities`, `pollutants` (notations as the
service's own list has them, numbers or addresses of the EEA's vocabulary) and `aggregation` (`hour`, `day`, `var`), several with commas
between them, or semicolons where a name has a comma. `layer` is the data set: `1` or `up-to-date` (E2a), `2` or `verified` (E1a), `3` or
`historical` (AirBase, before 2013).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from ldt.errors import RecipeError, ServiceError, ServiceZero
from ldt.sources.services.documents import json_object
from ldt.sources.services.download import check_page
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import as_page
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.service import Page, Probe, Query, Service

#: The service's data sets; the years are those of the service's own description.
DATASETS = {
    "1": 1, "up-to-date": 1, "e2a": 1, "utd": 1,
    "2": 2, "verified": 2, "e1a": 2,
    "3": 3, "historical": 3, "airbase": 3,
}  # fmt: skip
_POLLUTANT = "http://dd.eionet.europa.eu/vocabulary/aq/pollutant/"
_AGGREGATIONS = ("hour", "day", "var")
_KNOWN = frozenset({"countries", "cities", "pollutants", "aggregation", "email"})
#: The period that stands for all times; the service wants one with an aggregation.
_ALWAYS = (datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
_JSON = {"Content-Type": "application/json"}
_MAGIC = b"PAR1"


class EeaAir:
    """Files of the EEA's Air Quality Download Service."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the Parquet files of a query, one for each sampling point; the twin's box is nothing that can be asked for.

        Raises:
            RecipeError: no country is named, or the data set or aggregation is none of the service's.
            ServiceZero: the service counts no files at all in the data set, for any country.
        """
        wanted = body(service, query)
        counted = _summary(service, wanted, client)
        urls = _urls(service, wanted, client)
        if not urls and not counted:
            _check_zero(service, wanted, client)
            return
        if len(urls) < counted:
            raise ServiceError(
                f"lists {len(urls)} files, and counts {counted}",
                where=client.shown(_address(service, "ParquetFile/urls")),
                remedy="try again later; ask for fewer countries or pollutants at a time",
                answered=200,
            )
        for url in urls:
            answer = client.get(url, suffix=".parquet")
            check_parquet(answer)
            yield as_page(answer)

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask how many files the query has, or, where no country is named, how many the whole data set has."""

        def ask() -> Learnt:
            seen = client.look(_address(service, "Country"))
            if seen.moved_to:
                return Learnt(f"moved for good to {seen.moved_to}", seen.status, state="moved")
            if "countries" not in _said(service):
                counted = _count_all(service, _dataset(service), client)
                if not counted:
                    raise _zero(service, client)
                return Learnt(
                    f"data set {_dataset(service)}: {counted:,} files of all countries", 200, counted
                )
            wanted = body(service, Query())
            counted = _summary(service, wanted, client)
            if not counted:
                _check_zero(service, wanted, client)
            return Learnt(f"data set {wanted['dataset']}: {counted:,} files of this query", 200, counted)

        return probed(ask)


PROTOCOL = EeaAir()


def body(service: Service, query: Query) -> dict[str, Any]:
    """Return what is posted.

    Raises:
        RecipeError: no country is named, or the data set or aggregation is none of the service's.
    """
    said = _said(service)
    unknown = set(said) - _KNOWN
    if unknown:
        raise RecipeError(
            f"the service has no {', '.join(sorted(unknown))}",
            where="source.service.parameters",
            remedy=f"it knows: {', '.join(sorted(_KNOWN))}",
        )
    countries = [c.upper() for c in _several(said.get("countries"))]
    if not countries:
        raise RecipeError(
            "no country is named, and all of Europe is some hundred gigabytes",
            where="source.service.parameters",
            remedy="name them: countries: MT, or at the end of the address ?countries=MT&pollutants=NO2,PM10",
        )
    wanted: dict[str, Any] = {
        "countries": countries,
        "cities": _several(said.get("cities")),
        "pollutants": [f"{_POLLUTANT}{p}" if p.isdigit() else p for p in _several(said.get("pollutants"))],
        "dataset": _dataset(service),
    }
    begin, end = query.begin, query.end
    aggregation = said.get("aggregation")
    if aggregation is not None and aggregation not in _AGGREGATIONS:
        raise RecipeError(
            f"the service has no aggregation {aggregation!r}",
            where="source.service.parameters",
            remedy=f"one of: {', '.join(_AGGREGATIONS)}",
        )
    if begin or end or aggregation:
        wanted["dateTimeStart"] = _instant(begin or _ALWAYS[0])
        wanted["dateTimeEnd"] = _instant(end or _ALWAYS[1])
    if aggregation:
        wanted["aggregationType"] = aggregation
    if "email" in said:
        wanted["email"] = said["email"]
    return wanted


def listed_urls(text: str) -> list[str]:
    """Return the addresses of an answer of `ParquetFile/urls`, or of the former service, each once: a CSV of one column, with or without a title.

    Raises:
        ValueError: a line is no address; the message is the line.
    """
    urls: dict[str, None] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines()):
        cell = line.strip().strip('"').strip()
        if not cell or (number == 0 and cell.isidentifier()):
            continue
        if not cell.startswith(("https://", "http://")):
            raise ValueError(cell[:200])
        urls[cell] = None
    return list(urls)


def check_parquet(answer: Answer) -> None:
    """Refuse what is no whole Parquet file: it begins and ends with `PAR1`.

    Raises:
        ServiceError: it does not.
    """
    check_page(answer, ".parquet")
    if not _is_whole(answer.path):
        raise ServiceError(
            "answers with a Parquet file that is not whole",
            where=answer.url,
            remedy="fetch it again; if it stays so, the file is damaged at the service",
            answered=answer.status,
        )


def _is_whole(path: Path) -> bool:
    if path.stat().st_size < 12:
        return False
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(-4, 2)
        return start == file.read(4) == _MAGIC


# What is asked for ----------------------------------------------------------------------------------------------------


def _said(service: Service) -> dict[str, str]:
    """Return the parameters, those in the address before those of the recipe."""
    return {**service.parameters, **dict(parse_qsl(urlsplit(service.url).query))}


def _several(text: str | None) -> list[str]:
    separator = ";" if text and ";" in text else ","
    return [part.strip() for part in (text or "").split(separator) if part.strip()]


def _dataset(service: Service) -> int:
    name = (service.layer or "2").strip().lower()
    if name not in DATASETS:
        raise RecipeError(
            f"the service has no data set {service.layer!r}",
            where="source.service.layer",
            remedy="one of: 1 (up-to-date), 2 (verified), 3 (historical)",
        )
    return DATASETS[name]


def _instant(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _address(service: Service, path: str) -> str:
    return f"{service.url.partition('?')[0].rstrip('/')}/{path}"


# What is answered -----------------------------------------------------------------------------------------------------


def _post(service: Service, path: str, wanted: dict[str, Any], client: Client, suffix: str) -> Answer:
    content = orjson.dumps(wanted)
    return client.get(
        _address(service, path), headers={**_JSON, **service.headers}, body=content, suffix=suffix
    )


def _summary(service: Service, wanted: dict[str, Any], client: Client) -> int:
    """Return the number of files that the service counts."""
    answer = _post(service, "DownloadSummary", wanted, client, ".json")
    count = json_object(answer).get("numberFiles")
    if not isinstance(count, int) or count < 0:
        raise ServiceError("answers without a number of files", where=answer.url, answered=answer.status)
    return count


def _urls(service: Service, wanted: dict[str, Any], client: Client) -> list[str]:
    answer = _post(service, "ParquetFile/urls", wanted, client, ".csv")
    check_page(answer, ".csv")
    try:
        return listed_urls(answer.content().decode("utf-8"))
    except ValueError as e:
        raise ServiceError(
            f"lists something that is no address: {e}", where=answer.url, answered=answer.status
        ) from e


def _count_all(service: Service, dataset: int, client: Client) -> int:
    """Return the number of files of a data set over all countries that the service knows."""
    answer = client.get(_address(service, "Country"), headers=service.headers, suffix=".json")
    try:
        countries = sorted(c["countryCode"] for c in orjson.loads(answer.content()))
    except (orjson.JSONDecodeError, TypeError, KeyError) as e:
        raise ServiceError("does not list its countries", where=answer.url, answered=answer.status) from e
    everything = {"countries": countries, "cities": [], "pollutants": [], "dataset": dataset}
    return _summary(service, everything, client)


def _check_zero(service: Service, wanted: dict[str, Any], client: Client) -> None:
    if not _count_all(service, wanted["dataset"], client):
        raise _zero(service, client)


def _zero(service: Service, client: Client) -> ServiceZero:
    return ServiceZero(
        f"counts no files in the data set {_dataset(service)}, for any country",
        where=client.shown(_address(service, "DownloadSummary")),
        remedy="it is the operator's fault: try again later, or take files that were fetched before",
        answered=200,
    )
