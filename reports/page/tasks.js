"use strict";

/* The scores of the run by task, and where it failed. */

/* Where on its bar a value is, 0 to 1; the bar of an unbounded measure spans the values of the table. */
function barOf(measure, rows) {
  if (measure.bounded) return (value) => value;
  const values = rows.flatMap(({ scores, path }) => [
    scoreIn(scores, measure),
    ...(intervalOf(scores, measure, path) ?? []),
  ]);
  const known = [0, ...values.filter((value) => value !== null)];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return (value) => (value - low) / (high - low || 1);
}

function ScoreCell({ value, interval, floor, along }) {
  const bar = () => ({
    "--value": along(value),
    "--low": along(interval?.[0] ?? value),
    "--high": along(interval?.[1] ?? value),
  });
  const tick = floor !== undefined && html`<i style=${{ "--floor": along(floor) }}></i>`;
  return html`
    <td class="number score">
      <span>${percent(value)}</span>
      ${interval && html`<small> ${interval.map(percent).join("–")}</small>`}
      ${value !== null && html`<span class="bar" aria-hidden="true" style=${bar()}>${tick}</span>`}
    </td>
  `;
}

/* The cells of steps and tokens; empty for the mean of tasks, which has none. */
function CountCells({ scores }) {
  if (scores.samples === undefined) return html`<td class="wide"></td><td class="wide"></td><td class="wide"></td>`;
  const { avg_steps: steps, avg_tokens: tokens } = scores;
  const value = scoreIn(scores, densest());
  const dense = tokens && value !== null ? (10000 * value) / tokens : null;
  const texts = [steps?.toFixed(1), tokens?.toFixed(0), dense?.toFixed(1)];
  return texts.map((text) => html`<td class="number wide">${text ?? "–"}</td>`);
}

/* The measure that is divided by the length of answers. */
const densest = () => mixture() ?? headline();

