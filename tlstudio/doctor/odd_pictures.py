"""Pictures that are unlike the others in size, shape, colour or brightness."""

from statistics import median

import numpy as np

from tlstudio.doctor.case import Case
from tlstudio.doctor.confident import robust_z
from tlstudio.doctor.findings import Finding, finding

_FACTOR = 16.0  # between the number of pixels and that of the median picture
_NARROW = 4.0  # longer side to shorter
_FEW = 0.2  # share of the pictures, up to which they are exceptions
_BLACK, _WHITE = 0.04, 0.97  # mean brightness
_PLAIN = 0.01  # standard deviation of the brightness: one colour
_FAR = 5.0  # robust standard deviations
_GREY = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"})


def look(case: Case) -> list[Finding]:
    return [*_sizes(case), *_modes(case), *_brightness(case)]


def _sizes(case: Case) -> list[Finding]:
    measured = [(p, r.width, r.height) for p, r in enumerate(case.records) if r.width > 0 and r.height > 0]
    if not measured:
        return []
    usual = median(width * height for _, width, height in measured)
    odd = []
    for position, width, height in measured:
        pixels, ratio = width * height, max(width, height) / min(width, height)
        factor = max(pixels / usual, usual / pixels)
        if factor > _FACTOR or ratio > _NARROW:
            score = max(factor / _FACTOR, ratio / _NARROW)
            odd.append(case.item(position, f"{width} x {height} pixels", score))
    if not odd:
        return []
    noun = "1 file is" if len(odd) == 1 else f"{len(odd):,} files are"
    sentence = f"{noun} of an unusual size or shape: far from the others, or very narrow, so that much is cut off."
    advice = "Look at them; crop or exclude what shows something else than the others."
    return [finding("odd-sizes", "warning", sentence, advice, sorted(odd, key=lambda entry: -entry["score"]))]


def _modes(case: Case) -> list[Finding]:
    modes = case.meta.get("mode")
    if not modes:
        return []
    grey = np.array([mode in _GREY for mode in modes])
    known = np.array([bool(mode) for mode in modes])
    few, name, others = (grey, "grey", "in colour") if 2 * grey.sum() <= known.sum() else (~grey, "in colour", "grey")
    few = few & known
    number = int(few.sum())
    if not number or number > _FEW * known.sum():
        return []
    sentence = f"{case.count(number)} {name} among {int(known.sum()) - number:,} that are {others}."
    advice = "A network may learn the colour in place of the class where one class has more of them than the others."
    listed = [case.item(int(p), f"stored as {modes[p]}", 1.0) for p in np.flatnonzero(few)]
    return [finding("odd-modes", "note", sentence, advice, listed)]


def _brightness(case: Case) -> list[Finding]:
    values = case.numbers("brightness")
    if values is None:
        return []
    known = np.isfinite(values)
    z = np.zeros(len(values))
    if known.sum() >= 20:
        z[known] = robust_z(values[known])
    contrast = case.numbers("contrast")
    plain = np.zeros(len(values), bool) if contrast is None else contrast < _PLAIN
    odd = known & (plain | (values < _BLACK) | (values > _WHITE) | (np.abs(z) > _FAR))
    if odd.sum() > _FEW * known.sum():  # that is how these pictures are
        return []
    text = "unusually dark or bright, or of one colour"
    advice = "Exclude what shows nothing; for the rest, augmentation 'medium' makes training see such light, too."
    return case.outstanding(
        "odd-brightness",
        "warning",
        text,
        advice,
        odd,
        values,
        np.abs(values - 0.5) + np.abs(z),
        "mean brightness {:.0%}",
    )
