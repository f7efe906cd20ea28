"use strict";

/* The page of one run; everything follows from the data and the address. */

const heading = (row) => html`<${OutcomeMark} outcome=${row.outcome} /> ${row.id}`;

function body(record, row) {
  const predicted = row.predicted.join(", ") || "nothing";
  return html`
    <p class="note">${row.task} · ${row.source} · true ${row.targets.join(", ")} · predicted ${predicted}</p>
    <${Sample} key=${record.id} record=${record} />
  `;
}

function rowsOf(index) {
  const rows = rowsFrom(index);
  for (const row of rows) {
    row.scores = scoresAt(index.scores, row.at);
    row.words = wordsIn(row, ...row.predicted);
  }
  return rows;
}

function drawFixed() {
  const { report } = app;
  app.shown = new Map();
  app.counted = app.rows.filter((row) => row.counted);
  if (app.counted.length < app.rows.length) standing.counted = "1";
  show("model", report.model);
  drawGate(report);
  show("facts", html`<${Facts} report=${report} />`);
  show(
    "notes",
    app.notes.map((note) => html`<li>${note}</li>`),
  );
  byId("overview").append(Object.assign(document.createElement("section"), { id: "origin-part" }));
  show("origin-part", html`<h2>Settings of the run</h2><${Origin} provenance=${report.provenance} />`);
  drawFailures();
  drawLengths();
  drawAgreement();
}

function drawGate({ gate }) {
  byId("gate").hidden = !gate;
  if (!gate) return;
  show(
    "gate",
    html`
      <h2>Release gate: <span class="verdict ${gate.word}">${gate.word}</span></h2>
      ${app.gate_notes.map((note) => html`<p>${note}</p>`)}
      ${app.gate_rows.length > 0 && html`<${Table} rows=${app.gate_rows} />`}
      ${
        app.check_rows.length > 0 &&
        html`
          <details open=${gate.word === "UNTRUSTED"}>
            <summary>Check of the judge on anchors</summary>
            <${Table} rows=${app.check_rows} />
          </details>
        `
      }
    `,
  );
}

const Fact = ({ name, more, children }) =>
  html`<div><dt>${name}</dt><dd>${children}${more && html`<small> ${more}</small>`}</dd></div>`;

function Facts({ report }) {
  const { overall, retries, seconds } = report;
  const total = report.usage.total?.requests ? report.usage.total : null;
  const number = (outcome) => app.counted.filter((row) => row.outcome === outcome).length;
  const again = app.counted.filter((row) => row.again).length;
  const rejected = sum(app.counted.map((row) => row.again));
  const asked = report.gate?.stopping ? overall.samples : report.selected;
  const early = asked < report.selected ? `, stopped early of ${count(report.selected)}` : "";
  const cost = total ? (total.cost_usd === null ? "unknown" : `${total.cost_usd.toFixed(2)} USD`) : "no requests";
  const tokens =
    total && html`in, <${Tokens} number=${total.output_tokens} kinds=${{ thoughts: total.thought_tokens }} /> out`;
  return html`
    ${Object.entries(OUTCOMES).map(
      ([outcome, title]) => html`
        <${Fact} name=${title}><${SamplesLink} like=${{ outcome }}>${count(number(outcome))}<//><//>
      `,
    )}
    ${knowsEndings(app.counted) && html`<${Fact} name="Answers">${endingLinks()}<//>`}
    <${Fact} name="Coverage" more="${count(overall.scored)} of ${count(asked)} scored${early}">
      ${percent(overall.scored / Math.max(1, asked))} %
    <//>
    <${Fact}
      name="Asked again"
      more="${again === 1 ? "sample" : "samples"}, ${many(rejected, "reply", "replies")} rejected; ${many(retries, "request")} retried"
    >
      <${SamplesLink} like=${{ again: "1" }}>${count(again)}<//>
    <//>
    <${Fact} name="Cost">${cost}<//>
    <${Fact} name="Tokens" more=${tokens ?? "sent"}>${total ? count(total.input_tokens) : "0"}<//>
    <${Fact} name="Time">${span(seconds)}<//>
  `;
}

const ENDINGS = ["whole", "cut off", "filtered", "refused", "unknown"];

/* Whether it is known how answers ended; older versions did not record it. */
const knowsEndings = (rows) => rows.some(({ ending }) => ending !== null && ending !== "unknown");

function endingLinks() {
  return ENDINGS.map((ending) => [ending, app.counted.filter((row) => row.ending === ending).length])
    .filter(([, number]) => number)
    .map(
      ([ending, number], at) =>
        html`${at > 0 && ", "}<${SamplesLink} like=${{ ending }}>${count(number)} ${ending === "unknown" ? "of unknown ending" : ending}<//>`,
    );
}

