"""What the back-test must say, read a second time: loops over lists of (date, session, code) and nothing else.

It shares no line with the engine and does not try to be quick. Each piece begins with the rule that it encodes. Only stage
and watch lines are made; recovery is not read here.
"""

import csv
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.oracle.ladders import LADDERS, NATIONAL, OPENS_WITH_EACH_ILLNESS, REVIEW_SESSIONS, SETTLING_IN, STARTS_AFRESH

CODES = Path(__file__).resolve().parents[2] / "attendance" / "data" / "codes.csv"
POSSIBLE = ("attending", "authorised", "unauthorised")
MISSED = ("authorised", "unauthorised")
KINDS = ("stage", "watch", "recovery")
WEEK = timedelta(days=7)
DAY = timedelta(days=1)
SET_ASIDE = 10  # evaluated days in a row on which a watch condition must fail before it may open again

Reason = dict[str, Any]


def read_meanings() -> dict[str, str]:
    """Every code has one statistical meaning; a withdrawn code keeps the one it had."""
    with CODES.open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["statistical_meaning"] for row in csv.DictReader(file)}


MEANINGS = read_meanings()


# ---- the calendar ---------------------------------------------------------------------------------------------------------


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


class Calendar:
    """Every day in the file is a school day; half terms lie inside terms, terms inside academic years."""

    def __init__(self, rows: list[tuple[str, str, str, str]]):
        self.year_of: dict[date, tuple[str, ...]] = {}
        self.term_of: dict[date, tuple[str, ...]] = {}
        self.half_term_of: dict[date, tuple[str, ...]] = {}
        for text, half_term, term, year in rows:
            day = date.fromisoformat(text)
            self.year_of[day] = (year,)
            self.term_of[day] = (year, term)
            self.half_term_of[day] = (year, term, half_term)
        self.days = sorted(self.year_of)
        self.number = {day: n for n, day in enumerate(self.days)}
        self.mondays = sorted({monday_of(day) for day in self.days})
        # The last school day of each Monday-Sunday week: later days of the week overwrite earlier ones.
        self.last_days_of_weeks = set({monday_of(day): day for day in self.days}.values())
        self.first_day: dict[tuple[str, ...], date] = {}
        self.last_day: dict[tuple[str, ...], date] = {}
        for place in (self.year_of, self.term_of, self.half_term_of):
            for day in self.days:
                self.first_day.setdefault(place[day], day)
                self.last_day[place[day]] = day

    def years(self) -> list[tuple[str, ...]]:
        return list(dict.fromkeys(self.year_of[day] for day in self.days))

    def days_of(self, year: tuple[str, ...]) -> list[date]:
        return [day for day in self.days if self.year_of[day] == year]

    def half_terms_so_far(self, day: date) -> list[tuple[str, ...]]:
        """The half terms of the day's year that have begun by the day."""
        return list(dict.fromkeys(self.half_term_of[d] for d in self.days_of(self.year_of[day]) if d <= day))

    def end_of_term_after(self, day: date) -> date | None:
        """The last school day of the term after the one that holds `day`; None where the calendar ends before."""
        terms = list(dict.fromkeys(self.term_of[d] for d in self.days))
        after = terms.index(self.term_of[day]) + 1
        return self.last_day[terms[after]] if after < len(terms) else None

    def monday_weeks_back(self, weeks: int, day: date) -> date:
        """The Monday of the first of the last n weeks that have a school day, the week of `day` included."""
        return [monday for monday in self.mondays if monday <= day][-weeks:][0]

    def school_days_after(self, earlier: date, later: date) -> int:
        """School days after `earlier` up to and including `later`."""
        return sum(1 for day in self.days if earlier < day <= later)

    def day_before(self, day: date) -> date | None:
        return self.days[self.number[day] - 1] if self.number[day] else None


# ---- the marks ------------------------------------------------------------------------------------------------------------


