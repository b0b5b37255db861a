import pytest
import tlstudio_example
import torch
from tlstudio_example import CentroidOptions
from tlstudio_example.centroid import NearestCentroid
from tlstudio_example.kappa import CohenKappa

from tlstudio import api


def test_that_the_backbone_is_what_its_descriptor_says():
    descriptor = tlstudio_example.tlstudio_backbones()[0]
    backbone = descriptor.load()().eval()
    assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, descriptor.feature_dim)
    assert sum(p.numel() for p in backbone.parameters()) == descriptor.parameters
    modules = dict(backbone.named_modules())
    shapes: dict[str, torch.Size] = {}
    for level in descriptor.levels:
        modules[level.module].register_forward_hook(
            lambda module, inputs, output, name=level.name: shapes.update({name: output.shape})
        )
    backbone(torch.zeros(1, 3, 64, 64))
    for level in descriptor.levels:
        side = 64 // level.stride
        assert shapes[level.name] == (1, level.channels, side, side)
    assert {name for stage in descriptor.stages for name in stage.modules} == set(dict(backbone.named_children()))


@pytest.mark.parametrize("standardise", [True, False])
def test_that_the_linear_head_answers_with_the_nearest_centre(standardise: bool):
    generator = torch.Generator().manual_seed(0)
    centres = 3 * torch.randn(4, 128, generator=generator)
    targets = torch.arange(200) % 4
    features = centres[targets] + torch.randn(200, 128, generator=generator)
    method = NearestCentroid()
    descriptor = tlstudio_example.tlstudio_backbones()[0]
    profile = api.DatasetProfile(
        items=200, train_items=150, val_items=50, test_items=0, classes=4, smallest_class=50, largest_class=50
    )
    context = api.MethodContext(
        backbone=descriptor.load()(),
        descriptor=descriptor,
        preprocessing=api.Preprocessing(resize=64, crop=64),
        options=CentroidOptions(standardise=standardise),
        class_names=("a", "b", "c", "d"),
        class_counts=(50, 50, 50, 50),
        task="classification",
        profile=profile,
        seed=0,
    )
    method.build(context)
    train, val = (features[:150], targets[:150]), (features[150:], targets[150:])
    (phase,) = method.phases(context)
    list(method.solve(phase, api.SolveData(train=train, val=val, seed=0)))
    spread = train[0].std(0, correction=0) if standardise else torch.ones(128)
    means = torch.stack([train[0][train[1] == k].mean(0) for k in range(4)])
    nearest = torch.cdist(val[0] / spread, means / spread).argmin(1)
    assert torch.equal(method.predictor().head(val[0]).argmax(1), nearest)
    assert (nearest == val[1]).float().mean() > 0.9


def test_that_kappa_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(60, 3, generator=generator)
    targets = torch.randint(0, 3, (60,), generator=generator)
    kappa = CohenKappa(3)
    kappa.update(logits[:25], targets[:25])
    kappa.update(logits[25:], targets[25:])
    expected = metrics.cohen_kappa_score(targets.numpy(), logits.argmax(1).numpy())
    assert kappa.compute() == pytest.approx(expected)


def test_that_the_options_say_what_is_wrong():
    with pytest.raises(api.OptionsError, match="shrinkage"):
        api.parse_options(CentroidOptions, {"shrinkage": "2"})
