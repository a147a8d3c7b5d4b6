"""The fusion network: its placements, and that a sample's answer is its own."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_classifiers import DIM, JOINT, PICTURES, SOUNDS, network, spec  # noqa: E402

from vadd.classify.layers import Standardise, xavier  # noqa: E402
from vadd.classify.spec import PIECES, PLACEMENTS, EmbedderRef, FusionSpec  # noqa: E402
from vadd.embed.base import Modality  # noqa: E402
from vadd.errors import ModelError  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def samples(*shape: int, seed: int = 5) -> torch.Tensor:
    return torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- placements -----------------------------------------------------------------------------------


def expected_parameters(what: FusionSpec) -> int:
    """Counted from the description in words, not from the code."""
    w, count = what.width, 0
    dims = [each.dim for each in what.embedders]
    visual = [e.dim for e in what.embedders if e.modality is Modality.PICTURE]
    audio = [e.dim for e in what.embedders if e.modality is Modality.SOUND]
    cut = [[len(part) for part in np.array_split(np.arange(d), min(PIECES, d))] for d in dims]
    groups = {"es": cut, "ms": [g for g in (visual, audio) if g], "ls": [dims]}
    for level in what.placement.split("+") if what.placement != "ns" else []:
        for group in groups[level]:
            tokens = sum(d * w + w + w * d + d + w for d in group)  # to the token, back, type code
            time = what.seconds * w if what.instance == "clip" else 0
            count += tokens + time + 2 * w + 3 * (w * w + w)  # layer norm; query, key, value
    total, half = sum(dims), sum(dims) // 2
    return count + total * half + half + half * 10 + 10


@pytest.mark.parametrize("instance", ["second", "clip"])
def test_the_eight_placements_are_eight_networks(instance: str) -> None:
    counts, outputs = {}, {}
    x = samples(3, 4) if instance == "clip" else samples(3)
    for placement in PLACEMENTS:
        what = spec(placement, instance=instance)
        built = network(what).double()
        counts[placement] = sum(p.numel() for p in built.parameters())
        assert counts[placement] == expected_parameters(what)
        with torch.no_grad():
            outputs[placement] = built(x)
    assert len(set(counts.values())) == len(PLACEMENTS) == 8
    names = list(outputs)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            assert (outputs[one] - outputs[other]).abs().max() > 1e-3, (one, other)


def test_each_stage_counts_even_with_the_same_head() -> None:
    """The head's weights are the same for all, so only attention can make the difference."""
    head = network(spec("ns")).head.state_dict()
    x, outputs = samples(4), []
    for placement in PLACEMENTS:
        built = network(spec(placement))
        built.head.load_state_dict(head)
        with torch.no_grad():
            outputs.append(built.double()(x))
    for i, one in enumerate(outputs):
        assert all((one - other).abs().max() > 1e-3 for other in outputs[i + 1 :])


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_stages_run_from_the_small_to_the_whole(placement: str) -> None:
    groups = {"es": len(JOINT), "ms": 2, "ls": 1}
    expected = [groups[level] for level in placement.split("+") if level != "ns"]
    assert [len(stage.groups) for stage in network(spec(placement)).stages] == expected


@pytest.mark.parametrize(("modality", "of"), [("visual", PICTURES), ("audio", SOUNDS)])
def test_with_one_modality_ms_is_ls(modality: str, of: tuple[EmbedderRef, ...]) -> None:
    middle = network(spec("ms", embedders=of, modality=modality), seed=1)
    late = network(spec("ls", embedders=of, modality=modality), seed=2)
    x = torch.randn(5, sum(e.dim for e in of))
    with torch.no_grad():
        assert not torch.equal(middle(x), late(x))
        late.load_state_dict(middle.state_dict())
        assert torch.equal(middle(x), late(x))


