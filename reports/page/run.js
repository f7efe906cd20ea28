"use strict";

/* The page of one run. Everything shown follows from the data and the address. */

const app = {};

const heading = (row) => [outcomeMark(row.outcome), " ", row.id];

function body(record, row) {
  const about = `${row.task} · ${row.source} · true ${row.targets.join(", ")} · predicted ${row.predicted.join(", ") || "nothing"}`;
  return [
    el("p", { class: "note" }, about),
    sampleNode(record, {
      shards: app.shards,
      clip: clipOf(record, app.clips),
      command: app.command,
      judge: app.judge,
      answering: app.answering,
      alpha: alpha(),
    }),
  ];
}

/* Columns of the index as objects, a sample each. */
function rowsOf(index) {
  return index.id.map((id, at) => {
    const targets = index.labels[index.targets[at]];
    const predicted = index.labels[index.predicted[at]];
    return {
      at,
      id,
      targets,
      predicted,
      task: index.tasks[index.task[at]],
      source: index.sources[index.source[at]],
      outcome: index.outcomes[index.outcome[at]],
      ending: index.endings[index.ending[at]],
      r: index.recognition[at],
      s: index.reasoning[at],
      counted: index.counted[at],
      steps: index.steps[at],
      tokens: index.tokens[at],
      signs: index.signs[at],
      again: index.again[at],
      words: `${id}\n${targets.join("\n")}\n${predicted.join("\n")}`.toLowerCase(),
    };
  });
}

function alpha() {
  const asked = Number(state().get("alpha") ?? 0.5);
  return asked >= 0 && asked <= 1 ? Math.round(app.alpha_steps * asked) / app.alpha_steps : 0.5;
}

const cotOf = (scores) =>
  scores.recognition === null ? null : alpha() * scores.recognition + (1 - alpha()) * scores.reasoning;
const rowCot = (row) => (row.r === null ? null : alpha() * row.r + (1 - alpha()) * row.s);
const cotInterval = (path) => app.cot_intervals[path.join("\n")]?.[Math.round(alpha() * app.alpha_steps)];

/* --- top ---------------------------------------------------------------------------------------------------- */

function drawFixed() {
  const { report } = app;
  app.drawn = {};
  app.counted = app.rows.filter((row) => row.counted);
  if (app.counted.length < app.rows.length) standing.counted = "1";
  document.title = `${report.model} · MME-Emotion`;
  put("model", report.model);
  drawGate(report);
  put("facts", facts(report));
  put(
    "notes",
    app.notes.map((note) => el("li", {}, note)),
  );
  byId("overview").append(
    el("section", { id: "origin-part" }, el("h2", {}, "Settings of the run"), originNode(report.provenance)),
  );
  drawFailures();
  drawLengths();
  drawAgreement();
}

function drawGate({ gate }) {
  byId("gate").hidden = !gate;
  if (!gate) return;
  put(
    "gate",
    el("h2", {}, "Release gate: ", el("span", { class: `verdict ${gate.word}` }, gate.word)),
    app.gate_notes.map((note) => el("p", {}, note)),
    app.gate_rows.length > 0 && plainTable(app.gate_rows),
    app.check_rows.length > 0 &&
      el(
        "details",
        { open: gate.word === "UNTRUSTED" },
        el("summary", {}, "Check of the judge on anchors"),
        plainTable(app.check_rows),
      ),
  );
}

function facts(report) {
  const { overall, usage, retries, seconds } = report;
  const total = usage.total;
  const outcomes = Object.keys(OUTCOMES).map((name) => [
    name,
    app.counted.filter((row) => row.outcome === name).length,
  ]);
  const [again, refused] = [app.counted.filter((row) => row.again).length, sum(app.counted.map((row) => row.again))];
  const asked = report.gate?.stopping?.samples ?? report.selected;
  const early = asked < report.selected ? `, stopped early of ${count(report.selected)}` : "";
  const fact = (name, value, more) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value, more && el("small", {}, more)));
  return [
    ...outcomes.map(([name, number]) => fact(OUTCOMES[name], samplesLink({ outcome: name }, count(number)))),
    knowsEndings(app.counted) && fact("Answers", endingLinks()),
    fact(
      "Coverage",
      `${percent(overall.scored / Math.max(1, asked))} %`,
      ` ${count(overall.scored)} of ${count(asked)} scored${early}`,
    ),
    fact(
      "Asked again",
      samplesLink({ again: "1" }, count(again)),
      ` ${again === 1 ? "sample" : "samples"}, ${many(refused, "reply", "replies")} refused; ${many(retries, "request")} sent again`,
    ),
    fact(
      "Cost",
      !total || !total.requests
        ? "nothing asked"
        : total.cost_usd === null
          ? "unknown"
          : `${total.cost_usd.toFixed(2)} USD`,
    ),
    fact(
      "Tokens",
      total?.requests ? count(total.input_tokens) : "0",
      total?.requests ? [" in, ", tokensOf(total.output_tokens, { thoughts: total.thought_tokens }), " out"] : " sent",
    ),
    fact("Time", span(seconds)),
  ];
}

const ENDINGS = {
  whole: "whole",
  "cut off": "cut off",
  filtered: "filtered",
  refused: "refused",
  unknown: "of unknown ending",
};

/* Whether anything is known of how answers ended: older versions kept nothing. */
const knowsEndings = (rows) => rows.some(({ ending }) => ending !== null && ending !== "unknown");

