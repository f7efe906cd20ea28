"use strict";

/* The page that compares two runs. A record is a pair: the sample in the first run and in the second. */

/* The ways in which a sample can change, by the headline, and the words for them. */
function changes() {
  const others = ownMeasures().slice(1);
  return {
    better: "▲ better",
    worse: "▼ worse",
    ...(others.length && { others: `~ ${others.map(({ title }) => title).join(", ")} only` }),
    same: "= same",
    gained: "▲ now scored",
    lost: "▼ no longer scored",
    unscored: "! unscored in both",
  };
}

function ChangeMark({ change }) {
  const kind = { better: "better", gained: "better", worse: "worse", lost: "worse" }[change];
  return html`<span class=${classes("outcome", kind)}>${changes()[change]}</span>`;
}

function draw() {
  show("model", `${app.names[0]} → ${app.names[1]}`);
  show("facts", Object.entries(changes()).map(fact));
  show("chart", html`<${DifferenceChart} differences=${app.differences} />`);
  show("differences", html`<${Table} rows=${app.difference_rows} numeric=${2} />`);
  show("places", html`<${Places} />`);
}

function rowsOf(index) {
  const rows = rowsFrom(index);
  for (const row of rows) {
    row.pair = index.scores.map((scores) => scoresAt(scores, row.at));
    row.change = changeOf(row.pair);
    row.words = wordsIn(row, ...row.first, ...row.second);
  }
  return rows;
}

function changeOf(pair) {
  const [before, after] = pair.map((scores) => scoreIn(scores, headline()));
  if (before === null || after === null) return before === after ? "unscored" : before === null ? "gained" : "lost";
  if (after !== before) return after > before ? "better" : "worse";
  const [was, is] = pair;
  return ownMeasures().every(({ name }) => was[name] === is[name]) ? "same" : "others";
}

function fact([change, title]) {
  const number = app.rows.filter((row) => row.change === change).length;
  return html`<div><dt>${title}</dt><dd><${SamplesLink} like=${{ change }}>${count(number)}<//></dd></div>`;
}

function DifferenceChart({ differences }) {
  const rows = differences.map((one) => ({
    ...one,
    title: titleOf(one.score),
    difference: 100 * one.change,
    low: 100 * one.interval[0],
    high: 100 * one.interval[1],
  }));
  const names = [...new Set(rows.map((row) => row.place))];
  const options = {
    width: 900,
    height: 70 + 26 * names.length,
    marginLeft: 80,
    fx: { label: null, domain: app.measures.map(({ title }) => title) },
    x: { label: "points", grid: true, nice: true },
    y: { label: null, domain: names, tickSize: 0 },
    marks: [
      Plot.ruleX([0], { stroke: "currentColor" }),
      Plot.ruleY(rows, { ...INTERVAL, fx: "title", y: "place" }),
      Plot.dot(rows, { fx: "title", x: "difference", y: "place", r: 4, fill: OURS }),
    ],
  };
  return html`<${Chart} options=${options} label="Differences by task with their 95 % intervals" />`;
}

function Places() {
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
  if (!changed.length) return html`<p class="empty">No sample got better or worse.</p>`;
  const line = (group) => {
    const { task, label, source } = group;
    const link = (change) => html`
      <${SamplesLink} like=${{ task, label, source, change }}>${count(group[change])}<//>
    `;
    const sign = net(group) < 0 ? "−" : "+";
    return [groupName(group), link("better"), link("worse"), sign + Math.abs(net(group)), count(group.of)];
  };
  return html`<${GroupTables} groups=${changed} shown=${15} head=${["Better", "Worse", "Net", "Of"]} line=${line} />`;
}

const listed = (labels) => labels.join(", ") || "–";

function moved({ pair }, measure) {
  const [before, after] = pair.map((scores) => scoreIn(scores, measure));
  return before === null || after === null ? null : after - before;
}

function columns() {
  return [
    { key: "change", title: "Change", node: (row) => html`<${ChangeMark} change=${row.change} />` },
    ...WHICH,
    { key: "first", title: "First named", value: (row) => listed(row.first) },
    { key: "second", title: "Second named", value: (row) => listed(row.second) },
    ...ownMeasures().map((measure) => scoreColumn(measure, moved, points)),
  ];
}

function filters() {
  const change = { name: "change", label: "Change", choices: () => Object.keys(changes()), titles: changes() };
  return [change, ...whichFilters(app.rows, app.places)];
}

const textOfBoth = (pair) => pair.map(textOf).join("\n");
const heading = (row) => html`<${ChangeMark} change=${row.change} /> ${row.id}`;

const Side = ({ record, name, about }) => html`
  <div>
    <h3>${name}</h3>
    <${Scores} record=${record} />
    <${Trouble} record=${record} />
    <${Answer} record=${record} about=${about} />
    <${Steps} record=${record} />
  </div>
`;

function Pair({ first, second }) {
  const video = useRef(null);
  const seen = first.frames ? first : second;
  return html`
    <div class="beside">
      <div>
        ${first.has_clip && html`<${Clip} record=${first} source=${clipOf(first, app.clips)} seen=${seen.frames} video=${video} />`}
      </div>
      <div>
        <${Section} title="Question">
          <p class="said">${first.question}</p>
          <${Labels} choices=${first.label_set} targets=${first.targets} />
        <//>
        ${first.has_clip && html`<${Section} title="What the judge saw"><${Frames} record=${seen} video=${video} judge="The judge" /><//>`}
        ${first.has_clip && html`<${Clue} record=${first} />`}
      </div>
    </div>
    <div class="sides">
      <${Side} record=${first} name="First: ${app.names[0]}" about=${app.answering[0]} />
      <${Side} record=${second} name="Second: ${app.names[1]}" about=${app.answering[1]} />
    </div>
  `;
}

function body([first, second], row) {
  return html`
    <p class="note">${row.task} · ${row.source} · true ${row.targets.join(", ")}</p>
    <${Pair} key=${row.id} first=${first} second=${second} />
  `;
}

const render = () => app.browser.render();
startPage({ rowsOf, draw, render, filters, columns, textOf: textOfBoth, heading, body });
