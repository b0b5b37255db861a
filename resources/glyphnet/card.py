"""Writes what describes a set of weights: glyphnet.json for programs and MODEL_CARD.md for people."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from evaluate import format_table
from glyphnet import FEATURE_DIM, INPUT_SIZE, LEVELS, glyphnet
from render import CLASSES, LATIN, Bank, Face, install_line, script_like

DOCUMENTS = Path("/usr/share/doc")
KNOWN = {  # read from copyright files that are not in the machine-readable format
    r"Open Font License|\bOFL\b": "OFL-1.1",
    r"General\s+Public\s+License|\bGPL\b": "GPL",
    r"public domain": "public-domain",
    r"CC0": "CC0-1.0",
    r"Apache": "Apache-2.0",
    r"\bMIT\b": "MIT",
}


def licence(package: str) -> str:
    """The licences of a Debian package's own files, as its copyright file names them; "" where none is known."""
    path = DOCUMENTS / package / "copyright"
    if not package or not path.exists():
        return ""
    text = path.read_text(encoding="utf-8", errors="replace")
    found = set()
    for paragraph in re.split(r"\n\s*\n", text):
        files = re.search(r"^Files:\s*(\S+)", paragraph, re.M)
        name = re.search(r"^Licen[cs]e:[ \t]*(\S.*)", paragraph, re.M)
        if files and name and not files[1].startswith("debian"):
            found.add(name[1].strip())
    if not found:
        found = {name for pattern, name in KNOWN.items() if re.search(pattern, text)}
    return ", ".join(sorted(found))


def font_list(faces: list[Face]) -> str:
    """Packages by licence, each with its number of faces, in Markdown."""
    counts: dict[str, int] = defaultdict(int)
    for face in faces:
        counts[face.package or "(no package)"] += 1
    groups: dict[str, list[str]] = defaultdict(list)
    for package in sorted(counts):
        groups[licence(package) or "see the font"].append(f"{package} ({counts[package]})")
    rows = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return "\n".join(f"- **{name}**: {', '.join(members)}" for name, members in rows)


def summary(values: list[float]) -> dict:
    """Mean, standard deviation and the single draws, in per cent."""
    draws = [round(100 * value, 2) for value in values]
    return {"mean": round(float(np.mean(draws)), 2), "sd": round(float(np.std(draws)), 2), "draws": draws}


def write_description(weights: Path, bank: Bank, record: dict, rows: dict[str, list[float]]) -> None:
    """Writes the .json and the model card beside the weights."""
    description = {
        "name": "glyphnet",
        "licence": "Apache-2.0",
        "feature_dim": FEATURE_DIM,
        "parameters": sum(p.numel() for p in glyphnet().parameters()),
        "input_size": INPUT_SIZE,
        "preprocessing": {"resize": INPUT_SIZE, "crop": INPUT_SIZE, "mean": [0.5] * 3, "std": [0.5] * 3},
        "levels": [list(level) for level in LEVELS],
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "seed": record["seed"],
        "digits": {name: summary(values) for name, values in rows.items()},
        "held_out": {name: summary(values) for name, values in record["held_out"].items()},
        "training": {key: value for key, value in record.items() if key != "held_out"},
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)
    weights.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    template = Path(__file__).with_name("MODEL_CARD.template.md").read_text(encoding="utf-8")
    held = [face for face in bank.faces if face.held_out]
    values = {
        "feature_dim": FEATURE_DIM,
        "input_size": INPUT_SIZE,
        "levels": ", ".join(f"`{module}` {channels} × 1/{stride}" for _, module, channels, stride in LEVELS),
        "classes": len(CLASSES),
        "latin": len(LATIN),
        "checks": len(record["history"]),
        "parameters": f"{description['parameters']:,}",
        "megabytes": f"{weights.stat().st_size / 1e6:.1f}",
        "table": format_table(rows),
        "fonts": font_list(bank.faces),
        "install": install_line(),
        "faces": f"{len(bank.faces):,}",
        "packages": len({face.package for face in bank.faces if face.package}),
        "drawings": f"{len(bank.label):,}",
        "held_faces": len(held),
        "held_script": sum(script_like(face) for face in held),
        "history": "\n".join(f"| {a:,} | {b:.3f} | {100 * c:.1f} % |" for a, b, c in record["history"]),
        "note": "",
        **{key: value for key, value in record.items() if key not in ("history", "held_out")},
        "held_out": format_table(record["held_out"]),
    }
    for key, value in values.items():
        template = template.replace("{{" + key + "}}", str(value))
    weights.with_name("MODEL_CARD.md").write_text(template, encoding="utf-8")
