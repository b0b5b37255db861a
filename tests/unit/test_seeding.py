import torch

from tlstudio.seeding import derive, local_randomness, permutation


def test_that_a_permutation_depends_on_nothing_but_its_arguments() -> None:
    torch.manual_seed(1)
    first = permutation(100, 0, "train", "order", 3)
    torch.manual_seed(2)
    assert permutation(100, 0, "train", "order", 3) == first
    assert sorted(first) == list(range(100))
    assert permutation(100, 0, "train", "order", 4) != first
    assert permutation(100, 1, "train", "order", 3) != first


def test_that_places_that_would_read_alike_get_different_seeds() -> None:
    assert derive(0, "train", 1, 23) != derive(0, "train", 12, 3)
    assert 0 <= derive(0, "x") < 2**63


def test_that_local_randomness_leaves_the_global_generator_as_it_was() -> None:
    torch.manual_seed(7)
    expected = torch.rand(2)
    torch.manual_seed(7)
    first = torch.rand(1)
    with local_randomness(3):
        inside = torch.rand(5)
    second = torch.rand(1)
    assert torch.equal(torch.cat([first, second]), expected)
    with local_randomness(3):
        assert torch.equal(torch.rand(5), inside)