@dataclass
class Pupil:
    """A pupil's marks as (date, session, code) in order. `known` keeps counts already made, since ten runs ask the same."""

    upn: str
    marks: list[tuple[date, str, str]] = field(default_factory=list)
    by_day: dict[date, list[str]] = field(default_factory=dict)
    known: dict[Any, Any] = field(default_factory=dict)

    def put_in_order(self) -> None:
        self.marks.sort()
        for day, _, code in self.marks:
            self.by_day.setdefault(day, []).append(code)


@dataclass
class Register:
    calendar: Calendar
    pupils: list[Pupil]


def take_down(calendar_rows: list[tuple[str, str, str, str]], mark_rows: list[tuple[str, str, str, str]]) -> Register:
    """A mark off the calendar, an unknown code, a session that is neither AM nor PM, or a second row for one is skipped."""
    calendar = Calendar(calendar_rows)
    pupils: dict[str, Pupil] = {}
    seen = set()
    for upn, text, session, code in mark_rows:
        day = date.fromisoformat(text)
        known = day in calendar.number and code in MEANINGS and session in ("AM", "PM")
        if not known or (upn, day, session) in seen:
            continue
        seen.add((upn, day, session))
        pupils.setdefault(upn, Pupil(upn)).marks.append((day, session, code))
    for pupil in pupils.values():
        pupil.put_in_order()
    return Register(calendar, [pupils[upn] for upn in sorted(pupils)])


def possible_codes(codes: list[str]) -> list[str]:
    return [code for code in codes if MEANINGS[code] in POSSIBLE]


def is_missed(code: str, codes: tuple[str, ...] | None) -> bool:
    return MEANINGS[code] in MISSED and (codes is None or code in codes)


# ---- measures -------------------------------------------------------------------------------------------------------------


def count(pupil: Pupil, meanings: tuple[str, ...], codes: tuple[str, ...] | None, first: date, last: date) -> int:
    """Sessions of a window with one of these meanings; `codes` narrows the count. No mark counts nowhere."""
    key = ("count", meanings, codes, first, last)
    if key not in pupil.known:
        pupil.known[key] = sum(
            1
            for day, _, code in pupil.marks
            if first <= day <= last and MEANINGS[code] in meanings and (codes is None or code in codes)
        )
    return pupil.known[key]


def attended_of_possible(pupil: Pupil, first: date, last: date) -> tuple[int, int]:
    return count(pupil, ("attending",), None, first, last), count(pupil, POSSIBLE, None, first, last)


def days_absent(pupil: Pupil, first: date, last: date) -> int:
    """Days of the window on which every possible session was missed (there has to be one)."""
    total = 0
    for day, codes in pupil.by_day.items():
        possible = possible_codes(codes)
        if first <= day <= last and possible and all(is_missed(code, None) for code in possible):
            total += 1
    return total


def days_with(pupil: Pupil, wanted: tuple[str, ...] | None, first: date, last: date) -> int:
    """Days of the window with at least one session of the given codes."""
    return sum(1 for day, codes in pupil.by_day.items() if first <= day <= last and set(codes) & set(wanted or ()))


def run_of_days(pupil: Pupil, codes: tuple[str, ...] | None, calendar: Calendar, on: date) -> tuple[int, date]:
    """Going back from the date: a day without a possible session is stepped over, any other must be missed altogether."""
    length, first = 0, on
    for day in reversed(calendar.days[: calendar.number[on] + 1]):
        possible = possible_codes(pupil.by_day.get(day, []))
        if not possible:
            continue
        if not all(is_missed(code, codes) for code in possible):
            break
        length, first = length + 1, day
    return length, first


def run_of_sessions(pupil: Pupil, codes: tuple[str, ...] | None, on: date) -> tuple[int, date]:
    """The same by session."""
    length, first = 0, on
    for day, _, code in reversed(pupil.marks):
        if day > on or MEANINGS[code] not in POSSIBLE:
            continue
        if not is_missed(code, codes):
            break
        length, first = length + 1, day
    return length, first


