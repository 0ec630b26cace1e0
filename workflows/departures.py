"""Whether anything of a call left the house, as its row says it. Values only.

A call that found nobody (the connection refused, a name that does not resolve, a certificate that does not hold) failed
before a word of it was written. A time-out after that, or a connection that broke, leaves open whether it arrived.
"""

from typing import Final

CONNECTION: Final = "connection"
NOT_SENT: Final = "not_sent"  # a failure of the connection before anything was sent
WITHDRAWN: Final = "withdrawn"  # allowed, and never made: whoever wanted it had come to an end


def to_recorded(kind: str, *, was_sent: bool) -> str:
    """How the row of a call names a failure of this kind."""
    return NOT_SENT if kind == CONNECTION and not was_sent else kind


def to_kind(recorded: str) -> str:
    """The kind of failure that such a row tells of."""
    return CONNECTION if recorded == NOT_SENT else recorded
