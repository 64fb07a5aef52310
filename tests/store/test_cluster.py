"""The private PostGIS: each pitfall is provoked for real."""

from __future__ import annotations

import psycopg

from ldt.store.cluster import Cluster


def test_the_test_cluster_answers_with_postgis_in_utc(empty_database_url: str, cluster: Cluster) -> None:
    with psycopg.connect(empty_database_url) as connection:
        row = connection.execute(
            "SELECT ST_AsText(ST_Point(6.96, 50.94, 4326)), current_setting('TimeZone'), current_setting('server_encoding')"
        ).fetchone()
    assert row == ("POINT(6.96 50.94)", "UTC", "UTF8")
    assert cluster.status().state == "running"
