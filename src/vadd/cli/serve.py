"""``vadd serve``: a page and an HTTP API on this machine."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["serve"]

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(short_help="Serve a page and an HTTP API on this machine.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8750, show_default=True, help="0 takes a free one."
)
@click.option(
    "--state", type=_FOLDER, metavar="DIR", help="Where jobs are kept.  [default: ~/.local/state/vadd/server]"
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    metavar="N",
    help="Files judged at the same time.",
)
@click.option("--max-upload", default="2GiB", show_default=True, metavar="SIZE", help="Of one file.")
@click.option(
    "--max-disk", default="20GiB", show_default=True, metavar="SIZE", help="Of all uploads and results."
)
@click.option(
    "--max-jobs",
    type=click.IntRange(1, 100_000),
    default=200,
    show_default=True,
    metavar="N",
    help="That may wait.",
)
@click.option(
    "--keep",
    type=click.FloatRange(0, 24 * 3650, min_open=True),
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="How long after its end a job is deleted.",
)
@click.option(
    "--allow-root", type=_FOLDER, metavar="DIR", help="Let the API name files in this folder by path."
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME[:PORT]",
    help="Another name that browsers call this server by.",
)
@click.option(
    "--token",
    envvar="VADD_TOKEN",
    metavar="TOKEN",
    help="What callers must know, 32 characters or more; VADD_TOKEN keeps it out of the list of processes.",
)
@click.option("--model", default="everyday", show_default=True, metavar="NAME|DIR", help="The detector.")
@click.option("--open", "open_", is_flag=True, help="Open the page in a browser.")
@click.option("-v", "--verbose", is_flag=True, help="Log every request: its route, never a name.")
def serve(
    host: str,
    port: int,
    state: Path | None,
    workers: int,
    max_upload: str,
    max_disk: str,
    max_jobs: int,
    keep: float,
    allow_root: Path | None,
    allow_host: tuple[str, ...],
    token: str | None,
    model: str,
    *,
    open_: bool,
    verbose: bool,
) -> int:
    """Serve a page and an HTTP API on this machine until it is interrupted.

    Nothing leaves the machine. Whoever can log in to it can use the server, unless there is a token; other
    machines can reach it only if --host says so, and then a token is required.
    """
    from vadd.errors import UsageError
    from vadd.web.config import Config, default_state, parse_size

    try:
        from vadd.web.serve import serve as run
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the server needs an extra that is not installed: pip install 'vadd[web]' ({error.name})"
        ) from error

    import logging

    from vadd.cli.terminal import say

    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(asctime)s %(message)s")
    config = Config(
        state=default_state() if state is None else state,
        host=host,
        port=port,
        workers=workers,
        max_upload=parse_size(max_upload),
        max_disk=parse_size(max_disk),
        max_jobs=max_jobs,
        keep_hours=keep,
        allow_root=allow_root,
        allow_hosts=allow_host,
        token=token,
        model=model,
    )

    def ready(address: str) -> None:
        say(f"vadd is at {address} (Ctrl-C ends it)")
        if open_:
            click.launch(address)

    run(config, ready=ready)
    return 0
