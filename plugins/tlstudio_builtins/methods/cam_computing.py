"""What is computed between the stages of a CAM transfer: maps and their scale, the probe, probabilities for samples
that a network never saw, and the rows that the attention learns from.
"""

from collections.abc import Generator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from tlstudio.api import MethodContext, Outputs, SolveData, Tools, TrainingError
from tlstudio.api.events import Event, Message
from tlstudio_builtins.methods import cam_losses
from tlstudio_builtins.methods.cam_networks import CamPredictor, FeatureMaps
from tlstudio_builtins.methods.cam_options import CamOptions
from tlstudio_builtins.methods.cam_parts import CamParts

Values = dict[str, Any]


class Unseen:
    """The out-of-fold probabilities ``p [N, K]`` by position in the training split, not a number where there are
    none; ``seen``: of each fold, the positions that its network was trained on.
    """

    def __init__(self, folds: int) -> None:
        self.p = torch.zeros(0, 0)
        self.seen = [torch.zeros(0, dtype=torch.bool) for _ in range(folds)]

    def note(self, fold: int, positions: torch.Tensor) -> None:
        """These samples were trained on."""
        size = int(positions.max()) + 1
        if size > len(self.seen[fold]):
            more = torch.zeros(size - len(self.seen[fold]), dtype=torch.bool)
            self.seen[fold] = torch.cat([self.seen[fold], more])
        self.seen[fold][positions.cpu()] = True

    def keep(self, fold: int, positions: torch.Tensor, p: torch.Tensor) -> None:
        """Raises ``TrainingError`` where the fold's network has seen one of the samples."""
        known = self.seen[fold]
        inside = positions[positions < len(known)]
        if bool(known[inside].any()):
            raise TrainingError(
                f"The network of fold {fold + 1} was trained on a sample whose probabilities it is asked for. They "
                "would be far too sure, and the attention would learn from them what it never meets again."
            )
        size = int(positions.max()) + 1 if len(positions) else 0
        if size > len(self.p):
            more = torch.full((size - len(self.p), p.shape[1]), torch.nan)
            self.p = torch.cat([self.p.reshape(-1, p.shape[1]), more])
        self.p[positions] = p

    def of(self, positions: torch.Tensor) -> torch.Tensor:
        """``[M, K]``; not a number where a sample has none."""
        found = torch.full((len(positions), self.p.shape[1]), torch.nan)
        known = positions < len(self.p)
        found[known] = self.p[positions[known]]
        return found

    def state_dict(self) -> Values:
        return {"p": self.p, **{f"seen.{k}": seen for k, seen in enumerate(self.seen)}}

    def load_state_dict(self, state: Values) -> None:
        if "p" in state:
            self.p = state["p"]
            self.seen = [state[f"seen.{k}"] for k in range(len(self.seen))]


class _Moments(nn.Module):
    """Mean and mean square of each channel of a sample's maps: ``[N, 2 C]``."""

    def __init__(self, maps: FeatureMaps) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.maps(x)
        return torch.cat([found.mean(dim=(2, 3)), found.square().mean(dim=(2, 3))], dim=1)


class Rows(nn.Module):
    """Maps, flat, and behind them the logits of the target network: ``[N, C H W + K]``."""

    def __init__(self, predictor: CamPredictor) -> None:
        super().__init__()
        self.predictor = predictor
        self.shape: tuple[int, ...] = ()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.predictor.source_maps(x)
        self.shape = tuple(maps.shape[1:])
        return torch.cat([maps.flatten(1), self.predictor.target(x).float()], dim=1)


