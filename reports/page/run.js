"use strict";

/* The page of one run. Everything shown follows from the data and the address. */

const app = {};

async function start() {
  const page = await unpack(byId("page-data").textContent);
  Object.assign(app, page, { drawn: {}, shards: new Shards(page.shards), rows: rowsOf(page.index) });
  app.counted = app.rows.filter((row) => row.counted);
  if (app.counted.length < app.rows.length) standing.counted = "1";
  document.title = `${app.report.model} · MME-Emotion`;
  app.browser = new Browser({ rows: app.rows, shards: app.shards, columns: columns(), filters: filters(), textOf, heading, body });
  drawFixed();
  whenAddressChanges(render);
  render();
  document.body.dataset.ready = "true";
  app.browser.readTexts();
}

const heading = (row) => [outcomeMark(row.outcome), " ", row.id];

function body(record, row) {
  const about = `${row.task} · ${row.source} · true ${row.targets.join(", ")} · predicted ${row.predicted.join(", ") || "nothing"}`;
  return [el("p", { class: "note" }, about),
    sampleNode(record, { shards: app.shards, clip: clipOf(record, app.clips), command: app.command, judge: app.judge, alpha: alpha() })];
}

/* Columns of the index as objects, a sample each. */
function rowsOf(index) {
  return index.id.map((id, at) => {
    const targets = index.labels[index.targets[at]];
    const predicted = index.labels[index.predicted[at]];
    return {
      at, id, targets, predicted, task: index.tasks[index.task[at]], source: index.sources[index.source[at]],
      outcome: index.outcomes[index.outcome[at]], r: index.recognition[at], s: index.reasoning[at],
      counted: index.counted[at], steps: index.steps[at], tokens: index.tokens[at], signs: index.signs[at], again: index.again[at],
      words: `${id}\n${targets.join("\n")}\n${predicted.join("\n")}`.toLowerCase(),
    };
  });
}

function alpha() {
  const asked = Number(state().get("alpha") ?? 0.5);
  return asked >= 0 && asked <= 1 ? Math.round(ALPHA_STEPS * asked) / ALPHA_STEPS : 0.5;
}

const cotOf = (scores) => (scores.recognition === null ? null : alpha() * scores.recognition + (1 - alpha()) * scores.reasoning);
const rowCot = (row) => (row.r === null ? null : alpha() * row.r + (1 - alpha()) * row.s);
const cotInterval = (path) => app.cot_intervals[path.join("\n")]?.[Math.round(alpha() * ALPHA_STEPS)];

/* --- top ---------------------------------------------------------------------------------------------------- */

function drawFixed() {
  const { report } = app;
  put("model", report.model);
  put("about", app.about.map(([name, value]) => el("span", {}, el("b", {}, `${name} `), value)));
  put("banners", app.banners.map((banner) => el("p", { class: "banner" }, el("span", { "aria-hidden": "true" }, "⚠ "), banner)));
  drawGate(report);
  put("facts", facts(report));
  put("notes", app.notes.map((note) => el("li", {}, note)));
  byId("overview").append(el("section", { id: "origin-part" }, el("h2", {}, "Settings of the run"), originNode(report.provenance)));
  drawFailures();
  drawLengths();
  drawAgreement();
}

function drawGate({ gate }) {
  byId("gate").hidden = !gate;
  if (!gate) return;
  put("gate",
    el("h2", {}, "Release gate: ", el("span", { class: `verdict ${gate.word}` }, gate.word)),
    app.gate_notes.map((note) => el("p", {}, note)),
    app.gate_rows.length > 0 && plainTable(app.gate_rows),
    app.check_rows.length > 0 && el("details", { open: gate.word === "UNTRUSTED" }, el("summary", {}, "Check of the judge on anchors"), plainTable(app.check_rows)));
}

function facts(report) {
  const { overall, usage, retries, seconds } = report;
  const total = usage.total;
  const outcomes = Object.keys(OUTCOMES).map((name) => [name, app.counted.filter((row) => row.outcome === name).length]);
  const [again, refused] = [app.counted.filter((row) => row.again).length, sum(app.counted.map((row) => row.again))];
  const asked = report.gate?.stopping?.samples ?? report.selected;
  const early = asked < report.selected ? `, stopped early of ${count(report.selected)}` : "";
  const fact = (name, value, more) => el("div", {}, el("dt", {}, name), el("dd", {}, value, more && el("small", {}, more)));
  return [
    ...outcomes.map(([name, number]) => fact(OUTCOMES[name], samplesLink({ outcome: name }, count(number)))),
    fact("Coverage", `${percent(overall.scored / Math.max(1, asked))} %`, ` ${count(overall.scored)} of ${count(asked)} scored${early}`),
    fact("Asked again", samplesLink({ again: "1" }, count(again)), ` ${again === 1 ? "sample" : "samples"}, ${many(refused, "reply", "replies")} refused; ${many(retries, "request")} sent again`),
    fact("Cost", !total || !total.requests ? "nothing asked" : total.cost_usd === null ? "unknown" : `${total.cost_usd.toFixed(2)} USD`),
    fact("Tokens", total?.requests ? count(total.input_tokens) : "0", total?.requests ? ` in, ${count(total.output_tokens)} out` : " sent"),
    fact("Time", span(seconds)),
  ];
}

