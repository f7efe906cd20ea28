import asyncio
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from benchmark.accounts.limits import Limits
from benchmark.clips.decode import read_frames
from benchmark.clips.pace import Pace
from benchmark.endpoint.model import Endpoint as Asked
from benchmark.endpoint.probe import Kind, Probed, Reading, Step, make_steps, probe
from benchmark.endpoint.probe_media import make_clip
from benchmark.errors import RunError
from tests.benchmark.endpoint.servers import (
    A_SECOND,
    CLIP,
    PICTURE,
    TEXT,
    Character,
    completion,
    lengths,
    listing,
    widths,
)
from tests.endpoint import Endpoint, Received, Said

KEY = "sk-very-secret-0123456789"
KINDS: tuple[Kind, ...] = ("one picture", "ten pictures", "picture size", "whole clip", "sound")


@pytest.fixture(scope="module")
def steps() -> tuple[Step, ...]:
    return make_steps(make_clip())


def asked(url: str, model: str = "some-model", **fields: object) -> Asked:
    plain = Asked(
        urls=(url,), key_env=None, model=model, modalities=frozenset({"video"}), parameters={"temperature": 0}
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def probed(endpoint: Endpoint, steps: tuple[Step, ...], character: Character, **fields: object) -> Probed:
    endpoint.reply, endpoint.listing = character, listing("some-model", "other")
    return asyncio.run(probe(asked(endpoint.url, **fields), steps))  # type: ignore[arg-type]


def readings(found: Probed) -> Mapping[Kind, Reading]:
    return {kind: found.reading(kind) for kind in KINDS}


def test_what_is_read_is_known_by_its_tokens(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    found = probed(endpoint, steps, Character())
    assert found.listing.names == ("some-model", "other")
    assert found.seconds > 0
    assert set(readings(found).values()) == {"read"}
    largest = {kind: found.largest(kind) for kind in KINDS}
    assert {kind: step and (step.label, found.beyond_text(step)) for kind, step in largest.items()} == {
        "one picture": ("one picture", PICTURE),
        "ten pictures": ("ten", 10 * PICTURE),
        "picture size": ("2048 pixels", PICTURE),
        "whole clip": ("clip", CLIP),
        "sound": ("60 s", 60 * A_SECOND),
    }
    assert found.steps("text")[0].tokens_in == TEXT
    assert found.fitting == ("video", "audio")


def test_requests_are_what_a_run_sends_and_brief(endpoint: Endpoint, steps: tuple[Step, ...], tmp_path: Path) -> None:
    probed(endpoint, steps, Character())
    assert [widths(received) for received in endpoint.requests[:6]] == [[], [768], [768] * 10, [512], [1024], [2048]]
    assert [lengths(received) for received in endpoint.requests[7:]] == [[5], [30], [60]]
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(steps[6].prompt.video or b"")
    assert endpoint.requests[6].parts("video_url")
    assert list(read_frames(clip, "pyav", Pace())[1].pictures) == [0, 1]
    assert len({received.text for received in endpoint.requests}) == 1, "else the text's own tokens would be compared"
    for received in endpoint.requests:
        assert (received.body["model"], received.body["max_tokens"], received.body["temperature"]) == (
            "some-model",
            8,
            0,
        )


@pytest.mark.parametrize(
    ("character", "unlike", "fitting"),
    [
        (Character(drops=("input_audio",)), {"sound": "ignored"}, ("video",)),
        (Character(drops=("video_url",)), {"whole clip": "ignored"}, ("video", "audio")),
        (
            Character(drops=("image_url",)),
            {"one picture": "ignored", "ten pictures": "ignored", "picture size": "ignored"},
            ("audio",),
        ),
        (Character(pictures=1), {"ten pictures": "as one"}, ("audio",)),
        (Character(refusals={"video_url": Said("no video", 400)}), {"whole clip": "refused"}, ("video", "audio")),
        (Character(refusals={"input_audio": Said("broken", 500)}), {"sound": "unsettled"}, ("video",)),
        (Character(refusals={"input_audio": Said("later", 429)}), {"sound": "unsettled"}, ("video",)),
        (Character(counts=False), dict.fromkeys(KINDS, "uncounted"), ("video", "audio")),
        (Character(text=""), {}, ("video", "audio")),
    ],
)
def test_what_is_not_read_is_told_from_what_is(
    endpoint: Endpoint, steps: tuple[Step, ...], character: Character, unlike: object, fitting: tuple[str, ...]
) -> None:
    assert isinstance(unlike, dict)
    found = probed(endpoint, steps, character)
    assert readings(found) == dict.fromkeys(KINDS, "read") | unlike
    assert found.fitting == fitting


def test_what_marks_the_place_of_a_dropped_picture_is_no_picture(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    endpoint.reply = lambda received: completion(TEXT + 5 * len(received.parts("image_url")))
    found = asyncio.run(probe(asked(endpoint.url), steps))
    assert (found.reading("one picture"), found.reading("ten pictures")) == ("ignored", "ignored")


def test_a_clip_counts_as_pictures_only_where_a_run_sends_clips(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    character = Character(drops=("image_url", "input_audio"))
    assert probed(endpoint, steps, character).fitting == ()
    clips = probed(endpoint, steps, character, modalities=frozenset({"video", "clip"}))
    assert clips.fitting == ("video",)


def test_a_ladder_ends_where_the_server_has_enough(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    wider = Said(raw=json.dumps({"object": "error", "message": "  too\nwide. "}), status=400)
    found = probed(endpoint, steps, Character(longest=1_500_000, wider=wider))
    assert [(step.label, step.accepted, step.status) for step in found.steps("sound")] == [
        ("5 s", True, 200),
        ("30 s", True, 200),
        ("60 s", False, 413),
    ]
    assert found.steps("sound")[2].reason == HTTPStatus(413).phrase, "no page of HTML"
    assert [step.accepted for step in found.steps("picture size")] == [True, True, False]
    assert found.steps("picture size")[2].reason == "too wide"
    assert (found.largest("sound") or found.steps("text")[0]).label == "30 s"
    assert found.reading("sound") == "read"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"error": {"message": "no  video."}}', "no video"),
        ('{"object": "error", "message": "no video"}', "no video"),
        ('{"detail": "no video"}', "no video"),
        ('{"error": "no video"}', "no video"),
        ("no video", "no video"),
        ("<html>no video</html>", "Bad Request"),
        ("", "Bad Request"),
        ('{"error": {"message": "%s"}}' % ("no video " * 99), ("no video " * 99)[:160].rstrip()),
    ],
)
def test_the_server_s_reason_is_found_in_whatever_shape_it_comes(
    endpoint: Endpoint, steps: tuple[Step, ...], body: str, reason: str
) -> None:
    found = probed(endpoint, steps[:1], Character(refusals={"text": Said(raw=body, status=400)}))
    assert found.steps("text")[0].reason == reason


def test_one_broken_answer_ends_nothing_and_nothing_is_asked_twice(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    usual = Character()
    odd = {"image_url": Said(raw="{truncated"), "video_url": Said(raw="[]")}
    endpoint.reply = lambda received: next(
        (said for kind, said in odd.items() if received.parts(kind)), usual(received)
    )
    found = asyncio.run(probe(asked(endpoint.url), steps))
    assert found.steps("one picture")[0].reason == "the reply is no chat completion"
    assert readings(found) == dict.fromkeys(KINDS, "unsettled") | {"sound": "read"}
    assert len(endpoint.requests) == 1 + 1 + 1 + 1 + 1 + 3


def test_an_error_that_comes_with_status_200_is_one(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    said = Said(raw=json.dumps({"error": {"message": "no endpoint takes video"}}))
    found = probed(endpoint, steps, Character(refusals={"video_url": said}))
    assert found.reading("whole clip") == "refused"
    assert found.steps("whole clip")[0].reason == "no endpoint takes video"


def test_a_request_that_is_never_answered_is_left(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    released, usual = threading.Event(), Character()

    def hang_on_pictures(received: Received) -> Said:
        if len(received.parts("image_url")) == 1:
            released.wait(20)
        return usual(received)

    endpoint.reply = hang_on_pictures
    few = tuple(step for step in steps if step.kind in ("text", "one picture", "sound"))
    found = asyncio.run(probe(asked(endpoint.url), few, patience=2))
    released.set()
    assert found.steps("one picture")[0].reason == "no answer within 2 s"
    assert found.reading("sound") == "read"


def test_models_that_think_first_are_told_otherwise_to_be_brief(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    usual, refusal = Character(), Said("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.", 400)
    endpoint.reply = lambda received: refusal if "max_tokens" in received.body else usual(received)
    found = asyncio.run(probe(asked(endpoint.url, parameters={"max_tokens": 5000, "top_p": 0.5}), steps))
    assert found.fitting == ("video", "audio")
    assert ["max_tokens" in received.body for received in endpoint.requests] == [True, *[False] * 10]
    assert endpoint.requests[-1].body["max_completion_tokens"] == 512
    assert {received.body["top_p"] for received in endpoint.requests} == {0.5}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_is_refused_as_such_is_asked_nothing_more(
    endpoint: Endpoint, steps: tuple[Step, ...], status: int
) -> None:
    found = probed(endpoint, steps, Character(refusals={"text": Said("no", status)}))
    assert list(found.found) == ["text"]
    assert found.steps("text")[0].refused
    assert len(endpoint.requests) == 1


def test_a_model_that_wants_to_hear_something_is_still_asked(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    usual, refusal = Character(), Said("this model needs sound", 400)
    endpoint.reply = lambda received: usual(received) if received.parts("input_audio") else refusal
    found = asyncio.run(probe(asked(endpoint.url), steps))
    assert readings(found) == dict.fromkeys(KINDS, "refused") | {"sound": "uncounted"}, "there is nothing to compare"
    assert found.fitting == ("audio",)


def test_the_first_model_of_the_list_is_asked_where_none_is_named(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    found = probed(endpoint, steps[:1], Character(), model="")
    assert (found.model, endpoint.requests[0].body["model"]) == ("some-model", "some-model")
    endpoint.listing = lambda _: Said("nothing here", 404)
    nobody = asyncio.run(probe(asked(endpoint.url, ""), steps))
    assert "lists no model to ask; name one with --model=openai:NAME" in nobody.fault
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "said", [Said("none", 404), Said(raw="<html>"), Said(raw='{"data": 3}'), Said("chat alone", 403)]
)
def test_a_server_without_a_list_is_asked_all_the_same(endpoint: Endpoint, steps: tuple[Step, ...], said: Said) -> None:
    endpoint.reply, endpoint.listing = Character(), lambda _: said
    found = asyncio.run(probe(asked(endpoint.url), steps))
    assert (found.listing.names, found.listing.serves("some-model"), found.fault) == (None, None, "")
    assert found.fitting == ("video", "audio")


def test_googles_names_are_found_in_its_list(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    endpoint.reply, endpoint.listing = Character(), listing("models/gemini", "models/other")
    found = asyncio.run(probe(asked(endpoint.url, "gemini"), steps[:1]))
    assert found.listing.serves("gemini")
    assert not found.listing.serves("gem")


def test_a_dead_endpoint_is_said_to_be(steps: tuple[Step, ...]) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else answers there
        taken.bind(("127.0.0.1", 0))
        url = f"http://somebody:password-0123@127.0.0.1:{taken.getsockname()[1]}/v1?token=secret-0123"
        found = asyncio.run(probe(asked(url), steps))
    assert "cannot be reached" in found.fault
    assert found.found == {}
    assert "0123" not in repr(found)


def test_a_key_is_sent_and_never_shown(
    endpoint: Endpoint, steps: tuple[Step, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def guarded(headers: Mapping[str, str]) -> Said:
        if headers["authorization"] == f"Bearer {KEY}":
            return Said(raw=json.dumps({"data": [{"id": "some-model"}, {"id": f"tuned-{KEY}"}]}))
        return Said(f"Incorrect key: {headers['authorization']}", 401)

    endpoint.listing = guarded
    endpoint.reply = lambda received: Said(f"{received.headers['authorization']} may not", 400)
    monkeypatch.setenv("TEST_KEY", KEY)
    found = asyncio.run(probe(asked(endpoint.url, key_env="TEST_KEY"), steps))
    assert found.listing.names == ("some-model", "tuned-***")
    assert found.steps("text")[0].reason == "Bearer *** may not"
    endpoint.reply = lambda _: Said(f"{KEY[:12]}… is no key", 401)
    elsewhere = asyncio.run(probe(asked(endpoint.url, key_env="TEST_KEY"), steps))
    assert elsewhere.steps("text")[0].reason == "the key is refused"
    endpoint.reply = lambda _: Said(raw=json.dumps({"error": {"code": 401, "message": f"{KEY[:12]}… is no key"}}))
    inside = asyncio.run(probe(asked(endpoint.url, key_env="TEST_KEY"), steps))
    assert inside.steps("text")[0].reason == "the key is refused"
    monkeypatch.setenv("TEST_KEY", wrong := "sk-wrong-9876543210")
    refused = asyncio.run(probe(asked(endpoint.url, key_env="TEST_KEY"), steps))
    assert "refuses the key in TEST_KEY (401)" in refused.fault
    for secret in (KEY, KEY[:12], wrong, wrong[:12]):
        assert secret not in repr((found, elsewhere, inside, refused))
    monkeypatch.delenv("TEST_KEY")
    with pytest.raises(RunError, match="set the environment variable TEST_KEY"):
        asyncio.run(probe(asked(endpoint.url, key_env="TEST_KEY"), steps))


def test_a_run_s_own_limits_play_no_part(endpoint: Endpoint, steps: tuple[Step, ...]) -> None:
    found = probed(endpoint, steps[:1], Character(), limits=Limits(1, timeout=0.001))
    assert found.steps("text")[0].accepted


def test_without_a_clip_nobody_is_asked_for_one(endpoint: Endpoint) -> None:
    found = probed(endpoint, make_steps(None), Character())
    assert found.steps("whole clip") == ()
    assert found.reading("whole clip") == "unsettled"
    assert not any(received.parts("video_url") for received in endpoint.requests)
