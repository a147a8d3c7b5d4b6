from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vadd.embed.efficientnet import EfficientNetLite0
from vadd.embed.weights import BLAZEFACE, DATA, EFFICIENTNET_LITE0, YAMNET, open_session, read_weights
from vadd.embed.yamnet import YamNet
from vadd.errors import ModelError

RECORDS = [BLAZEFACE, EFFICIENTNET_LITE0, YAMNET]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.file)
def test_records_describe_the_files(record):
    data = (DATA / record.file).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (record.size, record.sha256)
    assert read_weights(record) == data


def test_one_flipped_bit_is_refused(tmp_path: Path):
    data = bytearray((DATA / YAMNET.file).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / YAMNET.file).write_bytes(data)
    with pytest.raises(ModelError, match=r"yamnet\.onnx are damaged") as caught:
        open_session(YAMNET, 1, tmp_path)
    assert "\n" not in str(caught.value)
    assert YAMNET.sha256[:12] in str(caught.value)


def test_truncated_file_is_refused(tmp_path: Path):
    (tmp_path / YAMNET.file).write_bytes((DATA / YAMNET.file).read_bytes()[:1000])
    with pytest.raises(ModelError, match=rf"1000 bytes .* expected {YAMNET.size} bytes"):
        read_weights(YAMNET, tmp_path)


def test_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ModelError, match=r"cannot read .*efficientnet_lite0\.onnx: No such file") as caught:
        open_session(EFFICIENTNET_LITE0, 1, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "record", "embedder", "item"),
    [
        ("yamnet", "YAMNET", YamNet, np.zeros(16_000, np.float32)),
        ("efficientnet", "EFFICIENTNET_LITE0", EfficientNetLite0, np.zeros((9, 9, 3), np.uint8)),
    ],
)
def test_embedders_verify_their_weights(monkeypatch, module, record, embedder, item):
    path = f"vadd.embed.{module}.{record}"
    monkeypatch.setattr(path, replace(embedder.card.weights, sha256="0" * 64))
    with pytest.raises(ModelError, match="damaged"):
        list(embedder().embed([item]))


def test_no_threads_are_refused():
    with pytest.raises(ValueError, match="threads"):
        open_session(YAMNET, 0)
