"""Plants faults into a data set of class folders, and writes down which: the doctor's answers can then be counted.

    python tests/performance/planting.py SOURCE OUT [--seed 0]

``OUT/data`` gets folders train, val and test (70 / 15 / 15 % of every class), each with the class folders;
``OUT/truth.json`` says what was planted, all paths relative to ``OUT/data``:

- ``wrong_labels``: 2 % of the pictures, put into the folder of another class;
- ``duplicates``: 3 % of the pictures have a near duplicate in the same split and class: resized to 50 to 80 %,
  recompressed at quality 30 to 60, cropped (5 to 15 % of either side cut away) or flipped, in equal parts;
- ``leaks``: 10 near duplicates of the same four kinds that lie in another split than their original.

No picture has two faults. The same source and seed give the same files, byte for byte (with the same Pillow).
"""

import argparse
import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image

SHARES = (("val", 0.15), ("test", 0.15))
KINDS = ("resized", "recompressed", "cropped", "flipped")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
LEAKS = 10


def plant(
    source: Path, out: Path, seed: int = 0, wrong: float = 0.02, near: float = 0.03, leaks: int = LEAKS
) -> dict[str, Any]:
    """Writes ``out`` (which must not exist or be empty) and returns the truth as in ``truth.json``."""
    draw = random.Random(f"{seed}")
    data = out / "data"
    if data.exists():
        raise SystemExit(f"{data} exists already; name a new folder.")
    classes = sorted(folder.name for folder in source.iterdir() if folder.is_dir())
    split_of: dict[tuple[str, str], str] = {}
    for label in classes:
        files = sorted(p.name for p in (source / label).iterdir() if p.suffix.lower() in SUFFIXES)
        draw.shuffle(files)
        start = 0
        for name, share in SHARES:
            number = max(1, round(share * len(files)))
            split_of.update({(label, file): name for file in files[start : start + number]})
            start += number
        split_of.update({(label, file): "train" for file in files[start:]})
    chosen = sorted(split_of)
    draw.shuffle(chosen)
    number_wrong = max(1, round(wrong * len(chosen)))
    number_near = max(len(KINDS), -(-round(near * len(chosen)) // len(KINDS)) * len(KINDS))
    mislabelled = chosen[:number_wrong]
    doubled = chosen[number_wrong : number_wrong + number_near]
    leaking = chosen[number_wrong + number_near : number_wrong + number_near + leaks]

    given = {(label, file): label for label, file in split_of}
    for label, file in mislabelled:
        given[label, file] = draw.choice([other for other in classes if other != label])
    placed: dict[tuple[str, str], str] = {}
    for (label, file), split in sorted(split_of.items()):
        path = f"{split}/{given[label, file]}/{label}-{file}"  # a name of its own, whatever the folder
        placed[label, file] = path
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / label / file, data / path)

    def copies(originals: list[tuple[str, str]], elsewhere: bool, prefix: str) -> list[dict[str, str]]:
        told = []
        for number, (label, file) in enumerate(originals):
            kind = KINDS[number % len(KINDS)]
            split = split_of[label, file]
            if elsewhere:
                split = draw.choice([name for name in ("train", "val", "test") if name != split])
            path = f"{split}/{label}/{prefix}{number:03}.jpg"
            (data / path).parent.mkdir(parents=True, exist_ok=True)
            detail = _copy(source / label / file, data / path, kind, draw)
            told.append({"original": placed[label, file], "copy": path, "kind": kind, "detail": detail})
        return told

    truth = {
        "source": str(source),
        "seed": seed,
        "wrong_labels": [
            {"path": placed[key], "label": given[key], "true": key[0]} for key in sorted(mislabelled)
        ],
        "duplicates": copies(doubled, False, "again"),
        "leaks": copies(leaking, True, "more"),
    }  # fmt: skip
    truth["items"] = len(split_of) + number_near + len(leaking)
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return truth


def _copy(original: Path, target: Path, kind: str, draw: random.Random) -> str:
    with Image.open(original) as opened:
        image = opened.convert("RGB")
    width, height = image.size
    quality = 90
    detail = ""
    if kind == "resized":
        factor = draw.uniform(0.5, 0.8)
        image = image.resize((round(width * factor), round(height * factor)), Image.Resampling.BICUBIC)
        detail = f"to {100 * factor:.0f} %"
    elif kind == "recompressed":
        quality = draw.randint(30, 60)
        detail = f"quality {quality}"
    elif kind == "cropped":
        kept_width = round(width * (1 - draw.uniform(0.05, 0.15)))
        kept_height = round(height * (1 - draw.uniform(0.05, 0.15)))
        left, top = draw.randint(0, width - kept_width), draw.randint(0, height - kept_height)
        image = image.crop((left, top, left + kept_width, top + kept_height))
        cut = (1 - kept_width / width, 1 - kept_height / height)
        detail = f"{100 * cut[0]:.0f} % of the width, {100 * cut[1]:.0f} % of the height"
    else:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image.save(target, quality=quality)
    return detail


def main() -> None:
    parser = argparse.ArgumentParser(description="Plants faults into a data set of class folders.")
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    truth = plant(given.source, given.out, given.seed)
    counts = {kind: len(truth[kind]) for kind in ("wrong_labels", "duplicates", "leaks")}
    sys.stdout.write(json.dumps({"out": str(given.out), "items": truth["items"], **counts}) + "\n")


if __name__ == "__main__":
    main()
