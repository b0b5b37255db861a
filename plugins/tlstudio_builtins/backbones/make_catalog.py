"""Writes ``catalog.json``: what the installed torchvision says about its classification networks.

    python -m tlstudio_builtins.backbones.make_catalog

Parameters, GFLOPs, sizes, addresses, licences, accuracies and preprocessing come from torchvision's enums;
stages, levels and feature sizes from one forward pass of each network. A test compares the file with a
fresh answer.
"""

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlstudio_builtins.backbones.families import FAMILIES, Family

if TYPE_CHECKING:
    from torch import nn

CATALOG = Path(__file__).with_name("catalog.json")

# torchvision's enums name the recipe, not whether it smoothed the labels (label smoothing, mixup or cutmix).
# These did, by the recipes' text; the others trained on plain labels, or say nothing of it.
_SMOOTHING_RECIPES = (
    "/issues/3995",
    "classification#efficientnet-v1",
    "classification#efficientnet-v2",
    "classification#convnext",
    "classification#vit_b_16",
    "classification#swintransformer",
)


def build() -> dict[str, Any]:
    from tlstudio_builtins.backbones import torchvision_models

    return {
        "backbones": [
            entry(family, name, getattr(torchvision_models, name)().to("meta"))  # shapes alone, no computing
            for family in FAMILIES
            for name in family.names
        ]
    }


def entry(family: Family, name: str, network: "nn.Module") -> dict[str, Any]:
    """What the catalog says of one network; ``network`` is the backbone, on the device ``meta``."""
    from torchvision.models import get_model_weights
    from torchvision.transforms import InterpolationMode

    entries = list(get_model_weights(name))
    first = entries[0]
    size = first.transforms().crop_size[0]
    weights = []
    for published in entries:
        preset, meta = published.transforms(), published.meta
        if meta["num_params"] != first.meta["num_params"]:
            continue  # made for another input size: other shapes, so another network than the factory builds
        weights.append(
            {
                "id": published.name,
                "trained_on": next(iter(meta["_metrics"])),
                "accuracy": meta["_metrics"]["ImageNet-1K"]["acc@1"],
                "url": published.url,
                "sha256": re.search(r"-([0-9a-f]{8,})\.pth$", published.url).group(1),
                "size_bytes": round(meta["_file_size"] * 1024 * 1024),
                "smoothed": any(recipe in meta["recipe"] for recipe in _SMOOTHING_RECIPES),
                "license": meta.get("license", ""),
                "recipe": meta["recipe"],
                "preprocessing": {
                    "resize": preset.resize_size[0],
                    "crop": preset.crop_size[0],
                    "mean": list(preset.mean),
                    "std": list(preset.std),
                    "interpolation": "bicubic" if preset.interpolation == InterpolationMode.BICUBIC else "bilinear",
                },
            }
        )
    return {
        "id": name,
        "family": family.title,
        "parameters": first.meta["num_params"],
        "gflops": first.meta["_ops"],
        "input_size": size,
        "min_size": max(first.meta["min_size"]),
        **_structure(family, network.eval(), size),
        "weights": weights,
    }


def _structure(family: Family, network: "nn.Module", size: int) -> dict[str, Any]:
    """Feature size, levels (the last unit at each stride) and stages (units grouped by stride) by a forward
    pass.
    """
    import torch

    units = family.units(network)
    shapes: dict[str, tuple[int, ...]] = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, path=path: shapes.update({path: tuple(out.shape)}))
        for path, module in network.named_modules()
        if path in units
    ]
    with torch.inference_mode():
        feature_dim = network(torch.zeros(1, 3, size, size, device="meta")).shape[1]
    for hook in hooks:
        hook.remove()
    if family.layout == "tokens":
        stages, levels = _of_tokens(units, shapes, size)
    else:
        stages, levels = _of_maps(family, units, shapes, size)
    owners = [key for key, _ in network.named_parameters()]
    learnable = [[u for u in group if any(k == u or k.startswith(u + ".") for k in owners)] for group in stages]
    return {
        "feature_dim": feature_dim,
        "stages": [{"name": f"stage{i}", "modules": modules} for i, modules in enumerate(filter(None, learnable), 1)],
        "levels": levels,
    }


def _of_maps(
    family: Family, units: list[str], shapes: dict[str, tuple[int, ...]], size: int
) -> tuple[list[list[str]], list[dict[str, Any]]]:
    stages: dict[int, list[str]] = {}
    last: dict[int, str] = {}
    stride = 1
    for unit in units:
        shape = shapes[unit]
        if unit not in family.tail:
            side = shape[1 if family.layout == "nhwc" else 2] if len(shape) == 4 else 1
            if side == 1:
                continue  # the pooling and what stood behind it
            stride = 2 ** round(math.log2(size / side))
            last[stride] = unit
        stages.setdefault(stride, []).append(unit)
    levels = [
        {
            "name": f"stride{stride}",
            "module": unit,
            "channels": shapes[unit][3 if family.layout == "nhwc" else 1],
            "stride": stride,
            "layout": family.layout,
        }
        for stride, unit in last.items()
    ]
    return list(stages.values()), levels


def _of_tokens(
    units: list[str], shapes: dict[str, tuple[int, ...]], size: int
) -> tuple[list[list[str]], list[dict[str, Any]]]:
    """A transformer of one resolution: a stem, then its blocks in four groups; the last norm belongs to the
    last.
    """
    blocks = [unit for unit in units if unit.split(".")[-1].startswith("encoder_layer_")]
    first, last = units.index(blocks[0]), units.index(blocks[-1])
    quarter = len(blocks) // 4
    groups = [blocks[i : i + quarter] for i in range(0, len(blocks), quarter)]
    levels = [
        {
            "name": f"block{(i + 1) * quarter}",
            "module": group[-1],
            "channels": shapes[group[-1]][2],
            "stride": round(size / math.sqrt(shapes[group[-1]][1] - 1)),
            "layout": "tokens",
        }
        for i, group in enumerate(groups)
    ]
    groups[-1] = [*groups[-1], *units[last + 1 :]]
    return [units[:first], *groups], levels


def dump(catalog: dict[str, Any]) -> str:
    return json.dumps(catalog, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    CATALOG.write_text(dump(build()), encoding="utf-8", newline="\n")
