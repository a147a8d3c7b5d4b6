"""Plans of joined clips and of splices that keep off their joins: what holds whatever is drawn."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vadd.errors import ProtocolError, UsageError
from vadd.protocol.join import Joined, Lengths, Piece, Stock, plan
from vadd.protocol.joined import joins_table, read_joins, read_near, read_stock
from vadd.protocol.keep_off import Apart, foreign, spans_of, spliced
from vadd.timeline import Span

#: Twelve clips of four classes, of which the last has two kinds; each of 10 s and of a place of its own.
STOCK = [
    (
        Stock(f"c{at}", "abcd"[at % 4], f"{'abcd'[at % 4]}{at % 2 if at % 4 == 3 else ''}", "", f"p{at}"),
        length,
    )
    for at in range(12)
    for length in [Fraction(10)]
]
DONORS = [Stock(f"d{at}", label, label, "", f"q{at}") for at, label in enumerate("abcdefgh")]
SEEDS = st.integers(0, 2**31)


@given(SEEDS, st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_joined_clips_are_as_ordered(seed: int, count: int) -> None:
    sizes = Lengths()
    lengths = {source.name: seconds for source, seconds in STOCK}
    clips = plan(STOCK, count, seed)
    assert len({clip.name for clip in clips}) == len(clips) == count
    for clip in clips:
        assert sizes.least <= clip.seconds <= sizes.most
        assert clip.pieces[0].span.start == 0
        assert clip.joins == tuple(piece.span.start for piece in clip.pieces[1:])
        for piece in clip.pieces:
            assert sizes.piece_least <= piece.span.duration <= sizes.piece_most
            assert piece.start >= 0
            assert piece.start + piece.span.duration < lengths[piece.source.name]
            assert all((time / sizes.step).denominator == 1 for time in (piece.start, piece.span.end))
        for one, other in pairwise(clip.pieces):
            assert one.span.end == other.span.start
            assert one.source.label != other.source.label
            assert one.source.kind != other.source.kind
        assert max(Counter(piece.source.location for piece in clip.pieces).values()) == 1


@given(SEEDS, st.randoms())
@settings(max_examples=15, deadline=None)
def test_the_plan_does_not_depend_on_the_order_of_the_list(seed: int, random: object) -> None:
    mixed = list(STOCK)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert plan(mixed, 3, seed) == plan(STOCK, 3, seed)


def test_clips_are_used_alike_and_classes_are_set_aside() -> None:
    clips = plan(STOCK, 60, 1)
    used = Counter(piece.source.name for clip in clips for piece in clip.pieces)
    assert max(used.values()) - min(used.values()) <= max(used.values()) // 3
    assert any(len({piece.source.label for piece in clip.pieces}) < 4 for clip in clips)
    assert plan(STOCK, 3, 1) != plan(STOCK, 3, 2)


def test_lists_that_cannot_be_joined() -> None:
    alike = [(Stock(f"c{at}", "a", "a", "", str(at)), Fraction(10)) for at in range(9)]
    with pytest.raises(ProtocolError, match="9 clips of 4 s and more, of 1 classes, cannot be joined to"):
        plan(alike, 1, 0)
    with pytest.raises(ProtocolError, match="0 clips of 4 s and more"):
        plan([(source, Fraction(4)) for source, _ in STOCK], 1, 0)  # no room for a crossfade
    with pytest.raises(ProtocolError, match="c0 is there twice"):
        plan([*STOCK, STOCK[0]], 1, 0)
    with pytest.raises(UsageError, match="no room for two pieces"):
        Lengths(Fraction(7), Fraction(60))
    with pytest.raises(UsageError, match="the longest must be twice the shortest"):
        Lengths(piece_least=Fraction(4), piece_most=Fraction(6))
    with pytest.raises(UsageError, match="joined clips do not last 60 to 30 s"):
        Lengths(Fraction(60), Fraction(30))


@given(SEEDS, st.integers(1, 3), st.integers(100, 300), st.integers(0, 1500), st.integers(1, 250))
@settings(max_examples=60, deadline=None)
def test_splices_keep_off_joins(seed: int, most: int, least: int, more: int, away: int) -> None:
    low, off = Fraction(least, 100), Fraction(away, 100)
    apart = Apart(1, most, low, low + Fraction(more, 100), off)
    for clip in plan(STOCK, 2, seed):
        spans = spans_of(clip, seed, apart)
        assert len(spans) <= most
        assert spans == spans_of(clip, seed, apart)
        for span in spans:
            assert apart.least <= span.duration <= apart.most
            for edge in (span.start, span.end):
                assert all(abs(edge - time) >= off for time in (0, *clip.joins, clip.seconds))
        assert all(other.start - one.end >= off for one, other in pairwise(spans))
        assert sum(span.duration for span in spans) <= clip.seconds / 2


@given(st.lists(st.integers(150, 900), min_size=2, max_size=8), SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_clip_with_room_gets_a_span(pieces: list[int], seed: int) -> None:
    times = [Fraction(sum(pieces[:at]), 100) for at in range(len(pieces) + 1)]
    source = STOCK[0][0]
    clip = Joined("j", 0, tuple(Piece(source, Fraction(0), Span(*edge)) for edge in pairwise(times)))
    apart = Apart()
    hundredths = range(sum(pieces) + 1)
    edges = [at for at in hundredths if all(abs(Fraction(at, 100) - time) >= 1 for time in times)]
    longest = min(1500, sum(pieces) // 2)
    room = any(400 <= end - start <= longest for start in edges for end in edges)
    assert bool(spans_of(clip, seed, apart)) == room


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_trials_come_in_twos_with_a_foreign_sound(seed: int) -> None:
    clips = plan(STOCK, 5, seed)
    found = spliced(clips, DONORS, seed, Apart(), {frozenset("ae"), frozenset("bf")})
    whole = {clip.name: clip for clip in clips}
    assert len(found.entries) + 2 * len(found.without_room) + 2 * len(found.without_donor) == 10
    for own, other in zip(found.entries[::2], found.entries[1::2], strict=True):
        assert own.picture == own.sound == other.picture
        assert not own.manipulated
        assert other.manipulated
        assert other.spans
        labels = {piece.source.label for piece in whole[other.picture.name].pieces}
        assert other.sound.label not in labels
        assert not (other.sound.label == "e" and "a" in labels)
        assert not (other.sound.label == "f" and "b" in labels)
    again = spliced(clips[::-1], DONORS[::-1], seed, Apart(), {frozenset("ae"), frozenset("bf")})
    assert again == found


def test_no_sound_of_a_class_kind_or_place_that_occurs() -> None:
    piece = Piece(Stock("c", "class", "kind", "city", "1"), Fraction(0), Span(Fraction(0), Fraction(30)))
    clip = Joined("j", 0, (piece,))
    assert foreign(Stock("d", "other", "another", "city", "2"), clip)
    assert foreign(Stock("d", "other", "another", "town", "1"), clip)
    assert not foreign(Stock("c", "other", "another", "town", "2"), clip)
    assert not foreign(Stock("d", "class", "another", "town", "2"), clip)
    assert not foreign(Stock("d", "other", "kind", "town", "2"), clip)
    assert not foreign(Stock("d", "kind", "another", "town", "2"), clip)
    assert not foreign(Stock("d", "other", "another", "city", "1"), clip)
    assert not foreign(Stock("d", "other", "another", "town", "2"), clip, {frozenset(("another", "class"))})


def test_what_cannot_be_spliced_is_named() -> None:
    clips = plan(STOCK, 3, 0)
    assert spliced(clips, DONORS[:4], 0, Apart(least=Fraction(40), most=Fraction(50))).without_room == tuple(
        sorted(clip.name for clip in clips)
    )
    everything = [Stock("d", "a", "b", "", "q")]
    labelled = {frozenset(("a", label)) for label in "bcd"}
    assert spliced(clips, everything, 0, Apart(), labelled).without_donor
    for wrong in ((0, 1), (2, 1), (1, 101)):
        with pytest.raises(UsageError, match="is not spliced"):
            Apart(*wrong)
    with pytest.raises(UsageError, match="lasts 1 s at least"):
        Apart(least=Fraction(1, 2))
    with pytest.raises(UsageError, match="does not keep off"):
        Apart(away=Fraction(0))


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_the_table_is_read_back(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    clips = plan(STOCK, 3, seed)
    path = tmp_path_factory.mktemp("joins") / "joins.csv"
    path.write_bytes(joins_table(clips))
    assert read_joins(path) == tuple(sorted(clips, key=lambda clip: clip.name))


HEAD = "joins,clip,seed,source,class,kind,city,location,cut,span\n"
LINE = "vadd.joins/1,j,1,c,a,a,,p,{},{}\n"


@pytest.mark.parametrize(("lines", "message"), [
    ("", "has no joined clips"),
    (LINE.format("1-5", "1-5"), "line 2: the piece does not begin where the one before ends"),
    (LINE.format("1-5", "0-4") + LINE.format("0-4", "5-9"), "line 3: the piece does not begin"),
    (LINE.format("1-5", "0-5"), "line 2: 1-5 and 0-5 are not of the same length"),
    (LINE.format("1-5", "0-1;3-6"), "line 2: '0-1;3-6' is no span of seconds"),
    (LINE.format("1-5", "0-x"), "line 2: '0-x' is no span of seconds"),
    (LINE.format("1-5", "0-4").replace("joins/1", "joins/2"), "joins of the form 'vadd.joins/2'"),
    (LINE.format("1-5", "0-4").replace(",1,c", ",one,c"), "the seed 'one' is no whole number"),
    (LINE.format("1-5", "0-4").replace(",1,c", ",1,"), "a piece has a clip and a source"),
    (LINE.format("1-5", "0-4") + LINE.format("0-4", "4-8").replace(",1,c", ",2,c"), "the seed of j is 1"),
])  # fmt: skip
def test_broken_tables(tmp_path, lines: str, message: str) -> None:
    path = tmp_path / "joins.csv"
    path.write_text(HEAD + lines)
    with pytest.raises(ProtocolError, match=message):
        read_joins(path)


def test_lists(tmp_path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text("clip,scene,city,location,fold1,kind\none,a,x,1,test,k\ntwo,b,,2,test,\n")
    assert read_stock(path) == (Stock("one", "a", "k", "x", "1"), Stock("two", "b", "b", "", "2"))
    for body, message in (
        ("", "names no clips"),
        ("one,,x,1\n", "line 2: a clip without a scene"),
        ("one,a,x,\n", "line 2: a clip without a location"),
        ("one,a,x,1\none,b,y,2\n", "line 3: the clip one is there twice"),
        ("../one,a,x,1\n", "is no name of a clip"),
    ):
        path.write_text("clip,scene,city,location\n" + body)
        with pytest.raises(ProtocolError, match=message):
            read_stock(path)
    with pytest.raises(UsageError, match="cannot read"):
        read_stock(tmp_path / "none.csv")


def test_pairs_that_are_near(tmp_path) -> None:
    path = tmp_path / "near.txt"
    path.write_text("# words\na b\n\nb  a # again\nc d\n")
    assert read_near(path) == {frozenset("ab"), frozenset("cd")}
    path.write_text("a b\na b c\n")
    with pytest.raises(ProtocolError, match="line 2: 3 words are no pair"):
        read_near(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="no text in utf-8"):
        read_near(path)


def test_more_clips_begin_with_those_of_fewer() -> None:
    assert plan(STOCK, 4, 5)[:2] == plan(STOCK, 2, 5)
