"""AWS Signature Version 4 against the vectors that AWS publishes (aws-c-auth, tests/aws-signing-test-suite/v4)."""

from datetime import UTC, datetime

import pytest

from workflows.providers.auth import sigv4
from workflows.providers.auth.sigv4 import Signer

AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
HOST = "https://example.amazonaws.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SESSION = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwt"
    "hAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAk"
    "iY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


def signer(token: str = "") -> Signer:
    return Signer(
        access_key_id="AKIDEXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        session_token=token,
        region="us-east-1",
        service="service",
    )


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "signed", "signature"),
    [
        # get-vanilla
        (
            "GET",
            "/",
            {},
            b"",
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        # get-unreserved
        (
            "GET",
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            {},
            b"",
            "host;x-amz-date",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        # get-utf8: the path as it is typed, encoded once
        (
            "GET",
            "/ሴ",
            {},
            b"",
            "host;x-amz-date",
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        # get-slashes
        (
            "GET",
            "//example//",
            {},
            b"",
            "host;x-amz-date",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        # get-relative-relative: the same as get-vanilla once it is normal
        (
            "GET",
            "/example1/example2/../..",
            {},
            b"",
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        # get-vanilla-query-order-key-case
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            {},
            b"",
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        # get-vanilla-query-order-value
        (
            "GET",
            "/?Param1=value2&Param1=value1",
            {},
            b"",
            "host;x-amz-date",
            "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
        ),
        # get-vanilla-utf8-query
        (
            "GET",
            "/?ሴ=bar",
            {},
            b"",
            "host;x-amz-date",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        # get-header-value-trim
        (
            "GET",
            "/",
            {"My-Header1": " value1", "My-Header2": '"a   b   c"'},
            b"",
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        # post-x-www-form-urlencoded
        (
            "POST",
            "/",
            FORM,
            b"Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_published_vectors(
    method: str, target: str, headers: dict[str, str], body: bytes, signed: str, signature: str
) -> None:
    added = sigv4.sign(
        signer(), method=method, address=HOST + target, headers=headers, body=body, at=AT
    )

    assert added["X-Amz-Date"] == "20150830T123600Z"
    assert added["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={signed}, Signature={signature}"
    )


def test_session_token_is_signed() -> None:
    """post-sts-header-after, with the token among the signed headers as its authorization header says."""
    added = sigv4.sign(
        signer(SESSION), method="POST", address=f"{HOST}/", headers={}, body=b"", at=AT
    )

    assert added["X-Amz-Security-Token"] == SESSION
    assert added["Authorization"].endswith(
        "SignedHeaders=host;x-amz-date;x-amz-security-token, "
        "Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    )


def test_neither_key_nor_token_is_shown() -> None:
    assert "EXAMPLE" not in repr(signer(SESSION)).replace("AKIDEXAMPLE", "")
