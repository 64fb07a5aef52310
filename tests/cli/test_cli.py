"""The frame of the command line: one result or one clear error, as text or as one JSON document."""

from __future__ import annotations

import json
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import numpy
import pytest
import typer

from ldt import cli
from ldt.cli import output
from ldt.errors import HostileSource, LdtError, NotFound, StoreError
from ldt.settings import settings

LDT = Path(sys.executable).parent / "ldt"


@pytest.fixture(autouse=True)
def _mode_anew() -> Iterator[None]:
    yield
    output.reset()
    settings.cache_clear()


def only_command(monkeypatch: pytest.MonkeyPatch, what: object) -> None:
    """Replace the commands by one, `ldt it [--json]`, that raises or prints what is given."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(lambda: None)

    @app.command()
    def it(as_json: output.Json = False) -> None:
        if isinstance(what, BaseException):
            raise what
        output.emit(what, lambda: output.say(f"people read {what}"))

    monkeypatch.setattr(cli, "app", app)


# As a program -------------------------------------------------------------------------------------------------


def test_the_program_tells_its_version() -> None:
    done = subprocess.run([LDT, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"ldt {version('ldt')}\n"
    done = subprocess.run([LDT, "--version", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"version": version("ldt")}


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = "import sys; from ldt.cli import run; run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    times = []
    for _ in range(3):
        before = os.times()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        after = os.times()
        # Processor time: what it takes on an idle machine, whatever else this one is doing.
        times.append(sum(after[2:4]) - sum(before[2:4]))
    assert "Usage: ldt" in done.stdout
    loaded = set(done.stderr.strip("[]\n").replace("'", "").split(", "))
    assert "typer" in loaded
    heavy = {
        "pyarrow",
        "duckdb",
        "sqlalchemy",
        "psycopg",
        "pyogrio",
        "shapely",
        "fastapi",
        "pydantic",
        "numpy",
        "lxml",
        "rich",
    }
    assert loaded & heavy == set()
    assert min(times) < 0.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["db", "nonsense"], "No such command 'nonsense'"),
        (["db", "up", "--nonsense"], "No such option: --nonsense"),
        (["db", "up", "nonsense"], "nonsense"),
        ([], "issing"),
    ],
)
def test_a_command_that_cannot_be_understood_is_exit_2_in_both_forms(words: list[str], said: str) -> None:
    plain = subprocess.run([LDT, *words], capture_output=True, text=True, check=False)
    assert plain.returncode == 2
    assert plain.stdout == ""
    assert said in plain.stderr.splitlines()[-1]
    assert plain.stderr.splitlines()[-1].startswith("Error: ")
    as_json = subprocess.run([LDT, *words, "--json"], capture_output=True, text=True, check=False)
    assert as_json.returncode == 2
    problem = json.loads(as_json.stdout)
    assert (problem["type"], problem["status"]) == ("urn:ldt:problem:usage-error", 400)
    assert said in problem["detail"]
    assert as_json.stderr == ""


def test_what_follows_a_double_dash_is_no_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only_command(monkeypatch, {})
    assert cli.run(["it", "--", "--json"]) == 2
    assert capsys.readouterr().out == ""


def test_ctrl_c_ends_it_with_130_and_without_a_traceback() -> None:
    code = (
        "import sys, time, typer; from ldt import cli\n"
        "cli.app = typer.Typer(); cli.app.callback()(lambda: None)\n"
        "@cli.app.command()\ndef wait():\n    print('waiting', flush=True); time.sleep(60)\n"
        "sys.exit(cli.run(['wait']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == ""


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_goes_away_is_no_error(lines: int) -> None:
    code = (
        "import sys, typer; from ldt import cli\nfrom ldt.cli import output\n"
        "cli.app = typer.Typer(); cli.app.callback()(lambda: None)\n"
        f"@cli.app.command()\ndef many():\n    for n in range({lines}): output.say(f'line {{n}}')\n"
        "cli.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "many"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=20) == 1


# Errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            NotFound("there is no twin ghent", remedy="ldt twin list"),
            3,
            "Error: there is no twin ghent (ldt twin list)",
        ),
        (HostileSource("entities", where="a.gml"), 4, "Error: a.gml: entities"),
        (StoreError("two\nlines and a \x1b[31mcolour\x07"), 8, "Error: two lines and a [31mcolour"),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: LdtError, code: int, line: str
) -> None:
    only_command(monkeypatch, error)
    assert cli.run(["it"]) == code
    said = capsys.readouterr()
    assert said.err == line + "\n"
    assert said.out == ""
    assert cli.run(["it", "--json"]) == code
    said = capsys.readouterr()
    assert json.loads(said.out) == error.problem()
    assert said.err == ""


def test_an_error_nobody_foresaw_is_one_line_and_its_traceback_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    only_command(monkeypatch, ZeroDivisionError("by zero"))
    log = tmp_path / "data" / "ldt.log"
    assert cli.run(["it"]) == 70
    assert (
        capsys.readouterr().err == f"Error: internal error: ZeroDivisionError: by zero (details in {log})\n"
    )
    assert "Traceback (most recent call last)" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert cli.run(["it", "--json"]) == 70
    problem = json.loads(capsys.readouterr().out)
    assert problem["status"] == 500
    assert problem["detail"] == "internal error: ZeroDivisionError: by zero"
    assert log.read_text().count("ZeroDivisionError: by zero") == 2


def test_the_log_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    (tmp_path / "ldt.log").write_bytes(b"x" * (5 * 1024**2 + 1))
    only_command(monkeypatch, ZeroDivisionError())
    assert cli.run(["it"]) == 70
    assert (tmp_path / "ldt.log").stat().st_size < 10_000
    assert (tmp_path / "ldt.log.1").stat().st_size == 5 * 1024**2 + 1


def test_a_log_that_cannot_be_written_is_written_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "file" / "below"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings.cache_clear()
    only_command(monkeypatch, ZeroDivisionError())
    assert cli.run(["it"]) == 70
    (log,) = tmp_path.glob("ldt-*.log")
    assert f"(details in {log})" in capsys.readouterr().err
    assert "ZeroDivisionError" in log.read_text()


def test_a_setting_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LDT_MAX_LIMIT", "many")
    settings.cache_clear()
    assert cli.run(["db", "status"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: LDT_MAX_LIMIT: the environment variable LDT_MAX_LIMIT cannot be used")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("below", [".", "below", "far/below"])
@pytest.mark.parametrize("command", [["db", "up"], ["twin", "list"]])
def test_a_data_directory_that_cannot_be_made_is_named(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    below: str,
    command: list[str],
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("LDT_DATABASE_URL", raising=False)
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "file" / below))
    settings.cache_clear()
    assert cli.run(command) == 8
    (said,) = (line for line in capsys.readouterr().err.splitlines() if not line.startswith("starting"))
    assert said.startswith(f"Error: {tmp_path / 'file' / below}: the data directory cannot be used")
    assert "LDT_DATA_DIR" in said


def test_a_file_elsewhere_that_is_missing_is_not_put_down_to_the_data_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    only_command(
        monkeypatch, FileNotFoundError(2, "No such file or directory", str(tmp_path / "other" / "x"))
    )
    assert cli.run(["it"]) == 70


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["ingest", "cologne/parts", "x.shp", "--twin", "town", "--option", "layer=[1"], "--option"),
        (["ingest", "cologne/parts", "x.shp", "--twin", "town", "--name", "Bad Name"], "--name"),
        (["rejected", "places", "--twin", "town", "--outcome", "accepted"], "--outcome"),
    ],
)
def test_a_value_of_an_option_that_cannot_be_used_is_exit_2(
    capsys: pytest.CaptureFixture[str], words: list[str], where: str
) -> None:
    assert cli.run(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Error: {where}: ")
    assert len(said.splitlines()) == 1


def on_a_terminal(code: str, **environment: str) -> str:
    """Run Python with its standard error on a pseudo terminal and return what was written there."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.DEVNULL,
        stderr=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment},
    ) as process:
        process.wait(timeout=30)
    os.close(slave)
    written = os.read(master, 65536).decode()
    os.close(master)
    return written


