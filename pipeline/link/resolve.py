"""Which names mean the same speaker: rules that join, each at most one step from the next, none by comparing all pairs.

Names meet under keys (`names`); a rule joins a name to the one speaker found under its key that nothing speaks against,
and joins nothing where there are two. Every rule looks at what the rules before it left, never at its own joins, so
that the order of the names does not matter.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pipeline.link.acronyms import Spelled
from pipeline.link.aliases import Aliases
from pipeline.link.names import PersonName, extends, name_key, organisation_key, romanised

MOST = 50  # names under one key that are looked at; where more share a last name, it tells nobody


@dataclass(slots=True)
class Node:
    """One distinct name of a kind, or of a kind in an outlet or document.

    Attributes:
        name: as the claims have it, titles left out.
        kind: as in `speakers.kind`.
        scope: outlet or document that the name is of; empty when of the corpus.
        bare: whether it is a single word, which may be short for a fuller name.
        count: number of claims.
        outlets: where they stand.
        described: folded words of roles and affiliations given with it.
        merge: number of the local [[merge]] that names it; None mostly.
    """

    name: str
    kind: str
    scope: str = ""
    bare: bool = False
    count: int = 0
    outlets: frozenset[str] = frozenset()
    described: frozenset[str] = frozenset()
    merge: int | None = None
    folded: str = field(init=False)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.folded = name_key(self.name)
        self.key = (organisation_key(self.folded) if self.kind == "organisation" else self.folded) or self.name


@dataclass(slots=True)
class Resolved:
    """Who the nodes are.

    Attributes:
        roots: for each node, the node that stands for its speaker.
        why: node -> the rule that joined it to its speaker.
        names: root -> canonical name.
        kinds: root -> kind.
        scopes: root -> outlet or document that it is known in alone; empty where it is one over the corpus.
        looked: number of pairs that were compared.
    """

    roots: list[int]
    why: dict[int, str]
    names: dict[int, str]
    kinds: dict[int, str]
    scopes: dict[int, str]
    looked: int


def resolve(nodes: list[Node], spelled: Spelled, aliases: Aliases) -> Resolved:
    """Join the nodes; adds a node for a full name that only an acronym's definition or an alias gives."""
    joined = _Joined(nodes, aliases)
    _by_alias(joined, aliases)
    persons = {i: PersonName(node.name) for i, node in _open(joined) if node.kind == "person"}
    full = {i: name for i, name in persons.items() if name.given}
    _by_spelling(joined, full)
    _by_kind(joined)
    _by_romanisation(joined, full)
    _by_middle_name(joined, full)
    _by_initials(joined, full)
    undecided = _by_acronym(joined, spelled) | _by_short_name(joined) | _by_last_name(joined, persons)
    _across_outlets(joined, undecided)
    return joined.result(aliases, undecided)


