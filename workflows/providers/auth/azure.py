"""Microsoft Entra ID. Sources: Microsoft identity platform, "OAuth 2.0 client credentials flow"; Azure, "How to use
managed identities on a virtual machine to acquire an access token".
"""

from collections.abc import Hashable
from urllib.parse import quote, urlencode

from workflows.providers.auth import tokens
from workflows.providers.auth.access import Access
from workflows.providers.auth.tokens import Token, TokenWay

LOGIN = "https://login.microsoftonline.com"
IDENTITY = "http://169.254.169.254/metadata/identity/oauth2/token"
IDENTITY_VERSION = "2018-02-01"
RESOURCE = "https://cognitiveservices.azure.com"


class AzureClient(TokenWay):
    """An application of the tenant's own directory, with its client secret."""

    def key(self, access: Access) -> Hashable:
        names = ("token_url", "directory", "client_id", "scope")
        return (*map(access.setting, names), tokens.digest(access.own_secret()))

    def make(self, access: Access) -> Token:
        directory = quote(access.setting("directory"), safe="")
        address = access.setting("token_url", f"{LOGIN}/{directory}/oauth2/v2.0/token")
        form = {
            "grant_type": "client_credentials",
            "client_id": access.setting("client_id"),
            "client_secret": access.own_secret(),
            "scope": access.setting("scope", f"{RESOURCE}/.default"),
        }
        return tokens.ask_with_form(access, address, form)


class AzureIdentity(TokenWay):
    """The identity of the machine itself; nothing is stored."""

    def key(self, access: Access) -> Hashable:
        return tuple(map(access.setting, ("token_url", "client_id", "resource")))

    def make(self, access: Access) -> Token:
        asked = {
            "api-version": IDENTITY_VERSION,
            "resource": access.setting("resource", RESOURCE),
        }
        if client := access.setting("client_id"):
            asked["client_id"] = client
        address = f"{access.setting('token_url', IDENTITY)}?{urlencode(asked)}"
        return tokens.ask_machine(access, address, {"Metadata": "true"})
