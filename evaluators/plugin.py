"""What pytest sees of the judging side: options, and the `scorer`, `engine` and `score` fixtures."""

import asyncio
import sys
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from benchmark.clips.rescue import end_rescues
from benchmark.engine.engine import Engine
from benchmark.errors import DataError, NotKept, RunError
from benchmark.model import Connected, Model
from benchmark.models.cached import CachedModel, recall_terms
from benchmark.plugin import (
    add_options,
    asks,
    bench_of,
    cache_of,
    cached,
    common_folder,
    deal_of,
    introduces,
    is_worker,
    read_options,
    reader_of,
    respondent_of,
    runs_cases,
    usage_errors,
)
from benchmark.storage.files import put
from benchmark.task import Sample
from evaluators.agents import Agents, EvaluatorOptions, find_agents, judge_of
from evaluators.estimate import Expected, Looking, Nothing, Rehearsal, Understudy, known_and_not
from evaluators.judge.check import Checked, check_judge
from evaluators.judge.clue import Listener
from evaluators.judge.extractor import PromptedExtractor
from evaluators.metrics.metric import find_metric
from evaluators.outcome import Score, Scored, Unscored
from evaluators.scorer import Scorer, answer_and_score, unforeseen, with_waveform

pytest_plugins = ["benchmark.plugin"]

TURN_SECONDS = 0.0005
"""How long pytest's thread may keep the engine's waiting: Python's own 5 ms, after each system call, add up."""

MOST_AHEAD = 64
"""Samples whose clips are decoded while all requests that may be in flight are."""

EVALUATOR_OPTIONS = pytest.StashKey[EvaluatorOptions]()
AGENTS = pytest.StashKey[Agents]()
ENGINE = pytest.StashKey[Engine[Scored | Unscored]]()
OUTCOME = pytest.StashKey[Scored | Unscored]()
UNKEPT = "mme_emotion_unkept"
"""Under which an xdist worker tells whether something that it found cannot be kept."""


def agents_of(config: pytest.Config) -> Agents:
    """The agents, found on first use.

    Raises:
        pytest.UsageError: an agent cannot be used, or no judge is configured.
    """
    if AGENTS not in config.stash:
        with usage_errors():
            config.stash[AGENTS] = find_agents(config.stash[EVALUATOR_OPTIONS], bench_of(config))
    return config.stash[AGENTS]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options of the agents that judge."""
    add_options(parser, "MME-Emotion: the agents that judge", EvaluatorOptions)


def pytest_configure(config: pytest.Config) -> None:
    """Reads the options; has `--setup-only` make no fixture either, since that of a score asks for it."""
    config.stash[EVALUATOR_OPTIONS] = read_options(config, EvaluatorOptions)
    if runs_cases(config) and config.option.setuponly:
        config.option.setupplan = True


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Finds the agents, and asks each endpoint whether it is there, before anything is collected or paid for."""
    config = session.config
    if not introduces(config):
        return
    agents_of(config)
    if bench_of(config).options.estimate:
        if is_worker(config) or config.getoption("numprocesses", None):
            raise pytest.UsageError("--estimate runs in one process; omit -n.")
    elif asks(config) and not is_worker(config):
        with usage_errors():
            bench_of(config).check_engine()
            bench_of(config).local.check()
            asyncio.run(_check(connected(config)))


def connected(config: pytest.Config) -> list[Connected]:
    """All who are asked over connections."""
    agents = agents_of(config)
    parts: tuple[object, ...] = (bench_of(config).respondent, agents.extractor, *agents.judges, agents.listener)
    return [part for part in parts if isinstance(part, Connected)]


async def _check(parts: Iterable[Connected]) -> None:
    await asyncio.gather(*(part.check() for part in {part.identity: part for part in parts}.values()))


async def _close(parts: Iterable[Connected]) -> None:
    for part in parts:
        await part.aclose()


def scorer_of(config: pytest.Config, behind: Callable[[Model, str], Model]) -> Scorer:
    """Extractor, judge and, where one is named, the agent that describes sound, ready to be asked."""
    agents = agents_of(config)
    extractor, listener, templates = agents.extractor, agents.listener, agents.templates
    if isinstance(extractor, Model):
        extractor = PromptedExtractor(behind(extractor, "extractor"), templates["extract"])
    heard = Listener(behind(listener, "listener"), templates["listen"]) if listener else None
    return Scorer(
        extractor=extractor,
        judge=judge_of(agents, behind),
        reader=reader_of(config),
        listener=heard,
        thoughts=config.stash[EVALUATOR_OPTIONS].thoughts,
    )


