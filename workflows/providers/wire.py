"""One connection to a provider: HTTP/1.1 by the standard library, read as strictly as RFC 9112 wants it.

`http.client` connects, begins requests and knows whose turn it is. Headers it would check too kindly, and read by the
parser of e-mails: that is done here. What goes wrong is said in httpx's errors.
"""

import http.client
import io
import re
import select
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, cast

import httpx

MOMENT: Final = 0.001  # a wait of none at all would mean: do not wait
PIECE_BYTES: Final = 65_536
HEAD_LIMIT_BYTES: Final = 100_000
BLANK: Final = (b"\r\n", b"\n")
DIGITS: Final = 20  # of a length
SWITCHING, NO_CONTENT, NOT_MODIFIED = 101, 204, 304
OURS: Final = frozenset({b"host", b"content-length", b"transfer-encoding"})

_TOKEN: Final = rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+"
_VALUE: Final = rb"(?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?"
_NAME: Final = re.compile(_TOKEN)
_WORDS: Final = re.compile(_VALUE)
_FIELD: Final = re.compile(rb"(" + _TOKEN + rb"):[ \t]*(" + _VALUE + rb")[ \t]*\r?\n")
_STATUS: Final = re.compile(rb"HTTP/([0-9]\.[0-9]) ([1-9][0-9]{2})(?: [^\x00\n\r\f\v]*)?\r?\n")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;.*)?[ \t]*\r\n")
_TARGET: Final = re.compile(r"[\x21-\x7e]+")

Fields = list[tuple[bytes, bytes]]
Left = Callable[[], float]  # how many seconds there still are


class Origin(NamedTuple):
    """What connections lead to."""

    scheme: str
    host: str  # ASCII, without brackets
    port: int


@dataclass(frozen=True, slots=True)
class Asking:
    """A request. Its length and its host are written here, nowhere else."""

    method: str
    target: str
    host: str  # with its port, where that is not the usual one
    headers: Iterable[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)

    def head(self) -> bytes:
        """The headers that leave. Raises LocalProtocolError for what would be something else on the wire."""
        if not _NAME.fullmatch(self.method.encode()) or not _TARGET.fullmatch(self.target):
            raise httpx.LocalProtocolError("A request holds what none can carry.")
        lines = [b"Host: " + self.host.encode()]
        if self.body or self.method in {"POST", "PUT", "PATCH"}:
            lines.append(b"Content-Length: %d" % len(self.body))
        for each, what in self.headers:
            try:
                name, value = each.encode("latin-1"), what.encode("latin-1")
            except UnicodeEncodeError as error:
                raise httpx.LocalProtocolError("A header holds what none can carry.") from error
            if not _NAME.fullmatch(name) or not _WORDS.fullmatch(value) or name.lower() in OURS:
                raise httpx.LocalProtocolError("A header is none that a caller may write.")
            lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])


