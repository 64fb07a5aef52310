"""Finding PostgreSQL with PostGIS, against made-up and against real installations."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ldt.errors import PostgisMissing
from ldt.settings import settings
from ldt.store import binaries
from ldt.store.binaries import find_binaries, install_line


@pytest.fixture(autouse=True)
def _settings_anew() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


def made_up(
    prefix: Path, version: str, postgis: str | None = "3.4.0", *, without: str = "", pg_config: bool = True
) -> Path:
    """Make an installation: shell scripts that answer `--version` and `--sharedir` as the real programs do."""
    bindir, share = prefix / "bin", prefix / "share" / "postgresql"
    bindir.mkdir(parents=True)
    (share / "extension").mkdir(parents=True)
    scripts = {"initdb": "", "pg_ctl": "", "postgres": f"echo 'postgres (PostgreSQL) {version}'"}
    if pg_config:
        scripts["pg_config"] = f'case "$1" in --sharedir) echo "{share}";; --bindir) echo "{bindir}";; esac'
    for name, body in scripts.items():
        if name != without:
            (bindir / name).write_text(f"#!/bin/sh\n{body}\n")
            (bindir / name).chmod(0o755)
    if postgis:
        (share / "extension" / "postgis.control").write_text(
            f"comment = 'x'\ndefault_version = '{postgis}'\n"
        )
    return bindir


@pytest.fixture
def only_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with nothing on the path; `usr/lib/postgresql/*/bin` below the returned folder is its only place."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "nothing"))
    monkeypatch.setattr(binaries, "_PLACES", (f"{tmp_path}/usr/lib/postgresql/*/bin",))
    return tmp_path / "usr/lib/postgresql"


def test_the_real_one_is_what_its_own_programs_say() -> None:
    found = find_binaries()
    version = subprocess.run(
        [found.bindir / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert f"(PostgreSQL) {found.version}" in version
    assert found.version.split(".")[0] == str(found.major)
    share = subprocess.run(
        [found.bindir / "pg_config", "--sharedir"], capture_output=True, text=True, check=True
    ).stdout
    assert (Path(share.strip()) / f"extension/postgis--{found.postgis_version}.sql").is_file()


def test_the_newest_with_postgis_wins_by_number_not_by_text(only_places: Path) -> None:
    made_up(only_places / "9.6", "9.6.24")
    made_up(only_places / "15", "15.18")
    made_up(only_places / "17", "17.2", postgis=None)
    found = find_binaries()
    assert (found.major, found.version, found.postgis_version) == (15, "15.18", "3.4.0")
    assert found.program("initdb") == str(only_places / "15/bin/initdb")


def test_one_that_is_too_old_does_not_count(only_places: Path) -> None:
    made_up(only_places / "13", "13.20")
    with pytest.raises(PostgisMissing, match=r"13\.20 is too old, 14 or newer is needed"):
        find_binaries()


def test_the_version_asked_for_is_preferred_and_another_one_is_better_than_none(only_places: Path) -> None:
    made_up(only_places / "15", "15.18")
    made_up(only_places / "17", "17.2")
    assert find_binaries(15).major == 15
    assert find_binaries().major == 17
    assert find_binaries(16).major == 17


def test_without_pg_config_the_share_folder_is_looked_for_beside(only_places: Path) -> None:
    made_up(only_places / "18", "18beta1", "3.6.0", pg_config=False)
    found = find_binaries()
    assert (found.major, found.version, found.postgis_version) == (18, "18beta1", "3.6.0")


def test_pg_config_on_the_path_is_asked_first(
    only_places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up(only_places / "17", "17.2")
    own = made_up(tmp_path / "own", "16.4")
    monkeypatch.setenv("PATH", f"{own}:/bin")
    assert find_binaries().bindir == own


def test_a_conda_environment_is_found(
    only_places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up(tmp_path / "conda", "16.4")
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "conda"))
    assert find_binaries().bindir == tmp_path / "conda/bin"


def test_nothing_at_all_names_the_line_that_installs_it(
    only_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(PostgisMissing) as caught:
        find_binaries()
    assert "no PostgreSQL with PostGIS" in str(caught.value)
    assert "conda install -c conda-forge postgresql postgis" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 8


def test_a_server_without_postgis_names_the_package_of_its_version(
    only_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up(only_places / "16", "16.4", postgis=None)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
    with pytest.raises(PostgisMissing) as caught:
        find_binaries()
    assert "PostgreSQL 16.4 is here, but without PostGIS" in str(caught.value)
    assert "apt-get install -y --no-install-recommends postgresql-16-postgis-3" in str(caught.value)


@pytest.mark.parametrize("without", ["initdb", "postgres", "pg_ctl"])
def test_an_incomplete_folder_that_was_chosen_is_an_error_and_not_passed_over(
    only_places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    made_up(only_places / "17", "17.2")
    monkeypatch.setenv("LDT_PG_BINDIR", str(made_up(tmp_path / "chosen", "16.4", without=without)))
    settings.cache_clear()
    with pytest.raises(
        PostgisMissing, match=f"{tmp_path}/chosen/bin: the program {without} of PostgreSQL is missing"
    ):
        find_binaries()


def test_a_folder_that_was_chosen_wins(
    only_places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up(only_places / "17", "17.2")
    monkeypatch.setenv("LDT_PG_BINDIR", str(made_up(tmp_path / "chosen", "16.4")))
    settings.cache_clear()
    assert find_binaries(17).major == 16


def test_each_system_has_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    here: set[str] = set()
    monkeypatch.setattr(shutil, "which", lambda name: name if name in here else None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "platform", "linux")
    assert install_line(16) == "conda install -c conda-forge postgresql=16 postgis"
    here.add("dnf")
    assert install_line() == "sudo dnf install -y postgis postgresql-server"
    here.add("apt-get")
    assert install_line(16) == "sudo apt-get install -y --no-install-recommends postgresql-16-postgis-3"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert install_line() == "conda install -c conda-forge postgresql postgis"
    here.add("brew")
    assert install_line() == "brew install postgis"
