"""`ldt ingest`, `ldt recipes`: from a file to records, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldt.cli.output import Json, emit, note, progress, say, table
from ldt.cli.references import counted, told
from ldt.errors import RecipeError, UsageError

if TYPE_CHECKING:
    from ldt.harmonise.recipe import Recipe
    from ldt.pipeline.fetch import Fetched
    from ldt.pipeline.ingest import Ingested
    from ldt.timerange import Period

recipes = typer.Typer(
    name="recipes", help="Recipes: how data sets are read.", no_args_is_help=True, rich_markup_mode=None
)

Twin = Annotated[str, typer.Option("--twin", help="Name of the twin.")]
Option = Annotated[
    list[str] | None,
    typer.Option(
        "--option", help="What the reader must know of this file, as name=value (layer=clc); repeatable."
    ),
]
#: Features whose references are counted at the end of an ingest; more would take long beside it.
_REFERRING = 50_000
_OUTCOMES = ("accepted", "repaired", "rejected", "duplicate", "outside")


def ingest(
    recipe: Annotated[str, typer.Argument(help="A recipe by name, or the path of one.")],
    twin: Twin,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, folders, archives or addresses; none for the live service that the recipe names."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the data set, the recipe's own by default.")
    ] = None,
    option: Option = None,
    layer: Annotated[
        str | None, typer.Option(help="Part of a live service: feature type, collection, layer.")
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="Ask a live service for the observations of this period only.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Take what was fetched of live services before.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring one data set of a twin up to date; prints the five outcomes, which add up to what was read."""
    from datetime import UTC

    from ldt.settings import settings
    from ldt.workers import expect

    expect(map(Path, sources or []), settings().workers)

    from ldt.harmonise.recipe import load_recipe
    from ldt.pipeline.ingest import ingest as run
    from ldt.store.cluster import database_url
    from ldt.store.views import refers
    from ldt.timerange import parse_period

    name = _a_name(name, "--name", "a data set") if name is not None else None
    loaded = load_recipe(recipe, Path.cwd()).with_options(_options(option))
    asked = parse_period(period, UTC) if period else None
    _make_twin(_a_name(twin, "--twin", "a twin"))
    paths = _given(loaded, twin, sources or [], layer=layer, period=asked, offline=offline)
    with progress(f"reading {loaded.name}") as advance:
        so_far = 0

        def tell(_source: str, read: int) -> None:
            nonlocal so_far
            advance(read - so_far)
            so_far = read

        done = run(database_url(), twin, loaded, paths, name=name, progress=tell)
    may_refer = loaded.feature is not None and refers(loaded.feature.type)
    met = counted(database_url(), twin, done.dataset, limit=_REFERRING) if may_refer else None

    def render() -> None:
        render_ingested(done)
        if met is not None:
            say(f"  {told(met)}")

    emit({**done.summary(), "references": met.summary() if met else None}, render)


def _given(
    recipe: Recipe, twin: str, sources: list[str], *, layer: str | None, period: Period | None, offline: bool
) -> list[Path | Fetched]:
    """Return what is to be read; what live services answer is fetched, each answer shown as a step."""
    if sources and all(Path(s).exists() for s in sources):
        return [Path(s) for s in sources]
    from ldt.pipeline.fetch import is_address, sources_of
    from ldt.store.cluster import database_url

    if sources and not any(is_address(s) for s in sources):
        return [Path(s) for s in sources]
    with progress(f"fetching {recipe.name}") as advance:
        return sources_of(
            database_url(),
            twin,
            recipe,
            sources,
            layer=layer,
            period=period,
            offline=offline,
            told=lambda _url, _cached: advance(1),
        )


def _a_name(given: str, where: str, what: str) -> str:
    """Return a name that a data set or a twin can have.

    Raises:
        UsageError: it cannot.
    """
    from pydantic import TypeAdapter, ValidationError

    from ldt.model.dataset import Name

    try:
        return TypeAdapter[str](Name).validate_python(given)
    except ValidationError as e:
        raise UsageError(
            f"{given!r} cannot be the name of {what}",
            where=where,
            remedy="use lower-case letters, digits and hyphens, at most 100",
        ) from e