function drawScores() {
  const { overall } = app.report;
  const tile = (measure) => {
    const interval = intervalOf(overall, measure, ["overall"]);
    return html`
      <div class="tile">
        <h3>${measure.title}</h3>
        <p class="big">${percent(scoreIn(overall, measure))}</p>
        <p class="interval">${interval ? `95 %: ${interval.map(percent).join(" – ")}` : "no interval"}</p>
        <p class="interval">${besideTile(measure)}</p>
      </div>
    `;
  };
  show("tiles", app.measures.map(tile));
  const mixed = mixture();
  byId("weight").hidden = !mixed;
  if (mixed) show("weight", html`<${Weight} mixed=${mixed} />`);
}

/* The line below a score: how it is mixed, the score of a constant guess, or the mean of tasks. */
function besideTile(measure) {
  const floor = app.report.floors.overall;
  if (measure.mix) {
    const rest = (1 - alpha()).toFixed(2).replace(/\.?0+$/, "");
    const [one, other] = measure.mix.map(titleOf);
    return `${alpha()} ${one} + ${rest} ${other}`;
  }
  if (measure === headline() && floor !== undefined) return `constant guess ${percent(floor)}`;
  return `mean of tasks ${percent(scoreIn(app.report.macro, measure))}`;
}

/* The slider for the weight of a mixture. */
function Weight({ mixed }) {
  const note = alpha() === HALF ? ", as published" : app.report.gate ? `; the gate uses ${HALF}` : "";
  const choose = ({ target }) => go({ alpha: Number(target.value) === HALF ? null : target.value }, { replace: true });
  return html`
    <label for="alpha">Weight α of ${titleOf(mixed.mix[0])} in ${mixed.title}</label>
    <input id="alpha" type="range" min="0" max="1" step=${1 / app.alpha_steps} value=${alpha()} onInput=${choose} />
    <output id="alpha-value" for="alpha">${alpha()}${note}</output>
  `;
}

function columns() {
  const score = (measure) => scoreColumn(measure, (row) => scoreIn(row.scores, measure), percent);
  const named = (row) => row.predicted.join(", ") || (row.outcome === "error" ? null : "(none)");
  return [
    { key: "outcome", title: "Outcome", node: (row) => html`<${OutcomeMark} outcome=${row.outcome} />` },
    ...WHICH,
    { key: "predicted", title: "Predicted", value: named },
    ...app.measures.map(score),
    { key: "steps", title: "Steps", numeric: true, narrow: "wide" },
    { key: "tokens", title: "Tokens", numeric: true, narrow: "wide" },
  ];
}

function filters() {
  const names = (row) => (app.tasks[row.task].reference ? [] : row.predicted);
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
    ...(knowsEndings(app.rows) ? [{ name: "ending", label: "Ending", choices: () => ENDINGS }] : []),
    { name: "again", label: "Asked again", ...yes, fits: (row) => row.again > 0 },
    ...(standing.counted ? [{ name: "counted", label: "Counted", ...yes, fits: (row) => row.counted }] : []),
  ];
}

function render() {
  const asked = state();
  drawScores();
  for (const [part, names] of PARTS) {
    const shown = [alpha(), ...names.map((name) => asked.get(name))].join(" ");
    if (app.shown.get(part) !== shown) part();
    app.shown.set(part, shown);
  }
  app.browser.render();
}

/* The parts that depend on α, and the other names of the address on which they depend. */
const PARTS = [
  [drawTasks, []],
  [drawPublished, ["place", "score"]],
  [drawDetail, ["detail"]],
];

/* The name of an agent, and of the models that answered if that says more; a panel has several. */
function agentOf({ name, spec, answered = [] }) {
  const seatOf = (names) => names.map((one) => (one === "unknown" ? "an unknown model" : one)).join(" or ");
  const seats = answered.map(seatOf).join(" + ");
  const called = name ?? spec ?? "–";
  const known = answered.flat().some((one) => one !== "unknown");
  return known && seats !== called ? `${called}; answered by ${seats}` : called;
}

/* The value of a setting as text. */
function flat(value) {
  if (value === null || typeof value !== "object") return String(value ?? "–");
  if (Array.isArray(value)) return value.join(", ") || "all";
  return Object.entries(value)
    .map(([name, one]) => `${name} ${flat(one)}`)
    .join(", ");
}

function Origin({ provenance }) {
  const agents = ["model", "judge", "extractor"];
  const setting = ([name, value]) => html`
    <div>
      <dt>${name}</dt>
      <dd>${agents.includes(name) && value ? agentOf(value) : flat(value)}</dd>
    </div>
  `;
  return html`<dl class="origin">${Object.entries(provenance).map(setting)}</dl>`;
}

startPage({ rowsOf, draw: drawFixed, render, filters, columns, textOf, heading, body });
