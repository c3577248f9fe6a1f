from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import ConfigError
from workers.memory.documents import MAX_BYTES, read, require_known


def names(folder: Path) -> list[str]:
    return [document.name for document in read([folder]).documents]


def test_markdown_below_a_folder_is_read_in_order_under_its_path_without_suffix(tmp_path: Path) -> None:
    for name in ("b.md", "a/deep/x.MD", "a/y.markdown", "a/z.txt", ".git/hidden.md", ".hidden.md", "v1.2 notes.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    assert names(tmp_path) == ["b", "v1.2 notes", "a/y", "a/deep/x"]


def test_a_file_that_is_named_may_have_any_suffix(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("text")
    assert names(tmp_path / "notes.txt") == ["notes"]


def test_links_are_followed_and_a_loop_ends(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "one.md").write_text("text")
    (tmp_path / "real" / "again").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "other-name.md").symlink_to(tmp_path / "real" / "one.md")
    (tmp_path / "to-nowhere.md").symlink_to(tmp_path / "gone.md")
    reading = read([tmp_path])
    assert [document.name for document in reading.documents] == ["other-name"]
    assert reading.problems == []


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    assert names(tmp_path) == []


def test_text_in_another_encoding_is_read_as_far_as_it_goes_and_named(tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes(b"# Title\n\ncaf\xe9 closed\n")
    reading = read([tmp_path])
    assert reading.documents[0].text == "# Title\n\ncaf\ufffd closed\n"
    (problem,) = reading.problems
    assert problem.startswith(f"{tmp_path / 'latin.md'} is not UTF-8 at line 3")


@pytest.mark.parametrize(
    ("content", "why"),
    [("# T\n".encode("utf-16"), "not a text in UTF-8"), (b"x" * (MAX_BYTES + 1), "larger than 1 MB")],
)
def test_what_is_no_runbook_is_left_out_and_named(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "odd.md").write_bytes(content)
    reading = read([tmp_path])
    assert reading.documents == []
    assert why in reading.problems[0]
    assert not reading.is_gone(str(tmp_path / "odd.md"))


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "bom.md").write_bytes(b"\xef\xbb\xbf# Title")
    assert read([tmp_path]).documents[0].text == "# Title"


def test_a_file_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_text("text")
    reading = read([tmp_path])
    assert reading.documents == []
    assert "its name is not UTF-8" in reading.problems[0]


def test_nothing_is_gone_from_a_folder_that_could_not_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path) == str(locked):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    reading = read([tmp_path])
    assert not reading.is_gone(str(locked / "one.md"))
    assert reading.is_gone(str(tmp_path / "two.md"))
    assert not reading.is_gone("/elsewhere/three.md")
    assert reading.problems == [f"{locked} cannot be listed: Permission denied."]


def test_a_root_that_is_gone_is_an_error_unless_something_was_indexed_from_it(tmp_path: Path) -> None:
    reading = read([tmp_path / "gone"])
    with pytest.raises(ConfigError, match="does not exist"):
        require_known(reading, ["/elsewhere/x.md"])
    require_known(reading, [str(tmp_path / "gone" / "x.md")])
    assert reading.is_gone(str(tmp_path / "gone" / "x.md"))
