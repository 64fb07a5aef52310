"""References in files of authorities: every one that is local to its file leads to the object that the file holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.real.twins import fill_twin

from ldt.model.snapshot import OPERATOR
from ldt.store import references, snapshots
from ldt.store.connect import connect

COMPONENTS = ("thoroughfare-names", "postal-descriptors", "address-areas", "admin-unit-names")
UNITS = ("administrative-units", "administrative-boundaries")
#: twin: file, recipes in the order of their ingest, and for each that refers: references in the file (`grep -c xlink:href="#`)
CASES = {
    "fasnia": ("es_catastro/address.gml", ("addresses", *COMPONENTS), {"addresses": 42}),
    "bovenkarspel": ("nl_kadaster/example-ad.gml", (*COMPONENTS, "addresses"), {"addresses": 150}),
    "inlined": ("nl_kadaster/ad-address-wfs-rsp-inlined.gml", ("addresses", *COMPONENTS), {"addresses": 3}),
    "rissen": ("hamburg/Address.gml", ("addresses", *COMPONENTS), {"addresses": 8}),
    "hamburg": ("hamburg/AdministrativeUnit.gml", UNITS, {"administrative-units": 5}),
}


@pytest.fixture(scope="module")
def conn(shared_database_url: str, real_data: Path, own_data_dir: Path) -> Iterator[psycopg.Connection[Any]]:
    for twin, (file, recipes, _) in CASES.items():
        fill_twin(shared_database_url, twin, recipes, real_data / "inspire" / file)
    with connect(shared_database_url) as found:
        yield found


@pytest.mark.parametrize("twin", CASES)
def test_every_local_reference_of_a_file_leads_to_its_object(
    conn: psycopg.Connection[Any], twin: str
) -> None:
    for recipe, number in CASES[twin][2].items():
        with conn.transaction():
            snapshot = snapshots.resolve(conn, twin, OPERATOR)
            found = references.of_dataset(conn, snapshot, f"inspire-{recipe}", listed=5)
        assert found is not None
        assert (found.resolved, found.dangling) == (number, 0), found.listed


def test_a_spanish_address_leads_to_its_street_and_no_other(conn: psycopg.Connection[Any]) -> None:
    """Of each address the localId begins with province, municipality and street: 38.012.10.1.… stands in street 38.012.10."""
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "fasnia", OPERATOR)
        rows = conn.execute(
            "SELECT f.local_id, f.properties, f.source_id, f.namespace FROM ldt.feature f"
            " WHERE f.dataset_id = %s",
            (snapshot.datasets["inspire-addresses"].dataset_id,),
        ).fetchall()
        for local_id, properties, source_id, namespace in rows:
            feature = {"properties": properties, "source_id": source_id, "namespace": namespace}
            asked = references.of_feature("addresses", feature)
            met = [one.id for targets in references.resolve(conn, snapshot, asked) for one in targets]
            street = ".".join(local_id.split(".")[:3])
            assert f"inspire-thoroughfare-names.ES.SDGC.TN.{street}" in met
            assert len(met) == 3
    assert len(rows) == 14
