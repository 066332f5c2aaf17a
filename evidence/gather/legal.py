"""Notices, referrals and papers: a parent's own ledger only in a pack about that parent, referrals with their files, documents by name."""

from __future__ import annotations

from django.core.files.storage import default_storage

from casework.models import Document, ImprovementNotice, PenaltyMark, PenaltyNotice, PenaltyRequest, Referral, ReferralEvent
from casework.referral_forms import form_of
from casework.retention import retention
from evidence.exhibits import Check, Exhibit, File, Part, Table, counted, day, rows_of
from evidence.scope import Scope


def notices(scope: Scope) -> Part:
    """Notices to improve for everyone; requests and the ledger of three years only where the pack is about one parent."""
    improving = list(ImprovementNotice.objects.filter(case=scope.case, starts_on__lte=scope.on).order_by("starts_on"))
    exhibits = [Exhibit("Notices to improve", [_improving(improving)])] if improving else []
    if scope.parent is None:
        return Part(
            key="notices", title="Notices", exhibits=exhibits, rows=rows_of(improving),
            checks=[Check("Penalty notices", True, "left out: the pack is not about one parent")],
            left_out="Requests for penalty notices and the ledger are left out: they are one parent’s alone.",
            missing="" if exhibits else "No notice to improve is recorded.",
        )  # fmt: skip
    requests = list(
        PenaltyRequest.objects.filter(
            parent=scope.parent, ground__pupil=scope.case.pupil_id, ground__counted_on__lte=scope.on
        ).select_related("ground", "sent_by")
    )
    ledger = list(
        PenaltyNotice.objects.filter(parent=scope.parent, pupil=scope.case.pupil_id, issued_on__lte=scope.on).order_by(
            "issued_on"
        )
    )
    marks = list(PenaltyMark.objects.filter(ground__in=[request.ground_id for request in requests]))
    exhibits += [Exhibit("Requests for a penalty notice", [_requests(requests), _marks(marks)])] if requests else []
    exhibits += [Exhibit("Penalty notices to this parent about this child", [_ledger(ledger)])] if ledger else []
    return Part(
        key="notices", title="Notices", exhibits=exhibits,
        rows=[*rows_of(improving), *rows_of(requests), *rows_of(ledger), *rows_of(marks)],
        checks=[Check("Penalty notices", True, f"{counted(len(ledger), 'notice')}, {counted(len(requests), 'request')}")],
        missing="" if exhibits else "No notice is recorded.",
    )  # fmt: skip


def _improving(found: list[ImprovementNotice]) -> Table:
    rows = [
        (
            f"{day(each.starts_on)} to {day(each.ends_on)}",
            each.improvement_means,
            each.support_offered,
            f"{each.get_outcome_display()}: {each.unauthorised} unauthorised" if each.outcome else each.get_state_display(),
        )
        for each in found
    ]
    return Table("Notices to improve and their test", ("Period", "What counts as improved", "Support offered", "Outcome"), rows)


def _requests(found: list[PenaltyRequest]) -> Table:
    rows = [
        (
            day(each.ground.counted_on),
            f"{each.get_state_display()}{f', {day(each.sent_on)}' if each.sent_on else ''}",
            each.because,
            each.ground.support,
            each.sent_by.name if each.sent_by else "",
        )
        for each in found
    ]
    return Table("Requests", ("Counted on", "State", "Why this parent", "Support first", "Sent by"), rows)


def _marks(found: list[PenaltyMark]) -> Table:
    rows = [
        (day(each.date), "morning" if each.session == "AM" else "afternoon", each.code, each.place or "here") for each in found
    ]
    return Table("The sessions that they rest on", ("Day", "Session", "Code", "School"), rows)


def _ledger(found: list[PenaltyNotice]) -> Table:
    rows = [
        (
            day(each.issued_on),
            each.get_kind_display(),
            each.issuer,
            f"{each.get_state_display()}, {day(each.state_on)}",
            each.reason,
        )
        for each in found
    ]
    return Table("The ledger", ("Issued", "Kind", "By", "State", "Reason"), rows)


def referrals(scope: Scope) -> Part:
    """Each referral that was sent, as it was told, with its file. A referral names both parents: left out of a pack about one."""
    found = list(
        Referral.objects.filter(case=scope.case, sent_on__lte=scope.on).select_related("sent_by", "ready_by").order_by("sent_on", "pk")
    )  # fmt: skip
    shown = [] if scope.hidden_ids else found
    events = list(ReferralEvent.objects.filter(referral__in=found, at__lt=scope.end).select_related("by"))
    exhibits = [
        _referral(each, [event for event in events if event.referral_id == each.pk], scope, each in shown) for each in found
    ]
    words = f"{counted(len(found), 'referral')}, the last on {day(found[-1].sent_on)}" if found else "none was sent"
    return Part(
        key="referrals", title="Referrals", exhibits=exhibits, rows=[*rows_of(found), *rows_of(events)],
        checks=[Check("Referrals", True, words)], missing="" if found else "No referral was sent.",
        left_out="What the referrals say of another parent is left out, with their files." if found and not shown else "",
    )  # fmt: skip


def _referral(each: Referral, events: list[ReferralEvent], scope: Scope, is_whole: bool) -> Exhibit:
    told = [
        ("To", each.service),
        ("Sent", f"{day(each.sent_on)}, {each.sent_how}, to {each.sent_to}, by {each.sent_by.name if each.sent_by else ''}"),
        ("Sent although", each.despite),
        ("File", f"SHA-256 {each.sha256}"),
    ]
    blocks = [Table("The referral", ("What", "On record"), [row for row in told if row[1]])]
    if is_whole:
        blocks.append(Table("What was told", ("Heading", "Words"), [(heading, words) for heading, words in each.told if words]))
    blocks.append(
        Table(
            "Its steps",
            ("Day", "State", "By", "Note"),
            [(day(event.on), event.get_after_display(), event.by.name, event.note) for event in events],
        )
    )
    return Exhibit(f"{form_of(each.form).title}, {day(each.sent_on)}", blocks, _file(each) if is_whole else None)


def _file(each: Referral) -> File | None:
    if not each.pdf:
        return None
    with default_storage.open(str(each.pdf)) as kept:
        content = kept.read()
    return File(f"referral-{each.sent_on}-{each.pk}.pdf", content, "Referral as it was sent", each.ready_at or each.opened_at)


def documents(scope: Scope) -> Part:
    """Papers that were brought, by kind and hash; not enclosed, since they may hold evidence of health."""
    found = Document.objects.filter(case=scope.case, added_at__lt=scope.end, deleted_at=None).select_related("added_by", "parent")
    shown = [each for each in found.order_by("added_at", "pk") if scope.concerns(each.parent_id)]
    rules = retention()
    rows = [
        (
            day(each.added_at.date()),
            rules[each.kind].name if each.kind in rules else each.kind,
            f"{each.size} bytes, SHA-256 {each.sha256}",
            each.added_by.name,
        )
        for each in shown
    ]
    table = Table("Kept with the case, not enclosed", ("Added", "Kind", "File", "By"), rows)
    words = f"{counted(len(shown), 'document')} listed, none enclosed" if shown else "none on file"
    return Part(
        key="documents",
        title="Documents on file",
        exhibits=[Exhibit("Documents on file", [table])] if shown else [],
        rows=rows_of(shown),
        checks=[Check("Documents", True, words)],
        missing="" if shown else "No document is on file.",
    )
