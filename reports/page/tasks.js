"use strict";

/* How the run did, task by task, and where it failed; `app` is the page's. */

/* --- tasks -------------------------------------------------------------------------------------------------- */

function scoreCell(value, interval, floor) {
  return el(
    "td",
    { class: "number score" },
    el("span", {}, percent(value)),
    interval && el("small", {}, ` ${interval.map(percent).join("–")}`),
    value !== null &&
      el(
        "span",
        {
          class: "bar",
          "aria-hidden": "true",
          "--value": value,
          "--low": interval?.[0] ?? value,
          "--high": interval?.[1] ?? value,
        },
        floor !== undefined && el("i", { "--floor": floor }),
      ),
  );
}

function scoreRow(name, scores, path, { floor, published, link } = {}) {
  const cot = cotOf(scores);
  const dense = scores.avg_tokens && cot !== null ? (10000 * cot) / scores.avg_tokens : null;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, link ? samplesLink(link, name) : name),
    el(
      "td",
      { class: "number" },
      count(scores.samples),
      scores.unscored > 0 && el("small", { class: "bad" }, ` ${scores.unscored} unscored`),
    ),
    scoreCell(scores.recognition, scores.intervals.recognition, floor),
    scoreCell(scores.reasoning, scores.intervals.reasoning),
    scoreCell(cot, cotInterval(path)),
    floor !== null && el("td", { class: "number" }, percent(floor)),
    published !== null && el("td", { class: "number" }, percent(published)),
    el("td", { class: "number wide" }, scores.avg_steps?.toFixed(1) ?? "–"),
    el("td", { class: "number wide" }, scores.avg_tokens?.toFixed(0) ?? "–"),
    el("td", { class: "number wide" }, dense?.toFixed(1) ?? "–"),
  );
}

function scoreTable(first, rows, { floors, published } = {}) {
  const titles = [
    first,
    "Samples",
    "Recognition",
    "Reasoning",
    "CoT",
    floors && "Floor",
    published && "Published",
    "Steps",
    "Tokens",
    "CoT / 100 tokens",
  ];
  const wide = new Set(["Steps", "Tokens", "CoT / 100 tokens"]);
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `Scores by ${first.toLowerCase()}` },
    el(
      "table",
      { class: "scores-by" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          titles
            .filter(Boolean)
            .map((title, at) =>
              el("th", { scope: "col", class: at ? `number ${wide.has(title) ? "wide" : ""}` : null }, title),
            ),
        ),
      ),
      el("tbody", {}, rows),
    ),
  );
}

function drawTasks() {
  const { tasks, overall, floors, published, macro, macro_intervals: intervals } = app.report;
  const shown = Object.keys(published).length > 0;
  const row = (name, scores, path, link) =>
    scoreRow(name, scores, path, {
      floor: floors[name] ?? undefined,
      published: shown ? (published[name] ?? undefined) : null,
      link,
    });
  const rows = Object.entries(tasks).map(([name, scores]) => row(name, scores, ["tasks", name], { task: name }));
  const mixed = el(
    "tr",
    {},
    el("th", { scope: "row" }, "mean of tasks"),
    el("td"),
    scoreCell(macro.recognition, intervals.recognition),
    scoreCell(macro.reasoning, intervals.reasoning),
    scoreCell(cotOf(macro), cotInterval(["macro"])),
    el("td"),
    shown && el("td"),
    el("td", { class: "wide" }),
    el("td", { class: "wide" }),
    el("td", { class: "wide" }),
  );
  put(
    "task-table",
    scoreTable("Task", [...rows, row("overall", overall, ["overall"]), mixed], { floors: true, published: shown }),
  );
}

function drawPublished() {
  const choices = ["overall", ...Object.keys(app.report.tasks)];
  const place = choices.find((name) => name === state().get("place")) ?? "overall";
  const score = Object.keys(SCORE_TITLES).find((name) => name === state().get("score")) ?? "recognition";
  const ours = place === "overall" ? app.report.overall : app.report.tasks[place];
  const choose = (label, name, values, chosen, titles = {}) =>
    el(
      "label",
      {},
      el("span", {}, label),
      el(
        "select",
        { onchange: ({ target }) => go({ [name]: target.value }, { replace: true }) },
        values.map((value) => el("option", { value, selected: value === chosen }, titles[value] ?? value)),
      ),
    );
  put(
    "published-controls",
    choose("Task", "place", choices, place),
    choose("Score", "score", Object.keys(SCORE_TITLES), score, SCORE_TITLES),
  );
  const value = score === "cot" ? cotOf(ours) : ours?.[score];
  if (value === null || value === undefined)
    return put("published-chart", el("p", { class: "empty" }, "There is no score."));
  const interval =
    score === "cot" ? cotInterval(place === "overall" ? ["overall"] : ["tasks", place]) : ours.intervals[score];
  put(
    "published-chart",
    ...publishedChart(app.published, place, score, alpha(), {
      name: app.report.model,
      value,
      interval,
      comparable: app.report.incomparable.length === 0,
    }),
  );
}