def test_on_a_terminal_an_error_is_red_unless_colours_are_unwanted() -> None:
    code = "from ldt.cli import run; run(['nonsense'])"
    assert on_a_terminal(code).startswith("\x1b[31mError: No such command")
    assert on_a_terminal(code, NO_COLOR="1").startswith("Error: No such command")


# Results ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    path: Path
    when: datetime
    day: date
    names: frozenset[str]
    share: float
    count: numpy.int64


def test_json_takes_what_results_are_made_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = Result(
        path=Path("/a/ü"),
        when=datetime(2026, 3, 29, 1, tzinfo=UTC),
        day=date(2026, 3, 29),
        names=frozenset({"b", "a"}),
        share=float("nan"),
        count=numpy.int64(2**53 + 1),
    )
    only_command(monkeypatch, {"result": result, 7: b"\x00\xff"})
    assert cli.run(["it", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "result": {
            "path": "/a/ü",
            "when": "2026-03-29T01:00:00+00:00",
            "day": "2026-03-29",
            "names": ["a", "b"],
            "share": None,
            "count": 9007199254740993,
        },
        "7": "00ff",
    }
    assert said.out.count("\n") == 1
    assert said.err == ""
    assert cli.run(["it"]) == 0
    assert capsys.readouterr().out.startswith("people read")


def test_a_command_asked_for_json_does_not_bind_the_next_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only_command(monkeypatch, [1])
    cli.run(["it", "--json"])
    cli.run(["it"])
    assert capsys.readouterr().out == "[1]\npeople read [1]\n"


def test_a_table_in_a_pipe_is_parted_by_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["name", "count"], [["a\tb\nc", 1], [None, 2.5]])
    assert capsys.readouterr().out == "name\tcount\na b c\t1\n\t2.5\n"


