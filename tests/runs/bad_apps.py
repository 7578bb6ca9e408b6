"""Apps that break a rule, for runs: each object is an App whose descriptor the tests write."""

import os
import sys
import time

from claynet.taskapi import DOCKER_CPU, App, NewTask, ProviderAppHandler, RequestorAppHandler, Subtask, Verdict, Verification


class Requestor(RequestorAppHandler):
    """Always has one more part, so every try is followed by another."""

    def create_task(self, task, max_subtasks, params):
        return NewTask(DOCKER_CPU, {"image": "tests/bad", "tag": "1"}, 1.0)

    def has_pending_subtasks(self, task):
        return True

    def next_subtask(self, task, subtask_id, opaque_node_id):
        return Subtask({}, ())

    def verify(self, task, subtask_id, stop):
        return Verification(Verdict.SUCCESS, "")

    def discard_subtasks(self, task, subtask_ids):
        return list(subtask_ids)

    def abort_task(self, task):
        pass

    def abort_subtask(self, task, subtask_id):
        pass

    def run_benchmark(self, work_dir, stop):
        return 1.0


class Climber(ProviderAppHandler):
    """Names a result outside its work dir, each time another way."""

    def __init__(self, way):
        self._way = way

    def compute(self, task, subtask_id, params, stop):
        return self._way(task, subtask_id)

    def run_benchmark(self, work_dir, stop):
        return 1.0


def dots(task, subtask_id):
    return "../../result"


def absolute(task, subtask_id):
    return "/etc/hostname"


def link(task, subtask_id):
    (task.path / "link").symlink_to("/etc/hostname")
    return "link"


def leak(task, subtask_id):
    """What the fence cannot see: the kernel's clock, read from a file."""
    with open("/proc/uptime") as uptime, open("/proc/self/io") as io:  # noqa: PTH123 - an app may write so
        text = uptime.read() + io.read()
    (task.scratch(subtask_id) / "result").write_text(text)
    return f"{subtask_id}/result"


def holes(task, subtask_id):
    """A result of a gigabyte that takes no room on the disk."""
    with (task.scratch(subtask_id) / "result").open("wb") as file:
        file.truncate(1024**3)
    return f"{subtask_id}/result"


class Once(Requestor):
    """One part, accepted whatever it is."""

    def has_pending_subtasks(self, task):
        return not (task.path / "given").exists()

    def next_subtask(self, task, subtask_id, opaque_node_id):
        (task.path / "given").touch()
        return Subtask({}, ())


def hang():
    """A requestor that never begins to serve."""
    time.sleep(3600)
    return Requestor()


def leave():
    """A requestor that exits at once."""
    sys.stderr.write("no licence found\n")
    sys.stderr.flush()
    os._exit(3)


DOTS = App("tests/bad", Requestor, lambda: Climber(dots))
ABSOLUTE = App("tests/bad", Requestor, lambda: Climber(absolute))
LINK = App("tests/bad", Requestor, lambda: Climber(link))
HOLES = App("tests/bad", Requestor, lambda: Climber(holes))
LEAKS = App("tests/bad", Once, lambda: Climber(leak))
HANGS = App("tests/bad", hang, lambda: Climber(dots))
LEAVES = App("tests/bad", leave, lambda: Climber(dots))
