"""How much each pupil of the demo is absent, fitted to England's published figures: plain records and NumPy.

A pupil's latent absence (family, free school meals, special needs, school) is ranked among all pupils of the phase and year group, the
rank is looked up in the published distribution by bands (2022/23), and the whole phase is moved so that overall and persistent absence are
those published for the year.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

import numpy as np

from demo.population import SEED, PupilPlan
from demo.structure import DATA, YEARS

LATENT = {"fsm": 0.72, "sen_support": 0.35, "ehc_plan": 0.35, "social_worker": 0.5, "young_carer": 0.3, "looked_after": -0.4}
"""Shift of latent absence, in standard deviations: the difference of the published shares of persistent absence as normal quantiles."""
PART_YEAR = 0.5
"""Pupils who came or left in mid-year are absent more often."""
EDGES = np.array([0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 92]) / 100
BANDS = ("0_5", "5_10", "10_15", "15_20", "20_25", "25_30", "30_35", "35_40", "40_45", "45_50", "50plus")


@cache
def published(year: int, phase: str) -> dict[str, float]:
    """England's absence by reason, % of possible sessions, in an academic year (2025 is 2025/26, as of 23 July 2026)."""
    with (DATA / "attendance_england.csv").open(encoding="utf-8") as rows:
        row = next(row for row in csv.DictReader(rows) if (row["academic_year"][:4], row["phase"]) == (str(year), phase))
    return {key: float(value) for key, value in row.items() if key not in ("academic_year", "phase")}


@cache
def bands(breakdown: str, phase: str, value: str) -> dict[str, float]:
    """England's distribution of pupils over bands of absence, 2022/23, %."""
    with (DATA / "absence_bands_england_2022_23.csv").open(encoding="utf-8") as rows:
        row = next(
            row for row in csv.DictReader(rows) if (row["breakdown"], row["phase"], row["value"]) == (breakdown, phase, value)
        )
    return {key: float(number) for key, number in row.items() if key not in ("breakdown", "phase", "value")}


def absence_shares(pupils: Sequence[PupilPlan]) -> dict[int, np.ndarray]:
    """Share of sessions that each pupil will miss, float[pupils], by academic year."""
    latent = np.array([pupil.latent + _shift(pupil) for pupil in pupils])
    last_year = 0.8 * latent + 0.6 * np.random.default_rng([SEED, 1]).normal(size=len(pupils)) * latent.std()
    return {YEARS[0]: _shares(pupils, last_year, YEARS[0]), YEARS[1]: _shares(pupils, latent, YEARS[1])}


def _shift(pupil: PupilPlan) -> float:
    part_year = PART_YEAR if len(pupil.enrolments[-1].placements) == 1 and pupil.form.year_group != pupil.school.years[0] else 0
    return sum(LATENT.get(key, 0) for key in pupil.flags) + pupil.school.absence + part_year


def _shares(pupils: Sequence[PupilPlan], latent: np.ndarray, year: int) -> np.ndarray:
    shares = np.zeros(len(pupils))
    cohorts, phases = defaultdict(list), defaultdict(list)
    for number, pupil in enumerate(pupils):
        cohorts[pupil.school.phase, max(pupil.form.year_group, 1)].append(number)
        phases[pupil.school.phase].append(number)
    for (phase, year_group), members in cohorts.items():
        shares[members] = _from_bands(latent[members], bands("year", phase, str(year_group)))
    for phase, members in phases.items():
        england = published(year, phase)
        shares[members] = _fitted(shares[members], england["overall_absence"] / 100, england["pa"] / 100)
    return shares


def _from_bands(latent: np.ndarray, row: dict[str, float]) -> np.ndarray:
    """float[n]: the published quantile of each pupil's rank; few in the open top band are near its end."""
    ranks = (latent.argsort().argsort() + 0.5) / len(latent)
    shares = np.array([row[f"pct_{band}"] for band in BANDS])
    heights = np.concatenate([[0], np.cumsum(shares) / shares.sum()])
    values = np.interp(ranks, heights, EDGES)
    top = ranks > heights[-2]
    values[top] = 0.5 + 0.42 * ((ranks[top] - heights[-2]) / (1 - heights[-2])) ** 1.6
    return values


def _fitted(values: np.ndarray, mean: float, persistent: float) -> np.ndarray:
    """The values moved so that their mean and the share of 0.1 and more are the given ones; from 0.5 on they stay as they are."""
    limit = float(np.quantile(values, 1 - persistent))
    above = np.interp(values, [limit, 0.5, 1], [0.1, 0.5, 1])
    low, high = 0.2, 5.0
    for _ in range(40):
        bend = (low + high) / 2
        fitted = np.where(values < limit, 0.0999 * (values / limit) ** bend, above)
        low, high = (bend, high) if fitted.mean() > mean else (low, bend)
    return fitted
