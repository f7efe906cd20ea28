"""Replies of all shapes: words, thoughts, endings, refusals, tokens; and whatever else a server may send."""

import json
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.endpoint.reply import (
    EmptyReply,
    ErrorInside,
    GivenUp,
    NoCompletion,
    Withheld,
    billed_of,
    parse_object,
    parse_reply,
    usage_of,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "text",
                    "type",
                    "error",
                    "code",
                    "finish_reason",
                    "reasoning",
                    "usage",
                    "refusal",
                    "reasoning_content",
                    "status",
                    "prompt_tokens",
                    "completion_tokens",
                    "total_tokens",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def reply(content: object, reason: object = "stop", **more: object) -> dict[str, Any]:
    return {"choices": [{"finish_reason": reason, "message": {"role": "assistant", "content": content, **more}}]}


@pytest.mark.parametrize(
    ("content", "more", "text", "thoughts"),
    [
        ("anger", {}, "anger", None),
        ([{"type": "text", "text": "ang"}, {"type": "text", "text": "er"}], {}, "anger", None),
        ([{"type": "output_text", "text": "anger"}], {}, "anger", None),
        (["ang", "er"], {}, "anger", None),
        ({"type": "text", "text": "anger"}, {}, "anger", None),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"text": "anger"}], {}, "anger", "hm"),
        ([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "anger"}], {}, "anger", "hm"),
        ("anger", {"reasoning_content": "hm"}, "anger", "hm"),
        ("anger", {"reasoning": "hm"}, "anger", "hm"),
        ("anger", {"reasoning": "hm", "reasoning_content": "hm"}, "anger", "hm"),
        ("anger", {"thinking": "hm"}, "anger", "hm"),
        ("anger", {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}, "anger", "hm"),
        ("anger", {"reasoning_content": None, "reasoning": ""}, "anger", None),
        (None, {"reasoning_content": "hm"}, "", "hm"),
    ],
)
def test_words_and_thoughts_are_found_wherever_they_stand(
    content: object, more: dict[str, object], text: str, thoughts: str | None
) -> None:
    found = parse_reply(reply(content, **more))

    assert (found.text, found.thoughts) == (text, thoughts)


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        ("stop", "whole"),
        ("end_turn", "whole"),
        ("length", "cut off"),
        ("MAX_TOKENS", "cut off"),
        ("content_filter", "filtered"),
        ("SAFETY", "filtered"),
        (None, None),
        ("tool_calls", None),
        (17, None),
        ("model_context_window_exceeded", "cut off"),
        ("FINISH_REASON_MAX_TOKENS", "cut off"),
        ("token_limit", "cut off"),
        ({"type": "length"}, "cut off"),
        ("content-filter", "filtered"),
        ("refusal", "whole"),
    ],
)
def test_how_it_ended_is_known_or_unknown(reason: object, ending: str | None) -> None:
    assert parse_reply(reply("anger", reason)).ending == ending


def test_where_the_reason_is_told_elsewhere_it_is_read() -> None:
    choice = {"finish_reason": None, "native_finish_reason": "MAX_TOKENS", "message": {"content": "ang"}}
    assert parse_reply({"choices": [choice]}).ending == "cut off"
    assert parse_reply(reply("I can't.", "refusal")).refusal is True


@pytest.mark.parametrize("choice", [{"text": "anger"}, {"delta": {"content": "anger"}}])
def test_other_protocols_words_are_found(choice: dict[str, object]) -> None:
    assert parse_reply({"choices": [choice | {"finish_reason": "stop"}]}).text == "anger"


@pytest.mark.parametrize(
    "reason",
    [
        "abort",
        "error",
        "insufficient_system_resource",
        "Cancelled",
        "network_error",
        "server_error",
        "overloaded",
        "timed_out_failed",
    ],
)
def test_what_the_server_gave_up_is_no_reply(reason: str) -> None:
    with pytest.raises(GivenUp, match=reason.lower()):
        parse_reply(reply("The brows are dra", reason))


@pytest.mark.parametrize(
    ("content", "more", "text", "refusal"),
    [
        (None, {"refusal": "I can't."}, "I can't.", True),
        ([{"type": "refusal", "refusal": "I can't."}], {}, "I can't.", True),
        ("anger", {"refusal": None}, "anger", False),
        ("anger", {}, "anger", None),
    ],
)
def test_a_refusal_is_marked_not_marked_or_unknown(
    content: object,
    more: dict[str, object],
    text: str,
    refusal: bool | None,  # noqa: FBT001  parametrized
) -> None:
    found = parse_reply(reply(content, **more))

    assert (found.text, found.refusal) == (text, refusal)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"error": {"code": 502, "message": "Provider returned error"}}, 502),
        ({"error": {"code": "429", "message": "later"}, "choices": None}, 429),
        ({"error": "overloaded"}, None),
        (
            {
                "choices": [
                    {"error": {"code": 503, "message": "x"}, "finish_reason": "error", "message": {"content": ""}}
                ]
            },
            503,
        ),
        ({"error": {"error": {"status": 500}}}, 500),
        ({"choices": None}, None),
        ({"choices": []}, None),
        ({"choices": [None]}, None),
        ({}, None),
        ({"code": "InvalidParameter", "message": "no such voice"}, None),
    ],
)
def test_an_error_inside_is_the_status_that_it_names(told: dict[str, Any], status: int | None) -> None:
    with pytest.raises(ErrorInside) as caught:
        parse_reply(told)
    assert caught.value.status == status


