"""The tutorial as an App: what the entry point `claynet/tutorial` and the image's ENTRYPOINT name.

Knows both sides. Must not know how they are served.
"""

from claynet.apps.tutorial.provider import TutorialProvider
from claynet.apps.tutorial.requestor import IMAGE, TutorialRequestor
from claynet.taskapi import App, SampleTask

SAMPLE = SampleTask(
    params={"difficulty": 10, "resources": ["input.txt", "more.txt"]},
    inputs={"input.txt": b"some input\n", "more.txt": b"some more input\n"},
    max_subtasks=3,
    slow_params={"difficulty": 32, "resources": ["input.txt"]},
    bad_params=(
        {},
        {"difficulty": -1},
        {"difficulty": 33},
        {"difficulty": "10"},
        {"difficulty": 1, "resources": "input.txt"},
        {"difficulty": 1, "resources": ["unknown.txt"]},
        {"difficulty": 1, "resources": ["../input.txt"]},
    ),
)

APP = App(IMAGE, TutorialRequestor, TutorialProvider, SAMPLE)
