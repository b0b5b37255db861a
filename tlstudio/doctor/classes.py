"""How many items there are of what: unequal and tiny classes, and whether enough are left to measure with."""

import math

from tlstudio.doctor.case import Case
from tlstudio.doctor.findings import Finding, finding, item

TINY = 10
LOPSIDED = 5.0  # largest class to smallest
_WIDE = 0.05  # half of the 95 % interval, above which a test split is small
_VERY_WIDE = 0.1
_SUPPOSED = 0.9  # accuracy


def look(case: Case) -> list[Finding]:
    return [*_unequal(case), *_measuring(case)]


def half_width(items: int, share: float = _SUPPOSED) -> float:
    """Half of Wilson's 95 % interval of a share that was measured on so many items."""
    z = 1.96
    return z * math.sqrt(share * (1 - share) / items + z * z / (4 * items * items)) / (1 + z * z / items)


def _unequal(case: Case) -> list[Finding]:
    counts = case.info.class_counts
    if not counts or not case.task.classes or case.task.id == "segmentation":
        return []
    found = []
    by_size = sorted(counts.items(), key=lambda pair: (pair[1], pair[0]))
    small, large = by_size[0][1], by_size[-1][1]
    listed = [item(label=name, note=case.count(number).rpartition(" ")[0], score=1 / (1 + number))
              for name, number in by_size]  # fmt: skip
    if small and large / small > LOPSIDED:
        sentence = (
            f"The largest class has {large / small:.1f} times as many {case.several} as the smallest ({large:,} and "
            f"{small:,}); look at balanced accuracy rather than at accuracy."
        )
        found.append(finding("imbalance", "warning", sentence, _remedy(case, large / small, small), listed))
    tiny = [entry for entry, (_, number) in zip(listed, by_size, strict=True) if number < TINY]
    if tiny:
        noun = "class has" if len(tiny) == 1 else "classes have"
        sentence = (
            f"{len(tiny):,} {noun} fewer than {TINY} {case.several}; what is measured on so few is mostly chance."
        )
        advice = "Collect more of them, join them with a class that is alike, or exclude them."
        found.append(finding("tiny-classes", "warning", sentence, advice, tiny))
    return found


def _remedy(case: Case, ratio: float, small: int) -> str:
    if case.task.id == "multilabel":
        return (
            "Train with imbalance=positive-weight, which is what auto takes here; imbalance=asymmetric where items "
            "mostly have few of many labels. Watch average precision of each label rather than accuracy."
        )
    if ratio > 50 or small < TINY:
        return (
            "Train with imbalance=logit-adjustment (which is what auto takes here) together with more data of the "
            "small classes; sampler=square-root is the alternative. With so few items, balanced sampling repeats them "
            "until they are learnt by heart."
        )
    return (
        "Train with imbalance=logit-adjustment, which is what auto takes here; imbalance=class-balanced and "
        "sampler=balanced are alternatives, imbalance=focal where the easy majority drowns the rest. Use one of them, "
        "not several."
    )


def _measuring(case: Case) -> list[Finding]:
    counts = case.info.split_counts
    total = sum(counts.values())
    found = []
    empty = [name for name in ("val", "test") if not counts.get(name)]
    if empty and total:
        names = " and ".join({"val": "validation", "test": "test"}[name] for name in empty)
        sentence = f"There is nothing in the {names} split."
        advice = (
            "Split anew with shares such as 0.7,0.15,0.15; without validation no best model can be chosen, without "
        )
        found.append(finding("empty-splits", "warning", sentence, advice + "test nothing can be said of it.", [], 1))
    test = counts.get("test", 0)
    if not test:
        return found
    width = half_width(test)
    has = f"The test split has {case.count(test).rpartition(' ')[0]}"
    if width > _WIDE:
        if case.task.id == "segmentation":
            sentence = f"{has}: a mean over so few depends on which they are."
        elif case.task.id == "regression":
            sentence = f"{has}: a mean error is known only to about {100 * 1.96 / math.sqrt(test):.0f} % of its spread."
        else:
            sentence = f"{has}: an accuracy of 90 % would be known only to ± {100 * width:.0f} points (95 % interval)."
        advice = (
            "Compare methods over several seeds or by k-fold (kfold:5:1 to kfold:5:5), and believe no difference that "
            "is smaller than that."
        )
        found.append(finding("few-test-items", "warning" if width > _VERY_WIDE else "note", sentence, advice, [], test))
    return found
