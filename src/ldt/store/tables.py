"""The tables, as queries see them. The schema itself is `sql/*.sql`; a test holds the two against each other."""

from __future__ import annotations

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INT8MULTIRANGE, JSONB, TSVECTOR, UUID

metadata = MetaData(schema="ldt")


def _geometry(kind: str = "GEOMETRY") -> Geometry:
    # The index is made by the SQL files; GeoAlchemy2 would make a second one.
    return Geometry(kind, srid=4326, spatial_index=False)


def _instant() -> DateTime:
    return DateTime(timezone=True)


vocabulary = Table(
    "vocabulary",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", JSONB),
    Column("source", Text),
    Column("checked", Text),
    Column("uri_base", Text),
    Column("digest", Text),
)

concept = Table(
    "concept",
    metadata,
    Column("vocabulary", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("ordinal", Integer),
    Column("label", JSONB),
    Column("definition", JSONB),
    Column("parent", Text),
    Column("uri", Text),
    Column("checked", Text),
    Column("properties", JSONB),
)

indicator = Table(
    "indicator",
    metadata,
    Column("id", Text, primary_key=True),
    Column("definition", JSONB),
    Column("digest", Text),
)

dpsir_chain = Table(
    "dpsir_chain",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", JSONB),
    Column("checked", Text),
    Column("source", Text),
)

dpsir_node = Table(
    "dpsir_node",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("role", Text),
    Column("ordinal", Integer),
    Column("title", JSONB),
    Column("indicator", Text),
)

dpsir_link = Table(
    "dpsir_link",
    metadata,
    Column("chain", Text, primary_key=True),
    Column("from_node", Text, primary_key=True),
    Column("to_node", Text, primary_key=True),
    Column("evidence", Text),
    Column("lag", Text),
    Column("strength", Text),
)

twin = Table(
    "twin",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text),
    Column("title", JSONB),
    Column("description", JSONB),
    Column("scale", Text),
    Column("boundary", _geometry("MULTIPOLYGON")),
    Column("buffer_m", Double),
    Column("selection", _geometry("MULTIPOLYGON")),
    Column("manifest", JSONB),
    Column("revision", BigInteger),
    Column("created", _instant()),
    Column("state", BigInteger),
)

