"""A public record: which files it has, how large they are, and their checksums.

Zenodo tells it as JSON at ``https://zenodo.org/api/records/ID``. What comes from there is taken only as far
as it is of the expected form: a file's name becomes a name on this disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urljoin, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vadd.embed.download import read
from vadd.errors import ModelError, ProtocolError, UsageError

__all__ = ["Record", "RecordFile", "parse_record", "read_record"]

#: Bytes of a listing: a thousand files need less than half of it.
MOST_BYTES = 4 << 20
MOST_FILES = 1000
#: What a file may be called: no path, nothing hidden, nothing that a terminal or a shell minds.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,199}")


class _Links(BaseModel):
    itself: str = Field(alias="self")


class _File(BaseModel):
    key: str
    size: Annotated[int, Field(ge=0, lt=1 << 50)]
    checksum: Annotated[str, Field(pattern="^md5:[0-9a-f]{32}$")]
    links: _Links


class _Metadata(BaseModel):
    title: str = ""


class _Listing(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: Annotated[str, Field(pattern="^[0-9A-Za-z._-]{1,40}$")]
    metadata: _Metadata = _Metadata()
    files: Annotated[list[_File], Field(min_length=1, max_length=MOST_FILES)]


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A file of a record.

    Attributes:
        name: Without a folder.
        size: Bytes.
        md5: Hex digest.
        url: Where its bytes are.
    """

    name: str
    size: int
    md5: str
    url: str


@dataclass(frozen=True, slots=True)
class Record:
    """What a record says of itself.

    Attributes:
        identity: Its number.
        title: For people; may be empty.
        files: In natural order, ``audio.2`` before ``audio.10``.
    """

    identity: str
    title: str
    files: tuple[RecordFile, ...]


def read_record(url: str) -> Record:
    """Ask a server for a record.

    Args:
        url: Of the record's JSON.

    Raises:
        UsageError: If that is no address.
        ProtocolError: If the server does not answer, sends on to another host, or its answer is no record.
    """
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    if scheme not in ("http", "https"):
        raise UsageError(f"{url} is no address to load a record from")
    try:
        return parse_record(read(url, MOST_BYTES), url)
    except ModelError as error:
        raise ProtocolError(str(error)) from error


def parse_record(data: bytes, url: str) -> Record:
    """A record from its JSON.

    Args:
        data: The JSON.
        url: Where it came from; links in it may be relative to that.

    Raises:
        ProtocolError: If it is no record, or names a file in a way that is not taken.
    """
    try:
        listing = _Listing.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ProtocolError(f"{url} is no record: {where + ': ' if where else ''}{first['msg']}") from error
    files: dict[str, RecordFile] = {}
    for file in listing.files:
        if not _NAME.fullmatch(file.key):
            raise ProtocolError(f"{url} names the file {file.key[:80]!r}, which is no plain file name")
        known = file.key.casefold()
        if known in files:
            raise ProtocolError(f"{url} names the file {file.key} twice")
        address = _address(url, file)
        files[known] = RecordFile(file.key, file.size, file.checksum.removeprefix("md5:"), address)
    ordered = sorted(files.values(), key=lambda file: _natural(file.name))
    return Record(listing.id, " ".join(listing.metadata.title.split())[:200], tuple(ordered))


def _address(url: str, file: _File) -> str:
    try:
        address = urljoin(url, file.links.itself)
        schemes = urlsplit(url).scheme, urlsplit(address).scheme
    except ValueError as error:
        raise ProtocolError(f"{url} gives no address of {file.key}: {error}") from error
    if schemes[1] not in ("http", "https") or schemes == ("https", "http"):
        raise ProtocolError(f"{url} gives the address {address[:200]!r} of {file.key}, which is not taken")
    return address


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers by their value."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
