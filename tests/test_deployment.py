"""Compose file, image and wheel say what is so. No container engine runs in the tests: what the files name is checked, and run where it can be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.e2e.serving import served

from ldt.cli import app
from ldt.cli.reference import commands, help_of
from ldt.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: s for name, s in SERVICES.items() if s["image"].startswith("ldt")}

_DURATION = {"type": "string", "pattern": r"^(\d+(us|ms|s|m|h))+$"}
#: The keys of the Compose Specification (compose-spec.json) that are used, with the forms that it gives them; no others.
SCHEMA = {
    "type": "object",
    "required": ["services"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "volumes": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
        "services": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["image"],
                "properties": {
                    "image": {"type": "string"},
                    "build": {"type": "string"},
                    "command": {"type": "array", "items": {"type": "string"}},
                    "environment": {
                        "type": "object",
                        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
                    },
                    "volumes": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
                    "ports": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
                    "shm_size": {"type": ["string", "number"]},
                    "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
                    "depends_on": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "object",
                            "required": ["condition"],
                            "additionalProperties": False,
                            "properties": {
                                "condition": {
                                    "enum": [
                                        "service_started",
                                        "service_healthy",
                                        "service_completed_successfully",
                                    ]
                                }
                            },
                        },
                    },
                    "healthcheck": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "test": {"type": "array", "items": {"type": "string"}, "minItems": 2},
                            "interval": _DURATION,
                            "timeout": _DURATION,
                            "start_period": _DURATION,
                            "retries": {"type": "number"},
                        },
                    },
                },
            },
        },
    },
}


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, lines put together."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (w, " ".join(rest.split()))
        for w, _, rest in (line.partition(" ") for line in text.splitlines() if line)
    ]


# The compose file ---------------------------------------------------------------------------------------------


def test_the_compose_file_says_only_what_compose_knows() -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(COMPOSE)
    named = {v.split(":")[0] for s in SERVICES.values() for v in s["volumes"]}
    assert named == set(COMPOSE["volumes"])
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]


def test_images_come_from_no_named_registry() -> None:
    bases = [rest.split(" ")[0] for word, rest in instructions() if word == "FROM"]
    for image in [*(s["image"] for s in SERVICES.values()), *bases]:
        assert re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)?:[a-z0-9.-]+", image), image


@pytest.mark.parametrize("name", sorted(OURS))
def test_its_commands_are_ours(name: str) -> None:
    program, *words = OURS[name]["command"]
    assert program == "ldt"
    path = max((c for c in commands(app) if list(c) == words[: len(c)]), key=len)
    told = help_of(path)
    for word in words[len(path) :]:
        assert not word.startswith("--") or f"{word} " in told, word


@pytest.mark.parametrize("name", sorted(OURS))
def test_its_variables_are_our_settings(name: str) -> None:
    known = {f"LDT_{field.upper()}" for field in Settings.model_fields}
    assert set(OURS[name]["environment"]) <= known
    # one that is left empty is as if it were not set
    assert Settings.model_config["env_ignore_empty"] is True


def test_there_is_no_secret_in_it() -> None:
    assert COMPOSE["x-ldt"]["environment"] == SERVICES["api"]["environment"]
    password = r"\$\{LDT_DB_PASSWORD:\?[^}]+\}"  # needed, and told when it is missing
    assert re.fullmatch(password, SERVICES["db"]["environment"]["POSTGRES_PASSWORD"])
    for service in OURS.values():
        url = service["environment"]["LDT_DATABASE_URL"]
        assert re.fullmatch(rf"postgresql://ldt:{password}@db:5432/ldt", url)
    database = SERVICES["db"]["environment"]
    assert (database["POSTGRES_USER"], database["POSTGRES_DB"]) == ("ldt", "ldt")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored
    assert ".env" not in (ROOT / ".dockerignore").read_text(
        encoding="utf-8"
    )  # it lets in what it lists, and nothing else


def test_ports_agree() -> None:
    (published,) = SERVICES["api"]["ports"]
    address, _, inside = published.split(":")
    assert address == "127.0.0.1"  # what is open to others is for a proxy to decide
    command = SERVICES["api"]["command"]
    assert command[command.index("--port") + 1] == inside
    assert f"127.0.0.1:{inside}/" in SERVICES["api"]["healthcheck"]["test"][-1]
    assert ("EXPOSE", inside) in instructions()


def test_the_health_check_tells_a_service_that_works_from_one_that_does_not(database_url: str) -> None:
    kind, program, *words = SERVICES["api"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    with served(database_url) as address:
        urllib.request.urlopen(f"{address}/health", timeout=120).close()  # it has started  # noqa: S310
        asked = [w.replace("http://127.0.0.1:8000", address) for w in words]
        assert address in asked[-1]
        assert subprocess.run([sys.executable, *asked], check=False).returncode == 0
    assert subprocess.run([sys.executable, *asked], capture_output=True, check=False).returncode != 0


def test_the_database_is_asked_over_tcp() -> None:
    kind, program, *options = SERVICES["db"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "pg_isready")
    assert set(options) == {"--host=127.0.0.1", "--username=ldt", "--dbname=ldt"}
    said = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(o.split("=")[0] in said for o in options)


# The image ----------------------------------------------------------------------------------------------------


def test_the_image_is_made_as_make_install_does_it() -> None:
    def flags(text: str) -> list[set[str]]:
        found = re.findall(r"-m pip install (.*)", text)
        return [set(f.split()) - {"--no-cache-dir", "-e", "."} for f in found]

    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert flags(DOCKERFILE) == flags(makefile)
    assert len(flags(DOCKERFILE)) == 2


def test_everything_that_the_image_copies_is_there_and_let_in() -> None:
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert let_in[0] == "*"
    copied = [
        w
        for word, rest in instructions()
        if word == "COPY" and "--from" not in rest
        for w in rest.split()[:-1]
    ]
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in let_in
    assert set(let_in[1:]) == {f"!{source}" for source in copied} | {"**/__pycache__"}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for folder in re.findall(r'^(\w+) = "ldt/_data/', project, flags=re.MULTILINE):
        assert folder in copied


def test_the_image_runs_as_an_ordinary_user_on_a_python_that_we_support() -> None:
    words = dict(instructions())
    assert words["USER"] == "ldt"
    assert "useradd" in DOCKERFILE
    assert json.loads(words["CMD"])[:2] == ["ldt", "serve"]
    assert f"LDT_DATA_DIR={words['VOLUME']}" in words["ENV"]
    version = re.search(r"FROM python:(\d+\.\d+)-", DOCKERFILE)
    needed = re.search(
        r'requires-python = ">=(\d+\.\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )
    assert version
    assert needed
    assert tuple(map(int, version[1].split("."))) >= tuple(map(int, needed[1].split(".")))
    # pg_dump refuses a server that is newer than itself
    client = re.search(r"postgresql-client-(\d+)", DOCKERFILE)
    server = re.fullmatch(r"postgis/postgis:(\d+)-.*", SERVICES["db"]["image"])
    assert client
    assert server
    assert int(client[1]) >= int(server[1])


# The wheel ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment in which the wheel is installed, and beside it only what it needs; gives its folder of programs."""
    folder = tmp_path_factory.mktemp("wheel")
    hatchling = Path(sys.executable).parent / "hatchling"
    subprocess.run(
        [hatchling, "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True, capture_output=True
    )
    (wheel,) = folder.glob("*.whl")
    home = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        home / "bin" / "python",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    # A plain path: what is installed here for development, ourselves among it, does not come along.
    (site,) = home.glob("lib/python*/site-packages")
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home / "bin"


def run(program: Path, *words: str, folder: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [program, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_runs_and_carries_its_data(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "ldt", "--version", folder=tmp_path).startswith("ldt ")
    code = "import ldt, ldt.settings as s; print(ldt.__file__, *(s.shipped(k) for k in ('schemas', 'connectors', 'web')))"
    package, *data = run(installed / "python", "-c", code, folder=tmp_path).split()
    assert Path(package).is_relative_to(installed.parent)
    for place in data:
        assert Path(place).is_relative_to(installed.parent)
        assert any(Path(place).iterdir())
    listed = json.loads(run(installed / "ldt", "recipes", "list", "--json", folder=tmp_path))
    shipped = [
        p.relative_to(ROOT / "connectors").with_suffix("").as_posix()
        for p in (ROOT / "connectors").rglob("*.yaml")
    ]
    assert sorted(r["name"] for r in listed) == sorted(shipped)


def test_the_wheel_holds_all_that_is_shipped_and_nothing_of_the_tests(installed: Path) -> None:
    (wheel,) = installed.parents[1].glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("schemas", "connectors", "web"):
        for path in (ROOT / kind).rglob("*"):
            if path.is_file():
                assert f"ldt/_data/{path.relative_to(ROOT).as_posix()}" in names, path
    code = {
        p.relative_to(ROOT / "src").as_posix()
        for p in (ROOT / "src").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    assert code <= names
    assert not [n for n in names if n.startswith(("tests", "bench"))]