def check_judges(config: pytest.Config) -> tuple[Checked, ...]:
    """What the judge makes of the anchors of a short check; asked anew, whatever is kept."""
    bench = bench_of(config)
    shared = not config.getoption("tx", None)
    local = bench.local if shared else bench.local.apart()  # the processes that are to come need the devices
    bench = replace(bench, limits=bench.limits.elsewhere(), local=local)
    agents, reader = find_agents(config.stash[EVALUATOR_OPTIONS], bench), reader_of(config)

    async def check() -> tuple[Checked, ...]:
        try:
            return await check_judge(judge_of(agents, partial(_recalled, config)), reader, short=True)
        finally:
            await _close(part for part in agents.judges if isinstance(part, Connected))

    try:
        return asyncio.run(check())
    finally:
        if not shared:
            local.release()


def _recalled(config: pytest.Config, model: Model, role: str) -> Model:  # noqa: ARG001  one signature for all
    """The model itself, which leaves out what its server is known to refuse."""
    recall_terms(model, cache_of(config))
    return model


def rehearse(session: pytest.Session, *, gated: bool) -> list[tuple[str, Model, Expected]]:
    """What the selected cases would ask, by role, with whoever would be asked; a gated run checks its judge too.

    Samples whose clips have been decoded are gone through one by one; a few stand for all the others.
    """
    config, samples = session.config, [sample for item in session.items if (sample := sample_of(item))]
    repeats = config.stash[EVALUATOR_OPTIONS].repeats
    rehearsal, options, reader = Rehearsal(cache_of(config), repeats), bench_of(config).options, reader_of(config)
    roles: dict[str, Model] = {}

    def behind(model: Model, role: str) -> Model:
        roles[role] = model
        return CachedModel(model, Looking(role, rehearsal), Understudy(model, role, rehearsal).generate)

    def anew(model: Model, role: str) -> Model:
        roles[checking := f"{role} check"] = model
        return CachedModel(model, Nothing(), Understudy(model, checking, rehearsal).generate)

    respondent, scorer = respondent_of(config, behind), scorer_of(config, behind)
    groups = known_and_not(samples, reader, fps=options.fps, most=options.frames)

    async def go_through() -> None:
        for weight, members in groups:
            rehearsal.weight = weight
            for sample in members:
                _refuse_fault(await answer_and_score(sample, respondent, scorer))
        if gated:
            rehearsal.weight = 1.0
            await check_judge(judge_of(agents_of(config), anew), reader, short=True)

    asyncio.run(go_through())
    return [(role, model, rehearsal.roles[role]) for role, model in roles.items()]


def _refuse_fault(outcome: Scored | Unscored) -> None:
    """An estimate of what fails would be too low."""
    if outcome.fault is not None:
        raise RunError(f"Cannot estimate the run: {outcome.fault.sentence}.")