def _make_twin(name: str) -> None:
    """Make a twin that is not there, without a boundary, and say so: a file can be tried in one command."""
    from ldt.pipeline.ingest import make_twin
    from ldt.store.cluster import database_url

    if make_twin(database_url(), name):
        note(f"there was no twin {name!r}: made without a boundary, so it keeps records wherever they lie")


def _options(given: list[str] | None) -> dict[str, Any]:
    """Return reader options written as `name=value`; the value is read as YAML, so that numbers and lists can be given."""
    import yaml

    found = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{text!r} is not name=value", where="--option")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError as e:
            raise UsageError(
                f"the value of {name!r} is not readable as YAML",
                where="--option",
                remedy=f"put it in quotes: --option '{name}=\"…\"'",
            ) from e
    return found


def render_ingested(done: Ingested) -> None:
    """Print what an ingest did."""
    state = "unchanged, still version" if done.unchanged else "version"
    tally = done.tally
    say(f"{done.dataset}: {state} {done.version} (revision {done.revision})")
    for line in (done.said or "").splitlines():
        say(f"  {line}")
    parts = [f"{getattr(tally, n):,} {n}" for n in _OUTCOMES]
    say(f"  read {tally.read:,} = {' + '.join(parts)}")
    if tally.derived:
        say(
            f"  rows made of them: {tally.derived:,}, and {tally.missing:,} that the source declares as missing"
        )
    for reason, count in sorted(tally.reasons.items()):
        say(f"  {reason}: {count:,}")
    if not done.unchanged:
        c = done.changes
        say(f"  rows: {c.rows:,} ({c.added:,} added, {c.changed:,} changed, {c.removed:,} removed)")


@recipes.command("list")
def recipes_list(as_json: Json = False) -> None:
    """List the shipped recipes."""
    from ldt.harmonise.recipe import load_recipe, recipe_names

    found: list[dict[str, Any]] = []
    for name in recipe_names():
        recipe = load_recipe(name)
        what = recipe.feature.type if recipe.feature else f"{recipe.shape}s"
        found.append(
            {
                "name": name,
                "title": recipe.title,
                "origin": recipe.origin,
                "makes": what,
                "reader": recipe.source.reader,
            }
        )
    emit(
        found,
        lambda: table(
            ("recipe", "makes", "origin", "title"),
            [(r["name"], r["makes"], r["origin"], r["title"]["en"]) for r in found],
        ),
    )


@recipes.command("show")
def recipes_show(name: str, as_json: Json = False) -> None:
    """Print a recipe."""
    from ldt.harmonise.recipe import find_recipe, load_recipe

    recipe = load_recipe(name, Path.cwd())
    text = find_recipe(name, Path.cwd()).read_text(encoding="utf-8")
    emit(recipe.model_dump(mode="json", exclude_defaults=True), lambda: say(text.rstrip()))


@recipes.command("check")
def recipes_check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Recipes by name or path; all shipped ones by default.")
    ] = None,
    source: Annotated[Path | None, typer.Option(help="Try it on this source, writing nothing.")] = None,
    option: Option = None,
    as_json: Json = False,
) -> None:
    """Check recipes: the schema, the words in them, the SQL; with --source also what would become of its records."""
    from ldt.harmonise.recipe import recipe_names
    from ldt.pipeline.check import check

    found = [check(name, source, _options(option)) for name in names or recipe_names()]

    def render() -> None:
        for one in found:
            say(f"{one['recipe']}: {'fine' if not one['problems'] else 'wrong'}")
            for problem in one["problems"]:
                say(f"  {problem}")
            if one["outcomes"]:
                say("  " + ", ".join(f"{n} {one['outcomes'][n]:,}" for n in ("read", *_OUTCOMES)))
                for reason, count in sorted(one["outcomes"]["reasons"].items()):
                    say(f"  {reason}: {count:,}")

    emit(found, render)
    if any(one["problems"] for one in found):
        wrong = [one["recipe"] for one in found if one["problems"]]
        if as_json:
            raise typer.Exit(RecipeError.exit_code)
        raise RecipeError(f"{len(wrong)} of {len(found)} recipes are wrong: {', '.join(wrong)}")
