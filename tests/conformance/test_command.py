"""`ldt conformance`, from the words of the command to its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ldt.cli import output
from ldt.cli.conformance import NOT_CONFORMANT, app
from ldt.conformance import available, load
from ldt.errors import LdtError, SourceError, UsageError

TESTS = len(load(available()["ldt-core"]).tests)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*words: str) -> tuple[int, str]:
        output.reset()
        output.use_json("--json" in words)
        result = app(args=list(words), prog_name="conformance", standalone_mode=False)
        output.reset()
        return (result if isinstance(result, int) else 0), capsys.readouterr().out

    return call


def broken(path: str, query: dict[str, str], answer: Any) -> Any:
    if path == "/collections/no-such-collection-7f3a":
        answer.status = 200
    return answer


def test_a_good_endpoint_exits_with_0(command: Any, serve: Callable[..., Any]) -> None:
    code, out = command("run", serve().url)
    assert code == 0
    assert out.rstrip().splitlines()[-1] == f"passed: {TESTS} passed"


def test_a_class_that_fails_exits_with_9_and_writes_the_reports(
    command: Any, serve: Callable[..., Any], tmp_path: Path
) -> None:
    junit, earl = tmp_path / "junit.xml", tmp_path / "earl.ttl"
    code, out = command(
        "run", serve(broken).url, "--class", "/req/collections", "--junit", str(junit), "--earl", str(earl)
    )
    assert code == NOT_CONFORMANT == 9
    assert "the status is 200, not 404" in out
    assert b"<testsuites" in junit.read_bytes()
    assert b"earl:failed" in earl.read_bytes()


def test_json_is_one_document_and_nothing_else(command: Any, serve: Callable[..., Any]) -> None:
    code, out = command("run", serve(broken).url, "--param", "collection=sites", "--json")
    report = json.loads(out)
    assert code == 9
    assert report["outcome"] == "failed"
    assert report["parameters"]["collection"] == "sites"


def test_list_and_show_tell_what_there_is(command: Any) -> None:
    code, out = command("list", "--json")
    assert code == 0
    assert [s["name"] for s in json.loads(out)["specifications"]] == ["ldt-core"]
    code, out = command("show", "ldt-core")
    assert code == 0
    assert "SHALL  /req/features/limit" in out
    shown = json.loads(command("show", "--json")[1])
    assert len(shown["tests"]) == TESTS


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["--param", "collection"], UsageError, "name=value"),
        (["--param", "colour=red"], UsageError, "colour"),
        (["--spec", "lost.yaml"], UsageError, "lost.yaml"),
        (["--earl", "report.xml"], UsageError, "report.xml"),
        (["--class", "/req/lost"], UsageError, "/req/lost"),
        (["--junit", "/lost/folder/junit.xml"], LdtError, "/lost/folder/junit.xml"),
    ],
)
def test_what_cannot_be_understood_is_our_error(
    command: Any, serve: Callable[..., Any], words: list[str], kind: type[LdtError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        command("run", serve().url, *words)


def test_nobody_there_is_our_error(command: Any) -> None:
    with pytest.raises(SourceError) as caught:
        command("run", "http://127.0.0.1:9")
    assert caught.value.exit_code == 4