def test_nothing_said_is_told_from_nothing_to_be_said() -> None:
    with pytest.raises(EmptyReply, match="stop"):
        parse_reply(reply("  "))
    with pytest.raises(Withheld, match="raise max_tokens"):
        parse_reply(reply(None, "length"))
    with pytest.raises(Withheld, match="filter withheld it"):
        parse_reply(reply("", "content_filter"))


@given(st.dictionaries(st.sampled_from(["choices", "error", "usage", "model"]), JSON, max_size=4))
def test_any_object_is_a_reply_or_a_failure_that_is_known(told: dict[str, Any]) -> None:
    try:
        found = parse_reply(told)
    except (ErrorInside, GivenUp, EmptyReply, Withheld):
        pass
    else:
        assert found.text.strip() or found.thoughts
    usage = usage_of(told)
    assert all(count is None or count >= 0 for count in (usage.input_tokens, usage.output_tokens, usage.cached_tokens))
    assert billed_of(told) is None or billed_of(told) >= 0  # type: ignore[operator]


def sent(body: str | bytes, kind: str = "application/json") -> httpx2.Response:
    return httpx2.Response(200, headers={"Content-Type": kind}, content=body)


@pytest.mark.parametrize("kind", ["text/html", "text/event-stream", ""])
def test_json_is_json_whatever_it_is_called(kind: str) -> None:
    assert parse_object(sent('{"choices": []}', kind)) == {"choices": []}


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ('data: {"choices": []}\n\ndata: [DONE]\n\n', "text/event-stream", "an event stream"),
        ('data: {"choices": []}\n\n', "application/json", "an event stream"),
        ("<!DOCTYPE html><html></html>", "application/json", "a web page"),
        ("<p>hello</p>", "text/html; charset=utf-8", "a web page"),
        (": OPENROUTER PROCESSING\n\n{}", "application/json", "an event stream"),
        ("id: 1\ndata: {}\n\n", "application/json", "an event stream"),
    ],
)
def test_what_is_no_json_is_called_what_it_is(body: str, kind: str, told: str) -> None:
    with pytest.raises(NoCompletion, match=told):
        parse_object(sent(body, kind))


@pytest.mark.parametrize("body", ["{", "", "[]", "3", "[" * 100_000])
def test_what_is_no_object_has_broken_off(body: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_object(sent(body))


@given(st.binary(max_size=60) | JSON.map(lambda told: json.dumps(told).encode()))
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(parse_object(sent(body)), dict)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 900, "completion_tokens": 60, "total_tokens": 960}, (900, 60, None)),
        # thoughts in the total alone, as Google's OpenAI-compatible endpoint has them
        ({"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 3000}, (900, 2100, 2080)),
        # among the completion's, as OpenAI counts
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 70,
                "total_tokens": 79,
                "completion_tokens_details": {"reasoning_tokens": 60},
            },
            (9, 70, 60),
        ),
        # beside them, with and without a total
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 10,
                "total_tokens": 79,
                "completion_tokens_details": {"reasoning_tokens": 60},
            },
            (9, 70, 60),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 10, "completion_tokens_details": {"reasoning_tokens": 60}},
            (9, 70, 60),
        ),
        ({"input_tokens": 9, "output_tokens": 10, "output_tokens_details": {"reasoning_tokens": 0}}, (9, 10, 0)),
        ({"prompt_tokens": 9, "completion_tokens": 10, "total_tokens": 3}, (9, 10, None)),
        ({"prompt_tokens": 9}, (9, None, None)),
        ({"prompt_tokens": 9.0, "completion_tokens": True}, (9, None, None)),
        ({"prompt_tokens": -9, "completion_tokens": "10"}, (None, None, None)),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, (None, None, None)),
        ({"prompt_tokens": 10**400, "completion_tokens": 1e308}, (None, None, None)),
        ({}, (None, None, None)),
        (None, (None, None, None)),
        ([], (None, None, None)),
    ],
)
def test_thoughts_are_output_wherever_they_are_counted(
    usage: object, expected: tuple[int | None, int | None, int | None]
) -> None:
    counted = usage_of({"usage": usage})

    assert (counted.input_tokens, counted.output_tokens, counted.thought_tokens) == expected


def test_the_input_s_parts_are_known_zero_or_unknown() -> None:
    details = {"cached_tokens": 0, "audio_tokens": 300}
    counted = usage_of({"usage": {"prompt_tokens": 900, "prompt_tokens_details": details}})
    assert (counted.cached_tokens, counted.audio_tokens) == (0, 300)
    assert usage_of({"usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}}).cached_tokens == 4
    assert usage_of({"usage": {"prompt_tokens": 9}}).cached_tokens is None


def test_a_bill_in_the_reply_is_read() -> None:
    assert billed_of({"usage": {"cost": 0.0125}}) == 0.0125
    assert billed_of({"usage": {"cost": "0.0125"}}) is None
    assert billed_of({"usage": {"cost": True}}) is None
