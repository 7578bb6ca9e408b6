"""The tutorial under another image's name: what the entry point `claynet/tutorial-tcp` and that image's ENTRYPOINT name.

Knows the name only; all else is the tutorial's.
"""

from functools import partial

from claynet.apps.tutorial.app import SAMPLE
from claynet.apps.tutorial.provider import TutorialProvider
from claynet.apps.tutorial.requestor import TutorialRequestor
from claynet.taskapi import App

IMAGE = "claynet/tutorial-tcp"

APP = App(IMAGE, partial(TutorialRequestor, IMAGE), TutorialProvider, SAMPLE)
