"""OpenL3 against what is published of it and against computations that share no code with it.

The facts are those of marl/openl3 0.4: ``openl3/models.py`` (``_construct_mel256_audio_network``, the pooling
of the 512-d embedding, the decibels of kapre 0.1.4), ``openl3/core.py`` (``_center_audio``, ``_pad_audio``),
and kapre 0.3.5 (``composed.py``, ``backend.py``), whose defaults it takes.
"""

from __future__ import annotations

import gzip
import math
from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")
h5py = pytest.importorskip("h5py")

from vadd.embed.openl3 import OpenL3Net, load_openl3  # noqa: E402
from vadd.embed.openl3_frontend import OpenL3Frontend  # noqa: E402
from vadd.embed.slaney import slaney_mel  # noqa: E402
from vadd.embed.sound_embedders import OpenL3MusicMel256  # noqa: E402
from vadd.errors import ModelError  # noqa: E402
from vadd.timeline import grid_length  # noqa: E402

RATE = 48_000
#: Input and output channels of the eight convolutions.
CONVOLUTIONS = [(1, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    """Coloured noise with a tone that comes and goes: something in every band, loud and quiet stretches."""
    generator = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    brown = np.cumsum(generator.normal(0, 1, samples))
    brown /= np.abs(brown).max() + 1
    tone = np.sin(2 * np.pi * (300 + 2000 * time) * time) * (np.sin(2 * np.pi * 1.3 * time) > 0)
    return (0.2 * brown + 0.2 * tone + 0.01 * generator.normal(0, 1, samples)).clip(-1, 1).astype(np.float32)


def mel_edges(bands: int, lowest: float, highest: float) -> list[float]:
    """Slaney's scale by its definition: 200/3 Hz a mel up to 1 kHz, then 27 mels for each factor 6.4."""

    def to_mel(hertz: float) -> float:
        return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000, 6.4)

    def to_hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    first, last = to_mel(lowest), to_mel(highest)
    return [to_hertz(first + (last - first) * i / (bands + 1)) for i in range(bands + 2)]


def mel_by_hand(rate: int, fft: int, bands: int, lowest: float, highest: float) -> np.ndarray:
    """``(bands, bins)`` in double precision: triangles by interpolation, each of area one."""
    edges = mel_edges(bands, lowest, highest)
    bins = np.arange(fft // 2 + 1) * rate / fft
    return np.array(
        [np.interp(bins, edges[i : i + 3], [0, 2 / (edges[i + 2] - edges[i]), 0]) for i in range(bands)]
    )


def spectrogram_by_hand(second: np.ndarray) -> np.ndarray:
    """``(256, 199)`` decibels in double precision, frame by frame."""
    samples = np.concatenate([second.astype(np.float64), np.zeros(2048)])
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * n / 2048) for n in range(2048)])
    frames = [samples[at : at + 2048] * window for at in range(0, RATE, 242)]
    bands = np.abs(np.fft.rfft(frames)) @ mel_by_hand(RATE, 2048, 256, 0, 24_000).T
    decibels = 10 * np.log10(np.maximum(bands, 1e-10)).T
    return np.maximum(decibels - decibels.max(), -80)


@pytest.mark.parametrize("bank", [(48_000, 2048, 256, 0.0, 24_000.0), (32_000, 1024, 64, 50.0, 14_000.0)])
def test_the_mel_bank_is_slaneys(bank):
    np.testing.assert_allclose(slaney_mel(*bank).T, mel_by_hand(*bank), rtol=0, atol=1e-8)


@pytest.mark.parametrize("bank", [(48_000, 2048, 256, 0.0, 24_000.0), (32_000, 1024, 64, 50.0, 14_000.0)])
def test_the_mel_bank_is_librosas_to_the_last_bit(bank):
    filters = pytest.importorskip("librosa.filters")
    rate, fft, bands, lowest, highest = bank
    published = filters.mel(sr=rate, n_fft=fft, n_mels=bands, fmin=lowest, fmax=highest)
    assert np.array_equal(slaney_mel(*bank).T, published)


