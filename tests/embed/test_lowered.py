"""Networks made ready for bf16: the same numbers as published ones, but for rounding."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from vadd.embed import attention, lowered  # noqa: E402
from vadd.embed.attention import SelfAttention  # noqa: E402
from vadd.embed.last_block import LastBlock  # noqa: E402
from vadd.embed.openl3 import OpenL3Net  # noqa: E402
from vadd.embed.pann import Cnn10, WavegramLogmelCnn14  # noqa: E402
from vadd.embed.sound_embedders import (  # noqa: E402
    IovCnn420,
    OpenL3MusicMel256,
    PannCnn10,
    PannWavegramLogmelCnn14,
)
from vadd.embed.torch_embedder import BATCH, _draw  # noqa: E402
from vadd.embed.vit_swag import VitH14Swag  # noqa: E402

SOUND = (IovCnn420, OpenL3MusicMel256, PannCnn10, PannWavegramLogmelCnn14)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def cosine(a, b) -> float:
    a, b = (torch.as_tensor(x).flatten().double() for x in (a, b))
    return float(a @ b / a.norm() / b.norm())


def drawn(network, seed: int = 1):
    _draw(network, torch.Generator().manual_seed(seed))
    return network.eval()


@pytest.mark.parametrize("kind", SOUND)
def test_bf16_points_the_same_way_in_every_second(kind):
    options = {"rate": 2} if kind is OpenL3MusicMel256 else {}
    draw = np.random.default_rng(4)
    sound = draw.normal(0, 0.1, 2 * kind.card.sample_rate) * np.linspace(0.05, 1, 2 * kind.card.sample_rate)
    ours, half = (
        kind.with_random_weights(5, threads=1, precision=precision, device="cpu", **options)
        for precision in ("fp32", "bf16")
    )
    for a, b in zip(*(list(e.embed([sound.astype(np.float32)])) for e in (ours, half)), strict=True):
        assert cosine(a.vector, b.vector) >= 0.999
        assert not np.array_equal(a.vector, b.vector)


@pytest.mark.parametrize("network", [Cnn10, WavegramLogmelCnn14, OpenL3Net])
def test_norms_behind_convolutions_are_part_of_them(network, monkeypatch):
    """In single precision, where only the order of a few operations differs."""
    monkeypatch.setattr(lowered, "_can_pack", lambda: False)
    monkeypatch.setattr(lowered, "_round", lambda *_: None)
    published, made = drawn(network()), lowered.lowered(drawn(network()), "cpu")
    rate = 48_000 if network is OpenL3Net else 32_000
    samples = torch.randn(1, rate, generator=torch.Generator().manual_seed(2)) / 10
    with torch.inference_mode():
        wanted, found = published(samples), made(samples)
    norms = [m for m in made.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert len(norms) == 1  # of the input, before any convolution
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4 * float(wanted.abs().max()))


def test_front_ends_stay_in_single_precision():
    made = lowered.lowered(drawn(Cnn10()), "cpu")
    assert made.spectrogram_extractor.stft.conv_real.weight.dtype is torch.float32
    assert made.logmel_extractor.melW.dtype is torch.float32
    assert made.conv_block1.conv1.weight.dtype is torch.bfloat16


def test_the_published_network_stays_at_hand():
    half = IovCnn420.with_random_weights(5, threads=1, precision="bf16", device="cpu")
    half.open()
    state = half.network().state_dict()
    assert all(value.dtype in {torch.float32, torch.int64} for value in state.values())
    assert any(name.endswith("running_var") for name in state)


@pytest.mark.parametrize("shape", [(5, 32), (2, 3, 32)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_layer_is_the_layer(shape, bias):
    if not lowered._can_pack():
        pytest.skip("this torch has no oneDNN with bf16")
    layer = nn.Linear(32, 48, bias=bias)
    packed = lowered.PackedLinear(layer.weight, layer.bias)
    x = torch.randn(*shape)
    with torch.inference_mode():
        found, wanted = packed(x), layer(x)
    assert found.dtype is torch.bfloat16
    torch.testing.assert_close(found.float(), wanted, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("packing", [True, False])
def test_attention_with_layers_packed_or_not(packing, monkeypatch):
    if packing and not lowered._can_pack():
        pytest.skip("this torch has no oneDNN with bf16")
    monkeypatch.setattr(lowered, "_can_pack", lambda: packing)
    torch.manual_seed(0)
    published = nn.MultiheadAttention(64, 4, batch_first=True).eval()
    x = torch.randn(2, 7, 64)
    with torch.inference_mode():
        wanted, _ = published(x, x, x, need_weights=False)  # before its parameters are taken over
    made = lowered.lowered(nn.Sequential(SelfAttention(published)), "cpu")[0]
    assert (made.in_proj is not None) is packing
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found, _ = made(x, x, x)
    assert cosine(found, wanted) > 0.999


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("tokens", [1, 300, 700])
def test_attention_by_heads_is_attention(threads, tokens):
    generator = torch.Generator().manual_seed(tokens)
    parts = torch.randn(3, 2, 3, tokens, 16, generator=generator)
    parts[1] += 5 * torch.randn(2, 3, 1, 16, generator=generator)  # keys that have much in common
    parts = parts.to(torch.bfloat16)
    torch.set_num_threads(threads)
    with torch.inference_mode():
        found = attention._by_heads(parts)
    assert torch.get_num_threads() == threads
    wanted = functional.scaled_dot_product_attention(*parts.float()).transpose(1, 2)
    assert found.shape == (2, tokens, 3, 16)
    assert found.dtype is torch.bfloat16
    assert functional.cosine_similarity(found.float(), wanted, dim=-1).min() > 0.9995


def test_long_inputs_go_by_heads_and_short_ones_do_not(monkeypatch):
    torch.manual_seed(0)
    module, calls = SelfAttention(nn.MultiheadAttention(32, 2, batch_first=True)).eval(), []
    by_heads = attention._by_heads
    monkeypatch.setattr(attention, "_by_heads", lambda parts: calls.append(parts.shape[3]) or by_heads(parts))
    with torch.inference_mode():
        for tokens in (64, 600):
            x = torch.randn(1, tokens, 32)
            wanted, _ = module(x, x, x)
            with torch.autocast("cpu", torch.bfloat16):
                found, _ = module(x, x, x)
            assert cosine(found, wanted) > 0.999
    assert calls == [600]


def test_the_last_block_gives_the_first_token():
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    norm = nn.LayerNorm
    block = torchvision.models.vision_transformer.EncoderBlock(4, 64, 96, 0.0, 0.0, norm).eval()
    nn.init.normal_(block.self_attention.in_proj_bias)
    made = LastBlock(block.ln_1, SelfAttention(block.self_attention), block.ln_2, block.mlp).eval()
    x = torch.randn(2, 9, 64)
    with torch.inference_mode():
        torch.testing.assert_close(made(x), block(x)[:, :1], rtol=0, atol=1e-5)


def test_the_batch_is_what_suits_the_device():
    assert OpenL3MusicMel256(device="cpu").batch < BATCH
    assert VitH14Swag(device="cpu").batch == 1
    assert VitH14Swag(device="cuda").batch == BATCH
    assert PannCnn10(device="cpu").batch == BATCH
    assert VitH14Swag(device="cpu", batch=3).batch == 3
