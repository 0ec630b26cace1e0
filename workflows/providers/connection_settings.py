"""What a provider's kind and its way to sign in need besides an address: settings, and secrets by what they are for.

One table for the register's checks (connection.py), the form, and docs/providers.md. No value here is secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from workflows.providers import setting_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `fault` says what is wrong with a value, or nothing; a switch is a bool, all others are text."""

    name: str
    label: str
    hint: str = ""
    required: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()
    is_switch: bool = False
    is_long: bool = False
    fault: Callable[[str], str] = lambda _value: ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRole:
    """A secret by what it is for. The first one is `secret_name`, the others stand in `more_secrets`."""

    name: str
    label: str
    hint: str = ""
    required: bool = False


_STREAMING = Setting(
    name="streaming",
    label="Read answers as they come",
    hint="Switch off for servers that cannot stream, or send no usage when they do.",
    is_switch=True,
    default="yes",
)
_TEMPERATURE = Setting(
    name="send_temperature",
    label="Send a temperature",
    hint="Switch off for models that refuse one.",
    is_switch=True,
    default="yes",
)
_AUTHORITIES = Setting(
    name="authorities",
    label="Our own certificate authorities",
    hint="PEM. Only these are trusted at its address, in place of the public ones.",
    is_long=True,
    fault=setting_values.authorities,
)
_TOKEN_AUTHORITIES = Setting(
    name="token_authorities",
    label="Certificate authorities of the sign-in service",
    hint="PEM. Only these are trusted there.",
    is_long=True,
    fault=setting_values.authorities,
)
_KEY_HEADER = Setting(
    name="key_header",
    label="Header of the key",
    hint="Where the key goes when it is not the usual header; it then stands alone, without Bearer.",
    fault=setting_values.header,
)
_OPENAI = (
    Setting(
        name="token_limit",
        label="Member that limits tokens",
        hint="Newer models of OpenAI know max_completion_tokens only.",
        choices=("max_tokens", "max_completion_tokens"),
        default="max_tokens",
    ),
    Setting(
        name="strict_schema",
        label="Ask for strict schemas",
        hint="OpenAI's own strict mode: every property required, none additional.",
        is_switch=True,
    ),
)
OF_ALL: Final = (_STREAMING, _TEMPERATURE, _AUTHORITIES)
OF_KIND: Final[Mapping[str, tuple[Setting, ...]]] = {
    "openai": _OPENAI,
    "azure_openai": (
        Setting(
            name="api_version",
            label="API version",
            hint="Such as 2024-10-21.",
            required=True,
            fault=setting_values.word,
        ),
        *_OPENAI,
    ),
    "anthropic": (
        Setting(
            name="anthropic_version",
            label="API version",
            default="2023-06-01",
            fault=setting_values.word,
        ),
        Setting(
            name="schema_by",
            label="JSON Schema goes out as",
            hint="A tool works with every model; output_config with those that have structured outputs.",
            choices=("tool", "output_config"),
            default="tool",
        ),
    ),
    "gemini": (),
    "vertex": (
        Setting(name="project", label="Project", required=True, fault=setting_values.word),
        Setting(
            name="location",
            label="Location",
            hint="Such as europe-west4.",
            required=True,
            fault=setting_values.word,
        ),
    ),
    "bedrock": (),
}
OF_AUTH: Final[Mapping[str, tuple[Setting, ...]]] = {
    "none": (),
    "api_key": (_KEY_HEADER,),
    "bearer": (),
    "oauth2": (
        Setting(
            name="token_url",
            label="Token endpoint",
            required=True,
            fault=setting_values.secret_address,
        ),
        Setting(name="client_id", label="Client id", required=True, fault=setting_values.scope),
        Setting(name="scope", label="Scope", fault=setting_values.scope),
        Setting(name="audience", label="Audience", fault=setting_values.scope),
        _TOKEN_AUTHORITIES,
    ),
    "azure_client": (
        Setting(
            name="directory",
            label="Directory (tenant) id",
            required=True,
            fault=setting_values.word,
        ),
        Setting(
            name="client_id",
            label="Application (client) id",
            required=True,
            fault=setting_values.word,
        ),
        Setting(
            name="scope",
            label="Scope",
            default="https://cognitiveservices.azure.com/.default",
            fault=setting_values.scope,
        ),
        Setting(
            name="token_url",
            label="Token endpoint",
            hint="Microsoft's public one where empty.",
            fault=setting_values.secret_address,
        ),
        _TOKEN_AUTHORITIES,
    ),
    "azure_identity": (
        Setting(
            name="client_id",
            label="Client id",
            hint="Of a user-assigned identity; empty for the machine's own.",
            fault=setting_values.word,
        ),
        Setting(
            name="resource",
            label="Resource",
            default="https://cognitiveservices.azure.com",
            fault=setting_values.scope,
        ),
        Setting(
            name="token_url",
            label="Identity endpoint",
            hint="That of Azure's virtual machines where empty.",
            fault=setting_values.address,
        ),
    ),
    "google_account": (
        Setting(
            name="scope",
            label="Scope",
            default="https://www.googleapis.com/auth/cloud-platform",
            fault=setting_values.scope,
        ),
        Setting(
            name="token_url",
            label="Token endpoint",
            hint="Google's public one where empty.",
            fault=setting_values.secret_address,
        ),
        _TOKEN_AUTHORITIES,
    ),
    "google_metadata": (
        Setting(
            name="scope",
            label="Scope",
            default="https://www.googleapis.com/auth/cloud-platform",
            fault=setting_values.scope,
        ),
        Setting(
            name="token_url",
            label="Metadata server",
            hint="Google's own where empty.",
            fault=setting_values.address,
        ),
    ),
    "aws_sigv4": (
        Setting(
            name="access_key_id", label="Access key id", required=True, fault=setting_values.word
        ),
        Setting(
            name="region",
            label="AWS region",
            hint="Such as eu-central-1.",
            required=True,
            fault=setting_values.region,
        ),
        Setting(
            name="service",
            label="Service to sign for",
            default="bedrock",
            fault=setting_values.word,
        ),
    ),
    "mtls": (_KEY_HEADER,),
    "caller_key": (_KEY_HEADER,),
}
SECRETS_OF_AUTH: Final[Mapping[str, tuple[SecretRole, ...]]] = {
    "none": (),
    "api_key": (SecretRole(name="key", label="Secret with the key", required=True),),
    "bearer": (SecretRole(name="token", label="Secret with the token", required=True),),
    "oauth2": (SecretRole(name="client_secret", label="Secret of the client", required=True),),
    "azure_client": (
        SecretRole(name="client_secret", label="Secret of the application", required=True),
    ),
    "azure_identity": (),
    "google_account": (
        SecretRole(name="key_file", label="Secret with the key file (JSON)", required=True),
    ),
    "google_metadata": (),
    "aws_sigv4": (
        SecretRole(name="secret_access_key", label="Secret access key", required=True),
        SecretRole(name="session_token", label="Session token", hint="Of temporary credentials."),
    ),
    "mtls": (
        SecretRole(
            name="private_key",
            label="Secret with the private key",
            hint="PEM without a password; the certificate may stand in the same secret.",
            required=True,
        ),
        SecretRole(
            name="certificate",
            label="Secret with the certificate",
            hint="PEM, where it is not in the same secret as the key.",
        ),
        SecretRole(
            name="api_key", label="Secret with an API key", hint="Where one is asked for besides."
        ),
    ),
    "caller_key": (),
}
_TOKENS = ("bearer", "oauth2")
AUTHS_OF_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "openai": (
        "none",
        "api_key",
        *_TOKENS,
        "azure_client",
        "azure_identity",
        "google_account",
        "google_metadata",
        "mtls",
        "caller_key",
    ),
    "azure_openai": ("api_key", "azure_client", "azure_identity", *_TOKENS, "mtls", "caller_key"),
    "anthropic": ("api_key", "none", *_TOKENS, "mtls", "caller_key"),
    "gemini": ("api_key", "google_account", "none", *_TOKENS, "mtls", "caller_key"),
    "vertex": ("google_account", "google_metadata", "api_key", *_TOKENS, "mtls", "caller_key"),
    "bedrock": ("aws_sigv4", "api_key", *_TOKENS, "mtls", "caller_key"),
}
# Where the vendor's own address is known; any other may be given.
ADDRESSES: Final[Mapping[str, str]] = {
    "openai": "https://api.openai.com/v1",
    "azure_openai": "https://RESOURCE.openai.azure.com",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "vertex": "https://europe-west4-aiplatform.googleapis.com",
    "bedrock": "https://bedrock-runtime.eu-central-1.amazonaws.com",
}
