"""The job ``measure``: what models cost. One sample at a time, as most are used."""

import os
import statistics
import time
from collections.abc import Generator, Sequence
from typing import Any

import torch
from torch import nn

from tlstudio.api.errors import StudioError
from tlstudio.api.events import Event, Message, Progress
from tlstudio.comparing import facts
from tlstudio.control import Control
from tlstudio.project import Project
from tlstudio.registry import Registry
from tlstudio.training import devices, preparation, restore
from tlstudio.training.spec import RunSpec, RuntimePreferences

_WARM_UP, _FEWEST, _MOST, _BUDGET_S = 3, 10, 200, 1.5


def measure_job(control: Control, project: str, runs: Sequence[int]) -> Generator[Event, None, dict[str, Any]]:
    """Measures the models of ``runs``, writes each one's ``facts.json``; what is known stays, unless the machine was
    busy.

    A run without a model is told and left out. Returns the facts by run.
    """
    found: dict[str, Any] = {}
    with Project.open(project) as opened:
        registry = Registry.discover()
        for done, run_id in enumerate(dict.fromkeys(runs), 1):
            control.raise_if_stopped()
            yield Progress(done=done - 1, total=len(runs), unit="models", text="Measuring")
            folder = opened.run(run_id).dir
            known = facts.load(folder)
            if known is None or known.busy:
                try:
                    known = yield from _measure(control, opened, registry, run_id)
                    known.save(folder)
                except (StudioError, RuntimeError, ValueError) as error:
                    yield Message(level="warning", text=f"Run {run_id} could not be measured: {error}")
                    continue
            found[str(run_id)] = known.model_dump()
        yield Progress(done=len(runs), total=len(runs), unit="models", text="Measuring")
    return {"facts": found}


def _measure(
    control: Control, project: Project, registry: Registry, run_id: int
) -> Generator[Event, None, facts.Facts]:
    loaded = restore.load_model(project, registry, run_id)
    device, _ = devices.find(RuntimePreferences().device)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    times = latency(loaded.model, loaded.subject.example(1), device)
    quarters = statistics.quantiles(times, n=4)
    trained = yield from _trained(control, project, registry, loaded.spec)
    model = (project.run(run_id).dir / restore.MODEL_FILE).stat()
    return facts.Facts(
        model_bytes=model.st_size,
        model_mtime_ns=model.st_mtime_ns,
        parameters=sum(parameter.numel() for parameter in loaded.model.parameters()),
        trained=trained,
        latency_ms=1000 * statistics.median(times),
        latency_low_ms=1000 * quarters[0],
        latency_high_ms=1000 * quarters[2],
        passes=len(times),
        threads=torch.get_num_threads(),
        device=devices.title(device),
        load=round(load, 2),
        cores=max(1, os.cpu_count() or 1),
    )


@torch.inference_mode()
def latency(model: nn.Module, example: torch.Tensor, device: torch.device) -> list[float]:
    """Seconds of single passes of ``example`` (a batch of one) in float32; at least ten, for about 1.5 s."""
    model, example = model.to(device).eval(), example.to(device)

    def once() -> float:
        began = time.perf_counter()
        model(example)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    for _ in range(_WARM_UP):
        once()
    times: list[float] = []
    while len(times) < _FEWEST or (len(times) < _MOST and sum(times) < _BUDGET_S):
        times.append(once())
    return times


def _trained(
    control: Control, project: Project, registry: Registry, spec: RunSpec
) -> Generator[Event, None, int | None]:
    """Parameters that any phase of the run trained, counted on its method as it was built; those of a head that was
    solved count too. ``None`` where something that it needs is no longer there.
    """
    try:
        prepared = yield from _quietly(preparation.prepare(control, spec, project, registry, None))
    except (StudioError, RuntimeError, ValueError):
        return None
    names = {name for phase in prepared.phases for group in phase.groups for name in group.parameters}
    counted = {id(p): p.numel() for name, p in prepared.model.named_parameters() if name in names}
    head = getattr(prepared.method.predictor(), "head", None)
    if any(phase.solve for phase in prepared.phases) and isinstance(head, nn.Module):
        counted |= {id(parameter): parameter.numel() for parameter in head.parameters()}
    return sum(counted.values())


def _quietly(
    steps: Generator[Event, None, preparation.Prepared],
) -> Generator[Event, None, preparation.Prepared]:
    """Only downloads and the like are told: the run itself has said the rest."""
    while True:
        try:
            event = next(steps)
        except StopIteration as stop:
            result: preparation.Prepared = stop.value
            return result
        if isinstance(event, Progress):
            yield event