revision = Table(
    "revision",
    metadata,
    Column("twin_id", Integer, primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("committed", _instant()),
    Column("what", Text),
)

dataset = Table(
    "dataset",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("twin_id", Integer),
    Column("name", Text),
    Column("shape", Text),
    Column("feature_type", Text),
    Column("title", JSONB),
    Column("description", JSONB),
    Column("publisher", Text),
    Column("licence", Text),
    Column("licence_uri", Text),
    Column("access", Text),
    Column("personal_data", Boolean),
    Column("origin", Text),
    Column("data_stage", Text),
    Column("themes", ARRAY(Text)),
    Column("anatomy", Text),
    Column("dpsir", Text),
    Column("update_frequency", Text),
    Column("recipe", JSONB),
    Column("current_version", Integer),
    Column("removed", INT8MULTIRANGE),
)

dataset_words = Table(
    "dataset_words",
    metadata,
    Column("dataset_id", Integer, primary_key=True),
    Column("words", TSVECTOR),
)

version = Table(
    "version",
    metadata,
    Column("dataset_id", Integer, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("twin_id", Integer),
    Column("revision", BigInteger),
    Column("key", Text),
    Column("recipe_digest", Text),
    Column("harmoniser", Text),
    Column("selection_digest", Text),
    Column("code_version", Text),
    Column("committed", _instant()),
    Column("pruned", Boolean),
    Column("read", BigInteger),
    Column("accepted", BigInteger),
    Column("repaired", BigInteger),
    Column("rejected", BigInteger),
    Column("duplicate", BigInteger),
    Column("outside", BigInteger),
    Column("derived", BigInteger),
    Column("missing", BigInteger),
    Column("rows", BigInteger),
    Column("added", BigInteger),
    Column("changed", BigInteger),
    Column("removed", BigInteger),
    Column("extent", _geometry("POLYGON")),
    Column("time_first", _instant()),
    Column("time_last", _instant()),
    Column("crs", JSONB),
)

source_object = Table(
    "source_object",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", Text),
    Column("name", Text),
    Column("size", BigInteger),
    Column("media_type", Text),
    Column("kept", Boolean),
    Column("first_seen", _instant()),
)

version_source = Table(
    "version_source",
    metadata,
    Column("dataset_id", Integer, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("source_id", Integer, primary_key=True),
    Column("needed", Boolean),
)

discarded = Table(
    "discarded",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("since", _instant()),
)

outcome = Table(
    "outcome",
    metadata,
    Column("twin_id", Integer),
    Column("dataset_id", Integer),
    Column("version", Integer),
    Column("source_id", Integer),
    Column("source_row", BigInteger),
    Column("outcome", Text),
    Column("reason", Text),
    Column("message", Text),
    Column("duplicate_of", BigInteger),
    Column("record", JSONB),
)

feature = Table(
    "feature",
    metadata,
    Column("twin_id", Integer, primary_key=True),
    Column("dataset_id", Integer, primary_key=True),
    Column("fid", Text(collation="C"), primary_key=True),
    Column("since", Integer, primary_key=True),
    Column("until", Integer),
    Column("feature_type", Text),
    Column("namespace", Text),
    Column("local_id", Text),
    Column("version_id", Text),
    Column("geom", _geometry()),
    Column("valid_from", _instant()),
    Column("valid_to", _instant()),
    Column("properties", JSONB),
    Column("raw", JSONB),
    Column("digest", UUID),
    Column("source_id", Integer),
    Column("source_row", BigInteger),
    Column("alias", Text(collation="C")),
)

thing = Table(
    "thing",
    metadata,
    Column("twin_id", Integer, primary_key=True),
    Column("code", Text(collation="C"), primary_key=True),
)

datastream = Table(
    "datastream",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("twin_id", Integer),
    Column("dataset_id", Integer),
    Column("code", Text(collation="C")),
    Column("thing", Text(collation="C")),
    Column("observed_property", Text),
    Column("unit", Text),
    Column("averaging", Text),
    Column("zone", Text),
    Column("properties", JSONB),
)

datastream_state = Table(
    "datastream_state",
    metadata,
    Column("twin_id", Integer, primary_key=True),
    Column("dataset_id", Integer, primary_key=True),
    Column("datastream_id", Integer, primary_key=True),
    Column("since", Integer, primary_key=True),
    Column("until", Integer),
    Column("count", BigInteger),
    Column("time_first", _instant()),
    Column("time_last", _instant()),
    Column("last_end", _instant()),
    Column("last_value", Double),
    Column("last_validity", SmallInteger),
    Column("last_verification", SmallInteger),
)


def _observation_columns() -> list[Column[object]]:
    return [
        Column("twin_id", Integer, primary_key=True),
        Column("dataset_id", Integer, primary_key=True),
        Column("datastream_id", Integer, primary_key=True),
        Column("time", _instant(), primary_key=True),
        Column("time_end", _instant()),
        Column("value", Double),
        Column("validity", SmallInteger),
        Column("verification", SmallInteger),
    ]


observation = Table(
    "observation",
    metadata,
    *_observation_columns(),
    Column("version", Integer),
    Column("source_id", Integer),
    Column("source_row", Integer),
)

observation_history = Table(
    "observation_history",
    metadata,
    *_observation_columns(),
    Column("version", Integer, primary_key=True),
    Column("source_id", Integer),
    Column("source_row", Integer),
    Column("until", Integer),
)

coverage = Table(
    "coverage",
    metadata,
    Column("twin_id", Integer, primary_key=True),
    Column("dataset_id", Integer, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("since", Integer, primary_key=True),
    Column("until", Integer),
    Column("digest", Text),
    Column("media_type", Text),
    Column("footprint", _geometry("POLYGON")),
    Column("time_first", _instant()),
    Column("time_last", _instant()),
    Column("bands", JSONB),
    Column("source_id", Integer),
    Column("grid", JSONB),
    Column("steps", Integer),
    Column("averaging", Text),
    Column("source_row", BigInteger),
    Column("quality", JSONB),
)

run = Table(
    "run",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("twin_id", Integer),
    Column("indicator", Text),
    Column("revision", BigInteger),
    Column("computed_at", BigInteger),
    Column("started", _instant()),
    Column("finished", _instant()),
    Column("code_version", Text),
    Column("definition", JSONB),
    Column("definition_digest", Text),
    Column("rules_digest", Text),
    Column("parameters", JSONB),
    Column("inputs", JSONB),
)

value = Table(
    "value",
    metadata,
    Column("twin_id", Integer, primary_key=True),
    Column("indicator", Text, primary_key=True),
    Column("scheme", Text(collation="C"), primary_key=True),
    Column("code", Text(collation="C"), primary_key=True),
    Column("period_start", _instant(), primary_key=True),
    Column("period_end", _instant(), primary_key=True),
    Column("period", Text(collation="C")),
    Column("since", BigInteger, primary_key=True),
    Column("until", BigInteger),
    Column("run_id", BigInteger),
    Column("name", Text),
    Column("value", Double),
    Column("unit", Text),
    Column("status", Text),
    Column("reason", Text),
    Column("n_valid", BigInteger),
    Column("n_expected", BigInteger),
    Column("coverage", Double),
    Column("method", Text),
    Column("verdicts", JSONB),
    Column("quality", JSONB),
    Column("access", Text),
    Column("inputs", JSONB),
    Column("geom", _geometry()),
    Column("id", Text(collation="C")),
)
