"""The command line, `ldt`.

Exit codes: 0 done; 2 the command cannot be understood; 3 to 8 as :mod:`ldt.errors` lists them; 70 a fault of this
program (the details are in `ldt.log` in the data directory); 130 interrupted.

Modules of commands are imported for `ldt --help` too: they import nothing heavy before a command runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer import TyperException

from ldt.cli import (
    conformance,
    db,
    demo,
    export,
    indicators,
    ingest,
    inspect,
    output,
    references,
    rejected,
    serve,
    sources,
    twin,
)
from ldt.errors import LdtError, StoreError, UsageError

FAULT = 70
"""Exit code of a fault of this program (EX_SOFTWARE of sysexits.h)."""

INTERRUPTED = 130
"""Exit code after Ctrl-C (128 + SIGINT)."""

_LOG_BYTES = 5 * 1024 * 1024

app = typer.Typer(
    name="ldt",
    help="Data interoperability for the local digital twin of a city or territory.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# The commands, one line each: a group as `app.add_typer(module.app)`, a single one as `app.command("name")(function)`.
app.add_typer(db.app)
app.add_typer(twin.app)
app.add_typer(twin.datasets)
app.add_typer(ingest.recipes)
app.command("inspect")(inspect.inspect)
app.command("ingest")(ingest.ingest)
app.command("rejected")(rejected.rejected)
app.command("references")(references.references)
app.add_typer(sources.app)
app.add_typer(indicators.app)
app.command("export")(export.export)
app.add_typer(conformance.app)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)


def _print_version(value: bool) -> None:
    if value:
        from ldt import __version__

        output.emit({"version": __version__}, lambda: output.say(f"ldt {__version__}"))
        raise typer.Exit


@app.callback()
def _root(
    as_json: output.Json = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Data interoperability for the local digital twin of a city or territory."""


def main() -> NoReturn:
    """Run the command line of this process and end it with the exit code."""
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Run one command; print its result or one clear error; return the exit code.

    Args:
        args: the words after `ldt`.
    """
    output.reset()
    # Looked for by hand too, because a command that cannot be understood never comes to its options.
    before_separator = list(args)[: list(args).index("--")] if "--" in args else args
    output.use_json("--json" in before_separator)
    try:
        code = _command(args)
        sys.stdout.flush()
    except BrokenPipeError:
        return 1  # the reader has gone (`ldt … | head`), which is his right
    return code


def _command(args: Sequence[str]) -> int:
    try:
        result: Any = app(args=list(args), prog_name="ldt", standalone_mode=False)
    except LdtError as error:
        return _failed(error)
    except TyperException as error:
        return _failed(_usage(error))
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except Exception as error:
        foreseen = _wrong_setting(error) or _unusable_data_dir(error)
        return _failed(foreseen) if foreseen else _fault(error)
    return result if isinstance(result, int) else 0


def _failed(error: LdtError) -> int:
    sys.stdout.flush()
    output.print_error(error)
    return error.exit_code


def _usage(error: TyperException) -> UsageError:
    """Turn what Typer says of a command that cannot be understood into ours."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "ldt"
    message = error.format_message().strip()
    if context is not None and type(error).__name__ == "NoArgsIsHelpError":
        if not output.is_json():
            sys.stderr.write(context.get_help() + "\n")
        message = "a command is missing"
    return UsageError(message, remedy=f"{path} --help tells what there is")


def _wrong_setting(error: Exception) -> UsageError | None:
    """Turn the validation error of a setting from the environment into ours; None if it is another error."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or error.title != "Settings":
        return None
    first = error.errors()[0]
    name = "LDT_" + "_".join(str(part) for part in first["loc"]).upper()
    return UsageError(
        f"the environment variable {name} cannot be used: {first['msg']}",
        where=name,
        remedy="correct it, or unset it",
    )


def _unusable_data_dir(error: Exception) -> StoreError | None:
    """Turn a data directory that cannot be made, read or written into our error; None if it is another error."""
    from ldt.settings import settings

    if not isinstance(error, OSError) or not isinstance(error.filename, str):
        return None
    folder, place = settings().data_dir.expanduser().resolve(), Path(error.filename).resolve()
    # Where its parents are missing too, the first of them is what cannot be made.
    if not (place.is_relative_to(folder) or folder.is_relative_to(place)):
        return None
    return StoreError(
        f"the data directory cannot be used: {error.strerror}",
        where=str(settings().data_dir),
        remedy="set LDT_DATA_DIR to a folder that you may write to",
    )


def _fault(error: Exception) -> int:
    """Report an error that nobody foresaw: one line here, the traceback in the log."""
    log = _log_fault(error)
    summary = f"{type(error).__name__}: {error}".splitlines()[0]
    output.print_error(
        LdtError(
            f"internal error: {summary}", remedy=f"details in {log}" if log else "no log could be written"
        )
    )
    return FAULT


def _log_fault(error: Exception) -> Path | None:
    """Append the traceback to the log in the data directory, or write it to a new temporary file; return which."""
    text = "".join(traceback.format_exception(error))
    entry = f"{datetime.now(UTC).isoformat(timespec='seconds')} ldt {' '.join(sys.argv[1:])}\n{text}\n"
    with contextlib.suppress(Exception):  # settings that cannot be read may be the very fault
        from ldt.settings import settings

        log = settings().data_dir / "ldt.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        # Arguments and messages may hold what others must not read.
        with open(log, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(entry)
        return log
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(prefix="ldt-", suffix=".log")
        with open(handle, "w", encoding="utf-8") as file:
            file.write(entry)
        return Path(name)
    return None
