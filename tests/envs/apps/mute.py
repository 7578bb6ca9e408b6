"""Never gets ready to serve."""

import threading

threading.Event().wait()
