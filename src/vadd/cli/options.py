"""Checks of options that several commands have."""

from __future__ import annotations

import click

__all__ = ["share"]


def share(context: click.Context, option: click.Parameter, value: float) -> float:
    """A number between 0 and 1, both excluded.

    Raises:
        click.BadParameter: If it is another.
    """
    if not 0 < value < 1:  # click's own range lets NaN pass
        raise click.BadParameter(f"{value} is not between 0 and 1, both excluded")
    return value
