"""A school changes its ladder: written by one person, reviewed by a second, published from a day as a version that never changes again.

Every write is conditional on what the person saw (``seen``: the draft's ``changed_at``), so that two editors cannot overwrite each other.
Whether a wording exists for a letter that a ladder names is known one room further up: it comes in as ``has_letter``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from escalation.adoption import store_version
from escalation.engine.ruleset import Fault, Ruleset, Stage, WatchRule
from escalation.engine.source import LONGEST_FILE, Place
from escalation.foresight import Forecast, forecast
from escalation.models import Adoption, LadderDraft, NightRun, RulesetVersion
from escalation.ruleset_text import faults_of, plain
from escalation.shapes import LONGEST_KEY
from schools import audit
from schools.models import AuditEntry, School, User
from schools.rules import Refused

HasLetter = Callable[[str, str], bool]
"""Whether there is a wording for (key of the ladder, key of the letter)."""
State = LadderDraft.State
OPEN = (State.DRAFT, State.REVIEWED)
WROTE = ("ladder draft begun", "ladder draft changed")


@transaction.atomic
def begin_draft(
    *, school: School, text: str, based_on: RulesetVersion | None, note: str = "", by: User, role: str, now: dt.datetime
) -> LadderDraft:
    """A new draft; its text may have faults. Raises Refused where it is longer than a ruleset can be."""
    _refuse_long(text)
    draft = LadderDraft.objects.create(school=school, based_on=based_on, text=text, note=note, by=by, changed_at=now)
    detail = {"based_on": based_on.sha256 if based_on else ""}
    audit.record(action=WROTE[0], subject=draft, by=by, role=role, at=now, school=school, reason=note, detail=detail)
    return draft


@transaction.atomic
def change_draft(
    *,
    draft: LadderDraft,
    seen: dt.datetime,
    by: User,
    role: str,
    now: dt.datetime,
    text: str | None = None,
    note: str | None = None,
) -> None:
    """Keeps a new text or reason; a reviewed draft is being written again. Raises Refused where it changed since it was ``seen``."""
    _refuse_long(text or "")
    new = {"text": draft.text if text is None else text, "note": draft.note if note is None else note.strip()}
    if new == {"text": draft.text, "note": draft.note} and draft.changed_at == seen:
        return
    reopened = draft.state == State.REVIEWED
    again = {"state": State.DRAFT, "reviewed_by": None, "reviewed_at": None, "review_note": ""} if reopened else {}
    _move(draft, seen, OPEN, changed_at=now, **new, **again)
    detail = {"review_lapsed": reopened}
    audit.record(action=WROTE[1], subject=draft, by=by, role=role, at=now, school=draft.school, detail=detail)


def _refuse_long(text: str) -> None:
    if len(text) > LONGEST_FILE:
        raise Refused(f"The text has {len(text):,} characters; a ladder has at most {LONGEST_FILE:,}. Nothing was saved.")


def _move(draft: LadderDraft, seen: dt.datetime, states: tuple[str, ...], **values: object) -> None:
    """Writes ``values`` where the draft is as it was seen; otherwise Refused with a sentence that says what happened."""
    moved = LadderDraft.objects.filter(pk=draft.pk, changed_at=seen, state__in=states).update(**values)
    draft.refresh_from_db()
    if moved:
        return
    if draft.state not in states:
        raise Refused(f"This draft is {draft.get_state_display().lower()} and cannot be changed in this way. Nothing was saved.")
    when = timezone.localtime(draft.changed_at)
    raise Refused(
        f"Somebody changed this draft on {when:%-d %B at %-H.%M}, after you had opened it. Nothing was saved: "
        "look at it as it stands now and make your change again."
    )


def writers(draft: LadderDraft) -> set[int]:
    """Who began the draft or changed it since, by number. One statement."""
    wrote = AuditEntry.objects.filter(subject=f"ladderdraft {draft.pk}", action__in=WROTE).values_list("by", flat=True)
    return {draft.by_id, *(number for number in wrote if number is not None)}


def all_faults(text: str, has_letter: HasLetter) -> tuple[Ruleset | None, list[Fault]]:
    """The ladder, or everything that stands between the text and a ladder that a school can run."""
    ruleset, faults = faults_of(text)
    if ruleset is None:
        return None, faults
    faults = [*_letter_faults(ruleset, has_letter), *_length_faults(ruleset)]
    if not ruleset.stages:
        faults.append(Fault("the draft", 0, ("stages",), "this ladder has no stage yet: add the first one."))
    return (None, faults) if faults else (ruleset, [])


def _letter_faults(ruleset: Ruleset, has_letter: HasLetter) -> list[Fault]:
    return [
        Fault(
            "the draft", 0, ("stages", number, "actions", at, "letter"),
            f"there is no letter '{action.letter}' for ladders of the kind '{ruleset.key}'; choose one from the list.",
        )
        for number, stage in enumerate(ruleset.stages)
        for at, action in enumerate(stage.actions)
        if action.letter and not has_letter(ruleset.key, action.letter)
    ]  # fmt: skip


LONGEST_NAME = 120
"""Of stages and rules, as the cases keep them."""


def _length_faults(ruleset: Ruleset) -> list[Fault]:
    parts: dict[str, tuple[Stage | WatchRule, ...]] = {
        "stages": ruleset.stages,
        "watch": ruleset.watch,
        "recovery": ruleset.recovery,
    }
    named: list[tuple[Place, str]] = [
        ((part, number, "name"), item.name) for part, items in parts.items() for number, item in enumerate(items)
    ]
    too_long = f"the key has {len(ruleset.key)} characters; it may have {LONGEST_KEY} at most."
    return [
        *([Fault("the draft", 0, ("key",), too_long)] if len(ruleset.key) > LONGEST_KEY else []),
        *_long_names(named, ruleset.name),
    ]


def _long_names(named: list[tuple[Place, str]], name: str) -> list[Fault]:
    return [
        Fault("the draft", 0, place, f"the name has {len(name)} characters; it may have {LONGEST_NAME} at most.")
        for place, name in [(("name",), name), *named]
        if len(name) > LONGEST_NAME
    ]


def _ladder_or_refused(draft: LadderDraft, has_letter: HasLetter, what: str) -> Ruleset:
    ruleset, faults = all_faults(draft.text, has_letter)
    if ruleset is None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise Refused(f"This draft cannot be {what} while it has a fault: {faults[0]}{more}")
    return ruleset


@transaction.atomic
def review_draft(
    *, draft: LadderDraft, seen: dt.datetime, note: str, has_letter: HasLetter, by: User, role: str, now: dt.datetime
) -> None:
    """A second person has read the draft and agrees. Raises Refused for one of its writers, without a note, or while it has a fault."""
    if by.pk in writers(draft):
        raise Refused("You wrote this draft, or a part of it: a second person has to review it.")
    if not note.strip():
        raise Refused("Say what you looked at: the note is kept with the version.")
    _ladder_or_refused(draft, has_letter, "reviewed")
    _move(draft, seen, (State.DRAFT,), state=State.REVIEWED, reviewed_by=by, reviewed_at=now, review_note=note.strip())
    audit.record(
        action="ladder draft reviewed", subject=draft, by=by, role=role, at=now, school=draft.school, reason=note.strip()
    )


@transaction.atomic
def send_back(*, draft: LadderDraft, seen: dt.datetime, note: str, by: User, role: str, now: dt.datetime) -> None:
    """The draft is to be changed before it can be reviewed; the note says what. Raises Refused without one."""
    if not note.strip():
        raise Refused("Say what has to change: the writer reads it.")
    _move(draft, seen, OPEN, state=State.DRAFT, reviewed_by=None, reviewed_at=None, review_note=note.strip(), changed_at=now)
    audit.record(
        action="ladder draft sent back", subject=draft, by=by, role=role, at=now, school=draft.school, reason=note.strip()
    )


@transaction.atomic
def discard_draft(*, draft: LadderDraft, seen: dt.datetime, by: User, role: str, now: dt.datetime) -> None:
    """The draft is not pursued; it stays on record."""
    _move(draft, seen, OPEN, state=State.DISCARDED, changed_at=now)
    audit.record(action="ladder draft discarded", subject=draft, by=by, role=role, at=now, school=draft.school)


@transaction.atomic
def publish_draft(
    *, draft: LadderDraft, seen: dt.datetime, starts: dt.date, warning_read: bool, has_letter: HasLetter,
    by: User, role: str, on: dt.date, now: dt.datetime,
) -> Adoption:  # fmt: skip
    """The reviewed draft becomes a version that is in force from ``starts``. ``on``: today.

    Raises Refused for a day that is over or whose night has run, for a text that is in force already, and, until ``warning_read``,
    for a ladder that would have proposed nothing or almost everything at once on the school's own register.
    """
    School.objects.select_for_update().get(pk=draft.school_id)
    _refuse_day(draft.school, starts, on)
    ruleset = _ladder_or_refused(draft, has_letter, "published")
    foreseen = forecast(draft.school, ruleset, on)
    if foreseen.warning and not warning_read:
        raise Refused(f"{foreseen.warning} Say that you have read this before you publish.")
    before = Adoption.objects.filter(school=draft.school, starts__lte=starts).select_related("version").last()
    version = store_version(key=ruleset.key, text=draft.text, now=now)
    if before and before.version == version:
        raise Refused(f"This text is already in force from {before.starts:%-d %B %Y}: it changes nothing.")
    _move(draft, seen, (State.REVIEWED,), state=State.PUBLISHED, published_as=version, starts=starts)
    values = {"version": version, "by": by}
    adoption, _ = Adoption.objects.update_or_create(school=draft.school, starts=starts, defaults=values)
    detail = _published(adoption, before, foreseen, warning_read)
    audit.record(
        action="ladder published", subject=draft, by=by, role=role, at=now, school=draft.school, reason=draft.note, detail=detail
    )
    return adoption


def _published(adoption: Adoption, before: Adoption | None, foreseen: Forecast, warning_read: bool) -> dict[str, object]:
    return {
        "sha256": adoption.version.sha256,
        "starts": adoption.starts.isoformat(),
        "replaces": before.version.sha256 if before else "",
        "foreseen": foreseen.proposals,
        "on_the_first_day": foreseen.on_the_first_day,
        "warning_read": bool(foreseen.warning) and warning_read,
    }


def _refuse_day(school: School, starts: dt.date, on: dt.date) -> None:
    if starts < on:
        raise Refused(f"A ladder begins today or later: choose a day from {on:%-d %B %Y} on.")
    waits = (NightRun.State.DUE, NightRun.State.PUT_OFF)
    ran = NightRun.objects.filter(school=school, on__gte=starts).exclude(state__in=waits).order_by("on").last()
    if ran:
        raise Refused(
            f"The night of {ran.on:%-d %B %Y} has run by the ladder in force: choose a later day, so that no decision changes its numbers."
        )


def earliest_start(school: School, on: dt.date) -> dt.date:
    """The first day from which a ladder may be published: today, or the day after the last night that has run. One statement."""
    waits = (NightRun.State.DUE, NightRun.State.PUT_OFF)
    ran = NightRun.objects.filter(school=school, on__gte=on).exclude(state__in=waits).order_by("on").last()
    return ran.on + dt.timedelta(days=1) if ran else on


def decode_file(data: bytes) -> str:
    """An uploaded ladder's text. Raises Refused with what is wrong with the file and what to do."""
    if not data.strip():
        raise Refused("The file is empty: choose the ladder's file (YAML), as it was exported.")
    if len(data) > MAX_BYTES:
        raise Refused(f"The file is larger than {MAX_BYTES // 1000} kB: a ladder's file is text of some pages.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Refused(f"Line {line} of the file is not UTF-8 text: save it as UTF-8 and choose it again.") from error
    if "\x00" in text:
        raise Refused("The file is not text: choose the ladder's file (YAML), as it was exported.")
    if not plain(text):
        _, faults = faults_of(text, "the file")
        raise Refused(f"The file was not taken: {faults[0]}" if faults else "The file has no ladder in it.")
    return text.replace("\r\n", "\n")


MAX_BYTES = 400_000
"""Of an uploaded ladder; the shipped ones have about 20,000."""
