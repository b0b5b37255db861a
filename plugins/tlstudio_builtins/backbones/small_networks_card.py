"""The descriptors of the small networks. Only ResNet-20 has published weights, those for CIFAR-10."""

from tlstudio.api import BackboneDescriptor, FeatureLevel, Preprocessing, Stage, Weights, takes_pictures

_FACTORIES = "tlstudio_builtins.backbones.small_networks"
_CIFAR_STAGES = (
    Stage(name="stem", modules=("conv1", "bn1")),
    *(Stage(name=name, modules=(name,)) for name in ("layer1", "layer2", "layer3")),
)
_CIFAR_LEVELS = tuple(
    FeatureLevel(name=f"stride{stride}", module=f"layer{number}", channels=channels, stride=stride)
    for number, channels, stride in ((1, 16, 1), (2, 32, 2), (3, 64, 4))
)
# (first block, last block, channels) of each resolution of MobileNet at a quarter of its width.
_MOBILE = ((0, 1, 16), (2, 3, 32), (4, 5, 64), (6, 11, 128), (12, 13, 256))

_CIFAR10 = Weights(
    id="CIFAR10",
    trained_on="CIFAR-10",
    preprocessing=Preprocessing(resize=32, crop=32),  # trained with ImageNet's mean and deviation
    url="https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/resnet20-12fca82f.th",
    sha256="12fca82f",
    size_bytes=1_099_231,
    accuracy=91.78,
    license="BSD-2-Clause",
)


def small_backbones() -> list[BackboneDescriptor]:
    return [
        BackboneDescriptor(
            id="resnet8",
            title="ResNet-8",
            description="A very small student for pictures of 32 pixels, with random weights: for distillation (He et "
            "al. 2015, the family for CIFAR).",
            factory=f"{_FACTORIES}:resnet8",
            supports=takes_pictures,
            family="Small",
            parameters=74_640,
            gflops=0.0122,
            input_size=32,
            feature_dim=64,
            stages=_CIFAR_STAGES,
            levels=_CIFAR_LEVELS,
            license="Apache-2.0",
        ),
        BackboneDescriptor(
            id="resnet20",
            title="ResNet-20",
            description="A small residual network for pictures of 32 pixels (He et al. 2015, the family for CIFAR); "
            "there are weights for CIFAR-10.",
            factory=f"{_FACTORIES}:resnet20",
            supports=takes_pictures,
            family="Small",
            parameters=269_722,
            gflops=0.0406,
            input_size=32,
            feature_dim=64,
            stages=_CIFAR_STAGES,
            levels=_CIFAR_LEVELS,
            head_prefixes=("linear.",),
            weights=(_CIFAR10,),
            license="Apache-2.0",
        ),
        BackboneDescriptor(
            id="mobilenet_v1_025",
            title="MobileNetV1 ¼",
            description="A tenth of MobileNetV2, for photographs of 96 pixels on the smallest devices, with random "
            "weights: for distillation (Howard et al. 2017, at a quarter of its width).",
            factory=f"{_FACTORIES}:mobilenet_v1_025",
            supports=takes_pictures,
            family="Small",
            parameters=213_072,
            gflops=0.0075,
            input_size=96,
            feature_dim=256,
            stages=tuple(
                Stage(name=f"stage{number}", modules=tuple(f"features.{i}" for i in range(first, last + 1)))
                for number, (first, last, _) in enumerate(_MOBILE, 1)
            ),
            levels=tuple(
                FeatureLevel(name=f"stride{2**number}", module=f"features.{last}", channels=channels, stride=2**number)
                for number, (_, last, channels) in enumerate(_MOBILE, 1)
            ),
            license="Apache-2.0",
        ),
    ]
