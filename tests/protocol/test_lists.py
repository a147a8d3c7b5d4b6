"""The paper's own form of a benchmark: read safely, looked at closely, and taken for what it is."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.errors import ProtocolError, UsageError
from vadd.protocol.donors import evidence, rebuilt
from vadd.protocol.lists import anomalies, by_city, read_lists, sizes
from vadd.protocol.tau import TauClip, read_clips

#: Made up; no clip of TAU is called so.
KEPT = ["park-oslo-1-1", "bus-oslo-2-2", "tram-oslo-3-3"]
CHANGED = ["metro-rome-4-4", "park-rome-5-5", "airport-rome-6-6", "bus-bern-7-7"]


def lines(names) -> str:
    return "".join(f"{[f'{name}.mp4', name.split('-')[0]]!r}\n" for name in names)


def lay(folder, kept=KEPT, changed=CHANGED, swaps=None, classes=10):
    """Write three lists; without ``swaps`` the third is the first over again."""
    for what, text in (
        ("pristine", lines(kept)),
        ("manipulated", lines(changed)),
        ("swaps", lines(kept) if swaps is None else swaps),
    ):
        (folder / f"vadd_{classes}_{what}.txt").write_text(text)
    return folder


def kinds(folder, clips=None) -> Counter[str]:
    return Counter(each.kind for each in anomalies(read_lists(folder, 10), clips))


def test_neighbours_exchange(tmp_path):
    lists = read_lists(lay(tmp_path), 10)
    assert sizes(tmp_path) == (10,)
    assert (lists.repeated, lists.swaps) == (True, None)
    assert [each.line for each in lists.manipulated] == [1, 2, 3, 4]
    entries = rebuilt(lists, "neighbours")
    pairs = {each.picture.name: each.sound.name for each in entries if each.manipulated}
    one, two, three, four = CHANGED
    assert pairs == {one: two, two: one, three: four, four: three}
    assert sorted(each.picture.name for each in entries if not each.manipulated) == sorted(KEPT)
    bus = next(each.picture for each in entries if each.picture.name == KEPT[1])
    assert (bus.label, bus.scene, bus.city, bus.location) == ("bus", "bus", "oslo", "2")


def test_donors_of_a_swaps_file(tmp_path):
    one, two, three, four = CHANGED
    swaps = "".join(
        f"('{a}.mp4', '{b}.mp4')\n" for a, b in ((one, two), (two, three), (three, four), (four, KEPT[0]))
    )
    lists = read_lists(lay(tmp_path, swaps=swaps), 10)
    entries = rebuilt(lists, "swaps")
    pairs = {each.picture.name: each.sound.name for each in entries if each.manipulated}
    assert pairs == {one: two, two: three, three: four, four: KEPT[0]}
    assert "no_donors" not in kinds(tmp_path)


def test_lists_that_are_as_they_should_be(tmp_path):
    changed = ["metro-oslo-4-4", "park-oslo-5-5"]
    swaps = "".join(f"('{a}.mp4', '{b}.mp4')\n" for a, b in (changed, changed[::-1]))
    assert not kinds(lay(tmp_path, changed=changed, swaps=swaps))


def test_anomalies(tmp_path):
    lay(
        tmp_path,
        [*KEPT, CHANGED[0]],
        [*CHANGED, CHANGED[1], "kitchen-rome-8-8"],
        "['park-oslo-1-1.mp4', 'park']\n",
    )
    text = (tmp_path / "vadd_10_pristine.txt").read_text().replace("'bus']", "'tram']")
    (tmp_path / "vadd_10_pristine.txt").write_text(text)
    lists = read_lists(tmp_path, 10)
    found = {each.kind: each for each in anomalies(lists)}
    assert set(found) == {"no_donors", "city", "both", "twice", "unknown", "label"}
    assert "does not say whose sound" in found["no_donors"].told
    assert found["both"].told.endswith("vadd_10_manipulated.txt, line 1, 'metro-rome-4-4'")
    assert found["twice"].count == 2
    assert "manipulated.txt, line 5, 'park-rome-5-5'" in found["twice"].told
    assert "line 6, 'kitchen-rome-8-8'" in found["unknown"].told
    assert "vadd_10_pristine.txt, line 2, 'bus-oslo-2-2'" in found["label"].told
    assert by_city(lists) == {"bern": (0, 1), "oslo": (3, 0), "rome": (1, 4)}
    told = [each.told for each in anomalies(lists) if each.kind == "city"]
    assert told == [
        "all clips of these cities keep their sound: oslo 3 of 3",
        "all clips of these cities get another sound: bern 1 of 1",
    ]


def test_names_are_known_by_a_list(tmp_path):
    lay(tmp_path)
    clips = [TauClip(name, *name.split("-")[:3], "test") for name in (*KEPT, *CHANGED)]
    assert "unknown" not in kinds(tmp_path, clips)
    assert kinds(tmp_path, clips[1:])["unknown"] == 1
    assert rebuilt(read_lists(tmp_path, 10), "neighbours", clips) == rebuilt(
        read_lists(tmp_path, 10), "neighbours"
    )
    with pytest.raises(ProtocolError, match=r"pristine.txt, line 1: 'park-oslo-1-1' is not among the clips"):
        rebuilt(read_lists(tmp_path, 10), "neighbours", clips[1:])


@given(st.lists(st.sampled_from(["park", "bus", "tram"]), min_size=2, max_size=30))
def test_neighbours_are_counted(labels):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        changed = [f"{label}-rome-1-{at}" for at, label in enumerate(labels)]
        found = evidence(read_lists(lay(Path(folder), changed=changed), 10), shuffles=50)
    count = len(labels)
    pairs = [(labels[at], labels[at + 1]) for at in range(0, count - 1, 2)]
    between = [(labels[at], labels[at + 1]) for at in range(1, count - 1, 2)]
    assert (found.pairs, found.pairs_between) == (len(pairs), len(between))
    assert found.alike == sum(one == two for one, two in pairs)
    assert found.alike_between == sum(one == two for one, two in between)
    assert 1 / 51 <= found.p <= 1
    assert found.least_by_chance <= found.by_chance


def test_what_would_be_rare_by_chance(tmp_path):
    apart = [f"{('park', 'bus')[at % 2]}-rome-1-{at}" for at in range(60)]
    found = evidence(read_lists(lay(tmp_path, changed=apart), 10), shuffles=500)
    assert (found.alike, found.pairs, found.alike_between) == (0, 30, 0)
    assert found.p == 1 / 501
    assert 12 < found.by_chance < 17
    assert evidence(read_lists(tmp_path, 10), shuffles=500, seed=0) == found
    mixed = [*apart[::2], *apart[1::2]]
    assert evidence(read_lists(lay(tmp_path, changed=mixed), 10), shuffles=500).p == 1


@pytest.mark.parametrize("line", [
    "['a.mp4']", "['a.mp4', 'park', 'x']", "['a.mp4', 3]", "{'a.mp4', 'park'}", "park", "['', 'park']",
    "[open('x'), 'park']", "__import__('os')", "['a.mp4', 'park'", "[" * 3000,
    "['" + "a" * 5000 + "', 'park']",
    "['a.mp4', 'park'] ['b.mp4', 'park']", "'\\x'", "\x00",
])  # fmt: skip
def test_lines_that_make_no_sense(tmp_path, line):
    lay(tmp_path)
    path = tmp_path / "vadd_10_manipulated.txt"
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(
        ProtocolError, match=r"vadd_10_manipulated.txt, line 6: not \['NAME.mp4', 'CLASS'\] but"
    ):
        read_lists(tmp_path, 10)


def test_files_of_other_systems(tmp_path):
    lay(tmp_path)
    want = [each.name for each in read_lists(tmp_path, 10).manipulated]
    path = tmp_path / "vadd_10_manipulated.txt"
    text = path.read_text()
    path.write_bytes(("\ufeff" + text.replace("\n", "\r\n\r\n")).encode())
    assert [each.name for each in read_lists(tmp_path, 10).manipulated] == want
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ProtocolError, match="no text in UTF-8"):
        read_lists(tmp_path, 10)
    path.write_text("")
    with pytest.raises(ProtocolError, match="names no clips"):
        read_lists(tmp_path, 10)
    (tmp_path / "vadd_10_pristine.txt").unlink()
    with pytest.raises(UsageError, match="cannot read"):
        read_lists(tmp_path, 10)
    with pytest.raises(UsageError, match="no folder"):
        sizes(tmp_path / "x")
    path.unlink()
    with pytest.raises(UsageError, match=r"there is no vadd_10_manipulated.txt"):
        sizes(tmp_path)


@pytest.mark.parametrize(("changed", "swaps", "pairing", "told"), [
    (CHANGED[:3], None, "neighbours", r"manipulated.txt, line 3: the last of 3 clips has no neighbour"),
    ([CHANGED[0], CHANGED[0].replace("4", "9")], None, "neighbours", "line 2: it is of the class metro, as"),
    ([CHANGED[0], CHANGED[0]], None, "neighbours", r"line 2: metro-rome-4-4 is in line 1 already"),
    (["kitchen-rome-1-1", "bus-rome-1-1"], None, "neighbours", r"line 1: 'kitchen-rome-1-1' is not named as"),
    (CHANGED, None, "swaps", "does not say whose sound a clip gets"),
    (CHANGED, f"('{CHANGED[0]}.mp4', 'x.mp4')\n", "swaps", "does not say whose sound park-rome-5-5 gets"),
    (CHANGED, "('x.mp4', 'y.mp4')\n", "swaps", "line 1: x is not in the list of manipulated clips"),
    (CHANGED[:1], f"('{CHANGED[0]}.mp4', 'x.mp4')\n", "swaps", "takes the sound of x, which is in neither"),
    (CHANGED[:1], f"('{CHANGED[0]}.mp4', '{CHANGED[0]}.mp4')\n", "swaps", "line 1: .* would keep its sound"),
    (CHANGED[:1], f"('{CHANGED[0]}.mp4', '{KEPT[0]}.mp4')\n" * 2, "swaps", "line 2: .* is in line 1 already"),
])  # fmt: skip
def test_what_cannot_be_rebuilt(tmp_path, changed, swaps, pairing, told):
    lists = read_lists(lay(tmp_path, changed=changed, swaps=swaps), 10)
    with pytest.raises(ProtocolError, match=told):
        rebuilt(lists, pairing)


@pytest.mark.shared
def test_the_published_lists(shared):
    clips = read_clips(shared / "tau" / "development.csv")
    tested = {clip.name for clip in clips if clip.split == "test"}
    facts = {10: (1825, 1820, 0, 910, 76, 909), 3: (1829, 1816, 0, 908, 104, 907)}
    assert sizes(shared / "vadd") == (10, 3)
    for classes, (kept, changed, alike, pairs, alike_between, between) in facts.items():
        lists = read_lists(shared / "vadd", classes)
        assert (len(lists.pristine), len(lists.manipulated)) == (kept, changed)
        assert {each.name for each in (*lists.pristine, *lists.manipulated)} == tested
        assert (lists.repeated, lists.swaps) == (True, None)
        found = anomalies(lists, clips)
        assert {each.kind for each in found} == {"no_donors", "city"}
        told = " ".join(each.told for each in found)
        assert "stockholm 411 of 411, vienna 315 of 315" in told
        nearly = next(each.told for each in found if each.told.startswith("nearly all"))
        assert all(city in nearly for city in ("lisbon", "lyon", "milan", "prague"))
        proof = evidence(lists, shuffles=300)
        assert (proof.alike, proof.pairs) == (alike, pairs)
        assert (proof.alike_between, proof.pairs_between) == (alike_between, between)
        assert proof.least_by_chance > 40
        entries = rebuilt(lists, "neighbours", clips)
        assert len(entries) == 3645
        swapped = [each for each in entries if each.manipulated]
        assert sorted(each.picture.name for each in swapped) == sorted(each.sound.name for each in swapped)
        assert all(each.picture.location != each.sound.location for each in swapped)
