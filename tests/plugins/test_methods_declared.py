"""What every method promises, whichever it is: words, a formula, a source, options with help, no torch to list."""

import subprocess
import sys

import pytest

from tlstudio.api import MethodDescriptor
from tlstudio.registry import Registry
from tlstudio_builtins.methods import METHODS

EXPECTED = {
    "adabn", "adversarial-fine-tuning", "bias-tuning", "cam-transfer", "cdan", "co-tuning", "dann", "delta",
    "distillation", "feature-extraction", "fine-tuning", "fixmatch", "flexmatch", "joint", "l2-sp", "lora", "mcc",
    "mdd", "model-soup", "pretrain-autoencoder", "pretrain-gan", "pretrain-masked", "pretrain-simclr",
    "pretrain-supervised", "self-training", "source-only", "wise-ft",
}  # fmt: skip


@pytest.fixture(params=METHODS, ids=lambda descriptor: descriptor.id)
def method(request: pytest.FixtureRequest) -> MethodDescriptor:
    return request.param


def test_that_a_method_says_what_it_is(method: MethodDescriptor) -> None:
    assert method.formula, "the help shows a formula"
    assert any(character.isdigit() for character in method.source), "a source has a year"
    assert method.description.endswith(".")
    assert len(method.description) <= 140, "two lines in the list of methods"
    for name, field in method.options.model_fields.items():
        assert field.description, f"the option {name} has no help"


def test_that_what_a_method_cannot_do_has_a_reason(method: MethodDescriptor) -> None:
    for task in ("classification", "multilabel", "regression", "segmentation"):
        for modality in ("image", "audio", "text", "video"):
            reason = method.supports(task, modality, None)
            assert reason is None or reason.endswith("."), (task, modality, reason)
    assert any(method.supports("classification", modality, None) is None for modality in ("image", "audio"))


def test_that_all_methods_are_there_under_ids_of_their_own() -> None:
    found = [descriptor.id for descriptor in Registry.discover(safe_mode=True).methods()]
    assert len(found) == len(set(found))
    assert set(found) >= EXPECTED


def test_that_listing_the_methods_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from tlstudio.registry import Registry\n"
        "assert len(Registry.discover(safe_mode=True).methods()) > 20\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
