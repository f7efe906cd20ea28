"use strict";

/* The page of one run. Everything shown follows from the data and the address. */

const app = {};

async function start() {
  const page = await unpack(byId("page-data").textContent);
  Object.assign(app, page, { shards: new Shards(page.shards), rows: rowsOf(page.index), texts: [], read: 0 });
  document.title = `${app.report.model} · MME-Emotion`;
  app.listing = new Listing("listing", columns(), { pageSize: 50 });
  drawFixed();
  whenAddressChanges(render);
  addEventListener("keydown", onKey);
  render();
  document.body.dataset.ready = "true";
  (globalThis.requestIdleCallback ?? setTimeout)(readTexts);
}

/* Columns of the index as objects, a sample each. */
function rowsOf(index) {
  return index.id.map((id, at) => {
    const targets = index.labels[index.targets[at]];
    const predicted = index.labels[index.predicted[at]];
    return {
      at, id, targets, predicted, task: index.tasks[index.task[at]], source: index.sources[index.source[at]],
      outcome: index.outcomes[index.outcome[at]], r: index.recognition[at], s: index.reasoning[at],
      steps: index.steps[at], tokens: index.tokens[at], signs: index.signs[at], again: index.again[at],
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
  const { report, texts } = app;
  put("model", report.model);
  put("about", app.about.map(([name, value]) => el("span", {}, el("b", {}, `${name} `), value)));
  put("banners", app.banners.map((banner) => el("p", { class: "banner" }, el("span", { "aria-hidden": "true" }, "⚠ "), banner)));
  drawGate(report);
  put("facts", facts(report));
  put("notes", app.notes.map((note) => el("li", {}, note)));
  put("origin", originNode(report.provenance));
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
  const outcomes = Object.keys(OUTCOMES).map((name) => [name, app.rows.filter((row) => row.outcome === name).length]);
  const again = app.rows.filter((row) => row.again).length;
  const fact = (name, value, more) => el("div", {}, el("dt", {}, name), el("dd", {}, value, more && el("small", {}, more)));
  return [
    ...outcomes.map(([name, number]) => fact(OUTCOMES[name], el("a", { href: address({ outcome: name, at: "samples" }) }, count(number)))),
    fact("Coverage", `${percent(overall.scored / Math.max(1, report.selected))} %`, ` ${count(overall.scored)} of ${count(report.selected)} scored`),
    fact("Asked again", el("a", { href: address({ again: "1", at: "samples" }) }, count(again)), ` replies refused; ${many(retries, "request")} sent again`),
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
  byId("alpha-value").textContent = alpha() === 0.5 ? "0.5, as published" : String(alpha());
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
  return el("tr", {}, el("th", { scope: "row" }, link ? el("a", { href: link }, name) : name),
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
  const rows = Object.entries(tasks).map(([name, scores]) => row(name, scores, ["tasks", name], address({ task: name, at: "samples" })));
  const mixed = el("tr", {}, el("th", { scope: "row" }, "mean of tasks"), el("td"), scoreCell(macro.recognition, intervals.recognition), scoreCell(macro.reasoning, intervals.reasoning),
    scoreCell(cotOf(macro), cotInterval(["macro"])), el("td"), shown && el("td"), el("td", { class: "wide" }), el("td", { class: "wide" }), el("td", { class: "wide" }));
  put("task-table", scoreTable("Task", [...rows, row("overall", overall, ["overall"]), mixed], { floors: true, published: shown }));
}

function drawPublished() {
  const place = state().get("place") ?? "overall";
  const score = state().get("score") ?? "recognition";
  const ours = place === "overall" ? app.report.overall : app.report.tasks[place];
  const choices = ["overall", ...Object.keys(app.report.tasks)];
  const choose = (label, name, values, chosen, titles = {}) => el("label", {}, el("span", {}, label), el("select", { onchange: ({ target }) => go({ [name]: target.value }, { replace: true }) },
    values.map((value) => el("option", { value, selected: value === chosen }, titles[value] ?? value))));
  put("published-controls", choose("Task", "place", choices, place), choose("Score", "score", Object.keys(SCORE_TITLES), score, SCORE_TITLES));
  const value = score === "cot" ? cotOf(ours) : ours?.[score];
  if (value === null || value === undefined) return put("published-chart", el("p", { class: "empty" }, "There is no score."));
  const interval = score === "cot" ? cotInterval(place === "overall" ? ["overall"] : ["tasks", place]) : ours.intervals[score];
  put("published-chart", ...publishedChart(app.published, place, score, alpha(), { name: app.report.model, value, interval }));
}

function drawDetail() {
  const names = Object.keys(app.report.tasks);
  const chosen = state().get("detail") ?? names[0];
  if (!names.includes(chosen)) return;
  const { sources, labels, floors } = app.report;
  put("detail-controls", el("div", { class: "tabs", role: "group", "aria-label": "Task" }, names.map((name) =>
    el("button", { type: "button", "aria-pressed": String(name === chosen), onclick: () => go({ detail: name }, { replace: true }) }, name))));
  const rows = app.rows.filter((row) => row.task === chosen && row.outcome !== "error");
  const part = (kind, group, first, link) => scoreTable(first, Object.entries(group[chosen]).map(([name, scores]) => scoreRow(name, scores, [kind, chosen, name], { floor: null, published: null, link: link(name) })));
  put("detail",
    el("p", {}, `${app.tasks[chosen].title}: ${app.tasks[chosen].question}`),
    el("h4", {}, "Confusion"), confusionTable(rows, chosen),
    app.tasks[chosen].several && el("p", { class: "note" }, "Answers and clips may carry several labels here: each true label counts once for each label named."),
    el("h4", {}, "By source"), part("sources", sources, "Source", (name) => address({ task: chosen, source: name, at: "samples" })),
    el("h4", {}, "By true label"), part("labels", labels, "Label", (name) => address({ task: chosen, label: name, at: "samples" })));
}

function drawLengths() {
  const rows = app.rows.filter((row) => row.r !== null);
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
  for (const row of app.rows) {
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
  put("failures", worst.length ? failureTable(shown) : el("p", { class: "empty" }, "Every answer was right."),
    rest.length > 0 && el("details", {}, el("summary", {}, `${many(rest.length, "smaller group")}`), failureTable(rest)));
}

function failureTable(groups) {
  const line = (group) => {
    const [[said, times] = []] = [...group.named].sort((one, other) => other[1] - one[1]);
    const link = address({ task: group.task, label: group.label, source: group.source, outcome: "notright", at: "samples" });
    return [el("a", { href: link }, `${group.task} · ${group.label} · ${group.source}`), count(group.failed), count(group.error), count(group.of), `${percent((group.failed + group.error) / group.of)} %`, `${said} (${times})`];
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

/* The places of the samples that the address asks for, in its order. */
function chosen() {
  const asked = state();
  const equals = (name, value) => !asked.get(name) || asked.get(name) === value;
  const outcome = asked.get("outcome");
  const words = wordsOf(asked.get("q") ?? "");
  const label = asked.get("label");
  const predicted = asked.get("predicted");
  const fits = (row) => equals("task", row.task) && equals("source", row.source)
    && (!outcome || row.outcome === outcome || (outcome === "notright" && row.outcome !== "passed"))
    && (!label || row.targets.includes(label))
    && (!predicted || (predicted === "(none)" ? row.outcome !== "error" && row.predicted.length === 0 : row.predicted.includes(predicted)))
    && (!asked.get("again") || row.again > 0)
    && words.every((word) => row.words.includes(word) || app.texts[row.at]?.includes(word));
  return app.listing.sorted(app.rows.filter(fits).map((row) => row.at));
}

/* Answers and steps are brought in behind the first view, for the search. */
async function readTexts() {
  try {
    await app.shards.eachShard((records, first) => {
      records.forEach((record, at) => {
        app.texts[first + at] = [record.answer ?? "", ...record.steps.map((step) => `${step.text} ${step.reason ?? ""}`), record.prediction?.text ?? "", record.prediction?.reason ?? "", record.error ?? ""].join("\n").toLowerCase();
      });
      app.read += records.length;
      showReading();
    });
  } catch (error) {
    app.unread = error.message;
  }
  showReading();
  document.body.dataset.searchable = "true";
  if (state().get("q")) renderList();
}

function showReading() {
  const reading = app.read < app.rows.length;
  byId("search-note").textContent = app.unread ? `Answers and steps cannot be searched: ${app.unread}` : reading ? `reading answers: ${percent(app.read / app.rows.length)} %` : "";
}

function renderFilters() {
  const asked = state();
  const within = app.rows.filter((row) => !asked.get("task") || row.task === asked.get("task"));
  const kinds = (pick) => [...new Set(within.flatMap(pick))].sort();
  const active = ["task", "source", "label", "predicted", "outcome", "again", "q", "sort"].filter((name) => asked.get(name));
  put("filters",
    picker("Task", "task", Object.keys(app.report.tasks)),
    picker("Source", "source", kinds((row) => [row.source])),
    picker("True label", "label", kinds((row) => row.targets)),
    picker("Predicted", "predicted", [...kinds((row) => row.predicted), "(none)"]),
    picker("Outcome", "outcome", [...Object.keys(OUTCOMES), "notright"], { ...OUTCOMES, notright: "not right" }),
    asked.get("again") && el("span", { class: "chip" }, "asked again"),
    active.length > 0 && el("button", { type: "button", onclick: () => go(Object.fromEntries([...active, "page"].map((name) => [name, null]))) }, "Clear"));
  const search = byId("search");
  if (document.activeElement !== search) search.value = asked.get("q") ?? "";
}

function renderList() {
  app.chosen = chosen();
  app.listing.show(app.chosen);
}

async function renderSample(id) {
  const row = app.rows.find((one) => one.id === id);
  const place = app.chosen.indexOf(row?.at);
  const to = (other, text, label) => el("button", { type: "button", "aria-label": label, disabled: other === undefined, onclick: () => go({ sample: app.rows[other].id }) }, text);
  put("sample-bar",
    el("button", { type: "button", onclick: () => go({ sample: null }) }, "✕ Close"),
    to(app.chosen[place - 1], "‹ Previous", "Previous sample"), to(place < 0 ? undefined : app.chosen[place + 1], "Next ›", "Next sample"),
    el("span", { class: "note" }, place < 0 ? "not among the samples chosen" : `${count(place + 1)} of ${count(app.chosen.length)}`, el("span", { class: "keys" }, " · keys: ← → or k j, space plays, Esc closes")));
  if (!row) return put("sample-body", el("h2", {}, id), el("p", { class: "empty" }, "This run has no such sample."));
  const heading = el("h2", { tabindex: "-1", id: "sample-title" }, outcomeMark(row.outcome), " ", id);
  try {
    const record = await app.shards.record(row.at);
    if (state().get("sample") !== id) return undefined;
    put("sample-body", heading, el("p", { class: "note" }, `${row.task} · ${row.source} · true ${row.targets.join(", ")} · predicted ${row.predicted.join(", ") || "nothing"}`),
      sampleNode(record, { shards: app.shards, clip: clipOf(record), command: app.command, judge: app.judge, alpha: alpha() }));
  } catch (error) {
    put("sample-body", heading, el("p", { class: "banner bad" }, `${error.message} Keep report.html and the folder report together.`));
  }
  heading.focus({ preventScroll: true });
  return undefined;
}

function clipOf({ id, clip }) {
  const { base, urls } = app.clips;
  return urls[id] ?? (base && clip ? base + clip.split("/").map(encodeURIComponent).join("/") : null);
}

/* --- address and keys --------------------------------------------------------------------------------------- */

function render() {
  const asked = state();
  const id = asked.get("sample");
  const opened = byId("sample").hidden === false;
  drawScores();
  const drawn = `${asked.get("alpha")}`;
  if (app.drawnTasks !== drawn) { drawTasks(); app.drawnTasks = drawn; }
  const published = `${drawn} ${asked.get("place")} ${asked.get("score")}`;
  if (app.drawnPublished !== published) { drawPublished(); app.drawnPublished = published; }
  const detail = `${drawn} ${asked.get("detail")}`;
  if (app.drawnDetail !== detail) { drawDetail(); app.drawnDetail = detail; }
  renderFilters();
  renderList();
  byId("sample").hidden = !id;
  byId("overview").hidden = Boolean(id);
  if (id) {
    if (!opened) app.scrolled = scrollY;
    renderSample(id);
    scrollTo(0, 0);
  } else if (opened) {
    put("sample-body");
    scrollTo(0, app.scrolled ?? 0);
  }
  if (!id && asked.get("at")) { byId(asked.get("at"))?.scrollIntoView(); go({ at: null }, { replace: true }); }
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = event.target.closest?.("input, select, textarea");
  if (event.key === "/" && !typing && !state().get("sample")) { event.preventDefault(); byId("search").focus(); return; }
  if (!state().get("sample") || typing) return;
  const video = document.querySelector("#sample video");
  const step = (by) => document.querySelector(`#sample-bar [aria-label="${by > 0 ? "Next" : "Previous"} sample"]:not(:disabled)`)?.click();
  const onControl = event.target.closest?.("button, a, video, summary");
  if (event.key === "Escape") go({ sample: null });
  else if (["ArrowRight", "j"].includes(event.key) && event.target.tagName !== "VIDEO") step(1);
  else if (["ArrowLeft", "k"].includes(event.key) && event.target.tagName !== "VIDEO") step(-1);
  else if (event.key === " " && video && !onControl) { event.preventDefault(); if (video.paused) video.play(); else video.pause(); }
}

function originNode(provenance) {
  const flat = (value) => (value !== null && typeof value === "object" ? (Array.isArray(value) ? value.join(", ") || "all" : Object.entries(value).map(([name, one]) => `${name} ${flat(one)}`).join(", ")) : String(value ?? "–"));
  const shown = Object.entries(provenance).map(([name, value]) => [name, name === "model" || name === "judge" || name === "extractor" ? value.name ?? value.spec : flat(value)]);
  return el("dl", { class: "origin" }, shown.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function listen() {
  let waiting;
  byId("search").addEventListener("input", ({ target }) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => go({ q: target.value.trim() || null, page: null }, { replace: true }), 60);
  });
  byId("search").addEventListener("keydown", (event) => { if (event.key === "Escape") event.target.blur(); });
  byId("alpha").addEventListener("input", ({ target }) => go({ alpha: target.value === "0.5" ? null : target.value }, { replace: true }));
}

listen();
start().catch((error) => put("banners", el("p", { class: "banner bad" }, `This page cannot be shown: ${error.message}`)));
