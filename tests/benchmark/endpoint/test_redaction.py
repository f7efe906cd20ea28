"""What is secret, taken out of texts however it is spelt, and out of what libraries log."""

import base64
import html
import json
import logging
from urllib.parse import quote, quote_plus

import httpcore2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.endpoint.redaction import (
    MASK,
    Redactor,
    head_of,
    is_secret,
    keep_out_of_logs,
    masked,
    redacted,
    secrets_in,
)
from benchmark.endpoint.urls import Url, basic_of, passwords_of, route_of, signature, values_of

SECRET = 'sk-Äb"c<d>&/+x 0123\\z'


def spellings(secret: str) -> dict[str, str]:
    """A secret as servers, proxies and libraries write it."""
    raw = secret.encode()
    return {
        "plain": secret,
        "in a URL": quote(secret),
        "all in a URL": quote(secret, safe=""),
        "in a form": quote_plus(secret),
        "in a URL, in small letters": quote(secret, safe="").replace("%2B", "%2b").replace("%5C", "%5c"),
        "twice in a URL": quote(quote(secret)),
        "in JSON": json.dumps(secret)[1:-1],
        "in JSON as it is": json.dumps(secret, ensure_ascii=False)[1:-1],
        "in JSON in JSON": json.dumps(json.dumps(secret)),
        "in Python": repr(secret),
        "in HTML": html.escape(secret),
        "in HTML by numbers": "".join(f"&#{ord(sign)};" for sign in secret),
        "in HTML by hexadecimal numbers": "".join(f"&#x{ord(sign):X};" for sign in secret),
        "in JSON in HTML": html.escape(json.dumps(secret)),
        "in hexadecimal": raw.hex(),
        "in large hexadecimal": raw.hex().upper(),
        "in small letters": secret.lower(),
        "in capitals": secret.upper(),
    }


@pytest.mark.parametrize("spelt", spellings(SECRET).values(), ids=spellings(SECRET).keys())
def test_a_secret_is_masked_however_it_is_spelt(spelt: str) -> None:
    told = Redactor([SECRET])(f"The key is {spelt}, see above.")
    assert MASK in told
    assert not any(one in told for one in spellings(SECRET).values())


@given(st.binary(max_size=7), st.binary(max_size=7), st.booleans())
def test_a_secret_within_base64_is_masked_wherever_it_stands(before: bytes, after: bytes, urlsafe: bool) -> None:  # noqa: FBT001
    secret = "hunter2-\u00fc?>~-0123"
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    for padding in ("=", ""):
        told = Redactor([secret])(encode(before + secret.encode() + after).decode().rstrip("=" if not padding else ""))
        assert MASK in told
        assert len(max(told.split(MASK), key=len)) <= 4 * len(before + after) // 3 + 6, "no more than what is beside it"


@given(st.text())
def test_a_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert Redactor(["sk-very-secret-0123456789"])(text) == text


def test_a_short_password_is_a_word_and_a_shorter_one_is_none() -> None:
    redact = Redactor(["happy", "calm", "sad"])
    assert redact("happy, unhappy, calm, calmer and sad") == "***, unhappy, ***, calmer and sad"


def test_from_eight_signs_on_a_secret_is_one_within_a_word_too() -> None:
    redact = Redactor(["seven-7", "eight-88"])
    assert redact("seven-7 xseven-7x eight-88 xeight-88x") == "*** xseven-7x *** x***x"


@pytest.mark.parametrize("longer", ["b-0123456789-more", "a-b-0123456789"])
def test_a_secret_that_is_part_of_another_does_not_hide_it(longer: str) -> None:
    for secrets in (["b-0123456789", longer], [longer, "b-0123456789"]):
        assert Redactor(secrets)(f"{longer} b-0123456789") == "*** ***"


def test_a_secret_of_broken_signs_is_masked_too() -> None:
    assert Redactor(["abc\ud800-0123456"])("It is abc\ud800-0123456.") == "It is ***."


def test_the_head_of_a_long_text_ends_before_what_may_be_half_a_secret() -> None:
    redact, most, left = Redactor([SECRET]), 16_384, 12_288
    assert head_of("x" * most, redact) == "x" * most
    assert head_of("x" * (most + 1), redact) == "x" * left
    assert head_of("x" * (most - 5) + SECRET, redact) == "x" * left
    assert head_of(SECRET, redact) == MASK


