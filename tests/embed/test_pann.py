"""The two PANNs against what is published of them and against computations that share no code with them.

The facts are those of qiuqiangkong/audioset_tagging_cnn (``pytorch/models.py``, classes
``Wavegram_Logmel_Cnn14`` and ``Cnn10``) and torchlibrosa (``stft.py``); the numbers of parameters those of
Kong et al. 2020, arXiv:1912.10211, table of complexities; that a published file holds ``iteration`` beside
``model``, issue 55 of that repository.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vadd.embed.pann import Cnn10, WavegramLogmelCnn14, load_pann  # noqa: E402
from vadd.embed.pann_frontend import LogmelFilterBank, Spectrogram  # noqa: E402
from vadd.embed.sound_embedders import PannCnn10, PannWavegramLogmelCnn14  # noqa: E402
from vadd.errors import ModelError  # noqa: E402

RATE = 32_000
NETWORKS = {"Cnn10": Cnn10, "Wavegram_Logmel_Cnn14": WavegramLogmelCnn14}
EMBEDDERS = {"Cnn10": PannCnn10, "Wavegram_Logmel_Cnn14": PannWavegramLogmelCnn14}
#: Output channels of the blocks, and learnt parameters in all, as published.
WIDTHS = {"Cnn10": (64, 128, 256, 512), "Wavegram_Logmel_Cnn14": (64, 128, 256, 512, 1024, 2048)}
PARAMETERS = {"Cnn10": 5_219_279, "Wavegram_Logmel_Cnn14": 81_065_487}

each = pytest.mark.parametrize("name", list(NETWORKS))


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    tone = np.sin(2 * np.pi * (200 + 1500 * time) * time)
    return (0.3 * tone + generator.normal(0, 0.05, samples)).clip(-1, 1).astype(np.float32)


def mel_by_hand() -> np.ndarray:
    """``(64, 513)``: 66 edges even on Slaney's scale from 50 Hz to 14 kHz, triangles of area one."""

    def to_hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    first, last = 50 * 3 / 200, 15 + 27 * math.log(14, 6.4)
    edges = [to_hertz(first + (last - first) * i / 65) for i in range(66)]
    bins = np.arange(513) * RATE / 1024
    return np.array(
        [np.interp(bins, edges[i : i + 3], [0, 2 / (edges[i + 2] - edges[i]), 0]) for i in range(64)]
    )


def logmel_by_hand(samples: np.ndarray) -> np.ndarray:
    """``(frames, 64)`` decibels in double precision."""
    padded = np.pad(samples.astype(np.float64), 512, mode="reflect")
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / 1024) for n in range(1024)])
    frames = [padded[at : at + 1024] * window for at in range(0, len(padded) - 1023, 320)]
    power = np.abs(np.fft.rfft(frames)) ** 2
    return 10 * np.log10(np.maximum(power @ mel_by_hand().T, 1e-10))


@pytest.mark.parametrize("level", [1.0, 1e-4])
def test_the_front_end_is_the_published_one(level):
    samples = noise(RATE) * np.float32(level)
    found = LogmelFilterBank()(Spectrogram()(torch.from_numpy(samples)[None])).numpy()[0, 0]
    assert found.shape == (101, 64)
    np.testing.assert_allclose(found, logmel_by_hand(samples), rtol=0, atol=5e-3)


def test_the_front_end_is_torchlibrosas_and_loads_its_tensors():
    published = pytest.importorskip("torchlibrosa")
    spectrogram = published.Spectrogram(
        n_fft=1024, hop_length=320, win_length=1024, window="hann", center=True, pad_mode="reflect"
    )
    logmel = published.LogmelFilterBank(
        sr=RATE, n_fft=1024, n_mels=64, fmin=50, fmax=14_000, ref=1.0, amin=1e-10, top_db=None
    )
    ours = Spectrogram(), LogmelFilterBank()
    samples = torch.from_numpy(np.stack([noise(RATE, 1), noise(RATE, 2)]))
    expected = logmel(spectrogram(samples))
    np.testing.assert_allclose(ours[1](ours[0](samples)), expected, rtol=0, atol=2e-3)
    for mine, theirs in zip(ours, (spectrogram, logmel), strict=True):
        for name, tensor in theirs.state_dict().items():
            np.testing.assert_allclose(mine.state_dict()[name], tensor, rtol=0, atol=1e-6)
        mine.load_state_dict(theirs.state_dict(), strict=True)
    # The same tensors and the same operations: what is left is the order of sums.
    np.testing.assert_allclose(ours[1](ours[0](samples)), expected, rtol=0, atol=1e-4)


