"use strict";

/* The page of two runs beside each other. A record is a pair: what the first run has of a sample, and what the second. */

const app = {};

const CHANGES = {
  better: "▲ better",
  worse: "▼ worse",
  reasons: "~ reasoning alone",
  same: "= same",
  gained: "▲ now scored",
  lost: "▼ no longer scored",
  unscored: "! unscored in both",
};
const changeMark = (change) =>
  el(
    "span",
    { class: `outcome ${{ better: "better", gained: "better", worse: "worse", lost: "worse" }[change] ?? ""}` },
    CHANGES[change],
  );

async function start() {
  const page = await unpack(byId("page-data").textContent);
  Object.assign(app, page, { shards: new Shards(page.shards), rows: rowsOf(page.index) });
  document.title = "Two runs · MME-Emotion";
  app.browser = new Browser({
    rows: app.rows,
    shards: app.shards,
    columns: COLUMNS,
    filters: filters(),
    textOf,
    heading,
    body,
  });
  put("model", `${app.names[0]} → ${app.names[1]}`);
  put(
    "about",
    app.about.map(([name, value]) => el("span", {}, el("b", {}, `${name} `), value)),
  );
  put(
    "banners",
    app.banners.map((banner) => el("p", { class: "banner" }, el("span", { "aria-hidden": "true" }, "⚠ "), banner)),
  );
  put("facts", facts());
  put("chart", differenceChart(app.differences));
  put("differences", plainTable(app.difference_rows, { numeric: 2 }));
  put("places", placesTable());
  whenAddressChanges(() => app.browser.render());
  app.browser.render();
  document.body.dataset.ready = "true";
  app.browser.readTexts();
}

function rowsOf(index) {
  return index.id.map((id, at) => {
    const [targets, first, second] = [index.targets, index.first_labels, index.second_labels].map(
      (column) => index.labels[column[at]],
    );
    const [r, s] = [
      [index.first_recognition[at], index.second_recognition[at]],
      [index.first_reasoning[at], index.second_reasoning[at]],
    ];
    return {
      at,
      id,
      targets,
      first,
      second,
      r,
      s,
      task: index.tasks[index.task[at]],
      source: index.sources[index.source[at]],
      change: changeOf(r, s),
      words: [id, ...targets, ...first, ...second].join("\n").toLowerCase(),
    };
  });
}

function changeOf([before, after], [why, whyNow]) {
  if (before === null || after === null) return before === after ? "unscored" : before === null ? "gained" : "lost";
  if (after !== before) return after > before ? "better" : "worse";
  return why === whyNow ? "same" : "reasons";
}

function facts() {
  return Object.entries(CHANGES).map(([change, title]) =>
    el(
      "div",
      {},
      el("dt", {}, title),
      el("dd", {}, samplesLink({ change }, count(app.rows.filter((row) => row.change === change).length))),
    ),
  );
}

function differenceChart(differences) {
  const rows = differences.map((one) => ({
    ...one,
    difference: 100 * (one.second - one.first),
    low: 100 * one.interval[0],
    high: 100 * one.interval[1],
  }));
  const names = [...new Set(rows.map((row) => row.place))];
  return plot(
    {
      width: 900,
      height: 70 + 26 * names.length,
      marginLeft: 80,
      fx: { label: null, domain: Object.values(SCORE_TITLES) },
      x: { label: "points", grid: true, nice: true },
      y: { label: null, domain: names, tickSize: 0 },
      marks: [
        Plot.ruleX([0], { stroke: "currentColor" }),
        Plot.ruleY(rows, {
          fx: (row) => SCORE_TITLES[row.score],
          x1: "low",
          x2: "high",
          y: "place",
          stroke: OURS,
          strokeWidth: 3,
          strokeOpacity: 0.45,
        }),
        Plot.dot(rows, { fx: (row) => SCORE_TITLES[row.score], x: "difference", y: "place", r: 4, fill: OURS }),
      ],
    },
    "Differences by task with their 95 % intervals",
  );
}

