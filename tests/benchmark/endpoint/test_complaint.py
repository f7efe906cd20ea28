"""What servers say where they do not answer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.endpoint.complaint import LONGEST, parse_complaint
from tests.benchmark.endpoint.test_reply import JSON

RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}
QUOTA = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "50"}],
}
OPENROUTER = {"error": {"code": 429, "message": "Provider returned error", "metadata": {"raw": '{"detail": "busy"}'}}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "too long", "type": "invalid_request_error"}}, "too long"),
        (
            {"error": "the model is loaded with a context length of only 4096 tokens"},
            "the model is loaded with a context",
        ),
        ({"detail": "Not Found"}, "Not Found"),
        ({"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]}, "body.messages: Field required"),
        ({"message": "no", "error": None}, "no"),
        ({"error_msg": "no"}, "no"),
        ([{"error": {"code": 400, "message": "API key not valid"}}], "API key not valid"),
        ({"errors": ["one", "two"]}, "one; two"),
        (OPENROUTER, "Provider returned error: busy"),
        ("<html><head><title>502 Bad Gateway</title></head></html>", "a web page, “502 Bad Gateway”"),
        ("<html><h1>\x1b[31mred\nhot</h1></html>", "a web page, “[31mred hot”"),
        ("<html></html>", ""),
        ("upstream connect error", "upstream connect error"),
        ("", ""),
        (None, ""),
        ({}, ""),
    ],
)
def test_words_are_found_in_bodies_of_every_shape(body: object, words: str) -> None:
    for told in (body, body if isinstance(body, str) else json.dumps(body)):
        said = parse_complaint(told).words if told != "null" else ""
        assert said.startswith(words)
        assert bool(said) == bool(words)


@given(JSON | st.text())
def test_of_any_body_little_is_quoted_and_nothing_that_steers_a_terminal(body: object) -> None:
    for told in (body, json.dumps(body)):
        words = parse_complaint(told).words
        assert len(words) <= LONGEST
        assert words.isprintable()


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": {"code": 429, "message": "quota", "details": [RETRY_INFO]}}, 2.0),
        ({"error": {"details": [{"retryDelay": {"seconds": 33, "nanos": 5}}]}}, 33.0),
        ([{"error": {"details": [{"retryDelay": "0.5s"}]}}], 0.5),
        ({"retry_after": 1.5}, 1.5),
        ({"error": {"message": "Rate limit reached for gpt-4o. Please try again in 20s. Visit us."}}, 20.0),
        ({"error": {"message": "Please try again in 6m0s."}}, 360.0),
        ({"error": {"message": "Please retry in 33.2s."}}, 33.2),
        ({"error": {"message": "retry after 250ms"}}, 0.25),
        ({"error": {"message": "Try again in 2 minutes"}}, 120.0),
        ({"error": {"metadata": {"raw": '{"error": {"details": [{"retryDelay": "7s"}]}}'}}}, 7.0),
        ({"error": {"message": "later"}}, None),
        ({"retry_after": "soon"}, None),
        ({"retryDelay": True}, None),
    ],
)
def test_pauses_in_the_body_are_read(body: object, seconds: float | None) -> None:
    assert parse_complaint(body).pause == seconds


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"type": "insufficient_quota", "message": "You exceeded your current quota"}},
        {"error": {"code": "insufficient_quota"}},
        {"error": {"type": "exceeded_current_quota_error", "message": "Your account is suspended"}},
        {
            "error": {
                "message": "Budget has been exceeded! Current cost: 1.5, Max budget: 1.0",
                "type": "budget_exceeded",
            }
        },
        {"error": {"message": "You exceeded your current quota", "details": [QUOTA, RETRY_INFO]}},
        {"error": {"message": "Rate limit reached on requests per day (RPD): Limit 200, Used 200"}},
        {"error": "Your credit balance is too low to access the API"},
        {"message": "insufficient balance"},
        {"message": "You have reached your monthly usage limit"},
        {"code": "30001", "message": "Sorry, your account balance is insufficient"},
        {"message": "The free tier of the model has been exhausted."},
    ],
)
def test_what_is_used_up_for_long_is_told_from_what_heals(body: object) -> None:
    assert parse_complaint(body).spent


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "You exceeded your current quota, please check your plan", "details": [RETRY_INFO]}},
        {"error": {"message": "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000"}},
        {"error": {"message": "busy", "type": "rate_limit_error"}},
    ],
)
def test_a_minute_s_quota_heals(body: object) -> None:
    assert not parse_complaint(body).spent


def test_a_request_that_is_larger_than_any_may_be_is_known() -> None:
    words = "Request too large (TPM): Limit 30000, Requested 32000. The input tokens must be reduced in order to run."
    assert parse_complaint({"error": {"message": words}}).too_large


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (
            {"error": {"message": "Unsupported value", "param": "temperature", "code": "unsupported_value"}},
            "temperature",
        ),
        (
            {
                "error": {
                    "message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.",
                    "param": "max_tokens",
                }
            },
            "max_tokens",
        ),
        ({"error": {"message": "`temperature` is deprecated for this model."}}, "temperature"),
        ({"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted"}]}, "temperature"),
        (
            {"error": {"message": "litellm.UnsupportedParamsError: x does not support parameters: ['temperature']"}},
            "temperature",
        ),
        ({"error": {"message": 'Unknown name "seed": Cannot find field.'}}, "seed"),
        ({"error": {"message": "Unsupported content", "param": "messages[0].content"}}, None),
        ({"error": {"message": "temperature must be at most 1"}}, None),
        ({"error": {"message": "invalid temperature: only 0.6 is allowed for this model"}}, "temperature"),
        ({"error": {"message": "`temperature` may only be set to 1 when thinking is enabled."}}, "temperature"),
        ({"error": {"message": "temperature must be 1 for this model"}}, "temperature"),
        ({"error": {"message": "参数 temperature 不支持"}}, "temperature"),
        ({"error": {"message": "Not supported", "param": "generation_config.temperature"}}, "temperature"),
        ({"error": {"message": "Unsupported parameter: maxTokens. Use max_completion_tokens."}}, "max_tokens"),
        ({"error": {"message": "top_k is not supported"}}, None),
        (
            {
                "error": {
                    "message": "This model's maximum context length is 4096 tokens, you asked for max_tokens 5000."
                }
            },
            None,
        ),
        ({"error": "no"}, None),
    ],
)
def test_a_parameter_that_is_refused_is_named_if_it_was_sent(body: object, name: str | None) -> None:
    assert parse_complaint(body).refused(["temperature", "max_tokens", "seed", "stream"]) == name
