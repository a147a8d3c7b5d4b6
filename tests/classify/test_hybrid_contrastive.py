"""Hybrid fusion, and the contrastive model whose similarity is a score of its own."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_classifiers import DIM, JOINT, PICTURES, SOUNDS, network, spec  # noqa: E402

from vadd.classify.contrastive import COLDEST, info_nce  # noqa: E402
from vadd.classify.hybrid import HybridNet  # noqa: E402
from vadd.classify.spec import PLACEMENTS, ContrastiveSpec  # noqa: E402
from vadd.errors import ModelError  # noqa: E402

VISUAL = sum(each.dim for each in PICTURES)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def samples(*shape: int, seed: int = 5) -> torch.Tensor:
    return torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("instance", ["second", "clip"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_the_hybrid_posterior_is_the_weighted_sum_of_its_branches(placement: str, instance: str) -> None:
    built = network(spec(placement, family="hybrid", instance=instance))
    assert isinstance(built, HybridNet)
    x = samples(3, 4) if instance == "clip" else samples(3)
    with torch.no_grad():
        built.balance.copy_(torch.tensor([0.3, -0.2, 1.0]))
        branches = torch.softmax(built.combined(x)[1], dim=-1).numpy()
        logits = built(x)
    assert branches.shape == (*x.shape[:-1], 3, 10)
    weights = np.exp([0.3, -0.2, 1.0])
    expected = np.einsum("b,...bc->...c", weights / weights.sum(), branches)
    np.testing.assert_allclose(torch.softmax(logits, dim=-1).numpy(), expected, rtol=1e-5)
    # Logits that are logarithms of the posterior sum to 1 as they are.
    np.testing.assert_allclose(logits.exp().sum(dim=-1).numpy(), 1, rtol=1e-5)


def test_branches_start_even_and_see_their_own_modality_alone() -> None:
    built = network(spec("ls", family="hybrid"))
    assert torch.softmax(built.balance, 0).tolist() == pytest.approx([1 / 3] * 3)
    other = samples(2)
    other[:, VISUAL:] += 1
    with torch.no_grad():
        difference = (built.combined(samples(2))[1] - built.combined(other)[1]).abs().amax(dim=(0, 2))
    joint, visual, audio = difference.tolist()
    assert visual == 0
    assert min(joint, audio) > 1e-4


def test_every_branch_learns() -> None:
    built = network(spec("ls", family="hybrid")).train()
    torch.nn.functional.cross_entropy(built(samples(6)), torch.arange(6)).backward()
    for name, parameter in built.named_parameters():
        assert parameter.grad is not None, name
    assert all(built.alone[i][0].weight.grad.abs().max() > 0 for i in range(2))
    assert built.balance.grad.abs().max() > 0


# --- contrastive ----------------------------------------------------------------------------------


def unit(rows: int, width: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(rows, width))
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def by_hand(p: np.ndarray, s: np.ndarray, temperature: float, groups: list[int] | None) -> float:
    """InfoNCE with loops: each row's own partner against all that are not of its group."""
    total = 0.0
    for a, b in ((p, s), (s, p)):
        for i in range(len(a)):
            rivals = [j for j in range(len(a)) if j == i or groups is None or groups[j] != groups[i]]
            scores = [math.exp(float(a[i] @ b[j]) / temperature) for j in rivals]
            total -= math.log(math.exp(float(a[i] @ b[i]) / temperature) / sum(scores))
    return total / (2 * len(p))


@pytest.mark.parametrize("groups", [None, [0, 0, 1, 2, 2, 2, 3], [4] * 6 + [5]])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_the_loss_is_what_loops_compute(temperature: float, groups: list[int] | None) -> None:
    p, s = unit(7, 5, 0), unit(7, 5, 1)
    found = info_nce(
        torch.from_numpy(p),
        torch.from_numpy(s),
        temperature,
        None if groups is None else torch.tensor(groups),
    )
    assert found.item() == pytest.approx(by_hand(p, s, temperature, groups), rel=1e-9)


def test_the_loss_of_those_who_cannot_tell_is_log_b() -> None:
    same = torch.from_numpy(np.tile(unit(1, 5, 0), (8, 1)))
    assert info_nce(same, same, 0.1).item() == pytest.approx(math.log(8))


def test_a_batch_of_one_group_has_nothing_to_tell_apart() -> None:
    p, s = torch.from_numpy(unit(4, 5, 0)), torch.from_numpy(unit(4, 5, 1))
    assert info_nce(p, s, 0.1, torch.zeros(4, dtype=torch.int64)).item() == 0


def test_similarity_is_the_cosine_of_the_projections() -> None:
    built = network(ContrastiveSpec(JOINT, width=6, hidden=9))
    x = samples(5)
    with torch.no_grad():
        picture, sound = built.project(x)
        found = built(x)
    np.testing.assert_allclose(picture.norm(dim=1), 1, rtol=1e-5)
    np.testing.assert_allclose(sound.norm(dim=1), 1, rtol=1e-5)
    expected = [float(p @ s) for p, s in zip(picture.double(), sound.double(), strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    other = x.clone()
    other[:, VISUAL:] = 0
    with torch.no_grad():
        assert torch.equal(built.project(other)[0], picture)


def test_temperature_starts_where_it_is_told_and_stays_warm() -> None:
    built = network(ContrastiveSpec(JOINT, temperature=0.2))
    assert built.temperature.item() == pytest.approx(0.2)
    with torch.no_grad():
        built.sharpness.fill_(50)
    assert built.temperature.item() == pytest.approx(COLDEST)


def test_it_learns_which_sound_belongs_to_which_picture() -> None:
    """Both streams are linear views of one hidden cause: told apart when the sound is exchanged."""
    rng = torch.Generator().manual_seed(0)
    views = torch.randn(6, DIM, generator=rng)

    def draw(count: int) -> torch.Tensor:
        cause = torch.randn(count, 6, generator=rng)
        return cause @ views + 0.1 * torch.randn(count, DIM, generator=rng)

    torch.manual_seed(0)
    built = network(ContrastiveSpec(JOINT, width=8, hidden=32, dropout=0)).train()
    x = draw(512)
    built.standardise.fit(x.mean(0), x.std(0))
    optimiser = torch.optim.Adam(built.parameters(), 0.01)
    for _ in range(60):
        optimiser.zero_grad()
        built.loss(x[torch.randperm(512, generator=rng)[:64]]).backward()
        optimiser.step()
    own = draw(200)
    swapped = torch.cat([own[:, :VISUAL], own.roll(1, 0)[:, VISUAL:]], dim=1)
    built.eval()
    with torch.no_grad():
        beats = (built(own)[:, None] > built(swapped)[None, :]).float().mean().item()
    assert beats > 0.95


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embedders": PICTURES}, "joint classifier cannot stand on eye, lens"),
        ({"embedders": SOUNDS + PICTURES}, "pictures come before"),
        ({"width": 1}, "too narrow"),
        ({"hidden": 0}, "too narrow"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"dropout": -0.1}, "dropout"),
    ],
)
def test_a_contrastive_spec_that_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ContrastiveSpec(**{"embedders": JOINT, **changes})  # type: ignore[arg-type]
