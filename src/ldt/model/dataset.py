"""Data sets: what is said of them, whatever they hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ldt.model.snapshot import Access

#: A text in several languages, by ISO 639-1 code.
Text = Annotated[dict[Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")], str], Field(min_length=1)]
#: A name in addresses: lower-case letters, digits and hyphens.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100)]
Origin = Literal["space", "european", "national", "local"]
DataStage = Literal["raw", "transformed", "model-input", "model-output"]
Shape = Literal["feature", "observation", "coverage"]
DpsirRole = Literal["D", "P", "S", "I", "R"]


class DatasetDescription(BaseModel):
    """What a data steward states of a data set; the first half of a recipe.

    Attributes:
        access: access class; values derived from the data inherit it.
        data_stage: MIM8's distinction between raw source, transformed, model input and model output.
        themes: INSPIRE theme codes (`ps`, `au`, `ef`).
        anatomy: path in the City Anatomy (`structure.environment.air`).
        dpsir: the role that the data usually play.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    title: Text
    description: Text | None = None
    publisher: str
    licence: str
    licence_uri: str | None = None
    access: Access = Access.OPEN
    personal_data: bool = False
    origin: Origin
    data_stage: DataStage = "transformed"
    themes: list[str] = []
    anatomy: str
    dpsir: DpsirRole | None = None
    update_frequency: str | None = None
