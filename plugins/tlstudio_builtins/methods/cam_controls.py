"""What has to be seen beside the result of a CAM transfer, before anybody says that attention helps.

Baselines, that it must beat: (i) the target network alone, (ii) a linear probe on the source network's evenly pooled
maps, (vi) the mean of their probabilities. Ablations, that must be worse: (iii) p of another sample, (v) the same
region elsewhere; and for comparison (iv) p that says nothing. And how faithful the region is: deletion and insertion
against a region that is as large and lies elsewhere (Petsiuk et al. 2018, section 4.2).
"""

from collections.abc import Generator

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import MethodContext
from tlstudio.api.controls import ControlRow, Controls, Look
from tlstudio.api.events import Event
from tlstudio.seeding import derive, generator
from tlstudio_builtins.methods import cam_losses
from tlstudio_builtins.methods.cam_computing import Rows
from tlstudio_builtins.methods.cam_networks import CamPredictor

CLAIM = "attention helps"
SHARES = tuple(step / 8 for step in range(9))  # of the places that are taken away, or put back
_EXPLAINED = 96  # samples whose regions are tested for faithfulness
_TOP = 10  # gated channels that are listed


def controls(
    predictor: CamPredictor, probe: nn.Module, context: MethodContext, look: Look
) -> Generator[Event, None, Controls]:
    """All controls of one split, from one pass over it."""
    rows = Rows(predictor)
    found = yield from look(rows)
    outputs, task, names = context.objective.outputs, context.task, context.class_names
    logits = found.rows[:, -outputs:]
    maps = found.rows[:, :-outputs].reshape(-1, *rows.shape)
    p = cam_losses.probabilities(logits, float(predictor.scale.temperature), task)
    count = len(p)
    device = next(predictor.parameters()).device
    other = derangement(count, derive(context.seed, "controls", "shuffled"))
    level = 0.5 if task == "multilabel" else 1 / outputs
    answers: dict[str, list[torch.Tensor]] = {name: [] for name in ("model", "shuffled", "uniform", "moved", "probe")}
    gates = []
    random = generator(context.seed, "controls", "moved")
    with torch.no_grad():
        size = predictor.at_once(outputs)
        for start in range(0, count, size):
            part = slice(start, start + size)
            some = maps[part].to(device)
            here = predictor.look(some, p[part].to(device))
            wrong = predictor.look(some, p[other[part]].to(device))
            even = predictor.look(some, torch.full_like(p[part], level).to(device))
            elsewhere = moved(here.share, random)
            answers["model"].append(predictor.answer(some, here))
            answers["shuffled"].append(predictor.answer(some, wrong))
            answers["uniform"].append(predictor.answer(some, even))
            answers["moved"].append(predictor.answer(some, here._replace(share=elsewhere)))
            answers["probe"].append(probe(some.mean(dim=(2, 3))))
            gates.append(here.gates.cpu())
    said = {name: torch.cat(parts).float().cpu() for name, parts in answers.items()}
    fused = (p + cam_losses.probabilities(said["probe"], 1.0, task)) / 2
    values = {
        "flips": int(_answers(said["model"], task).ne(_answers(logits, task)).any(1).sum()),
        "gates": _gates(torch.cat(gates), said["model"], names, task),
        "temperature": float(predictor.scale.temperature),
        "places": list(maps.shape[2:]),
    }
    values["faithfulness"] = yield from _faithfulness(predictor, context, look)
    table = (
        ("target", "Target network alone", "baseline", logits),
        ("probe", "Source network, linear probe", "baseline", said["probe"]),
        ("fused", "Mean of these two", "baseline", cam_losses.log_of(fused, task)),
        ("shuffled", "Probabilities of another sample", "ablation", said["shuffled"]),
        ("moved", "The same region elsewhere", "ablation", said["moved"]),
        ("uniform", "Probabilities that say nothing", "comparison", said["uniform"]),
    )
    made = tuple(ControlRow(id=i, title=t, kind=k, outputs=o) for i, t, k, o in table)  # type: ignore[arg-type]
    return Controls(rows=made, indices=found.indices, claim=CLAIM, values=values)


