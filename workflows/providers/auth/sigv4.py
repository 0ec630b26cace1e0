"""AWS Signature Version 4, as a pure function. Source: IAM user guide, "Create a signed AWS API request"."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
UNRESERVED = "-._~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    region: str
    service: str


def sign(
    signer: Signer,
    *,
    method: str,
    address: str,
    headers: Mapping[str, str],
    body: bytes,
    at: datetime,
) -> dict[str, str]:
    """The headers to add: date, session token, authorization. All of `headers` are signed; `at` is in UTC."""
    moment = at.strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Date": moment}
    if signer.session_token:
        added["X-Amz-Security-Token"] = signer.session_token
    parts = urlsplit(address)
    canonical = {
        name.lower(): " ".join(value.split())
        for name, value in {**headers, **added, "host": parts.netloc}.items()
    }
    names = ";".join(sorted(canonical))
    request = "\n".join(
        (
            method,
            _path(parts.path),
            _query(parts.query),
            *(f"{name}:{canonical[name]}" for name in sorted(canonical)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{moment[:8]}/{signer.region}/{signer.service}/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{signer.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    said = f"{ALGORITHM}\n{moment}\n{scope}\n{hashed}"
    signature = hmac.digest(key, said.encode(), "sha256").hex()
    added["Authorization"] = (
        f"{ALGORITHM} Credential={signer.access_key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    return added


def _path(path: str) -> str:
    """Normal (RFC 3986, 6), and each segment encoded once more than it is on the wire."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(quote(segment, safe=UNRESERVED))
    end = "/" if kept and path.endswith(("/", "/.", "/..")) else ""
    return f"/{'/'.join(kept)}{end}"


def _query(query: str) -> str:
    pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
    encoded = sorted((quote(n, safe=UNRESERVED), quote(v, safe=UNRESERVED)) for n, v in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)