@pytest.mark.parametrize("kind", ["noise", "quiet", "click", "tone"])
def test_the_front_end_is_the_published_one(kind):
    second = noise(RATE)
    if kind == "quiet":
        second = second * np.float32(1e-4)
    if kind == "click":
        second = np.zeros(RATE, np.float32)
        second[RATE - 1] = 1
    if kind == "tone":
        second = np.sin(2 * np.pi * 5000 * np.arange(RATE) / RATE).astype(np.float32)
    found = OpenL3Frontend()(torch.from_numpy(second)[None]).numpy()[0, 0]
    expected = spectrogram_by_hand(second)
    assert found.shape == (256, 199)
    # The empty bands of a pure tone hold little but the rounding of single precision.
    heard = expected > -40
    assert heard.any()
    np.testing.assert_allclose(found[heard], expected[heard], rtol=0, atol=2e-3)
    if kind != "tone":
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-2)


def test_silence_is_finite():
    spectrogram = OpenL3Frontend()(torch.zeros(1, RATE))
    assert torch.equal(spectrogram, torch.zeros(1, 1, 256, 199))
    embedder = OpenL3MusicMel256.with_random_weights(1, rate=1, threads=1)
    [result] = embedder.embed([np.zeros(RATE, np.float32)])
    assert np.isfinite(result.vector).all()


def published_shapes() -> dict[str, tuple[int, ...]]:
    """The tensors of the published network, in PyTorch's layout, under Keras's layer names."""
    shapes: dict[str, tuple[int, ...]] = {}

    def normalisation(number: int, width: int) -> None:
        for tensor in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"batch_normalization_{number}.{tensor}"] = (width,)
        shapes[f"batch_normalization_{number}.num_batches_tracked"] = ()

    normalisation(1, 1)
    for number, (before, after) in enumerate(CONVOLUTIONS, start=1):
        layer = f"conv2d_{number}" if number < 8 else "audio_embedding_layer"
        shapes[f"{layer}.weight"], shapes[f"{layer}.bias"] = (after, before, 3, 3), (after,)
        if number < 8:
            normalisation(number + 1, after)
    return shapes


def test_the_tensors_are_the_published_ones():
    with torch.device("meta"):
        state = OpenL3Net().state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == published_shapes()


def keras_layers(seed: int) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Random layers as Keras holds them: kernels (height, width, in, out)."""
    generator = np.random.default_rng(seed)

    def normalisation(width: int) -> dict[str, np.ndarray]:
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        return {name: generator.uniform(0.5, 1.5, width).astype(np.float32) for name in names}

    layers = [("batch_normalization", normalisation(1))]
    for number, (before, after) in enumerate(CONVOLUTIONS):
        kernel = generator.normal(0, (2 / (9 * before)) ** 0.5, (3, 3, before, after)).astype(np.float32)
        bias = generator.normal(0, 0.1, after).astype(np.float32)
        layers.append(("conv2d" if number < 7 else "audio_embedding_layer", {"kernel": kernel, "bias": bias}))
        if number < 7:
            layers.append(("batch_normalization", normalisation(after)))
    return layers


def write_keras(path, layers, *, first_number=1, wrapped=False, weightless=True):
    """A file as Keras writes it; layers without weights stand between the others."""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if wrapped else file
        names: list[bytes] = []
        counts: dict[str, int] = {}
        for kind, tensors in layers:
            if weightless:
                names.append(f"activation_{len(names)}".encode())
                root.create_group(names[-1].decode()).attrs["weight_names"] = np.array([], "S1")
            counts[kind] = counts.get(kind, first_number - 1) + 1
            name = kind if kind == "audio_embedding_layer" else f"{kind}_{counts[kind]}"
            group = root.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{tensor}:0".encode() for tensor in tensors]
            for tensor, value in tensors.items():
                group.create_dataset(f"{name}/{tensor}:0", data=value)
            names.append(name.encode())
        root.attrs["layer_names"] = names
    return path


def embed_by_hand(layers, second: np.ndarray) -> np.ndarray:
    """The published network written out with tensors, from Keras's layout, in double precision."""
    functional = torch.nn.functional
    tensors = [
        {name: torch.from_numpy(value).double() for name, value in layer.items()} for _, layer in layers
    ]

    def normalised(x, layer):
        shift = (x - layer["moving_mean"][:, None, None]) / torch.sqrt(layer["moving_variance"] + 1e-3)[
            :, None, None
        ]
        return shift * layer["gamma"][:, None, None] + layer["beta"][:, None, None]

    x = normalised(torch.from_numpy(spectrogram_by_hand(second))[None, None], tensors[0])
    for number in range(8):
        layer = tensors[1 + 2 * number]
        x = functional.conv2d(x, layer["kernel"].permute(3, 2, 0, 1), layer["bias"], padding="same")
        if number < 7:
            x = normalised(x, tensors[2 + 2 * number]).clamp(min=0)
        if number in (1, 3, 5):
            x = functional.max_pool2d(x, (2, 2), stride=2)
    assert x.shape == (1, 512, 32, 24)
    return functional.max_pool2d(x, (32, 24)).flatten().numpy()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    layers = keras_layers(5)
    return layers, write_keras(tmp_path_factory.mktemp("openl3") / "openl3.h5", layers)


