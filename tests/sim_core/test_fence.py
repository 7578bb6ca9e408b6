"""The fence of virtual time, and the fence of apps inside it."""

# ruff: noqa: ICN001, PTH102, PTH103, PTH105, PTH108, PTH110, PTH123, PTH211, SIM115 - how things are really called is what is tested

from __future__ import annotations

import _thread
import builtins
import datetime
import logging
import os
import random
import secrets
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path

import pytest

from claynet.actors.ports import MILLISECOND, SECOND, Address
from claynet.sim.virtual.app_fence import app_fence
from claynet.sim.virtual.clock import EPOCH
from claynet.sim.virtual.entropy import SeededEntropy
from claynet.sim.virtual.fence import Fence, FenceError
from claynet.sim.virtual.interpose import TARGETS
from claynet.sim.virtual.system import VirtualSystem
from tests.contracts.driver import PATIENCE, Box, Probe

SOMEWHERE = "/proc/nowhere/file"
"""Where nothing can be written, fence or no fence."""

BANNED = {
    "Clock": [
        lambda: time.time(),
        lambda: time.time_ns(),
        lambda: time.monotonic(),
        lambda: time.monotonic_ns(),
        lambda: time.perf_counter(),
        lambda: time.perf_counter_ns(),
        lambda: time.process_time(),
        lambda: time.thread_time_ns(),
        lambda: time.clock_gettime(time.CLOCK_REALTIME),
        lambda: time.sleep(0),
        lambda: time.localtime(),
        lambda: time.gmtime(),
        lambda: time.ctime(),
        lambda: time.strftime("%Y"),
        lambda: datetime.datetime.now(),
        lambda: datetime.datetime.now(datetime.UTC),
        lambda: datetime.datetime.utcnow(),
        lambda: datetime.datetime.today(),
        lambda: datetime.date.today(),
    ],
    "Entropy": [
        lambda: random.random(),
        lambda: random.randint(1, 2),
        lambda: random.choice("ab"),
        lambda: random.shuffle([1, 2]),
        lambda: random.gauss(0, 1),
        lambda: random.seed(1),
        lambda: random.Random(),
        lambda: random.SystemRandom().random(),
        lambda: uuid.uuid1(),
        lambda: uuid.uuid4(),
        lambda: os.urandom(4),
        lambda: os.getrandom(4),
        lambda: secrets.token_hex(),
        lambda: secrets.randbelow(5),
    ],
    "Jobs": [
        lambda: threading.Thread(target=print).start(),
        lambda: threading.Timer(1, print).start(),
        lambda: _thread.start_new_thread(print, ()),
        lambda: subprocess.run(["true"]),
        lambda: subprocess.Popen("true", shell=True),
        lambda: os.system("true"),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        lambda: os.fork(),
    ],
    "Network": [
        lambda: socket.socket(),
        lambda: socket.socket(socket.AF_UNIX),
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: socket.create_server(("127.0.0.1", 0)),
        lambda: socket.getaddrinfo("localhost", 80),
    ],
    "Store or Blobs": [
        lambda: open(SOMEWHERE, "w"),
        lambda: open(SOMEWHERE, "ab"),
        lambda: open(SOMEWHERE, mode="x"),
        lambda: open(SOMEWHERE, "r+"),
        lambda: open(SOMEWHERE, "w"),
        lambda: os.open(SOMEWHERE, os.O_WRONLY),
        lambda: os.open(SOMEWHERE, os.O_CREAT),
        lambda: Path(SOMEWHERE).write_text("x"),
        lambda: Path(SOMEWHERE).write_bytes(b"x"),
        lambda: Path(SOMEWHERE).open("w"),
        lambda: Path(SOMEWHERE).touch(),
        lambda: Path(SOMEWHERE).mkdir(),
        lambda: Path(SOMEWHERE).unlink(),
        lambda: Path(SOMEWHERE).rename("/proc/nowhere/other"),
        lambda: os.makedirs(SOMEWHERE),
        lambda: os.replace(SOMEWHERE, SOMEWHERE),
        lambda: os.symlink("x", SOMEWHERE),
    ],
    "messages": [
        lambda: threading.Event().wait(),
        lambda: threading.Condition(threading.RLock()).wait(1),
    ],
}

