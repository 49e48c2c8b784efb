"""Characters that nobody sees, and bytes of many encodings: gone, kept or refused, and never something else."""

import unicodedata

import pyarrow as pa
import pytest

from pipeline.clean import clean
from pipeline.read import RAW

HIDDEN = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Cf"]
SHOWN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Of category Cf, and yet to be seen: signs before numbers, and the Syriac abbreviation mark."""
SAID = "Ada Quill said that the har{}bour was closed on Monday."
PARAGRAPHS = {
    "French": "Le maire a déclaré lundi que le vieux pont resterait fermé jusqu’à l’été, à cause des fissures.",
    "Spanish": "La alcaldesa anunció el lunes que el viejo puente quedaría cerrado y que la señal no volvería mañana.",
    "Portuguese": "A câmara decidiu na segunda-feira que a velha ponte não será reaberta antes do verão.",
    "German": "Die Bürgermeisterin erklärte am Montag, die alte Brücke bleibe wegen größerer Schäden geschlossen.",
    "Swedish": "Borgmästaren sade på måndagen att den gamla bron förblir stängd till sommaren på grund av sprickor.",
    "Polish": "Burmistrz powiedział w poniedziałek, że stary most pozostanie zamknięty aż do końca miesiąca.",
    "Czech": "Starosta v pondělí řekl, že starý most zůstane uzavřen až do léta, protože v něm našli další trhliny.",
    "Russian": "Мэр города сказал в понедельник, что старый мост останется закрытым до лета из-за новых трещин.",
    "Ukrainian": "Міський голова сказав у понеділок, що старий міст буде зачинений до літа через нові тріщини в опорі.",
    "Greek": "Ο δήμαρχος είπε τη Δευτέρα ότι η παλιά γέφυρα θα μείνει κλειστή ως το καλοκαίρι λόγω νέων ρωγμών.",
    "Turkish": "Belediye başkanı pazartesi günü eski köprünün çatlaklar yüzünden yaza kadar kapalı kalacağını söyledi.",
    "Japanese": "市長は月曜日、橋脚に新しいひび割れが見つかったため、古い橋を夏まで閉鎖すると述べた。",
    "Chinese": "市长星期一表示，由于桥墩上发现了新的裂缝，这座老桥将关闭到夏天为止。居民们需要改走另外一条道路。",
    "Korean": "시장은 월요일 교각에서 새로운 균열이 발견되어 낡은 다리를 여름까지 폐쇄한다고 말했다.",
}
UNICODE = ("utf-8", "utf-16", "utf-32")
CODECS = {
    "French": ("cp1252", "iso8859-15"),
    "Spanish": ("cp1252", "iso8859-1"),
    "Portuguese": ("cp1252", "iso8859-1"),
    "German": ("cp1252", "iso8859-1"),
    "Swedish": ("cp1252", "iso8859-1"),
    "Polish": ("cp1250", "iso8859-2"),
    "Czech": ("cp1250", "iso8859-2"),
    "Russian": ("cp1251", "koi8-r", "iso8859-5"),
    "Ukrainian": ("cp1251", "koi8-u"),
    "Greek": ("cp1253", "iso8859-7"),
    "Turkish": ("cp1254", "iso8859-9"),
    "Japanese": ("shift_jis", "euc_jp", "iso2022_jp"),
    "Chinese": ("gb18030", "gbk", "big5"),
    "Korean": ("euc_kr", "cp949"),
}
"""What news in these languages is written in, beside Unicode."""


def cleaned(contents: list[bytes]) -> list[str | None]:
    """The text that cleaning makes of each; None for one that it rejects."""
    row = dict.fromkeys(RAW.names) | {"format": "text", "publish_text": True}
    rows = [row | {"source": f"{number:05}.txt", "content": content} for number, content in enumerate(contents)]
    documents, texts = clean(pa.Table.from_pylist(rows, RAW))
    found = {one["document_id"]: one["text"] for one in texts.to_pylist()}
    return [found.get(key) for key in documents["document_id"].to_pylist()]


def test_no_character_that_nobody_sees_stays() -> None:
    """Each of Unicode's format characters once in a word: it is gone, but for those that are drawn."""
    texts = cleaned([SAID.format(one).encode() for one in HIDDEN])

    assert len(HIDDEN) > 150
    assert texts == [SAID.format(one if one in SHOWN else "") for one in HIDDEN]


@pytest.mark.parametrize("times", [1, 3, 20])
def test_bytes_that_nobody_declared_are_read_right_or_refused(times: int) -> None:
    """News in fourteen languages and what they are written in, without a word on the encoding: Unicode is always read,
    and of the others the text is the one that was written, or there is none.
    """
    written = []
    for name, codecs in CODECS.items():
        said = PARAGRAPHS[name]
        text = "\n\n".join(f"{said[:-1]} {number}{said[-1]}" for number in range(times))
        codecs = [codec for codec in codecs if text.encode(codec, "replace").decode(codec) == text]
        written += [(name, codec, text) for codec in (*UNICODE, *codecs)]
    found = cleaned([text.encode(codec) for _, codec, text in written])

    assert len(written) > 60
    assert [one[:2] for one, text in zip(written, found, strict=True) if text not in (one[2], None)] == []
    assert [one[:2] for one, text in zip(written, found, strict=True) if text is None and one[1] in UNICODE] == []
