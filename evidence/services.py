"""A pack is asked for by a named person, made by a worker, and opened with a line in the audit trail.

Whoever makes it claims the row by a conditional UPDATE with a lease and says at each step how far it is. Killed, it is made again from
the beginning; made twice, it is the same file, since nothing in it depends on when or by whom it was made.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q, QuerySet

from escalation.models import Case
from evidence import manifest as manifests
from evidence.gather import gather
from evidence.models import EvidencePack
from evidence.scope import Scope
from evidence.seal import fits, room_for, sealed
from evidence.setting import render
from letters.pdf import MissingGlyphs
from schools import audit
from schools.models import Parent, PupilParent, User
from schools.rules import Refused

Clock = Callable[[], dt.datetime]
LEASE = dt.timedelta(minutes=5)
TRIES = 3
"""After as many workers have stopped at it, a pack is given up, so that it cannot stop them all."""
STEPS = ("Reading the record", "Setting the pages", "Counting the pages", "Sealing", "Keeping the file")
log = logging.getLogger(__name__)


class TakenOver(Exception):
    """The lease ran out and another worker has the pack."""


@transaction.atomic
def ask_for_pack(
    *, case: Case, purpose: str, parent: Parent | None, by: User, role: str, on: dt.date, now: dt.datetime
) -> EvidencePack:
    """A pack that waits for a worker; asked for again while it waits or is being made, it is the same one."""
    if purpose not in EvidencePack.Purpose:
        raise Refused("Say what the pack is for.")
    if parent and not PupilParent.objects.filter(pupil=case.pupil_id, parent=parent).exists():
        raise Refused("A pack about one parent is about a parent of this pupil: choose one of them.")
    last = min(on, dt.date(case.year + 1, 7, 31))
    running = (EvidencePack.State.WAITING, EvidencePack.State.MAKING)
    same = EvidencePack.objects.filter(case=case, purpose=purpose, parent=parent, on=last, by=by, state__in=running).first()
    if same:
        return same
    pack = EvidencePack.objects.create(
        case=case, purpose=purpose, parent=parent, on=last, by=by, role=role, asked_at=now, steps=len(STEPS)
    )
    audit.record(action="pack asked for", subject=pack, by=by, role=role, at=now, school=case.school, detail={"purpose": purpose})
    return pack


def waiting(now: dt.datetime) -> QuerySet[EvidencePack]:
    """Packs that nobody makes: never begun, or the lease of whoever did has run out."""
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    return EvidencePack.objects.filter(free, state__in=("waiting", "making")).order_by("asked_at", "pk")


class Claim:
    """One worker's hold on a pack: every write names the lease it was given, so that two never write at once."""

    def __init__(self, pack: EvidencePack, until: dt.datetime, clock: Clock) -> None:
        self.pack, self.until, self.clock = pack, until, clock

    def write(self, **values: Any) -> None:
        """Raises TakenOver where the lease is another's by now."""
        held = EvidencePack.objects.filter(pk=self.pack.pk, state=EvidencePack.State.MAKING, claimed_until=self.until)
        if not held.update(**values):
            raise TakenOver
        self.until = values.get("claimed_until", self.until)

    def step(self, number: int) -> None:
        """Says what is being done, and the lease begins anew."""
        self.write(step=number, doing=STEPS[number], claimed_until=max(self.clock() + LEASE, self.until))

    def end(self, **values: Any) -> None:
        self.write(claimed_until=None, doing="", finished_at=self.clock(), **values)


def claim(*, pack_id: int, clock: Clock) -> Claim | None:
    """The pack with a lease on it; None where it is done, failed or another's."""
    moment = clock()
    until = moment + LEASE
    changes = {"state": EvidencePack.State.MAKING, "claimed_until": until, "tries": F("tries") + 1}
    if not waiting(moment).filter(pk=pack_id).update(**changes):
        return None
    return Claim(EvidencePack.objects.select_related("case__pupil", "case__school", "parent", "by").get(pk=pack_id), until, clock)


def make_pack(*, pack_id: int, clock: Clock, key: Ed25519PrivateKey) -> bool:
    """Makes the pack; whether this call did. May be called twice, at once, or after a kill."""
    held = claim(pack_id=pack_id, clock=clock)
    if held is None:
        return False
    try:
        if held.pack.tries > TRIES:
            _fail(
                held,
                f"It was begun {TRIES} times and never finished. Ask for it again; if it stops again, tell your administrator.",
            )
        else:
            _make(held, key)
    except TakenOver:
        return False
    except (Refused, MissingGlyphs) as error:
        _fail(held, str(error))
    except Exception:
        log.exception("evidence pack %s failed", pack_id)
        _fail(held, "The pack stopped at a fault of the system. Ask for it again; if it fails again, tell your administrator.")
    return True


def _fail(held: Claim, sentence: str) -> None:
    held.end(state=EvidencePack.State.FAILED, error=sentence)


def _make(held: Claim, key: Ed25519PrivateKey) -> None:
    asked = held.pack
    held.step(0)
    pack = gather(Scope(asked.case, asked.on, asked.parent))
    held.step(1)
    room = room_for(manifests.expected(asked, pack, key))
    pdf = render(asked, pack, room)
    held.step(2)
    manifest = manifests.complete(asked, pack, pdf, key)
    if not fits(room, manifest):  # a pack longer than most: set once more with the place that it takes
        room = room_for(manifest)
        pdf = render(asked, pack, room)
        manifest = manifests.complete(asked, pack, pdf, key)
    held.step(3)
    whole = sealed(pdf, room, manifest, key)
    held.step(4)
    _keep(held, whole, len(manifest["pages"]), key)


@transaction.atomic
def _keep(held: Claim, whole: bytes, pages: int, key: Ed25519PrivateKey) -> None:
    """The file and the row together: a worker that has lost the pack leaves neither."""
    asked, digest = held.pack, hashlib.sha256(whole).hexdigest()
    name = f"packs/{asked.pk}-{digest[:16]}.pdf"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(whole))
    kept = manifests.beside(whole, key)
    held.end(state=EvidencePack.State.DONE, pdf=name, sha256=digest, size=len(whole), pages=pages, manifest=kept, step=len(STEPS))
    audit.record(
        action="pack made", subject=asked, by=asked.by, role=asked.role, at=held.clock(), school=asked.case.school,
        detail={"sha256": digest, "pages": pages},
    )  # fmt: skip


@transaction.atomic
def open_pack(*, pack: EvidencePack, by: User, role: str, now: dt.datetime) -> bytes:
    """The sealed file, for whoever may have it; that it was opened is kept. Refused where it is not made yet."""
    if pack.state != EvidencePack.State.DONE:
        raise Refused("This pack is not made yet: wait until it is done.")
    with default_storage.open(str(pack.pdf)) as kept:
        content = bytes(kept.read())
    audit.record(
        action="pack opened", subject=pack, by=by, role=role, at=now, school=pack.case.school, detail={"sha256": pack.sha256}
    )
    return content
