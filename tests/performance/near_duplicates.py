"""Recall and precision of the search for near duplicates on planted ones (planting.py).

    python tests/performance/near_duplicates.py [--seeds 0 1 2] [--sets trashnet sign_digits]

Candidates come from fingerprints alone, then from fingerprints and pixels; both are verified by their pixels.
``bonds`` is what a split holds together by fingerprints alone. What is found without having been planted is listed:
near duplicates that the data set had before are among it.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from planting import plant

from tlstudio.data import checking, fingerprints
from tlstudio.data.alignment import SAME, same_picture, thumbnail
from tlstudio.data.candidates import candidates_from_pixels

DATA = Path(__file__).parents[3] / "shared" / "data"


def measure(source: Path, seed: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        truth = plant(source, Path(folder), seed)
        data = Path(folder) / "data"
        files = sorted(path for path in data.rglob("*.*") if path.is_file())
        places, names = [str(path) for path in files], [path.relative_to(data).as_posix() for path in files]
        number = {name: position for position, name in enumerate(names)}
        kinds = {
            tuple(sorted((number[entry["original"]], number[entry["copy"]]))): entry["kind"]
            for entry in truth["duplicates"] + truth["leaks"]
        }
        leaks = {tuple(sorted((number[e["original"]], number[e["copy"]]))) for e in truth["leaks"]}
        phashes = [checking.facts(path.read_bytes(), path.name).phash for path in files]
        answers = {"bonds": _pairs(fingerprints.bonds(phashes))}
        began = time.process_time()
        shown = [thumbnail(place) for place in places]
        hashed = _pairs(fingerprints.nearest(phashes, 3, 20))
        answers["fingerprints"] = {pair for pair in hashed if same_picture(*(shown[p] for p in pair)) >= SAME}
        seen = _pairs(candidates_from_pixels(shown)) - hashed
        alike = {pair for pair in seen if same_picture(*(shown[p] for p in pair)) >= SAME}
        answers["fingerprints and pixels"] = answers["fingerprints"] | alike
        seconds = time.process_time() - began
        told = {}
        for name, answer in answers.items():
            right = answer & kinds.keys()
            told[name] = {
                "recall": round(len(right) / len(kinds), 3),
                "recall of leaks": round(len(right & leaks) / len(leaks), 3),
                "precision": round(len(right) / max(1, len(answer)), 3),
                "missed": sorted(kinds[pair] for pair in kinds.keys() - answer),
                "not planted": sorted(f"{names[a]} = {names[b]}" for a, b in answer - kinds.keys()),
            }
        return {"set": source.name, "seed": seed, "pictures": len(files), "planted": len(kinds), **told,
                "seconds of one core": round(seconds, 1)}  # fmt: skip


def _pairs(found: npt.NDArray[np.int64]) -> set[tuple[int, int]]:
    return {(a, b) for a, b in found.tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Recall and precision of the search for near duplicates.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--sets", nargs="+", default=["trashnet", "sign_digits"])
    given = parser.parse_args()
    for name in given.sets:
        for seed in given.seeds:
            sys.stdout.write(json.dumps(measure(DATA / name, seed)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
