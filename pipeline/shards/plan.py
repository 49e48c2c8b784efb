"""What a run would do, and why; nothing is done."""

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.shards import code, fingerprint, store
from pipeline.shards.cut import planned
from pipeline.shards.store import Shard


def plan(raw: Path, work: Path, *, redact: bool = False) -> Iterator[str]:
    """Lines that say, stage by stage, which shards are fresh, which are not and for what reason.

    Raises what `read.read` raises.
    """
    shards = []
    unread = 0
    for shard, _, _ in planned(raw, work / "raw", redact=redact):
        shards.append(shard)
        unread += store.told(shard.folder, "raw") is None
    documents = sum(shard.rows for shard in shards)
    yield f"read: {documents} documents in {len(shards)} shards"
    if unread:
        gone = len(store.others(work / "raw", (shard.folder for shard in shards)))
        yield f"  {unread} shards to write: {'their documents are new or changed' if gone else 'nothing is kept yet'}"
    known = shards
    for stage in ("clean", "annotate"):
        folder = work / stage
        following: list[Shard] = []
        stale = blind = tried = 0
        for shard in known:
            result = folder / fingerprint(stage, shard)
            told = store.told(result, stage)
            if told is None:
                stale += 1
                blind += shard.rows
            else:
                tried += int(told["failed"])
                following.append(Shard(shard.number, result, result.name, shard.rows, told["output"]))
        yield f"{stage}: {len(following)} of {len(shards)} shards are fresh"
        if stale:
            yield f"  {stale} to make, {blind} documents: {_reason(stage, folder)}"
        if len(known) < len(shards):
            rest = len(shards) - len(known)
            yield f"  {rest} depend on what the stage before gives: only documents that come out otherwise are computed"
        if tried:
            yield f"  {tried} documents could not be finished before; --retry tries them again"
        known = following
    if len(known) == len(shards):
        yield "link, check, release: only if aliases, code, version or the releases before are not what they were"
    else:
        yield "link, check, release: all rows, because some may change"


def _reason(stage: str, folder: Path) -> str:
    try:
        before = json.loads((folder / "code.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "nothing is kept yet"
    changed = code.changed(stage, before)
    if not changed:
        return "their documents are new or changed; what is as it was is taken over"
    return f"{'; '.join(changed[:5])}{f' and {len(changed) - 5} more' if len(changed) > 5 else ''}"
