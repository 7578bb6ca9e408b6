"""The provider side over gRPC: one request, then the end; and how it is interrupted."""

import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from claynet.taskapi.calls import ProviderAppClient
from claynet.taskapi.errors import AppFailed, CallCancelled, DeadlineExceeded, NotOffered, ServiceUnavailable, TaskApiError
from tests.taskapi.scripted import Served, serving


def computing(served: Served, params: dict[str, object], timeout: float = 20) -> "Future[str]":
    """Begin a Compute on another thread and wait until the handler is at work."""
    future: Future[str] = Future()

    def run() -> None:
        try:
            future.set_result(ProviderAppClient(served.client).compute("t", "s", params, timeout))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    assert served.provider.computing.wait(5)
    return future


def test_compute_then_the_end(tmp_path: Path) -> None:
    with serving("provider", tmp_path) as served:
        output = ProviderAppClient(served.client).compute("t", "s", {}, 5)
        assert output == "s/result"
        assert (served.work_dir / output).read_text() == "done"
        assert served.server.wait(5)
        assert served.server.idle
        assert not served.socket.exists()


def test_benchmark_then_the_end(tmp_path: Path) -> None:
    with serving("provider", tmp_path) as served:
        assert ProviderAppClient(served.client).run_benchmark(5) == 8.5
        assert served.server.wait(5)


def test_a_failed_compute_ends_it_too(tmp_path: Path) -> None:
    with serving("provider", tmp_path) as served:
        with pytest.raises(AppFailed, match="RuntimeError: no luck"):
            ProviderAppClient(served.client).compute("t", "s", {"raise": "no luck"}, 5)
        assert served.server.wait(5)


def test_one_request_only(tmp_path: Path) -> None:
    with serving("provider", tmp_path) as served:
        first = computing(served, {"heed": True})
        with pytest.raises(NotOffered) as refused:
            ProviderAppClient(served.client).run_benchmark(5)
        assert refused.value.status == "FAILED_PRECONDITION"
        ProviderAppClient(served.client).shutdown(5)
        assert isinstance(first.exception(5), TaskApiError)


def test_shutdown_interrupts_work(tmp_path: Path) -> None:
    with serving("provider", tmp_path) as served:
        call = computing(served, {"heed": True})
        ProviderAppClient(served.client).shutdown(5)
        error = call.exception(5)
        assert isinstance(error, AppFailed)
        assert error.text == "Interrupted: shut down"
        assert served.server.wait(5)


def test_shutdown_of_work_that_does_not_heed_it(tmp_path: Path) -> None:
    with serving("provider", tmp_path, grace=0.05) as served:
        call = computing(served, {"stubborn": 20})
        ProviderAppClient(served.client).shutdown(5)
        assert isinstance(call.exception(5), (CallCancelled, ServiceUnavailable))
        assert served.server.wait(5)
        assert not served.server.idle


def test_shutdown_before_work_and_twice(tmp_path: Path) -> None:
    with serving("provider", tmp_path) as served:
        app = ProviderAppClient(served.client)
        app.shutdown(5)
        app.shutdown(5)
        assert served.server.wait(5)
        app.shutdown(5)
        with pytest.raises(ServiceUnavailable):
            app.compute("t", "s", {}, 5)


def test_two_shutdowns_at_once_during_work(tmp_path: Path) -> None:
    with serving("provider", tmp_path) as served:
        call = computing(served, {"heed": True})
        threads = [threading.Thread(target=ProviderAppClient(served.client).shutdown) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert call.exception(5) is not None
        assert served.server.wait(5)


def test_a_caller_that_goes_away_ends_it(tmp_path: Path) -> None:
    with serving("provider", tmp_path) as served:
        call = computing(served, {"heed": True}, timeout=2)
        assert isinstance(call.exception(5), DeadlineExceeded)
        assert served.server.wait(5)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("nothing", "FileNotFoundError: Compute names a result that is not there: nothing"),
        ("../outside", "UnsafePath: '../outside' does not stay inside 'work'"),
        ("/etc/hostname", "UnsafePath: '/etc/hostname' is not inside 'work'"),
        ("s", "FileNotFoundError: Compute names a result that is not there: s"),
    ],
)
def test_a_result_must_be_a_file_in_the_work_dir(tmp_path: Path, answer: str, text: str) -> None:
    with serving("provider", tmp_path) as served:
        with pytest.raises(AppFailed) as failed:
            ProviderAppClient(served.client).compute("t", "s", {"answer": answer}, 5)
        assert failed.value.text == text


def test_the_signal_is_seen_by_a_service_that_was_told_to_end_otherwise(tmp_path: Path) -> None:
    with serving("provider", tmp_path) as served:
        call = computing(served, {"heed": True})
        served.server.ask_to_end()
        assert isinstance(call.exception(5), AppFailed)
