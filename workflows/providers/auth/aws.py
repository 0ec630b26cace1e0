"""AWS Signature Version 4 for calls to Amazon Bedrock, with a clock that learns from AWS's own."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from workflows.providers.auth import sigv4
from workflows.providers.auth.access import Access, Authentication, Rejection, Signed

SERVICE = "bedrock"
CLOSE_ENOUGH = timedelta(seconds=60)  # AWS takes five minutes


class SignatureFour(Authentication):
    """`access_key_id` and `region` are settings; the secret is the secret access key, `session_token` another one.

    Where this machine's clock is wrong, AWS says so with 403 and its own time in `Date`: that difference is kept
    for its host, and the call tried once more.
    """

    def __init__(self) -> None:
        self._change = threading.Lock()
        self._ahead: dict[str, timedelta] = {}  # how much later it is there, by host

    def headers(self, access: Access, signed: Signed) -> Mapping[str, str]:
        token = access.target.more_secrets.get("session_token")
        signer = sigv4.Signer(
            access_key_id=access.setting("access_key_id"),
            secret_access_key=access.own_secret().strip(),
            session_token=access.secret(token).strip() if token else "",
            region=access.setting("region"),
            service=access.setting("service", SERVICE),
        )
        return sigv4.sign(
            signer,
            method=signed.method,
            address=signed.address,
            headers=signed.headers,
            body=signed.body,
            at=datetime.now(UTC) + self._ahead.get(_host(access), timedelta()),
        )

    def learn(self, access: Access, rejection: Rejection) -> bool:
        if rejection.status != 403:
            return False
        try:
            there = parsedate_to_datetime(str(rejection.headers.get("date", "")))
        except (TypeError, ValueError):
            return False
        if there.tzinfo is None:
            there = there.replace(tzinfo=UTC)
        ahead, host = there - datetime.now(UTC), _host(access)
        with self._change:
            if abs(ahead - self._ahead.get(host, timedelta())) <= CLOSE_ENOUGH:
                return False
            self._ahead[host] = ahead
        return True


def _host(access: Access) -> str:
    return urlsplit(access.target.base_url).netloc
