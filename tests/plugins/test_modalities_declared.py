"""What every modality promises, whichever it is: cheap to list, no torch to use, picklable for loaders."""

import pickle
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch

from tlstudio.api import ModalityDescriptor, Preprocessing
from tlstudio_builtins.backbones import BACKBONES
from tlstudio_builtins.modalities import MODALITIES

PREPROCESSING = Preprocessing(resize=40, crop=32)
PARAMETERS = {
    "image": {},
    "audio": {"sample_rate": 8000, "seconds": 0.5},
    "text": {"length": 64},
    "video": {"frames": 4},
}
DECODED = {"image": (3, 50, 60), "audio": (3, 84, 70), "text": (40,), "video": (4, 3, 50, 60)}
INPUTS = {"image": (3, 32, 32), "audio": (3, 32, 32), "text": (64,), "video": (4, 3, 32, 32)}


@pytest.fixture(params=MODALITIES, ids=lambda descriptor: descriptor.id)
def modality(request: pytest.FixtureRequest) -> ModalityDescriptor:
    return request.param


def test_that_there_are_four_and_a_suffix_belongs_to_one() -> None:
    assert [descriptor.id for descriptor in MODALITIES] == ["image", "audio", "text", "video"]
    suffixes = Counter(suffix for descriptor in MODALITIES for suffix in descriptor.suffixes)
    assert max(suffixes.values()) == 1
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)


def test_that_each_has_backbones_that_take_its_inputs(modality: ModalityDescriptor) -> None:
    assert any(descriptor.modality in modality.backbones for descriptor in BACKBONES)


def test_that_every_augmentation_gives_inputs_of_one_shape_in_any_process(modality: ModalityDescriptor) -> None:
    samples = pickle.loads(pickle.dumps(modality.load_samples()(PREPROCESSING, PARAMETERS[modality.id])))
    kind = torch.int64 if modality.id == "text" else torch.uint8
    decoded = torch.randint(98, 122, DECODED[modality.id]).to(kind)
    before = decoded.clone()
    assert "none" in modality.augmentations
    for augmentation in modality.augmentations:
        transform = pickle.loads(pickle.dumps(samples.transform(augmentation, True)))
        for _ in range(5):
            made = transform(decoded)
            assert made.shape == INPUTS[modality.id]
            assert made.dtype == kind
    assert torch.equal(decoded, before)


def test_that_listing_them_is_cheap_and_using_them_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from tlstudio_builtins.modalities import MODALITIES\n"
        "assert not {'torch', 'numpy', 'av', 'soundfile', 'PIL'} & set(sys.modules)\n"
        "for descriptor in MODALITIES: descriptor.load()()\n"
        "assert not {'torch', 'torchvision', 'PySide6'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_that_the_frames_of_a_film_are_normalised_like_pictures_and_texts_not_at_all() -> None:
    found = {}
    for descriptor in MODALITIES:
        samples = descriptor.load_samples()(PREPROCESSING, PARAMETERS[descriptor.id])
        batch = torch.ones(2, *INPUTS[descriptor.id], dtype=torch.int64 if descriptor.id == "text" else torch.uint8)
        found[descriptor.id] = samples.normalizer(torch.device("cpu"), torch.channels_last)(batch)
        assert found[descriptor.id].shape == batch.shape
    assert found["text"].dtype == torch.int64
    np.testing.assert_array_equal(found["video"][:, 0], found["image"])
    np.testing.assert_array_equal(found["audio"], found["image"])
