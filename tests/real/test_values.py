"""Series from real tables, through the whole chain: every stored value against pandas on the same file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.pipeline.cityfiles import make_twin

from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.ingest import Ingested, ingest
from ldt.store.connect import connect

ABERDEEN = "sensors/luftdaten_aberdeen"
CLIMATE = "cologne/dwd/produkt_klima_Tageswerte_19570901_20121231_02667.txt"
WEATHER = "cologne/weather_eddk"
TRAFFIC = "cologne/traffic/load_2013-03.csv.gz"

Stored = Callable[..., tuple[Ingested, pd.DataFrame]]


@pytest.fixture(scope="module")
def stored(shared_database_url: str, real_data: Path, own_data_dir: Path) -> Stored:
    """Ingest files into a twin of their own; return what was told and all observations of it."""
    done: dict[str, Ingested] = {}

    def of(recipe: str, *files: str) -> tuple[Ingested, pd.DataFrame]:
        twin = recipe.replace("/", "-")
        if twin not in done:
            make_twin(shared_database_url, twin)
            done[twin] = ingest(
                shared_database_url, twin, load_recipe(recipe), [real_data / f for f in files]
            )
        with connect(shared_database_url) as conn:
            rows = conn.execute(
                "SELECT d.thing, d.observed_property, d.unit, d.averaging, o.time, o.time_end, o.value, o.validity,"
                " o.verification, o.source_row FROM ldt.observation o JOIN ldt.datastream d ON d.id = o.datastream_id"
                " JOIN ldt.dataset s ON s.id = d.dataset_id JOIN ldt.twin t ON t.id = s.twin_id WHERE t.name = %s",
                (twin,),
            ).fetchall()
        columns = [
            "thing",
            "property",
            "unit",
            "averaging",
            "time",
            "end",
            "value",
            "validity",
            "verification",
            "row",
        ]
        return done[twin], pd.DataFrame(rows, columns=columns)

    return of


def test_every_value_of_the_citizen_sensors(stored: Stored, real_data: Path) -> None:
    told, ours = stored("sensors/sensor-community", ABERDEEN)
    t = told.tally
    files = [pd.read_csv(f, sep=";") for f in sorted((real_data / ABERDEEN).glob("*.csv"))]
    names = {"P1": "PM10", "P2": "PM2.5", "temperature": "air-temperature", "humidity": "relative-humidity", "pressure": "air-pressure"}  # fmt: skip
    theirs = pd.concat(
        pd.DataFrame(
            {
                "thing": "sensor.community-" + f.sensor_id.astype(str),
                "property": names[column],
                "time": pd.to_datetime(f.timestamp, utc=True),
                "value": f[column] / (100 if column == "pressure" else 1),
            }
        )
        for f in files
        for column in names
        if column in f
    ).dropna()
    assert t.accepted == t.read == sum(map(len, files)) == 4064
    assert t.derived - t.missing == len(ours) == len(theirs) == 8705
    key = ["thing", "property", "time"]
    both = ours.merge(theirs, on=key, suffixes=("", "_theirs"), validate="one_to_one")
    assert len(both) == len(theirs)
    assert both.value.to_numpy() == pytest.approx(both.value_theirs.to_numpy())
    assert set(zip(ours.property, ours.unit, strict=True)) == {
        ("PM10", "ug/m3"), ("PM2.5", "ug/m3"), ("air-temperature", "Cel"), ("relative-humidity", "%"), ("air-pressure", "hPa"),
    }  # fmt: skip
    assert (ours.time == ours.end).all()  # momentary
    assert set(ours.averaging) == {"PT0S"}
    assert set(ours.verification) == {3}


def test_every_day_of_the_climate_station(stored: Stored, real_data: Path) -> None:
    told, ours = stored("cologne/climate", CLIMATE)
    lines = (real_data / CLIMATE).read_bytes().rstrip(b"\x1a").decode("ascii").splitlines()
    header = [name.strip() for name in lines[0].split(",")]
    table = pd.DataFrame([[cell.strip() for cell in line.split(",")] for line in lines[1:]], columns=header)
    columns = {
        "BEDECKUNGSGRAD": ("cloud-cover", 12.5), "REL_FEUCHTE": ("relative-humidity", 1), "DAMPFDRUCK": ("water-vapour-pressure", 1),
        "LUFTTEMPERATUR": ("air-temperature", 1), "LUFTDRUCK_STATIONSHOEHE": ("air-pressure", 1), "WINDGESCHWINDIGKEIT": ("wind-speed", 1),
        "LUFTTEMP_AM_ERDB_MINIMUM": ("air-temperature-minimum-near-ground", 1), "LUFTTEMPERATUR_MINIMUM": ("air-temperature-minimum", 1),
        "LUFTTEMPERATUR_MAXIMUM": ("air-temperature-maximum", 1), "WINDSPITZE_MAXIMUM": ("wind-speed-of-gust", 1),
        "NIEDERSCHLAGSHOEHE": ("precipitation", 1), "SONNENSCHEINDAUER": ("sunshine-duration", 1), "SCHNEEHOEHE": ("snow-depth", 1),
    }  # fmt: skip
    missing = 0
    begin = pd.to_datetime(table.Mess_Datum, format="%Y%m%d").dt.tz_localize("+01:00").dt.tz_convert("UTC")
    for column, (code, factor) in columns.items():
        values = table[column].astype(float)
        missing += int((values <= -999).sum())
        mine = ours[ours.property == code].sort_values("time")
        there = values > -999
        assert mine.value.to_numpy() == pytest.approx((values[there] * factor).to_numpy()), column
        assert (mine.time.to_numpy() == begin[there].to_numpy()).all()
    assert (told.tally.read, told.tally.accepted) == (len(table), len(table)) == (20_211, 20_211)
    assert told.tally.missing == missing == 144
    assert told.tally.derived == 13 * len(table)
    assert ((ours.end - ours.time) == pd.Timedelta(days=1)).all()
    assert set(ours.thing) == {"dwd-02667"}
    levels = table.Qualitaets_Niveau.astype(int)
    assert set(levels) == {3, 5, 7, 10}
    assert (
        ours.groupby("row").verification.first().to_numpy() == np.select([levels > 5, levels > 3], [1, 2], 3)
    ).all()
    # The heat of August 2003: 21 days above 30 °C in the year, the highest of the whole series on the 12th.
    hot = ours[(ours.property == "air-temperature-maximum") & (ours.time >= "2002-12-31T23:00Z") & (ours.time < "2003-12-31T23:00Z")]  # fmt: skip
    assert (hot.value > 30).sum() == 21


def test_every_hour_of_the_airport(stored: Stored, real_data: Path) -> None:
    told, ours = stored("cologne/weather", WEATHER)
    table = pd.concat(pd.read_csv(f) for f in sorted((real_data / WEATHER).glob("*.csv")))
    assert told.tally.read == told.tally.accepted == len(table) == 332 + 732 + 700
    hour = pd.to_datetime(table.timestamp, unit="s", utc=True)
    for column, code, zero in (
        ("temp_mean", "air-temperature", 273.15),  # kelvin
        ("press_mean", "air-pressure-at-sea-level", 0.0),
        ("hum_mean", "relative-humidity", 0.0),
        ("windspeed_mean", "wind-speed", 0.0),
        ("winddir", "wind-from-direction", 0.0),
    ):
        there = table[column].notna().to_numpy()
        mine = ours[ours.property == code].sort_values("time")
        expected = pd.Series((table[column] - zero).to_numpy()[there], hour[there]).sort_index()
        assert (mine.time.to_numpy() == expected.index.to_numpy()).all()
        assert mine.value.to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-9), code
    assert told.tally.missing == int(
        table[["temp_mean", "press_mean", "hum_mean", "windspeed_mean", "winddir"]].isna().sum().sum()
    )
    assert set(ours.averaging) == {"PT1H"}
    # The collection begins at a midnight of Cologne, 22 h UTC in summer.
    assert hour.min().isoformat() == "2012-06-16T22:00:00+00:00"


def test_a_million_states_of_traffic(stored: Stored, real_data: Path) -> None:
    began = time.monotonic()
    told, ours = stored("cologne/traffic", TRAFFIC)
    took = time.monotonic() - began
    table = pd.read_csv(real_data / TRAFFIC)
    known = table[table.auslastung != 16]
    t = told.tally
    assert (t.read, t.accepted, t.missing) == (963_976, 963_976, 963_976 - len(known))
    assert len(ours) == len(known) == 485_841
    assert ours.groupby("value").size().to_dict() == known.groupby("auslastung").size().to_dict()
    mine = ours.sort_values("row")
    assert (mine.row.to_numpy() == known.index.to_numpy()).all()
    assert (mine.value.to_numpy() == known.auslastung.to_numpy()).all()
    assert (mine.thing.to_numpy() == known.identifier.to_numpy()).all()
    assert (mine.time.to_numpy() == pd.to_datetime(known.datetime_utc, utc=True).to_numpy()).all()
    assert took < 120  # some ten seconds on two cores; a runaway is minutes


def test_quarter_hours_across_the_changes_of_the_clocks(stored: Stored, real_data: Path) -> None:
    files = [f"cologne/energy/demand_2013{month}.csv" for month in ("03", "10")]
    told, ours = stored("cologne/electricity-load", *files)
    table = pd.concat([pd.read_csv(real_data / f) for f in files], ignore_index=True)
    wall = pd.to_datetime(table.date + " " + table.time_from)
    assert wall.dt.date.astype(str).value_counts()[["2013-03-31", "2013-10-27"]].tolist() == [92, 96]
    # What pandas makes of the same times; it gives up the four that may be either of two.
    moments = wall.dt.tz_localize("Europe/Berlin", ambiguous="NaT").dt.tz_convert("UTC")
    lost = moments.isna()
    assert table[lost].time_from.tolist() == ["02:00", "02:15", "02:30", "02:45"]
    assert (told.tally.read, told.tally.accepted, told.tally.rejected) == (5_948, 5_944, 4)
    assert told.tally.reasons == {"rejected:time-zone": 4}
    mine = ours.sort_values("time")
    assert (mine.time.to_numpy() == moments[~lost].to_numpy()).all()
    assert (mine.value.to_numpy() == table.demand[~lost].to_numpy()).all()
    assert ((mine.end - mine.time) == pd.Timedelta(minutes=15)).all()