class Computing:
    """``shape``: of a sample's maps, known once they have been computed."""

    def __init__(self, context: MethodContext, options: CamOptions, parts: CamParts, predictor: CamPredictor) -> None:
        self._context, self._options, self._parts, self._predictor = context, options, parts, predictor
        self.unseen = Unseen(options.folds)
        self.val: Outputs | None = None
        self.shape: tuple[int, ...] = ()

    def maps(self, tools: Tools) -> Generator[Event | Values, None, None]:
        """The scale of F on the target's training split; prototypes; the probe; and, where the target
        network is a copy of a source network that has learnt meanwhile, the copies.
        """
        yield from self._scale(tools)
        if self._parts.scale.paired:
            yield from self._prototypes(tools)
        yield from self.probe(tools)
        if self._options.target_network == "copy" and self._context.source:
            state = self._parts.source.backbone.state_dict()
            for network in (self._parts.target, *self._parts.folds):
                network.backbone.load_state_dict(state)

    def _scale(self, tools: Tools) -> Generator[Event, None, None]:
        found = yield from tools.outputs(_Moments(self._predictor.maps), "train")
        if not len(found.rows):
            raise TrainingError("None of the training samples could be read.")
        mean, square = found.rows.double().mean(0).chunk(2)
        spread = (square - mean**2).clamp(min=0).sqrt()
        spread = torch.where(spread > 1e-5 * spread.max(), spread, torch.ones_like(spread))
        self._parts.scale.mean.copy_(mean)
        self._parts.scale.std.copy_(spread)

    def _prototypes(self, tools: Tools) -> Generator[Event, None, None]:
        """Mean maps of the source's classes, in the order of the target's, standardised by the source's own moments."""
        assert self._context.source is not None
        found = yield from tools.outputs(self._predictor.maps, "train", data="source")
        maps = found.rows
        centred = maps - maps.mean(dim=(0, 2, 3), keepdim=True)
        maps = centred / centred.square().mean(dim=(0, 2, 3), keepdim=True).sqrt().clamp(min=1e-5)
        height, width = self._parts.scale.prototypes.shape[-2:]
        places = F.adaptive_avg_pool2d(maps, (height, width))
        names = list(self._context.source.class_names)
        for position, name in enumerate(self._context.class_names):
            of_class = places[found.targets == names.index(name)]
            if len(of_class):
                self._parts.scale.prototypes[position].copy_(of_class.mean(0))

    def probe(self, tools: Tools) -> Generator[Event | Values, None, None]:
        """The best linear head on the evenly pooled F, its strength of L2 chosen on validation."""
        scale, pooled = self._parts.scale, []
        for split in ("train", "val"):
            found = yield from tools.outputs(_Moments(self._predictor.maps), split)
            channels = len(scale.mean)
            rows = found.rows.reshape(-1, 2 * channels)[:, :channels]
            pooled.append(((rows - scale.mean.cpu()) / scale.std.cpu(), found.targets))
        head, (features, targets) = self._parts.probe.cpu(), pooled[1]
        data = SolveData(train=pooled[0], val=pooled[1], seed=tools.seed)
        for _ in self._context.objective.solve(head, data, 0.0, "natural"):
            pass
        if len(targets):
            with torch.no_grad():
                values = tools.score(Outputs(head(features), targets, torch.arange(len(targets))))
            yield {f"probe_{name}": value for name, value in values.items()}
        head.to(tools.device)

    def probabilities(self, tools: Tools) -> Generator[Event | Values, None, None]:
        """T of the target network, and of each fold's, on validation; then p of each fold's network for its part."""
        objective, task = self._context.objective, self._context.task
        own = yield from self._temperature(self._parts.target, tools)
        self._parts.scale.temperature.fill_(own)
        self.unseen.p = torch.zeros(0, objective.outputs)
        rows, targets = [], []
        for k, network in enumerate(self._parts.folds):
            temperature = yield from self._temperature(network, tools)
            found = yield from tools.outputs(network, "train", fold=(k, self._options.folds))
            if not len(found.indices):
                yield Message(
                    text=f"Fold {k + 1} leaves nothing out: there are fewer groups of training samples than the "
                    f"{self._options.folds} folds. As many folds as groups take less time, and are as good."
                )
                continue
            self.unseen.keep(k, found.indices, cam_losses.probabilities(found.rows, temperature, task))
            rows.append(found.rows / temperature)
            targets.append(found.targets)
        values = tools.score(Outputs(torch.cat(rows), torch.cat(targets), torch.arange(sum(map(len, rows)))))
        yield {"temperature": own, **{f"out_of_fold_{name}": value for name, value in values.items()}}

    def _temperature(self, network: nn.Module, tools: Tools) -> Generator[Event, None, float]:
        found = yield from tools.outputs(network, "val")
        return cam_losses.fit_temperature(found.rows, found.targets, self._context.objective)

    def rows(self, tools: Tools) -> Generator[Event, None, Outputs]:
        """F and out-of-fold p of the training split; keeps F and p of validation for :meth:`judge`."""
        task = self._context.task
        outputs, predictor = self._context.objective.outputs, self._predictor
        module = Rows(predictor)
        val = yield from tools.outputs(module, "val")
        if len(val.rows):
            p = cam_losses.probabilities(val.rows[:, -outputs:], float(predictor.scale.temperature), task)
            self.val = Outputs(torch.cat([val.rows[:, :-outputs], p], 1), val.targets, val.indices)
        found = yield from tools.outputs(module, "train")
        self.shape = module.shape
        p = self.unseen.of(found.indices)
        known = torch.isfinite(p).all(1)
        rows = torch.cat([found.rows[:, :-outputs], p], 1)
        return Outputs(rows[known], found.targets[known], found.indices[known])

    def taken_apart(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """F ``[N, C, H, W]`` and p ``[N, K]``."""
        outputs = self._context.objective.outputs
        return rows[:, :-outputs].reshape(-1, *self.shape), rows[:, -outputs:]

    def judge(self, tools: Tools) -> Values:
        """What the attention reaches on the validation split, from its cached maps."""
        if self.val is None:
            return {}
        answers = []
        with torch.no_grad():
            size = self._predictor.at_once(self._context.objective.outputs)
            for rows in torch.split(self.val.rows, size):
                maps, p = self.taken_apart(rows.to(tools.device))
                looked = self._predictor.look(maps, p)
                answers.append(self._predictor.answer(maps, looked).float().cpu())
        values = tools.score(Outputs(torch.cat(answers), self.val.targets, self.val.indices))
        return {f"attention_{name}": value for name, value in values.items()}