def age_of_mark(pupil: Pupil, codes: tuple[str, ...], calendar: Calendar, on: date) -> tuple[int, date] | None:
    """School days after the day of the oldest session with one of the codes, the date included, in any year."""
    for day, _, code in pupil.marks:
        if day <= on and code in codes:
            return calendar.school_days_after(day, on), day
    return None


def remembered(pupil: Pupil, key: tuple[Any, ...], work: Any) -> Any:
    if key not in pupil.known:
        pupil.known[key] = work()
    return pupil.known[key]


# ---- the case -------------------------------------------------------------------------------------------------------------


@dataclass
class Case:
    """One academic year of one pupil: which stages were done on which day, and how high the ladder was climbed."""

    ladder: dict[str, Any]
    year: tuple[str, ...]
    done: dict[str, date | None] = field(default_factory=dict)  # None: counted as done from the year before
    highest: int = -1

    def weeks_of(self, stage: str) -> int:
        return next(row["weeks"] for row in self.ladder["stages"] if row["id"] == stage)


@dataclass
class Situation:
    calendar: Calendar
    pupil: Pupil
    case: Case
    on: date

    def year_as_of(self, day: date) -> tuple[int, int]:
        """The year's attended and possible sessions up to a day, taken raw."""
        return attended_of_possible(self.pupil, self.calendar.first_day[self.case.year], day)


def done_on(case: Case, stage: str) -> date | None:
    return case.done.get(stage)


def no_improvement_since(situation: Situation, stage: str) -> bool:
    """Done; at least ten possible sessions after its day; their % not above the year's % as of that day."""
    day = done_on(situation.case, stage)
    if day is None:
        return False
    attended, possible = attended_of_possible(situation.pupil, day + DAY, situation.on)
    attended_then, possible_then = situation.year_as_of(day)
    return possible >= REVIEW_SESSIONS and possible_then > 0 and attended * possible_then <= attended_then * possible


def target_missed(situation: Situation, stage: str) -> bool:
    """A period of n weeks begun on day d covers the sessions after d up to and including d + 7n and ends on the first
    evaluated day from then on. Its target is a % above the year's % as of d. Met, or without a possible session: another
    begins on d + 7n itself. The first that was missed settles it for good."""
    begins = done_on(situation.case, stage)
    if begins is None:
        return False
    length = WEEK * situation.case.weeks_of(stage)
    while begins + length <= situation.on:
        attended, possible = attended_of_possible(situation.pupil, begins + DAY, begins + length)
        attended_then, possible_then = situation.year_as_of(begins)
        if possible and attended * possible_then <= attended_then * possible:
            return True
        begins = begins + length
    return False


def watch_holds(situation: Situation, rule: str) -> bool:
    """The condition of a watch rule of the same ladder holds now, whether or not an entry was opened."""
    return judge_watch(rule, dict(situation.case.ladder["watch"])[rule], situation) is not None


def judge_watch(rule: str, condition: tuple[Any, ...], situation: Situation) -> list[Reason] | None:
    """A watch rule rests on the marks alone, never on the case, so a pupil's answer for a day is kept from run to run."""
    return remembered(situation.pupil, ("watch", rule, situation.on), lambda: judge(condition, situation))


CASE_CONDITIONS = {"no_improvement_since": no_improvement_since, "target_missed": target_missed, "watch": watch_holds}


# ---- windows --------------------------------------------------------------------------------------------------------------


def window_dates(window: tuple[Any, ...], situation: Situation) -> tuple[date, date] | None:
    """First and last day of a window; None where it hangs on a stage that was not done."""
    calendar, on = situation.calendar, situation.on
    name = window[0]
    if name == "half_term":
        return calendar.first_day[calendar.half_term_of[on]], on
    if name == "year":
        return calendar.first_day[calendar.year_of[on]], on
    if name == "weeks":  # the n x 7 calendar days that end on the date
        return on - window[1] * WEEK + DAY, on
    if name == "school_weeks":
        return calendar.monday_weeks_back(window[1], on), on
    return window_from_stage(window, situation)


