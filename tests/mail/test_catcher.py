from __future__ import annotations

import email
import email.policy
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.settings import MailServer
from mail.catcher import SIZE_LIMIT, Folder
from mail.sender import Delivered, deliver, probe
from tests.mail.memory_outbox import LETTER, MemoryOutbox


@contextmanager
def catcher(folder: Path, *, ends_on: signal.Signals = signal.SIGTERM) -> Iterator[MailServer]:
    command = [sys.executable, "-m", "mail.catcher", "--port", "0", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        try:
            yield MailServer("127.0.0.1", int(line.split("127.0.0.1:")[1].split(",")[0]), "none")
        finally:
            child.send_signal(ends_on)
            out, err = child.communicate(timeout=5)
    assert (child.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("ends_on", [signal.SIGTERM, signal.SIGINT])
def test_each_mail_is_kept_in_the_order_of_arrival_with_its_envelope(tmp_path: Path, ends_on: signal.Signals) -> None:
    folder = tmp_path / "deep" / "mail"
    with catcher(folder, ends_on=ends_on) as server:
        assert probe(server) is None
        outbox = MemoryOutbox(["ada@example.org", "zoë@example.org", "x@example.org"])
        assert deliver(outbox, server, sender="training@example.org", connections=1) == Delivered(sent=3)
        names = sorted(path.name for path in folder.iterdir())
    assert names == ["00000001-ada@example.org.eml", "00000002-zo_@example.org.eml", "00000003-x@example.org.eml"]
    raw = (folder / names[0]).read_bytes()
    assert raw.endswith(LETTER)
    kept = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert (kept["X-Catcher-From"], kept["X-Catcher-To"]) == ("training@example.org", "ada@example.org")
    assert kept["Subject"] == "hello"


def test_an_open_connection_does_not_keep_the_catcher_from_ending(tmp_path: Path) -> None:
    with catcher(tmp_path) as server, socket.create_connection((server.host, server.port)) as idle:
        assert idle.recv(100).startswith(b"220")


def test_numbers_go_on_where_an_earlier_catcher_ended(tmp_path: Path) -> None:
    first = Folder(tmp_path).keep("a@example.org", ["b@example.org"], LETTER)
    second = Folder(tmp_path).keep("a@example.org", ["b@example.org", "../c@example.org"], LETTER)
    assert [path.name[:8] for path in (first, second)] == ["00000001", "00000002"]
    assert second.parent == tmp_path
    assert b"X-Catcher-To: b@example.org\r\nX-Catcher-To: ../c@example.org\r\n" in second.read_bytes()
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_a_mail_beyond_the_size_cap_is_told_before_it_is_sent(tmp_path: Path) -> None:
    with catcher(tmp_path) as server, socket.create_connection((server.host, server.port)) as line:
        talk = line.makefile("rwb")
        talk.readline()
        talk.write(b"EHLO test\r\n")
        talk.flush()
        offers = [talk.readline()]
        while offers[-1][3:4] == b"-":
            offers.append(talk.readline())
    assert b"250-SIZE %d\r\n" % SIZE_LIMIT in offers
    assert {b"250-8BITMIME\r\n", b"250-SMTPUTF8\r\n"} <= set(offers)


def test_a_taken_port_is_one_line_and_exit_5(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "mail.catcher", "--port", str(port), "--folder", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.splitlines() == [f"mail catcher: 127.0.0.1:{port} is taken; set another RECERT_MAIL_PORT"]