function drawDetail() {
  const names = Object.keys(app.report.tasks);
  const chosen = names.find((name) => name === state().get("detail")) ?? names[0];
  byId("detail-part").hidden = !chosen;
  if (!chosen) return;
  const { sources, labels } = app.report;
  put(
    "detail-controls",
    el(
      "div",
      { class: "tabs", role: "group", "aria-label": "Task" },
      names.map((name) =>
        el(
          "button",
          {
            type: "button",
            "aria-pressed": String(name === chosen),
            onclick: () => go({ detail: name }, { replace: true }),
          },
          name,
        ),
      ),
    ),
  );
  const rows = app.counted.filter((row) => row.task === chosen && row.outcome !== "error");
  const part = (kind, group, first, link) =>
    scoreTable(
      first,
      Object.entries(group[chosen]).map(([name, scores]) =>
        scoreRow(name, scores, [kind, chosen, name], { floor: null, published: null, link: link(name) }),
      ),
    );
  put(
    "detail",
    el("p", {}, `${app.tasks[chosen].title}: ${app.tasks[chosen].question}`),
    el("h4", {}, "Confusion"),
    confusionTable(rows, chosen),
    app.tasks[chosen].several &&
      el(
        "p",
        { class: "note" },
        "Answers and clips may carry several labels here: each true label counts once for each label named.",
      ),
    el("h4", {}, "By source"),
    part("sources", sources, "Source", (name) => ({ task: chosen, source: name })),
    el("h4", {}, "By true label"),
    part("labels", labels, "Label", (name) => ({ task: chosen, label: name })),
  );
}

function drawLengths() {
  const rows = app.counted.filter((row) => row.r !== null);
  if (rows.length < 5) return put("lengths", el("p", { class: "empty" }, "Fewer than five samples have a score."));
  const known = rows.every((row) => row.tokens !== null);
  const lengths = rows.map((row) => ({ ...row, length: known ? row.tokens : row.signs }));
  const flat = new Set(lengths.map((row) => row.length)).size < 3;
  put(
    "lengths",
    el("figure", {}, el("figcaption", {}, "Reasoning against Recognition"), reasoningChart(rows)),
    el(
      "figure",
      {},
      el("figcaption", {}, "Scores against the length of the answer"),
      flat
        ? el("p", { class: "note" }, "All answers are about equally long.")
        : lengthChart(lengths, known ? "tokens" : "characters"),
      el("p", { class: "note" }, app.length_note),
    ),
  );
}

function drawAgreement() {
  byId("agreement").hidden = app.agreement_notes.length === 0;
  put(
    "agreement",
    el("h2", {}, "Can the judge be trusted?"),
    el(
      "ul",
      {},
      app.agreement_notes.map((note) => el("li", {}, note)),
    ),
  );
}

/* --- failures ----------------------------------------------------------------------------------------------- */

function drawFailures() {
  const groups = groupsOf(
    app.counted,
    () => ({ failed: 0, error: 0, named: new Map() }),
    (group, row) => {
      if (row.outcome === "passed") return;
      group[row.outcome] += 1;
      const said = row.outcome === "error" ? "no score" : row.predicted.join(" + ") || "no label";
      group.named.set(said, (group.named.get(said) ?? 0) + 1);
    },
  );
  const lost = (group) => group.failed + group.error;
  const worst = groups.filter(lost).sort((one, other) => lost(other) - lost(one));
  if (!worst.length)
    return put(
      "failures",
      el("p", { class: "empty" }, app.counted.length ? "Every answer was right." : "No sample was asked."),
    );
  const line = (group) => {
    const { task, label, source } = group;
    const [said, times] = [...group.named].sort((one, other) => other[1] - one[1])[0];
    return [
      samplesLink({ task, label, source, outcome: "notright" }, `${task} · ${label} · ${source}`),
      count(group.failed),
      count(group.error),
      count(group.of),
      `${percent(lost(group) / group.of)} %`,
      `${said} (${times})`,
    ];
  };
  return put("failures", groupTables(worst, 12, [["Wrong", "Unscored", "Of", "Share", "Mostly answered"], line]));
}