def window_from_stage(window: tuple[Any, ...], situation: Situation) -> tuple[date, date] | None:
    """`since` begins after the day the stage was done, `from_half_term_of` with the half term in which it was done; both
    may close at the end of the term after, and a closed count keeps its value."""
    calendar = situation.calendar
    day = done_on(situation.case, window[1])
    if day is None:
        return None
    first = day + DAY if window[0] == "since" else calendar.first_day[calendar.half_term_of[day]]
    closes = calendar.end_of_term_after(day) if "next_term" in window else None
    return first, min(situation.on, closes) if closes else situation.on


def label(window: tuple[Any, ...] | None) -> str | None:
    if window is None:
        return None
    return window[0] if len(window) == 1 else f"{window[0]}: {window[1]}"


# ---- conditions -----------------------------------------------------------------------------------------------------------


def judge(condition: tuple[Any, ...], situation: Situation) -> list[Reason] | None:
    """The comparisons that held, in the order of the table; None where the condition as a whole does not hold."""
    kind = condition[0]
    if kind == "weekly":  # on the last school day of the week and on no other day
        return judge(condition[1], situation) if situation.on in situation.calendar.last_days_of_weeks else None
    if kind == "case":
        held = CASE_CONDITIONS[condition[1]](situation, condition[2])
        return [{"measure": condition[1], "window": condition[2]}] if held else None
    if kind == "compare":
        return judge_comparison(condition, situation)
    parts = [judge(part, situation) for part in condition[1:]]
    if kind == "all" and None in parts:
        return None
    held = [reason for part in parts if part is not None for reason in part]
    return held or None


def judge_comparison(condition: tuple[Any, ...], situation: Situation) -> list[Reason] | None:
    _, measure, window, codes, op, threshold = condition
    if measure == "percent":
        return judge_percent(window, op, threshold, situation)
    measured = measure_count(measure, window, codes, situation)
    if measured is None or not holds(measured[0], op, threshold):
        return None
    value, first, last = measured
    return [reason(measure, window, first, last, value, op, threshold)]


def holds(value: int, op: str, threshold: int) -> bool:
    if op == "at_least":
        return value >= threshold
    if op == "more_than":
        return value > threshold
    if op == "below":
        return value < threshold
    assert op == "at_most", op
    return value <= threshold


def reason(measure: str, window: Any, first: date, last: date, value: Any, op: str, threshold: int) -> Reason:
    return {
        "measure": measure,
        "window": label(window),
        "from": first.isoformat(),
        "to": last.isoformat(),
        "value": value,
        "op": op,
        "threshold": threshold,
    }


def judge_percent(window: tuple[Any, ...], op: str, threshold: int, situation: Situation) -> list[Reason] | None:
    """The year's %: never true before twenty possible sessions; compared exactly, rounded half up only to be shown."""
    assert window == ("year",), "only the year's % is judged by the ladders"
    dates = window_dates(window, situation)
    assert dates
    attended, possible = attended_of_possible(situation.pupil, *dates)
    if possible < SETTLING_IN or not holds(100 * attended, op, threshold * possible):
        return None
    hundredths = (2 * 10000 * attended + possible) // (2 * possible)
    return [reason("percent", window, *dates, hundredths / 100, op, threshold)]


def measure_count(
    measure: str, window: tuple[Any, ...] | None, codes: tuple[str, ...] | None, situation: Situation
) -> tuple[int, date, date] | None:
    """Value with first and last day; None where there is nothing to measure."""
    if window is None:
        found = remembered(situation.pupil, (measure, codes, situation.on), lambda: measure_back(measure, codes, situation))
        return (*found, situation.on) if found else None
    if window == ("any_half_term",):
        return greatest_half_term(measure, codes, situation)
    dates = window_dates(window, situation)
    if dates is None:
        return None
    return measure_in(measure, codes, situation.pupil, *dates), *dates


