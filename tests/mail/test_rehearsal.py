from __future__ import annotations

import pytest

from config.settings import Settings
from mail.rehearsal import reader

pytestmark = pytest.mark.disable_socket
ADA = ("ada@example.org", "Ada L.")
REDIRECTED = ("rehearsal@example.com", "for ada@example.org")


@pytest.mark.parametrize(
    ("redirect", "allow", "receives"),
    [
        pytest.param("", "", ADA, id="no rehearsal"),
        pytest.param("rehearsal@example.com", "", REDIRECTED, id="everybody is redirected"),
        pytest.param("", "ADA@example.org", ADA, id="on the list"),
        pytest.param("", "x@example.net, @Example.org", ADA, id="her domain is on the list"),
        pytest.param("", "@ample.org", None, id="another domain that ends alike"),
        pytest.param("", "bob@example.org", None, id="not on the list: nothing leaves"),
        pytest.param("rehearsal@example.com", "ada@example.org", ADA, id="on the list, in spite of the redirection"),
        pytest.param("rehearsal@example.com", "bob@example.org", REDIRECTED, id="not on the list: redirected"),
    ],
)
def test_who_receives_a_letter(redirect: str, allow: str, receives: tuple[str, str] | None) -> None:
    settings = Settings(mail_redirect=redirect, mail_allow=allow)
    assert reader(settings, *ADA) == receives
