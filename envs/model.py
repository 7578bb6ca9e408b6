"""The `model` environment: apps that are played, not run, so that thousands of nodes cost little.

Knows the rules that hold for every service and how the modelled app's files meet Blobs. Must not know time, nor run any app's code.
A folder's files and the app's own state belong to the environment object: like files on disk they outlive services and crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from google.protobuf.message import DecodeError

from claynet.actors.environment import Placement, Refusal, Runnable, RuntimeBackend
from claynet.actors.ports import Blobs, Digest, FileRef, Outcome, Side, Work
from claynet.envs.identity import identified
from claynet.envs.lifecycle import KILLED, LAST_CALLS, NOMINAL_SCORE, OK, Epoch, FixedWork, Life
from claynet.envs.model_app import ModelConfig, ModelError, ProviderModel, RequestorModel
from claynet.envs.model_files import Folder
from claynet.envs.paths import MISSING_BLOB, UNSAFE_PATH, FileProblem, split_file, split_path
from claynet.envs.resolve import AppTable
from claynet.envs.translate import app_error, unimplemented


class _WorkDir:
    """One work dir: files, and the requestor app's state. The lock makes calls from several threads take turns."""

    __slots__ = ("app", "files", "lock")

    def __init__(self) -> None:
        self.app: RequestorModel | None = None
        self.files = Folder()
        self.lock = Lock()


class ModelEnvironment:
    """Plays both Task API sides. Make one a node; threads may share it."""

    def __init__(self, blobs: Blobs, table: AppTable, config: ModelConfig | None = None, *, name: str = "model") -> None:
        self._name = name
        self._table = table
        self._config = config or ModelConfig()
        self._blobs = blobs
        self._work_dirs: dict[str, _WorkDir] = {}
        self._epoch = Epoch()

    @property
    def name(self) -> str:
        """`model`, unless it was given another."""
        return self._name

    def probe(self, patience: int = 0) -> Work:  # noqa: ARG002 - nothing needs waiting for
        """Always works."""
        return FixedWork(OK)

    def identify(self, runnable: Runnable) -> Work:
        """A modelled app is what it is called."""
        return FixedWork(identified(runnable.image, ""))

    def benchmark(self) -> Work:
        """A modelled machine is as fast as any other."""
        return FixedWork(NOMINAL_SCORE)

    def resolve(self, env_id: str, prerequisites_json: str) -> Runnable | Refusal:
        """Find the modelled app; the image must be in the table as for environments that run it."""
        return self._table.resolve(self._name, env_id, prerequisites_json)

    def backend(self, runnable: Runnable, side: Side, runtime_id: str, folder: str) -> RuntimeBackend:  # noqa: ARG002
        """Make one service. Raises FileProblem for a folder that is not below the data dir."""
        split_file(folder)
        return _ModelBackend(self, runnable.image, side, folder, Life(self._epoch))

    def close(self) -> None:
        """Every service made so far ends; files and app state stay for the node's next life."""
        self._epoch.closed = True
        self._epoch = Epoch()

    @property
    def blobs(self) -> Blobs:
        """Where files by content are."""
        return self._blobs

    def work_dir(self, folder: str) -> _WorkDir:
        """Return the work dir of that name, made when missing."""
        found = self._work_dirs.get(folder)
        if found is None:
            found = self._work_dirs.setdefault(folder, _WorkDir())
        return found

    def forget(self, folder: str) -> None:
        """Drop a work dir with everything in it."""
        self._work_dirs.pop(folder, None)

    def methods(self, image: str, side: Side, work_dir: _WorkDir) -> Mapping[str, Callable[[bytes], bytes]]:
        """Return one side's handlers; the requestor's are bound to the state that lies in the work dir."""
        if side == "provider":
            return ProviderModel(self._config, work_dir.files).methods
        if work_dir.app is None:
            work_dir.app = RequestorModel(self._config, image, work_dir.files)
        return work_dir.app.methods


