"""Where secrets are kept unless a tenant has chosen otherwise, as the environment says it; every fault a sentence."""

from urllib.parse import urlsplit

from grove_site.env import Env

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def read_backend(env: Env) -> str:
    """`local` or `vault`."""
    kind = env.text("GROVE_SECRET_BACKEND", "local")
    if kind not in ("local", "vault"):
        env.problems.append(f"GROVE_SECRET_BACKEND is “{kind}”; it must be local or vault.")
    return kind


def read_vault(env: Env, *, wanted: bool) -> dict[str, str]:
    """The arguments of tenancy.vault.place but the tenant. `wanted` says that the installation keeps secrets there."""
    address = env.text("GROVE_VAULT_ADDRESS").rstrip("/")
    token, role_id = env.text("GROVE_VAULT_TOKEN"), env.text("GROVE_VAULT_ROLE_ID")
    secret_id = env.text("GROVE_VAULT_SECRET_ID")
    ca_pem = env.file("GROVE_VAULT_CA_FILE")
    if wanted or address:
        _check(env, address, token, role_id, secret_id)
    if ca_pem and "-----BEGIN CERTIFICATE-----" not in ca_pem:
        env.problems.append("GROVE_VAULT_CA_FILE holds no certificate in PEM form.")
    return {
        "address": address,
        "namespace": env.text("GROVE_VAULT_NAMESPACE"),
        "mount": env.text("GROVE_VAULT_MOUNT", "secret"),
        "prefix": env.text("GROVE_VAULT_PREFIX", "grove/{tenant}").strip("/"),
        "auth": "approle" if role_id else "token",
        "role_id": role_id,
        "credential": secret_id if role_id else token,
        "ca_pem": ca_pem,
    }


def _check(env: Env, address: str, token: str, role_id: str, secret_id: str) -> None:
    url = urlsplit(address)
    if not address:
        env.problems.append(
            "GROVE_SECRET_BACKEND is vault, and GROVE_VAULT_ADDRESS is not set. It reads https://host:port."
        )
    elif url.scheme not in ("http", "https") or not url.hostname:
        env.problems.append("GROVE_VAULT_ADDRESS must read https://host:port.")
    elif url.scheme == "http" and url.hostname not in LOOPBACK:
        env.problems.append(
            "GROVE_VAULT_ADDRESS must begin with https://: secrets travel encrypted."
        )
    if role_id and token:
        env.problems.append(
            "GROVE_VAULT_TOKEN and GROVE_VAULT_ROLE_ID are both set. Set one of them."
        )
    if role_id and not secret_id:
        env.problems.append(
            "GROVE_VAULT_ROLE_ID is set without GROVE_VAULT_SECRET_ID. Set it, or GROVE_VAULT_SECRET_ID_FILE."
        )
    if not role_id and not token:
        env.problems.append(
            "Vault needs GROVE_VAULT_TOKEN, or GROVE_VAULT_ROLE_ID and GROVE_VAULT_SECRET_ID. Each may be a _FILE."
        )
