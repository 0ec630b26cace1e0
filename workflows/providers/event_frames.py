"""Frames of Amazon's event streams (application/vnd.amazon.eventstream), read as they come.

Source: Amazon Transcribe and Lex developer guides, "Event stream encoding": two lengths and their CRC-32, headers,
payload, CRC-32 of all before it; big-endian.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

PRELUDE, CHECKSUM = 12, 4
LARGEST = 16 * 1024 * 1024 + PRELUDE + CHECKSUM
STRING = 7  # the type of all headers that say something to us
# How many bytes the values of the other types have; None: a length of two bytes comes first.
_SIZES: Mapping[int, int | None] = {
    0: 0,
    1: 0,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: None,
    7: None,
    8: 8,
    9: 16,
}


class FrameBroken(ValueError):
    """A frame that is not as the encoding promises."""


@dataclass(frozen=True, slots=True)
class Frame:
    headers: Mapping[str, str]
    payload: bytes


def frames(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """Each whole frame. One that was cut off is left out. Raises FrameBroken."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PRELUDE:
            total, headers, checksum = struct.unpack_from(">III", waiting)
            if zlib.crc32(waiting[:8]) != checksum:
                raise FrameBroken("The lengths of a frame were changed on the way.")
            if not PRELUDE + CHECKSUM + headers <= total <= LARGEST:
                raise FrameBroken("A frame tells lengths that cannot be.")
            if len(waiting) < total:
                break
            yield _read(bytes(waiting[:total]), headers)
            del waiting[:total]


def _read(frame: bytes, headers: int) -> Frame:
    (checksum,) = struct.unpack_from(">I", frame, len(frame) - CHECKSUM)
    if zlib.crc32(frame[:-CHECKSUM]) != checksum:
        raise FrameBroken("A frame was changed on the way.")
    return Frame(_headers(frame[PRELUDE : PRELUDE + headers]), frame[PRELUDE + headers : -CHECKSUM])


def _headers(given: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(given):
            end = at + 1 + given[at]
            name, kind = given[at + 1 : end].decode(), given[end]
            at, size = end + 1, _SIZES[given[end]]
            if size is None:
                (size,) = struct.unpack_from(">H", given, at)
                at += 2
            if kind == STRING:
                found[name] = given[at : at + size].decode()
            at += size
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise FrameBroken("The headers of a frame cannot be read.") from error
    return found
