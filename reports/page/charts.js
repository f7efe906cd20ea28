"use strict";

/* Charts, drawn as SVG by Observable Plot, which plots numbers and makes text nodes of strings. */

const OURS = "var(--accent)";
const THEIRS = "var(--dim)";
const COLOURS = ["var(--accent)", "var(--second)", "var(--good)", "var(--bad)", "var(--partly)"];

/* Options of the line of an interval, and of the text to the right of a mark. */
const INTERVAL = { x1: "low", x2: "high", stroke: OURS, strokeWidth: 3, strokeOpacity: 0.45 };
const BESIDE = { textAnchor: "start", fill: "currentColor" };

/* A chart of Plot; `label` describes it for screen readers. */
function Chart({ options, label }) {
  const draw = (holder) => {
    if (!holder) return;
    const style = { background: "none", fontFamily: "inherit", fontSize: "12px", overflow: "visible" };
    const drawn = Plot.plot({ style, ...options });
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", label);
    holder.replaceChildren(drawn);
  };
  return html`<div ref=${draw}></div>`;
}

/* The published models and the run; `ours` is {name, value, interval, comparable}. */
function PublishedChart({ place, measure, ours }) {
  const parts = [measure.name, ...(measure.mix ?? [])];
  const doubts = app.published.doubtful.filter(
    (cell) => cell.task === place && parts.some((name) => Object.hasOwn(cell.printed, name)),
  );
  const rows = publishedScores(place)
    .map(([name, scores]) => ({ name, score: scoreIn(scores, measure) }))
    .filter(({ score }) => score !== null)
    .map(({ name, score }) => ({ name, value: 100 * score, doubt: doubts.some((cell) => cell.model === name) }));
  const us = {
    name: `▸ ${ours.name}`,
    value: 100 * ours.value,
    low: 100 * (ours.interval?.[0] ?? ours.value),
    high: 100 * (ours.interval?.[1] ?? ours.value),
    us: true,
  };
  const all = [...rows, us].sort((one, other) => other.value - one.value);
  const rank = ours.comparable
    ? `Rank ${all.indexOf(us) + 1} of ${all.length}.`
    : "This run is not comparable with them; the top of the page says why.";
  const furthest = Math.max(70, ...all.map((row) => row.high ?? row.value)) + 3;
  const options = {
    width: 640,
    height: 74 + 21 * all.length,
    marginBottom: 44,
    marginLeft: 190,
    marginRight: 50,
    x: {
      label: `${measure.title}, percent`,
      domain: measure.bounded ? [0, furthest] : undefined,
      grid: true,
      nice: true,
    },
    y: { label: null, domain: all.map((row) => row.name), tickSize: 0 },
    marks: [
      Plot.ruleY([us], { ...INTERVAL, y: "name", strokeLinecap: "round" }),
      Plot.dot(all, {
        x: "value",
        y: "name",
        r: (row) => (row.us ? 6 : 4),
        fill: (row) => (row.us ? OURS : row.doubt ? "var(--paper)" : THEIRS),
        stroke: (row) => (row.us ? OURS : THEIRS),
        strokeWidth: 1.5,
      }),
      Plot.text(all, {
        ...BESIDE,
        x: (row) => row.high ?? row.value,
        y: "name",
        text: (row) => tenths(row.value) + (row.doubt ? " ?" : ""),
        dx: 9,
      }),
    ],
  };
  const said = doubts.flatMap(({ model, printed, implied }) =>
    parts
      .filter((name) => Object.hasOwn(printed, name))
      .map(
        (name) =>
          `${model}: ${titleOf(name)} is printed as ${percent(printed[name])}, its other figures imply ${percent(implied[name])}.`,
      ),
  );
  const hollow = ` Hollow points with a question mark: other figures of the paper contradict the printed one. ${said.join(" ")}`;
  return html`
    <${Chart} options=${options} label="${measure.title} of ${ours.name} among the published models. ${rank}" />
    <p class="note">${rank}${said.length > 0 && hollow}</p>
  `;
}

/* The published models with scores at a place, as [name, scores]. */
function publishedScores(place) {
  return Object.entries(app.published.models)
    .map(([name, row]) => [name, place === "overall" ? row.overall : row.tasks[place]])
    .filter(([, scores]) => scores);
}

/* Scores by the length of the answer; each point is the mean of a tenth of the samples. */
function LengthChart({ rows, unit }) {
  const measures = markedMeasures(rows);
  const titles = measures.map(({ title }) => title);
  const bins = measures.flatMap((measure) => binsOf(rows, measure));
  const options = {
    width: 560,
    height: 280,
    marginBottom: 44,
    marginRight: 90,
    x: { label: `Length of the answer, ${unit}`, nice: true },
    y: { label: "percent", domain: axisOf(...measures), grid: true },
    color: { domain: titles, range: titles.map((_, at) => COLOURS[at % COLOURS.length]) },
    marks: [
      Plot.lineY(bins, { x: "length", y: "value", z: "name", stroke: "name", strokeWidth: 2 }),
      Plot.dot(bins, {
        x: "length",
        y: "value",
        fill: "name",
        r: 3.5,
        symbol: "name",
        title: (bin) => `${bin.name} ${tenths(bin.value)} over ${bin.members} samples`,
      }),
      Plot.text(
        bins,
        Plot.selectLast({ x: "length", y: "value", z: "name", text: "name", fill: "name", textAnchor: "start", dx: 8 }),
      ),
    ],
  };
  return html`<${Chart} options=${options} label="${titles.join(" and ")} by length of the answer in ${unit}" />`;
}

