"""The job behind ``tlstudio robustness``: a finished run's model on attacked and on corrupted pictures of a split."""

import json
import os
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tlstudio.api.errors import DataError, UsageError
from tlstudio.api.events import Event, Progress
from tlstudio.control import Control
from tlstudio.data.loading import SampleLoader
from tlstudio.evaluation.intervals import wilson
from tlstudio.project import SPLITS, Project
from tlstudio.registry import Registry
from tlstudio.robustness import attacks, checking
from tlstudio.robustness.attacks import InPixels
from tlstudio.robustness.corruptions import CORRUPTIONS, SEVERITIES
from tlstudio.seeding import derive, generator
from tlstudio.training import devices, restore
from tlstudio.training.predict import unreadable
from tlstudio.training.reading import make_reading
from tlstudio.training.sides import take
from tlstudio.training.spec import RuntimePreferences

FILE = "robustness.json"
ATTACKS = ("fgsm", "pgd", "apgd", "apgd-dlr")
EPSILONS = (1.0, 2.0, 4.0, 8.0)  # of 255
_HUGE = 128.0  # of 255: nothing of a picture is safe
_DLR_CLASSES = 3  # at least
_BATCH = 25
Attack = Callable[[nn.Module, torch.Tensor, torch.Tensor, float, torch.Generator], torch.Tensor]
Rows = list[dict[str, float]]


def robustness_job(
    control: Control,
    project: str,
    run: int,
    split: str = "test",
    names: Sequence[str] = ATTACKS,
    epsilons: Sequence[float] = EPSILONS,
    steps: int = 20,
    samples: int = 100,
    corruptions: bool = True,
    surrogate: int = 0,
    seed: int = 0,
    l2: float = 0.5,
) -> Generator[Event, None, dict[str, Any]]:
    """Accuracy over ε (in 255ths, L∞), and over six corruptions at five severities; written to the run's folder.
    ``together`` in what is returned: pictures that stand every attack.

    ``samples``: so many of the split, drawn by ``seed``, 0: all. ``steps`` of PGD and APGD. ``surrogate``: another run
    on whose model attacks are made, too, to be tried on this one. ``l2``: how far PGD may move a picture in all, as the
    length of the change of its pixels in [0, 1]; 0: not measured. Raises ``UsageError`` where the task or the modality
    has no such attacks, ``DataError`` where there is nothing to attack.
    """
    _refuse(split, names, epsilons, l2)
    with Project.open(project) as opened:
        registry = Registry.discover()
        loaded = restore.load_model(opened, registry, run)
        subject = loaded.subject
        if subject.task.label != "class" or subject.modality.id != "image":
            raise UsageError(
                f"Attacks and corruptions are made for pictures with one class each; run {run} has learnt "
                f"{subject.task.title.lower()} of {subject.modality.noun[1]}."
            )
        manifest = opened.manifest(loaded.spec.dataset, loaded.spec.revision)
        part = manifest.splits[split]
        order = sorted(range(len(part.paths)), key=lambda p: derive(seed, "robustness", part.hashes[p]))
        part = take(part, sorted(order[:samples] if samples else order))
        device, _ = devices.find(RuntimePreferences().device)
        network = _in_pixels(loaded, device)
        other = _in_pixels(restore.load_model(opened, registry, surrogate), device) if surrogate else None
        folder = opened.run(run).dir
        batches: list[tuple[torch.Tensor, torch.Tensor]] = []
        targets = subject.targets_of(part)
        loader = SampleLoader(part.paths, make_reading(subject, None, manifest.root), batch_size=_BATCH)
        for batch in loader.epoch(0):
            yield from unreadable(batch, part.paths)
            if batch.positions:
                pixels = batch.inputs.to(device).float() / 255
                batches.append((pixels, targets[torch.tensor(batch.positions)].to(device)))
    if not batches:
        raise DataError(f"There is no picture in the {split} split that could be attacked.")
    classes, left_out = len(subject.info.class_names), []
    if classes < _DLR_CLASSES and "apgd-dlr" in names:
        names = [name for name in names if name != "apgd-dlr"]
        left_out = ["APGD-DLR compares the first class with the third, and was left out: there are only two."]
    bench = _Bench(network, batches, seed, control, len(names) * len(epsilons) + 30 * corruptions + 4)
    found = yield from bench.measure(names, [eps / 255 for eps in epsilons], steps, corruptions, other, l2)
    result = {
        "schema_version": 1,
        "run": run,
        "split": split,
        "n": bench.count,
        "of": len(order),
        "seed": seed,
        "steps": steps,
        "surrogate": surrogate,
        **found,
    }
    result["checks"] = checking.checks(result, classes)
    result["sentences"] = [*checking.sentences(result), *left_out]
    _write(folder / FILE, result)
    return result