class _ModelWork:
    """A deferred call; it takes no time."""

    __slots__ = ("_arguments", "_function")

    def __init__(self, function: Callable[..., Outcome], *arguments: object) -> None:
        self._function = function
        self._arguments = arguments

    def run(self) -> Outcome:
        try:
            return self._function(*self._arguments)
        except FileProblem as problem:
            return Outcome("error", code=problem.code, detail=problem.detail)

    def kill(self) -> None:
        """Nothing is ever under way for long; what has not begun does not."""
        self._function, self._arguments = _killed, ()


def _killed() -> Outcome:
    return KILLED


class _ModelBackend:
    __slots__ = ("_environment", "_folder", "_image", "_life", "_methods", "_side")

    def __init__(self, environment: ModelEnvironment, image: str, side: Side, folder: str, life: Life) -> None:
        self._environment = environment
        self._image = image
        self._side: Side = side
        self._folder = folder
        self._life = life
        self._methods: Mapping[str, Callable[[bytes], bytes]] = {}

    def start(self) -> Work:
        return _ModelWork(self._start)

    def call(self, method: str, request: bytes) -> Work:
        return _ModelWork(self._call, method, request)

    def stop(self) -> Work:
        return _ModelWork(self._stop)

    def place(self, files: Sequence[Placement], folders: Sequence[str] = ()) -> Work:
        return _ModelWork(self._place, files, folders)

    def collect(self, folder: str, names: Sequence[str]) -> Work:
        return _ModelWork(self._collect, folder, names)

    def discard(self, paths: Sequence[str]) -> Work:
        return _ModelWork(self._discard, paths)

    def _start(self) -> Outcome:
        begun = self._life.begin()
        if begun is OK:
            work_dir = self._environment.work_dir(self._folder)
            with work_dir.lock:
                self._methods = self._environment.methods(self._image, self._side, work_dir)
        return begun

    def _call(self, method: str, request: bytes) -> Outcome:
        phase = self._life.check()
        if phase is not OK:
            return phase
        if method == "Shutdown":
            self._life.end()
            return OK
        handler = self._methods.get(method)
        if handler is None:
            return unimplemented()
        if method in LAST_CALLS[self._side]:  # whether it is answered or fails
            self._life.end()
        try:
            with self._environment.work_dir(self._folder).lock:
                return Outcome("ok", handler(request))
        except ModelError as error:
            return app_error(error.type_name, error.text)
        except DecodeError:
            return app_error("ValueError", f"not a {method}Request")

    def _stop(self) -> Outcome:
        self._life.stop()
        return OK

    def _place(self, files: Sequence[Placement], folders: Sequence[str]) -> Outcome:
        work_dir = self._environment.work_dir(self._folder)
        with work_dir.lock:
            for folder in folders:
                work_dir.files.make(split_path(folder))
            for file in files:
                path = split_file(file.path)
                try:
                    size = self._environment.blobs.size(file.digest)
                except KeyError:
                    raise FileProblem(MISSING_BLOB, f"the blob for {file.path!r} is not here") from None
                work_dir.files.write(path, (file.digest, size))
        return OK

    def _collect(self, folder: str, names: Sequence[str]) -> Outcome:
        work_dir = self._environment.work_dir(self._folder)
        with work_dir.lock:
            below = work_dir.files.find(split_path(folder))
            if below is None:
                below = Folder()
            if not isinstance(below, Folder):
                raise FileProblem(UNSAFE_PATH, f"{folder!r} is not a folder")
            paths = [split_file(name) for name in names] if names else sorted(below.names())
            return Outcome("ok", files=tuple(self._store(below, path) for path in paths))

    def _store(self, below: Folder, path: tuple[str, ...]) -> FileRef:
        found = below.file(path)
        if isinstance(found, bytes):
            found = (self._environment.blobs.put(found), len(found))
            below.write(path, found)  # the bytes are in Blobs now
        digest, size = found
        return FileRef("/".join(path), Digest(digest), size)

    def _discard(self, paths: Sequence[str]) -> Outcome:
        work_dir = self._environment.work_dir(self._folder)
        with work_dir.lock:
            for path in paths:
                parts = split_path(path)
                if not parts:
                    self._environment.forget(self._folder)
                work_dir.files.remove(parts)
        return OK
