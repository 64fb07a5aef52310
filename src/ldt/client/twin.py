"""A twin, as a notebook sees it: tables, series, grids, each with its unit and the state that it was read from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr

from ldt.client import asked, bulk, frames, grids
from ldt.client.asked import Moment
from ldt.client.errors import NotFound, Refused
from ldt.client.http import Document
from ldt.client.progress import watched
from ldt.client.state import State

#: west, south, east, north in degrees (CRS84); `GeoDataFrame.total_bounds` is one.
Box = Sequence[float]

STATIONS = "environmental-monitoring-facilities"


class Twin(State):
    """A local digital twin that some service serves, in one state of it.

    The newest state is looked up once, when the object is made; every later request asks for that state, so that what is
    read in one notebook belongs together, whatever the city delivers meanwhile. `at` asks for a past one.

    Tables are pandas (geopandas where there is a place, EPSG:4326); their `attrs` hold `snapshot`, and `unit` where
    all values have the same. Nothing is cached and nothing is written.

    Args:
        url: address of the twin (`http://…/twins/cologne`), or of a service that has only one.
        at: a revision (`17`, `cologne@17`) or an instant with its zone; None is the newest state.
        language: code of the language of titles, where the service has them.
        timeout: seconds for connecting, and between two pieces of an answer.
        progress: whether long transfers are shown; only ever on a terminal or in a notebook.
        transport: sends the requests, for proxies and tests; None is the network.

    Raises:
        NotFound: no such twin, or no such state of it.
        Gone: the state is no longer kept.
        Refused: `at` cannot be understood, or the service has several twins (the message names them).
        Unreachable: nobody answers at `url`.
        BadAnswer: somebody else answers.
    """

    # Indicators ---------------------------------------------------------------------------------------------------

    def indicators(self) -> pd.DataFrame:
        """Return the indicators that the twin has values of: what they are, and for which units and periods.

        Returns:
            A row for each, by id: `code`, `title`, `unit` (UCUM), `dpsir`, `anatomy`, `temporal_unit`, `schemes`,
            `periods`, and how many values there are of each status (`valid`, `insufficient`, `not-computable`).
        """
        rows = []
        for one in self._session.json("indicators")["indicators"]:
            there = one["available"]
            kept = {k: one[k] for k in ("id", "code", "title", "unit", "dpsir", "anatomy", "temporal_unit")}
            kept |= {
                "title": self._say(one["title"]),
                "schemes": there["schemes"],
                "periods": there["periods"],
            }
            kept |= {s: there["count"].get(s, 0) for s in ("valid", "insufficient", "not-computable")}
            rows.append(kept)
        return self._told(frames.table(rows, "id", _INDICATOR_COLUMNS))

    def definition(self, indicator: str) -> Document:
        """Return what an indicator is: formula, unit, inputs, validity, thresholds, source. Raises NotFound."""
        found = self._session.json("indicators", indicator)
        return {k: v for k, v in found.items() if k not in ("links", "available", "snapshot")}

    def values(
        self,
        indicator: str,
        *,
        scheme: str | None = None,
        code: str | Sequence[str] | None = None,
        period: str | int | Sequence[str | int] | None = None,
        status: str | None = None,
    ) -> gpd.GeoDataFrame:
        """Return the values of an indicator, in order of spatial unit and period.

        A value that the rules do not allow is NaN; `status` and `reason` say why.

        Args:
            indicator: its id (`no2-annual-mean`).
            scheme: only these spatial units (`station`, `city`, `district`).
            code: only this unit, or these.
            period: only this period (`2025`), or these.
            status: only values of this status (`valid`, `insufficient`, `not-computable`, `suppressed`).

        Returns:
            A row for each, by its id: `scheme`, `code`, `name`, `period`, `value`, `unit`, `status`, `reason`, `coverage`
            (0 to 1), `n_valid`, `n_expected`, `method`, `verdicts`, `quality`, … and the geometry of the unit. `attrs`
            hold `unit`, `snapshot`, `indicator` and `definition`.

        Raises:
            NotFound: there is no such indicator.
            Refused: a status that there is not.
        """
        definition = self.definition(indicator)
        found = self._features(
            *("indicators", indicator, "values"),
            scheme=scheme,
            code=asked.listed(code),
            period=asked.listed(period),
            status=status,
        )
        table = frames.places(found, "id", _VALUE_COLUMNS)
        return self._told(table, unit=definition["unit"], indicator=indicator, definition=definition)

    def verdicts(self, indicator: str, **which: Any) -> pd.DataFrame:
        """Return what each rule set says of the values of an indicator: one row for each value and objective.

        Args:
            indicator: its id.
            which: what :meth:`values` takes.

        Returns:
            The value's `id`, `scheme`, `code`, `name`, `period`, `value`, `status`, and of the verdict `rule_set`,
            `objective`, `limit`, `unit`, `verdict` (`compliant`, `exceeded`, `not-assessable`), `distance` (value minus
            limit), `in_force`, `coverage_required`, `source`, ….
        """
        values = self.values(indicator, **which)
        whose = ("scheme", "code", "name", "period", "value", "status")
        rows = [
            {"id": key, **{n: one[n] for n in whose}, **verdict}
            for key, one in values.iterrows()
            for verdict in one["verdicts"]
        ]
        columns = ("id", *whose, "rule_set", "objective", "limit", "unit", "verdict", "distance", "in_force")
        table = frames.table(rows, None, columns)
        return self._told(table, unit=values.attrs["unit"], indicator=indicator)

    def lineage(self, indicator: str, value: str) -> Document:
        """Return how a value came about: run, definition, rule sets, input versions, files with their digests.

        Args:
            indicator: its id.
            value: the value's id, which is the index of :meth:`values` (`station.DENW001.2025`).

        Raises:
            NotFound: there is no such value.
        """
        found = self._session.json("indicators", indicator, "values", value, "lineage")
        return {k: v for k, v in found.items() if k != "links"}

    def records(self, indicator: str, value: str, limit: int | None = None) -> pd.DataFrame:
        """Return the very records that a value was computed from, used or not, each with its file and row.

        Args:
            indicator: its id.
            value: the value's id.
            limit: how many at most; None is all.
        """
        path = ("indicators", indicator, "values", value, "lineage", "records")
        return self._told(frames.table(self._rows("records", *path, limit=limit)))

    def dpsir(
        self,
        chain: str | None = None,
        *,
        scheme: str | None = None,
        code: str | None = None,
        period: str | int | None = None,
    ) -> Document:
        """Return a chain of driving forces, pressures, states, impacts and responses with its indicators and their values.

        Args:
            chain: its id (`air`); None gives all chains.
            scheme: whose values: of which kind of spatial unit; without it the city.
            code: of which unit.
            period: of which period; without it the latest.

        Raises:
            NotFound: there is no such chain.
        """
        path = ("dpsir", chain) if chain else ("dpsir",)
        found = self._session.json(*path, scheme=scheme, code=code, period=period)
        return {k: v for k, v in found.items() if k != "links"}

    # Features -----------------------------------------------------------------------------------------------------

    def collections(self) -> pd.DataFrame:
        """Return the collections of features, by id: `title`, `bbox`, `datasets`."""
        rows = [
            {
                "id": one["id"],
                "title": one["title"],
                "description": one.get("description"),
                "bbox": one.get("extent", {}).get("spatial", {}).get("bbox", [None])[0],
                "datasets": one.get("datasets"),
            }
            for one in self._session.json("collections")["collections"]
        ]
        return self._told(frames.table(rows, "id", ("id",)))

    def features(
        self,
        collection: str,
        *,
        bbox: Box | None = None,
        limit: int | None = None,
        **properties: str | float,
    ) -> gpd.GeoDataFrame:
        """Return the features of a collection, by id, with their properties and geometries.

        Args:
            collection: its id (`land-cover-units`).
            bbox: only what intersects this rectangle: west, south, east, north in degrees.
            limit: how many at most; None is all.
            properties: values that properties of the feature must have (`scheme="district"`).

        Raises:
            NotFound: there is no such collection.
            Refused: a property that the collection does not have.
        """
        path = ("collections", collection, "items")
        found = self._features(*path, limit=limit, bbox=asked.listed(bbox), **properties)
        return self._told(frames.places(found, "id", ("id",)), collection=collection)

    def bulk(self, collection: str, path: str | Path, *, bbox: Box | None = None) -> Path:
        """Write the features of a collection to a GeoParquet file, page by page: memory does not grow with their number.

        Columns and their types are those of the collection's schema; values that are lists or objects are JSON. The
        file's metadata name the snapshot. The file appears when it is whole.

        Args:
            collection: its id.
            path: the file to write; one that is there is replaced.
            bbox: as in :meth:`features`.

        Returns:
            The path.

        Raises:
            NotFound: there is no such collection.
        """
        schema = self._session.json("collections", collection, "schema")
        pages = self._session.pages(
            "collections", collection, "items", bbox=asked.listed(bbox), f="geojson", limit=bulk.PAGE
        )
        about = {"snapshot": self.snapshot, "collection": collection, "source": self.url}
        return bulk.write(Path(path), schema, watched(pages, "features", shown=self._progress), about)

    def stations(self) -> gpd.GeoDataFrame:
        """Return the monitoring stations with what is known of them, by their API id; `code` is what series go by."""
        return self.features(STATIONS)

    # Observations -------------------------------------------------------------------------------------------------

    def latest(self, observed_property: str | None = None, *, bbox: Box | None = None) -> gpd.GeoDataFrame:
        """Return the latest valid value of every series, by the id of its datastream, at its station.

        Args:
            observed_property: only this one (`NO2`).
            bbox: only stations in this rectangle.
        """
        found = self._features("latest", property=observed_property, bbox=asked.listed(bbox))
        return self._told(frames.places(found, "datastream", ("datastream", *_LATEST_COLUMNS)))

    def datastreams(self) -> pd.DataFrame:
        """Return the series that there are, by the id of their datastream: `thing`, `observed_property`, `unit`, …."""
        rows = self._rows("datastreams", "datastreams")
        return self._told(frames.table(rows, "datastream", ("datastream", *_STREAM_COLUMNS)))

    def series(
        self,
        thing: str,
        observed_property: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        averaging: str | None = None,
        datastream: int | None = None,
        only_valid: bool = True,
    ) -> pd.DataFrame:
        """Return the observations of a station, in order of time.

        Args:
            thing: the station's code.
            observed_property: code of the property (`NO2`).
            start: first beginning of an observation; None is open.
            end: beginnings before this moment only; None is open.
            averaging: what one observation stands for (`PT1H`, `P1D`), where the station has several such series.
            datastream: the series itself, where that is not enough either (see :meth:`datastreams`).
            only_valid: whether the value of an observation that is flagged as not valid is NaN. If not, it is the number
                that was delivered, which can be a filler (-999).

        Returns:
            By `time` (UTC, the beginning of what an observation stands for): `value`, `validity` (1 and above is valid),
            `verification`, `time_end`. `attrs` hold `unit`, `averaging`, `zone`, `datastream`, `snapshot`, ….

        Raises:
            NotFound: there is no such series.
            Refused: there are several; the message tells how to name one.
            ValueError: a moment without a zone.
        """
        found = self.datastreams()
        found = found[(found["thing"] == thing) & (found["observed_property"] == observed_property)]
        if averaging is not None:
            found = found[found["averaging"] == averaging]
        if datastream is not None:
            found = found[found.index == datastream]
        if found.empty:
            raise NotFound(f"{self.name} has no such series of {observed_property} at {thing}", url=self.url)
        if len(found) > 1:
            choice = "; ".join(
                f"datastream={key} ({one['dataset']}, {one['averaging']})" for key, one in found.iterrows()
            )
            raise Refused(
                f"{thing} has several series of {observed_property}: name one by averaging=… or {choice}",
                url=self.url,
            )
        identifier, stream = int(found.index[0]), found.iloc[0]
        within = asked.interval(asked.instant(start), asked.instant(end))
        path = ("datastreams", str(identifier), "observations")
        rows = self._rows("observations", *path, datetime=within)
        table = frames.table(rows, "time", ("time", *_SERIES_COLUMNS))[list(_SERIES_COLUMNS)]
        if only_valid:
            table["value"] = table["value"].where(table["validity"] >= 1)
        kept = {n: stream[n] for n in ("thing", "observed_property", "unit", "averaging", "zone", "dataset")}
        return self._told(table, datastream=identifier, **kept)

    # Data sets and coverages --------------------------------------------------------------------------------------

    def datasets(self) -> pd.DataFrame:
        """Return the data sets, by name: `title`, `publisher`, `licence`, `origin`, `version`, `committed`, `outcomes`, …."""
        found = self._session.json("datasets")["datasets"]
        rows = ({**one, "title": self._say(one["title"])} for one in found)
        return self._told(frames.table(rows, "name", ("name", "title", "publisher", "licence")))

    def coverages(self) -> gpd.GeoDataFrame:
        """Return the coverages (rasters and cubes), by id: `properties`, `units`, period, grid, and their footprint."""
        found = [grids.row(one) for one in self._session.json("coverages")["coverages"]]
        return self._told(frames.places(found, "id", ("id", *grids.COLUMNS)))

    def coverage(self, name: str, *, bbox: Box | None = None, period: str | int | None = None) -> xr.Dataset:
        """Return a coverage as it is stored: its own CRS and cells, nothing resampled.

        Args:
            name: the id of a coverage, or an observed property (`imperviousness`): then the latest that has it.
            bbox: only the cells that touch this rectangle: west, south, east, north in degrees.
            period: only this time: a year, a month, a day or an interval of two days; of several coverages of a property
                the one that stands for it.

        Returns:
            Variables named by observed property, `x` and `y` (and `time`, UTC) as coordinates, the CRS as `rio` finds it.
            Numbers are float with NaN for no data; classes stay whole numbers, with `flag_values`, `flag_meanings`, `flag_colors` and
            `_FillValue` in their `attrs`. Each variable has `unit` (UCUM); the data set has `snapshot`, `coverage`, `dataset`,
            `institution`, `licence`.

        Raises:
            NotFound: there is no such coverage, or none of that time.
            Refused: several fit; or there is too much to send at once (ask with `bbox` or `period`).
        """
        found = grids.choose(
            self._session.json("coverages")["coverages"], name, asked.listed(period), self.url
        )
        when = grids.interval(asked.listed(period)) if found["steps"] > 1 else None
        body = self._session.bytes(
            "coverages", str(found["id"]), "data", f="zarr", bbox=asked.listed(bbox), datetime=when
        )
        return grids.opened(body).assign_attrs(snapshot=self.snapshot)


_INDICATOR_COLUMNS = (
    "id",
    "code",
    "title",
    "unit",
    "dpsir",
    "anatomy",
    "temporal_unit",
    "schemes",
    "periods",
)
_VALUE_COLUMNS = (
    *(
        "id",
        "scheme",
        "code",
        "name",
        "period",
        "value",
        "unit",
        "status",
        "reason",
        "coverage",
        "n_valid",
        "n_expected",
    ),
    *("method", "verdicts", "quality", "period_start", "period_end", "indicator", "access", "inputs"),
)
_LATEST_COLUMNS = ("thing", "name", "observed_property", "time", "value", "unit")
_STREAM_COLUMNS = ("thing", "observed_property", "unit", "averaging", "dataset", "zone")
_SERIES_COLUMNS = ("value", "validity", "verification", "time_end")
