"""What a recipe or a user writes is filled from the environment, once; an unset variable of a probe is told, not raised."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sources.services.server import Reply, serving

from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.fetch import service_of
from ldt.pipeline.inspect.address import inspect_address
from ldt.pipeline.upstream import _probe, upstreams
from ldt.settings import settings
from ldt.sources.services.http import Client
from ldt.sources.services.service import Service


def test_the_address_on_the_command_line_and_the_recipe_s_own_are_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITY_KEY", "s3cr3t")
    monkeypatch.setenv("WFS_URL", "https://example.org/wfs")
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    try:
        with (
            Client(tmp_path / "c", rate=1000) as client,
            serving(lambda _: Reply(b"a\n1\n", kind="text/csv")) as server,
        ):
            address = f"{server.url}/x.csv?key=${{CITY_KEY}}"
            given = service_of(load_recipe("generic/table"), address, client)
            own = service_of(load_recipe("services/wfs"), None, client, "t:${CITY_KEY}")
            inspected = inspect_address(address)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert given.url == f"{server.url}/x.csv?key=s3cr3t"
    assert (own.url, own.layer) == ("https://example.org/wfs", "t:s3cr3t")
    assert [a.query["key"] for a in server.asked if a.method == "GET"] == ["s3cr3t"]
    assert "s3cr3t" not in str(inspected)


def test_a_probe_that_lacks_a_variable_is_refused(tmp_path: Path) -> None:
    (upstream, recipe), *_ = upstreams(["services/nl-municipalities"])
    keyed = Service(
        protocol="ogcapi", url="https://example.org/", headers={"X-Api-Key": "${LDT_NO_SUCH_KEY}"}
    )
    recipe = recipe.model_copy(update={"source": recipe.source.model_copy(update={"service": keyed})})
    with Client(tmp_path / "c") as client:
        probe = _probe(upstream, recipe, client)
    assert probe.state == "refused"
    assert "LDT_NO_SUCH_KEY" in probe.message
