"""Numbers and durations as people read and write them."""

import re


def plural(count: int, noun: str, many: str = "") -> str:
    """``1 picture``, ``12,000 pictures``; ``many`` where the plural is not made with an s."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def duration(seconds: float) -> str:
    """``12 s``, ``1 min 5 s``, ``2 h 10 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"


def listed(words: list[str]) -> str:
    """``3``, ``3 and 5``, ``3, 5 and 7``."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1] if words else "") if part)


def numbers(text: str, most: int) -> list[int]:
    """``0, 1, 2`` or ``0-4``, each once, at most one more than ``most``; empty where the text means none."""
    found: list[int] = []
    for part in re.split(r"[,;\s]+", text.strip()):
        hit = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part)
        if hit is None:
            return []
        first, last = int(hit[1]), int(hit[2] or hit[1])
        if last < first or last - first >= most:
            return []
        found += range(first, last + 1)
    return list(dict.fromkeys(found))[: most + 1]
