"""The clean process: reads an exported file as ``tlstudio predict`` does, and writes down what it says of samples.

``python -m tlstudio.export.verify FOLDER`` takes ``FOLDER/request.json`` (factory and path of the file, places of
samples) and ``FOLDER/inputs.npy`` (what they become); leaves ``answer.npz`` with the answers ``from_files`` and
``from_inputs``, and ``answer.json``. Progress goes to standard output, a number a line.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tlstudio.api.descriptors import Descriptor
from tlstudio.api.errors import StudioError
from tlstudio.api.exporter import Predictor
from tlstudio.prediction.inputs import answers_to

BATCH, LARGE_BATCH = 16, 4  # large: pictures whose pixels have a class each, and films


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
    paths = [Path(path) for path in request["samples"]]
    inputs = np.load(folder / "inputs.npy", mmap_mode="r")
    batch = LARGE_BATCH if predictor.card.task == "segmentation" or inputs.ndim == 5 else BATCH
    from_files, from_inputs = [], []
    # One alone, then many at once: no size of batch may be built into the file.
    for start, end in [(0, 1), *((start, start + batch) for start in range(1, len(paths), batch))]:
        some = slice(start, end)
        from_files.append(np.asarray(predictor.logits(paths[some]), np.float32))
        from_inputs.append(answers_to(predictor, np.ascontiguousarray(inputs[some])))
        sys.stdout.write(f"{start + len(paths[some])}\n")
        sys.stdout.flush()
    np.savez(folder / "answer.npz", from_files=np.concatenate(from_files), from_inputs=np.concatenate(from_inputs))
    return {"card": predictor.card.to_json()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
