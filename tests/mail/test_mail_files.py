from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from mail.mail_files import KEPT_BYTES, files_in, mails_of

pytestmark = pytest.mark.disable_socket
ONE = b"Subject: one\n\nFrom here on\n"
TWO = b"Subject: two\n\n>From a friend\n"


def test_a_file_is_one_message_or_an_mbox_of_many(tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(ONE)
    [alone] = mails_of(tmp_path / "one.eml")
    assert (alone.place, alone.head) == ("one.eml", ONE)
    mark = b"From MAILER-DAEMON Thu Nov 26 08:00:00 2026\n"
    (tmp_path / "inbox").write_bytes(mark + ONE + b"\n" + mark + TWO + b"\n")
    first, second = mails_of(tmp_path / "inbox")
    assert (first.place, second.place) == ("inbox:1", "inbox:2")
    assert (first.head.strip(), second.head.strip()) == (ONE.strip(), TWO.strip())
    assert first.digest == alone.digest, "the same message, however it is kept"


def test_a_line_that_begins_like_a_separator_within_a_message_separates_nothing(tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(b"Subject: one\n\nHello\nFrom noon 12:00 on I am away\n")
    assert len(list(mails_of(tmp_path / "one.eml"))) == 1


def test_how_lines_end_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "unix").write_bytes(ONE)
    (tmp_path / "dos").write_bytes(ONE.replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert [mail.digest for mail in mails_of(tmp_path / "unix")] == [mail.digest for mail in mails_of(tmp_path / "dos")]


def test_a_maildir_is_read_and_what_is_under_way_in_it_is_not(tmp_path: Path) -> None:
    for name in ("new/2", "cur/1:2,S", "tmp/3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(ONE)
    assert [file.name for file in files_in(tmp_path)] == ["2", "1:2,S"]


def test_a_folder_is_its_files_by_name_but_for_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.eml", "a.eml", ".lock"):
        (tmp_path / name).write_bytes(ONE)
    (tmp_path / "c").mkdir()
    assert [file.name for file in files_in(tmp_path)] == ["a.eml", "b.eml"]


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        files_in(tmp_path / "gone")


def test_a_huge_message_is_read_in_flat_memory(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.write(b"Subject: huge\n\n")
        for _ in range(64):
            file.write(b"x" * 2**20)  # one endless line
    tracemalloc.start()
    [mail] = mails_of(tmp_path / "huge")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert KEPT_BYTES <= len(mail.head) < KEPT_BYTES + 2**17
    assert peak < 8 * 2**20