function endingLinks() {
  return Object.keys(ENDINGS)
    .map((ending) => [ending, app.counted.filter((row) => row.ending === ending).length])
    .filter(([, number]) => number)
    .map(([ending, number], at) => [at > 0 && ", ", samplesLink({ ending }, `${count(number)} ${ENDINGS[ending]}`)]);
}

function drawScores() {
  const { overall, macro, floors } = app.report;
  const tile = (name, value, interval, more) =>
    el(
      "div",
      { class: "tile" },
      el("h3", {}, name),
      el("p", { class: "big" }, percent(value)),
      el("p", { class: "interval" }, interval ? `95 %: ${interval.map(percent).join(" – ")}` : "no interval"),
      more && el("p", { class: "interval" }, more),
    );
  put(
    "tiles",
    tile(
      "Recognition",
      overall.recognition,
      overall.intervals.recognition,
      `constant guess ${percent(floors.overall)}`,
    ),
    tile("Reasoning", overall.reasoning, overall.intervals.reasoning, `mean of tasks ${percent(macro.reasoning)}`),
    tile(
      "CoT",
      cotOf(overall),
      cotInterval(["overall"]),
      `${alpha()} Recognition + ${(1 - alpha()).toFixed(2).replace(/\.?0+$/, "")} Reasoning`,
    ),
  );
  byId("alpha").step = 1 / app.alpha_steps;
  byId("alpha").value = alpha();
  byId("alpha-value").textContent =
    alpha() === 0.5 ? "0.5, as published" : `${alpha()}${app.report.gate ? "; the gate goes by 0.5" : ""}`;
}

/* --- samples ------------------------------------------------------------------------------------------------ */

const COLUMNS = [
  { key: "outcome", title: "Outcome", value: (row) => row.outcome, node: (row) => outcomeMark(row.outcome) },
  ...WHICH,
  {
    key: "predicted",
    title: "Predicted",
    value: (row) => row.predicted.join(", ") || (row.outcome === "error" ? null : "(none)"),
  },
  { key: "recognition", title: "Recog.", numeric: true, value: (row) => row.r, node: (row) => percent(row.r) },
  { key: "reasoning", title: "Reason.", numeric: true, value: (row) => row.s, node: (row) => percent(row.s) },
  { key: "cot", title: "CoT", numeric: true, value: rowCot, node: (row) => percent(rowCot(row)) },
  { key: "steps", title: "Steps", numeric: true, narrow: "wide", value: (row) => row.steps },
  { key: "tokens", title: "Tokens", numeric: true, narrow: "wide", value: (row) => row.tokens },
];

function filters() {
  const names = (row) => row.predicted;
  const said = (row, value) =>
    value === "(none)" ? row.outcome !== "error" && row.predicted.length === 0 : row.predicted.includes(value);
  const yes = { choices: () => ["1"], titles: { 1: "yes" } };
  return [
    ...whichFilters(app.rows, Object.keys(app.report.tasks)),
    { name: "predicted", label: "Predicted", choices: () => [...kindsOf(app.rows, names), "(none)"], fits: said },
    {
      name: "outcome",
      label: "Outcome",
      choices: () => [...Object.keys(OUTCOMES), "notright"],
      titles: { ...OUTCOMES, notright: "not right" },
      fits: (row, value) => row.outcome === value || (value === "notright" && row.outcome !== "passed"),
    },
    ...(knowsEndings(app.rows)
      ? [
          {
            name: "ending",
            label: "Ending",
            choices: () => Object.keys(ENDINGS),
            fits: (row, value) => row.ending === value,
          },
        ]
      : []),
    { name: "again", label: "Asked again", ...yes, fits: (row) => row.again > 0 },
    ...(standing.counted ? [{ name: "counted", label: "Counted", ...yes, fits: (row) => row.counted }] : []),
  ];
}

/* --- address ------------------------------------------------------------------------------------------------ */

function render() {
  const asked = state();
  drawScores();
  const parts = { drawTasks: [], drawPublished: ["place", "score"], drawDetail: ["detail"] };
  for (const [name, depends] of Object.entries(parts)) {
    const drawn = [alpha(), ...depends.map((part) => asked.get(part))].join(" ");
    if (app.drawn[name] !== drawn) DRAWN[name]();
    app.drawn[name] = drawn;
  }
  app.browser.render();
}

const DRAWN = { drawTasks, drawPublished, drawDetail };

/* An agent's name, and the names under which it answered where they say more; a panel has several seats. */
function agentOf({ name, spec, answered = [] }) {
  const seatOf = (names) => names.map((one) => (one === "unknown" ? "an unknown model" : one)).join(" or ");
  const seats = answered.map(seatOf).join(" + ");
  const called = name ?? spec ?? "–";
  const known = answered.flat().some((one) => one !== "unknown");
  return known && seats !== called ? `${called}; answered by ${seats}` : called;
}

function originNode(provenance) {
  const flat = (value) =>
    value !== null && typeof value === "object"
      ? Array.isArray(value)
        ? value.join(", ") || "all"
        : Object.entries(value)
            .map(([name, one]) => `${name} ${flat(one)}`)
            .join(", ")
      : String(value ?? "–");
  const agents = ["model", "judge", "extractor"];
  const shown = Object.entries(provenance).map(([name, value]) => [
    name,
    agents.includes(name) && value ? agentOf(value) : flat(value),
  ]);
  return el(
    "dl",
    { class: "origin" },
    shown.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

byId("alpha").addEventListener("input", ({ target }) =>
  go({ alpha: target.value === "0.5" ? null : target.value }, { replace: true }),
);
startPage(app, { rowsOf, draw: drawFixed, render, filters, columns: COLUMNS, textOf, heading, body });
