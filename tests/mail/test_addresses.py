from __future__ import annotations

import pytest

from mail.addresses import AddressUnusable, read_mailbox, split_sender

pytestmark = pytest.mark.disable_socket


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@@example.org",
        "ada@example.org, eve@example.com",
        "ada@example.org,eve@example.com",
        "Ada <ada@example.org>",
        "<ada@example.org>",
        "ada@example.org>",
        "ada@example.org\r\nRCPT TO:<eve@example.com>",
        "ada\x00@example.org",
        "ada @example.org",
        "ada@exa mple.org",
        "ada@example..org",
        "ada@-example.org",
        "ada@[127.0.0.1]",
        '"ada"@example.org',
        "ada@example.org\u202e",
        "ada@stra\u00dfe.example",
        "a" * 200 + "@example.org",
        "ada@" + "a." * 140 + "org",
    ],
)
def test_what_is_not_exactly_one_address_is_refused(text: str) -> None:
    with pytest.raises(AddressUnusable):
        read_mailbox(text)


@pytest.mark.parametrize(
    ("text", "address", "needs_utf8"),
    [
        ("ada@example.org", "ada@example.org", False),
        ("o'brien+x!#$%&*/=?^_`{|}~-@example.org", "o'brien+x!#$%&*/=?^_`{|}~-@example.org", False),
        ("ada@ex\u00e4mple.org", "ada@xn--exmple-cua.org", False),
        ("zo\u00eb@example.org", "zo\u00eb@example.org", True),
        ("ada@localhost", "ada@localhost", False),
    ],
)
def test_one_address_is_read_as_it_will_be_mailed(text: str, address: str, needs_utf8: bool) -> None:
    mailbox = read_mailbox(text)
    assert (str(mailbox), mailbox.needs_utf8) == (address, needs_utf8)


@pytest.mark.parametrize(
    ("text", "name"),
    [("training@example.org", ""), ("Training Team <training@example.org>", "Training Team")],
)
def test_a_sender_may_carry_a_name(text: str, name: str) -> None:
    assert split_sender(text) == (name, read_mailbox("training@example.org"))