def test_the_published_layout_gives_the_published_network(weights):
    layers, path = weights
    network = OpenL3Net().eval()
    load_openl3(network, path)
    second = noise(RATE, 1)
    with torch.inference_mode():
        found = network(torch.from_numpy(second)[None]).numpy()[0]
    expected = embed_by_hand(layers, second)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("first_number", "wrapped", "weightless", "packed"),
    [(1, False, True, True), (9, False, False, False), (1, True, True, False)],
)
def test_a_file_is_read_by_order_gzipped_or_not(weights, tmp_path, first_number, wrapped, weightless, packed):
    layers, path = weights
    expected, network = OpenL3Net(), OpenL3Net()
    load_openl3(expected, path)
    other = write_keras(
        tmp_path / "other.h5", layers, first_number=first_number, wrapped=wrapped, weightless=weightless
    )
    if packed:
        other = tmp_path / "other.h5.gz"
        other.write_bytes(gzip.compress((tmp_path / "other.h5").read_bytes(), 1))
    load_openl3(network, other)
    state = network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in expected.state_dict().items())


def damaged(layers, how, tmp_path):
    path = tmp_path / "bad.h5"
    if how == "0.3, with the spectrogram's own weights":
        extra = {"real_kernels": np.zeros((2, 2), np.float32)}
        return write_keras(path, [("melspectrogram", extra), *layers])
    if how == "the picture's network":
        return write_keras(path, [*layers[:-1], ("vision_embedding_layer", layers[-1][1])])
    if how == "other widths":
        kind, tensors = layers[1]
        return write_keras(
            path, [layers[0], (kind, {**tensors, "bias": np.zeros(63, np.float32)}), *layers[2:]]
        )
    if how == "no bias":
        kind, tensors = layers[1]
        return write_keras(path, [layers[0], (kind, {"kernel": tensors["kernel"]}), *layers[2:]])
    if how == "no weights of Keras":
        with h5py.File(path, "w") as file:
            file["something"] = 1
    if how == "no HDF5":
        path.write_bytes(b"something")
    if how == "missing":
        return tmp_path / "nowhere.h5"
    whole = write_keras(tmp_path / "whole.h5", layers).read_bytes()
    if how == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    if how == "gzip cut":
        path.write_bytes(gzip.compress(whole, 1)[:-1000])
    if how == "gzip damaged":
        packed = bytearray(gzip.compress(whole, 1))
        packed[len(packed) // 2] ^= 255
        path.write_bytes(bytes(packed))
    return path


@pytest.mark.parametrize(
    "how",
    [
        "0.3, with the spectrogram's own weights", "the picture's network", "other widths", "no bias",
        "no weights of Keras", "no HDF5", "missing", "cut", "gzip cut", "gzip damaged",
    ],
)  # fmt: skip
def test_another_file_is_refused_and_changes_nothing(weights, tmp_path, how):
    network = OpenL3Net()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    path = damaged(weights[0], how, tmp_path)
    with pytest.raises(ModelError, match=path.name) as caught:
        load_openl3(network, path)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def windows_by_hand(samples: np.ndarray, hop: int = 1142) -> list[tuple[Fraction, np.ndarray]]:
    """Centre and samples of OpenL3's windows: zeros for half a second before, and behind to a whole hop."""
    centred = np.concatenate([np.zeros(RATE // 2, np.float32), samples])
    missing = max(0, RATE - len(centred))
    if not missing:
        missing = math.ceil((len(centred) - RATE) / hop) * hop - (len(centred) - RATE)
    padded = np.concatenate([centred, np.zeros(missing, np.float32)])
    count = 1 + (len(padded) - RATE) // hop
    return [(Fraction(i * hop, RATE), padded[i * hop : i * hop + RATE]) for i in range(count)]


@pytest.mark.parametrize(
    "seconds", ["0.001", "0.3", "1", "1.4", "1.4999", "1.5", "2.03", "3.7", "10", "34.2"]
)
def test_the_windows_are_the_published_ones_and_every_second_has_some(seconds):
    samples = noise(int(Fraction(seconds) * RATE), 2)
    expected = windows_by_hand(samples)
    length = grid_length(Fraction(len(samples), RATE))
    found = list(OpenL3MusicMel256(threads=1).windows([samples]))
    assert len(found) == len(expected)
    for window, (centre, heard) in zip(found, expected, strict=True):
        assert window.second == min(int(centre), length - 1)
        assert np.array_equal(window.samples, heard)
    assert sorted({window.second for window in found}) == list(range(length))


@pytest.mark.parametrize("block", [1, 997, 48_000, 100_000])
def test_blocks_do_not_matter(block):
    samples = noise(int(2.7 * RATE), 4)
    embedder = OpenL3MusicMel256(threads=1)
    whole = list(embedder.windows([samples]))
    parts = list(embedder.windows(samples[at : at + block] for at in range(0, len(samples), block)))
    assert [window.second for window in parts] == [window.second for window in whole]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(parts, whole, strict=True))


def test_a_long_clip_is_not_kept():
    import tracemalloc

    block = np.zeros(RATE, np.float32)
    embedder = OpenL3MusicMel256(threads=1, rate=1)
    peaks = []
    for seconds in (10, 200):
        tracemalloc.start()
        count = sum(1 for _ in embedder.windows(block for _ in range(seconds)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == seconds
    assert peaks[1] < peaks[0] + RATE


def test_no_sound_has_no_second():
    assert list(OpenL3MusicMel256(threads=1).windows([])) == []


@pytest.mark.parametrize("rate", [1, 2, 5, 21, 41])
def test_a_lower_rate_takes_some_of_the_same_windows_evenly(rate):
    samples = noise(int(3.6 * RATE), 6)
    every = windows_by_hand(samples)
    for second in range(4):
        own = [
            window for window in OpenL3MusicMel256(rate=rate).windows([samples]) if window.second == second
        ]
        there = [heard for centre, heard in every if min(int(centre), 3) == second]
        assert len(own) == min(rate, len(there))
        at = [
            next(i for i, heard in enumerate(there) if np.array_equal(heard, window.samples))
            for window in own
        ]
        ideal = [(part + 0.5) * len(there) / len(own) - 0.5 for part in range(len(own))]
        assert np.abs(np.array(at) - ideal).max() <= 0.5


@pytest.mark.parametrize("rate", [0, 43, -1])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match="rate"):
        OpenL3MusicMel256(rate=rate)


@pytest.mark.parametrize("bad", [np.zeros((2, 3), np.float32), np.zeros(9), np.full(9, np.nan, np.float32)])
def test_what_is_no_sound_is_refused(bad):
    with pytest.raises(ValueError, match="block of sound"):
        list(OpenL3MusicMel256(threads=1).windows([bad]))


def test_a_second_is_the_mean_of_its_windows():
    samples = noise(int(0.6 * RATE), 7)
    embedder = OpenL3MusicMel256.with_random_weights(2, threads=1, precision="fp32", batch=4)
    [result] = embedder.embed([samples])
    network = embedder.network()
    with torch.inference_mode():
        alone = [network(torch.from_numpy(heard)[None]).numpy()[0] for _, heard in windows_by_hand(samples)]
    assert len(alone) == 6
    assert result.vector.dtype == np.float32
    expected = np.mean(alone, axis=0)
    np.testing.assert_allclose(result.vector, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(("seconds", "length"), [("0.3", 1), ("1.4", 1), ("1.5", 2), ("10", 10)])
def test_one_vector_a_second(seconds, length):
    samples = noise(int(Fraction(seconds) * RATE), 8)
    embedder = OpenL3MusicMel256.with_random_weights(3, rate=1, threads=1)
    found = [result.vector for result in embedder.embed([samples])]
    assert np.shape(found) == (length, 512)
    assert np.isfinite(found).all()


def test_the_batch_does_not_matter():
    samples, found = noise(RATE * 2, 9), []
    for batch in (1, 2, 5):
        embedder = OpenL3MusicMel256.with_random_weights(3, rate=2, threads=1, precision="fp32", batch=batch)
        found.append(np.stack([result.vector for result in embedder.embed([samples])]))
    for other in found[1:]:
        np.testing.assert_allclose(found[0], other, rtol=0, atol=1e-4 * np.abs(found[0]).max())


def test_a_lower_rate_stays_near_the_papers(record_property):
    """Random weights: what the rate does to the mean over windows, not how good the network is."""
    samples = noise(int(1.2 * RATE), 10)
    windows = list(OpenL3MusicMel256(threads=1).windows([samples]))
    embedder = OpenL3MusicMel256.with_random_weights(4, threads=1, precision="fp32")
    vectors = np.concatenate(
        [
            embedder.forward(np.stack([w.samples for w in windows[at : at + 6]]))
            for at in range(0, len(windows), 6)
        ]
    )
    mean = vectors.mean(axis=0)
    for rate in (1, 2, 6, 21):
        kept = list(OpenL3MusicMel256(threads=1, rate=rate).windows([samples]))
        own = [i for i, w in enumerate(windows) if any(np.array_equal(w.samples, k.samples) for k in kept)]
        assert len(own) == min(rate, len(windows))
        part = vectors[own].mean(axis=0)
        cosine = float(part @ mean / np.linalg.norm(part) / np.linalg.norm(mean))
        record_property(f"cosine at {rate} Hz", cosine)
        assert cosine > 0.9


def test_the_published_file_goes_by_way_of_the_shelf(weights, tmp_path, monkeypatch):
    from vadd.embed import catalog, shelf

    monkeypatch.setenv("VADD_HOME", str(tmp_path / "home"))
    layers, path = weights
    packed = tmp_path / "openl3_audio_mel256_music-v0_4_0.h5.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    shelf.add("openl3_music_mel256", packed)
    second = noise(RATE, 1)
    expected = embed_by_hand(layers, second)
    found = catalog.load("openl3_music_mel256", threads=1).forward(second[None])[0]
    cosine = found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)
    assert cosine > 0.999  # half precision where the processor has it


def test_the_card_names_the_rate():
    assert OpenL3MusicMel256(rate=7).card.preprocessing[0] == ("windows a second", 7)
    assert OpenL3MusicMel256.card.preprocessing[0] == ("windows a second", 42)