@pytest.mark.parametrize("text", ["%5c " * 10**5, "\\" * 10**6, "&#" * 10**6, "<title" * 10**5])
def test_what_is_full_of_escapes_takes_no_longer_than_it_is_long(text: str) -> None:
    assert Redactor([SECRET])(text) == text


def test_a_url_s_secrets_are_those_that_open_doors() -> None:
    url = "https://user:p%40ss-word@host/v1?api-version=2024-08-06&key=abc%2Fdef-01"
    assert passwords_of(url) == ("user:p@ss-word", "p@ss-word")
    assert values_of(url) == ("abc/def-01",), "a date stands in names of models, too"
    assert basic_of(url) == "Basic " + base64.b64encode(b"user:p@ss-word").decode()
    assert (passwords_of("http://token-01@host"), basic_of("http://host/v1?a=b")) == ((("token-01:"), "token-01"), None)
    assert repr(Url(url)) == "'https://host/v1'"


def test_what_tells_routes_apart_is_user_and_query_and_no_password() -> None:
    plain = "http://host/v1"
    assert route_of(plain) is None
    others = [f"{plain}?d=old", f"{plain}?d=new", f"{plain}?d=", f"{plain}?d=old&d=new", "http://me@host/v1"]
    assert len({route_of(url) for url in others}) == len(others)
    assert route_of("http://me:one@host/v1") == route_of("http://me:other@host/v1")
    assert route_of(f"{plain}?a=1&b=2") == route_of(f"{plain}?b=2&a=1")


SECRET_NAMES = (
    "api_key apiKey clientSecret hfToken openaiApiKey api_keys token X-Goog-Api-Key Ocp-Apim-Subscription-Key my_key"
    " Authorization APIKEY max_user_token"
)
PLAIN_NAMES = "eos_token stopToken pad_token prompt_cache_key monkey keyboard max_tokens"


def test_a_name_says_whether_its_value_is_a_secret() -> None:
    assert [name for name in SECRET_NAMES.split() if not is_secret(name, "value")] == []
    assert [name for name in PLAIN_NAMES.split() if is_secret(name, "value")] == []
    assert not is_secret("api_key", 5)
    assert masked({"api_keys": ["a", "b"]}, lambda _: MASK) == {"api_keys": [MASK, MASK]}
    assert [*secrets_in({"api_keys": ["first", "Bearer second"]})] == ["first", "Bearer second", "second"]
    assert not is_secret("", "value")


def test_parameters_are_told_without_what_is_secret_in_them() -> None:
    given = {
        "max_tokens": 5,
        "api_key": "abc",
        "stop": ["key"],
        "extra": {"headers": [{"Authorization": "Bearer sk-0123456789"}, {"X-Api-Key": "one"}]},
        "tokenizer": "mine",
    }
    assert list(secrets_in(given)) == ["abc", "Bearer sk-0123456789", "sk-0123456789", "one"]
    assert redacted(given) == given | {
        "api_key": MASK, "extra": {"headers": [{"Authorization": MASK}, {"X-Api-Key": MASK}]}
    }  # fmt: skip
    assert masked(given)["api_key"] == f"{MASK} {signature('abc')}", "another key is another identity"
    assert masked({"temperature": 0}) == {"temperature": 0}


def test_libraries_log_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    assert {httpcore2.__name__, openai.__name__} == {"httpcore2", "openai"}, "their loggers are there"
    logging.getLogger("openai.lib.deep.down")
    keep_out_of_logs(Redactor([SECRET]))
    caplog.set_level(logging.DEBUG)
    for name in ("httpx2", "httpcore2.http11", "openai._base_client"):
        logging.getLogger(name).info("HTTP Request: %s %s", "GET", f"http://host/?key={quote(SECRET)}")
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger(name).exception("%s", {"headers": [SECRET]})
    assert caplog.text.count(MASK) == 9
    assert SECRET not in caplog.text
    assert quote(SECRET) not in caplog.text
    caplog.clear()
    logging.getLogger("openai.lib.deep.down").info(SECRET)
    logging.getLogger("openai._base_client").error("%s", SECRET, exc_info=(None, None, None))
    assert caplog.messages == [MASK, MASK]
    logging.getLogger("a.user.s.own").info("as it is: %s", SECRET)
    assert caplog.messages[-1] == f"as it is: {SECRET}"