class Arriving(io.RawIOBase):
    """What comes in on a socket for one answer: no wait is longer than what is left of its call.

    The socket outlives it: closing this closes nothing.
    """

    def __init__(self, sock: socket.socket, left: Left) -> None:
        self._sock, self._left = sock, left
        self.is_over = False

    def makefile(self, _mode: str) -> io.BufferedReader:
        """As http.client asks a socket for it."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.is_over:
            return None
        seconds = self._left()
        if seconds <= 0:
            raise TimeoutError("No time is left.")
        self._sock.settimeout(seconds)
        return self._sock.recv_into(buffer)


class Answer(http.client.HTTPResponse):
    """An answer whose head is there and whose body is on its way."""

    fields: Fields
    is_last: bool  # on its connection

    def __init__(self, sock: socket.socket, *, method: str, left: Left) -> None:
        self._arriving = Arriving(sock, left)
        super().__init__(self._arriving, method=method)  # type: ignore[arg-type]
        self._is_head = method == "HEAD"
        self._room = HEAD_LIMIT_BYTES
        self._is_whole = False

    def begin(self) -> None:
        """Read the head, and those of interim answers before it. Raises RemoteProtocolError."""
        while True:
            version, status, fields = self._head()
            if status >= 200 or status == SWITCHING:
                break
        self.status, self.fields = status, fields
        self.chunked, self.length = _framing(fields)
        if self._is_head or status in {SWITCHING, NO_CONTENT, NOT_MODIFIED}:
            self.chunked, self.length = False, 0
        lasts = version >= b"1.1" and b"close" not in _listed(fields, b"connection")
        has_end = self.chunked or self.length is not None
        self.is_last = not (lasts and has_end and status != SWITCHING)
        self.will_close = False  # http.client would let go of the connection at once

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes. Raises ReadTimeout, ReadError, or RemoteProtocolError where it breaks off."""
        try:
            if self.chunked:
                yield from self._chunks()
            elif self.length is not None:
                yield from self._sized(self.length)
            else:
                while piece := self.fp.read1(PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise _unread(error) from error
        self._is_whole = True

    def leaves_nothing(self) -> bool:
        """Was all of it read, and did nothing come that does not belong to it?"""
        if not self._is_whole and (self.chunked or self.length != 0):
            return False
        self._arriving.is_over = True
        return not self.fp.peek(1)

    def _head(self) -> tuple[bytes, int, Fields]:
        status = _STATUS.fullmatch(self._line())
        if status is None:
            raise httpx.RemoteProtocolError("What came back is no answer of HTTP.")
        return status[1], int(status[2]), self._fields()

    def _fields(self) -> Fields:
        lines: list[bytes] = []
        while (line := self._line()) not in BLANK:
            if line[0] not in b" \t":
                lines.append(line)
            elif lines:  # folded as in old times (RFC 9112, 5.2)
                lines[-1] = lines[-1].rstrip(b"\r\n") + b" " + line.lstrip(b" \t")
            else:
                raise httpx.RemoteProtocolError("The first header continues none.")
        fields: Fields = []
        for line in lines:
            found = _FIELD.fullmatch(line)
            if found is None:
                raise httpx.RemoteProtocolError("A line of the head is no header.")
            fields.append((found[1], found[2]))
        return fields

    def _line(self) -> bytes:
        line = self.fp.readline(self._room + 1)
        self._room -= len(line)
        if self._room < 0:
            raise httpx.RemoteProtocolError("A head is longer than any should be.")
        if not line.endswith(b"\n"):
            raise httpx.RemoteProtocolError("The other side hung up.")
        return line

    def _sized(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.fp.read1(min(size, PIECE_BYTES))
            if not piece:
                raise httpx.RemoteProtocolError("The other side hung up before its answer ended.")
            size -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while size := self._size_of_chunk():
            yield from self._sized(size)
            if self.fp.read(2) != b"\r\n":
                raise httpx.RemoteProtocolError("A chunk does not end where it should.")
        self._fields()  # may follow the last chunk, and are of no use here

    def _size_of_chunk(self) -> int:
        self._room = HEAD_LIMIT_BYTES
        found = _CHUNK.fullmatch(self._line())
        if found is None:
            raise httpx.RemoteProtocolError("A chunk does not say how long it is.")
        return int(found[1], 16)


class Wire(http.client.HTTPConnection):
    """A connection. Whoever has it is its only user; it never opens itself again, so nothing is sent twice."""

    auto_open = 0

    def __init__(self, origin: Origin, context: ssl.SSLContext) -> None:
        super().__init__(origin.host, origin.port)
        self._context = context if origin.scheme == "https" else None
        self._rest = b""
        self._is_sound = True

    def open(self, seconds: float) -> None:
        """Raises ConnectTimeout and ConnectError; nothing of a request was sent by then."""
        self.timeout = seconds
        try:
            self.connect()
            if self._context is not None:
                self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:  # the latter: a name that no resolver knows
            raise httpx.ConnectError(str(error)) from error

    def ask(self, asking: Asking, left: Left) -> Answer:
        """Send, and wait for the head of the answer. Raises a TransportError."""
        self.response_class = partial(Answer, left=left)  # type: ignore[assignment]
        self._rest = asking.head() + asking.body
        self.putrequest(asking.method, asking.target, skip_host=True, skip_accept_encoding=True)
        self.sock.settimeout(max(MOMENT, left()))
        try:
            self.endheaders()
        except TimeoutError as error:
            raise httpx.WriteTimeout(str(error)) from error
        except OSError:
            self._is_sound = False  # it may have answered before it hung up: that is read
        try:
            return cast("Answer", self.getresponse())
        except OSError as error:
            raise _unread(error) from error

    def send(self, data: Any) -> None:
        """All of a request in one piece: in two packets it would be two readings over there.

        What http.client has is the first line and an empty one. The headers were checked more strictly than it does.
        """
        self.sock.sendall(data.removesuffix(b"\r\n") + self._rest)
        self._rest = b""

    def finish(self, answer: Answer) -> bool:
        """End an answer. Is the connection good for another request?"""
        is_good = self._is_sound and not answer.is_last and answer.leaves_nothing()
        answer.close()
        return is_good

    def is_quiet(self) -> bool:
        """Nothing came in and nobody hung up, as it must be between two requests."""
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return False
        poll = select.poll()  # select.select() fails beyond the 1,023rd file
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)


def _framing(fields: Fields) -> tuple[bool, int | None]:
    """Chunked, or how long, or neither: until it is closed (RFC 9112, 6.3). Raises RemoteProtocolError."""
    lengths = set(_listed(fields, b"content-length"))
    codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    if len(lengths) > 1 or not all(each.isdigit() and len(each) <= DIGITS for each in lengths):
        raise httpx.RemoteProtocolError("The answer does not say how long it is.")
    if codings and (len(codings) > 1 or codings[0].lower() != b"chunked"):
        raise httpx.RemoteProtocolError("The answer comes in a coding that nobody asked for.")
    return bool(codings), int(lengths.pop()) if lengths else None


def _listed(fields: Fields, wanted: bytes) -> list[bytes]:
    """What the headers of a name hold, in small letters, one by one."""
    values = [value for name, value in fields if name.lower() == wanted]
    return [each.strip().lower() for value in values for each in value.split(b",")]


def _unread(error: OSError) -> httpx.TransportError:
    kind = httpx.ReadTimeout if isinstance(error, TimeoutError) else httpx.ReadError
    return kind(str(error))