def published_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """The tensors of a published file's ``model``."""
    shapes: dict[str, tuple[int, ...]] = {
        "spectrogram_extractor.stft.conv_real.weight": (513, 1, 1024),
        "spectrogram_extractor.stft.conv_imag.weight": (513, 1, 1024),
        "logmel_extractor.melW": (513, 64),
    }

    def normalisation(path: str, width: int) -> None:
        for tensor in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{path}.{tensor}"] = (width,)
        shapes[f"{path}.num_batches_tracked"] = ()

    def block(path: str, before: int, after: int, kernel: tuple[int, ...]) -> None:
        shapes[f"{path}.conv1.weight"] = (after, before, *kernel)
        shapes[f"{path}.conv2.weight"] = (after, after, *kernel)
        normalisation(f"{path}.bn1", after)
        normalisation(f"{path}.bn2", after)

    normalisation("bn0", 64)
    wavegram = name.startswith("Wavegram")
    if wavegram:
        shapes["pre_conv0.weight"] = (64, 1, 11)
        normalisation("pre_bn0", 64)
        block("pre_block1", 64, 64, (3,))
        block("pre_block2", 64, 128, (3,))
        block("pre_block3", 128, 128, (3,))
        block("pre_block4", 4, 64, (3, 3))
    before = 1
    for number, after in enumerate(WIDTHS[name], start=1):
        block(f"conv_block{number}", before, after, (3, 3))
        before = 128 if wavegram and number == 1 else after
    last = WIDTHS[name][-1]
    shapes |= {"fc1.weight": (last, last), "fc1.bias": (last,)}
    shapes |= {"fc_audioset.weight": (527, last), "fc_audioset.bias": (527,)}
    return shapes


@each
def test_the_tensors_are_the_published_ones(name):
    with torch.device("meta"):
        network = NETWORKS[name]()
    state = network.state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == published_shapes(name)
    learnt = sum(value.numel() for value in network.parameters() if value.requires_grad)
    assert learnt == PARAMETERS[name]


def embed_by_hand(name: str, state: dict, samples: torch.Tensor) -> torch.Tensor:
    """A published network's evaluation written out with tensors."""
    functional = torch.nn.functional

    def normalised(x, path):
        return functional.batch_norm(
            x, *(state[f"{path}.{t}"] for t in ("running_mean", "running_var", "weight", "bias")), eps=1e-5
        )

    def block(x, path, pool):
        for at in "12":
            x = functional.conv2d(x, state[f"{path}.conv{at}.weight"], padding=1)
            x = functional.relu(normalised(x, f"{path}.bn{at}"))
        return functional.avg_pool2d(x, pool)

    decibels = np.stack([logmel_by_hand(clip) for clip in samples.numpy()])
    x = torch.from_numpy(decibels).float()  # (clips, frames, bands)
    x = normalised(x.transpose(1, 2), "bn0").transpose(1, 2)[:, None]
    x = block(x, "conv_block1", 2)
    if name.startswith("Wavegram"):
        wave = functional.conv1d(samples[:, None], state["pre_conv0.weight"], stride=5, padding=5)
        wave = functional.relu(normalised(wave, "pre_bn0"))
        for path in ("pre_block1", "pre_block2", "pre_block3"):
            wave = functional.conv1d(wave, state[f"{path}.conv1.weight"], padding=1)
            wave = functional.relu(normalised(wave, f"{path}.bn1"))
            wave = functional.conv1d(wave, state[f"{path}.conv2.weight"], padding=2, dilation=2)
            wave = functional.max_pool1d(functional.relu(normalised(wave, f"{path}.bn2")), 4)
        clips, _, frames = wave.shape
        wave = wave.reshape(clips, 4, 32, frames).transpose(2, 3)
        x = torch.cat([x, block(wave, "pre_block4", (2, 1))], dim=1)
    for number in range(2, len(WIDTHS[name]) + 1):
        x = block(x, f"conv_block{number}", 1 if number == 6 else 2)
    x = x.mean(3)
    x = x.max(2).values + x.mean(2)
    return functional.relu(functional.linear(x, state["fc1.weight"], state["fc1.bias"]))