def measure_back(measure: str, codes: tuple[str, ...] | None, situation: Situation) -> tuple[int, date] | None:
    """The measures that go back from the date as far as they reach."""
    pupil, calendar, on = situation.pupil, situation.calendar, situation.on
    if measure == "run_of_days":
        return run_of_days(pupil, codes, calendar, on)
    if measure == "run_of_sessions":
        return run_of_sessions(pupil, codes, on)
    assert measure == "age_of_mark" and codes, measure
    return age_of_mark(pupil, codes, calendar, on)


def measure_in(measure: str, codes: tuple[str, ...] | None, pupil: Pupil, first: date, last: date) -> int:
    if measure == "days_absent":
        return remembered(pupil, (measure, first, last), lambda: days_absent(pupil, first, last))
    if measure == "days_with":
        return remembered(pupil, (measure, codes, first, last), lambda: days_with(pupil, codes, first, last))
    meanings = {"missed": MISSED, "unauthorised": ("unauthorised",), "possible": POSSIBLE}[measure]
    return count(pupil, meanings, codes, first, last)


def greatest_half_term(measure: str, codes: tuple[str, ...] | None, situation: Situation) -> tuple[int, date, date]:
    """The greatest over the year's half terms so far, with that half term's dates; of equals the first."""
    calendar, on = situation.calendar, situation.on
    best: tuple[int, date, date] | None = None
    for half_term in calendar.half_terms_so_far(on):
        first, last = calendar.first_day[half_term], min(on, calendar.last_day[half_term])
        value = measure_in(measure, codes, situation.pupil, first, last)
        if best is None or value > best[0]:
            best = (value, first, last)
    assert best
    return best


# ---- stages ---------------------------------------------------------------------------------------------------------------


def waits_for_gap(stage: dict[str, Any], situation: Situation) -> bool:
    """After any stage is done, one that waits does so until the gap-th school day after that day."""
    number = situation.calendar.number
    days = [day for day in situation.case.done.values() if day is not None]
    gap = situation.case.ladder["gap"]
    return stage["waits"] and any(number[situation.on] - number[day] < gap for day in days)


def standing_stages(situation: Situation) -> list[tuple[int, dict[str, Any], list[Reason]]]:
    """Stages above the highest reached this year whose needs are done and whose condition holds."""
    case, found = situation.case, []
    for position, stage in enumerate(case.ladder["stages"]):
        if position <= case.highest or (stage["needs"] and stage["needs"] not in case.done):
            continue
        reasons = judge(stage["condition"], situation)
        if reasons is not None:
            found.append((position, stage, reasons))
    return found


def propose(situation: Situation) -> tuple[int, dict[str, Any], list[Reason]] | None:
    """The highest candidate, but never over a lower stage that may not be passed over and that stands, waiting or not."""
    standing = standing_stages(situation)
    for position, stage, reasons in reversed(standing):
        blocked = any(lower < position and not below["passable"] for lower, below, _ in standing)
        if not blocked and not waits_for_gap(stage, situation):
            return position, stage, reasons
    return None


def stage_line(situation: Situation, act: str) -> list[dict[str, Any]]:
    """At most one stage in one evaluation; acting on the same day does it at once, acting never leaves it proposed."""
    proposed = propose(situation)
    if proposed is None:
        return []
    position, stage, reasons = proposed
    situation.case.highest = position
    if act == "same-day":
        situation.case.done[stage["id"]] = situation.on
    return [line(situation, "stage", stage["id"], stage["name"], reasons)]


def line(situation: Situation, kind: str, id: str, name: str, reasons: list[Reason]) -> dict[str, Any]:
    return {
        "date": situation.on.isoformat(),
        "upn": situation.pupil.upn,
        "kind": kind,
        "id": id,
        "name": name,
        "because": reasons,
    }


# ---- the watch list -------------------------------------------------------------------------------------------------------


@dataclass
class Watch:
    """What is remembered of one rule for one pupil."""

    may_open: bool = True
    failed_in_a_row: int = 0
    opened: bool = False


