"""What the control API needs of the node that it controls.

Knows names and promises only. Must not know how a live node is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from claynet.actors.environment import Environment
from claynet.actors.node import Node
from claynet.actors.ports import Blobs, NodeId, Store
from claynet.net.app_shelf import AppShelf
from claynet.net.blob_sweep import BlobSweep
from claynet.net.lending import Lending
from claynet.net.link.peers import Peers
from claynet.net.storage.data_dir import DataDir
from claynet.net.view.event_hub import EventHub
from claynet.net.view.node_view import NodeView
from claynet.net.view.result_keeper import ResultKeeper


class Host(Protocol):
    """A live node, seen from its control API."""

    @property
    def node(self) -> Node:
        """The node: what is wanted is told to its actors."""

    @property
    def node_id(self) -> NodeId:
        """Its id."""

    @property
    def data_dir(self) -> DataDir:
        """Where its files are."""

    @property
    def blobs(self) -> Blobs:
        """Files by content."""

    @property
    def sweep(self) -> BlobSweep:
        """Deletes files that nothing needs."""

    @property
    def store(self) -> Store:
        """What it remembers; appends are seen by the view."""

    @property
    def view(self) -> NodeView:
        """What is known of it."""

    @property
    def hub(self) -> EventHub:
        """What happens on it."""

    @property
    def apps(self) -> AppShelf:
        """The apps that it can request."""

    @property
    def lending(self) -> Lending:
        """Whether it takes work."""

    @property
    def results(self) -> ResultKeeper:
        """What tasks came to."""

    @property
    def peers(self) -> Peers:
        """Other nodes."""

    @property
    def environments(self) -> Mapping[str, Environment]:
        """What runs apps on it, by name."""

    @property
    def balance(self) -> int:
        """Test tokens owned."""

    @property
    def listens(self) -> str:
        """Where it listens, HOST:PORT; empty: it does not."""
