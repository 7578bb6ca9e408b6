"""The tutorial app: parameters, parts, verdicts, files, and that all follows from its inputs."""

import json
import threading
import zipfile
from pathlib import Path

import pytest

from claynet.apps.tutorial.proof import Puzzle, benchmark, hash_of, solve, solves
from claynet.apps.tutorial.provider import TutorialProvider
from claynet.apps.tutorial.requestor import TutorialRequestor
from claynet.taskapi import Interrupted, ProviderFolder, ShutdownSignal, Subtask, TaskFolder, UnsafePath, Verdict, Verification

EASY = {"difficulty": 4, "resources": ["b.txt", "a.txt"]}


class Play:
    """A task of the tutorial, played without any service."""

    def __init__(self, folder: Path, parts: int = 2, params: dict[str, object] = EASY) -> None:
        self.folder = folder
        self.app = TutorialRequestor()
        self.task = TaskFolder(folder / "work", "task")
        self.task.make()
        (self.task.inputs / "a.txt").write_text("a")
        (self.task.inputs / "b.txt").write_text("b")
        self.app.create_task(self.task, parts, params)

    def hand_out(self, subtask_id: str) -> Subtask:
        subtask = self.app.next_subtask(self.task, subtask_id, "node")
        assert subtask is not None
        return subtask

    def compute(self, subtask_id: str, subtask: Subtask) -> bytes:
        provider = ProviderFolder(self.folder / f"provider-{subtask_id}")
        provider.make(subtask_id)
        for name in subtask.resources:
            provider.resource(name).write_bytes((self.task.subtask_inputs / name).read_bytes())
        output = TutorialProvider().compute(provider, subtask_id, subtask.params, ShutdownSignal())
        assert output == f"{subtask_id}.zip"
        return (provider.path / output).read_bytes()

    def verify(self, subtask_id: str, result: bytes | None) -> Verification:
        folder = self.task.subtask_outputs(subtask_id)
        folder.mkdir(parents=True, exist_ok=True)
        if result is not None:
            (folder / f"{subtask_id}.zip").write_bytes(result)
        return self.app.verify(self.task, subtask_id, ShutdownSignal())

    def do(self, subtask_id: str) -> Verification:
        return self.verify(subtask_id, self.compute(subtask_id, self.hand_out(subtask_id)))

    def outputs(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.task.outputs.iterdir())}


def result_archive(path: Path, text: str, name: str = "result.json") -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return path.read_bytes()


def test_a_whole_task(tmp_path: Path) -> None:
    play = Play(tmp_path, parts=3)
    for number in range(3):
        assert play.app.has_pending_subtasks(play.task)
        assert play.do(f"s{number}") == Verification(Verdict.SUCCESS)
    assert not play.app.has_pending_subtasks(play.task)
    assert play.app.next_subtask(play.task, "s3", "node") is None
    assert list(play.outputs()) == ["part-0.zip", "part-1.zip", "part-2.zip"]
    assert list(play.task.subtask_inputs.iterdir()) == []
    assert list((play.task.path / "subtask_outputs").iterdir()) == []


def test_everything_follows_from_the_inputs(tmp_path: Path) -> None:
    first, second = Play(tmp_path / "1"), Play(tmp_path / "2")
    for number in range(2):
        first.do(f"s{number}")
        second.do(f"other-{number}")
    assert first.outputs() == second.outputs()
    assert len(set(first.outputs().values())) == 2


def test_input_archives_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    play = Play(tmp_path)
    archives = []
    for name in ("s0", "s1"):
        subtask = play.hand_out(name)
        assert subtask.resources == (f"{name}.zip",)
        archives.append((play.task.subtask_inputs / f"{name}.zip").read_bytes())
    assert archives[0] == archives[1]
    with zipfile.ZipFile(play.task.subtask_inputs / "s0.zip") as archive:
        assert archive.namelist() == ["a.txt", "b.txt"]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("b.txt") == b"b"


