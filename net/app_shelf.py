"""The apps that a live node can request: descriptors in a folder of its data dir, and which of them its operator enabled.

Knows files, descriptors and the record in the Store. Must not know the node: whoever changes the shelf tells it.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from claynet.actors.descriptors import Descriptor, DescriptorError, parse, read_folder
from claynet.actors.nearest import nearest
from claynet.actors.ports import Store
from claynet.net.view.values import AppsRecord

KEY = "apps"
PARAMETERS = "parameters"
"""Key of a descriptor that may name the task's parameters, each with what it means. The app id does not cover it."""
EXAMPLE = "example"
"""Key of a descriptor that may give values of these, which make a small task. The app id does not cover it either."""


class ShelfError(Exception):
    """An app cannot be added, found, removed or changed; the text says why and what helps."""


@dataclass(frozen=True, slots=True)
class ShelvedApp:
    """One app on the shelf."""

    descriptor: Descriptor
    file: str
    enabled: bool
    parameters: Mapping[str, str] | None
    """Its task parameters, each with what it means; None when its descriptor does not tell them."""
    example: Mapping[str, Any]
    """Values of these that make a small task; empty when its descriptor has none."""

    @property
    def image(self) -> str:
        """The image that its requestor side runs in, as far as its descriptor tells."""
        wanted = json.loads(self.descriptor.requestor_prereq_json)
        tag = f":{wanted['tag']}" if wanted.get("tag") else ""
        return f"{wanted.get('image', '')}{tag}"


class AppShelf:
    """The descriptors of one node. Every method may be called from any thread."""

    def __init__(self, folder: Path, store: Store, bundled: Sequence[tuple[str, str]] = ()) -> None:
        """`bundled` are (file name, JSON text): put there and enabled, each once in a node's life. Raises OSError."""
        self._folder = folder
        self._store = store
        self._lock = threading.RLock()
        found = [state for key, state, _ in store.load() if key == KEY]
        self._record: AppsRecord = found[0] if found else AppsRecord()
        self._apps: dict[str, ShelvedApp] = {}
        self._problems: tuple[str, ...] = ()
        self._files: tuple[tuple[str, str], ...] = ()
        folder.mkdir(mode=0o700, exist_ok=True)
        self._stock(bundled)
        self.refresh()

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """(file name, JSON text) of every descriptor, as the node takes them."""
        return self._files

    @property
    def disabled(self) -> frozenset[str]:
        """Ids of the apps that are not enabled."""
        with self._lock:
            return frozenset(app_id for app_id, app in self._apps.items() if not app.enabled)

    @property
    def apps(self) -> list[ShelvedApp]:
        """All apps, by name."""
        with self._lock:
            return sorted(self._apps.values(), key=lambda app: (app.descriptor.name, app.descriptor.version))

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with files that are passed over, a line each."""
        return self._problems

    def refresh(self) -> bool:
        """Read the folder again; tell whether anything changed."""
        with self._lock:
            files = read_folder(self._folder)
            if files == self._files:
                return False
            self._read(files)
            self._files = files  # only now: what could not be read is tried again, and told again
            return True

    def find(self, name: str) -> ShelvedApp:
        """Return the app of that id, beginning of an id, or name. Raises ShelfError naming the nearest."""
        apps = self.apps
        found = [app for app in apps if name in (app.descriptor.app_id, app.descriptor.name)]
        found = found or [app for app in apps if len(name) >= 4 and app.descriptor.app_id.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            which = ", ".join(f"{app.descriptor.version} ({app.descriptor.app_id})" for app in found)
            raise ShelfError(f"{name!r} is the name of several apps; give the id: {which}")
        hint = nearest(name, [app.descriptor.name for app in apps])
        raise ShelfError(f"no app {name!r} is here; {hint}{' ' if hint.endswith('?') else '; '}`claynet app add FILE` adds one")

    def add(self, file: str, text: str) -> ShelvedApp:
        """Put a descriptor on the shelf, disabled. Raises ShelfError."""
        with self._lock:
            try:
                descriptor = parse(text)
            except DescriptorError as error:
                raise ShelfError(f"{file} is no descriptor: {error}") from None
            known = self._apps.get(descriptor.app_id)
            if known is not None:
                raise ShelfError(f"{descriptor.name} {descriptor.version} is here already, from {known.file}")
            path = self._write(file, descriptor, text)
            try:
                self.refresh()
                return self._apps[descriptor.app_id]
            except Exception:  # a bug of ours; left there, the file would break what comes after too
                path.unlink(missing_ok=True)
                raise

    def remove(self, app: ShelvedApp) -> None:
        """Take a descriptor away; what runs of it goes on. Raises ShelfError."""
        with self._lock:
            try:
                (self._folder / app.file).unlink(missing_ok=True)
            except OSError as error:
                raise ShelfError(f"{app.file} cannot be removed: {error.strerror}") from error
            self._enable(app.descriptor.app_id, False)
            self.refresh()

    def enable(self, app: ShelvedApp, enabled: bool) -> ShelvedApp:
        """Let tasks use it, or no more."""
        with self._lock:
            self._enable(app.descriptor.app_id, enabled)
            self._read(self._files)
            return self._apps.get(app.descriptor.app_id, app)

    def _enable(self, app_id: str, enabled: bool) -> None:
        others = tuple(one for one in self._record.enabled if one != app_id)
        self._keep(msgspec.structs.replace(self._record, enabled=(*others, app_id) if enabled else others))

    def _keep(self, record: AppsRecord) -> None:
        self._store.append(KEY, record)
        self._record = record

    def _stock(self, bundled: Sequence[tuple[str, str]]) -> None:
        here = {_id_of(text) for _, text in read_folder(self._folder)}
        for file, text in bundled:
            descriptor = parse(text)
            app_id = descriptor.app_id
            if app_id in self._record.stocked:
                continue
            if app_id not in here:
                self._write(file, descriptor, text)
            stocked, enabled = (*self._record.stocked, app_id), (*self._record.enabled, app_id)
            self._keep(msgspec.structs.replace(self._record, stocked=stocked, enabled=enabled))

    def _write(self, file: str, descriptor: Descriptor, text: str) -> Path:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(file).stem).strip(".-")
        if stem in ("", "descriptor"):
            stem = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{descriptor.name}-{descriptor.version}").strip(".-")
        path = self._folder / f"{stem[:100]}.json"
        if path.exists():
            path = self._folder / f"{stem[:100]}-{descriptor.app_id[:8]}.json"
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise ShelfError(f"{path} cannot be written: {error.strerror}") from error
        return path

    def _read(self, files: Sequence[tuple[str, str]]) -> None:
        apps: dict[str, ShelvedApp] = {}
        problems = []
        for file, text in files:
            try:
                descriptor = parse(text)
            except DescriptorError as error:
                problems.append(f"{file}: {error}")
                continue
            if descriptor.app_id in apps:
                problems.append(f"{file}: the same app as {apps[descriptor.app_id].file}")
                continue
            enabled = descriptor.app_id in self._record.enabled
            apps[descriptor.app_id] = ShelvedApp(descriptor, file, enabled, *_parameters(text))
        self._apps, self._problems = apps, tuple(problems)


def _id_of(text: str) -> str:
    try:
        return parse(text).app_id
    except DescriptorError:
        return ""


def _parameters(text: str) -> tuple[dict[str, str] | None, dict[str, Any]]:
    whole = json.loads(text)
    told, example = whole.get(PARAMETERS), whole.get(EXAMPLE)
    meanings = {name: str(about) for name, about in told.items()} if isinstance(told, dict) else None
    return meanings, example if isinstance(example, dict) else {}
