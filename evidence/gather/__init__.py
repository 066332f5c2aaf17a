"""Reading a case for a pack: each part is one function of the scope, in the order of the pack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from evidence.exhibits import Block, Exhibit, Pack, Part, numbered
from evidence.gather.contacts import contacts, meetings, support
from evidence.gather.decisions import decisions, triggers
from evidence.gather.legal import documents, notices, referrals
from evidence.gather.letters import letters
from evidence.gather.plans import plans
from evidence.gather.register import people, register
from evidence.scope import Scope

PARTS: tuple[Callable[[Scope], Part], ...] = (
    people, register, triggers, letters, contacts, meetings, support, plans, decisions, notices, referrals, documents,
)  # fmt: skip
"""What a pack holds. Safeguarding notes are no part of it: nothing here reads them."""


def gather(scope: Scope) -> Pack:
    """The whole pack, exhibits numbered, with everything left out that belongs to a parent who is not shown."""
    parts = numbered(_cleaned(build(scope), scope) for build in PARTS)
    files = [exhibit.file for part in parts for exhibit in part.exhibits if exhibit.file]
    return Pack(about=scope.case.pupil.name, parts=parts, files=files)


def _cleaned(part: Part, scope: Scope) -> Part:
    """The part with addresses of other parents left out of what people wrote."""
    exhibits = [replace(exhibit, blocks=[block.mapped(scope.clean) for block in exhibit.blocks]) for exhibit in part.exhibits]
    if all(_same(one, other) for one, other in zip(part.exhibits, exhibits, strict=True)):
        return part
    hint = "Where it says [left out], an address, telephone or e-mail of another parent stood in what was written."
    return replace(part, exhibits=exhibits, left_out=f"{part.left_out} {hint}".strip())


def _same(one: Exhibit, other: Exhibit) -> bool:
    return [_words(block) for block in one.blocks] == [_words(block) for block in other.blocks]


def _words(block: Block) -> str:
    return block.words()
