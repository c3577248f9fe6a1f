"""The process that holds the memory, and those that ask it: killed, stopped, forked, raced and damaged."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import ConfigError, Unreachable
from core.settings import Settings
from workers.memory import open_memory, process, shared, wire
from workers.ports import PastIncident

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def holder(settings: Settings) -> int:
    return int((settings.memory_path / wire.LOCK).read_text())


def incident(number: int) -> PastIncident:
    return PastIncident(id=f"INC-{number}", title=f"Fault {number}", text="It broke.", outcome="", at=AT)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


def eventually(holds: object, within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_kill_loses_nothing_that_was_acknowledged(memory_settings: Settings) -> None:
    memory = open_memory(memory_settings)
    for number in range(3):
        memory.remember(incident(number))
        os.kill(holder(memory_settings), signal.SIGKILL)
    assert {"INC-0", "INC-1", "INC-2"} <= {hit.id for hit in memory.search_incidents("Fault", limit=50)}


def test_one_process_holds_it_however_many_ask_at_once(memory_settings: Settings) -> None:
    code = (
        "from pathlib import Path; from core.settings import Settings; from workers.memory import open_memory\n"
        f"memory = open_memory(Settings(data_dir=Path({str(memory_settings.data_dir)!r})))\n"
        "print(memory.search_runbooks('KubePodCrashLooping', 1)[0].id)\n"
        f"print((Path({str(memory_settings.memory_path)!r}) / 'owner.lock').read_text())"
    )
    asking = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [process.communicate(timeout=120)[0] for process in asking]
    assert len(set(answers)) == 1
    assert answers[0].startswith("crash-loop")


def test_a_forked_child_asks_by_itself(memory_settings: Settings) -> None:
    memory = open_memory(memory_settings)
    expected = memory.search_runbooks("KubePodCrashLooping")
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, str(memory.search_runbooks("KubePodCrashLooping") == expected).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    assert os.read(read, 10) == b"True"
    os.close(read)
    assert memory.search_runbooks("KubePodCrashLooping") == expected


def test_the_holding_process_is_nobodys_child_and_sees_no_token(
    memory_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")
    open_memory(memory_settings).warm()
    pid = holder(memory_settings)
    assert Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1] != str(os.getpid())
    assert b"xoxb" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert (memory_settings.memory_path / "memory.sock").stat().st_mode & 0o077 == 0


def test_a_newer_build_takes_over(memory_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    open_memory(memory_settings).warm()
    older = holder(memory_settings)
    newer = Path(wire.__file__).parent / "newer-build.tmp"
    newer.write_text("")
    wire.build.cache_clear()
    try:
        assert open_memory(memory_settings).search_runbooks("KubePodCrashLooping", 1)
        assert holder(memory_settings) != older
    finally:
        newer.unlink()
        wire.build.cache_clear()
    eventually(lambda: gone(older))


def test_a_process_that_hangs_is_named(memory_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = open_memory(memory_settings)
    memory.warm()
    monkeypatch.setattr(shared, "ANSWER_TIMEOUT_S", 0.2)
    pid = holder(memory_settings)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(
            Unreachable, match=f"held by process {pid}, which does not answer; end it with: kill -9 {pid}"
        ):
            memory.search_runbooks("anything")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_socket_left_behind_is_in_nobodys_way(memory_settings: Settings) -> None:
    memory = open_memory(memory_settings)
    memory.warm()
    os.kill(holder(memory_settings), signal.SIGKILL)
    assert (memory_settings.memory_path / "memory.sock").exists()
    assert memory.search_runbooks("KubePodCrashLooping", 1)


def test_a_deep_folder_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    assert len(os.fsencode(wire.socket_path(deep))) < 100
    assert wire.socket_path(deep) != wire.socket_path(deep / "f")


def test_it_leaves_when_its_folder_is_removed(tmp_path: Path, memory_data: Path) -> None:
    settings = Settings(data_dir=memory_data, qdrant_path=tmp_path / "memory")
    memory = open_memory(settings)
    memory.warm()
    pid = holder(settings)
    shutil.rmtree(tmp_path / "memory")
    eventually(lambda: gone(pid))


def test_it_stays_while_somebody_is_there_and_leaves_when_nobody_was_for_long(
    tmp_path: Path, library: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LEAVE_AFTER_S", 0.0)
    server = process._Server(tmp_path / "s.sock", library)  # type: ignore[arg-type]
    with server.presence():
        assert not server._is_deserted()
    eventually(server._is_deserted)
    server.server_close()


def test_a_damaged_memory_is_one_sentence(tmp_path: Path, memory_data: Path) -> None:
    folder = tmp_path / "memory" / "runbooks"
    folder.mkdir(parents=True)
    (folder / "edge_config.json").write_text("{")
    settings = Settings(data_dir=memory_data, qdrant_path=tmp_path / "memory")
    with pytest.raises(Unreachable, match=r"it is damaged.*sre-bot runbooks index"):
        open_memory(settings).search_runbooks("anything")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(data_dir=tmp_path, qdrant_path=tmp_path / "file" / "memory")
    with pytest.raises(ConfigError, match="Point QDRANT_PATH or SRE_DATA_DIR elsewhere"):
        open_memory(settings).warm()


def test_a_server_that_does_not_answer_is_one_sentence(tmp_path: Path, memory_data: Path) -> None:
    settings = Settings(data_dir=memory_data, qdrant_path=tmp_path / "memory", qdrant_url="http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="correct QDRANT_URL"):
        open_memory(settings).warm()
