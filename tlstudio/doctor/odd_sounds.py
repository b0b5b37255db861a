"""Sounds that are silent, clipped, very short, or of another sample rate than the others."""

from collections import Counter

import numpy as np

from tlstudio.doctor.case import Case
from tlstudio.doctor.findings import Finding, finding

_SILENT = -50  # dBFS: the loudest moment
_CLIPPED = 0.5  # per cent of the samples
_SHORT_MS = 50
_SHORTER = 8  # times shorter than the median


def look(case: Case) -> list[Finding]:
    found: list[Finding] = []
    if (peak := case.numbers("peak")) is not None:
        advice = "Exclude them: there is nothing to learn from silence."
        found += case.outstanding(
            "silent", "problem", "silent", advice, peak <= _SILENT, peak, -peak, "peak at {:.0f} dBFS"
        )
    if (share := case.numbers("clipped")) is not None:
        advice = "They were recorded too loud; record them again if that can be done."
        note = "{:.2g} % of the samples are at the limit"
        found += case.outstanding("clipped", "warning", "clipped", advice, share > _CLIPPED, share, share, note)
    durations = np.array([record.width for record in case.records], np.float64)
    usual = float(np.median(durations)) if len(durations) else 0.0
    short = durations < max(_SHORT_MS, usual / _SHORTER)
    text, advice = "much shorter than the others", "Listen to them, and exclude what is cut off."
    found += case.outstanding("short-sounds", "warning", text, advice, short, durations, -durations, "{:.0f} ms")
    return [*found, *_rates(case)]


def _rates(case: Case) -> list[Finding]:
    rates = Counter(record.height for record in case.records)
    if len(rates) < 2:
        return []
    usual = rates.most_common(1)[0][0]
    listed = [case.item(p, f"{r.height} Hz", 1.0) for p, r in enumerate(case.records) if r.height != usual]
    sentence = f"{case.count(len(listed))} of another sample rate than the {rates[usual]:,} with {usual} Hz."
    advice = "They are resampled in training; make sure that no class was recorded with another device than the others."
    return [finding("odd-rates", "note", sentence, advice, listed)]