@pytest.mark.parametrize("instance", ["second", "clip"])
def test_late_attention_is_what_numpy_computes(instance: str) -> None:
    what = spec("ls", instance=instance)
    built = network(what).double()
    state = {name: value.numpy() for name, value in built.state_dict().items()}
    x = samples(2, 3) if instance == "clip" else samples(2)
    with torch.no_grad():
        found = built(x).numpy()

    def linear(name: str, values: np.ndarray) -> np.ndarray:
        return values @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def one_sample(z: np.ndarray) -> np.ndarray:
        """``(T, DIM)`` seconds that attend to each other."""
        at = "stages.0.groups.0"
        ends = np.cumsum([e.dim for e in JOINT])
        parts = np.split(z, ends[:-1], axis=1)
        tokens = np.stack([linear(f"{at}.down.{i}", part) for i, part in enumerate(parts)], axis=1)
        tokens += state[f"{at}.kind"]
        if instance == "clip":
            tokens += state[f"{at}.time"][: len(z)]
        flat = tokens.reshape(-1, what.width)
        normed = (flat - flat.mean(1, keepdims=True)) / np.sqrt(flat.var(1, keepdims=True) + 1e-5)
        normed = normed * state[f"{at}.norm.weight"] + state[f"{at}.norm.bias"]
        q, k, v = np.split(linear(f"{at}.query_key_value", normed), 3, axis=1)
        size = what.width // what.heads
        mixed = np.empty_like(q)
        for head in range(what.heads):
            cut = slice(head * size, (head + 1) * size)
            weights = np.exp(q[:, cut] @ k[:, cut].T / math.sqrt(size))
            mixed[:, cut] = weights / weights.sum(1, keepdims=True) @ v[:, cut]
        mixed = mixed.reshape(tokens.shape)
        gains = [linear(f"{at}.up.{i}", mixed[:, i]) for i in range(len(parts))]
        return z + np.concatenate(gains, axis=1)

    z = (x.numpy() - state["standardise.mean"]) / state["standardise.std"]
    fused = np.stack([one_sample(clip) for clip in (z if instance == "clip" else z[:, None])])
    expected = linear("head.3", np.maximum(linear("head.0", fused), 0))
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=1e-9, atol=1e-9)


def test_early_attention_keeps_embeddings_apart() -> None:
    """ES on one embedding cannot see another; LS can."""
    changed = samples(1)
    changed[:, -1] += 5  # the last feature of the last embedder
    difference = {}
    for placement in ("es", "ls"):
        stages = network(spec(placement)).double().stages
        with torch.no_grad():
            difference[placement] = (stages(changed) - stages(samples(1))).abs()[0]
    others, own = slice(-JOINT[-1].dim), slice(-JOINT[-1].dim, -1)
    assert difference["es"][others].max() == 0
    assert difference["es"][own].max() > 1e-6  # its own other pieces do notice
    assert difference["ls"][others].max() > 1e-6


def test_middle_attention_keeps_modalities_apart() -> None:
    changed = samples(1)
    changed[:, -1] += 5
    visual = sum(e.dim for e in PICTURES)
    stages = network(spec("ms")).double().stages
    with torch.no_grad():
        difference = (stages(changed) - stages(samples(1))).abs()[0]
    assert difference[:visual].max() == 0
    assert difference[visual : visual + SOUNDS[0].dim].max() > 1e-6


# --- a sample's answer is its own -----------------------------------------------------------------


