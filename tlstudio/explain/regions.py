"""The job ``regions``: where a model looked that decides by a region, drawn over samples, with what led it there."""

import io
import json
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tlstudio import places
from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Progress
from tlstudio.api.modality import Modality
from tlstudio.api.regions import Canvas
from tlstudio.control import Control
from tlstudio.data import decoding
from tlstudio.evaluation import load_predictions
from tlstudio.explain.regions_drawing import CONTOUR, drawn, stretched
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training import restore
from tlstudio.training.subject import Subject

FOLDER = "regions"  # in a run's folder, for those of its own samples
_TOP = 10  # gated channels that are told
_FINE = 64  # rows and columns of the region that is heard


def regions_job(
    control: Control,
    project: str,
    run: int,
    files: Sequence[str] = (),
    out: str = "",
    sound: str = "",
    split: str = "",
    items: Sequence[int] = (),
    most: int = 12,
) -> Generator[Event, None, dict[str, Any]]:
    """Of ``files``: draws the region of the first into ``out``, a picture file, and writes what is heard in it into
    ``sound``, a WAV file. Of a ``split``: those of ``items``, or of ``most`` telling ones (where the answer is another
    than that of the target network, where it is wrong, then others), into the run's folder.

    Returns ``regions``, one entry for each: ``file`` or ``item``, ``out``, ``sound``, ``answer``, ``led_by`` (what the
    target network says), ``flip``, ``share`` of the view that is at least half of the maximum, ``gates``. Raises
    ``UsageError`` for a run whose model has no regions.
    """
    with Project.open(project) as opened:
        registry = Registry.discover()
        loaded = restore.load_model(opened, registry, run)
        if not hasattr(loaded.model, "regions"):
            raise UsageError(
                f"Run {run} was made by '{loaded.spec.method}', which decides by the whole sample. Choose a run of "
                "'cam-transfer'."
            )
        folder = opened.run_dir(run)
        if split:
            manifest = opened.manifest(loaded.spec.dataset, loaded.spec.revision)
            if split not in manifest.splits or not manifest.splits[split].paths:
                raise UsageError(f"The run's data set has no split '{split}' with samples in it.")
            part = manifest.splits[split]
            known = dict(zip(part.item_ids, part.paths, strict=True))
            wanted = [item for item in items if item in known] or _telling(folder, split, known, most)
    drawing = _Drawing(loaded.model, loaded.subject)
    entries: list[dict[str, Any]] = []
    if not split:
        if not files:
            raise UsageError("Name a sample whose region is to be drawn.")
        entries.append({"file": files[0], **drawing.write(files[0], Path(out), Path(sound) if sound else None)})
        return {"run": run, "regions": entries}
    target = folder / FOLDER
    target.mkdir(exist_ok=True)
    for number, item in enumerate(wanted):
        control.raise_if_leaving()
        heard = target / f"{item}.wav" if drawing.heard else None
        try:
            entries.append({"item": item, **drawing.write(known[item], target / f"{item}.png", heard)})
        except DataError as error:
            entries.append({"item": item, "error": str(error)})
        yield Progress(done=number + 1, total=len(wanted), unit="regions", text="Drawing regions")
    _write(target / f"{split}.json", json.dumps({"schema_version": 1, "regions": entries}, indent=1).encode())
    return {"run": run, "split": split, "regions": entries}


