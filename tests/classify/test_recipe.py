"""The three recipes, by the figures of the text and of the authors' code."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from vadd.classify.recipe import RECIPES, recipe
from vadd.errors import UsageError


def test_the_papers_rate_falls_linearly_to_the_19th_epoch():
    paper = recipe("paper")
    rates = [paper.rate_in(epoch) for epoch in range(paper.epochs)]
    assert (paper.epochs, paper.batch, paper.keep) == (20, 32, "last")
    assert rates[0] == pytest.approx(1e-3)
    assert rates[18] == pytest.approx(1e-5)
    assert rates[19] == pytest.approx(1e-5)
    steps = [a - b for a, b in pairwise(rates[:19])]
    assert steps == pytest.approx([(1e-3 - 1e-5) / 18] * 18)


def test_the_authors_rate_rises_again():
    authors = recipe("authors")
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=24, eta_min=1e-5)
    for epoch in range(30):
        assert authors.rate_in(epoch) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6)
        optimizer.step()
        schedule.step()
    assert authors.rate_in(29) > authors.rate_in(24) == pytest.approx(1e-5)


def test_ours_looks_at_validation_clips_alone():
    ours = recipe("ours")
    assert ours.validation > 0
    assert ours.keep == "best"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 0}, "epoch"),
        ({"last_rate": 1.0}, "rate"),
        ({"dropout": 1.0}, "dropout"),
        ({"validation": 1.0}, "validation"),
        ({"keep": "best"}, "validation"),
    ],
)
def test_impossible_recipes(changes, said):
    with pytest.raises(UsageError, match=said):
        replace(RECIPES["paper"], **changes)


def test_unknown_recipe():
    with pytest.raises(UsageError, match="paper, authors, ours"):
        recipe("theirs")