class _Bench:
    def __init__(
        self,
        network: InPixels,
        batches: list[tuple[torch.Tensor, torch.Tensor]],
        seed: int,
        control: Control,
        parts: int,
    ) -> None:
        self._network, self._batches, self._seed, self._control = network, batches, seed, control
        self.count = sum(len(targets) for _, targets in batches)
        self._done, self._total = 0, parts * len(batches)

    def measure(
        self,
        names: Sequence[str],
        epsilons: Sequence[float],
        steps: int,
        corruptions: bool,
        other: nn.Module | None,
        l2: float,
    ) -> Generator[Event, None, dict[str, Any]]:
        clean = yield from self._standing("Pictures as they are", lambda n, x, y, e, g: x, 0.0, None)
        found: dict[str, Any] = {"clean": self._row(clean), "attacks": {}, "corruptions": {}}
        together = [clean] * len(epsilons)
        for name in names:
            attack, rows, standing = _attack(name, steps), [], clean
            for place, eps in enumerate(epsilons):  # what fell within a smaller ball falls within a larger one
                title = f"{name.upper()}, ε = {255 * eps:g}/255"
                standing = yield from self._standing(title, attack, eps, standing)
                rows.append({"eps": 255 * eps, **self._row(standing)})
                together[place] = [a & b for a, b in zip(together[place], standing, strict=True)]
            found["attacks"][name] = rows
            if name == "pgd":
                huge = yield from self._standing("PGD without bounds", attack, _HUGE / 255, standing)
                found["huge"] = {"eps": _HUGE, **self._row(huge)}
                if l2:
                    standing = yield from self._standing("PGD, L2", _attack("pgd-l2", steps), l2, clean)
                    found["l2"] = {"eps": l2, **self._row(standing)}
        if len(names) > 1:
            found["together"] = [
                {"eps": 255 * eps, **self._row(standing)} for eps, standing in zip(epsilons, together, strict=True)
            ]
        middle = sorted(epsilons)[len(epsilons) // 2] if epsilons else 0.0
        if names:
            standing = yield from self._standing("Noise", lambda n, x, y, e, g: attacks.noise(x, e, g), middle, clean)
            found["noise"] = {"eps": 255 * middle, **self._row(standing)}
        if names and other is not None:
            attack = _attack("pgd", steps, on=other)
            standing = yield from self._standing("PGD on another model", attack, middle, clean)
            found["transfer"] = {"eps": 255 * middle, **self._row(standing)}
        for name in CORRUPTIONS if corruptions else ():
            rows = []
            for severity in SEVERITIES:
                title = f"{name.capitalize()}, severity {severity}"
                standing = yield from self._standing(title, _corruption(name, severity), 0.0, None)
                rows.append({"severity": severity, **self._row(standing)})
            found["corruptions"][name] = rows
        if found["corruptions"]:
            values = [row["accuracy"] for rows in found["corruptions"].values() for row in rows]
            found["mean_corruption_accuracy"] = sum(values) / len(values)
        return found

    def _standing(
        self, title: str, attack: Attack, eps: float, standing: list[torch.Tensor] | None
    ) -> Generator[Event, None, list[torch.Tensor]]:
        """Which pictures are still recognised: of those that ``standing`` says, or of all."""
        kept: list[torch.Tensor] = []
        for number, (pixels, targets) in enumerate(self._batches):
            self._control.raise_if_leaving()
            alive = torch.ones_like(targets, dtype=torch.bool) if standing is None else standing[number].clone()
            if alive.any():
                random = generator(self._seed, title, number)
                x, y = pixels[alive], targets[alive]
                with torch.no_grad():
                    answer = self._network(attack(self._network, x, y, eps, random)).argmax(1)
                alive[alive.clone()] = answer == y
            kept.append(alive)
            self._done += 1
            yield Progress(done=min(self._done, self._total), total=self._total, unit="batches", text=title)
        return kept

    def _row(self, standing: list[torch.Tensor]) -> dict[str, float]:
        hits = sum(int(one.sum()) for one in standing)
        low, high = wilson(hits, self.count)
        return {"accuracy": hits / self.count, "accuracy_low": low, "accuracy_high": high}


def _corruption(name: str, severity: int) -> Attack:
    def run(network: nn.Module, x: torch.Tensor, y: torch.Tensor, eps: float, random: torch.Generator) -> torch.Tensor:
        return CORRUPTIONS[name](x, severity, random)

    return run


def _attack(name: str, steps: int, on: nn.Module | None = None) -> Attack:
    def run(network: nn.Module, x: torch.Tensor, y: torch.Tensor, eps: float, random: torch.Generator) -> torch.Tensor:
        network = on or network
        if name == "fgsm":
            return attacks.fgsm(network, x, y, eps)
        if name in ("pgd", "pgd-l2"):
            norm: attacks.Norm = "linf" if name == "pgd" else "l2"
            return attacks.pgd(network, x, y, eps, steps=steps, norm=norm, generator=random, fool=True)
        loss = attacks.dlr if name == "apgd-dlr" else attacks.cross_entropy
        return attacks.apgd(network, x, y, eps, steps=steps, generator=random, loss=loss, fool=True)

    return run


def _in_pixels(loaded: restore.LoadedModel, device: torch.device) -> InPixels:
    preprocessing = loaded.subject.preprocessing
    network = InPixels(loaded.model, preprocessing.mean, preprocessing.std).to(device).eval()
    network.requires_grad_(False)
    return network


def _refuse(split: str, names: Sequence[str], epsilons: Sequence[float], l2: float) -> None:
    if split not in SPLITS:
        raise UsageError(f"There is no split '{split}'. There are: {', '.join(SPLITS)}.")
    if unknown := [name for name in names if name not in ATTACKS]:
        raise UsageError(f"There is no attack '{unknown[0]}'. There are: {', '.join(ATTACKS)}.")
    if not 0 <= l2 < float("inf"):
        raise UsageError("How far a picture may be moved in L2 is a number from 0 on; 0 leaves it out.")
    if list(epsilons) != sorted(set(epsilons)) or any(not 0 < eps <= 255 for eps in epsilons):
        raise UsageError("The values of ε are given in 255ths, from small to large, each above 0 and at most 255.")


def _write(path: Path, result: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(result, indent=1), encoding="utf-8")
    os.replace(temporary, path)