def derangement(count: int, seed: int) -> torch.Tensor:
    """For each of ``count`` samples another one, every one once: int64 ``[count]``. A cycle through a random order."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    other = torch.empty_like(order)
    other[order] = order.roll(1)
    return other


def moved(share: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Each region ``[N, H, W]`` shifted round by a random way, never by none: as large, of the same form, elsewhere."""
    height, width = share.shape[1:]
    ways = height * width
    if ways < 2:
        return share
    way = torch.randint(1, ways, (len(share),), generator=random).to(share.device)
    down, right = way // width, way % width
    rows = (torch.arange(height, device=share.device)[None] - down[:, None]) % height
    columns = (torch.arange(width, device=share.device)[None] - right[:, None]) % width
    sample = torch.arange(len(share), device=share.device)[:, None, None]
    return share[sample, rows[:, :, None], columns[:, None]]


def _answers(outputs: torch.Tensor, task: str) -> torch.Tensor:
    return outputs > 0 if task == "multilabel" else outputs.argmax(1, keepdim=True)


def _gates(
    gates: torch.Tensor, outputs: torch.Tensor, names: tuple[str, ...], task: str
) -> dict[str, list[list[float]]]:
    """By predicted class the channels that are opened widest, each with its mean gate."""
    answers = _answers(outputs, task)
    table = {}
    for position, name in enumerate(names):
        mine = answers[:, position] if task == "multilabel" else answers[:, 0] == position
        if bool(mine.any()):
            mean = gates.reshape(len(outputs), -1, gates.shape[1])[mine, position if task == "multilabel" else 0].mean(
                0
            )
            top = mean.topk(min(_TOP, len(mean)))
            table[name] = [[int(c), round(float(a), 4)] for a, c in zip(top.values, top.indices, strict=True)]
    return table


class Erased(nn.Module):
    """What becomes of the predicted class's probability as places are taken away, or put back, in the order of the
    map and in that of the moved map: ``[N, 4 S]``. What is taken away becomes the sample's mean.
    """

    def __init__(self, predictor: CamPredictor, seed: int) -> None:
        super().__init__()
        self.predictor, self._seed = predictor, seed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.predictor.regions(x)
        p = cam_losses.probabilities(found["outputs"], 1.0, self.predictor.task)
        wanted = p.argmax(1, keepdim=True)
        size = x.shape[-2:]
        random = torch.Generator().manual_seed(self._seed)
        maps = (found["map"], moved(found["map"], random))
        blank = x.mean(dim=(-2, -1), keepdim=True).expand_as(x)
        curves = []
        for heat in maps:
            order = F.interpolate(heat[:, None], size=size, mode="bilinear", align_corners=False).flatten(1)
            rank = order.argsort(dim=1, descending=True, stable=True).argsort(dim=1).reshape(-1, *size)
            first = rank if x.ndim == 4 else rank[:, None]
            for deleting in (True, False):
                for share in SHARES:
                    taken = (first < share * rank[0].numel()).unsqueeze(-3)
                    shown = torch.where(taken, blank, x) if deleting else torch.where(taken, x, blank)
                    said = cam_losses.probabilities(self.predictor(shown), 1.0, self.predictor.task)
                    curves.append(said.gather(1, wanted))
        return torch.cat(curves, 1)


def _faithfulness(
    predictor: CamPredictor, context: MethodContext, look: Look
) -> Generator[Event, None, dict[str, float]]:
    """Areas under the curves; low is good for deletion, high for insertion. Empty for texts, whose letters have no
    mean.
    """
    if context.modality == "text":
        return {}
    found = yield from look(Erased(predictor, derive(context.seed, "controls", "erased")), most=_EXPLAINED)
    if not len(found.rows):
        return {}
    curves = found.rows.mean(0).reshape(4, len(SHARES)).numpy()
    names = ("deletion", "insertion", "deletion_elsewhere", "insertion_elsewhere")
    areas = {name: float(np.trapezoid(curve, SHARES)) for name, curve in zip(names, curves, strict=True)}
    return {**areas, "samples": len(found.rows)}
