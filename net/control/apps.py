"""The control API's service `Apps`: which apps this node can request.

Knows the shelf and tells the node when it changes. Must not know descriptors' files.
"""

from __future__ import annotations

import json

from claynet.net.app_shelf import ShelfError, ShelvedApp
from claynet.net.control.calls import Call, NotFound, Refused, fill
from claynet.net.control.host import Host
from claynet.proto import node_pb2 as api


class AppsService:
    """Apps."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def on_list(self, _request: api.AppsRequest, _call: Call) -> api.AppsReply:
        """All of them, and what is wrong with files that are none."""
        self._refreshed()
        shelf = self._host.apps
        return api.AppsReply(apps=[app_message(self._host, app) for app in shelf.apps], problems=shelf.problems)

    def on_show(self, request: api.AppId, _call: Call) -> api.App:
        """One of them."""
        return app_message(self._host, self._find(request.id))

    def on_add(self, request: api.AddAppRequest, _call: Call) -> api.App:
        """Put a descriptor on the shelf."""
        try:
            app = self._host.apps.add(request.file, request.text)
        except ShelfError as error:
            raise Refused(str(error)) from None
        self._tell()
        return app_message(self._host, app)

    def on_remove(self, request: api.AppId, _call: Call) -> api.App:
        """Take one away that no task needs."""
        app = self._find(request.id)
        needed = [task.spec.name for task in self._host.view.tasks() if task.spec.app_id == app.descriptor.app_id and not task.is_final]
        if needed:
            raise Refused(f"{app.descriptor.name} is needed by the task {needed[0]}; abort it first, or wait until it is over")
        try:
            self._host.apps.remove(app)
        except ShelfError as error:
            raise Refused(str(error)) from None
        self._tell()
        return app_message(self._host, app)

    def on_enable(self, request: api.AppId, _call: Call) -> api.App:
        """Let tasks use it."""
        return self._switch(request.id, True)

    def on_disable(self, request: api.AppId, _call: Call) -> api.App:
        """Let no new task use it; a service that runs goes on."""
        return self._switch(request.id, False)

    def _switch(self, name: str, enabled: bool) -> api.App:
        app = self._host.apps.enable(self._find(name), enabled)
        self._tell()
        return app_message(self._host, app)

    def _find(self, name: str) -> ShelvedApp:
        self._refreshed()
        try:
            return self._host.apps.find(name)
        except ShelfError as error:
            raise NotFound(str(error)) from None

    def _refreshed(self) -> None:
        if self._host.apps.refresh():
            self._tell()

    def _tell(self) -> None:
        self._host.node.set_apps(self._host.apps.files, self._host.apps.disabled)


def app_message(host: Host, app: ShelvedApp) -> api.App:
    """Tell an app."""
    descriptor, requestor = app.descriptor, host.node.config.requestor
    return fill(
        api.App,
        descriptor,
        id=descriptor.app_id,
        enabled=app.enabled,
        environment=requestor.env if requestor else "",
        image=app.image,
        file=app.file,
        parameters=[api.Parameter(name=name, about=about) for name, about in (app.parameters or {}).items()],
        example_json=json.dumps(app.example) if app.example else "",
        tasks=sum(task.spec.app_id == descriptor.app_id for task in host.view.tasks()),
    )
