"""The encoding of a text that is not UTF-8, judged by the letters that come out: those of one of Europe's languages.

Every byte is a letter in some code page, so nothing but the letters tells. Each code page is tried with each language that it is made for; the
likelihood of the text is that of its letters, which fall off with their rank in the language (Zipf). Where another code page, in which some words read
differently, is nearly as likely, that is told with such a word in both readings. The orders of letters are general knowledge [K].
"""

from __future__ import annotations

import codecs
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ldt.errors import SourceError

_BLOCK = 1024**2
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Languages by the name that people know, with their letters from the most frequent to the rarest.
_LETTERS = {
    "German": "enisratdhulcgmobwfkzvpüäßjöyxq",
    "French": "esaitnrulodcpmévqfbghjàxyèêzwçkùâîôûëïœ",
    "Spanish": "eaosrnidlctumpbgyívqóhfzjéáñxúwkü",
    "Portuguese": "aeosrindmutclpvghqbfzáãçéójíêxúâõàôwky",
    "Italian": "eaionlrtscdpumvghfbqzòàùìéèxyjkw",
    "Dutch": "enatirodslghvkmubpwjzcfxyëéóïöü",
    "Swedish": "eantrsildomkgväfhupåöbcyjxwz",
    "Danish": "enrtdaisglokmvfuhpåyæjøbcwxz",
    "Finnish": "aintesloukämvrjhypdögbfcåwz",
    "Icelandic": "arniestulgmkdhfvðopáíjybæúóþéöýx",
    "Catalan": "eaisrnltocdumpvqgbfhçàèéíòóxyjúïüz",
    "Polish": "iaoeznrwsctkydplmujłbghęóążśćńfźvqx",
    "Czech": "oeantsilvrkdumípcházyjběéřšýžčgfůúňxóťďwq",
    "Slovak": "aoeinsrvtlkdcmupzjhyábíčšéžýťgfľúňôóďäŕĺ",
    "Hungarian": "eatlsnkizroáégmybdvhjöpuófcőíüúűx",
    "Croatian": "aioenrstjukdvlmpgzbčšžhcćfđ",
    "Slovene": "eaionrsltjvkdpmuzbgčhšcžf",
    "Romanian": "eiarntulcsodpămşfvîţgbâzhjx",
    "Russian": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "Ukrainian": "оаинівертслкдумпязьгбчйхжєїюшцщфґ",
    "Bulgarian": "аоиентрсвлкдпмъугзбчяйжцхщшюфь",
    "Serbian": "аоиенрсјтукдвлмпгзбчшжхцћфњљџђѓќѕ",
    "Greek": "αοιετσνηυρπκμλςωδγχθφάίόβήέύώξζψϊϋΐΰ",
    "Turkish": "aeinrlıdkmyutsboüşzgçhğvcöpfj",
    "Lithuanian": "iastoenrukmldvpgjėbyšžąųįūčzęcf",
    "Latvian": "aisteurnokmlpdvzāīgbjēcšūņļķģžčf",
    "Estonian": "aeistlunokmdrvgjphäõüöbšžf",
}
_WEST = "German French Spanish Portuguese Italian Dutch Swedish Danish Finnish Icelandic Catalan"
_CENTRE = "Polish Czech Slovak Hungarian Croatian Slovene Romanian German"
_CYRILLIC = "Russian Ukrainian Bulgarian Serbian"
#: Code pages, in the order in which they are preferred, and the languages that they are made for.
_PAGES = {
    "windows-1252": _WEST,
    "windows-1250": _CENTRE,
    "iso8859-2": _CENTRE,
    "windows-1251": _CYRILLIC,
    "iso8859-5": _CYRILLIC,
    "koi8-r": "Russian",
    "windows-1253": "Greek",
    "iso8859-7": "Greek",
    "windows-1254": "Turkish",
    "windows-1257": "Lithuanian Latvian Estonian",
    "cp850": _WEST,
    "cp852": _CENTRE,
    "mac-roman": _WEST,
}
_OTHER_ALPHABETS = frozenset([*_CYRILLIC.split(), "Greek"])
#: Signs that stand about words; any other is a sign that the code page is not the right one.
_USUAL_SIGNS = frozenset("°²³µ§–—„“”‘’‚€…«»½¼·×±‰ªº¿¡´`©®")
#: Units, which are words of no language: m³, µg, °C, km².
_UNIT = re.compile(rb"[A-Za-z]{0,2}[\xb0\xb2\xb3\xb5\xba][A-Za-z]{0,2}")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
#: Words that are looked at: those with a byte beyond ASCII, and others, which tell the language.
_TELLING, _OTHERS = 5000, 2000
#: Logarithms of how likely a letter of another language is, a sign within a word, one about it, and a word of ASCII in Greek or Cyrillic (per letter).
_FOREIGN, _WITHIN, _ABOUT, _ASCII = -11.0, -14.0, -4.0, -3.0
#: How much more likely the best must be for there to be no doubt; what speaks for the most frequent code page before anything is seen.
_CLEAR, _USUAL = 8.0, 2.0


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a text is encoded.

    Attributes:
        name: as Python knows it.
        language: by whose letters it was judged; None where nothing had to be.
        doubt: what else is possible, with a word in both readings; None where it is clear.
    """

    name: str
    language: str | None = None
    doubt: str | None = None


def judge_encoding(path: Path) -> Encoding:
    """Return `utf-8` if the whole file is that, `utf-16` where a mark says so, else a code page that is judged from the letters.

    What fits windows-1252 is `latin-1` where no byte stands in it that latin-1 has no sign for.

    Raises:
        SourceError: binary data.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    windows, is_utf8, first = False, True, True
    words: Counter[bytes] = Counter()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            if first:
                marked = next((name for mark, name in _BOMS if block.startswith(mark)), None)
                if marked == "utf-16":
                    return Encoding(marked)
                first = False
            if b"\0" in block:
                raise SourceError(
                    "is not text", where=path.name, remedy="see docs/sources.md for the formats that are read"
                )
            windows = windows or re.search(rb"[\x80\x82-\x8c\x8e\x91-\x9c\x9e\x9f]", block) is not None
            if len(words) < _TELLING:
                words.update(_WORD.findall(block))
            if is_utf8:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    is_utf8 = False
    if is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            is_utf8 = False
    if is_utf8:
        return Encoding("utf-8")
    found = _judge(words)
    return (
        found if found.name != "windows-1252" or windows else Encoding("latin-1", found.language, found.doubt)
    )