function drawScores() {
  const { overall, macro, floors } = app.report;
  const tile = (name, value, interval, more) => el("div", { class: "tile" }, el("h3", {}, name),
    el("p", { class: "big" }, percent(value)), el("p", { class: "interval" }, interval ? `95 %: ${interval.map(percent).join(" – ")}` : "no interval"),
    more && el("p", { class: "interval" }, more));
  put("tiles",
    tile("Recognition", overall.recognition, overall.intervals.recognition, `constant guess ${percent(floors.overall)}`),
    tile("Reasoning", overall.reasoning, overall.intervals.reasoning, `mean of tasks ${percent(macro.reasoning)}`),
    tile("CoT", cotOf(overall), cotInterval(["overall"]), `${alpha()} Recognition + ${(1 - alpha()).toFixed(2).replace(/\.?0+$/, "")} Reasoning`));
  byId("alpha").value = alpha();
  byId("alpha-value").textContent = alpha() === 0.5 ? "0.5, as published" : `${alpha()}${app.report.gate ? "; the gate goes by 0.5" : ""}`;
}

/* --- tasks -------------------------------------------------------------------------------------------------- */

function scoreCell(value, interval, floor) {
  return el("td", { class: "number score" }, el("span", {}, percent(value)), interval && el("small", {}, ` ${interval.map(percent).join("–")}`),
    value !== null && el("span", { class: "bar", "aria-hidden": "true", "--value": value, "--low": interval?.[0] ?? value, "--high": interval?.[1] ?? value },
      floor !== undefined && el("i", { "--floor": floor })));
}

function scoreRow(name, scores, path, { floor, published, link } = {}) {
  const cot = cotOf(scores);
  const dense = scores.avg_tokens && cot !== null ? (10000 * cot) / scores.avg_tokens : null;
  return el("tr", {}, el("th", { scope: "row" }, link ? samplesLink(link, name) : name),
    el("td", { class: "number" }, count(scores.samples), scores.unscored > 0 && el("small", { class: "bad" }, ` ${scores.unscored} unscored`)),
    scoreCell(scores.recognition, scores.intervals.recognition, floor), scoreCell(scores.reasoning, scores.intervals.reasoning), scoreCell(cot, cotInterval(path)),
    floor !== null && el("td", { class: "number" }, percent(floor)), published !== null && el("td", { class: "number" }, percent(published)),
    el("td", { class: "number wide" }, scores.avg_steps?.toFixed(1) ?? "–"), el("td", { class: "number wide" }, scores.avg_tokens?.toFixed(0) ?? "–"),
    el("td", { class: "number wide" }, dense?.toFixed(1) ?? "–"));
}