CASES = [pytest.param(port, call, id=f"{port}-{number}") for port, calls in BANNED.items() for number, call in enumerate(calls)]


def snapshot():
    return [getattr(door.owner, door.attribute) for door in TARGETS] + [datetime.datetime, datetime.date]


@pytest.fixture(autouse=True)
def _everything_is_as_before():
    before = snapshot()
    own = [door.attribute in vars(door.owner) for door in TARGETS]
    yield
    assert all(left is right or left == right for left, right in zip(snapshot(), before, strict=True))
    assert [door.attribute in vars(door.owner) for door in TARGETS] == own


@pytest.mark.parametrize(("port", "call"), CASES)
def test_the_real_world_raises_at_the_call_and_names_the_port(port, call):
    with Fence(), pytest.raises(FenceError, match=port):
        call()


def test_harmless_calls_pass(tmp_path):
    (tmp_path / "file").write_text("text")
    with Fence():
        assert (tmp_path / "file").read_text() == "text"
        with builtins.open(tmp_path / "file", "rb") as file:
            assert file.read() == b"text"
        os.close(os.open(tmp_path / "file", os.O_RDONLY))
        assert time.gmtime(0).tm_year == 1970
        assert time.strftime("%Y", time.gmtime(0)) == "1970"
        assert random.Random(7).random() == random.Random(7).random()
        assert uuid.UUID(int=5).int == 5
        assert uuid.uuid5(uuid.NAMESPACE_DNS, "x") == uuid.uuid5(uuid.NAMESPACE_DNS, "x")
        assert datetime.datetime(2026, 1, 1).year == 2026
        assert isinstance(datetime.datetime(2026, 1, 1), datetime.datetime)
        assert isinstance(datetime.datetime(2026, 1, 1), datetime.date)
        assert datetime.datetime.fromtimestamp(0, datetime.UTC).year == 1970
        assert not os.path.exists(SOMEWHERE)


def test_log_records_may_carry_wall_time(caplog):
    with Fence():
        logging.getLogger("fenced").warning("a record")
    assert "a record" in caplog.text


def test_it_nests_and_can_be_lifted_for_a_block():
    fence = Fence()
    with fence:
        with fence:
            with fence.lifted():
                assert time.time() > 0
                with fence, pytest.raises(FenceError):
                    time.time()
                assert time.time() > 0
            with pytest.raises(FenceError):
                time.time()
        with pytest.raises(FenceError):
            time.time()
    assert time.time() > 0


def test_it_goes_when_the_block_raises():
    with pytest.raises(LookupError), Fence():
        raise LookupError
    assert time.time() > 0


def test_other_threads_are_unaffected():
    go, done = threading.Event(), threading.Event()
    seen = []

    def other():
        go.wait(PATIENCE)
        seen.extend([time.time(), random.random(), datetime.datetime.now(), uuid.uuid4(), os.urandom(3)])
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    fence = Fence()
    with fence:
        go.set()
        with fence.lifted():
            assert done.wait(PATIENCE)
        with pytest.raises(FenceError):
            time.time()
    thread.join()
    assert len(seen) == 5


def test_two_threads_may_have_fences_that_overlap():
    inside, leave = threading.Event(), threading.Event()
    trouble = []

    def other():
        with Fence():
            inside.set()
            while not leave.is_set():
                pass
            try:
                time.time()
            except FenceError as error:
                trouble.append(error)

    thread = threading.Thread(target=other)
    with Fence() as fence, fence.lifted():
        thread.start()
        assert inside.wait(PATIENCE)
    leave.set()
    thread.join()
    assert len(trouble) == 1


class Reaching(Probe):
    def on_receive(self, message):
        time.time()

    def on_failure(self, kind, value, trace):
        self.box.add(value)
        self.box.add(trace.tb_next is not None)


def test_a_handler_that_reaches_out_dies_of_it_and_the_driver_may_reach_out_again():
    system, box = VirtualSystem(), Box()
    system.spawn(Reaching, box, address=Address("me"))
    system.tell(Address("me"), 1)
    system.run()
    assert isinstance(box.heard[0], FenceError)
    assert not system.is_alive(Address("me"))
    assert time.time() > 0


