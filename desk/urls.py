"""Addresses of the staff's pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from desk.views import (
    acts,
    batches,
    calling,
    case,
    cases,
    clocks,
    contradictions,
    decisions,
    discretion,
    documents,
    evidence,
    exports,
    form,
    home,
    import_decisions,
    import_xml,
    imports,
    ladder,
    leaflet,
    leave,
    letters,
    marks,
    meetings,
    mis,
    nights,
    penalties,
    plans,
    pupil,
    referrals,
    register,
    rule_parts,
    rules,
    safeguarding,
    search,
    slots,
    texts,
    today,
    trials,
    why,
)

app_name = "desk"

_first: list[URLPattern] = [
    path("", home.home, name="home"),
    path("keys/", home.keys, name="keys"),
]

_cases: list[URLPattern] = [
    path("decisions/", decisions.decisions, name="decisions"),
    path("decisions/review/", decisions.review, name="decisions-review"),
    path("decisions/approve/", decisions.approve, name="approve"),
    path("decisions/undo/", decisions.undo, name="undo"),
    path("decisions/<int:letter_id>/hold/", decisions.hold, name="hold"),
    path("decisions/<int:letter_id>/decline/", decisions.decline, name="decline"),
    path("decisions/<int:letter_id>/edit/", decisions.edit, name="edit"),
    path("pupils/<int:pk>/", pupil.pupil, name="pupil"),
    path("pupils/<int:pk>/trend.svg", pupil.trend, name="trend"),
    path("pupils/<int:pk>/why/", why.why, name="why"),
    path("pupils/<int:pk>/contact/", pupil.contact, name="contact"),
    path("pupils/<int:pk>/note/", pupil.note, name="note"),
    path("tasks/<int:pk>/record/", pupil.task, name="task"),
    path("ladder/", ladder.ladder, name="ladder"),
    path("ladder/contradictions/", contradictions.contradictions, name="contradictions"),
    path("ladder/leaflet.pdf", leaflet.leaflet, name="leaflet"),
    path("letters/", letters.letters, name="letters"),
    path("letters/<int:pk>/", letters.letter, name="letter"),
    path("files/<path:name>", letters.file, name="file"),
]

_taking: list[URLPattern] = [
    path("registers/", register.registers, name="registers"),
    path("registers/<str:urn>/<str:date>/<str:session>/<path:form>/", register.register, name="register"),
    path("marks/<int:enrolment>/", marks.marks, name="marks"),
    path("marks/<int:enrolment>/<str:date>/<str:session>/", marks.mark, name="mark"),
]

_registers: list[URLPattern] = [
    *_taking,
    path("registers/import/", imports.upload, name="import"),
    path("registers/import/preview/", imports.preview, name="import-preview"),
    path("registers/import/columns/", imports.columns, name="import-columns"),
    path("registers/import/commit/", imports.commit, name="import-commit"),
    path("registers/import/xml/", import_xml.xml, name="import-xml"),
    path("registers/import/code/", imports.code, name="import-code"),
    path("imports/conflicts/", import_decisions.conflicts, name="import-conflicts"),
    path("imports/conflicts/decide/", import_decisions.decide, name="import-decide"),
    path("imports/<int:pk>/undo/", import_decisions.undo, name="import-undo"),
    path("imports/people/<int:pk>/undo/", import_decisions.undo_of_people, name="people-undo"),
    path("nights/", nights.nights, name="nights"),
    path("nights/<str:urn>/run/", nights.run, name="run-night"),
    path("post/", batches.batches, name="batches"),
    path("post/<str:urn>/make/", batches.make, name="make-batch"),
    path("post/<int:number>/letters.pdf", batches.pdf, name="batch-pdf"),
    path("post/<int:number>/posted/", batches.posted, name="batch-posted"),
]

_day: list[URLPattern] = [
    path("today/", today.page, name="today"),
    path("today/call/<int:enrolment>/", acts.call, name="call"),
    path("today/n-codes/<str:urn>/", acts.confirm_n_codes, name="confirm-n-codes"),
    path("today/stage/<int:number>/decline/", acts.decline_stage, name="decline-stage"),
    path("today/watch/<int:number>/close/", acts.close_watch, name="close-watch"),
    path("today/task/<int:number>/hand-on/", acts.hand_on, name="hand-on"),
    path("today/task/<int:number>/done/", acts.task_done, name="task-done"),
    path("today/conversation/<int:enrolment>/", acts.conversation, name="conversation"),
    path("forms/", form.forms, name="forms"),
    path("forms/<str:urn>/<path:form>/", form.form, name="form"),
    path("search/", search.search, name="search"),
    path("pupils/", search.pupils, name="pupils"),
]

_chasing: list[URLPattern] = [
    path("today/calling/", calling.calling, name="calling"),
    path("today/n-codes/", calling.n_codes, name="n-codes"),
    path("today/illness/", calling.illness, name="illness"),
    path("today/registers/", calling.missing, name="missing-registers"),
    path("today/registers/<str:urn>/ask/", calling.nudge, name="nudge"),
    path("today/call/<int:enrolment>/same-reason/", calling.same_reason, name="same-reason"),
    path("today/call/<int:enrolment>/safeguarding/", calling.tell_safeguarding, name="tell-safeguarding"),
]

_casework: list[URLPattern] = [
    path("cases/", cases.cases, name="cases"),
    path("pupils/<int:pk>/case/", case.opened, name="case-open"),
    path("cases/<int:pk>/", case.case, name="case"),
    path("cases/<int:pk>/task/", case.task, name="case-task"),
    path("cases/tasks/<int:number>/close/", case.close, name="task-close"),
    path("cases/<int:pk>/visit/", case.visit, name="case-visit"),
    path("cases/<int:pk>/offer/", case.offer, name="case-offer"),
    path("cases/offers/<int:pk>/answer/", case.answer, name="offer-answer"),
    path("cases/offers/<int:pk>/end/", case.end, name="offer-end"),
    path("cases/<int:pk>/meeting/", meetings.plan, name="meeting-plan"),
    path("meetings/<int:pk>/move/", meetings.move, name="meeting-move"),
    path("meetings/<int:pk>/record/", meetings.record, name="meeting-record"),
    path("meetings/<int:pk>/cancel/", meetings.cancel, name="meeting-cancel"),
    path("meetings/<int:pk>/invitation/", meetings.invitation, name="meeting-invitation"),
    path("meetings/<int:pk>/meeting.ics", meetings.ics, name="meeting-ics"),
    path("meetings/times/", slots.slots, name="slots"),
    path("meetings/times/<str:urn>/make/", slots.make, name="slots-make"),
    path("meetings/times/<int:pk>/withdraw/", slots.withdraw, name="slot-withdraw"),
    path("decisions/times/", slots.give, name="slots-give"),
    path("cases/<int:pk>/document/", documents.add, name="document-add"),
    path("documents/", documents.over, name="documents"),
    path("documents/<int:pk>/", documents.document, name="document"),
    path("documents/<int:pk>/delete/", documents.delete, name="document-delete"),
]

_trials: list[URLPattern] = [
    path("ladder/try/", trials.trials, name="trials"),
    path("ladder/try/<str:urn>/ask/", trials.ask, name="trial-ask"),
    path("ladder/try/<int:pk>/", trials.trial, name="trial"),
    path("ladder/try/<int:pk>/progress/", trials.progress, name="trial-progress"),
    path("ladder/try/<int:pk>/weeks.svg", trials.chart, name="trial-chart"),
    path("ladder/try/<int:pk>/proposals.csv", trials.table, name="trial-table"),
    path("ladder/try/<int:pk>/<int:number>.jsonl", trials.lines, name="trial-lines"),
]

_rules: list[URLPattern] = [
    path("rules/", rules.rules, name="rules"),
    path("rules/history/", rules.rules_history, name="rules-history"),
    path("rules/versions/<int:pk>.yaml", rules.version_file, name="rules-version"),
    path("rules/<str:urn>/start/", rules.start, name="rules-start"),
    path("rules/<str:urn>/new/", rules.new, name="rules-new"),
    path("rules/drafts/<int:pk>/", rules.draft, name="rules-draft"),
    path("rules/drafts/<int:pk>/about/", rules.about, name="rules-about"),
    path("rules/drafts/<int:pk>/numbers/", rule_parts.numbers, name="rules-numbers"),
    path("rules/drafts/<int:pk>/bands/", rule_parts.bands, name="rules-bands"),
    path("rules/drafts/<int:pk>/carry-over/", rule_parts.carry_over, name="rules-carry-over"),
    path("rules/drafts/<int:pk>/part/", rule_parts.part, name="rules-part"),
    path("rules/drafts/<int:pk>/<str:part>/<int:number>/", rule_parts.item, name="rules-item"),
    path("rules/drafts/<int:pk>/text/", rules.text, name="rules-text"),
    path("rules/drafts/<int:pk>.yaml", rules.draft_file, name="rules-file"),
    path("rules/drafts/<int:pk>/review/", rules.review, name="rules-review"),
    path("rules/drafts/<int:pk>/discard/", rules.discard, name="rules-discard"),
    path("rules/drafts/<int:pk>/publish/", rules.publish, name="rules-publish"),
]

_texts: list[URLPattern] = [
    path("texts/", texts.texts, name="texts"),
    path("texts/new/", texts.new, name="texts-new"),
    path("texts/send/", texts.send, name="texts-send"),
    path("texts/<int:pk>/take-back/", texts.take_back, name="texts-take-back"),
    path("texts/replies/<int:pk>/read/", texts.read, name="texts-read"),
    path("texts/replies/<int:pk>/answer/", texts.answer, name="texts-answer"),
    path("texts/set-up/", texts.set_up, name="texts-set-up"),
    path("texts/<str:urn>/look/", texts.look, name="texts-look"),
    path("texts/<str:urn>/try/", texts.try_set_up, name="texts-try"),
]

_mis: list[URLPattern] = [
    path("registers/export/", exports.export, name="export"),
    path("registers/export/<str:urn>/", exports.take, name="export-school"),
    path("pupils/<int:pk>/record/", exports.certificate, name="certificate"),
    path("pupils/<int:pk>/transfer/", exports.transfer, name="transfer"),
    path("registers/connection/", mis.mis, name="mis"),
    path("registers/connection/people/", mis.people, name="mis-people"),
    path("registers/connection/<str:urn>/save/", mis.save, name="mis-save"),
    path("registers/connection/<str:urn>/try/", mis.attempt, name="mis-try"),
    path("registers/connection/<str:urn>/read/", mis.read, name="mis-read"),
    path("registers/connection/<str:urn>/remove/", mis.remove, name="mis-remove"),
    path("registers/connection/<str:urn>/code/", mis.code, name="mis-code"),
    path("registers/connection/<str:urn>/people/", mis.fetch_people, name="mis-fetch-people"),
]

_apart: list[URLPattern] = [
    path("pupils/<int:pk>/discretion/", discretion.discretion, name="discretion"),
    path("pupils/<int:pk>/discretion/pause/", discretion.pause, name="discretion-pause"),
    path("pupils/<int:pk>/discretion/lift/", discretion.lift, name="discretion-lift"),
    path("pupils/<int:pk>/discretion/take/", discretion.take, name="discretion-take"),
    path("pupils/<int:pk>/discretion/skip/", discretion.skip, name="discretion-skip"),
    path("pupils/<int:pk>/concern/", safeguarding.concern, name="concern"),
    path("safeguarding/", safeguarding.safeguarding, name="safeguarding"),
    path("safeguarding/<int:pk>/", safeguarding.notes, name="safeguarding-notes"),
    path("safeguarding/<int:pk>/<int:number>/close/", safeguarding.close, name="safeguarding-close"),
]

_leave: list[URLPattern] = [
    path("leave/", leave.leave, name="leave"),
    path("leave/<int:pk>/", leave.leave_request, name="leave-request"),
    path("leave/<int:pk>/decide/", leave.decide, name="leave-decide"),
    path("leave/<int:pk>/withdraw/", leave.withdraw, name="leave-withdraw"),
    path("pupils/<int:pk>/leave/new/", leave.new, name="leave-new"),
    path("pupils/<int:pk>/part-time/new/", leave.new_part_time, name="part-time-new"),
    path("part-time/<int:pk>/", leave.part_time, name="part-time"),
    path("part-time/<int:pk>/review/", leave.review, name="part-time-review"),
    path("part-time/<int:pk>/extend/", leave.extend, name="part-time-extend"),
    path("part-time/<int:pk>/end/", leave.end, name="part-time-end"),
]

_penalties: list[URLPattern] = [
    path("penalties/", penalties.penalties, name="penalties"),
    path("pupils/<int:pk>/penalties/", penalties.pupil_penalties, name="pupil-penalties"),
    path("pupils/<int:pk>/penalties/request/", penalties.new_request, name="penalty-request-new"),
    path("pupils/<int:pk>/penalties/notice/", penalties.enter_notice, name="penalty-notice-enter"),
    path("pupils/<int:pk>/improvement/new/", penalties.new_improvement, name="improvement-new"),
    path("penalties/grounds/<int:pk>/", penalties.ground, name="penalty-ground"),
    path("penalties/requests/<int:pk>/<str:act>/", penalties.request_act, name="penalty-request-act"),
    path("penalties/notices/<int:pk>/move/", penalties.move_notice, name="penalty-notice-move"),
    path("improvement/<int:pk>/", penalties.improvement, name="improvement"),
    path("improvement/<int:pk>/<str:act>/", penalties.improvement_act, name="improvement-act"),
]

_clocks: list[URLPattern] = [
    path("clocks/", clocks.clocks, name="clocks"),
    path("clocks/<int:pk>/", clocks.clock, name="clock"),
    path("clocks/<int:pk>/return.<str:ending>", clocks.clock_file, name="clock-file"),
    path("clocks/<int:pk>/<str:act>/", clocks.clock_act, name="clock-act"),
    path("clocks/termly/<str:urn>.<str:ending>", clocks.termly_file, name="termly-file"),
    path("pupils/<int:pk>/clocks/new/", clocks.new_clock, name="clock-new"),
]

_plans: list[URLPattern] = [
    path("plans/", plans.plans, name="plans"),
    path("cases/<int:pk>/plan/", plans.new, name="plan-new"),
    path("plans/<int:pk>/", plans.plan, name="plan"),
    path("plans/<int:pk>/edit/", plans.edit, name="plan-edit"),
    path("plans/<int:pk>/plan.pdf", plans.sheet, name="plan-sheet"),
    path("plans/<int:pk>/force/", plans.force, name="plan-force"),
    path("plans/<int:pk>/sign/", plans.sign, name="plan-sign"),
    path("plans/<int:pk>/review/", plans.review, name="plan-review"),
    path("plans/<int:pk>/end/", plans.end, name="plan-end"),
    path("plans/<int:pk>/carry/", plans.carry, name="plan-carry"),
    path("plans/actions/<int:pk>/done/", plans.action, name="plan-action"),
    path("periods/<int:pk>/extend/", plans.extend, name="period-extend"),
    path("cases/weekly/<int:pk>/", plans.series, name="series"),
    path("cases/weekly/<int:pk>/end/", plans.series_end, name="series-end"),
    path("cases/<int:pk>/tracking/", plans.tracking, name="tracking"),
    path("cases/<int:pk>/tracking.<str:ending>", plans.tracking_file, name="tracking-file"),
]

_referrals: list[URLPattern] = [
    path("referrals/", referrals.referrals, name="referrals"),
    path("cases/<int:pk>/refer/", referrals.new, name="referral-new"),
    path("referrals/<int:pk>/", referrals.referral, name="referral"),
    path("referrals/<int:pk>/form.<str:ending>", referrals.file, name="referral-file"),
    path("referrals/<int:pk>/<str:act>/", referrals.act, name="referral-act"),
    path("cases/<int:pk>/packs/", evidence.packs, name="packs"),
    path("packs/<int:pk>/", evidence.pack, name="pack"),
    path("packs/<int:pk>/progress/", evidence.progress, name="pack-progress"),
    path("packs/<int:pk>/pack.<str:ending>", evidence.file, name="pack-file"),
]

urlpatterns: list[URLPattern] = [
    *_apart,
    *_first,
    *_day,
    *_chasing,
    *_registers,
    *_cases,
    *_casework,
    *_trials,
    *_rules,
    *_texts,
    *_mis,
    *_leave,
    *_penalties,
    *_plans,
    *_clocks,
    *_referrals,
]
