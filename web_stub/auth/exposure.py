"""Which addresses only this machine reaches, and what listening on any other means."""

from __future__ import annotations

import ipaddress

from agent.errors import BadInput
from agent.settings import Settings

CHOSEN_LENGTH = 16  # characters a token needs before other machines may try it


def meaning_of_exposure(settings: Settings) -> str:
    """A warning about the address to listen on; empty for the loopback.

    Raises BadInput where other machines could try a token that was made by us, or is short enough to be guessed.
    """
    if is_loopback(settings.web_host):
        return ""
    if len(settings.token) < CHOSEN_LENGTH:
        what = f"has only {len(settings.token)} characters" if settings.token else "is not set"
        raise BadInput(
            f"listening on {settings.web_host} lets every machine that reaches this one try the token, and whoever has "
            f"it runs code here as this user. AGENT_TOKEN {what}: set it to a secret of {CHOSEN_LENGTH} characters or "
            "more (openssl rand -hex 16), or listen on 127.0.0.1"
        )
    return (
        f"listening on {settings.web_host}: other machines can reach this page, and whoever has a token runs code here "
        "as this user. Tokens and data travel unencrypted; put a proxy that speaks TLS before it where the network is "
        "not yours"
    )


def is_loopback(name: str) -> bool:
    """Whether only this machine can reach a host name or address."""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
