"""Masks that are empty or do not fit their picture, pixels that belong to no class, and the shares of the classes."""

from collections.abc import Generator

import numpy as np
import numpy.typing as npt

from tlstudio.api.errors import DataError
from tlstudio.api.events import Event
from tlstudio.doctor.case import Case
from tlstudio.doctor.findings import Finding, FoundItem, finding, item
from tlstudio.doctor.stages import Stage

MOST = 20_000  # masks that are read
_CHUNK = 64
_RARE = 0.01  # share of the pixels
_OTHER_SIZE, _UNREADABLE = 1, 2


def look(case: Case) -> Generator[Event, None, list[Finding]]:
    if case.task.id != "segmentation" or not case.info.root_found:
        return []
    stage = case.stage("Reading masks", "masks")
    read = list(range(len(case.records)))
    if len(read) > MOST:
        read = sorted(np.random.default_rng(0).choice(len(read), MOST, replace=False).tolist())
        case.skipped.append(f"{MOST:,} of {len(case.records):,} masks were read, drawn by chance.")
    counts, states = yield from _counts(case, read, stage)
    return [*_empty(case, read, counts, states), *_sizes(case, read, states), *_shares(case, counts)]


def _counts(
    case: Case, read: list[int], stage: Stage
) -> Generator[Event, None, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Pixels of each class (the last column: of none), ``[N, C + 1]``, and what is wrong with each mask ``[N]``."""
    from tlstudio.data.masks import MaskReader

    classes = len(case.info.class_names)
    reader = MaskReader(case.values, case.info.root, case.info.encoding.get("pixels", ()))
    key = case.key("masks", case.info.encoding, case.values)
    counts, states = np.zeros((len(read), classes + 1), np.int64), np.zeros(len(read), np.int64)
    meter = stage.meter(len(read))
    for start in range(0, len(read), _CHUNK):
        yield from stage.pause()
        chunk = read[start : start + _CHUNK]
        span = slice(start, start + len(chunk))
        found = stage.cache.load(f"{key}-{start}")
        if found is None:
            for row, position in enumerate(chunk, start):
                record = case.records[position]
                try:
                    mask = reader.read(position)
                except DataError:
                    states[row] = _UNREADABLE
                    continue
                states[row] = _OTHER_SIZE if mask.shape != (record.height, record.width) else 0
                numbers = np.bincount(mask.reshape(-1), minlength=256)
                counts[row] = [*numbers[:classes], numbers[classes:].sum()]
            stage.cache.save(f"{key}-{start}", counts=counts[span], states=states[span])
        else:
            counts[span], states[span] = found["counts"], found["states"]
        yield from meter.advance(len(chunk))
    return counts, states


def _empty(
    case: Case, read: list[int], counts: npt.NDArray[np.int64], states: npt.NDArray[np.int64]
) -> list[Finding]:  # fmt: skip
    """Masks with nothing but one class, or with nothing that counts, where that is the exception."""
    known = states != _UNREADABLE
    single = known & ((counts[:, :-1] > 0).sum(1) < 2)
    found = []
    if single.any() and single.sum() < 0.5 * max(1, known.sum()):
        names = (*case.info.class_names, "no class")
        listed = [
            case.item(read[r], f"all of it is {names[int(counts[r].argmax())]}", 1.0) for r in np.flatnonzero(single)
        ]
        noun = "1 mask holds" if len(listed) == 1 else f"{len(listed):,} masks hold"
        advice = "That may be right; where something was overlooked, draw it or exclude the picture."
        found.append(finding("empty-masks", "warning", f"{noun} a single class.", advice, listed))
    nothing = counts[:, -1].sum() / max(1, counts.sum())
    if nothing > _RARE:
        shares = counts[:, -1] / np.maximum(counts.sum(1), 1)
        order = [r for r in np.argsort(-shares, kind="stable") if shares[r] > 0]
        listed = [case.item(read[r], f"{shares[r]:.1%} of its pixels", float(shares[r])) for r in order]
        sentence = f"{nothing:.1%} of the masks' pixels belong to no class and do not count."
        advice = "Where that is not meant, look at which values the masks have and which of them are classes."
        found.append(finding("unlabelled-pixels", "note", sentence, advice, listed))
    return found


def _sizes(case: Case, read: list[int], states: npt.NDArray[np.int64]) -> list[Finding]:
    notes = {_OTHER_SIZE: "another size than its picture", _UNREADABLE: "it cannot be read"}
    listed: list[FoundItem] = [case.item(read[r], notes[int(states[r])], 1.0) for r in np.flatnonzero(states)]
    if not listed:
        return []
    noun = "1 mask does" if len(listed) == 1 else f"{len(listed):,} masks do"
    sentence = f"{noun} not fit the picture: of another size, or unreadable. Training will skip it."
    return [finding("odd-masks", "problem", sentence, "Save the mask in the size of its picture.", listed)]


def _shares(case: Case, counts: npt.NDArray[np.int64]) -> list[Finding]:
    totals = counts[:, :-1].sum(0)
    shares = totals / max(1, int(totals.sum()))
    rare = [c for c in np.argsort(shares, kind="stable") if shares[c] < _RARE]
    listed = [
        item(label=case.info.class_names[c], note=f"{shares[c]:.2%} of the pixels", score=1 - float(shares[c]))
        for c in np.argsort(shares, kind="stable")
    ]
    text = ", ".join(f"{case.info.class_names[c]} {shares[c]:.1%}" for c in np.argsort(-shares, kind="stable")[:8])
    if rare and len(shares) > 1:
        names = ", ".join(case.info.class_names[c] for c in rare[:5])
        sentence = f"Some classes have less than 1 % of the pixels: {names}."
        advice = (
            "Train with imbalance=auto or focal (the Dice loss takes part in any case), and look at mean IoU rather "
            "than at the accuracy of pixels."
        )
        return [finding("rare-pixels", "warning", sentence, advice, listed, len(rare))]
    return [finding("class-pixels", "note", f"Shares of the pixels: {text}.", "", listed, len(shares))]
