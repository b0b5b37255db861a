"""The clean process: reads an exported file as ``tlstudio predict`` does, and writes down what it says of pictures.

``python -m tlstudio.export.verify FOLDER`` takes ``FOLDER/request.json`` (factory and path of the file, paths of the
pictures) and ``FOLDER/pixels.npy`` (uint8 ``[N, 3, crop, crop]``); leaves ``answer.npz`` with the logits ``from_files``
and ``from_pixels``, and ``answer.json``. Progress goes to standard output, a number a line.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tlstudio.api.descriptors import Descriptor
from tlstudio.api.errors import StudioError
from tlstudio.api.exporter import Predictor

BATCH = 16


def main(argv: list[str]) -> int:
    from tlstudio import installer

    installer.activate()
    folder = Path(argv[0])
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    answer: dict[str, Any]
    try:
        answer = _answer(request, folder)
    except StudioError as error:
        answer = {"error": str(error)}
    answer["torch_imported"] = "torch" in sys.modules
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    return 0


def _answer(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    import numpy as np

    factory = Descriptor(id=request["format"], title="", description="", factory=request["factory"]).load()
    predictor: Predictor = factory().load(Path(request["path"]))
    paths = [Path(path) for path in request["pictures"]]
    pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    from_files, from_pixels = [], []
    # One alone, then many at once: no size of batch may be built into the file.
    for start, end in [(0, 1), *((start, start + BATCH) for start in range(1, len(paths), BATCH))]:
        some = slice(start, end)
        from_files.append(np.asarray(predictor.logits(paths[some]), np.float32))
        from_pixels.append(np.asarray(predictor.logits_of_pixels(np.ascontiguousarray(pixels[some])), np.float32))
        sys.stdout.write(f"{start + len(paths[some])}\n")
        sys.stdout.flush()
    np.savez(folder / "answer.npz", from_files=np.concatenate(from_files), from_pixels=np.concatenate(from_pixels))
    return {"card": predictor.card.to_json()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
