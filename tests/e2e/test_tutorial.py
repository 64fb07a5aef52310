"""The tutorial works as it stands: its files are saved, its commands typed in its order, its notebook cell run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyogrio
from tests.e2e.serving import served

from ldt.cli import app
from ldt.cli.reference import commands, help_of
from ldt.pipeline.sample import generate
from ldt.store.backup import DUMP
from ldt.store.restore import read_manifest, verify

TEXT = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', TEXT, flags=re.MULTILINE | re.DOTALL)


@dataclass
class Machine:
    """A folder of data and a data directory; what is typed and what it printed."""

    folder: Path
    environment: dict[str, str]

    def type(self, line: str) -> str:
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def test_every_block_is_of_a_kind_that_is_tried() -> None:
    assert {kind for kind, _, _ in BLOCKS} == {"console", "sh", "yaml", "python"}
    # What serves or opens is typed nowhere here; it must exist.
    shown = [
        line.removeprefix("$ ").split()
        for kind, _, text in BLOCKS
        if kind == "console"
        for line in text.splitlines()
    ]
    known = {tuple(c) for c in commands(app)}
    for program, *words in shown:
        if program == "ldt":
            command = max((c for c in known if list(c) == words[: len(c)]), key=len)
            assert all(f"{w.split('=')[0]} " in help_of(command) or not w.startswith("--") for w in words)
            continue
        assert (program, words) == ("make", ["demo"])


def test_the_tutorial_works_as_it_stands(short_folder: Path) -> None:
    work = short_folder / "work"
    generate(work / "sample-city", size="small")
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "LDT_DATA_DIR": str(short_folder / "data"),
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    machine = Machine(work, environment)
    said: dict[str, list[str]] = {}
    for kind, name, text in BLOCKS:
        if kind == "yaml":
            (work / name).write_text(text, encoding="utf-8")
        elif kind == "sh":
            for line in text.splitlines():
                if line == "ldt twin rm my-city --yes":
                    _looked_at(machine)
                said.setdefault(line, []).append(machine.type(line))
    first, again = said["ldt twin build my-city.yaml"]
    assert "districts: version 1" in first
    assert again.count("unchanged, still version 1") == 6
    assert (
        "fitting recipes: inspire/protected-sites" in said["ldt inspect sample-city/protected-sites.gml"][0]
    )
    assert "accepted 7" in said["ldt recipes check districts.yaml --source sample-city/districts.gpkg"][0]
    assert len(said["ldt rejected inspire-protected-sites --twin my-city"][0].splitlines()) == 2
    assert said["ldt twin rm my-city --yes"][0].startswith("my-city and its 6 data sets are deleted.")
    assert machine.type("ldt twin list").splitlines()[1:] == []


def _looked_at(machine: Machine) -> None:
    """Look at what the tutorial made before it is removed again."""
    layers = dict(pyogrio.list_layers(machine.folder / "my-city-export" / "my-city.gpkg"))
    assert {"administrative_units", "protected_sites", "land_cover_units", "indicators_district"} <= set(
        layers
    )
    manifest = read_manifest(machine.folder / "my-backup")
    verify(machine.folder / "my-backup", manifest)
    assert manifest.twins.keys() == {"my-city"}
    assert DUMP in manifest.files
    (cell,) = [text for kind, _, text in BLOCKS if kind == "python"]
    with served(machine.type("ldt db url").strip()) as address:
        done = subprocess.run(
            [sys.executable, "-c", cell.replace("http://127.0.0.1:8000", address)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("valid") == 7
    assert "my-city@" in done.stdout