class _Drawing:
    def __init__(self, model: Any, subject: Subject) -> None:
        self._model, self._subject = model, subject
        self._modality: Modality = subject.make_modality()
        device = torch.device("cpu")
        self._normalize = subject.make_samples().normalizer(device, torch.contiguous_format)
        self.heard = hasattr(self._modality, "heard")

    def write(self, place: str, out: Path, sound: Path | None) -> dict[str, Any]:
        subject, modality = self._subject, self._modality
        if sound is not None and not self.heard:
            raise UsageError(f"The region of {subject.modality.noun[1]} cannot be heard; leave out the sound.")
        content = places.read_bytes(place)
        inputs = modality.inputs([content], subject.preprocessing, subject.parameters)
        with torch.inference_mode():
            found = self._model.regions(self._normalize(torch.from_numpy(np.array(inputs))))
        heat = found["map"][0].double().numpy()
        canvas = self._canvas(content, inputs[0])
        _save(drawn(canvas, heat), out)
        top = float(heat.max())
        inside = heat >= CONTOUR * top
        entry: dict[str, Any] = {"out": str(out), "sound": "", "share": round(float(inside.mean()), 4)}
        if sound is not None:
            fine = stretched(heat / top if top > 0 else np.ones_like(heat), _FINE, _FINE) >= CONTOUR
            wav = modality.heard(content, fine.astype(np.float64), subject.preprocessing, subject.parameters)  # type: ignore[attr-defined]  # HeardModality
            _write(sound, wav)
            entry["sound"] = str(sound)
        if "of_labels" in found:
            entry["labels"] = self._labels(found, canvas, out)
        return entry | self._said(found)

    def _labels(self, found: dict[str, torch.Tensor], canvas: Canvas, out: Path) -> list[dict[str, Any]]:
        """Where a sample may have several labels: of each that it was given, its own region beside ``out``, which has
        that of the surest.
        """
        outputs, entries = found["outputs"][0], []
        surest = int(outputs.argmax())
        for k, name in enumerate(self._subject.info.class_names):
            if k != surest and outputs[k] <= 0:
                continue
            heat = found["of_labels"][0, k].double().numpy()
            place = out if k == surest else out.with_name(f"{out.stem}-{k + 1}{out.suffix}")
            if k != surest:
                _save(drawn(canvas, heat), place)
            share = round(float((heat >= CONTOUR * heat.max()).mean()), 4)
            entries.append({"label": name, "out": str(place), "share": share})
        return entries

    def _said(self, found: dict[str, torch.Tensor]) -> dict[str, Any]:
        task, names = self._subject.make_task(), self._subject.info.class_names
        outputs, p, gates = (found[name][0].float() for name in ("outputs", "p", "gates"))
        order = p.argsort(descending=True, stable=True)[:3].tolist()
        top = gates.topk(min(_TOP, len(gates)))
        several = self._subject.task.id == "multilabel"
        flip = bool(((outputs > 0) != (p >= 0.5)).any()) if several else int(outputs.argmax()) != int(p.argmax())
        return {
            "answer": task.decode(outputs.numpy(), 3),
            "led_by": [{"class": names[k], "probability": round(float(p[k]), 4)} for k in order],
            "flip": flip,
            "gates": [[int(c), round(float(a), 4)] for a, c in zip(top.values, top.indices, strict=True)],
        }

    def _canvas(self, content: bytes, network: np.ndarray) -> Canvas:
        """The modality's own; of a picture itself, with the square that the network sees; otherwise what it sees."""
        subject, p = self._subject, self._subject.preprocessing
        if hasattr(self._modality, "canvas"):
            made: Canvas = self._modality.canvas(content, p, subject.parameters)
            return made
        if subject.modality.id == "image":
            picture = decoding.rgb_of(content)
            height, width = picture.shape[:2]
            side = p.crop / p.resize * min(height, width)
            return Canvas(picture=picture, view=((width - side) / 2, (height - side) / 2, side, side))
        frame = network[len(network) // 2] if network.ndim == 4 else network
        picture = np.ascontiguousarray(frame.transpose(1, 2, 0))
        return Canvas(picture=picture, view=(0.0, 0.0, float(picture.shape[1]), float(picture.shape[0])))


def _telling(folder: Path, split: str, known: dict[int, str], most: int) -> list[int]:
    """Wrong answers first, the surest of them at the top; then right ones, the least sure at the top; in turns."""
    try:
        stored = load_predictions(folder, split)
        ids, right, sure = stored["item_ids"], stored["right"], stored["confidence"]
    except (DataError, KeyError):
        return list(known)[:most]
    wrong = [int(i) for i in ids[np.lexsort((-sure, right >= 1))] if int(i) in known][: int((right < 1).sum())]
    good = [int(i) for i in ids[np.lexsort((sure, right < 1))] if int(i) in known][: int((right >= 1).sum())]
    half = max(most // 2, most - len(good))
    return [*wrong[:half], *good[: most - len(wrong[:half])]]


def _save(image: Any, out: Path) -> None:
    if out.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp", ".bmp"):
        raise UsageError(f"{out.name} is no picture file. Let its name end in .png, .jpg or .webp.")
    buffer = io.BytesIO()
    kind = {".jpg": "JPEG", ".jpeg": "JPEG"}.get(out.suffix.lower(), out.suffix[1:].upper())
    image.save(buffer, kind)
    _write(out, buffer.getvalue())


def _write(path: Path, content: bytes) -> None:
    """Complete or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