def _judge(words: Mapping[bytes, int]) -> Encoding:
    telling = [w for w in words if not w.isascii() and not _UNIT.fullmatch(w)][:_TELLING]
    if not telling:
        return Encoding("windows-1252")
    others = [w.decode() for w in words if w.isascii() and len(w) > 2][:_OTHERS]
    ranked = []
    for page, languages in _PAGES.items():
        try:
            read = [w.decode(page) for w in telling]
        except UnicodeDecodeError:
            continue
        for language in languages.split():
            score = sum(_likelihood(w, language) for w in read) + sum(
                _likelihood(w, language) for w in others
            )
            ranked.append((score + (_USUAL if page == "windows-1252" else 0.0), page, language))
    # Every page but windows-1252 has gaps; latin-1, which has none, is what remains.
    if not ranked:
        return Encoding("latin-1")
    ranked.sort(key=lambda r: -r[0])
    best, page, language = ranked[0]
    for score, other, _ in ranked[1:]:
        if best - score >= _CLEAR:
            break
        if different := next((w for w in telling if w.decode(page) != w.decode(other)), None):
            doubt = f"{different.decode(page)!r} would be {different.decode(other)!r} in {other}"
            return Encoding(page, language, doubt)
    return Encoding(page, language)


@lru_cache
def _weights(language: str) -> dict[str, float]:
    letters = _LETTERS[language]
    total = sum(1 / (rank + 2) for rank in range(len(letters)))
    return {letter: math.log(1 / (rank + 2) / total) for rank, letter in enumerate(letters)}


def _likelihood(word: str, language: str) -> float:
    """Return the logarithm of how likely a word is in a language."""
    if word.isascii() and language in _OTHER_ALPHABETS:
        return _ASCII * len(word)
    weights, total, before = _weights(language), 0.0, ""
    letters = [place for place, sign in enumerate(word) if sign.isalpha()]
    first, last = (letters[0], letters[-1]) if letters else (len(word), -1)
    for place, sign in enumerate(word):
        if not sign.isalpha():
            total += _ABOUT if sign in _USUAL_SIGNS and not first < place < last else _WITHIN
        elif sign.isupper() and before.islower():
            total += _FOREIGN
        else:
            total += weights.get(sign.lower(), _FOREIGN)
        before = sign
    return total