function scoreTable(first, rows, { floors, published } = {}) {
  const titles = [first, "Samples", "Recognition", "Reasoning", "CoT", floors && "Floor", published && "Published", "Steps", "Tokens", "CoT / 100 tokens"];
  const wide = new Set(["Steps", "Tokens", "CoT / 100 tokens"]);
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Scores by ${first.toLowerCase()}` }, el("table", { class: "scores-by" },
    el("thead", {}, el("tr", {}, titles.filter(Boolean).map((title, at) => el("th", { scope: "col", class: at ? `number ${wide.has(title) ? "wide" : ""}` : null }, title)))),
    el("tbody", {}, rows)));
}

function drawTasks() {
  const { tasks, overall, floors, published, macro, macro_intervals: intervals } = app.report;
  const shown = Object.keys(published).length > 0;
  const row = (name, scores, path, link) => scoreRow(name, scores, path, { floor: floors[name] ?? undefined, published: shown ? published[name] ?? undefined : null, link });
  const rows = Object.entries(tasks).map(([name, scores]) => row(name, scores, ["tasks", name], { task: name }));
  const mixed = el("tr", {}, el("th", { scope: "row" }, "mean of tasks"), el("td"), scoreCell(macro.recognition, intervals.recognition), scoreCell(macro.reasoning, intervals.reasoning),
    scoreCell(cotOf(macro), cotInterval(["macro"])), el("td"), shown && el("td"), el("td", { class: "wide" }), el("td", { class: "wide" }), el("td", { class: "wide" }));
  put("task-table", scoreTable("Task", [...rows, row("overall", overall, ["overall"]), mixed], { floors: true, published: shown }));
}

function drawPublished() {
  const choices = ["overall", ...Object.keys(app.report.tasks)];
  const place = choices.find((name) => name === state().get("place")) ?? "overall";
  const score = Object.keys(SCORE_TITLES).find((name) => name === state().get("score")) ?? "recognition";
  const ours = place === "overall" ? app.report.overall : app.report.tasks[place];
  const choose = (label, name, values, chosen, titles = {}) => el("label", {}, el("span", {}, label), el("select", { onchange: ({ target }) => go({ [name]: target.value }, { replace: true }) },
    values.map((value) => el("option", { value, selected: value === chosen }, titles[value] ?? value))));
  put("published-controls", choose("Task", "place", choices, place), choose("Score", "score", Object.keys(SCORE_TITLES), score, SCORE_TITLES));
  const value = score === "cot" ? cotOf(ours) : ours?.[score];
  if (value === null || value === undefined) return put("published-chart", el("p", { class: "empty" }, "There is no score."));
  const interval = score === "cot" ? cotInterval(place === "overall" ? ["overall"] : ["tasks", place]) : ours.intervals[score];
  put("published-chart", ...publishedChart(app.published, place, score, alpha(), { name: app.report.model, value, interval, comparable: app.report.incomparable.length === 0 }));
}

function drawDetail() {
  const names = Object.keys(app.report.tasks);
  const chosen = names.find((name) => name === state().get("detail")) ?? names[0];
  byId("detail-part").hidden = !chosen;
  if (!chosen) return;
  const { sources, labels } = app.report;
  put("detail-controls", el("div", { class: "tabs", role: "group", "aria-label": "Task" }, names.map((name) =>
    el("button", { type: "button", "aria-pressed": String(name === chosen), onclick: () => go({ detail: name }, { replace: true }) }, name))));
  const rows = app.counted.filter((row) => row.task === chosen && row.outcome !== "error");
  const part = (kind, group, first, link) => scoreTable(first, Object.entries(group[chosen]).map(([name, scores]) => scoreRow(name, scores, [kind, chosen, name], { floor: null, published: null, link: link(name) })));
  put("detail",
    el("p", {}, `${app.tasks[chosen].title}: ${app.tasks[chosen].question}`),
    el("h4", {}, "Confusion"), confusionTable(rows, chosen),
    app.tasks[chosen].several && el("p", { class: "note" }, "Answers and clips may carry several labels here: each true label counts once for each label named."),
    el("h4", {}, "By source"), part("sources", sources, "Source", (name) => ({ task: chosen, source: name })),
    el("h4", {}, "By true label"), part("labels", labels, "Label", (name) => ({ task: chosen, label: name })));
}

function drawLengths() {
  const rows = app.counted.filter((row) => row.r !== null);
  if (rows.length < 5) return put("lengths", el("p", { class: "empty" }, "Fewer than five samples have a score."));
  const known = rows.every((row) => row.tokens !== null);
  const lengths = rows.map((row) => ({ ...row, length: known ? row.tokens : row.signs }));
  const flat = new Set(lengths.map((row) => row.length)).size < 3;
  put("lengths",
    el("figure", {}, el("figcaption", {}, "Reasoning against Recognition"), reasoningChart(rows)),
    el("figure", {}, el("figcaption", {}, "Scores against the length of the answer"),
      flat ? el("p", { class: "note" }, "All answers are about equally long.") : lengthChart(lengths, known ? "tokens" : "characters"),
      el("p", { class: "note" }, app.length_note)));
}

function drawAgreement() {
  byId("agreement").hidden = app.agreement_notes.length === 0;
  put("agreement", el("h2", {}, "Can the judge be trusted?"), el("ul", {}, app.agreement_notes.map((note) => el("li", {}, note))));
}

/* --- failures ----------------------------------------------------------------------------------------------- */

function drawFailures() {
  const groups = new Map();
  for (const row of app.counted) {
    for (const label of row.targets) {
      const key = `${row.task}\n${label}\n${row.source}`;
      const group = groups.get(key) ?? { task: row.task, label, source: row.source, failed: 0, error: 0, of: 0, named: new Map() };
      groups.set(key, group);
      group.of += 1;
      if (row.outcome === "passed") continue;
      group[row.outcome] += 1;
      const said = row.outcome === "error" ? "no score" : row.predicted.join(" + ") || "no label";
      group.named.set(said, (group.named.get(said) ?? 0) + 1);
    }
  }
  const worst = [...groups.values()].filter((group) => group.failed + group.error).sort((one, other) => other.failed + other.error - one.failed - one.error);
  const shown = worst.slice(0, 12);
  const rest = worst.slice(12);
  put("failures", worst.length ? failureTable(shown) : el("p", { class: "empty" }, app.counted.length ? "Every answer was right." : "No sample was asked."),
    rest.length > 0 && el("details", {}, el("summary", {}, `${many(rest.length, "smaller group")}`), failureTable(rest)));
}

function failureTable(groups) {
  const line = (group) => {
    const [[said, times] = []] = [...group.named].sort((one, other) => other[1] - one[1]);
    const { task, label, source } = group;
    return [samplesLink({ task, label, source, outcome: "notright" }, `${task} · ${label} · ${source}`), count(group.failed), count(group.error), count(group.of), `${percent((group.failed + group.error) / group.of)} %`, `${said} (${times})`];
  };
  return plainTable([["Task · true label · source", "Wrong", "Unscored", "Of", "Share", "Mostly answered"], ...groups.map(line)]);
}

/* --- samples ------------------------------------------------------------------------------------------------ */

function columns() {
  return [
    { key: "outcome", title: "Outcome", value: (at) => app.rows[at].outcome, node: (at) => outcomeMark(app.rows[at].outcome) },
    { key: "id", title: "Sample", value: (at) => app.rows[at].id, node: (at) => el("a", { href: address({ sample: app.rows[at].id }) }, app.rows[at].id) },
    { key: "task", title: "Task", value: (at) => app.rows[at].task, narrow: "wide" },
    { key: "source", title: "Source", value: (at) => app.rows[at].source, narrow: "wide" },
    { key: "label", title: "True label", value: (at) => app.rows[at].targets.join(", ") },
    { key: "predicted", title: "Predicted", value: (at) => app.rows[at].predicted.join(", ") || (app.rows[at].outcome === "error" ? null : "(none)") },
    { key: "recognition", title: "Recog.", numeric: true, value: (at) => app.rows[at].r, node: (at) => percent(app.rows[at].r) },
    { key: "reasoning", title: "Reason.", numeric: true, value: (at) => app.rows[at].s, node: (at) => percent(app.rows[at].s) },
    { key: "cot", title: "CoT", numeric: true, value: (at) => rowCot(app.rows[at]), node: (at) => percent(rowCot(app.rows[at])) },
    { key: "steps", title: "Steps", numeric: true, narrow: "wide", value: (at) => app.rows[at].steps },
    { key: "tokens", title: "Tokens", numeric: true, narrow: "wide", value: (at) => app.rows[at].tokens },
  ];
}

/* What the address may ask for; `fits` says whether a row is it. */
function filters() {
  const kinds = (pick) => () => [...new Set(app.rows.filter((row) => !state().get("task") || row.task === state().get("task")).flatMap(pick))].sort();
  const said = (row, value) => (value === "(none)" ? row.outcome !== "error" && row.predicted.length === 0 : row.predicted.includes(value));
  return [
    { name: "task", label: "Task", choices: () => Object.keys(app.report.tasks), fits: (row, value) => row.task === value },
    { name: "source", label: "Source", choices: kinds((row) => [row.source]), fits: (row, value) => row.source === value },
    { name: "label", label: "True label", choices: kinds((row) => row.targets), fits: (row, value) => row.targets.includes(value) },
    { name: "predicted", label: "Predicted", choices: () => [...kinds((row) => row.predicted)(), "(none)"], fits: said },
    { name: "outcome", label: "Outcome", choices: () => [...Object.keys(OUTCOMES), "notright"], titles: { ...OUTCOMES, notright: "not right" },
      fits: (row, value) => row.outcome === value || (value === "notright" && row.outcome !== "passed") },
    { name: "again", label: "Asked again", choices: () => ["1"], titles: { 1: "yes" }, fits: (row) => row.again > 0 },
    ...(standing.counted ? [{ name: "counted", label: "Counted", choices: () => ["1"], titles: { 1: "yes" }, fits: (row) => row.counted }] : []),
  ];
}

const textOf = (record) => [record.answer ?? "", ...record.steps.map((step) => `${step.text} ${step.reason ?? ""}`),
  record.prediction?.text ?? "", record.prediction?.reason ?? "", record.error ?? ""].join("\n");

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

function originNode(provenance) {
  const flat = (value) => (value !== null && typeof value === "object" ? (Array.isArray(value) ? value.join(", ") || "all" : Object.entries(value).map(([name, one]) => `${name} ${flat(one)}`).join(", ")) : String(value ?? "–"));
  const shown = Object.entries(provenance).map(([name, value]) => [name, name === "model" || name === "judge" || name === "extractor" ? value.name ?? value.spec : flat(value)]);
  return el("dl", { class: "origin" }, shown.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

byId("alpha").addEventListener("input", ({ target }) => go({ alpha: target.value === "0.5" ? null : target.value }, { replace: true }));
start().catch((error) => put("banners", el("p", { class: "banner bad" }, `This page cannot be shown: ${error.message}`)));
