"use strict";

/* The page in which people rate answers. Ratings are kept in the browser, and as a file that the rater saves. */

const CHOICES = [
  { value: "1", key: "1", title: "right" },
  { value: "0", key: "0", title: "wrong" },
  { value: "?", key: "?", title: "cannot tell" },
];

/* The choices for the last step: how many of several true labels it names. */
function choicesFor(labels) {
  if (labels < 2) return CHOICES;
  const parts = Array.from({ length: labels + 1 }, (_, right) => ({
    value: `${right}/${labels}`,
    key: String(right),
    title: `${right} of ${labels}`,
  }));
  return [...parts.reverse(), CHOICES.at(-1)];
}

const stored = (rater) => `mme-emotion-ratings ${app.key} ${rater}`;

/* The ratings of a rater in this browser: by answer and step, in the order of the page. */
function kept(rater) {
  try {
    return JSON.parse(localStorage.getItem(stored(rater)) ?? "{}");
  } catch {
    return {};
  }
}

function keep(rater, ratings) {
  try {
    localStorage.setItem(stored(rater), JSON.stringify(ratings));
    return true;
  } catch {
    return false; // a browser may refuse to store anything
  }
}

const place = (answer, step) => `${answer} ${step}`;
const isRated = (ratings, item, at) => item.steps.every((_, step) => ratings[place(at, step)]);

const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const csvOf = (rows) => rows.map((row) => row.map(quoted).join(",")).join("\r\n");

/* The rows of the file: as `mme-emotion judge sheet` writes them, with the run and how the sample was chosen. */
function rowsOf(items, ratings, rater) {
  const rows = items.flatMap((item, at) =>
    item.steps.map((_, step) => [
      item.run,
      item.id,
      String(step + 1),
      String(item.inclusion),
      ratings[place(at, step)] ?? "",
    ]),
  );
  return [["run", "id", "step", "inclusion", rater], ...rows];
}

/* The cells of a CSV file, which may have quoted ones. */
function cellsOf(text) {
  const rows = [[]];
  for (const [, start, inner, plain] of text.matchAll(/(^|,|\r?\n)(?:"((?:[^"]|"")*)"|([^",\r\n]*))/g)) {
    if (start.includes("\n")) rows.push([]);
    rows.at(-1).push(inner === undefined ? plain : inner.replaceAll('""', '"'));
  }
  return rows;
}

/* The ratings in a file that this page has saved; null if it is another page's. */
function ratingsIn(text, items) {
  const [head, ...rows] = cellsOf(text);
  const columns = ["run", "id", "step"].map((name) => head.indexOf(name));
  if (columns.includes(-1)) return null;
  const rater = head.findLast((name) => !["run", "id", "step", "inclusion"].includes(name)) ?? "";
  const at = new Map(items.map((item, number) => [`${item.run} ${item.id}`, number]));
  const found = {};
  for (const row of rows) {
    const [run, id, step] = columns.map((column) => row[column]);
    const number = at.get(`${run} ${id}`);
    const rating = row[head.indexOf(rater)];
    if (number !== undefined && rating) found[place(number, Number(step) - 1)] = rating;
  }
  return Object.keys(found).length ? { rater, ratings: found } : null;
}

const Choice = ({ choice, chosen, choose }) => html`
  <button type="button" class=${classes("choice", chosen && "chosen")} aria-pressed=${chosen} onClick=${choose}>
    <kbd>${choice.key}</kbd> ${choice.title}
  </button>
`;

function StepToRate({ text, name, choices, rating, active, rate, take }) {
  const row = useRef(null);
  useEffect(() => {
    if (active) row.current.scrollIntoView({ block: "nearest" });
  }, [active]);
  return html`
    <li ref=${row} class=${classes("to-rate", active && "active")} aria-current=${active ? "step" : undefined} onClick=${take}>
      <p>${name && html`<strong>${name}: </strong>`}<span class="said">${text}</span></p>
      <div class="controls" role="group" aria-label="Rating">
        ${choices.map(
          (choice) => html`
            <${Choice} choice=${choice} chosen=${rating === choice.value} choose=${() => rate(choice.value)} />
          `,
        )}
      </div>
    </li>
  `;
}

