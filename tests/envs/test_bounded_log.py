"""Where logs are, how many of them are kept, and that nothing which happens to them keeps a service from starting."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from claynet.envs.bounded_log import MOST_LOGS, BoundedLog, log_path


def test_the_oldest_logs_make_room(tmp_path: Path) -> None:
    for number in range(MOST_LOGS + 5):
        path = tmp_path / f"{number}.log"
        path.touch()
        os.utime(path, ns=(number, number))
    with BoundedLog(log_path(tmp_path, "a/b")) as log:
        log.write(b"said")
    assert (tmp_path / "a-b.log").read_bytes() == b"said"
    assert len(list(tmp_path.iterdir())) == MOST_LOGS
    assert not (tmp_path / "5.log").exists()
    assert (tmp_path / "6.log").exists()
    assert log_path(tmp_path / "none", "c") == tmp_path / "none" / "c.log"


def test_links_to_nothing_and_folders_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "folder").mkdir()
    os.utime(tmp_path / "folder", ns=(1, 1))
    for number in range(MOST_LOGS):
        (tmp_path / f"{number}.log").touch()
    log_path(tmp_path, "new")
    assert (tmp_path / "folder").is_dir()
    assert not (tmp_path / "link").is_symlink()


def test_starts_at_the_same_time_do_not_hinder_each_other(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def begin(name: str) -> None:
        try:
            for number in range(150):
                with BoundedLog(log_path(tmp_path, f"{name}{number}")) as log:
                    log.write(b"x")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=begin, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(list(tmp_path.iterdir())) <= MOST_LOGS + len(threads)
