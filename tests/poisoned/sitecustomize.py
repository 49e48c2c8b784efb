"""Put on PYTHONPATH, it makes certain words in a text do to the interpreter what a bad document does by a bug in a
library: the process dies, hangs, or asks for more memory than there is.

    CLEAN-EXIT, ANNOTATE-EXIT and so on: whichever stage reads the text.
    ...-EXIT leaves without a word, -SEGV reads from nowhere, -LOOP never ends, -EAT takes memory, -ONCE kills the
    process that reads it first, and no other, -HOLD waits until it is told.

The budgets are made small, so that tests need not wait.
"""

import ctypes
import importlib.abc
import importlib.machinery
import os
import re
import signal
import sys
import time
from pathlib import Path

_WORD = re.compile(r"\b(CLEAN|ANNOTATE)-(EXIT|SEGV|LOOP|EAT|ONCE|HOLD)\b")


def _suffer(stage: str, text: str) -> None:
    for found in _WORD.finditer(text):
        if found[1] != stage:
            continue
        sign = Path(os.environ["POISON"], found[0])
        if found[2] == "EXIT":
            os._exit(0)
        elif found[2] == "SEGV":
            ctypes.string_at(0)
        elif found[2] == "LOOP":
            while True:
                pass
        elif found[2] == "EAT":
            held = []
            while True:
                held.append(bytearray(1 << 24))
        elif found[2] == "ONCE" and not sign.exists():
            sign.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        elif found[2] == "HOLD" and not sign.exists():
            sign.touch()
            time.sleep(3600)


def _spoil(module) -> None:
    if module.__name__ == "pipeline.shards.stage":
        module.SECONDS, module.PATIENCE, module.MEMORY = 3.0, 60, 1 << 30
    elif module.__name__ == "pipeline.clean.decode":
        decode = module.decode

        def decoded(content, *rest, **options):
            _suffer("CLEAN", content.decode("latin-1"))
            return decode(content, *rest, **options)

        module.decode = decoded
    else:
        parse = module.Article.parse

        def parsed(document, outlet, text, pieces):
            _suffer("ANNOTATE", text)
            return parse(document, outlet, text, pieces)

        module.Article.parse = parsed


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in ("pipeline.shards.stage", "pipeline.clean.decode", "pipeline.annotate.article"):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def run(module) -> None:
            load(module)
            _spoil(module)

        spec.loader.exec_module = run
        return spec


if "POISON" in os.environ:
    sys.meta_path.insert(0, _Finder())