@pytest.mark.parametrize("family", ["fusion", "hybrid"])
@pytest.mark.parametrize("instance", ["second", "clip"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_the_batch_does_not_matter(placement: str, instance: str, family: str) -> None:
    built = network(spec(placement, instance=instance, family=family)).double()
    x = samples(32, 4) if instance == "clip" else samples(32)
    with torch.no_grad():
        whole = built(x)
        for size in (1, 7, 32):
            in_parts = torch.cat([built(part) for part in x.split(size)])
            torch.testing.assert_close(in_parts, whole, rtol=0, atol=1e-12)
        for seed in range(3):
            order = torch.randperm(32, generator=torch.Generator().manual_seed(seed))
            torch.testing.assert_close(built(x[order]), whole[order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("placement", [name for name in PLACEMENTS if name != "ns"])
def test_across_the_batch_it_does(placement: str) -> None:
    built = network(spec(placement, attention="batch", heads=1)).double()
    x = samples(32)
    with torch.no_grad():
        whole = built(x)
        for size in (1, 7):
            in_parts = torch.cat([built(part) for part in x.split(size)])
            assert (in_parts - whole).abs().max() > 1e-3
        # Order inside one batch does not matter; which samples make the batch does.
        order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(built(x[order]), whole[order], rtol=0, atol=1e-12)
        shuffled = torch.cat([built(part) for part in x[order].split(8)])[order.argsort()]
        in_order = torch.cat([built(part) for part in x.split(8)])
        assert (shuffled - in_order).abs().max() > 1e-3


def test_across_the_batch_is_one_sequence_of_samples() -> None:
    """Against the plain formula: softmax over the *samples*, on the whole vector, nothing added."""
    built = network(spec("ls", attention="batch", heads=1)).double()
    attention = built.stages[0].groups[0].attention
    x = samples(6)
    with torch.no_grad():
        found = built.stages(x)
        q, k, v = (x @ attention.in_proj_weight.T + attention.in_proj_bias).split(DIM, dim=1)
        mixed = torch.softmax(q @ k.T / math.sqrt(DIM), dim=1) @ v
        torch.testing.assert_close(found, attention.out_proj(mixed), rtol=1e-9, atol=1e-9)


def test_seconds_attend_to_each_other_only_as_a_clip() -> None:
    x = samples(1, 6)
    other = x.clone()
    other[0, 5] += 1
    built = network(spec("ls", instance="clip")).double()
    with torch.no_grad():
        assert ((built(x) - built(other))[0, :5].abs().amax(dim=1) > 1e-6).all()
        # The time code tells the seconds apart: backwards is another clip.
        assert (built(x.flip(1)).flip(1) - built(x)).abs().max() > 1e-6
        alone = network(spec("ls")).double()
        torch.testing.assert_close(alone(x[0])[:5], alone(other[0])[:5], rtol=0, atol=0)


# --- standardisation and start --------------------------------------------------------------------


def test_standardisation_is_part_of_the_model() -> None:
    built = network(spec())
    mean, std = built.standardise.mean.clone(), built.standardise.std.clone()
    x = samples(4).float()
    with torch.no_grad():
        expected = built((x - mean) / std)
        built.standardise.fit(torch.zeros(DIM), torch.ones(DIM))
        plain = built((x - mean) / std)
    assert not torch.allclose(expected, plain)
    again = network(spec())
    with torch.no_grad():
        torch.testing.assert_close(again(x), plain)
    assert {"standardise.mean", "standardise.std"} <= set(again.state_dict())
    assert not any(name.startswith("standardise") for name, _ in again.named_parameters())


def test_a_constant_feature_is_not_blown_up() -> None:
    layer = Standardise(3)
    layer.fit(torch.tensor([1000.0, 0.0, 5.0]), torch.tensor([1e-5, 0.0, 2.0]))
    out = layer(torch.tensor([[1000.001, 0.5, 7.0]]))
    torch.testing.assert_close(out, torch.tensor([[0.001, 0.5, 1.0]]), rtol=0, atol=1e-4)


def test_a_small_feature_is_still_scaled() -> None:
    layer = Standardise(1)
    layer.fit(torch.tensor([0.01]), torch.tensor([0.001]))
    torch.testing.assert_close(layer(torch.tensor([[0.012]])), torch.tensor([[2.0]]))


@pytest.mark.parametrize(
    ("mean", "std"),
    [([0.0, 0.0], [1.0, 1.0]), ([0.0], [-1.0]), ([math.nan], [1.0]), ([0.0], [math.inf])],
)
def test_wrong_statistics_are_refused(mean: list[float], std: list[float]) -> None:
    with pytest.raises(ModelError):
        Standardise(1).fit(torch.tensor(mean), torch.tensor(std))


@pytest.mark.parametrize("attention", ["clip", "batch"])
def test_xavier_draws_from_its_range(attention: str) -> None:
    built = network(spec("ms+ls", attention=attention, heads=1))
    torch.manual_seed(0)
    xavier(built)
    matrices = [
        (name, value)
        for name, value in built.named_parameters()
        if value.ndim == 2 and not name.endswith(("kind", "time"))
    ]
    assert matrices
    for name, matrix in matrices:
        bound = math.sqrt(6 / sum(matrix.shape))
        assert matrix.abs().max() <= bound, name
        if matrix.numel() > 500:
            assert matrix.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.15), name
    for name, value in built.named_parameters():
        if name.endswith("bias") and "norm" not in name:
            assert value.abs().max() == 0, name


# --- the spec -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"placement": "es+xs"}, "no placement 'es\\+xs': ns, es, ms, ls"),
        ({"scenes": "moon"}, "no scene set 'moon'"),
        ({"width": 30}, "token of 30 cannot be shared by 4"),
        ({"heads": 0}, "shared by 0"),
        ({"dropout": 1.0}, "dropout"),
        ({"seconds": 1}, "at least 2 seconds"),
        ({"modality": "visual"}, "visual classifier cannot stand on"),
        ({"embedders": PICTURES}, "joint classifier cannot stand on eye, lens"),
        ({"embedders": ()}, "no embedder"),
        ({"embedders": SOUNDS + PICTURES}, "pictures come before"),
        ({"embedders": JOINT + SOUNDS[-1:]}, "stands twice"),
        ({"embedders": PICTURES, "modality": "visual", "family": "hybrid"}, "combines two modalities"),
        ({"attention": "batch", "instance": "clip"}, "single seconds"),
        ({"attention": "batch"}, "vector of 65 between its heads, which 4 heads cannot"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        spec(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "dim", "sha256"), [("", 4, None), ("eye", 0, None), ("eye", 4, "")])
def test_an_embedder_that_is_none_is_refused(name: str, dim: int, sha256: str | None) -> None:
    with pytest.raises(ModelError):
        EmbedderRef(name, dim, Modality.PICTURE, sha256)


def test_a_vector_shorter_than_the_pieces_is_cut_into_single_numbers() -> None:
    assert SOUNDS[1].dim < PIECES
    assert spec("es").groups("es")[-1] == (1,) * SOUNDS[1].dim
    assert spec("es").groups("es")[0] == (3, 3, 3, 3, 2, 2, 2, 2)
