"""Our IOV network against computations that share no code with it; it has no published original."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from vadd.embed.iov import CLASSES, IovNet, load_iov, log_mel, save_iov  # noqa: E402
from vadd.embed.sound_embedders import IovCnn420  # noqa: E402
from vadd.errors import ModelError  # noqa: E402

RATE = 32_000


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    tone = np.sin(2 * np.pi * (200 + 1500 * time) * time)
    return (0.3 * tone + generator.normal(0, 0.05, samples)).clip(-1, 1).astype(np.float32)


def log_mel_by_hand(samples: np.ndarray) -> np.ndarray:
    """``(128, frames)`` decibels in double precision."""

    def to_hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    last = 15 + 27 * math.log(16, 6.4)
    edges = [to_hertz(last * i / 129) for i in range(130)]
    bins = np.arange(1025) * RATE / 2048
    bank = [np.interp(bins, edges[i : i + 3], [0, 2 / (edges[i + 2] - edges[i]), 0]) for i in range(128)]
    padded = np.pad(samples.astype(np.float64), 1024, mode="reflect")
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / 2048) for n in range(2048)])
    frames = [padded[at : at + 2048] * window for at in range(0, len(padded) - 2047, 320)]
    return 10 * np.log10(np.maximum(np.array(bank) @ (np.abs(np.fft.rfft(frames)) ** 2).T, 1e-10))


def test_the_front_end_is_the_described_one():
    samples = noise(RATE)
    found = log_mel(torch.from_numpy(samples)[None]).numpy()[0, 0]
    assert found.shape == (128, 101)
    np.testing.assert_allclose(found, log_mel_by_hand(samples), rtol=0, atol=5e-3)


def features_by_hand(state: dict, x: torch.Tensor) -> torch.Tensor:
    """The evaluation of the network written out with tensors; ``x`` is ``(n, 128, frames)``."""
    functional = torch.nn.functional

    def normalised(x, path):
        return functional.batch_norm(
            x, *(state[f"{path}.{t}"] for t in ("running_mean", "running_var", "weight", "bias")), eps=1e-5
        )

    x = normalised(x, "band_norm")[:, None]
    x = functional.relu(normalised(functional.conv2d(x, state["stem.0.weight"], padding=1), "stem.1"))
    for number in range(4):
        x = functional.avg_pool2d(x, 2)  # after the stem, then between the blocks
        path = f"blocks.{2 * number}"
        y = functional.conv2d(x, state[f"{path}.body.0.weight"], padding=1)
        y = functional.relu(normalised(y, f"{path}.body.1"))
        y = normalised(functional.conv2d(y, state[f"{path}.body.4.weight"]), f"{path}.body.5")
        if number:
            x = functional.conv2d(x, state[f"{path}.shortcut.0.weight"])
            x = normalised(x, f"{path}.shortcut.1")
        x = functional.relu(x + y)
    return x.mean((2, 3))


def test_the_network_is_the_described_one():
    embedder = IovCnn420.with_random_weights(2, threads=1, precision="fp32")
    features = embedder.network()
    network = features.network
    samples = torch.from_numpy(np.stack([noise(RATE, 1), noise(RATE, 2)]))
    with torch.inference_mode():
        found = features(log_mel(samples))
        spectrograms = np.stack([log_mel_by_hand(clip) for clip in samples.numpy()])
        expected = features_by_hand(network.state_dict(), torch.from_numpy(spectrograms).float())
        logits = network(log_mel(samples))
    assert found.shape == (2, 256)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * float(expected.max()))
    by_hand = expected @ network.head.weight.T + network.head.bias
    np.testing.assert_allclose(logits, by_hand, rtol=0, atol=1e-3 * float(by_hand.abs().max()))


def test_it_has_a_convolution_block_four_residual_blocks_and_dropout_in_all():
    network = IovNet()
    blocks = [network.stem, *(block for block in network.blocks if not isinstance(block, torch.nn.AvgPool2d))]
    assert len(blocks) == 5
    for block in blocks:
        drops = [layer.p for layer in block.modules() if isinstance(layer, torch.nn.Dropout)]
        norms = [layer for layer in block.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
        assert drops == [0.1]
        assert norms
    # What the name seems to count: thousands of parameters.
    assert round(sum(value.numel() for value in network.parameters()), -4) == 420_000


def test_it_learns():
    torch.manual_seed(1)
    network = IovNet().train()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    time = torch.arange(RATE // 4) / RATE
    pitches = torch.tensor([200.0, 1000.0, 5000.0]).repeat(4)
    sounds = torch.sin(2 * torch.pi * pitches[:, None] * time) * 0.3 + 0.05 * torch.randn(12, len(time))
    inputs, labels = log_mel(sounds), torch.arange(3).repeat(4)
    losses = []
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(network(inputs), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 4
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in network.parameters())


def test_what_is_saved_is_what_is_loaded(tmp_path):
    torch.manual_seed(2)
    network, other = IovNet(), IovNet()
    network(torch.randn(4, 1, 128, 32))  # moves the batch norms' running values
    save_iov(network, tmp_path / "iov.safetensors")
    load_iov(other, tmp_path / "iov.safetensors")
    state = other.state_dict()
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())
    assert len(CLASSES) == network.head.out_features == 3


@pytest.mark.parametrize("how", ["ten classes", "cut", "missing"])
def test_another_file_is_refused(tmp_path, how):
    path = tmp_path / "bad.safetensors"
    if how != "missing":
        save_iov(IovNet(classes=10), path)
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"bad\.safetensors"):
        load_iov(IovNet(), path)


def test_a_classifier_has_classes():
    with pytest.raises(ValueError, match="at least 2"):
        IovNet(classes=1)


@pytest.mark.parametrize(("seconds", "length"), [("0.3", 1), ("1.4", 1), ("1.5", 2), ("10", 10)])
def test_one_vector_a_second_whatever_batch_and_blocks(seconds, length):
    samples = noise(int(Fraction(seconds) * RATE), 3)
    found = []
    for batch, block in ((1, len(samples)), (4, 1000), (16, 50_000)):
        embedder = IovCnn420.with_random_weights(3, threads=1, precision="fp32", batch=batch)
        blocks = (samples[at : at + block] for at in range(0, len(samples), block))
        found.append(np.stack([result.vector for result in embedder.embed(blocks)]))
    assert found[0].shape == (length, 256)
    for other in found[1:]:
        np.testing.assert_allclose(found[0], other, rtol=0, atol=1e-4 * found[0].max())


def test_silence_is_finite():
    embedder = IovCnn420.with_random_weights(3, threads=1)
    [result] = embedder.embed([np.zeros(RATE, np.float32)])
    assert np.isfinite(result.vector).all()


def test_without_weights_it_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("VADD_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="train-iov"):
        list(IovCnn420(threads=1).embed([noise(RATE)]))


def test_trained_weights_are_added_and_used(tmp_path, monkeypatch):
    from vadd.embed import catalog, shelf

    monkeypatch.setenv("VADD_HOME", str(tmp_path / "home"))
    torch.manual_seed(4)
    network = IovNet().eval()
    save_iov(network, tmp_path / "mine.safetensors")
    shelf.add("iov_cnn420", tmp_path / "mine.safetensors")
    embedder = catalog.load("iov_cnn420", threads=1)
    [result] = embedder.embed([noise(RATE, 5)])
    with torch.inference_mode():
        expected = network.features(log_mel(torch.from_numpy(noise(RATE, 5))[None])).numpy()[0]
    cosine = result.vector @ expected / np.linalg.norm(result.vector) / np.linalg.norm(expected)
    assert cosine > 0.999  # half precision where the processor has it
