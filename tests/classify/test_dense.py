"""The layer that takes its own step: the same numbers as an optimizer gives."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from vadd.classify.dense import Dense  # noqa: E402


def network():
    torch.manual_seed(0)
    return nn.Sequential(Dense(7, 5), nn.ReLU(), Dense(5, 3)).train()


@pytest.mark.parametrize("decay", [0.0, 0.03])
@pytest.mark.parametrize("shape", [(6, 7), (2, 4, 7)])
def test_steps_are_those_of_sgd(decay, shape):
    own, theirs = network(), network()
    for layer in (own[0], own[2]):
        layer.step = (0.1, decay)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, weight_decay=decay)
    generator = torch.Generator().manual_seed(1)
    for _ in range(5):
        x = torch.randn(shape, generator=generator)
        target = torch.randint(0, 3, shape[:-1], generator=generator).flatten()
        for each in (own, theirs):
            loss = nn.functional.cross_entropy(each(x).flatten(0, -2), target)
            optimizer.zero_grad()
            loss.backward()
        optimizer.step()
    for a, b in zip(own.parameters(), theirs.parameters(), strict=True):
        assert a.grad is None
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_what_goes_on_to_the_layer_before_is_by_the_old_weights():
    layer = Dense(4, 2).train()
    layer.step = (10.0, 0.0)
    before = copy.deepcopy(layer.weight.detach())
    x = torch.randn(3, 4, requires_grad=True)
    layer(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.ones(3, 2) @ before)
    assert not torch.equal(layer.weight, before)


def test_without_a_step_it_is_a_linear_layer():
    layer = Dense(4, 2)
    plain = nn.Linear(4, 2)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(3, 4)
    layer.step = (1.0, 0.0)
    with torch.no_grad():
        assert torch.equal(layer.eval()(x), plain(x))
    layer.step = None
    layer.train()(x).sum().backward()
    plain(x).sum().backward()
    assert torch.equal(layer.weight.grad, plain.weight.grad)
