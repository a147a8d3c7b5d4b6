"""List the Tux Paint stamps that are a photograph with a recorded sound, and unpack them.

    python tools/build_tuxpaint.py --stamps DIR              # writes benchmarks/tuxpaint.csv
    python tools/build_tuxpaint.py --stamps DIR --check      # fails when the committed table differs
    python tools/build_tuxpaint.py --stamps DIR --out DIR    # pictures on grey and sounds, for the benchmark

The stamps are a second, independent check of the everyday model that nothing is tuned on; none of them is
shipped, except those that the demo uses, which the table leaves out. A stamp's kind is what its picture
shows; nothing was put in or left out for what a model made of it. Without ``--stamps`` the Debian package is
fetched.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from PIL import Image

from build_demo import RATE, RECIPES, STAMPS, decode, fetch

TABLE = Path(__file__).parents[1] / "benchmarks" / "tuxpaint.csv"
COLUMNS = ("name", "kind", "photograph", "sound", "seconds", "licence")
#: The photographs are cut-outs; what they lie on should say nothing.
GREY = (128, 128, 128)

#: Folder below the stamps → kind → stamps. Stamps of one kind are no fair swap for one another.
KINDS: dict[str, dict[str, str]] = {
    "animals/amphibians": {"frog": "frog"},
    "animals/birds": {
        "small_bird": "blackbird cuckoo lark",
        "crow": "crow",
        "vulture": "vulture",
        "penguin": "penguin",
        "poultry": "hen rooster turkey",
        "owl": "owl",
        "heron": "heron_greatblue_flying",
        "waterfowl": "drake duck gander",
        "tropical_bird": "tucan",
        "gull": "seagull",
    },
    "animals/insects": {"insect": "grasshopper hornet xanthia"},
    "animals/mammals": {
        "mustelid": "ferret",
        "pig": "pig pig_golden pig_golden2",
        "hippopotamus": "hippopotamus",
        "elephant": "elephant",
    },
    "animals/mammals/apes": {"ape": "chimp gorilla"},
    "animals/mammals/aquatic": {"whale": "dolphin orca whale", "sea_lion": "sea_lion"},
    "animals/mammals/bears": {"bear": "bear"},
    "animals/mammals/bovines": {"cattle": "bison bull cow", "sheep_goat": "goat sheep_lamb"},
    "animals/mammals/camel": {"camel": "camel dromedary"},
    "animals/mammals/cats": {"big_cat": "lion tiger"},
    "animals/mammals/deer": {"deer": "caribou deer doe"},
    "animals/mammals/dogs": {"dog": "dog fox"},
    "animals/mammals/equines": {"horse": "donkey horse zebra"},
    "animals/mammals/rodents": {"rodent": "mouse rabbit squirrel"},
    "animals/marsupials": {"koala": "koala"},
    "hobbies": {"camera": "camera_35mm"},
    "hobbies/music/percussion": {"drum": "cymbal_crash drum_tomtom_floor drumkit"},
    "hobbies/music/string": {"strings": "cello violin"},
    "hobbies/music/wind": {"woodwind": "bassoon"},
    "household": {"kettle": "kettle", "rubber_duck": "rubberduck", "toilet": "toilet"},
    "household/arttools": {"scissors": "scissors_small_open"},
    "household/tools": {"tool": "hammer mallet_metal saw"},
    "naturalforces": {"thunder": "lightningbolt"},
    "seasonal/newyears": {"fireworks": "fireworks"},
}

#: Pairs of picture and sound that the table leaves out, and why.
LEFT_OUT = {
    "animals/birds/nandou": "its sound is digitally silent",
    "animals/birds/quetzal": "painted",
    "animals/insects/bee": "a drawing",
    "animals/lizards/iguana": "its sound is digitally silent",
    "animals/mammals/badger": "its sound is the same recording as the beaver's",
    "animals/mammals/bovines/cow_white": "its sound is in the demo",
    "animals/mammals/bovines/mountaingoat": "its sound is the same recording as the ram's",
    "animals/mammals/bovines/ram": "its sound is the same recording as the mountain goat's",
    "animals/mammals/bovines/sheep": "in the demo",
    "animals/mammals/giraffe": "its sound is digitally silent",
    "animals/mammals/rodents/beaver": "its sound is the same recording as the badger's",
    "animals/marsupials/wombat": "its sound is digitally silent",
    "food/fruit/apple_red": "the sound is of its being eaten",
    "household/arttools/scissors_small_closed": "the open pair is in, with nearly the same recording",
    "household/dishes/glass": "a drawing",
    "military/final-roll-call": "a memorial, which makes no sound",
    "seasonal/christmas/hard_candy": "a drawing",
    "seasonal/christmas/santahat": "a drawing",
    "seasonal/hanukkah/dreydl-gimmel": "a drawing",
    "seasonal/hanukkah/dreydl-hay": "a drawing",
    "seasonal/hanukkah/dreydl-nun": "a drawing",
    "seasonal/hanukkah/dreydl-shin": "a drawing",
    "seasonal/halloween/bat_left": "a drawing",
    "seasonal/halloween/blackcat": "a drawing",
    "seasonal/halloween/ghost": "a drawing",
    "seasonal/halloween/spider": "a drawing",
    "space/apollo_lander": "the sound is speech",
    "town/flags/checkeredflag": "a drawing",
    "town/roadsigns/no_uturn": "a drawing",
    "town/roadsigns/xing_ped": "a drawing",
    "town/roadsigns/xing_school": "a drawing",
    "vehicles/emergency/firetruck": "in the demo",
    "vehicles/ship/cartoon/bathyscape": "a drawing",
}
#: Folders of drawings only.
DRAWINGS = ("symbols/",)

#: Stamps whose licence is not Debian's for the whole package; facts from upstream's CONTRIBUTORS.txt.
LICENCES = {
    "animals/birds/drake": "sound GFDL, CC BY-SA or GPL (Caroline Ford)",
    "animals/birds/hen": "sound GFDL, CC BY-SA or GPL (Caroline Ford)",
    "animals/birds/heron_greatblue_flying": "photograph CC BY-SA 2.5 (Erinn Lynch)",
    "animals/mammals/bovines/sheep_lamb": "GFDL, CC BY-SA or GPL (Caroline Ford)",
    "animals/mammals/pig_golden": "GFDL, CC BY-SA or GPL (Caroline Ford)",
    "animals/mammals/pig_golden2": "GFDL, CC BY-SA or GPL (Caroline Ford)",
    "hobbies/music/percussion/cymbal_crash": "sound GFDL (Clngre)",
    "hobbies/music/percussion/drum_tomtom_floor": "sound GFDL (Clngre)",
    "hobbies/music/percussion/drumkit": "GFDL (Pawel Wajda; sound Clngre)",
    "hobbies/music/string/cello": "photograph GFDL (Georg Feitscher), sound public domain (Mdd4696)",
    "hobbies/music/string/violin": "GFDL (Frink51; sound Clngre)",
    "hobbies/music/wind/bassoon": "GFDL (Gregory Maxwell; sound Kat Walsh)",
    "household/kettle": "photograph GFDL, sound GFDL, CC BY-SA or GPL (Caroline Ford)",
}
DEFAULT_LICENCE = "GPL-2 (tuxpaint-stamps as a whole)"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stamps", type=Path, help="folder that tuxpaint-stamps-default was unpacked into")
    parser.add_argument("--out", type=Path, help="folder for pictures and sounds; the table is not written")
    parser.add_argument("--check", action="store_true", help="compare with the committed table")
    options = parser.parse_args()
    with ExitStack() as stack:
        stamps = options.stamps or fetch(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        rows = list(table(stamps))
        account_for_all(stamps, rows)
        if options.out:
            unpack(stamps, rows, options.out)
            return
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    if not options.check:
        TABLE.write_text(text.getvalue())
    elif TABLE.read_text() != text.getvalue():
        raise SystemExit(f"{TABLE.name} is not what this tool makes")
    print(f"{len(rows)} stamps of {len({row['kind'] for row in rows})} kinds")


def table(stamps: Path) -> Iterator[dict[str, str]]:
    """One row a stamp, in the order of the names."""
    demo = {source.path for recipe in RECIPES for source in (recipe.photograph, recipe.sound)}
    kinds = {
        f"{folder}/{name}": kind
        for folder, groups in KINDS.items()
        for kind, names in groups.items()
        for name in names.split()
    }
    for stamp, kind in sorted(kinds.items()):
        photograph, sound = f"{stamp}.png", f"{stamp}.ogg"
        if demo & {photograph, sound}:
            raise SystemExit(f"{stamp} is in the demo")
        samples = decode(stamps / STAMPS / sound)
        if not np.abs(samples).max() > 0:
            raise SystemExit(f"{sound} is silent")
        yield {
            "name": Path(stamp).name,
            "kind": kind,
            "photograph": photograph,
            "sound": sound,
            "seconds": f"{len(samples) / RATE:.2f}",
            "licence": LICENCES.get(stamp, DEFAULT_LICENCE),
        }


def account_for_all(stamps: Path, rows: list[dict[str, str]]) -> None:
    """Exit unless every pair of NAME.png and NAME.ogg is either in the table or left out for a reason."""
    root = stamps / STAMPS
    pairs = {
        picture.relative_to(root).with_suffix("").as_posix()
        for picture in root.rglob("*.png")
        if picture.with_suffix(".ogg").exists()
    }
    pairs = {pair for pair in pairs if not pair.startswith(DRAWINGS)}
    listed = {row["photograph"].removesuffix(".png") for row in rows}
    if odd := pairs.symmetric_difference(listed | LEFT_OUT.keys()) | (listed & LEFT_OUT.keys()):
        raise SystemExit(f"neither listed nor left out, or both, or not there: {', '.join(sorted(odd))}")


def unpack(stamps: Path, rows: list[dict[str, str]], out: Path) -> None:
    """Write NAME.png, the photograph on grey, and NAME.ogg, the sound as it is, for every row."""
    out.mkdir(parents=True, exist_ok=True)
    for row in rows:
        cutout = Image.open(stamps / STAMPS / row["photograph"]).convert("RGBA")
        side = max(cutout.size)
        picture = Image.new("RGB", (side, side), GREY)
        picture.paste(cutout, ((side - cutout.width) // 2, (side - cutout.height) // 2), cutout)
        picture.save(out / f"{row['name']}.png")
        shutil.copyfile(stamps / STAMPS / row["sound"], out / f"{row['name']}.ogg")


if __name__ == "__main__":
    main()
