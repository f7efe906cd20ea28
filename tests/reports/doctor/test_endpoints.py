import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path

from benchmark.accounts.catalogue import read_catalogue
from benchmark.clips.frames import Taken
from benchmark.endpoint.probe_media import make_clip
from benchmark.errors import EmotionError, RunError
from benchmark.local.devices import Device
from reports.commands.commands import parser
from reports.commands.doctor import examine
from reports.doctor.endpoints import WIDTH, Finding, lines_of
from reports.doctor.machine import SUITE, Machine, clip_for_all, machine_findings
from reports.say import tell
from tests.benchmark.endpoint.servers import Character, listing
from tests.endpoint import Endpoint, Received, Said

KEY = "sk-very-secret-0123456789"
MODEL = "--model=openai:some-model"
BARE = Machine(gpus=lambda: ())


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without keys and data; GPUs are looked for in tests/benchmark/local/test_devices.py."""
    for provider in read_catalogue().providers.values():
        if provider.key:
            monkeypatch.delenv(provider.key, raising=False)
    monkeypatch.delenv("MME_EMOTION_DATA", raising=False)


def main(arguments: Sequence[str]) -> int:
    """As the command line runs the doctor, on a machine without GPU."""
    try:
        return examine(parser().parse_args(arguments), BARE)
    except EmotionError as error:
        tell(str(error))
        return 2


@pytest.fixture
def other() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.close()


def doctor(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    """Exit code, and what is printed, with each line's gaps as one blank."""
    code = main(["doctor", *options])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    return code, "\n".join(" ".join(line.split()) for line in lines)