def sample_of(item: pytest.Item) -> Sample | None:
    """The sample that a case is about; None for what is no case."""
    if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "score" in item.fixturenames:
        sample = item.callspec.params.get("sample")
        return sample if isinstance(sample, Sample) else None
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Works on samples ahead of their cases for as long as cases run."""
    config = session.config
    rehearses = asks(config) and bench_of(config).options.estimate
    if not asks(config) or rehearses or not any(map(sample_of, session.items)):
        return (yield)
    engine = config.stash[ENGINE] = _start(config)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        pace = FollowingOrders if is_worker(config) else FirstDoneFirst
        config.pluginmanager.register(pace(engine, session))
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return (yield)
    finally:
        _end(session, engine)
        sys.setswitchinterval(usual)


def _end(session: pytest.Session, engine: Engine[Scored | Unscored]) -> None:
    """Keeps the last replies; a disk that is full has been told of where it has stopped the engine."""
    told = engine.stopped
    end_rescues()
    engine.close()
    try:
        cache_of(session.config).flush()
    except NotKept as error:
        engine.unkept = True
        if told is None:
            raise session.Interrupted(str(error)) from error


def _start(config: pytest.Config) -> Engine[Scored | Unscored]:
    limits, behind, reader = bench_of(config).limits, partial(cached, config), reader_of(config)
    respondent, scorer = respondent_of(config, behind), scorer_of(config, behind)
    repeats = config.stash[EVALUATOR_OPTIONS].repeats

    async def work(sample: Sample) -> Scored | Unscored:
        return await with_waveform(await answer_and_score(sample, respondent, scorer, repeats), reader)

    return Engine(
        work,
        lambda: _with_those_ahead(limits.window()),
        failure=_failure,
        rescue=unforeseen,
        farewell=partial(_close, connected(config)),
    )


def _with_those_ahead(window: int) -> int:
    """Samples at once: those that may be asked about, and some whose clips are decoded meanwhile."""
    return window + max(4, min(window // 4, MOST_AHEAD))


def _failure(outcome: Scored | Unscored) -> str | None:
    """Why there is no score, where every sample could fail so; a clip that cannot be read says nothing of others."""
    if isinstance(outcome, Scored):
        return None
    if outcome.fault is not None:
        return outcome.fault.kind
    return outcome.error if outcome.stage != DataError.stage else None


class FirstDoneFirst:
    """In one process the next case is always one whose sample is done, so that none waits behind a slow one."""

    def __init__(self, engine: Engine[Scored | Unscored], session: pytest.Session) -> None:
        """Begins all samples, and waits for the first."""
        self._engine, self._session = engine, session
        self._samples = [sample_of(item) for item in session.items]
        self._places = {sample.id: place for place, sample in enumerate(self._samples) if sample}
        # --stepwise goes on where it stopped, which means something in order alone
        stepwise = getattr(session.config.option, "stepwise", False)
        self._in_order = stepwise or len(self._places) < sum(map(bool, self._samples))
        self._next = 0
        engine.begin(filter(None, self._samples))
        self._choose()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """After a case, puts one that is done where pytest looks for the next."""
        handled = yield
        self._next += 1
        self._choose()
        return handled

    def _choose(self) -> None:
        place, session = self._next, self._session
        if (
            self._in_order
            or place >= len(self._samples)
            or self._samples[place] is None
            or session.shouldfail
            or session.shouldstop
        ):
            return
        done = self._engine.next_done()
        if done is None:
            session.shouldstop = self._engine.stopped or "The run was ended."
            return
        other, items, samples = self._places[done], session.items, self._samples
        items[place], items[other] = items[other], items[place]
        samples[place], samples[other] = samples[other], samples[place]
        self._places.update((sample.id, at) for at in (place, other) if (sample := self._samples[at]))


def end_workers(config: pytest.Config, why: str) -> None:
    """Tells all xdist workers to end, and why; none may read half of that, or nothing."""
    put(_over_file(config), why.encode())


def _over_file(config: pytest.Config) -> Path:
    return common_folder(config) / "over"


class FollowingOrders:
    """In an xdist worker cases run in the order in which they were dealt, which it hears long before xdist says so."""

    def __init__(self, engine: Engine[Scored | Unscored], session: pytest.Session) -> None:
        """Begins nothing: no case has been dealt yet."""
        self._engine, self._session = engine, session
        self._deal = deal_of(session.config, session.config.workerinput["workerid"])  # type: ignore[attr-defined]
        self._over = _over_file(session.config)
        self._limits = bench_of(session.config).limits

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Where this worker ends early, lets the others know why, and the controller whether a disk is full."""
        self._session.config.workeroutput[UNKEPT] = self._engine.unkept  # type: ignore[attr-defined]
        if why := self._session.shouldstop or self._session.shouldfail:
            end_workers(self._session.config, str(why))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Begins what has been dealt since the last case, unless another worker has ended the run."""
        dealt = [self._session.items[index] for index in self._deal.hear()]
        self._engine.begin(filter(None, map(sample_of, [item, *([nextitem] if nextitem else []), *dealt])))
        if self._limits.halted is None and self._over.exists():
            self._limits.halted = self._over.read_text("utf-8")
            self._engine.stop(self._limits.halted)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Waits for the case's sample, and passes over the case where the engine has stopped before it was done."""
    engine, sample = item.config.stash.get(ENGINE, None), sample_of(item)
    if engine is None or sample is None or engine.finish(sample):
        return None
    engine.drain()
    if not engine.unclaimed():
        item.session.shouldstop = engine.stopped or "The run was ended."
    return True


@pytest.fixture(scope="session")
def scorer(pytestconfig: pytest.Config) -> Scorer:
    """Extractor, judge and, where one is named, the agent that describes sound."""
    return scorer_of(pytestconfig, partial(cached, pytestconfig))


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> Engine[Scored | Unscored]:
    """Samples in flight."""
    return pytestconfig.stash[ENGINE]


@pytest.fixture
def score(request: pytest.FixtureRequest, sample: Sample, engine: Engine[Scored | Unscored]) -> Score:
    """The sample's score. A sample without one is an error of this fixture, not a failure of the case."""
    outcome = engine.result(sample)
    request.node.stash[OUTCOME] = outcome
    if isinstance(outcome, Unscored):
        request.node.user_properties.append(("unscored", outcome.stage))
        pytest.fail(f"{sample.id} has no score ({outcome.stage}): {outcome.error}", pytrace=False)
    marks, metric = outcome.score.marks(sample), find_metric(sample.task.metric)
    told = {measure.name for measure in metric.measures}
    request.node.user_properties += [
        (name, float(mark)) for name, mark in marks.items() if mark is not None and name in told
    ]
    return outcome.score


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Lets go of what was made of the sample: it has been reported, and there are thousands."""
    if OUTCOME in item.stash:
        del item.stash[OUTCOME]
