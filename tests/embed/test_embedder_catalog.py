from __future__ import annotations

import subprocess
import sys

import pytest

from vadd.embed import catalog
from vadd.errors import ModelError


@pytest.mark.parametrize("call", [catalog.card, catalog.load])
def test_an_unknown_name_lists_the_known_ones(call):
    with pytest.raises(ModelError, match="'vggish'") as caught:
        call("vggish")
    message = str(caught.value)
    assert "\n" not in message
    assert all(name in message for name in catalog.names())


def test_names_are_sorted_and_unique():
    assert list(catalog.names()) == sorted(set(catalog.names()))
    assert {"yamnet", "efficientnet_lite0"} <= set(catalog.names())


def test_cards_are_read_without_the_runtime():
    code = (
        "import sys; from vadd.embed import catalog; "
        "assert [catalog.card(name).name for name in catalog.names()] == list(catalog.names()); "
        "assert not {'onnxruntime', 'PIL', 'av', 'torch', 'h5py', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_classes_are_in_the_networks_order():
    sound, picture = catalog.card("yamnet").scores, catalog.card("efficientnet_lite0").scores
    assert (sound[0], sound[494], sound[520]) == ("Speech", "Silence", "Field recording")
    assert picture[0].startswith("tench")
    assert picture[404] == "airliner"
    assert picture[999].startswith("toilet tissue")