function Item({ item, at, ratings, rate, step, take }) {
  const video = useRef(null);
  const last = item.steps.length - 1;
  const row = (number, name, choices) => html`
    <${StepToRate}
      key=${number}
      text=${item.steps[number]}
      name=${name}
      choices=${choices}
      rating=${ratings[place(at, number)]}
      active=${step === number}
      rate=${(value) => rate(number, value)}
      take=${() => take(number)}
    />
  `;
  return html`
    <article class="beside">
      ${
        item.has_clip
          ? html`
            <div>
              <${Clip} record=${item} source=${clipOf(item, app.clips)} seen=${item.frames} video=${video} />
              <h3>Frames that the judge saw</h3>
              <${Frames} record=${{ ...item, prediction: true }} video=${video} judge=${app.judge} />
              <${Clue} record=${item} />
            </div>
          `
          : html`<p class="note">No clip: this question is about a text.</p>`
      }
      <div>
        <${Section} title="Question"><p class="said">${item.question}</p><//>
        <${Section} title="Steps before the last">
          <p class="note">A step is wrong if the clip clearly contradicts it. One that can neither be confirmed nor refuted is right.</p>
          <ol class="steps">
            ${item.steps.slice(0, last).map((_, number) => row(number, null, CHOICES))}
          </ol>
          ${last === 0 && html`<p class="empty">This answer gives no reasons.</p>`}
        <//>
        <${Section} title="Last step">
          <p class="note">Rate it by the true label alone: <strong>${item.targets.join(", ")}</strong>.</p>
          <ol class="steps" start=${last + 1}>${row(last, null, choicesFor(item.labels))}</ol>
        <//>
      </div>
    </article>
  `;
}

function About({ name, setName, begin, problem }) {
  const rows = [
    [app.runs > 1 ? "Samples rated (both answers)" : "Samples rated", "Standard error", "Clear of a limit by"],
    ...app.worth.map(([labels, error, margin]) => [count(Number(labels)), `${error} points`, `${margin} points`]),
  ];
  return html`
    <p>
      You rate ${many(app.items.length, "answer")} step by step, ${app.runs > 1 && "from two runs; which run an answer comes from is hidden. You decide "}by
      what you see and hear in the clip. Ratings stay in this browser until you save them as a file.
    </p>
    ${
      app.worth.length > 0 &&
      html`
        <h2>What ratings are worth</h2>
        <${Table} rows=${rows} />
        <p class="note">
          Of ${app.runs > 1 ? "the difference" : "the score"} that people would give, if the judge is right nine times in ten. The last column: so far must the truth lie beyond
          a gate's limit to be shown in eight of ten runs. Recordings with several samples make all figures somewhat larger.
        </p>
      `
    }
    <form
      class="controls"
      onSubmit=${(event) => {
        event.preventDefault();
        begin();
      }}
    >
      <label><span>Your name or initials</span>
        <input name="rater" value=${name} required pattern="[^,;]*" onInput=${({ target }) => setName(target.value)} /></label>
      <button type="submit">Begin</button>
      <label><span>or go on with a file</span>
        <input type="file" accept=".csv" onChange=${({ target }) => begin(target.files[0])} /></label>
    </form>
    ${problem && html`<p class="banner bad" role="alert">${problem}</p>`}
    <p class="note">Keys: 1 right, 0 wrong, ? cannot tell; ↑ ↓ other step; ← → other answer; space plays the clip.</p>
  `;
}

