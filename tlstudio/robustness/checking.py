"""Whether measured robustness can be believed, and what it comes to, in sentences. No torch here."""

from collections.abc import Mapping
from typing import Any

_SLACK = 0.02  # of accuracy: what steps of chance may come to


def checks(result: Mapping[str, Any], classes: int) -> list[dict[str, Any]]:
    """Signs of gradient masking, where robustness is only a failure to attack (Athalye et al. 2018, section 3.1):
    ``id``, ``passed``, and a sentence with the figures.
    """
    found: list[dict[str, Any]] = []
    attacks = result["attacks"]
    if "huge" in result:
        left, chance = result["huge"]["accuracy"], 1 / max(2, classes)
        found.append(_check(
            "unbounded", left <= max(_SLACK, chance / 2),
            f"Without bounds (ε = {result['huge']['eps']:g}/255) {_percent(left)} are still recognised; "
            "it must come near 0.",
        ))  # fmt: skip
    if "fgsm" in attacks and "pgd" in attacks:
        worse = [(f, p) for f, p in zip(attacks["fgsm"], attacks["pgd"], strict=True)
                 if p["accuracy"] > f["accuracy"] + _SLACK]  # fmt: skip
        sentence = "Many small steps (PGD) are at least as strong as a single one (FGSM) at each ε, as they must be."
        if worse:
            one, many = worse[0]
            sentence = (
                f"At ε = {one['eps']:g}/255 many small steps (PGD) leave {_percent(many['accuracy'])} recognised, a "
                f"single one (FGSM) {_percent(one['accuracy'])}: the gradients mislead the attack."
            )
        found.append(_check("steps", not worse, sentence))
    strongest = _strongest(result)
    for name, words in (("noise", "random noise"), ("transfer", "an attack made on another model")):
        if name in result and strongest:
            own = next((row["accuracy"] for row in strongest if row["eps"] == result[name]["eps"]), None)
            if own is not None:
                other = result[name]["accuracy"]
                found.append(_check(
                    name, other >= own - _SLACK,
                    f"At ε = {result[name]['eps']:g}/255 {words} leaves {_percent(other)} recognised, attacks on "
                    f"the model itself {_percent(own)}; these must be the stronger ones.",
                ))  # fmt: skip
    return found


def sentences(result: Mapping[str, Any]) -> list[str]:
    """The most important first."""
    said: list[str] = []
    clean, strongest = result["clean"]["accuracy"], _strongest(result)
    if failed := [check for check in result["checks"] if not check["passed"]]:
        said.append(f"The figures under attack cannot be relied upon: {failed[0]['sentence']}")
    if strongest:
        first, last = strongest[0], strongest[-1]
        at = [f"{_percent(row['accuracy'])} at ε = {row['eps']:g}/255" for row in (first, last)[: len(strongest)]]
        said.append(
            f"Of {result['n']} pictures {_percent(clean)} are recognised as they are; under "
            f"{'all attacks' if 'together' in result else 'the strongest attack'} {' and '.join(at)}."
        )
    if "l2" in result:
        said.append(
            f"Where a picture as a whole may be moved by {result['l2']['eps']:g} (L2, pixels from 0 to 1), "
            f"{_percent(result['l2']['accuracy'])} are recognised."
        )
    if result["corruptions"]:
        left = {name: sum(row["accuracy"] for row in rows) / len(rows) for name, rows in result["corruptions"].items()}
        name = min(left, key=left.__getitem__)
        said.append(
            f"Over six corruptions at five severities {_percent(result['mean_corruption_accuracy'])} are recognised; "
            f"{name} does most harm ({_percent(left[name])})."
        )
    return said


def _strongest(result: Mapping[str, Any]) -> list[dict[str, float]]:
    """At each ε what all attacks together leave; where that was not measured, the attack that leaves least."""
    if "together" in result:
        return list(result["together"])
    rows = list(result["attacks"].values())
    return [min(at, key=lambda row: row["accuracy"]) for at in zip(*rows, strict=True)] if rows else []


def _check(name: str, passed: bool, sentence: str) -> dict[str, Any]:
    return {"id": name, "passed": passed, "sentence": sentence}


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