@each
def test_equal_random_weights_give_the_published_embedding(name):
    embedder = EMBEDDERS[name].with_random_weights(4, threads=1, precision="fp32")
    network = embedder.network()
    samples = torch.from_numpy(np.stack([noise(RATE, 3), noise(RATE, 4)]))
    with torch.inference_mode():
        found = network(samples)
        expected = embed_by_hand(name, network.state_dict(), samples)
    assert found.shape == (2, WIDTHS[name][-1])
    assert (found >= 0).all()
    assert 0.1 < (found > 0).float().mean() < 0.9
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * float(expected.max()))


def test_the_classes_are_read_from_the_embedding():
    network = PannCnn10.with_random_weights(4, threads=1).network()
    embedding = torch.rand(3, 512)
    logits = embedding @ network.fc_audioset.weight.T + network.fc_audioset.bias
    np.testing.assert_allclose(network.scores(embedding), 1 / (1 + np.exp(-logits.numpy())), atol=1e-6)


def random_state(name: str, seed: int) -> dict:
    generator = torch.Generator().manual_seed(seed)
    return {
        key: torch.rand(shape, generator=generator) if shape else torch.tensor(1)
        for key, shape in published_shapes(name).items()
    }


def test_a_published_file_is_read(tmp_path):
    state = random_state("Cnn10", 1)
    path = tmp_path / "Cnn10_mAP=0.380.pth"
    torch.save({"iteration": 600_000, "model": state}, path)
    network = Cnn10()
    load_pann(network, path)
    loaded = network.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state.items())


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("the file's code was run",))


@pytest.mark.parametrize("how", ["other network", "code", "cut", "missing", "no tensors"])
def test_another_file_is_refused(tmp_path, how):
    path = tmp_path / "bad.pth"
    state = random_state("Cnn10", 2)
    if how == "other network":
        torch.save({"model": {**state, "conv_block5.conv1.weight": torch.zeros(1)}}, path)
    if how == "code":
        torch.save({"model": state, "sampler": Harmful()}, path)
    if how == "cut":
        torch.save({"model": state}, path)
        path.write_bytes(path.read_bytes()[:-20_000])
    if how == "no tensors":
        torch.save({"model": {"fc1.weight": 3}}, path)
    with pytest.raises(ModelError, match=r"bad\.pth"):
        load_pann(Cnn10(), path)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [("0.3", [0]), ("1", [0]), ("1.4", [0]), ("1.5", [0, 0.5]), ("2.9", [0, 1, 1.9]), ("10", range(10))],
)
def test_a_window_a_second_the_last_one_moved_back(seconds, starts):
    samples = noise(int(Fraction(seconds) * RATE), 5)
    found = list(PannCnn10(threads=1).windows([samples]))
    assert [window.second for window in found] == list(range(len(starts)))
    for window, start in zip(found, starts, strict=True):
        heard = samples[round(start * RATE) :][:RATE]
        assert np.array_equal(window.samples[: len(heard)], heard)
        assert not window.samples[len(heard) :].any()
        assert window.samples.shape == (RATE,)


@pytest.mark.parametrize("block", [1, 777, 32_000, 90_000])
def test_blocks_do_not_matter(block):
    samples = noise(int(2.6 * RATE), 6)
    embedder = PannCnn10(threads=1)
    whole = list(embedder.windows([samples]))
    parts = list(embedder.windows(samples[at : at + block] for at in range(0, len(samples), block)))
    assert [window.second for window in parts] == [window.second for window in whole]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(parts, whole, strict=True))


@pytest.mark.parametrize(("seconds", "length"), [("0.3", 1), ("1.4", 1), ("1.5", 2), ("10", 10)])
def test_one_vector_a_second_whatever_the_batch(seconds, length):
    samples = noise(int(Fraction(seconds) * RATE), 7)
    found = []
    for batch in (1, 4):
        embedder = PannCnn10.with_random_weights(3, threads=1, precision="fp32", batch=batch)
        found.append(np.stack([result.vector for result in embedder.embed([samples])]))
    assert found[0].shape == (length, 512)
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-4 * found[0].max())


@each
def test_silence_is_finite(name):
    embedder = EMBEDDERS[name].with_random_weights(3, threads=1)
    [result] = embedder.embed([np.zeros(RATE, np.float32)])
    assert result.vector.shape == (embedder.card.dim,)
    assert np.isfinite(result.vector).all()
    assert list(embedder.embed([])) == []
