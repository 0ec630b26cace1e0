"""OAuth 2.0 client credentials, for gateways and identity providers of one's own. Source: RFC 6749, 4.4 and 2.3.1."""

from collections.abc import Hashable

from workflows.providers.auth import tokens
from workflows.providers.auth.access import Access
from workflows.providers.auth.tokens import Token, TokenWay


class ClientCredentials(TokenWay):
    """`token_url` and `client_id` are settings, `scope` and `audience` may be; the secret is the client's."""

    def key(self, access: Access) -> Hashable:
        settings = [
            access.setting(name) for name in ("token_url", "client_id", "scope", "audience")
        ]
        return (*settings, tokens.digest(access.own_secret()))

    def make(self, access: Access) -> Token:
        optional = {name: access.setting(name) for name in ("scope", "audience")}
        form = {
            "grant_type": "client_credentials",
            "client_id": access.setting("client_id"),
            "client_secret": access.own_secret(),
            **{name: value for name, value in optional.items() if value},
        }
        return tokens.ask_with_form(access, access.setting("token_url"), form)
