"""DPSIR chains: driving force, pressure, state, impact, response (Smeets and Weterings, EEA Technical report 25, 1999).

The role belongs to the place in a chain, not to the quantity: green space is a state in one chain and a response in
another. An indicator's own role is only the default.
"""

from __future__ import annotations

from itertools import product

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ldt.model.dataset import DpsirRole, Text
from ldt.model.vocabulary import Checked, Slug

#: Which role acts on which. A response can act on each of the four others.
LINKS: frozenset[tuple[str, str]] = frozenset(
    {("D", "P"), ("P", "S"), ("S", "I"), ("I", "R"), ("R", "D"), ("R", "P"), ("R", "S"), ("R", "I")}
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Node(_Strict):
    """One box of a chain.

    Attributes:
        indicator: id of the indicator that fills the box; it may name one that no definition exists for yet.
    """

    id: Slug
    role: DpsirRole
    title: Text
    indicator: Slug | None = None


class Link(_Strict):
    """One arrow of a chain, from node to node.

    Attributes:
        evidence: what is known of the effect, with its source.
        lag: how long it takes, as an ISO 8601 duration or words.
        strength: weak, medium or strong, or a measured effect.
    """

    from_node: Slug = Field(alias="from")
    to_node: Slug = Field(alias="to")
    evidence: str | None = None
    lag: str | None = None
    strength: str | None = None


class Chain(_Strict):
    """A chain of causes. Without `links` each node acts on every node of the roles that its role acts on.

    Attributes:
        links: arrows of which more is known; where given, they are all that there are.
    """

    id: Slug
    title: Text
    checked: Checked
    source: str
    nodes: list[Node] = Field(min_length=2)
    links: list[Link] = []

    @model_validator(mode="after")
    def _links(self) -> Chain:
        roles = {n.id: n.role for n in self.nodes}
        if len(roles) < len(self.nodes):
            raise ValueError("two nodes have the same id")
        for link in self.links:
            if lost := [n for n in (link.from_node, link.to_node) if n not in roles]:
                raise ValueError(f"a link names nodes that there are not: {', '.join(lost)}")
            if (roles[link.from_node], roles[link.to_node]) not in LINKS:
                raise ValueError(
                    f"{link.from_node} → {link.to_node}: no {roles[link.from_node]} acts on a {roles[link.to_node]}"
                )
        return self

    @property
    def all_links(self) -> list[Link]:
        """The arrows: those stated, else those that the roles allow, D→P→S→I→R and back from R to D and P.

        Where nothing is stated, a response is taken to act on driving forces and pressures only: that it can also act
        on states and impacts is a fact about single measures, which has to be stated.
        """
        if self.links:
            return self.links
        default = LINKS - {("R", "S"), ("R", "I")}
        return [
            Link.model_validate({"from": a.id, "to": b.id})
            for a, b in product(self.nodes, self.nodes)
            if (a.role, b.role) in default
        ]
