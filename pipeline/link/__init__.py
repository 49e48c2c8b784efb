"""What needs the whole corpus: duplicates among documents, and one row for each speaker over all of them.

Both results depend on the rows alone, never on their order.
"""

from typing import NamedTuple

import pyarrow as pa

from pipeline.link.aliases import Aliases
from pipeline.link.duplicates import mark_duplicates
from pipeline.link.names import name_key
from pipeline.link.speakers import link_speakers

__all__ = ["VERSION", "Aliases", "Linked", "link", "name_key"]

VERSION = "link/2"


class Linked(NamedTuple):
    """What linking gives.

    Attributes:
        documents: with `duplicate_*` filled, in their given order.
        claims: with `speaker`, `speaker_id` and `speaker_kind` as in `speakers`, in their given order.
        speakers: by key.
        in_vain: what the aliases name and no claim has, in words.
    """

    documents: pa.Table
    claims: pa.Table
    speakers: pa.Table
    in_vain: tuple[str, ...] = ()


_NONE = Aliases()


def link(documents: pa.Table, texts: pa.Table, claims: pa.Table, aliases: Aliases = _NONE) -> Linked:
    """Mark duplicates and link speakers.

    Args:
        documents: rows of `documents`, `duplicate_*` not yet filled.
        texts: a row for each accepted document, the withheld ones too.
        claims: rows of `claims`, `speaker` as named in each document, `speaker_id` not yet filled.
        aliases: the user's word on who is who, which wins over the rules.
    """
    linked, speakers, in_vain = link_speakers(documents, texts, claims, aliases, VERSION)
    return Linked(mark_duplicates(documents, texts), linked, speakers, in_vain)
