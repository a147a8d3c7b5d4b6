"""The picture networks of the paper: equal to their publishers' under equal random weights."""

from __future__ import annotations

from functools import cache
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from vadd.embed import catalog
from vadd.embed.efficientnet_v2 import EfficientNetV2L
from vadd.embed.open_clip_vit import ClipH14Laion2b
from vadd.embed.places365 import DenseNet161Places365, ResNet50Places365, WideResNet18Places365
from vadd.embed.torch_embedder import native_bf16
from vadd.embed.vit_swag import Layer, VitH14Swag
from vadd.errors import ModelError

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
open_clip = pytest.importorskip("open_clip")

#: Class, and options that make it small enough for a test where it is not.
NETWORKS = {
    "clip_h14_laion2b": (ClipH14Laion2b, {"depth": 2}),
    "densenet161_places365": (DenseNet161Places365, {}),
    "efficientnet_v2_l": (EfficientNetV2L, {}),
    "resnet50_places365": (ResNet50Places365, {}),
    "vit_h14_swag": (VitH14Swag, {"depth": 1}),
    "wideresnet18_places365": (WideResNet18Places365, {}),
}
#: Sizes of frames: lying, standing, square, odd, smaller than the input, exactly it.
SIZES = [(270, 480), (640, 360), (300, 300), (333, 517), (40, 71), (256, 256), (224, 224), (481, 480)]

every = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch, tmp_path):
    monkeypatch.setenv("VADD_HOME", str(tmp_path / "home"))
    torch.set_num_threads(1)


