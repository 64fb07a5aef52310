"""Building a twin from its manifest, each step shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ldt.cli.output import progress

if TYPE_CHECKING:
    from ldt.pipeline.build import Built


class Steps:
    """One thing after the other, each shown as it begins; what began before has then ended."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._advance: Callable[[int], None] = lambda steps: None
        self._done = 0

    def begin(self, what: str, total: int | None = None) -> None:
        """Tell what begins."""
        self._stack.close()
        self._done = 0
        self._advance = self._stack.enter_context(progress(what, total))

    def reach(self, done: int) -> None:
        """Tell how much of it is done, in all."""
        self._advance(max(done - self._done, 0))
        self._done = max(done, self._done)

    def advance(self) -> None:
        """Tell that one more of it is done."""
        self._advance(1)


@contextmanager
def steps() -> Iterator[Steps]:
    """Show steps one after the other; the last ends with the block."""
    with ExitStack() as stack:
        yield Steps(stack)


def build(url: str, manifest: Path, *, offline: bool = False) -> Built:
    """Bring the schema up to date and build a twin; every data set is a step. Offline takes what was fetched of live services before.

    Raises:
        LdtError: as :func:`ldt.pipeline.build.build` and :func:`ldt.store.migrate.migrate`.
    """
    from ldt.pipeline.build import build as run
    from ldt.store.migrate import migrate

    with steps() as shown:
        shown.begin("bringing the schema up to date")
        migrate(url)
        return run(
            url,
            manifest,
            step=lambda what, done, of: shown.begin(f"{done + 1}/{of} {what}"),
            progress=lambda source, read: shown.reach(read),
            told=lambda address, cached: shown.advance(),
            offline=offline,
        )