function placesTable() {
  const groups = new Map();
  for (const row of app.rows) {
    for (const label of row.targets) {
      const key = `${row.task}\n${label}\n${row.source}`;
      const group = groups.get(key) ?? { task: row.task, label, source: row.source, better: 0, worse: 0, of: 0 };
      groups.set(key, group);
      group.of += 1;
      if (row.change in group) group[row.change] += 1;
    }
  }
  const moved = [...groups.values()]
    .filter((group) => group.better + group.worse)
    .sort(
      (one, other) =>
        Math.abs(other.better - other.worse) - Math.abs(one.better - one.worse) || other.worse - one.worse,
    );
  if (!moved.length) return el("p", { class: "empty" }, "No sample got better or worse.");
  const line = (group) => {
    const link = (change) =>
      samplesLink({ task: group.task, label: group.label, source: group.source, change }, count(group[change]));
    return [
      `${group.task} · ${group.label} · ${group.source}`,
      link("better"),
      link("worse"),
      `${group.better < group.worse ? "−" : "+"}${Math.abs(group.better - group.worse)}`,
      count(group.of),
    ];
  };
  const head = ["Task · true label · source", "Better", "Worse", "Net", "Of"];
  const rest = moved.slice(15);
  return [
    plainTable([head, ...moved.slice(0, 15).map(line)]),
    rest.length > 0 &&
      el("details", {}, el("summary", {}, many(rest.length, "smaller group")), plainTable([head, ...rest.map(line)])),
  ];
}

const listed = (labels) => labels.join(", ") || "–";
const moved = (pair) => (pair[0] === null || pair[1] === null ? null : pair[1] - pair[0]);
const movedNode = (pair) => (moved(pair) === null ? "–" : points(moved(pair)));

const COLUMNS = [
  { key: "change", title: "Change", value: (row) => row.change, node: (row) => changeMark(row.change) },
  ...WHICH,
  { key: "first", title: "First named", value: (row) => listed(row.first) },
  { key: "second", title: "Second named", value: (row) => listed(row.second) },
  { key: "recognition", title: "Recog.", numeric: true, value: (row) => moved(row.r), node: (row) => movedNode(row.r) },
  { key: "reasoning", title: "Reason.", numeric: true, value: (row) => moved(row.s), node: (row) => movedNode(row.s) },
];

function filters() {
  const change = {
    name: "change",
    label: "Change",
    choices: () => Object.keys(CHANGES),
    titles: CHANGES,
    fits: (row, value) => row.change === value,
  };
  return [change, ...whichFilters(app.rows, app.places)];
}

const said = (record) =>
  [
    record.answer ?? "",
    ...record.steps.map((step) => `${step.text} ${step.reason ?? ""}`),
    record.prediction?.text ?? "",
  ].join("\n");
const textOf = (pair) => pair.map(said).join("\n");
const heading = (row) => [changeMark(row.change), " ", row.id];

function body([first, second], row) {
  const [video, note] = videoNode(first, clipOf(first, app.clips));
  const seen = first.frames ? first : second;
  const side = (record, name) =>
    el(
      "div",
      {},
      el("h3", {}, name),
      scoresNode(record, 0.5),
      record.error && el("p", { class: "banner bad" }, el("strong", {}, `No score (${record.stage}): `), record.error),
      el("p", { class: "said answer" }, record.answer ?? "There is no answer."),
      stepsNode(record),
    );
  return [
    el("p", { class: "note" }, `${row.task} · ${row.source} · true ${row.targets.join(", ")}`),
    el(
      "div",
      { class: "beside" },
      el("div", {}, video, note, first.waveform && waveformNode(first.waveform, seen.frames, video)),
      el(
        "div",
        {},
        section("Question", el("p", {}, first.question), labelsNode({ ...first, predicted: [] })),
        section("What the judge saw", framesNode(seen, app.shards, video, "The judge")),
        section(
          "Audio clue",
          el("p", { class: "said" }, first.audio_clue ?? "Nobody has described the sound of this clip."),
        ),
      ),
    ),
    el("div", { class: "sides" }, side(first, `First: ${app.names[0]}`), side(second, `Second: ${app.names[1]}`)),
  ];
}

start().catch((error) =>
  put("banners", el("p", { class: "banner bad" }, `This page cannot be shown: ${error.message}`)),
);
