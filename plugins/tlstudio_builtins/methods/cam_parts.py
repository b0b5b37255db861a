"""What a CAM transfer is made of: every network, trainable and frozen, and the predictor that shares them."""

import copy

from torch import nn

from tlstudio.api import MethodContext, TrainingError
from tlstudio.training.modules import Classifier
from tlstudio_builtins.methods import cam_fusion, cam_networks
from tlstudio_builtins.methods.cam_networks import (
    CamPredictor,
    Derive,
    FeatureMaps,
    Scale,
    SmallPictures,
    SmallTexts,
    TargetNetwork,
)
from tlstudio_builtins.methods.cam_options import CamOptions

PICTURES = ("image", "audio")  # both are pictures of one size to the networks


class Attend(nn.Module):
    """What stage C trains: gates, channel weights and the classifier."""

    def __init__(self, attention: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.attention, self.head = attention, head


class CamParts(nn.Module):
    """``source``: Φ_s with its own classes; ``target``: G_t; ``folds``: its likes that each miss a part of the data;
    ``attend``: g, v and h; ``probe``: a linear head on the evenly pooled maps, a control; ``projectors``: of hints,
    one for each fold and the target; ``student``: Φ_s for the other modality.
    """

    def __init__(self, context: MethodContext, options: CamOptions) -> None:
        super().__init__()
        _check(context, options)
        objective, descriptor = context.objective, context.descriptor
        side = 0 if context.modality == "text" else context.preprocessing.crop
        self.level = cam_networks.chosen_level(descriptor, side, options.level)
        given = context.source.objective.head(descriptor.feature_dim) if context.source else nn.Identity()
        channels, derive = self.level.channels, _derive(options)
        missing = options.variant == "missing-modality"
        self.target = _target(context, options, derive)
        self.folds = nn.ModuleList(_target(context, options, derive) for _ in range(options.folds))
        self.source = Classifier(context.backbone, given)
        self.scale = Scale(channels, self._prototypes(context, options, side))
        attention = cam_fusion.attention(options.attention, objective.outputs, channels, context.task)
        self.attend = Attend(attention, objective.head(channels))
        self.probe = objective.head(channels)
        self.student: FeatureMaps | None = None
        if missing:
            self.student = FeatureMaps(copy.deepcopy(context.backbone), self.level, derive)
        self.projectors = nn.ModuleList()
        if derive is not None and options.hint_weight:
            width = channels if options.target_network == "copy" else SmallPictures.feature_dim
            self.projectors.extend(nn.Conv2d(width, channels, 1) for _ in range(options.folds + 1))
        self._task = context.task
        self._gated = options.pooling == "gated" or options.attention == "symmetric"

    def _prototypes(self, context: MethodContext, options: CamOptions, side: int) -> tuple[int, ...]:
        if options.variant != "class-paired":
            return ()
        places = -(-side // self.level.stride)
        return (context.objective.outputs, self.level.channels, places, places)

    def maps(self) -> FeatureMaps:
        """Of the source network itself."""
        return FeatureMaps(self.source.backbone, self.level)

    def middle(self) -> str:
        """The module of a target network whose maps take hints."""
        return "maps" if isinstance(self.target.backbone, SmallPictures | SmallTexts) else self.level.module

    def predictor(self) -> CamPredictor:
        """A view of the same networks."""
        return CamPredictor(
            self.student or self.maps(),
            self.target,
            self.scale,
            self.attend.attention,
            self.attend.head,
            task=self._task,
            gated=self._gated,
        )


def _derive(options: CamOptions) -> Derive | None:
    if options.variant not in ("instance-paired", "missing-modality"):
        return None
    return cam_networks.edges if options.derived == "edges" else cam_networks.grey


def _target(context: MethodContext, options: CamOptions, derive: Derive | None) -> TargetNetwork:
    backbone: nn.Module
    if options.target_network == "copy":
        backbone, features = copy.deepcopy(context.backbone), context.descriptor.feature_dim
    else:
        backbone = SmallTexts() if context.modality == "text" else SmallPictures()
        features = backbone.feature_dim
    return TargetNetwork(backbone, context.objective.head(features), derive)


def _check(context: MethodContext, options: CamOptions) -> None:
    """Raises ``TrainingError`` where the variant cannot be had with these data."""
    variant, source = options.variant, context.source
    if variant in ("instance-paired", "missing-modality") and context.modality == "text":
        raise TrainingError(
            f"The variant '{variant}' makes the edges or grey values of pictures, and these are texts. Choose "
            "'unpaired'."
        )
    kinds = {context.modality, source.modality if source else context.modality}
    if len(kinds) > 1 and not kinds <= set(PICTURES):
        raise TrainingError(
            f"The source holds {source.modality if source else ''} and the target {context.modality}: no backbone "
            "takes both. Choose a source of the same kind, or leave the source out."
        )
    if source is not None and source.objective.pixels:
        raise TrainingError(
            f"The source '{source.dataset}' has masks, and the source network learns answers for whole samples. Choose "
            "one with classes, labels or numbers, or leave the source out."
        )
    if variant != "class-paired":
        return
    if options.attention == "channel+spatial":
        raise TrainingError(
            "The attention 'channel+spatial' makes its own map of places, and the variant 'class-paired' makes one by "
            "the source's classes. Choose the attention 'channel', or another variant."
        )
    if context.task != "classification" or context.modality not in PICTURES:
        raise TrainingError(
            "The variant 'class-paired' needs one class a sample, of pictures or sounds. Choose another variant."
        )
    rebuilt = source is None and not context.profile.items  # a finished model is made again from its file
    if not rebuilt and (source is None or set(source.class_names) != set(context.class_names)):
        raise TrainingError(
            "The variant 'class-paired' compares samples with the source's examples of the same class: give it a "
            "source data set (--source-dataset) with the classes of the target, or choose another variant."
        )