function binsOf(rows, measure) {
  const known = rows.filter((row) => row.length !== null && scoreIn(row.scores, measure) !== null);
  const sorted = known.sort((one, other) => one.length - other.length);
  const size = sorted.length / Math.min(10, Math.max(1, Math.floor(sorted.length / 5)));
  const bins = [];
  for (let at = 0; at < sorted.length - 0.5; at += size) {
    const members = sorted.slice(Math.round(at), Math.round(at + size));
    bins.push({
      name: measure.title,
      length: mean(members.map((row) => row.length)),
      value: 100 * mean(members.map((row) => scoreIn(row.scores, measure))),
      members: members.length,
    });
  }
  return bins;
}

/* The user's points after each of its messages. */
function PointsChart({ talk }) {
  const points = talk.filter(({ points }) => points !== null).map(({ points }, at) => ({ message: at + 1, points }));
  const options = {
    width: 560,
    height: 200,
    marginBottom: 44,
    marginRight: 40,
    x: { label: "Message of the user", ticks: points.map(({ message }) => message), tickFormat: String },
    y: { label: "points", grid: true, zero: true, nice: true },
    marks: [
      Plot.lineY(points, { x: "message", y: "points", stroke: OURS, strokeWidth: 2 }),
      Plot.dot(points, { x: "message", y: "points", fill: OURS, r: 3.5 }),
      Plot.text(points, Plot.selectLast({ ...BESIDE, x: "message", y: "points", text: "points", dx: 8 })),
    ],
  };
  const said = points.map(({ points: number }) => number).join(", ");
  return html`<${Chart} options=${options} label="The user's points after each message: ${said}" />`;
}

/* The mean of a measure over the samples that are wrong, partly right and right by the headline. */
function ByHeadlineChart({ rows, measure }) {
  const groups = [
    ["wrong", (score) => score === 0],
    ["partly right", (score) => score > 0 && score < 1],
    ["right", (score) => score === 1],
  ];
  const known = rows.filter(({ scores }) => [headline(), measure].every((one) => scoreIn(scores, one) !== null));
  const bars = groups.flatMap(([name, fits]) => {
    const members = known.filter(({ scores }) => fits(scoreIn(scores, headline())));
    const value = 100 * mean(members.map(({ scores }) => scoreIn(scores, measure)));
    return members.length ? [{ name, value, members: members.length }] : [];
  });
  const options = {
    width: 560,
    height: 56 + 40 * bars.length,
    marginLeft: 90,
    marginRight: 130,
    x: { label: `${measure.title}, percent`, domain: axisOf(measure), grid: true },
    y: { label: null, domain: bars.map((bar) => bar.name), tickSize: 0 },
    marks: [
      Plot.barX(bars, { x: "value", y: "name", fill: "var(--second)", insetTop: 6, insetBottom: 6 }),
      Plot.text(bars, {
        ...BESIDE,
        x: "value",
        y: "name",
        text: (bar) => `${tenths(bar.value)}  (${many(bar.members, "sample")})`,
        dx: 6,
      }),
    ],
  };
  return html`<${Chart} options=${options} label="${measure.title} by ${headline().title}" />`;
}

/* The confusion matrix of a task; a cell is a link to its samples. */
function Confusion({ rows, task }) {
  const truths = [...new Set(rows.flatMap((row) => row.targets))].sort();
  const named = [...new Set(rows.flatMap((row) => row.predicted))].sort();
  const columns = [...new Set([...truths, ...named])].sort();
  const counts = new Map();
  const add = (truth, said) => counts.set(`${truth}\n${said}`, (counts.get(`${truth}\n${said}`) ?? 0) + 1);
  for (const row of rows)
    for (const truth of row.targets) for (const said of row.predicted.length ? row.predicted : [""]) add(truth, said);
  const totals = new Map(truths.map((truth) => [truth, rows.filter((row) => row.targets.includes(truth)).length]));
  const cell = (truth, said) => {
    const found = counts.get(`${truth}\n${said}`) ?? 0;
    const of = totals.get(truth);
    const title = `${truth} answered as ${said || "no label of the set"}: ${found} of ${of}`;
    const like = { task, label: truth, predicted: said || "(none)" };
    return html`
      <td class=${classes("cell", truth === said && "diagonal")} style=${{ "--share": (found / of).toFixed(3) }}>
        ${found > 0 && html`<${SamplesLink} like=${like} title=${title}>${found}<//>`}
      </td>
    `;
  };
  const line = (truth) => html`
    <tr>
      <th scope="row">${truth}</th>
      ${[...columns, ""].map((said) => cell(truth, said))}
      <td class="number">${count(totals.get(truth))}</td>
    </tr>
  `;
  return html`
    <${Scroll} label="Confusion matrix of ${task}">
      <table class="confusion">
        <caption>Rows: the true label. Columns: the label that the answer names.</caption>
        <thead>
          <tr>
            <th scope="col">true ╲ named</th>
            ${[...columns, "none"].map((name) => html`<th scope="col"><span>${name}</span></th>`)}
            <th scope="col">samples</th>
          </tr>
        </thead>
        <tbody>${truths.map(line)}</tbody>
      </table>
    <//>
  `;
}