def examined(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    code = main(["doctor", "--json", *options])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["ok"] == (code == 0)
    return code, told


def states(one: Mapping[str, Any]) -> dict[str, str]:
    return {finding["name"]: finding["state"] for finding in one["findings"]}


def test_the_machine_alone_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = doctor(capsys)
    assert code == 0
    assert "PyAV ok" in told
    assert "encodes and decodes" in told
    assert "GPU missing torch sees none" in told
    assert "not set: runs use --data=DIR, else the demo" in told
    assert "GB free at" in told
    assert "http://" not in told


def test_all_that_an_endpoint_takes_is_on_one_screen(capsys: pytest.CaptureFixture[str], endpoint: Endpoint) -> None:
    endpoint.reply, endpoint.listing = Character(hears=30), listing("some-model", "other")
    options = (MODEL, f"--base-url={endpoint.url}", "--modalities=video,audio", "--price=some-model=1/0")
    code, told = doctor(capsys, *options)
    assert code == 0
    assert f"\n\n{endpoint.url}, some-model\nreached ok in " in told
    assert "\nmodel ok some-model, one of 2 that it lists\n" in told
    assert "\ntext ok accepted, 17 tokens\n" in told
    assert "\nten pictures ok accepted, 1,000 tokens more than text alone\n" in told
    assert "\nwhole clip ok accepted, 400 tokens more than text alone\n" in told
    assert "\nsound ok up to 60 s: accepted, 750 tokens more than text alone; no more than for 30 s\n" in told
    assert "\nmodalities ok --modalities=video,audio works\n" in told
    assert "\nspent ok 10 requests, 3,595 tokens in and 20 out, 0.0036 USD" in told
    assert len(told.splitlines()) < 40


def test_sound_that_is_dropped_in_silence_is_found_out(capsys: pytest.CaptureFixture[str], endpoint: Endpoint) -> None:
    endpoint.reply = Character(drops=("input_audio",))
    code, told = doctor(capsys, MODEL, f"--base-url={endpoint.url}")
    assert code == 0, "nobody has asked for sound"
    assert "\nsound missing accepted but ignored: the server counts no more tokens than for text alone\n" in told
    assert "\nmodalities ok --modalities=video works\n" in told
    code, told = doctor(capsys, MODEL, f"--base-url={endpoint.url}", "--modalities=video,audio")
    assert code == 1
    assert "\nsound problem accepted but ignored" in told
    assert "modalities problem --modalities=video works; a run with these options also sends sound" in told


def test_what_a_server_refuses_is_told_in_its_own_words(capsys: pytest.CaptureFixture[str], endpoint: Endpoint) -> None:
    refusals = {"video_url": Said("video is \x1b[31mnot supported here", 400)}
    endpoint.reply = Character(longest=1_500_000, refusals=refusals)
    assert main(["doctor", MODEL, f"--base-url={endpoint.url}"]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    told = " ".join(printed.split())
    assert "whole clip missing refused (400: video is [31mnot supported here)" in told
    refused = f"60 s: refused (413: {HTTPStatus(413).phrase}"  # Python 3.13 has another phrase for it than 3.12
    assert f"sound ok up to 30 s: accepted, 750 tokens more than text alone; {refused}" in told
    assert "--modalities=video,audio works; without it a run sends no sound" in told


def test_a_model_without_eyes_is_no_model_for_pictures(capsys: pytest.CaptureFixture[str], endpoint: Endpoint) -> None:
    endpoint.reply = Character(refusals={"image_url": Said("cannot see", 400), "input_audio": Said("no", 400)})
    code, told = doctor(capsys, MODEL, f"--base-url={endpoint.url}")
    assert code == 1
    assert "\none picture problem refused (400: cannot see)\n" in told
    assert "neither pictures nor sound can be sent: choose another model or server" in told


@pytest.mark.parametrize(
    ("status", "told"),
    [(429, "busy (429: not now); try again"), (500, "the server failed (500: not now); see its log")],
)
def test_a_server_that_fails_is_told_from_one_that_does_not_want(
    capsys: pytest.CaptureFixture[str], endpoint: Endpoint, status: int, told: str
) -> None:
    endpoint.reply = Character(refusals={"image_url": Said("not now", status)})
    code, printed = doctor(capsys, MODEL, f"--base-url={endpoint.url}")
    assert code == 1
    assert f"one picture problem {told}" in printed


def test_a_model_that_wants_to_hear_something_may_refuse_mere_text(
    capsys: pytest.CaptureFixture[str], endpoint: Endpoint
) -> None:
    usual, refusal = Character(), Said("send sound", 400)
    endpoint.reply = lambda received: usual(received) if received.parts("input_audio") else refusal
    code, told = doctor(capsys, MODEL, f"--base-url={endpoint.url}", "--modalities=audio")
    assert code == 0
    assert "\ntext missing refused (400: send sound)\n" in told
    assert "\nsound ok up to 60 s: accepted (text alone is not, so tokens cannot be compared)\n" in told


def test_one_picture_is_not_ten(capsys: pytest.CaptureFixture[str], endpoint: Endpoint) -> None:
    endpoint.reply = Character(pictures=1)
    code, told = doctor(capsys, MODEL, f"--base-url={endpoint.url}")
    assert code == 1
    assert (
        "\nten pictures problem accepted but not all read: the server counts no more tokens for ten than for one\n"
        in told
    )
    assert "or send fewer with --frames=N" in " ".join(told.split())


def test_a_server_that_does_not_count_is_believed_and_said_so(
    capsys: pytest.CaptureFixture[str], endpoint: Endpoint
) -> None:
    endpoint.reply = Character(counts=False)
    code, told = doctor(capsys, MODEL, f"--base-url={endpoint.url}")
    assert code == 0
    assert "\none picture ok accepted (the server does not count tokens)\n" in told
    assert "--modalities=video,audio works, as far as the server shows" in told
    assert told.endswith("spent ok 10 requests")


def test_each_endpoint_is_asked_and_a_dead_one_ends_none(
    capsys: pytest.CaptureFixture[str], endpoint: Endpoint, other: Endpoint
) -> None:
    endpoint.reply, endpoint.listing = Character(), listing("first", "second")
    other.reply, other.listing = Character(), lambda _: Said("none", 404)
    with socket.socket() as taken:  # bound and not listening: nobody else answers there
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        code, told = examined(capsys, f"--base-url={endpoint.url},{other.url},{dead}")
    assert code == 1
    assert [one["ok"] for one in told["endpoints"]] == [True, False, False]
    here, unlisted, away = told["endpoints"]
    assert (here["url"], here["model"], here["requests"][0]["kind"]) == (endpoint.url, "first", "text")
    assert "lists no model to ask" in unlisted["findings"][0]["text"]
    assert "cannot be reached" in away["findings"][0]["text"]
    assert not other.requests


def test_endpoints_are_asked_side_by_side(
    capsys: pytest.CaptureFixture[str], endpoint: Endpoint, other: Endpoint
) -> None:
    both = threading.Barrier(2)
    usual = Character()

    def together(received: Received) -> Said:
        both.wait(10)  # broken where the other endpoint is not asked meanwhile, and then no reply comes
        return usual(received)

    endpoint.reply = other.reply = together
    assert examined(capsys, MODEL, f"--base-url={endpoint.url},{other.url}")[0] == 0


def test_a_model_that_is_not_served_is_said_with_its_likes(
    capsys: pytest.CaptureFixture[str], endpoint: Endpoint
) -> None:
    endpoint.listing = listing("zebra", "some-model-7b", *(f"m{number}" for number in range(9)))
    endpoint.reply = Character(refusals={"text": Said("no such model", 404)})
    code, told = doctor(capsys, MODEL, f"--base-url={endpoint.url}")
    assert code == 1
    assert "some-model is not among the 11 that it lists (some-model-7b, zebra, m0, m1, m2, m3, …)" in told
    assert "\nmodel problem some-model is not" in told
    assert "text problem refused (404: no such model)" in told
    assert "modalities" not in told
    endpoint.reply = Character()
    code, told = doctor(capsys, MODEL, f"--base-url={endpoint.url}")
    assert code == 0, "some servers list less than they serve"
    assert ", …), but it answers" in " ".join(told.split())


def test_a_catalogued_model_is_asked_for_what_a_run_sends_it(
    capsys: pytest.CaptureFixture[str], endpoint: Endpoint
) -> None:
    endpoint.reply, url = Character(drops=("video_url",)), f"--base-url={endpoint.url}"
    code, told = examined(capsys, "--model=qwen2.5-vl-7b", url)
    assert (code, endpoint.requests[0].body["model"]) == (1, "Qwen/Qwen2.5-VL-7B-Instruct")
    assert states(told["endpoints"][0])["whole clip"] == "problem"
    assert examined(capsys, "--model=qwen2.5-omni-7b", url)[0] == 0
    endpoint.reply = Character(drops=("input_audio",))
    assert examined(capsys, "--model=qwen2.5-omni-7b", url)[0] == 1
    assert examined(capsys, "--model=qwen2.5-omni-7b", "--modalities=video", url)[0] == 0


def test_a_key_appears_nowhere(
    capsys: pytest.CaptureFixture[str], endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def guarded(headers: Mapping[str, str]) -> Said:
        right = headers["authorization"] == f"Bearer {KEY}"
        return listing("some-model")(headers) if right else Said(f"wrong: {headers['authorization']}", 401)

    endpoint.listing, endpoint.reply = guarded, Character(refusals={"sound": Said(KEY, 400)})
    url = f"--base-url={endpoint.url}?token=secret-0123456789"
    options = (MODEL, url, "--api-key-env=OPENAI_API_KEY")
    for key, expected in ((KEY, 0), ("sk-another-0123456789", 1), ("", 1)):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        code = main(["doctor", *options])
        assert main(["doctor", "--json", *options]) == code == expected
        printed = "".join(capsys.readouterr())
        assert "0123456789" not in printed
        assert "sk-" not in printed
        assert ("OPENAI_API_KEY set" in printed) == bool(key)
        assert ("refuses the key in OPENAI_API_KEY (401)" in printed) == (key.startswith("sk-another"))
        assert ("needs a key: set the environment variable OPENAI_API_KEY" in " ".join(printed.split())) == (not key)
    assert endpoint.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("json_too", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "cannot be reached"),
        ([MODEL], "cannot be reached"),
        (["--model=qwen2.5-vl-7b"], "cannot be reached"),
        (["--model=signal"], "needs no endpoint"),
        (["--model=gpt-4oo"], "Unknown model gpt-4oo"),
        (["--api-key-env=NO_SUCH_VARIABLE"], "set the environment variable NO_SUCH_VARIABLE"),
        ([MODEL, "--api-key-env=NO_SUCH_VARIABLE"], "set the environment variable NO_SUCH_VARIABLE"),
        (["--modalities=smell"], "--modalities must be video, audio or clip, got smell"),
    ],
)
def test_what_is_secret_in_a_url_appears_nowhere(
    capsys: pytest.CaptureFixture[str], options: list[str], said: str, json_too: list[str]
) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else answers there
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        main(["doctor", f"--base-url=http://who-secret:pass-secret@{host}/v1?key=sk-secret", *options, *json_too])
    printed = "".join(capsys.readouterr())
    assert said in " ".join(printed.split())
    assert "secret" not in printed


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://who:a-secret@host:99999/v1?key=sk-secret", "host:99999/v1 is not a URL"),
        ("http://host:99999/v1?key=sk@secret", "http://… is not a URL"),
        ("http://who:a?b@secret@host:99999/v1", "http://… is not a URL"),
        ("who:a-secret@host?key=sk-secret", "A base URL begins with http:// or https://"),
        ("http://host/v1?key=a,sk-secret", "a comma within one is written %2C"),
    ],
)
@pytest.mark.parametrize("json_too", [[], ["--json"]], ids=["text", "json"])
def test_a_url_that_is_none_is_told_without_its_secrets(
    capsys: pytest.CaptureFixture[str], url: str, said: str, json_too: list[str]
) -> None:
    assert main(["doctor", f"--base-url={url}", *json_too]) == 2
    printed = "".join(capsys.readouterr())
    assert said in printed
    assert "secret" not in printed


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ("signal", 0, "needs no endpoint"),
        ("answers:none.jsonl", 0, "needs no endpoint"),
        ("gpt-4oo", 1, "Unknown model gpt-4oo; did you mean gpt-4o"),
        ("openai:", 1, "needs the name of a model"),
        ("gpt-4o", 1, "set the environment variable OPENAI_API_KEY"),
    ],
)
def test_what_cannot_be_asked_is_said_beside_the_machine(
    capsys: pytest.CaptureFixture[str], model: str, code: int, said: str
) -> None:
    told = doctor(capsys, f"--model={model}")
    assert told[0] == code
    assert said in " ".join(told[1].split())
    assert told[1].startswith("This machine\n")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--base-url=user:word-0123@nowhere", "A base URL begins with"),
        ("--price=x", "--price must be NAME=INPUT/OUTPUT, got x"),
        ("--modalities=smell", "--modalities must be video, audio or clip, got smell"),
    ],
)
def test_a_malformed_option_is_refused(capsys: pytest.CaptureFixture[str], option: str, said: str) -> None:
    assert main(["doctor", option]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert "0123" not in printed.err + printed.out


def findings(machine: Machine) -> dict[str, Mapping[str, Any]]:
    clip, pyav = clip_for_all(machine)
    return {finding.name: finding.as_json() for finding in machine_findings(clip, pyav, machine)}


def test_what_this_machine_lacks_is_said_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def absent(package: str) -> str:
        if package in ("torch", "ray", "decord", "numpy"):
            raise PackageNotFoundError(package)
        return version(package)

    needs = ["numpy>=2", "av>=16", 'torch<2; extra == "local"', "decord>=0.6; (a == 'b') and extra == 'decord'"]
    needs.append("uvloop-of-mars>=1; sys_platform == 'mars'")
    machine = replace(BARE, version_of=absent, requirements_of=lambda _: needs)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MME_EMOTION_DATA", str(tmp_path / "nowhere"))
    told = findings(machine)
    assert (told["torch"]["state"], told["torch"]["text"]) == (
        "missing",
        'not installed: pip install "mme-emotion[local]"',
    )
    assert told["decord"]["text"] == 'not installed: pip install "mme-emotion[decord]"'
    assert told["ray"]["text"] == "not installed: pip install ray"
    assert told["packages"]["text"] == "numpy not installed: pip install --upgrade mme-emotion"
    assert told["packages"]["state"] == told["MME_EMOTION_DATA"]["state"] == "problem"
    assert told["ffmpeg"]["state"] == "missing"
    monkeypatch.setenv("MME_EMOTION_DATA", str(tmp_path))
    assert findings(machine)["MME_EMOTION_DATA"]["state"] == "ok"


def test_gpus_are_told_with_what_is_free() -> None:
    card = Device(kind="cuda", index=0, name="Card", free_bytes=60_000_000_000, total_bytes=80_000_000_000)
    gpu = findings(replace(BARE, gpus=lambda: (card,)))["GPU"]
    assert (gpu["text"], gpu["devices"][0]["free_bytes"]) == ("Card (60.0 GB of 80.0 GB free)", 60_000_000_000)

    def broken() -> tuple[Device, ...]:
        raise RunError("torch does not import: too old.")

    assert findings(replace(BARE, gpus=broken))["GPU"]["text"] == "torch does not import: too old."


def test_a_full_disk_and_one_that_is_closed_stand_in_the_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "made"))
    full = replace(BARE, free_at=lambda _: 1_500_000_000)
    cache = findings(full)["cache"]
    assert (cache["state"], cache["text"]) == ("problem", f"1.5 GB free at {user_cache_path(SUITE)}: free some space")
    assert not (tmp_path / "not").exists()
    closed = replace(full, may_write=lambda path: path != tmp_path)
    assert "cannot be written: choose another with --cache=DIR" in findings(closed)["cache"]["text"]


