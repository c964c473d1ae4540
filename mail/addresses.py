"""One mailbox: read strictly, so that no name or address ever becomes a second recipient."""

from __future__ import annotations

import re
from dataclasses import dataclass

LOCAL_LIMIT = 128
LOCAL = re.compile(rf"[^\s()<>@,;:\\\"\[\]]{{1,{LOCAL_LIMIT}}}")
DOMAIN = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")
DOMAIN_LIMIT = 253
# The built-in codec follows the older of two rules here and would name another domain.
AMBIGUOUS = frozenset("ßẞς\u200c\u200d")


class AddressUnusable(ValueError):
    """The text is not one mailbox. The message is one line that says why."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address; the domain is in its ASCII form."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 can carry it."""
        return not self.local.isascii()


def read_mailbox(text: str) -> Mailbox:
    """Read exactly one address such as ``ada@example.org``; an international domain becomes its ASCII form.

    Raises:
        AddressUnusable: anything else, a list, a display name, a quoted local part or a control character included.
    """
    local, _, domain = text.rpartition("@")
    if not text.isprintable() or not LOCAL.fullmatch(local):
        raise AddressUnusable(f"{text[:80]!r} is not one e-mail address")
    return Mailbox(local, domain if domain.isascii() and _is_domain(domain) else _ascii_domain(domain, text))


def split_sender(text: str) -> tuple[str, Mailbox]:
    """Read ``Name <address>`` or a bare address; the name is empty when none was given.

    Raises:
        AddressUnusable: there is not exactly one address.
    """
    name, opening, rest = text.strip().rpartition("<")
    if not opening:
        return "", read_mailbox(rest)
    return name.strip().strip('"'), read_mailbox(rest.removesuffix(">"))


def _is_domain(domain: str) -> bool:
    return len(domain) <= DOMAIN_LIMIT and DOMAIN.fullmatch(domain) is not None


def _ascii_domain(domain: str, text: str) -> str:
    if AMBIGUOUS.isdisjoint(domain):
        try:
            ascii_domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            ascii_domain = ""
        if _is_domain(ascii_domain):
            return ascii_domain
    raise AddressUnusable(f"{text[:80]!r} has a domain that cannot be mailed; write it in its xn-- form")
