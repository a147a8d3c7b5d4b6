from __future__ import annotations

import io
import os
import pickle

import pytest

from vadd.embed.checkpoint import EXTRA, fill, read_state, require_extra
from vadd.errors import ModelError


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def state(torch):
    torch.manual_seed(1)
    return {"a.weight": torch.randn(3, 4), "a.bias": torch.randn(3)}


def same(torch, left, right) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_without_the_extra_the_command_is_told():
    with pytest.raises(ModelError) as caught:
        require_extra("sys", "no_such_library")
    assert str(caught.value) == EXTRA == "this needs the extra: pip install 'vadd[paper]'"
    require_extra("sys", "json")


@pytest.mark.parametrize("ending", [".pth", ".pt", ".bin", ".pth.tar"])
@pytest.mark.parametrize("modern", [True, False])
def test_files_of_torch(torch, state, tmp_path, ending, modern):
    path = tmp_path / f"w{ending}"
    torch.save(state, path, _use_new_zipfile_serialization=modern)
    assert same(torch, read_state(path), state)


def test_safetensors(torch, state, tmp_path):
    save_file = pytest.importorskip("safetensors.torch").save_file
    path = tmp_path / "w.safetensors"
    save_file(state, path)
    assert same(torch, read_state(path), state)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelError, match="damaged"):
        read_state(path)


def test_wrappers_are_taken_off_on_request_only(torch, state, tmp_path):
    path = tmp_path / "w.pth.tar"
    inner = {f"module.{name}": value for name, value in state.items()}
    torch.save({"epoch": 90, "arch": "resnet50", "state_dict": inner, "best_prec1": 54.7}, path)
    assert same(torch, read_state(path, unwrap=True), state)
    with pytest.raises(ModelError, match="'epoch', which is no tensor"):
        read_state(path)
    torch.save({"module.a": state["a.bias"], "b": state["a.bias"]}, path)
    assert read_state(path, unwrap=True).keys() == {"module.a", "b"}  # a name, not a wrapper


def test_files_of_python_2(torch, tmp_path):
    """Protocol 2 with byte strings and storages of a card, as torch 0.2 under Python 2.7 wrote."""
    tensor = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    path = tmp_path / "w.pth.tar"
    torch.save({"state_dict": {"module.fc.weight": tensor}}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    text = b"X\x10\x00\x00\x00module.fc.weight"
    assert text in data
    data = data.replace(text, b"U\x10module.fc.weight")  # SHORT_BINSTRING
    assert b"ctorch\nFloatStorage\n" in data
    data = data.replace(b"ctorch\nFloatStorage\n", b"ctorch.cuda\nFloatStorage\n")
    assert b"X\x03\x00\x00\x00cpu" in data
    path.write_bytes(data.replace(b"X\x03\x00\x00\x00cpu", b"U\x06cuda:0"))
    assert same(torch, read_state(path, unwrap=True), {"fc.weight": tensor})


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("was-run",))


@pytest.mark.parametrize("modern", [True, False])
def test_code_is_never_run(torch, state, tmp_path, monkeypatch, modern):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pth"
    torch.save({**state, "evil": Evil()}, path, _use_new_zipfile_serialization=modern)
    with pytest.raises(ModelError, match="holds code or objects beside tensors") as caught:
        read_state(path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "was-run").exists()


def test_a_bare_pickle_is_not_run_either(torch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pth"
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(ModelError, match="holds code"):
        read_state(path)
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize("modern", [True, False])
def test_every_truncation_is_an_error_of_ours(torch, state, tmp_path, modern):
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=modern)
    data = buffer.getvalue()
    path = tmp_path / "w.pth"
    for length in [*range(0, len(data), max(1, len(data) // 97)), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(ModelError, match="damaged or no weight file"):
            read_state(path)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 no zip", bytes(2000)])
def test_what_is_no_weight_file(torch, tmp_path, content):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="damaged or no weight file"):
        read_state(path)


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_missing_file_is_named(torch, tmp_path, ending):
    with pytest.raises(ModelError, match=r"there is no file .*none\."):
        read_state(tmp_path / f"none{ending}")


@pytest.mark.parametrize("value", [[], {}, 3, "text", {"a": 1}])
def test_what_holds_no_tensors(torch, tmp_path, value):
    path = tmp_path / "w.pth"
    torch.save(value, path)
    with pytest.raises(ModelError, match=r"no tensors by name|no tensor"):
        read_state(path)


def test_what_is_no_plain_tensor(torch, tmp_path):
    path = tmp_path / "w.pth"
    for value in (
        torch.eye(3).to_sparse(),
        torch.zeros(3, device="meta"),
        torch.zeros(3, dtype=torch.cfloat),
    ):
        torch.save({"a": value}, path)
        with pytest.raises(ModelError, match="'a', which is no plain tensor"):
            read_state(path)


def network(torch):
    torch.manual_seed(2)
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))


def test_fill_copies(torch):
    source, target = network(torch), network(torch)
    source[1].running_mean += 5
    wanted = {name: value.half().float() for name, value in source.state_dict().items()}
    fill(target, {name: value.half() for name, value in wanted.items()}, "f")
    assert same(
        torch, target.state_dict(), {n: v.to(target.state_dict()[n].dtype) for n, v in wanted.items()}
    )
    assert target[0].weight.dtype == torch.float32


def test_counters_of_batches_may_lack(torch):
    state = {name: value for name, value in network(torch).state_dict().items() if "num_batches" not in name}
    fill(network(torch), state, "f")


@pytest.mark.parametrize("meta", [False, True])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("0.bias"), "f does not fit the network: it lacks 0.bias"),
        (lambda s: s.update(extra=s["0.bias"]), "f does not fit the network: it also has extra"),
        (lambda s: s.update({"0.bias": s["0.weight"]}), r"shapes that differ, 0\.bias \(3, 4\) for \(3,\)"),
        (lambda s: s.clear(), "it lacks 0.weight, 0.bias, 1.weight and 3 more"),
    ],
)
def test_what_does_not_fit_is_told_and_changes_nothing(torch, meta, change, told):
    state = dict(network(torch).state_dict())
    change(state)
    target = network(torch)
    target[0].weight.data.fill_(7)
    with pytest.raises(ModelError, match=told):
        fill(target.to("meta") if meta else target, state, "f")
    if not meta:
        assert (target[0].weight == 7).all()


def test_meta_is_only_compared(torch):
    target = network(torch).to("meta")
    fill(target, network(torch).state_dict(), "f")
    assert all(value.is_meta for value in target.state_dict().values())