function Ratings({ rater, start, leave }) {
  const [ratings, setRatings] = useState(start);
  const first = app.items.findIndex((item, number) => !isRated(start, item, number));
  const [[at, step], move] = useState([Math.max(first, 0), 0]);
  const [refused, setRefused] = useState(false);
  const item = app.items[at];
  const done = app.items.filter((one, number) => isRated(ratings, one, number)).length;

  const rate = (number, value) => {
    const next = { ...ratings, [place(at, number)]: value };
    setRatings(next);
    setRefused(!keep(rater, next));
    if (number + 1 < item.steps.length) move([at, number + 1]);
    else if (isRated(next, item, at) && at + 1 < app.items.length) move([at + 1, 0]);
  };
  const turn = (by) => move([Math.min(Math.max(at + by, 0), app.items.length - 1), 0]);

  /* before the next key can come, so that none is lost or counts for the step before */
  useLayoutEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.target.closest?.("input, select, textarea, video")) return;
      const choices = step === item.steps.length - 1 ? choicesFor(item.labels) : CHOICES;
      const choice = choices.find(({ key }) => key === event.key);
      const video = document.querySelector("video");
      if (choice) rate(step, choice.value);
      else if (event.key === "ArrowDown") move([at, Math.min(step + 1, item.steps.length - 1)]);
      else if (event.key === "ArrowUp") move([at, Math.max(step - 1, 0)]);
      else if (event.key === "ArrowRight") turn(1);
      else if (event.key === "ArrowLeft") turn(-1);
      else if (event.key === " " && video && !event.target.closest?.("button"))
        video.paused ? video.play() : video.pause();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });

  const save = () => {
    const url = URL.createObjectURL(new Blob([csvOf(rowsOf(app.items, ratings, rater))], { type: "text/csv" }));
    Object.assign(document.createElement("a"), { href: url, download: app.file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  return html`
    <nav class="between" aria-label="Between answers">
      <button type="button" onClick=${() => turn(-1)} disabled=${at === 0}>← Previous</button>
      <button type="button" onClick=${() => turn(1)} disabled=${at + 1 === app.items.length}>Next →</button>
      <span role="status">Answer ${count(at + 1)} of ${count(app.items.length)}; ${count(done)} rated by ${rater}</span>
      <progress max=${app.items.length} value=${done} aria-label="Rated"></progress>
      <button type="button" onClick=${save}>Save as file</button>
      <button type="button" onClick=${leave}>Another rater</button>
    </nav>
    ${refused && html`<p class="banner bad" role="alert">This browser keeps nothing: save your ratings as a file before you close the page.</p>`}
    ${done === app.items.length && html`<p class="banner">All answers are rated. Save them as a file, and hand it to <code>--labels</code>.</p>`}
    <${Item} key=${at} item=${item} at=${at} ratings=${ratings} rate=${rate} step=${step} take=${(number) => move([at, number])} />
  `;
}

function Page() {
  const [name, setName] = useState("");
  const [begun, setBegun] = useState(null);
  const [problem, setProblem] = useState(null);
  const begin = async (file) => {
    if (!file) {
      setBegun({ rater: name.trim(), start: kept(name.trim()) });
      return;
    }
    const read = ratingsIn(await file.text(), app.items);
    if (read) setBegun({ rater: read.rater, start: { ...kept(read.rater), ...read.ratings } });
    else setProblem(`${file.name} has no ratings of these answers.`);
  };
  if (begun) return html`<${Ratings} key=${begun.rater} ...${begun} leave=${() => setBegun(null)} />`;
  return html`<${About} name=${name} setName=${setName} begin=${begin} problem=${problem} />`;
}

async function start() {
  try {
    Object.assign(app, await unpack(byId("page-data").textContent));
    app.items = [];
    const shards = new Shards(app.shards);
    await shards.eachShard((items) => app.items.push(...items));
    show("overview", html`<${Page} />`);
    document.body.dataset.ready = "";
  } catch (error) {
    show("banners", html`<p class="banner bad">${error.message} Keep the page and its folder together.</p>`);
  }
}

start();