class _Joined:
    """Sets of nodes, and why each node is in its set."""

    def __init__(self, nodes: list[Node], aliases: Aliases) -> None:
        self.nodes = nodes
        self.why: dict[int, str] = {}
        self.looked = 0
        self._parent = list(range(len(nodes)))
        self._described = {i: node.described for i, node in enumerate(nodes) if node.described}
        self._outlets = {i: node.outlets for i, node in enumerate(nodes) if node.outlets}
        self._pins: dict[int, dict[str, object]] = {}
        splits = [(f"split {n}", {name_key(name) for name in names}) for n, names in enumerate(aliases.splits)]
        for i, node in enumerate(nodes) if splits else ():
            for tag, keys in splits:
                if node.folded in keys:
                    self.pin(i, tag, node.folded)

    def add(self, node: Node) -> int:
        self.nodes.append(node)
        self._parent.append(len(self._parent))
        return len(self._parent) - 1

    def pin(self, i: int, tag: str, value: object) -> None:
        """Forbid the set of `i` to meet one that is pinned to another value of the tag."""
        self._pins.setdefault(self.find(i), {})[tag] = value

    def pinned(self, i: int, tag: str) -> object | None:
        return self._pins.get(self.find(i), {}).get(tag)

    def find(self, i: int) -> int:
        root = i
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[i] != root:
            self._parent[i], i = root, self._parent[i]
        return root

    def join(self, i: int, to: int, rule: str) -> None:
        """Put the set of `i` into that of `to`, unless an alias keeps them apart."""
        i, to = self.find(i), self.find(to)
        own, other = self._pins.get(i, {}), self._pins.get(to, {})
        if i == to or any(other.get(tag, value) != value for tag, value in own.items()):
            return
        self._parent[i] = to
        self.why[i] = rule
        for held in (self._described, self._outlets):
            if i in held:
                held[to] = held.get(to, frozenset()) | held.pop(i)
        if own:
            self._pins[to] = other | self._pins.pop(i)

    def join_all(self, group: Sequence[int], rule: str) -> None:
        """Put all of a group into the set of its fullest name."""
        self.looked += len(group) - 1
        target = min(group, key=self.rank)
        for i in group:
            self.join(i, target, rule)

    def rank(self, i: int) -> tuple[int, bool, int, str]:
        """Least for the fullest name, then one that is not all capitals, then the commonest."""
        node = self.nodes[i]
        return -node.folded.count(" "), node.name.isupper(), -node.count, node.name

    def shared(self, i: int, j: int) -> frozenset[str] | None:
        """Words of role or affiliation that two sets share; None when nothing is told of one."""
        self.looked += 1
        own, other = self._described.get(self.find(i)), self._described.get(self.find(j))
        return None if own is None or other is None else own & other

    def only(self, i: int, candidates: Iterable[int]) -> tuple[int | None, bool]:
        """The one candidate that fits, those of the same outlet before all; and whether there was any candidate.

        What speaks against a candidate: both have roles or affiliations, and no word in common.
        """
        roots = {self.find(j) for j in candidates} - {self.find(i)}
        if len(roots) > MOST:
            return None, True
        fitting = [j for j in roots if self.shared(i, j) != frozenset()]
        here = self._outlets.get(self.find(i), frozenset())
        near = [j for j in fitting if here & self._outlets.get(j, frozenset())]
        pool = near or fitting
        return pool[0] if len(pool) == 1 else None, bool(roots)

    def result(self, aliases: Aliases, undecided: set[int]) -> Resolved:
        roots = [self.find(i) for i in range(len(self.nodes))]
        best: dict[int, int] = {}
        mixed: dict[int, dict[str, int]] = {}
        for i, root in enumerate(roots):
            other = best.setdefault(root, i)
            if other != i and self.rank(i) < self.rank(other):
                best[root] = i
            if self.nodes[i].kind != self.nodes[root].kind:
                mixed[root] = defaultdict(int)
        for i, root in enumerate(roots) if mixed else ():
            if root in mixed:
                mixed[root][self.nodes[i].kind] += self.nodes[i].count
        names = {root: self.nodes[i].name for root, i in best.items()}
        kinds = {root: self.nodes[root].kind for root in best}
        kinds |= {root: min(held, key=lambda kind: (-held[kind], kind)) for root, held in mixed.items()}
        scopes = {
            root: self.nodes[i].scope if root in undecided or not self.nodes[i].bare else "" for root, i in best.items()
        }
        for root in best:
            number = self.pinned(root, "merge")
            if number is not None:
                names[root], kinds[root] = aliases.merges[number].name, aliases.merges[number].kind
                scopes[root] = ""
            elif best[root] != root and best[root] in self.why:
                self.why[root] = self.why.pop(best[root])  # the rule joined the two, whichever gives the name
        return Resolved(roots, self.why, names, kinds, scopes, self.looked)


def _groups(keyed: Iterable[tuple[object, int]]) -> Iterable[list[int]]:
    """The nodes under each key, where there are several."""
    found: dict[object, list[int]] = defaultdict(list)
    for key, i in keyed:
        found[key].append(i)
    return [group for group in found.values() if len(group) > 1]


def _by_alias(joined: _Joined, aliases: Aliases) -> None:
    first: dict[tuple[str, str], int] = {}
    same = [first.setdefault((merge.kind, name_key(merge.name)), n) for n, merge in enumerate(aliases.merges)]
    number_of = {key: same[n] for n, merge in enumerate(aliases.merges) if not merge.local for key in merge.keys}
    members: dict[int, list[int]] = defaultdict(list)
    for i, node in enumerate(joined.nodes) if aliases.merges else ():
        key = node.folded
        number = number_of.get(key, first.get((node.kind, key))) if node.merge is None else same[node.merge]
        if number is not None:
            members[number].append(i)
    for number, group in members.items():
        for i in group:
            joined.pin(i, "merge", number)
        joined.join_all(group, "alias")


def _open(joined: _Joined) -> Iterable[tuple[int, Node]]:
    """The nodes that rules may join: all but those that a local alias took out."""
    return ((i, node) for i, node in enumerate(joined.nodes) if node.merge is None)


def _by_spelling(joined: _Joined, full: dict[int, PersonName]) -> None:
    for group in _groups(((node.kind, node.key, node.scope), i) for i, node in _open(joined)):
        joined.join_all(group, "spelling")
    for group in _groups(((place, key), i) for i, name in full.items() for place, key in enumerate(name.spellings)):
        joined.join_all(group, "spelling")


def _by_kind(joined: _Joined) -> None:
    """A name of several words is of the kind that most claims give it, of two equals an organisation: a name is taken
    for a person's where nothing tells.
    """
    proper = ((i, node) for i, node in _open(joined) if not node.bare and not node.scope)
    for group in _groups((node.folded, i) for i, node in proper):
        counts: dict[str, int] = defaultdict(int)
        for i in group:
            counts[joined.nodes[i].kind] += joined.nodes[i].count
        if len(counts) > 1:
            most = min(counts, key=lambda kind: (-counts[kind], kind))
            target = next(i for i in group if joined.nodes[i].kind == most)
            for i in group:
                joined.join(i, target, "kind")


