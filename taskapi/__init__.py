"""The Task API library for app authors: write two handlers, and serve, call and check them.

The names below are what an app needs to be written; serving (`entrypoint`), calling (`client`), part keeping (`parts`) and checking
(`testkit`) are modules of their own. Must not import anything of a node.
"""

from claynet.proto.layout import DOCKER_CPU, DOCKER_GPU
from claynet.taskapi.app import App, SampleTask
from claynet.taskapi.folders import ProviderFolder, TaskFolder, UnsafePath
from claynet.taskapi.handlers import (
    NewTask,
    Params,
    ProviderAppHandler,
    RequestorAppHandler,
    Subtask,
    Verdict,
    Verification,
)
from claynet.taskapi.signals import Interrupted, ShutdownSignal

__all__ = [
    "DOCKER_CPU",
    "DOCKER_GPU",
    "App",
    "Interrupted",
    "NewTask",
    "Params",
    "ProviderAppHandler",
    "ProviderFolder",
    "RequestorAppHandler",
    "SampleTask",
    "ShutdownSignal",
    "Subtask",
    "TaskFolder",
    "UnsafePath",
    "Verdict",
    "Verification",
]
