"""``tlstudio backbones | methods | metrics | formats | ...``: what the plugins offer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlstudio.api.descriptors import Descriptor
from tlstudio.api.method import MethodDescriptor
from tlstudio.api.metric import MetricDescriptor
from tlstudio.cli.common import opened, registry
from tlstudio.cli.output import Json, print_json, say, table

if TYPE_CHECKING:
    from tlstudio.weights import RunWeights


def register(app: typer.Typer) -> None:
    for kind in ("methods", "metrics", "formats", "exporters", "engines", "tasks", "modalities"):
        app.command(kind, help=f"Lists the {kind}.")(_lister(kind))
    app.command("backbones", help="Lists the backbones and their weights.")(backbones)


def _lister(kind: str) -> Any:
    def listing(json: Json = False) -> None:
        found = registry()
        descriptors = found.all(kind)
        if json:
            print_json({kind: [_as_dict(d, found.owner(kind, d.id).name) for d in descriptors]})
            return
        for d in descriptors:
            say(f"{d.id}\n    {d.description}")
            for recipe in d.recipes if isinstance(d, MethodDescriptor) else ():
                say(f"    --recipe {recipe.id}\n        {recipe.description}")
        for problem in found.problems:
            say(f"! {problem.sentence}")

    return listing


def _as_dict(descriptor: Descriptor, plugin: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": descriptor.id,
        "title": descriptor.title,
        "description": descriptor.description,
        "plugin": plugin,
    }
    if isinstance(descriptor, MethodDescriptor):
        entry |= {"formula": descriptor.formula, "source": descriptor.source}
        entry |= {"needs": list(descriptor.needs), "takes": list(descriptor.takes)}
        entry["recipes"] = [
            {"id": r.id, "title": r.title, "description": r.description, "source": r.source} for r in descriptor.recipes
        ]
    if isinstance(descriptor, MetricDescriptor):
        entry |= {"higher_is_better": descriptor.higher_is_better, "bounds": descriptor.bounds}
    if descriptor.options.model_fields:
        entry["options"] = descriptor.options.model_json_schema()["properties"]
    return entry


def backbones(
    project: Annotated[
        Path | None, typer.Argument(help="Also what the finished runs of this project have trained.")
    ] = None,
    json: Json = False,
) -> None:
    from tlstudio import weights

    catalog = weights.catalog(registry())
    found: list[weights.RunWeights] = []
    if project is not None:
        with opened(project) as there:
            found = weights.of_project(there)
    if json:
        made = [{"id": w.id, "run": w.run, "backbone": w.backbone, "title": w.title, "card": w.card} for w in found]
        print_json({"backbones": catalog, **({"runs": made} if project is not None else {})})
        return
    rows = [
        (b["id"], round(b["parameters"] / 1e6, 1), b["gflops"], b["input_size"], ", ".join(_weights(b)))
        for b in catalog
    ]
    table(rows, ("backbone", "M parameters", "GFLOPs", "input", "weights (* on disk)"))
    if found:
        say("")
        of_runs = [
            (w.id, w.title.partition(": ")[2], _share(w, "probe_accuracy"), _share(w, "knn_accuracy")) for w in found
        ]
        table(of_runs, ("weights", "of a run", "probe, val", "k-NN, val"))


def _share(made: "RunWeights", name: str) -> str:
    value = made.card.get(name)
    return f"{100 * value:.1f} %" if isinstance(value, int | float) else ""


def _weights(entry: dict[str, Any]) -> list[str]:
    return [w["id"] + ("*" if w["cached"] else "") for w in entry["weights"]]
