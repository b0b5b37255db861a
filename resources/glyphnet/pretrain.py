"""Pretrains glyphnet on printed characters and writes its weights and the files that describe them.

The fonts are not in the tree. `--packages` prints the line that installs those of packages.txt on Debian; other
folders of fonts do as well. The same fonts, seed, steps and threads give the same weights.

    python resources/glyphnet/pretrain.py --minutes 30 --out resources/glyphnet/glyphnet.safetensors
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from multiprocessing import Queue, parent_process
from pathlib import Path
from queue import Full

import numpy as np
import torch
from augment import augment, proxy
from card import write_description
from evaluate import features, few_label_accuracies, format_table, pretrained, table
from glyphnet import FEATURE_DIM, INPUT_SIZE, GlyphNet, glyphnet
from render import CLASSES, DIGITS, LATIN, Bank, Face, group, hold_out, install_line, packages, render, script_like
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.multiprocessing import get_context

BATCH = 256
PEAK_RATE = 3e-3
WEIGHT_DECAY = 0.05
SMOOTHING = 0.1
AVERAGE = 0.998  # of the exponential moving average of the weights
CHECKS = 20  # times in a run that the held-out task is scored
SIDES = ((0.5, 28), (0.8, 34), (1.0, INPUT_SIZE))  # until which part of the run, the side of the pictures
LATER_COST = 1.35  # an average step against one of the first, for --minutes
PROXY_PER_CLASS = 120
TASK_SEED = 1000


class Head(nn.Module):
    """Thrown away after pretraining, so that the features stay less specialised than the classes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.project = nn.Sequential(
            nn.Linear(FEATURE_DIM, 256, bias=False), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x)


def sampling_weights(bank: Bank) -> np.ndarray:
    """Probability of each drawing: digits 35 %, Latin 45 %, others 20 %; designs by the root of their size."""
    kind = np.digitize(bank.label, [len(DIGITS), len(DIGITS) + len(LATIN)])
    names = {name: i for i, name in enumerate(sorted({group(face) for face in bank.faces}))}
    design = np.array([names[group(face)] for face in bank.faces])
    size = np.bincount(design)[design]
    per_face = np.array([4.0 if script_like(face) else 1.0 for face in bank.faces]) / np.sqrt(size)
    weight = per_face[bank.face] * np.array([not face.held_out for face in bank.faces])[bank.face]
    for part, share in enumerate((0.35, 0.45, 0.2)):
        chosen = kind == part
        per_class = np.bincount(bank.label[chosen], weight[chosen], len(CLASSES))
        weight[chosen] /= np.maximum(per_class[bank.label[chosen]], 1e-9)
        weight[chosen] *= share / max(weight[chosen].sum(), 1e-9)
    return weight / weight.sum()


def proxy_task(bank: Bank, seed: int) -> tuple[Tensor, np.ndarray]:
    """Digits of held-out script-like designs as coarse distorted pictures: [n, 1, 40, 40] and classes [n]."""
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    fits = np.array([face.held_out and script_like(face) for face in bank.faces], bool)[bank.face]
    rows = [np.flatnonzero(fits & (bank.label == digit)) for digit in range(10)]
    if min(map(len, rows)) == 0:
        raise ValueError(f"too few designs drawn like handwriting to hold some out; on Debian: {install_line()}")
    rows = np.concatenate([rng.choice(r, PROXY_PER_CLASS) for r in rows])
    ink, distance = torch.from_numpy(bank.ink[rows]), torch.from_numpy(bank.distance[rows])
    return proxy(ink, distance, generator, INPUT_SIZE), bank.label[rows]


def proxy_score(model: nn.Module, x: Tensor, y: np.ndarray) -> float:
    return float(np.mean(few_label_accuracies(features(model, x), y, seeds=range(100, 110))))


def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)


def produce(tensors: list[Tensor], weights: np.ndarray, seed: int, queue: Queue) -> None:
    """Runs in a process of its own: augmented batches (x [BATCH, 1, 40, 40], y [BATCH]) without end, in order."""
    torch.set_num_threads(1)
    ink, distance, labels = tensors
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    cumulative = np.cumsum(weights)
    while True:
        rows = torch.from_numpy(np.searchsorted(cumulative, rng.random(BATCH) * cumulative[-1]))
        batch = (augment(ink[rows], distance[rows], generator, INPUT_SIZE), labels[rows])
        waiting = True
        while waiting:
            try:
                queue.put(batch, timeout=5)
                waiting = False
            except Full:
                if not (parent := parent_process()) or not parent.is_alive():
                    return


def save_weights(model: nn.Module, path: Path) -> None:
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
    path.chmod(0o644)


