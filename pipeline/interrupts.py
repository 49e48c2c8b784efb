"""Ctrl-C that nobody can drop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

heard = threading.Event()
"""Whether there was a Ctrl-C: where it comes in the middle of an import, Python itself or a library may drop the
KeyboardInterrupt, or make another error of it.
"""


@contextmanager
def heeded() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt as ever, and sets `heard`. Where it is ignored, as by what a shell puts in the
    background, and outside the main thread all stays as it is.
    """
    heard.clear()
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return

    def hear(number: int, frame: FrameType | None) -> None:
        heard.set()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
