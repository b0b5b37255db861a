"""Writes ``constraints.txt``: the exact version of every package, for all supported Pythons and systems.

``python packaging/pins.py [--upgrade]``, with ``uv`` installed. What torch pins itself (the CUDA packages, triton) is
left to it. No package index is named, so the pins hold for whichever one a machine is set up for.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LEFT_TO_TORCH = ("nvidia-", "cuda-", "triton")


def main(arguments: list[str]) -> None:
    constraints = HERE / "constraints.txt"
    command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--quiet", *arguments]
    command += ["--extra", "gui", "--extra", "dev", "--output-file", str(constraints), "pyproject.toml"]
    subprocess.run(command, cwd=HERE.parent, check=True)
    lines = constraints.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(LEFT_TO_TORCH)]
    constraints.write_text("\n".join(kept) + "\n", encoding="utf-8")
    print(f"{len(kept)} pins in {constraints}")


if __name__ == "__main__":
    main(sys.argv[1:])
