"""The published weight files of the picture networks: what is in them, and that it lands where it belongs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from vadd.embed import catalog, shelf
from vadd.embed.open_clip_vit import ClipH14Laion2b
from vadd.errors import ModelError

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
open_clip = pytest.importorskip("open_clip")

sys.path.insert(0, str(Path(__file__).parent))

from test_paper_visual import NETWORKS, every, frame, one_thread  # noqa: E402, F401 - a fixture


def published_file(name: str, path) -> dict[str, np.ndarray]:
    """Writes a file as its publisher would, with random weights; returns what the network must then hold."""
    kind, options = NETWORKS[name]
    drawn = kind(**options)._network()
    state = {key: torch.randn(value.shape) for key, value in drawn.state_dict().items() if value.dim()}
    held = dict(state)
    if name == "clip_h14_laion2b":
        held = {f"visual.{key}": value for key, value in held.items()}
        held |= {"logit_scale": torch.tensor(4.6), "text_projection": torch.randn(8, 8)}
    elif name.endswith("places365"):
        old = {key: key for key in held}
        if name.startswith("densenet"):
            parts = ("norm", "conv")
            for part in parts:
                for number in "12":
                    old = {
                        key: was.replace(f".{part}{number}.", f".{part}.{number}.")
                        if "denselayer" in key
                        else was
                        for key, was in old.items()
                    }
            assert "features.denseblock1.denselayer1.norm.1.weight" in old.values()
        held = {f"module.{old[key]}": value for key, value in held.items()}
        held = {"epoch": 90, "arch": "x", "state_dict": held, "best_prec1": 54.0}
    torch.save(held, path, _use_new_zipfile_serialization=not name.endswith("places365"))
    return state


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "efficientnet_v2_l"])
def test_published_files_load(name, tmp_path):
    kind, options = NETWORKS[name]
    path = tmp_path / "weights.pth.tar"
    wanted = published_file(name, path)
    ours = kind(**options)
    ours.check(path)
    network = ours._network()
    ours._load(network, path)
    held = network.state_dict()
    assert wanted
    assert all(torch.equal(held[key], value) for key, value in wanted.items())
    assert {key for key in held if key not in wanted} == {key for key in held if key.endswith("_tracked")}


def test_a_published_file_goes_all_the_way(tmp_path):
    path = tmp_path / "wideresnet18_places365.pth.tar"
    published_file("wideresnet18_places365", path)
    digest = shelf.add("wideresnet18_places365", path)
    ours = catalog.load("wideresnet18_places365")
    assert ours.card.weights.sha256 == digest
    (result,) = ours.embed([frame(50, 50)])
    assert result.vector.shape == (512,)
    assert result.vector.any()


@pytest.mark.parametrize(
    ("name", "of"),
    [("resnet50_places365", "wideresnet18_places365"), ("wideresnet18_places365", "resnet50_places365")],
)
def test_a_file_of_another_network_is_refused(name, of, tmp_path):
    path = tmp_path / "other.pth.tar"
    published_file(of, path)
    with pytest.raises(ModelError, match=r"other\.pth\.tar does not fit the network") as caught:
        shelf.add(name, path)
    assert "\n" not in str(caught.value)
    assert ".new." not in str(caught.value)
    assert not list((shelf.home() / "weights").iterdir())


def test_clip_without_its_pictures_half_is_refused(tmp_path):
    path = tmp_path / "text.bin"
    torch.save({"logit_scale": torch.tensor(4.6)}, path)
    with pytest.raises(ModelError, match="no OpenCLIP model"):
        ClipH14Laion2b().check(path)


def whole(name: str):
    """The full-size networks, ours and the publisher's, that cost nothing."""
    with torch.device("meta"):
        ours = NETWORKS[name][0]()._network().state_dict()
        models = torchvision.models
        if name == "clip_h14_laion2b":
            state = open_clip.CLIP(**_clip()).state_dict()
            theirs = {key[7:]: value for key, value in state.items() if key.startswith("visual.")}
        elif name == "vit_h14_swag":
            theirs = models.vit_h_14(image_size=518).state_dict()
        elif name == "efficientnet_v2_l":
            theirs = models.efficientnet_v2_l().state_dict()
        else:
            kind = {"r": "resnet50", "w": "resnet18", "d": "densenet161"}[name[0]]
            theirs = getattr(models, kind)(num_classes=365).state_dict()
    return ours, theirs


def _clip():
    config = open_clip.get_model_config("ViT-H-14")
    return {key: config[key] for key in ("embed_dim", "vision_cfg", "text_cfg")}


@every
def test_names_and_shapes_at_full_size_are_the_publishers(name):
    ours, theirs = whole(name)
    assert {key: tuple(value.shape) for key, value in ours.items()} == {
        key: tuple(value.shape) for key, value in theirs.items()
    }


@every
def test_the_size_on_the_card(name):
    size = sum(value.numel() * 4 for value in whole(name)[0].values())
    if name == "clip_h14_laion2b":  # the file holds the text's half too
        with torch.device("meta"):
            size = sum(value.numel() * 4 for value in open_clip.CLIP(**_clip()).state_dict().values())
    assert NETWORKS[name][0].card.weights.size == pytest.approx(size, rel=0.01)


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("vit_h14_swag", "ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1"),
        ("efficientnet_v2_l", "EfficientNet_V2_L_Weights.IMAGENET1K_V1"),
    ],
)
def test_fingerprints_are_torchvisions(name, record):
    published = torchvision.models.get_weight(record)
    weights = NETWORKS[name][0].card.weights
    assert shelf.address(weights) == published.url
    stem = published.url.rpartition("/")[2]
    assert weights.file == stem
    assert weights.fingerprint == f"sha256:{stem.rpartition('-')[2].removesuffix('.pth')}"
    assert weights.size == pytest.approx(published.meta["_file_size"] * 2**20, rel=0.01)