def watch_opens(rule: str, watch: Watch, held: bool, situation: Situation) -> bool:
    """Opens when the condition begins to hold, again only after ten evaluated days in a row without it."""
    if not held:
        watch.failed_in_a_row += 1
        watch.may_open = watch.may_open or watch.failed_in_a_row >= SET_ASIDE
        return False
    watch.failed_in_a_row = 0
    opens = illness_begins(situation) if rule == OPENS_WITH_EACH_ILLNESS and watch.opened else watch.may_open
    watch.may_open = False
    watch.opened = watch.opened or opens
    return opens


def illness_begins(situation: Situation) -> bool:
    """A school day with a session coded I whose school day before has none."""
    before = situation.calendar.day_before(situation.on)
    by_day = situation.pupil.by_day
    return "I" in by_day.get(situation.on, []) and (before is None or "I" not in by_day.get(before, []))


def watch_lines(situation: Situation, watches: dict[str, Watch]) -> list[dict[str, Any]]:
    """The national rules beside every ladder and the ladder's own, all judged daily."""
    lines = []
    for rule, condition in NATIONAL + situation.case.ladder["watch"]:
        reasons = judge_watch(rule, condition, situation)
        if watch_opens(rule, watches.setdefault(rule, Watch()), reasons is not None, situation):
            lines.append(line(situation, "watch", rule, "", reasons or []))
    return lines


# ---- the run --------------------------------------------------------------------------------------------------------------


def persistently_absent(situation: Situation) -> bool:
    rule = "persistent-absence"
    return judge_watch(rule, dict(NATIONAL)[rule], situation) is not None


def new_case(ladder: dict[str, Any], year: tuple[str, ...], carried: bool) -> Case:
    """A new academic year starts a new case; carried over, stages count as done without a day, so no gap runs."""
    case = Case(ladder, year)
    if carried:
        case.done = dict.fromkeys(ladder["carry_over"])
        case.highest = len(ladder["carry_over"]) - 1
    return case


def read_pupil(
    ladder: dict[str, Any], register: Register, pupil: Pupil, start: date, end: date, act: str
) -> list[dict[str, Any]]:
    """In each academic year a pupil is evaluated from the first to the last day with a mark in that year in the file."""
    calendar, lines = register.calendar, []
    watches: dict[str, Watch] = {}
    carried = False
    for year in calendar.years():
        case = new_case(ladder, year, carried and act == "same-day")
        watches = {rule: watch for rule, watch in watches.items() if rule not in STARTS_AFRESH}
        carried = False  # until the run has seen the pupil's last day of this year
        marked = [day for day in calendar.days_of(year) if day in pupil.by_day]
        evaluated = [day for day in calendar.days_of(year) if marked and marked[0] <= day <= marked[-1] and start <= day <= end]
        for day in evaluated:
            situation = Situation(calendar, pupil, case, day)
            lines += stage_line(situation, act) + watch_lines(situation, watches)
            carried = day == marked[-1] and persistently_absent(situation)
    return lines


def read_register(policy: str, register: Register, start: date, end: date, act: str) -> list[dict[str, Any]]:
    """The lines of a run by date, then UPN, then kind, then id."""
    assert act in ("same-day", "never"), act
    lines = []
    for pupil in register.pupils:
        lines += read_pupil(LADDERS[policy], register, pupil, start, end, act)
    return sorted(lines, key=lambda row: (row["date"], row["upn"], KINDS.index(row["kind"]), row["id"]))


def read(
    policy: str,
    calendar: list[tuple[str, str, str, str]],
    marks: list[tuple[str, str, str, str]],
    start: str,
    end: str,
    act: str,
) -> list[dict[str, Any]]:
    """The objects that the back-test prints for stages and watch rules, in its order.

    `calendar`: (date, half term, term, academic year); `marks`: (upn, date, session, code); dates as YYYY-MM-DD.
    """
    return read_register(policy, take_down(calendar, marks), date.fromisoformat(start), date.fromisoformat(end), act)
