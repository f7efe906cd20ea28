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

function draw() {
  document.title = "Two runs · MME-Emotion";
  put("model", `${app.names[0]} → ${app.names[1]}`);
  put("facts", facts());
  put("chart", differenceChart(app.differences));
  put("differences", plainTable(app.difference_rows, { numeric: 2 }));
  put("places", placesTable());
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
  const groups = groupsOf(
    app.rows,
    () => ({ better: 0, worse: 0 }),
    (group, { change }) => {
      if (change in group) group[change] += 1;
    },
  );
  const net = (group) => group.better - group.worse;
  const changed = groups
    .filter((group) => group.better + group.worse)
    .sort((one, other) => Math.abs(net(other)) - Math.abs(net(one)) || other.worse - one.worse);
  if (!changed.length) return el("p", { class: "empty" }, "No sample got better or worse.");
  const line = (group) => {
    const { task, label, source } = group;
    const link = (change) => samplesLink({ task, label, source, change }, count(group[change]));
    const sign = net(group) < 0 ? "−" : "+";
    return [
      `${task} · ${label} · ${source}`,
      link("better"),
      link("worse"),
      sign + Math.abs(net(group)),
      count(group.of),
    ];
  };
  return groupTables(changed, 15, [["Better", "Worse", "Net", "Of"], line]);
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

const textOfBoth = (pair) => pair.map(textOf).join("\n");
const heading = (row) => [changeMark(row.change), " ", row.id];

function body([first, second], row) {
  const [video, note] = videoNode(first, clipOf(first, app.clips));
  const seen = first.frames ? first : second;
  const side = (record, name, about) =>
    el(
      "div",
      {},
      el("h3", {}, name),
      scoresNode(record, 0.5),
      errorNode(record),
      answerNode(record, about),
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
        clueNode(first),
      ),
    ),
    el(
      "div",
      { class: "sides" },
      side(first, `First: ${app.names[0]}`, app.answering[0]),
      side(second, `Second: ${app.names[1]}`, app.answering[1]),
    ),
  ];
}

const render = () => app.browser.render();
startPage(app, { rowsOf, draw, render, filters, columns: COLUMNS, textOf: textOfBoth, heading, body });