def decoded_by(decoder: str) -> tuple[str, Taken]:
    return decoder, Taken({0.0: b"", 1.0: b""}, 2.0)


def test_decoders_are_tried() -> None:
    whole = make_clip()
    half = replace(BARE, encode=lambda: whole[: len(whole) // 2])
    assert "cannot encode and decode a clip" in findings(half)["PyAV"]["text"]
    told = findings(replace(BARE, decode=lambda *_: decoded_by("ffmpeg")))
    assert (told["PyAV"]["state"], "ffmpeg decoded it" in told["PyAV"]["text"]) == ("problem", True)


def test_a_decoder_that_fails_is_said_though_another_steps_in() -> None:
    pytest.importorskip("decord", exc_type=ImportError)
    assert findings(BARE)["decord"]["text"].endswith(", decodes")
    assert findings(replace(BARE, decode=lambda *_: decoded_by("pyav")))["decord"]["state"] == "problem"


def test_long_lines_go_on_below_themselves() -> None:
    first, second = lines_of([Finding(name="a", state="ok", text="word " * 30)])
    assert first.startswith("a  ok  word")
    assert second.startswith("       word")
    assert max(len(first), len(second)) <= WIDTH
    assert lines_of([]) == []
    long = lines_of([Finding(name="a", state="ok", text="x" * 200)])
    assert "".join(long).endswith("x" * 200)


def test_a_checkpoint_is_examined_without_loading_it(
    capsys: pytest.CaptureFixture[str], checkpoint: Callable[[str], Path]
) -> None:
    asked = ["doctor", f"--model=hf:{checkpoint('qwen2.5-omni')}", "--model-option=device_map=cpu", "--json"]
    assert main(asked) == 0
    (found,) = json.loads(capsys.readouterr().out)["endpoints"]
    told = {one["name"]: one for one in found["findings"]}
    assert told["checkpoint"]["text"].endswith(": it takes video, audio")
    assert told["weights"]["state"] == told["device"]["state"] == "ok"
    assert main(["doctor", "--model=hf:/no/such/folder"]) == 1
    assert "does not exist: there is no such folder" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["doctor", "--modle", "signal"], "unknown option --modle; did you mean --model?"),
        (["judge", "check", "--judge=rules", "--judge-optoin=a=1"], "did you mean --judge-option?"),
        (["judge", "chekc"], "did you mean check?"),
    ],
)
def test_what_is_mistyped_is_answered_with_what_is_like_it(
    command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert (ended.value.code, said in capsys.readouterr().err) == (2, True)
