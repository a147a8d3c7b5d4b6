"""Nested facts (a file's streams, a configuration, a card) as plain lines of name and value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vadd.report.text import printable

__all__ = ["flat"]


def flat(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Lines of (name, value), both safe to show: ``limits.bytes``, ``4294967296``.

    Args:
        value: Mappings and sequences of scalars, nested as they come; short lists of scalars stay on one
            line.
        name: What to call the whole.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if all(isinstance(item, str) or not isinstance(item, Mapping | Sequence) for item in value):
            yield printable(name), ", ".join(_scalar(item) for item in value) or "none"
        else:
            for i, item in enumerate(value):
                yield from flat(item, f"{name}.{i}")
    else:
        yield printable(name), _scalar(value)


def _scalar(value: object) -> str:
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))