def frame(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth shapes with noise on them, which tell interpolations and shifts apart."""
    draw = np.random.default_rng((height, width, seed))
    coarse = Image.fromarray(draw.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return (smooth + draw.integers(-40, 41, smooth.shape)).clip(0, 255).astype(np.uint8)


@cache
def embedder(name: str):
    """One random network a name and process; single precision, two frames at a time."""
    kind, options = NETWORKS[name]
    return kind.with_random_weights(7, threads=1, precision="fp32", batch=2, device="cpu", **options)


def published_transform(name: str):
    if name == "vit_h14_swag":
        return torchvision.models.ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1.transforms()
    if name == "efficientnet_v2_l":
        return torchvision.models.EfficientNet_V2_L_Weights.IMAGENET1K_V1.transforms()
    if name == "clip_h14_laion2b":
        config = open_clip.get_pretrained_cfg("ViT-H-14", "laion2b_s32b_b79k")
        return open_clip.image_transform(
            224,
            is_train=False,
            mean=config.get("mean"),
            std=config.get("std"),
            interpolation=config.get("interpolation"),
            resize_mode=config.get("resize_mode"),
        )
    steps = torchvision.transforms
    return steps.Compose(
        [
            steps.Resize(256),
            steps.CenterCrop(224),
            steps.ToTensor(),
            steps.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )


def prepared(ours, *frames: np.ndarray):
    return ours._encode(torch.from_numpy(np.stack(list(ours._prepare(frames)))))


def published_network(name: str, ours):
    """The publisher's own model up to the same vector, with our embedder's weights."""
    state = ours.network().state_dict()
    models = torchvision.models
    if name == "clip_h14_laion2b":
        tower = open_clip.get_model_config("ViT-H-14")["vision_cfg"] | {"layers": NETWORKS[name][1]["depth"]}
        text = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
        model = open_clip.CLIP(1024, tower, text).eval()
        model.visual.load_state_dict(state)
        return model.encode_image
    if name == "vit_h14_swag":
        model = models.VisionTransformer(518, 14, NETWORKS[name][1]["depth"], 16, 1280, 5120).eval()
        model.load_state_dict(state)
        return model
    if name == "wideresnet18_places365":
        return partial_resnet(state)
    part = "fc" if name == "resnet50_places365" else "classifier"
    kind = {"densenet161_places365": "densenet161", "resnet50_places365": "resnet50"}.get(name, name)
    model = getattr(models, kind)().eval()
    missing, strange = model.load_state_dict(state, strict=False)
    assert not strange
    assert all(lacking.startswith(part) for lacking in missing)
    seen = []
    getattr(model, part).register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))

    def penultimate(batch):
        model(batch)
        return seen.pop()

    return penultimate


def partial_resnet(state):
    """wideresnet.py of CSAILVision/places365 as its forward is written: no pooling first, 14x14 last."""
    from torch.nn import functional

    def norm(x, name):
        keys = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *(state[f"{name}.{key}"] for key in keys))

    def forward(x):
        x = functional.conv2d(x, state["conv1.weight"], stride=2, padding=3)
        x = functional.relu(norm(x, "bn1"))
        for layer in range(1, 5):
            for block in range(2):
                at, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
                kept = x
                x = functional.conv2d(x, state[f"{at}.conv1.weight"], stride=stride, padding=1)
                x = functional.relu(norm(x, f"{at}.bn1"))
                x = norm(functional.conv2d(x, state[f"{at}.conv2.weight"], padding=1), f"{at}.bn2")
                if stride == 2:
                    kept = functional.conv2d(kept, state[f"{at}.downsample.0.weight"], stride=2)
                    kept = norm(kept, f"{at}.downsample.1")
                x = functional.relu(x + kept)
        assert x.shape[-2:] == (14, 14)
        return functional.avg_pool2d(x, 14).flatten(1)

    return forward


@every
def test_it_is_in_the_catalog(name):
    assert catalog.card(name) == NETWORKS[name][0].card
    assert type(catalog.load(name)) is NETWORKS[name][0]


@every
@pytest.mark.parametrize("size", SIZES)
def test_preprocessing_is_the_published_one_to_the_bit(name, size):
    picture = frame(*size)
    wanted = published_transform(name)(Image.fromarray(picture))
    found = prepared(embedder(name), picture)[0]
    assert found.dtype == torch.float32
    assert torch.equal(found, wanted)


def test_the_card_tells_the_preprocessing():
    for name, (kind, _) in NETWORKS.items():
        steps, transform = dict(kind.card.preprocessing), published_transform(name)
        stages = getattr(transform, "transforms", None)
        if stages is None:
            told = (transform.resize_size[0], transform.crop_size[0], transform.interpolation)
            scale = (transform.mean, transform.std)
        else:
            told = (stages[0].size, stages[1].size[0], stages[0].interpolation)
            scale = (stages[-1].mean, stages[-1].std)
        assert steps["resize"] == f"shorter side to {told[0]}, {told[2].value}, antialiased"
        assert steps["crop"] == f"centre {told[1]}x{told[1]}"
        assert (steps["mean"], steps["std"]) == tuple(tuple(values) for values in scale)
        assert kind.card.frame_side == told[0]


@pytest.mark.parametrize("shape", [(3, 120), (120, 3), (5, 90)])
def test_slivers_are_cut_where_it_does_not_show(shape):
    picture = frame(*shape)
    wanted = published_transform("resnet50_places365")(Image.fromarray(picture))
    assert torch.equal(prepared(embedder("resnet50_places365"), picture)[0], wanted)


@pytest.mark.parametrize("shape", [(1, 8192), (8192, 1), (1, 1)])
def test_slivers_cost_no_memory(shape, monkeypatch):
    scaled = []
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image, "resize", lambda self, size, *rest: scaled.append(size) or resize(self, size, *rest)
    )
    assert (VitH14Swag.evaluation.square(np.full((*shape, 3), 90, np.uint8)) == 90).all()
    assert max(scaled[0]) <= 8 * 518


@every
def test_the_vector_is_the_publishers(name):
    ours = embedder(name)
    pictures = [frame(270, 480), frame(300, 200, 1)]
    reference = published_network(name, ours)
    with torch.inference_mode():
        wanted = reference(torch.stack([published_transform(name)(Image.fromarray(p)) for p in pictures]))
    found = np.stack([result.vector for result in ours.embed(pictures)])
    assert found.shape == (2, ours.card.dim)
    assert found.dtype == np.float32
    error = np.abs(found - wanted.numpy()).max() / np.abs(wanted.numpy()).max()
    assert error < 1e-5
    assert np.abs(found[0] - found[1]).max() > 100 * error * np.abs(found).max()


def test_both_layers_of_vit():
    head, before = (
        VitH14Swag.with_random_weights(3, layer=layer, depth=1, threads=1, precision="fp32", device="cpu")
        for layer in get_args(Layer)
    )
    assert (head.card.dim, before.card.dim) == (1000, 1280)
    assert dict(head.card.preprocessing)["vector"] != dict(before.card.preprocessing)["vector"]
    (a,), (b,) = (list(e.embed([frame(100, 100)])) for e in (head, before))
    weights = head.network().state_dict()
    wanted = weights["heads.head.weight"].numpy() @ b.vector + weights["heads.head.bias"].numpy()
    assert np.allclose(a.vector, wanted, atol=1e-4)


@every
def test_neither_batch_nor_order_matters(name):
    ours = embedder(name)
    pictures = [frame(90, 160, seed) for seed in range(2)]
    by_two = [result.vector for result in ours.embed(pictures)]
    backward = [result.vector for result in ours.embed(pictures[::-1])][::-1]
    (alone,) = (result.vector for result in ours.embed(pictures[:1]))
    for a, b in zip([*by_two, by_two[0]], [*backward, alone], strict=True):
        assert np.abs(a - b).max() < 1e-5 * np.abs(a).max()
    assert list(ours.embed([])) == []


def test_batches_come_in_order():
    ours = embedder("wideresnet18_places365")
    pictures = [frame(90, 160, seed) for seed in range(5)]
    for picture, result in zip(pictures, ours.embed(iter(pictures)), strict=True):
        (alone,) = ours.embed([picture])
        assert np.abs(result.vector - alone.vector).max() < 1e-5 * np.abs(alone.vector).max()


@every
def test_bf16_points_the_same_way(name):
    ours = embedder(name)
    kind, options = NETWORKS[name]
    half = kind.with_random_weights(7, threads=1, precision="bf16", device="cpu", **options)
    half._built = ours.network()  # the same weights; only the arithmetic differs
    a, b = (next(iter(e.embed([frame(90, 160)]))).vector for e in (ours, half))
    assert np.isfinite(b).all()
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= 0.999
    assert not np.array_equal(a, b)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 0, 3)])
def test_what_is_no_picture_is_refused(shape):
    with pytest.raises(ValueError, match="a frame is"):
        list(embedder("wideresnet18_places365").embed([np.zeros(shape, np.uint8)]))


def test_an_error_of_the_decoder_comes_through():
    def frames():
        yield frame(20, 20)
        raise OSError("the decoder broke")

    with pytest.raises(OSError, match="the decoder broke"):
        list(embedder("wideresnet18_places365").embed(frames()))


@pytest.mark.parametrize(
    "options",
    [{"threads": 0}, {"batch": 0}, {"precision": "fp16"}],
)
def test_wrong_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        ResNet50Places365(**options)


@pytest.mark.parametrize("call", [lambda: VitH14Swag(layer="last"), lambda: VitH14Swag(depth=0)])
def test_wrong_options_of_vit(call):
    with pytest.raises(ValueError, match="must be"):
        call()


def test_auto_is_the_hardwares_own_arithmetic():
    ours = ResNet50Places365(device="cpu")
    assert ours.precision == ("bf16" if native_bf16("cpu") else "fp32")


def test_equal_seeds_give_equal_weights_and_the_card_says_random():
    made = [WideResNet18Places365.with_random_weights(seed, device="cpu") for seed in (4, 4, 5)]
    first, same, other = (dict(e.network().state_dict()) for e in made)
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])
    assert [e.card.weights.sha256 for e in made] == ["random-4", "random-4", "random-5"]
    assert all(e.card.weights.digest.startswith("random-") for e in made)


@every
def test_without_weights_it_says_where_they_are(name):
    kind, _ = NETWORKS[name]
    with pytest.raises(ModelError, match=f"vadd models download {name}") as caught:
        list(kind(device="cpu").embed([frame(9, 9)]))
    message = str(caught.value)
    assert "\n" not in message
    assert kind.card.weights.licence in message
    assert "http" in message