def train(bank: Bank, seed: int, minutes: float, steps: int | None, out: Path) -> tuple[GlyphNet, dict]:
    """The averaged network at the step with the best held-out score, and the record of the run."""
    torch.manual_seed(seed)
    model, head = glyphnet().to(memory_format=torch.channels_last), Head(len(CLASSES))
    average = copy.deepcopy(model)
    decayed = [p for m in (model, head) for p in m.parameters() if p.ndim > 1]
    others = [p for m in (model, head) for p in m.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}], PEAK_RATE
    )
    task = proxy_task(bank, TASK_SEED)
    context = get_context("spawn")
    queue = context.Queue(maxsize=8)
    tensors = [torch.from_numpy(array).share_memory_() for array in (bank.ink, bank.distance, bank.label)]
    arguments = (tensors, sampling_weights(bank), seed, queue)
    producer = context.Process(target=produce, args=arguments, daemon=True)
    producer.start()
    best, best_state, history = -1.0, copy.deepcopy(average.state_dict()), []
    queue.get()
    begun, total, step, running = time.monotonic(), steps or 10**9, 0, 0.0
    while step < total:
        x, y = queue.get()
        side = next(side for end, side in SIDES if step < end * total or end == 1.0)
        if side != INPUT_SIZE:
            x = nn.functional.interpolate(x, (side, side), mode="bilinear", align_corners=False)
        with torch.autocast("cpu", torch.bfloat16):
            logits = head(model(x.contiguous(memory_format=torch.channels_last)))
        loss = nn.functional.cross_entropy(logits.float(), y, label_smoothing=SMOOTHING)
        progress = min(1.0, step / total)
        rate = PEAK_RATE * min(1.0, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * progress))
        for parameters in optimiser.param_groups:
            parameters["lr"] = rate
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*model.parameters(), *head.parameters()], 5.0)
        optimiser.step()
        step += 1
        update_average(average, model, min(AVERAGE, 1 - 1 / (1 + step / 10)))
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if steps is None and step == 60:
            total = max(100, round(minutes * 60 * 60 / (time.monotonic() - begun) / LATER_COST))
            print(f"{total} steps in about {minutes:g} minutes", flush=True)
        if step % max(1, total // CHECKS) == 0 or step == total:
            score = proxy_score(average, *task)
            history.append([step, round(running, 4), round(score, 4)])
            print(
                f"step {step} loss {running:.3f} held-out {100 * score:.2f} % "
                f"{(time.monotonic() - begun) / 60:.1f} min",
                flush=True,
            )
            if score > best:
                best, best_state = score, copy.deepcopy(average.state_dict())
                save_weights(average, out.with_suffix(".partial.safetensors"))
    producer.terminate()
    producer.join()
    average.load_state_dict(best_state)
    chosen = max(history, key=lambda row: row[2])[0] if history else step
    record = {"steps": total, "chosen_step": chosen, "held_out_score": round(best, 4), "history": history}
    record["minutes"] = round((time.monotonic() - begun) / 60, 1)
    return average.to(memory_format=torch.contiguous_format), record


def load_bank(folders: list[Path], cache: Path | None) -> Bank:
    """Draws the bank, or reads it from the cache file that an earlier run wrote."""
    if cache is not None and cache.exists():
        with np.load(cache, allow_pickle=False) as stored:
            faces = [Face(*row[:3]) for row in stored["faces"].tolist()]
            bank = Bank(stored["ink"], stored["distance"], stored["label"], stored["face"], faces)
    else:
        bank = render(folders)
        if cache is not None:
            rows = np.array([(face.path, face.family, face.style) for face in bank.faces])
            np.savez(cache, ink=bank.ink, distance=bank.distance, label=bank.label, face=bank.face, faces=rows)
    packages(bank.faces)
    hold_out(bank.faces)
    return bank


def held_out_table(model: nn.Module, bank: Bank) -> dict[str, list[float]]:
    """The evaluation's draws on the held-out task: its pictures' pixels, and the features of two networks."""
    x, y = proxy_task(bank, TASK_SEED)
    torch.manual_seed(0)
    return {
        "pixels (20 × 20)": few_label_accuracies(nn.functional.avg_pool2d(x, 2).flatten(1).numpy(), y),
        "glyphnet, random weights": few_label_accuracies(features(glyphnet(), x), y),
        "glyphnet, pretrained": few_label_accuracies(features(model, x), y),
    }


def describe(weights: Path, bank: Bank, record: dict) -> None:
    """Measures the weights, prints the tables and writes the .json and the model card."""
    model = pretrained(weights)
    rows, held_out = table(model), held_out_table(model, bank)
    print(format_table(rows), format_table(held_out), sep="\n\n")
    write_description(weights, bank, record | {"held_out": held_out}, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, nargs="+", default=[Path("/usr/share/fonts")], metavar="DIR")
    parser.add_argument("--minutes", type=float, default=30, help="training time, after the bank is drawn")
    parser.add_argument("--steps", type=int, help="instead of --minutes: exactly so many steps, to repeat a run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of the network; the distortions have one of their own")
    parser.add_argument("--bank", type=Path, help="an .npz file in which to keep the drawn characters between runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("glyphnet.safetensors"))
    parser.add_argument("--describe", action="store_true", help="no training: measure and describe --out again")
    parser.add_argument("--note", help="a sentence for the model card on how this run came about")
    parser.add_argument("--packages", action="store_true", help="print the line that installs the fonts, and stop")
    arguments = parser.parse_args()
    if arguments.packages:
        print(install_line())
        return
    torch.set_num_threads(arguments.threads)
    bank = load_bank(arguments.fonts, arguments.bank)
    print(f"{len(bank.label)} drawings of {len(CLASSES)} classes from {len(bank.faces)} faces", flush=True)
    if arguments.describe:
        description = json.loads(arguments.out.with_suffix(".json").read_text(encoding="utf-8"))
        record = description["training"]
    else:
        model, record = train(bank, arguments.seed, arguments.minutes, arguments.steps, arguments.out)
        save_weights(model, arguments.out)
        arguments.out.with_suffix(".partial.safetensors").unlink(missing_ok=True)
        record |= {"seed": arguments.seed, "batch": BATCH}
    describe(arguments.out, bank, record | ({"note": arguments.note} if arguments.note else {}))


if __name__ == "__main__":
    main()
