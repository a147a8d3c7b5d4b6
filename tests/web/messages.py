"""What the pages say, collected from templates and modules, and catalogues read by a reader of their own."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from jinja2 import nodes

from vadd.web import pages, say, view

# The made verdicts of the tests of reports.
sys.path.append(str(Path(__file__).parents[1] / "report"))

WEB = Path(pages.__file__).parent
CATALOGUES = WEB / "locale"
#: Calls whose first argument, or first two, are messages.
_CALLS = {"_": 1, "say": 1, "n_": 2, "count": 2, "gettext": 1}


def used() -> dict[tuple[str, ...], str]:
    """Every message (one, or one and its plural) → where it is used."""
    found: dict[tuple[str, ...], str] = {}
    for module in (pages, say, view):
        for text in module.FIXED:
            found[(text,)] = module.__name__
    for path in sorted((WEB / "templates").glob("*.html")):
        for call in pages.environment().parse(path.read_text("utf-8")).find_all(nodes.Call):
            name = getattr(call.node, "name", None)
            if name in _CALLS:
                texts = call.args[: _CALLS[name]]
                assert all(isinstance(text, nodes.Const) for text in texts), f"{path.name}:{call.lineno}"
                found[tuple(text.value for text in texts)] = f"{path.name}:{call.lineno}"
    for path in sorted(WEB.glob("*.py")):
        for message in _in_module(path):
            found[message] = path.name
    return found


def _in_module(path: Path) -> Iterator[tuple[str, ...]]:
    for call in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        count = _CALLS.get(call.func.attr)
        texts = call.args[:count] if count else []
        if texts and all(isinstance(text, ast.Constant) and isinstance(text.value, str) for text in texts):
            yield tuple(text.value for text in texts)  # type: ignore[attr-defined]


def read_po(path: Path) -> dict[tuple[str, ...], tuple[str, ...]]:
    """A catalogue as text: message (and plural) → translation (one for each plural form)."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    entry: dict[str, str] = {}
    field = ""
    for line in [*path.read_text("utf-8").splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if entry:
                key = tuple(entry[name] for name in ("msgid", "msgid_plural") if name in entry)
                assert key not in found, f"twice: {key}"
                found[key] = tuple(text for name, text in entry.items() if name.startswith("msgstr"))
            entry = {}
            continue
        name, _, rest = line.partition(" ") if not line.startswith('"') else (field, "", line)
        field = name
        entry[name] = entry.get(name, "") + ast.literal_eval(rest)
    return found
