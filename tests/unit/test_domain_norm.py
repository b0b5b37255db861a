"""Two domains in one network: one set of weights, two sets of statistics, and neither touches the other's."""

import copy

import pytest
import torch
from torch import nn

from tlstudio_builtins.methods.domain_norm import SourceNetwork, SourceStatistics, averaging, forget, norms


def network() -> nn.Sequential:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
    made.append(nn.BatchNorm1d(5))
    made(torch.randn(4, 3, 6, 6))
    forget(made)
    return made


def buffers(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.named_buffers()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_that_batches_of_the_source_leave_the_targets_statistics_untouched() -> None:
    target = network()
    source = SourceNetwork(target, SourceStatistics(target))
    before, beside = buffers(target), buffers(source.statistics)  # type: ignore[arg-type]
    source.train()
    source(torch.randn(8, 3, 6, 6) + 5)
    assert same(before, buffers(target))
    assert not same(beside, buffers(source.statistics))  # type: ignore[arg-type]
    beside = buffers(source.statistics)  # type: ignore[arg-type]
    target(torch.randn(8, 3, 6, 6) - 5)
    assert same(beside, buffers(source.statistics))  # type: ignore[arg-type]
    assert not same(before, buffers(target))


def test_that_each_domain_is_normalised_as_by_a_network_that_sees_it_alone() -> None:
    shared = network()
    source = SourceNetwork(shared, SourceStatistics(shared))
    alone, other = copy.deepcopy(shared), copy.deepcopy(shared)
    for step in range(3):
        x, y = (torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(2 * step + k)) + 4 * k for k in (0, 1))
        assert torch.equal(shared(x), alone(x))
        assert torch.equal(source(y), other(y))
    for module in (shared, source, alone, other):
        module.eval()
    x = torch.randn(4, 3, 6, 6)
    assert torch.equal(shared(x), alone(x))
    assert torch.equal(source(x), other(x))
    assert not torch.equal(shared(x), source(x))


def test_that_statistics_are_back_in_place_after_an_error() -> None:
    target = network()
    source = SourceNetwork(target, SourceStatistics(target))
    own = [norm.running_mean for norm in norms(target).values()]
    with pytest.raises(RuntimeError):
        source(torch.randn(2, 1, 6, 6))
    assert all(norm.running_mean is mean for norm, mean in zip(norms(target).values(), own, strict=True))


def test_that_weights_are_shared_and_saved_once_and_statistics_twice() -> None:
    target = network()
    both = nn.ModuleDict({"target": target, "source": SourceNetwork(target, SourceStatistics(target))})
    assert all(name.startswith("target.") for name, _ in both.named_parameters())
    kept = sum(name.startswith("source.") for name, _ in both.named_buffers())
    assert kept == sum(1 for _ in target.buffers())


def test_that_a_network_without_batch_norm_has_nothing_to_keep() -> None:
    plain = nn.Linear(3, 2)
    source = SourceNetwork(plain, SourceStatistics(plain))
    assert torch.equal(source(torch.ones(1, 3)), plain(torch.ones(1, 3)))
    assert not list(source.buffers())


def test_that_re_estimated_statistics_are_the_mean_over_all_batches() -> None:
    norm = nn.BatchNorm1d(3)
    norm(torch.randn(20, 3) * 9)
    batches = [torch.randn(10, 3, generator=torch.Generator().manual_seed(k)) + k for k in range(4)]
    forget(norm)
    with averaging(norm):
        for batch in batches:
            norm(batch)
    assert norm.momentum == pytest.approx(0.1)
    assert torch.allclose(norm.running_mean, torch.stack([b.mean(0) for b in batches]).mean(0), atol=1e-6)  # type: ignore[arg-type]
    assert torch.allclose(norm.running_var, torch.stack([b.var(0) for b in batches]).mean(0), atol=1e-5)  # type: ignore[arg-type]