def test_a_table_on_a_terminal_is_drawn_and_its_values_are_no_markup() -> None:
    code = "import sys; sys.stdout = sys.stderr\nfrom ldt.cli.output import table; table(['name'], [['[red]x[/]']])"
    drawn = on_a_terminal(code)
    assert "[red]x[/]" in drawn
    assert "─" in drawn


@pytest.mark.parametrize(("pause", "told"), [(0.0, ["1,000", "2,000", "3,000", "4,000"]), (60.0, [])])
def test_progress_in_a_log_is_lines_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pause: float, told: list[str]
) -> None:
    monkeypatch.setattr(output, "_SECONDS_BETWEEN_LINES", pause)
    with output.progress("reading", total=4000) as advance:
        for _ in range(4):
            advance(1000)
    said = capsys.readouterr()
    assert said.out == ""
    first, *between, last = said.err.splitlines()
    assert first == "reading …"
    assert [line.split(" of 4,000 (")[0] for line in between] == [f"reading: {count}" for count in told]
    assert last.startswith("reading: 4,000 of 4,000 done (")


def test_progress_with_json_is_objects_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    output.use_json(True)
    with output.progress("reading") as advance:
        advance(3)
    said = capsys.readouterr()
    assert said.out == ""
    events = [json.loads(line) for line in said.err.splitlines()]
    assert [(event["state"], event["done"]) for event in events] == [("begin", 0), ("end", 3)]


def test_progress_that_fails_does_not_say_that_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFound), output.progress("reading"):
        raise NotFound("gone")
    assert capsys.readouterr().err == "reading …\n"


def test_progress_on_a_terminal_is_drawn() -> None:
    code = "from ldt.cli.output import progress\nwith progress('reading [a]', total=2) as advance: advance(2)"
    assert "reading [a]" in on_a_terminal(code)