def test_a_task_without_resources(tmp_path: Path) -> None:
    play = Play(tmp_path, parts=1, params={"difficulty": 0})
    assert play.do("s").verdict is Verdict.SUCCESS


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "difficulty must be a whole number from 0 to 32, not 'None'"),
        ({"difficulty": -1}, "difficulty"),
        ({"difficulty": 33}, "difficulty"),
        ({"difficulty": 4.0}, "difficulty"),
        ({"difficulty": True}, "difficulty"),
        ({"difficulty": 4, "resources": "a.txt"}, "resources must be a list"),
        ({"difficulty": 4, "resources": [1]}, "resources must be a list"),
        ({"difficulty": 4, "resources": ["c.txt"]}, "resource 'c.txt' is not among the task's input files"),
    ],
)
def test_bad_parameters(tmp_path: Path, params: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Play(tmp_path, params=params)
    task = TaskFolder(tmp_path / "work", "task")
    with pytest.raises(ValueError, match="unknown task task"):
        TutorialRequestor().has_pending_subtasks(task)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ""])
def test_resources_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafePath):
        Play(tmp_path, params={"difficulty": 1, "resources": [name]})


def test_a_task_is_created_once(tmp_path: Path) -> None:
    play = Play(tmp_path)
    with pytest.raises(ValueError, match="created before"):
        TutorialRequestor().create_task(play.task, 1, EASY)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not JSON", "Expecting value"),
        ("[]", "not a JSON object"),
        ("[" * 1000, "Expecting value|nested"),
        ("{}", "part must be a whole number"),
        ('{"part": 0, "nonce": "1"}', "nonce must be a whole number"),
        ('{"part": 0, "nonce": -1}', "nonce must be a whole number"),
        ('{"part": 0, "nonce": 1e30}', "nonce must be a whole number"),
        ('{"part": 1, "nonce": 0}', "the result is of part 1, not 0"),
        ('{"part": 0, "nonce": 12}', "does not begin with 20 zero bits"),
        (json.dumps({"part": 0, "nonce": 0, "more": "x" * 2000}), "larger than 1024 bytes"),
    ],
)
def test_wrong_results_fail_with_a_reason(tmp_path: Path, text: str, reason: str) -> None:
    play = Play(tmp_path, params={"difficulty": 20, "resources": ["a.txt"]})
    play.hand_out("s")
    verification = play.verify("s", result_archive(tmp_path / "result.zip", text))
    assert verification.verdict is Verdict.FAILURE
    assert any(choice in verification.reason for choice in reason.split("|"))
    assert play.hand_out("again").params["part"] == 0
    assert play.outputs() == {}


@pytest.mark.parametrize("result", [None, b"", b"PK", b"not a zip", b"PK\x05\x06" + b"\0" * 18, b"x" * 100_000])
def test_malformed_archives_fail_with_a_reason(tmp_path: Path, result: bytes | None) -> None:
    play = Play(tmp_path)
    play.hand_out("s")
    verification = play.verify("s", result)
    assert verification.verdict is Verdict.FAILURE
    assert verification.reason


def test_an_archive_cut_anywhere_or_with_any_byte_changed_is_no_crash(tmp_path: Path) -> None:
    play = Play(tmp_path, parts=400)
    good = play.compute("s", play.hand_out("s"))
    spoilt = [good[:size] for size in range(0, len(good), 7)]
    spoilt += [good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :] for at in range(len(good))]
    for number, result in enumerate(spoilt):
        play.hand_out(f"s{number}")
        assert play.verify(f"s{number}", result).verdict in (Verdict.SUCCESS, Verdict.FAILURE)


