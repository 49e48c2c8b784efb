"""The closed list of words that introduce what somebody says, and what they tell about it.

Each line of `_TABLE` reads `speech act | outlet's alignment | complements | lemmas`. Complements name what may hold the
content besides a quotation, which all of them take: `that` a clause, `to` an infinitive, `ing` a gerund, `obj` an
object with what belongs to it, `name` an object with what it is called, `him+to` an object with an infinitive,
`obj+at` an object put at a number, any other word a preposition. The list was drawn up by hand for this project from
general knowledge of English reporting verbs, and pruned by precision on annotated news (PolNeAR train).
"""

import re
from dataclasses import dataclass
from functools import cache

_TABLE = """
state | reports | that | say tell write state reply respond answer continue remark comment tweet post blog quip
state | reports | that | joke mention observe
state | reports | that | testify proclaim declare explain elaborate clarify recount narrate relate opine muse
state | reports | that | reason reckon
state | reports | that | argue contend maintain insist assert stress emphasize emphasise underline underscore
state | reports | that | reiterate repeat
state | reports | that | suggest imply indicate signal hint note add conclude shout yell cry exclaim whisper
state | reports | that | mutter murmur
state | reports | that | mumble sigh laugh chuckle snap shrug interject chime scoff retort counter caption
state | reports | that | chant scream text email
state | reports | that obj | announce report estimate calculate broadcast publicise publicize quote cite recite
state | reports | that obj | echo
state | reports | that | advise advocate inform notify brief assure remind reassure
state | reports | that obj | propose recommend pronounce
state | reports | that | agree believe think hope fear worry lament complain grumble
state | reports | that | regret summarise summarize stipulate specify communicate convey
state | reports | obj | express voice discuss highlight outline detail
state | reports | that | show find demonstrate
state | reports | to | refer allude point
state | reports | of | speak
confirm | endorses | that obj | confirm corroborate verify certify reaffirm affirm substantiate
deny | reports | that obj ing | deny
deny | reports | that obj | reject dismiss refute rebut repudiate disavow disclaim discount
admit | endorses | that obj to ing | admit acknowledge concede confess
admit | endorses | that obj | reveal disclose divulge recognise recognize
admit | endorses | that ing | recall
admit | endorses | that | realise realize discover learn
accuse | reports | obj | accuse blame condemn criticise criticize denounce decry slam blast attack assail
accuse | reports | obj | deplore chide rebuke scold
accuse | reports | obj | berate lambast lambaste mock ridicule deride fault castigate reprimand censure
accuse | reports | that obj | charge
accuse | reports | that | protest
praise | reports | obj | praise hail commend applaud laud welcome thank congratulate extol salute compliment
praise | reports | obj | credit
praise | reports | that | marvel rejoice
promise | reports | that to obj | promise vow
promise | reports | that to | pledge swear
promise | reports | to | offer undertake
promise | reports | that | guarantee
threaten | reports | that to | threaten
demand | reports | that him+to obj | demand urge order implore beseech
demand | reports | him+to name | call
state | reports | name | describe label brand dub deem depict portray characterize characterise compare
demand | reports | that him+to | beg plead appeal
demand | reports | him+to | instruct
demand | reports | that | request
state | reports | obj+at at | put
demand | reports | that obj | decree
predict | reports | that obj | predict forecast foresee anticipate
predict | reports | that | expect project
predict | reports | that him+to of about against | warn caution
question | reports | that about for him+to | ask
question | reports | that | inquire enquire wonder query
question | reports | that obj | doubt question
state | distances | that to | claim
state | distances | that | allege purport boast brag pretend profess insinuate speculate
"""

# Prepositions that lead to the content, by lemma, besides those of the whole line.
_PREPOSITIONS = {
    "call": "for",
    "complain": "about of",
    "boast": "of about",
    "joke": "about",
    "hint": "at",
    "brag": "about",
    "appeal": "for",
    "agree": "with",
    "admit": "to",
    "confess": "to",
    "protest": "against",
    "speculate": "about",
    "wonder": "about",
    "inquire": "about",
}

_IRREGULAR = {
    "say": "says said saying",
    "tell": "tells told telling",
    "write": "writes wrote written writing",
    "read": "reads reading",
    "think": "thinks thought thinking",
    "feel": "feels felt feeling",
    "hold": "holds held holding",
    "show": "shows showed shown showing",
    "find": "finds found finding",
    "speak": "speaks spoke spoken speaking",
    "swear": "swears swore sworn swearing",
    "foresee": "foresees foresaw foreseen foreseeing",
    "undertake": "undertakes undertook undertaken undertaking",
    "beseech": "beseeches besought beseeched beseeching",
    "quip": "quips quipped quipping",
    "blog": "blogs blogged blogging",
    "beg": "begs begged begging",
    "brag": "brags bragged bragging",
    "chat": "chats chatted chatting",
    "snap": "snaps snapped snapping",
    "shrug": "shrugs shrugged shrugging",
    "slam": "slams slammed slamming",
    "commit": "commits committed committing",
    "admit": "admits admitted admitting",
    "rebut": "rebuts rebutted rebutting",
    "put": "puts putting",
    "refer": "refers referred referring",
    "learn": "learns learned learnt learning",
}


@dataclass(frozen=True, slots=True)
class Cue:
    """What a cue word tells.

    lemma        dictionary form
    act          a value of `claims.speech_act`
    alignment    a value of `claims.outlet_stance`: how an outlet that chose this word stands to the content
    complements  what may hold the content: that, to, ing, obj, name, him+to, or prepositions
    """

    lemma: str
    act: str
    alignment: str
    complements: frozenset[str]


ACCORDING_TO = Cue("according to", "state", "reports", frozenset())
MARK = Cue(":", "state", "reports", frozenset())


@cache
def lexicon() -> dict[str, Cue]:
    """Every inflected form, in lower case, with its cue."""
    forms: dict[str, Cue] = {}
    for line in _TABLE.strip().splitlines():
        act, alignment, complements, lemmas = (part.strip() for part in line.split("|"))
        for lemma in lemmas.split():
            kinds = frozenset(complements.split() + _PREPOSITIONS.get(lemma, "").split())
            cue = Cue(lemma, act, alignment, kinds)
            for form in _inflections(lemma):
                forms.setdefault(form, cue)
    return forms


def classify(cue: str | None) -> Cue | None:
    """What the words of a cue ("has repeatedly denied", "according to", ":") tell; None where there are none, or none
    of saying.
    """
    if cue is None:
        return None
    words = re.findall(r"[a-z]+", cue.lower())
    if "according" in words:
        return ACCORDING_TO
    known = lexicon()
    found = next((known[word] for word in reversed(words) if word in known), None)
    return found if found is not None or (words and not cue.endswith(":")) else MARK


def _inflections(lemma: str) -> list[str]:
    if lemma in _IRREGULAR:
        return [lemma, *_IRREGULAR[lemma].split()]
    if lemma.endswith("e") and not lemma.endswith("ee"):
        return [lemma, lemma + "s", lemma + "d", lemma[:-1] + "ing"]
    if re.search(r"[^aeiou]y$", lemma):
        return [lemma, lemma[:-1] + "ies", lemma[:-1] + "ied", lemma + "ing"]
    plural = lemma + "es" if re.search(r"(?:s|x|z|ch|sh)$", lemma) else lemma + "s"
    return [lemma, plural, lemma + ("d" if lemma.endswith("ee") else "ed"), lemma + "ing"]
