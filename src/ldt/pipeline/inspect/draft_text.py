"""The text of a drafted recipe: YAML with comments, and the parts that all of them have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ldt.pipeline.generic import safe_name, undeclared
from ldt.pipeline.inspect import Looked
from ldt.pipeline.inspect.profile import Column

_GENERIC_ANATOMY = "interactions.information.data_in_out"


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted recipe, as content and as the text of the file."""

    content: dict[str, Any]
    text: str


class Lines:
    """A YAML file in the making, with comments."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def put(self, depth: int, key: str, value: Any = None, comment: str = "") -> None:
        """Add `key: value  # comment`; without a value it begins a block."""
        shown = "" if value is None else " " + flow(value)
        self.lines.append(f"{'  ' * depth}{flow(key)}:{shown}{f'  # {comment}' if comment else ''}")

    def say(self, depth: int, comment: str) -> None:
        """Add a line of comment."""
        self.lines.append(f"{'  ' * depth}# {comment}")

    def draft(self) -> Draft:
        """Return the file."""
        text = "\n".join([*self.lines, ""])
        return Draft(yaml.safe_load(text), text)


def flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1_000_000)
    return text.removesuffix("\n").removesuffix("\n...")


def head(lines: Lines, path: Path, found: Looked, name: str) -> None:
    """Write what a recipe says of the data set: what was seen of it, and what a person must decide."""
    about = found.layer.description
    count = f"{about.count:,} records" if about.count is not None else "records"
    lines.say(0, f"Drafted by `ldt inspect --draft` from {path.name}, layer {about.name}: {count}.")
    lines.say(
        0,
        "It runs as it is. What a person must decide is marked `decide`; docs/recipes.md says what a recipe can say.",
    )
    for problem in dict.fromkeys(found.problems):
        lines.say(0, f"seen: {' '.join(problem.split())}")
    lines.put(0, "ldt", 1)
    lines.put(0, "name", safe_name(name))
    lines.put(0, "title", {"en": name}, "decide: a title, in the languages of your users")
    lines.put(0, "publisher", "unknown", "decide: who publishes the data")
    lines.put(0, "licence", "unknown", "decide: its SPDX identifier, such as CC-BY-4.0")
    lines.put(0, "origin", "local", "decide: space, european, national or local")
    lines.put(
        0,
        "anatomy",
        _GENERIC_ANATOMY,
        "decide: a path of the City Anatomy (schemas/vocabularies/anatomy.yaml)",
    )
    lines.put(0, "update_frequency", "unknown", "decide: how often the source changes")


def source(lines: Lines, found: Looked) -> None:
    """Write how the source is read."""
    lines.put(0, "source")
    lines.put(1, "reader", found.layer.reader)
    lines.put(1, "files", [found.layer.resource.name])
    columns = [n for n in (found.profile.columns if found.profile else {}) if "|" not in n][:6]
    if columns and found.layer.reader != "gml":
        lines.put(1, "match", columns)
    if (
        found.crs_judged
        and found.profile
        and (undeclared(found.profile) or not found.profile.crs)
        and found.profile.places
    ):
        because = (None if found.profile.crs else found.because) or "other things of the file declare it"
        lines.put(1, "crs", found.crs_judged, "decide: whether this is the CRS")
        lines.put(1, "crs_because", because)
    options = {
        k: v for k, v in found.options.items() if k not in {"delimiter", "paths"} or v not in (",", {})
    }
    if found.points:
        options |= {"x": found.points.x, "y": found.points.y, "crs": found.points.crs}
    if options:
        lines.put(1, "options")
        for key, value in options.items():
            if key == "paths":
                lines.put(2, key)
                for name, leaf in value.items():
                    lines.put(3, name, leaf)
            else:
                lines.put(2, key, value)


def zone_comment(found: Looked) -> str:
    """Return what a person must decide of the zone of times that leave it open."""
    changes = [n for n in found.problems if "summer time" in n]
    return f"decide: {changes[0] if changes else 'the zone of its times, such as +01:00 or Europe/Berlin'}"


def sentinels(column: Column, kind: str) -> set[str]:
    """Return the values of a column of numbers that mean that there is none."""
    if kind not in {"integer", "number", "comma"}:
        return set()
    ends = {f"{v:g}" for v in (column.least, column.greatest) if v is not None}
    typed = {"-999", "-9999", "-99999", "9999", "99999"} & ends if column.typed else set()
    return (
        (column.sentinels - {"-99", "9999", "99999", "-"})
        | ({"-99", "9999", "99999"} & column.sentinels & ends)
        | typed
    )