/* Rows are {name, scores, path, link, floor, published}; `floors` and `published` say whether there are such columns. */
function ScoreTable({ first, rows, floors, published }) {
  const along = new Map(app.measures.map((measure) => [measure, barOf(measure, rows)]));
  const plain = ["Samples", ...app.measures.map(({ title }) => title), floors && "Floor", published && "Published"];
  const wide = ["Steps", "Tokens", `${densest().title} / 100 tokens`];
  const unscored = (number) => number > 0 && html`<small class="bad"> ${number} unscored</small>`;
  const figure = (value) => html`<td class="number">${value !== undefined && percent(value)}</td>`;
  const line = ({ name, scores, path, link, ...more }) => html`
    <tr>
      <th scope="row">${link ? html`<${SamplesLink} like=${link}>${name}<//>` : name}</th>
      <td class="number">
        ${scores.samples !== undefined && count(scores.samples)}${unscored(scores.unscored)}
      </td>
      ${app.measures.map(
        (measure, at) => html`
          <${ScoreCell}
            value=${scoreIn(scores, measure)}
            interval=${intervalOf(scores, measure, path)}
            floor=${at ? undefined : (more.floor ?? undefined)}
            along=${along.get(measure)}
          />
        `,
      )}
      ${floors && figure(more.floor)}
      ${published && figure(more.published)}
      <${CountCells} scores=${scores} />
    </tr>
  `;
  return html`
    <${Scroll} label="Scores by ${first.toLowerCase()}">
      <table>
        <thead>
          <tr>
            <th scope="col">${first}</th>
            ${plain.filter(Boolean).map((title) => html`<th scope="col" class="number">${title}</th>`)}
            ${wide.map((title) => html`<th scope="col" class="number wide">${title}</th>`)}
          </tr>
        </thead>
        <tbody>${rows.map(line)}</tbody>
      </table>
    <//>
  `;
}

function drawTasks() {
  const { tasks, overall, macro, macro_intervals: intervals, floors, published } = app.report;
  const row = (name, scores, path, link) => ({
    name,
    scores,
    path,
    link,
    floor: floors[name] ?? null,
    published: published[name] ?? null,
  });
  const rows = [
    ...Object.entries(tasks).map(([name, scores]) => row(name, scores, ["tasks", name], { task: name })),
    row("overall", overall, ["overall"]),
    { name: "mean of tasks", scores: { ...macro, intervals }, path: ["macro"] },
  ];
  const shown = Object.keys(published).length > 0;
  show("task-table", html`<${ScoreTable} first="Task" rows=${rows} floors=${true} published=${shown} />`);
}

function drawPublished() {
  const measures = app.measures.filter((measure) =>
    publishedScores("overall").some(([, scores]) => scoreIn(scores, measure) !== null),
  );
  byId("published").hidden = measures.length === 0;
  if (!measures.length) return;
  const places = ["overall", ...Object.keys(app.report.tasks)];
  const place = places.find((name) => name === state().get("place")) ?? "overall";
  const measure = measures.find(({ name }) => name === state().get("score")) ?? measures[0];
  const titles = Object.fromEntries(measures.map(({ name, title }) => [name, title]));
  const menu = (label, name, value, choices) => html`
    <${Menu} ...${{ label, name, value, choices, titles }} choose=${(one) => go({ [name]: one }, { replace: true })} />
  `;
  show(
    "published-controls",
    html`${menu("Task", "place", place, places)}${menu("Score", "score", measure.name, Object.keys(titles))}`,
  );
  const scores = place === "overall" ? app.report.overall : app.report.tasks[place];
  const value = scoreIn(scores, measure);
  if (value === null) return show("published-chart", html`<p class="empty">No score.</p>`);
  const ours = {
    name: app.report.model,
    value,
    interval: intervalOf(scores, measure, place === "overall" ? ["overall"] : ["tasks", place]),
    comparable: app.report.incomparable.length === 0,
  };
  return show("published-chart", html`<${PublishedChart} place=${place} measure=${measure} ours=${ours} />`);
}

function drawDetail() {
  const names = Object.keys(app.report.tasks);
  const chosen = names.find((name) => name === state().get("detail")) ?? names[0];
  byId("detail-part").hidden = !chosen;
  if (!chosen) return;
  const tab = (name) => html`
    <button
      type="button"
      aria-pressed=${String(name === chosen)}
      onClick=${() => go({ detail: name }, { replace: true })}
    >${name}</button>
  `;
  show("detail-controls", html`<div class="tabs" role="group" aria-label="Task">${names.map(tab)}</div>`);
  show("detail", html`<${Detail} task=${chosen} />`);
}

function Detail({ task }) {
  const { title, question, several, reference, talks } = app.tasks[task];
  const part = (kind, asked) =>
    Object.entries(app.report[kind][task]).map(([name, scores]) => ({
      name,
      scores,
      path: [kind, task, name],
      link: { task, [asked]: name },
    }));
  const bySource = html`
    <h4>By source</h4>
    <${ScoreTable} first="Source" rows=${part("sources", "source")} />
  `;
  if (reference) return html`<p>${title}: ${question}</p>${bySource}`;
  return html`
    <p>${title}: ${question}</p>
    ${
      !talks &&
      html`
        <h4>Confusion</h4>
        <${Confusion} rows=${app.counted.filter((row) => row.task === task && row.outcome !== "error")} task=${task} />
      `
    }
    ${
      several &&
      html`<p class="note">Clips and answers may have several labels here: each true label counts once for each label that is named.</p>`
    }
    ${bySource}
    <h4>By true label</h4>
    <${ScoreTable} first="Label" rows=${part("labels", "label")} />
  `;
}

function drawLengths() {
  const [first, second] = markedMeasures(app.counted);
  const rows = app.counted.filter((row) => first && scoreIn(row.scores, first) !== null);
  if (rows.length < 5) return show("lengths", html`<p class="empty">Fewer than five samples have a score.</p>`);
  const known = rows.every((row) => row.tokens !== null);
  const lengths = rows.map((row) => ({ ...row, length: known ? row.tokens : row.signs }));
  const flat = new Set(lengths.map((row) => row.length)).size < 3;
  return show(
    "lengths",
    html`
      ${
        second &&
        first === headline() &&
        first.bounded &&
        html`
          <figure>
            <figcaption>${second.title} against ${headline().title}</figcaption>
            <${ByHeadlineChart} rows=${rows} measure=${second} />
          </figure>
        `
      }
      <figure>
        <figcaption>Scores against the length of the answer</figcaption>
        ${
          flat
            ? html`<p class="note">All answers have about the same length.</p>`
            : html`<${LengthChart} rows=${lengths} unit=${known ? "tokens" : "characters"} />`
        }
        <p class="note">${app.length_note}</p>
      </figure>
    `,
  );
}

function drawAgreement() {
  byId("agreement").hidden = app.agreement_notes.length === 0;
  show(
    "agreement",
    html`
      <h2>Can the judge be trusted?</h2>
      <ul>${app.agreement_notes.map((note) => html`<li>${note}</li>`)}</ul>
    `,
  );
}

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
  if (!worst.length) {
    const why = app.counted.length ? "Every answer was right." : "No sample was run.";
    return show("failures", html`<p class="empty">${why}</p>`);
  }
  const line = (group) => {
    const { task, label, source } = group;
    const [said, times] = [...group.named].sort((one, other) => other[1] - one[1])[0];
    const like = { task, label, source, outcome: "notright" };
    return [
      html`<${SamplesLink} like=${like}>${groupName(group)}<//>`,
      count(group.failed),
      count(group.error),
      count(group.of),
      `${percent(lost(group) / group.of)} %`,
      `${said} (${times})`,
    ];
  };
  const head = ["Wrong", "Unscored", "Of", "Share", "Most common answer"];
  return show("failures", html`<${GroupTables} groups=${worst} shown=${12} head=${head} line=${line} />`);
}
