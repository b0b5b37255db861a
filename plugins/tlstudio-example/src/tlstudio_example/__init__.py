"""An example plugin: what it contributes, as data. No torch here; factories are imported when used."""

from tlstudio import api, hookimpl


class CentroidOptions(api.Options):
    """The fields become the form in the window, ``--set name=value``, and the documentation."""

    standardise: bool = api.option(
        True,
        title="Scale the features",
        help="Divide each feature by its spread over the training pictures; then none outweighs the others.",
    )
    shrinkage: float = api.option(
        0.0,
        title="Shrinkage",
        help="How far each class's centre is moved towards the centre of all pictures; "
        "a little helps where classes have very few.",
        level="all",
        ge=0.0,
        le=0.9,
    )


@hookimpl
def tlstudio_backbones() -> list[api.BackboneDescriptor]:
    return [
        api.BackboneDescriptor(
            id="example-convnet",
            title="Example ConvNet",
            description="Four small convolutions, without pretrained weights: to start from scratch.",
            factory="tlstudio_example.convnet:ConvNet",
            supports=api.images_only,
            family="Example",
            parameters=97_680,
            gflops=0.004,
            input_size=64,
            feature_dim=128,
            stages=(
                api.Stage(name="stem", modules=("stem",)),
                api.Stage(name="body", modules=("body1", "body2")),
                api.Stage(name="top", modules=("top",)),
            ),
            levels=(
                api.FeatureLevel(name="stem", module="stem", channels=16, stride=2),
                api.FeatureLevel(name="body1", module="body1", channels=32, stride=4),
                api.FeatureLevel(name="body2", module="body2", channels=64, stride=8),
                api.FeatureLevel(name="top", module="top", channels=128, stride=16),
            ),
            license="Apache-2.0",
        )
    ]


@hookimpl
def tlstudio_methods() -> list[api.MethodDescriptor]:
    return [
        api.MethodDescriptor(
            id="example-nearest-centroid",
            title="Nearest class centre",
            description="The frozen backbone's features are averaged for each class; "
            "a picture gets the class whose centre is nearest. Done in a moment, with nothing to tune.",
            factory="tlstudio_example.centroid:NearestCentroid",
            options=CentroidOptions,
            supports=_enough_for_centres,
            formula="argmin_k |f(x) - c_k|², c_k the mean of f over class k",
            source="Mensink et al. 2013, Distance-Based Image Classification",
        )
    ]


@hookimpl
def tlstudio_metrics() -> list[api.MetricDescriptor]:
    return [
        api.MetricDescriptor(
            id="cohen_kappa",
            title="Cohen's kappa",
            description="Agreement beyond guessing with the same class frequencies; 1 is perfect.",
            factory="tlstudio_example.kappa:CohenKappa",
            supports=api.images_only,
            bounds=(-1.0, 1.0),
        )
    ]


def _enough_for_centres(task: str, modality: str, profile: api.DatasetProfile | None) -> str | None:
    """The reason why not, as a sentence; ``None`` where the method can be used."""
    reason = api.images_only(task, modality, profile)
    if reason is None and profile is not None and profile.classes < 2:
        reason = "It tells classes apart, and this data set has fewer than two."
    return reason