def test_a_fence_stands_while_a_driver_spawns():
    system, box = VirtualSystem(), Box()
    early = type("Early", (Reaching,), {"on_start": lambda self: time.time()})
    system.spawn(early, box, address=Address("early"))
    assert isinstance(box.heard[0], FenceError)
    earlier = type("Earlier", (Reaching,), {"__init__": lambda self, box: time.time()})
    with pytest.raises(FenceError):
        system.spawn(earlier, box, address=Address("earlier"))
    assert time.time() > 0


# ---------------------------------------------------------------- apps


def fenced(work_dir, call="call/1", start=EPOCH, duration=2 * SECOND, seed=7):
    return app_fence(SeededEntropy(seed).stream(call), work_dir, start, duration)


def drawn():
    return [
        random.random(),
        random.Random().random(),
        random.sample(range(100), 3),
        uuid.uuid4(),
        os.urandom(8),
        secrets.token_hex(8),
        random.SystemRandom().random(),
    ]


def test_an_apps_chance_is_seeded_by_the_call(tmp_path):
    with fenced(tmp_path):
        first = drawn()
    with fenced(tmp_path):
        assert drawn() == first
    with fenced(tmp_path, call="call/2"):
        assert drawn() != first
    with fenced(tmp_path, seed=8):
        assert drawn() != first


def test_a_benchmark_is_as_long_as_declared(tmp_path):
    for clock in (time.time, time.monotonic, time.perf_counter):
        name = clock.__name__
        with fenced(tmp_path):
            started = getattr(time, name)()
            assert getattr(time, name)() - started == pytest.approx(2.0)
        with fenced(tmp_path):
            started = getattr(time, f"{name}_ns")()
            assert getattr(time, f"{name}_ns")() - started == 2 * SECOND


def test_an_apps_calendar_is_that_of_the_world(tmp_path):
    with fenced(tmp_path, duration=MILLISECOND):
        assert time.time_ns() == EPOCH
        assert datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds") == "2026-01-01T00:00:00.001+00:00"
        assert datetime.datetime.utcnow().year == 2026
        assert time.gmtime().tm_year == 2026


@pytest.mark.parametrize("duration", [0, 3 * SECOND])
def test_a_wait_for_a_deadline_ends(tmp_path, duration):
    with fenced(tmp_path, duration=duration):
        deadline = time.monotonic() + 5
        rounds = 0
        while time.monotonic() < deadline:
            time.sleep(0.5)
            rounds += 1
        assert rounds <= 10


def test_an_app_writes_below_its_work_dir_only(tmp_path):
    work, other = tmp_path / "work", tmp_path / "other"
    work.mkdir()
    other.mkdir()
    (work / "way-out").symlink_to(other)
    with fenced(work):
        (work / "sub").mkdir()
        (work / "sub" / "file").write_text("mine")
        (work / "sub" / "file").rename(work / "moved")
        with open(work / "more", "ab") as file:
            file.write(b"x")
        os.unlink(work / "more")
        assert (work / "moved").read_text() == "mine"
        for path in (other / "file", work / ".." / "other" / "file", work / "way-out" / "file", Path("/tmp/outside-of-it")):
            with pytest.raises(FenceError):
                path.write_text("no")
        for call in (
            lambda: (work / "moved").rename(other / "moved"),
            lambda: os.mkdir(other / "sub"),
            lambda: other.rmdir(),
            lambda: tempfile.mkstemp(dir=other),
        ):
            with pytest.raises(FenceError):
                call()
    assert list(other.iterdir()) == []
    assert sorted(path.name for path in work.iterdir()) == ["moved", "sub", "way-out"]


@pytest.mark.parametrize("call", BANNED["Network"] + BANNED["Jobs"])
def test_an_app_has_no_network_threads_or_processes(tmp_path, call):
    with fenced(tmp_path), pytest.raises(FenceError):
        call()


def test_an_app_inside_the_fence_of_the_world(tmp_path):
    fence = Fence()
    with fence:
        with fence.lifted(), fenced(tmp_path):
            assert time.time_ns() == EPOCH
            (tmp_path / "file").write_text("x")
        with pytest.raises(FenceError):
            time.time()
