"""What characters look like, or become when a text is normalised, so that nothing can be disguised as something else.

"".join(map(look, pieces_of("＜ѕte\u200bр＞ &lt;step&gt;")))    "<step> <step>"
spelt_out("j\u200bоy, 愤怒")                                    "joy, 愤怒"
"""

import html
import re
import sys
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

OPENS, CLOSES = "\x01", "\x02"
"""What `look` returns for brackets that look like `<` and `>`, but that no normalisation turns into these."""

_ALIKE = {
    OPENS: "‹«〈⟨《⟪˂ᐸ❮❰❬⧼⦑⊲◁◀≪≺⋖ᚲ𝈶𖼿",
    CLOSES: "›»〉⟩》⟫˃ᐳ❯❱❭⧽⦒⊳▷▶≫≻⋗",
    "/": "∕⁄⧸╱⟋",
    "|": "ǀ∣│❘⏐",
    "=": "═⹀꓿゠᐀",
    "a": "аαɑᎪꓮⲁ⍺ᗅ𐊠",
    "b": "вβᏴꓐ",
    "c": "сᏟꓚⲥᑕϲϹ𐐽𐐕𐊢𐌂",
    "d": "ԁᎠꓓ",
    "e": "еεєꓰᎬⲉ℮ꬲҽ⋿ⴹ𐊆",
    "f": "ꓝ",
    "g": "ցᏀꓖ",
    "h": "һнհᎻꓧ",
    "i": "іιᎥꓲ",
    "j": "јᎫꓙ",
    "k": "кκᏦꓗ",
    "l": "ӏꓡᏞ",
    "m": "мᎷꓟ",
    "n": "ηνոռꓠⲛп𐔓",
    "o": "оοσօꓳⲟჿסഠဝ〇ᴑꬽ𐓪",
    "p": "рρᏢꓑⲣ⍴ϱᑭ𐊕",
    "q": "ԛգ",
    "r": "гᏒᎡꓣᴦⲅꭇꭈƦʀᖇ",
    "s": "ѕտᏚꓢƽ𐑈𑣁Ꮥ𐊖𐐠",
    "t": "тτᎢꓔⲧ⊤⟙𐊗𐊱𐌕𑢼",
    "u": "υսꓴ",
    "v": "ѵᏙꓦ",
    "w": "ԝωᏔꓪ",
    "x": "хχꓫ",
    "y": "уγꓬ",
    "z": "ζᏃꓜ",
}
_LOOKS = {sign: plain for plain, signs in _ALIKE.items() for sign in signs}
# for words: the lookalikes of each letter's own case, since the Cyrillic "по" does not look like "no"
_TWINS = str.maketrans(
    "аɑсԁеһіјӏоοօрԛѕսѵνԝхуАВЕЅІЈКМНОРСТХУΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aacdehijlooopqsuvvwxyABESIJKMHOPCTXYABEZHIKMNOPTYX"
)
_LATIN = re.compile(
    r"(?:(?:REGIONAL INDICATOR SYMBOL|NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL) LETTER"
    r"|LATIN (?:(?:SMALL|CAPITAL|LETTER|OPEN|DOTLESS) )+) ?([A-Z])\b"
)
_FILLERS = frozenset("\u115f\u1160\u3164\u2800")
_LINE_ENDS = frozenset("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]")
# `&lt;`, `&amp;#60;`, `&#x3c`; `\u003c`, `\x3c`; `%3C`, `%253C`, `%EF%BC%9C`
_ESCAPED = re.compile(
    r"&(?:amp;|\#38;|\#x26;)*+(?P<entity>\#[0-9]{1,8}|\#x[0-9a-f]{1,8}|[a-z][a-z0-9]{1,30}+);?"
    r"|\\(?:u\{(?P<long>[0-9a-f]{1,6})\}|u(?P<unit>[0-9a-f]{4})|x(?P<byte>[0-9a-f]{2}))"
    r"|(?P<url>(?:%(?:25)*+[0-9a-f]{2})+)",
    re.IGNORECASE | re.VERBOSE,
)


class _Spelling(dict[int, str]):
    """How each character is spelt out, computed once."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        if unicodedata.category(sign) in {"Cf", "Co", "Cn"} or sign in _FILLERS or _ACCENTS.match(sign):
            self[code] = ""
        else:
            plain = unicodedata.normalize("NFKC", _ACCENTS.sub("", unicodedata.normalize("NFKD", sign)))
            self[code] = "".join((_named(part) if part.isalpha() else None) or part for part in plain.translate(_TWINS))
        return self[code]


_SPELLING = _Spelling()


def is_plain(text: str) -> bool:
    """Whether each character looks like what it is: all are ASCII, and none is escaped."""
    return text.isascii() and _ESCAPED.search(text) is None


def pieces_of(text: str) -> list[str]:
    """The characters of the text in order; an escape of HTML, JSON or a URL is one piece."""
    pieces: list[str] = []
    at = 0
    for escape in _ESCAPED.finditer(text):
        pieces += [*text[at : escape.start()], escape[0]]
        at = escape.end()
    return [*pieces, *text[at:]]


@lru_cache(2**16)
def look(piece: str) -> str:
    """The piece after the strongest normalisation: lower-case letters without marks, and nothing if it is invisible."""
    if len(piece) > 1:
        return "".join(map(look, _meaning(piece)))
    if piece.isascii() and piece.isprintable():
        return piece.lower()
    if alike := _LOOKS.get(piece):
        return alike
    plain, before = piece, ""
    while plain != before:
        plain, before = unicodedata.normalize("NFKD", plain).casefold(), plain
    return "".join(map(_look_of_part, plain))


def _meaning(written: str) -> str:
    """The text that an escape stands for."""
    escape = _ESCAPED.fullmatch(written)
    assert escape, "pieces are characters or escapes"
    if entity := escape["entity"]:
        return html.unescape(f"&{entity};")
    if url := escape["url"]:
        return unquote(re.sub("%(?:25)+", "%", url), errors="replace")
    code = int(escape["long"] or escape["unit"] or escape["byte"], 16)
    return chr(code) if code <= sys.maxunicode else ""


def _look_of_part(sign: str) -> str:
    if sign.isspace():
        return "\n" if sign in _LINE_ENDS else " "
    if unicodedata.category(sign)[0] in "CM" or sign in _FILLERS:
        return ""
    if sign.isascii():
        return sign
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    return _LOOKS.get(sign) or _named(sign) or sign


def _named(sign: str) -> str | None:
    """The letter from a to z that is in the Unicode name of a character such as ø, ꜱ or 🅂."""
    found = _LATIN.match(unicodedata.name(sign, ""))
    return found[1].lower() if found else None


def spelt_out(text: str) -> str:
    """The text for finding words in it: without accents and invisible characters, lookalikes replaced by what they are.

    Both sides of a comparison must be spelt out. Marks of other scripts stay, since they are part of their words.
    """
    return text if text.isascii() else text.translate(_SPELLING)