def _by_romanisation(joined: _Joined, full: dict[int, PersonName]) -> None:
    """One rough key and a common word of role or affiliation: "Kim Jong Eun" is the leader "Kim Jong Un"."""
    decided = []
    for group in _groups((romanised(joined.nodes[i].folded), i) for i in full):
        roots = sorted({joined.find(i) for i in group}, key=joined.rank)
        if 1 < len(roots) <= MOST:
            decided += [(j, i) for n, i in enumerate(roots) for j in roots[n + 1 :] if joined.shared(i, j)]
    for j, i in decided:
        joined.join(j, i, "romanisation")


def _by_middle_name(joined: _Joined, full: dict[int, PersonName]) -> None:
    """First and last name are the same, and all that stands between agrees with the longest of them."""
    decided = []
    for group in _groups(((name.given[0], min(name.lasts, key=len)), i) for i, name in full.items()):
        if len({joined.find(i) for i in group}) < 2 or len(group) > MOST:
            continue
        longest = max(group, key=lambda i: (len(full[i].given), len("".join(full[i].given)), joined.nodes[i].name))
        rest = [i for i in group if joined.find(i) != joined.find(longest)]
        if all(_agrees(full[i].given, full[longest].given) for i in group):
            decided += [(i, longest) for i in rest if joined.shared(i, longest) != frozenset()]
    for i, j in decided:
        joined.join(i, j, "middle name")


def _agrees(given: Sequence[str], longest: Sequence[str]) -> bool:
    """Whether given names are some of the longest ones in their order, perhaps as initials."""
    left = iter(longest)
    return all(any(part == other or (len(part) == 1 and other.startswith(part)) for other in left) for part in given)


def _by_initials(joined: _Joined, full: dict[int, PersonName]) -> None:
    held: dict[tuple[str, str], list[int]] = defaultdict(list)
    short = {i: initials for i, name in full.items() if (initials := name.initials) is not None}
    for i, name in full.items():
        if i not in short:
            held[name.given[0][0], min(name.lasts, key=len)].append(i)

    def candidates(i: int) -> Iterable[int]:
        for j in held.get((short[i][0], min(full[i].lasts, key=len)), ()):
            letters = "".join(part[0] for part in full[j].given)
            if letters.startswith(short[i]) or short[i].startswith(letters):
                yield j

    _decide(joined, ((i, candidates(i)) for i in short), "initials")


def _by_acronym(joined: _Joined, spelled: Spelled) -> set[int]:
    held = {(node.key, node.scope): i for i, node in _open(joined) if node.kind == "organisation" and not node.bare}
    undecided, decided = set(), []
    for i, node in list(_open(joined)) if spelled else ():
        if node.kind != "organisation" or not spelled.get(node.name) or joined.find(i) != i:
            continue
        fulls = spelled[node.name]
        known = {key: held.get((key, ""), held.get((key, node.scope))) for key in fulls}
        near = [k for k, j in known.items() if j is not None and joined.nodes[j].outlets & node.outlets]
        keys = list(fulls) if len(fulls) == 1 else near
        if len(keys) == 1:
            decided.append((i, keys[0], known[keys[0]], *fulls[keys[0]]))
        else:
            undecided.add(i)
    for i, key, target, full, document_id in decided:
        if target is None:
            target = held.get((key, ""))
        if target is None:
            target = held[key, ""] = joined.add(Node(full, "organisation"))
        joined.join(i, target, f"acronym: {document_id}")
    return undecided


def _by_short_name(joined: _Joined) -> set[int]:
    held: dict[str, list[int]] = defaultdict(list)
    for i, node in _open(joined):
        if node.kind == "organisation" and not node.bare and not node.scope:
            held[node.key.split()[0]].append(i)
    short = [i for i, node in _open(joined) if node.kind == "organisation" and node.bare and joined.find(i) == i]

    def candidates(i: int) -> Iterable[int]:
        key = joined.nodes[i].key
        return (j for j in held.get(key, ()) if extends(key, joined.nodes[j].key))

    return _decide(joined, ((i, candidates(i)) for i in short), "short name")


def _by_last_name(joined: _Joined, persons: dict[int, PersonName]) -> set[int]:
    held: dict[str, list[int]] = defaultdict(list)
    for i, name in persons.items():
        for last in name.lasts if name.given else ():
            held[last].append(i)
    bare = [i for i, name in persons.items() if not name.given and joined.find(i) == i]
    return _decide(joined, ((i, held.get(persons[i].lasts[0], ())) for i in bare), "last name")


def _decide(joined: _Joined, asked: Iterable[tuple[int, Iterable[int]]], rule: str) -> set[int]:
    """Join each name to the one speaker it may mean; the names that may mean several, or one that does not fit."""
    decided, undecided = [], set()
    for i, candidates in asked:
        target, any_at_all = joined.only(i, candidates)
        if target is not None:
            decided.append((i, target))
        elif any_at_all:
            undecided.add(i)
    for i, target in decided:
        joined.join(i, target, rule)
    return undecided


def _across_outlets(joined: _Joined, undecided: set[int]) -> None:
    """A single word that may mean nobody else is one speaker in all outlets."""
    alone = ((i, node) for i, node in _open(joined) if node.bare and joined.find(i) == i and i not in undecided)
    for group in _groups(((node.kind, node.key), i) for i, node in alone):
        joined.join_all(group, "spelling")