def test_another_name_in_the_archive(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.hand_out("s")
    assert "exactly one file" in play.verify("s", result_archive(tmp_path / "x.zip", "{}", "../result.json")).reason


def test_a_result_that_is_a_link_is_none(tmp_path: Path) -> None:
    play = Play(tmp_path)
    play.hand_out("s")
    folder = play.task.subtask_outputs("s")
    folder.mkdir()
    (folder / "s.zip").symlink_to("/etc/hostname")
    assert play.verify("s", None).reason == "there is no result s.zip"


def test_a_verdict_asked_for_again_is_the_same(tmp_path: Path) -> None:
    play = Play(tmp_path)
    assert play.do("good").verdict is Verdict.SUCCESS
    assert play.verify("good", None).verdict is Verdict.SUCCESS
    assert list(play.outputs()) == ["part-0.zip"]
    play.hand_out("bad")
    assert play.verify("bad", b"bad").verdict is Verdict.FAILURE
    assert play.verify("bad", None).verdict is Verdict.FAILURE


def test_a_restart_between_any_two_calls(tmp_path: Path) -> None:
    play = Play(tmp_path)
    for number in range(2):
        play.app = TutorialRequestor()
        subtask = play.hand_out(f"s{number}")
        play.app = TutorialRequestor()
        assert play.verify(f"s{number}", play.compute(f"s{number}", subtask)).verdict is Verdict.SUCCESS
    assert not TutorialRequestor().has_pending_subtasks(play.task)


def test_discarding(tmp_path: Path) -> None:
    play = Play(tmp_path, parts=3)
    for number in range(3):
        play.do(f"s{number}")
    before = play.outputs()
    assert tuple(play.app.discard_subtasks(play.task, ["s1", "unknown"])) == ("s1",)
    assert list(play.outputs()) == ["part-0.zip", "part-2.zip"]
    assert play.do("again").verdict is Verdict.SUCCESS
    assert not play.app.has_pending_subtasks(play.task)
    assert play.outputs() == before
    assert set(play.app.discard_subtasks(play.task, ["s0", "again", "s2"])) == {"s0", "again", "s2"}
    assert play.outputs() == {}


def test_an_aborted_subtask(tmp_path: Path) -> None:
    play = Play(tmp_path, parts=1)
    result = play.compute("s", play.hand_out("s"))
    play.app.abort_subtask(play.task, "s")
    play.app.abort_subtask(play.task, "s")
    assert play.verify("s", result) == Verification(Verdict.INCONCLUSIVE, "the subtask was aborted")
    assert play.do("again").verdict is Verdict.SUCCESS
    play.app.abort_subtask(play.task, "again")
    assert list(play.outputs()) == ["part-0.zip"]


def test_an_aborted_task(tmp_path: Path) -> None:
    play = Play(tmp_path, parts=3)
    play.do("done")
    play.hand_out("s1")
    play.hand_out("s2")
    play.app.abort_task(play.task)
    play.app.abort_task(play.task)
    assert list(play.task.subtask_inputs.iterdir()) == []
    assert list(play.outputs()) == ["part-0.zip"]


def test_aborting_what_was_never_created(tmp_path: Path) -> None:
    task = TaskFolder(tmp_path, "never")
    TutorialRequestor().abort_task(task)
    TutorialRequestor().abort_subtask(task, "s")
    assert list(tmp_path.iterdir()) == []


def test_verification_heeds_its_signal_and_can_be_asked_again(tmp_path: Path) -> None:
    play = Play(tmp_path)
    result = play.compute("s", play.hand_out("s"))
    stop = ShutdownSignal()
    stop.set()
    with pytest.raises(Interrupted):
        play.app.verify(play.task, "s", stop)
    assert play.verify("s", result).verdict is Verdict.SUCCESS


def test_an_unknown_subtask(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown subtask nobody"):
        Play(tmp_path).verify("nobody", None)


def test_threads_share_a_task(tmp_path: Path) -> None:
    play = Play(tmp_path, parts=24)
    verdicts: list[Verdict] = []

    def work(thread: int) -> None:
        verdicts.extend(play.do(f"{thread}-{number}").verdict for number in range(6))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [Verdict.SUCCESS] * 24
    assert len(play.outputs()) == 24


@pytest.mark.parametrize("difficulty", [0, 1, 5, 8, 9, 12])
def test_solutions(difficulty: int) -> None:
    puzzle = Puzzle.of(b"input", 3, difficulty)
    nonce = solve(puzzle, ShutdownSignal())
    assert nonce == solve(puzzle, ShutdownSignal())
    assert solves(puzzle, nonce)
    assert format(int.from_bytes(hash_of(puzzle, nonce), "big"), "0256b").startswith("0" * difficulty)
    assert not solves(puzzle, -1)
    assert not solves(puzzle, 2**64)


def test_a_long_search_heeds_its_signal() -> None:
    stop = ShutdownSignal()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Interrupted):
        solve(Puzzle.of(b"input", 0, 64), stop)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"part": 0, "difficulty": 60, "resource": "r"},
        {"part": 0, "difficulty": 1},
        {"part": 0, "difficulty": 1, "resource": ".."},
    ],
)
def test_a_provider_refuses_wrong_parameters(tmp_path: Path, params: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|does not stay"):
        TutorialProvider().compute(ProviderFolder(tmp_path), "s", params, ShutdownSignal())


def test_benchmarks(tmp_path: Path) -> None:
    for app in (TutorialRequestor(), TutorialProvider()):
        assert 0 < app.run_benchmark(tmp_path, ShutdownSignal()) < 10_000
    stop = ShutdownSignal()
    stop.set()
    with pytest.raises(Interrupted):
        benchmark(stop)
