"""Recipes: values for a method's options that somebody has published or made, chosen with one name."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from tlstudio.api.backbone import BackboneDescriptor, Preprocessing
from tlstudio.api.descriptors import DatasetProfile


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecipeFacts:
    """What a recipe may depend on. ``picture``: width and height in pixels of the usual sample, ``None`` where samples
    are no pictures or films. ``pretrained``: whether the weights are more than random numbers.
    """

    profile: DatasetProfile
    task: str
    modality: str
    backbone: BackboneDescriptor
    preprocessing: Preprocessing
    pretrained: bool = True
    picture: tuple[int, int] | None = None

    @property
    def transformer(self) -> bool:
        """Whether the backbone's feature levels are those of a transformer: tokens, or maps with channels last."""
        return any(level.layout != "nchw" for level in self.backbone.levels)


def _always(facts: RecipeFacts) -> str | None:
    return None


def _nothing(facts: RecipeFacts) -> str:
    return ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One entry of a method's list of recipes. No torch: it is asked in the window.

    ``options``: facts to values of the method's options; those that it leaves out keep their defaults. ``description``
    says plainly what is not as in ``source``. ``remark``: a sentence about these data, empty where there is none.
    ``supports``: ``None``, or the reason why the recipe makes no sense here.
    """

    id: str
    title: str
    description: str
    source: str
    options: Callable[[RecipeFacts], Mapping[str, Any]]
    remark: Callable[[RecipeFacts], str] = _nothing
    supports: Callable[[RecipeFacts], str | None] = _always
