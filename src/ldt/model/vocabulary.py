"""Vocabularies: what the codes in the data mean. One YAML file each, under `schemas/vocabularies`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ldt.model.dataset import Text

#: How far a statement was checked: V in the named source, K general knowledge, P a proposal of this project.
Checked = Literal["V", "K", "P"]
#: An identifier in addresses: lower-case letters, digits and hyphens.
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PropertyNote(_Strict):
    """What is said of one of the properties that the concepts of a vocabulary carry.

    Attributes:
        checked: how far the property's values were checked; it can differ from the concepts' own.
        note: what the property means, and where it comes from.
    """

    checked: Checked
    note: str | None = None


class Concept(_Strict):
    """One entry of a vocabulary.

    Attributes:
        code: what stands in the data.
        parent: code of the broader concept.
        uri: persistent identifier, where the owner of the vocabulary gives one.
        checked: the vocabulary's own tag where absent.
        properties: facts and mappings that computations read.
    """

    code: Annotated[str, StringConstraints(min_length=1)]
    label: Text
    definition: Text | None = None
    uri: str | None = None
    parent: str | None = None
    checked: Checked | None = None
    properties: dict[str, Any] = {}


class Vocabulary(_Strict):
    """A list of concepts with its source.

    Attributes:
        source: where the content comes from, and what it does not claim to be.
        uri_base: a concept without `uri` has the URI `uri_base + code`.
        properties: tags of the concepts' properties, by name; a property that is not named has the concept's tag.
    """

    id: Slug
    title: Text
    source: str
    checked: Checked
    uri_base: str | None = None
    properties: dict[str, PropertyNote] = {}
    concepts: list[Concept] = Field(min_length=1)

    @model_validator(mode="after")
    def _codes(self) -> Vocabulary:
        codes = [c.code for c in self.concepts]
        if twice := sorted({c for c in codes if codes.count(c) > 1}):
            raise ValueError(f"these codes occur twice: {', '.join(twice)}")
        if lost := sorted({c.parent for c in self.concepts if c.parent} - set(codes)):
            raise ValueError(f"these parents are not in the vocabulary: {', '.join(lost)}")
        return self

    def uri(self, concept: Concept) -> str | None:
        """Return the URI of a concept, or None where its owner mints none."""
        return concept.uri or (self.uri_base + concept.code if self.uri_base else None)
