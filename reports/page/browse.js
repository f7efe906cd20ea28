"use strict";

/* The list of samples, which the address filters, searches and sorts, and the sample that is opened from it. */

/* The suite, of several, that the address names, or whose sample it opens; else the first. */
function suiteIn(suites) {
  const named = state().get("suite") ?? state().get("sample")?.split("/")[0];
  return Object.hasOwn(suites, named) ? named : Object.keys(suites)[0];
}

/* The data of one suite; if there are several, with the buttons that open the page for another one. */
function dataOf(page) {
  if (!page.suites) return page;
  const chosen = suiteIn(page.suites);
  standing.suite = chosen;
  history.replaceState(null, "", address({ suite: chosen }));
  addEventListener("popstate", () => suiteIn(page.suites) !== chosen && location.reload());
  const tab = (name) => html`
    <button
      type="button"
      aria-pressed=${String(name === chosen)}
      onClick=${() => {
        history.pushState(null, "", `#${new URLSearchParams({ suite: name })}`);
        location.reload();
      }}
    >${name}</button>
  `;
  byId("suites").hidden = false;
  show("suites", html`<div class="tabs">${Object.keys(page.suites).map(tab)}</div>`);
  return page.suites[chosen];
}

/* Shows a page: `draw` renders what depends only on the data, `render` what depends on the address too. */
async function openPage({ rowsOf, draw, render, filters, columns, ...browsed }) {
  const page = dataOf(await unpack(byId("page-data").textContent));
  Object.assign(app, page, { shards: new Shards(page.shards) });
  app.rows = rowsOf(page.index);
  show(
    "about",
    app.about.map(([name, value]) => html`<span><b>${name} </b>${value}</span>`),
  );
  show(
    "banners",
    app.banners.map((banner) => html`<p class="banner"><span aria-hidden="true">⚠ </span>${banner}</p>`),
  );
  draw();
  const { rows, shards } = app;
  app.browser = new Browser({ rows, shards, filters: filters(), columns: columns(), ...browsed });
  addEventListener("popstate", render);
  render();
  document.body.dataset.ready = "true";
  app.browser.readTexts();
}

function startPage(parts) {
  openPage(parts).catch((error) =>
    show("banners", html`<p class="banner bad">This page cannot be shown: ${error.message}</p>`),
  );
}

/* The true labels by which a row is grouped; none where what is true is a text to compare with. */
const labelsOf = (row) => (app.tasks[row.task].reference ? [] : row.targets);

const groupName = ({ task, label, source }) => [task, label, source].filter(Boolean).join(" · ");

/* Groups of rows by task, true label and source. A row with several labels is in several groups; `add` counts it. */
function groupsOf(rows, empty, add) {
  const groups = new Map();
  for (const row of rows) {
    const labels = labelsOf(row);
    for (const label of labels.length ? labels : [""]) {
      const key = `${row.task}\n${label}\n${row.source}`;
      if (!groups.has(key)) groups.set(key, { task: row.task, label, source: row.source, of: 0, ...empty() });
      groups.get(key).of += 1;
      add(groups.get(key), row);
    }
  }
  return [...groups.values()];
}

/* The first groups in a table, the others in a folded one; `line` returns the cells of a group. */
function GroupTables({ groups, shown, head, line }) {
  const table = (part) => html`<${Table} rows=${[["Task · true label · source", ...head], ...part.map(line)]} />`;
  const rest = groups.slice(shown);
  return html`
    ${table(groups.slice(0, shown))}
    ${
      rest.length > 0 &&
      html`
        <details>
          <summary>${many(rest.length, "smaller group")}</summary>
          ${table(rest)}
        </details>
      `
    }
  `;
}

/* The rows of the list, from the columns of the index; a coded column is [values, indices of the rows' values]. */
function rowsFrom({ id, columns = {}, coded }) {
  const rows = id.map((name, at) => ({ at, id: name }));
  for (const [name, column] of Object.entries(columns)) for (const row of rows) row[name] = column[row.at];
  for (const [name, [values, places]] of Object.entries(coded))
    for (const row of rows) row[name] = values[places[row.at]];
  return rows;
}

/* The text of a row that is searched before its record is loaded. */
const wordsIn = (row, ...labels) => [row.id, ...row.targets, ...labels].join("\n").toLowerCase();

/* The columns that both lists have. `value` is what a column sorts by, by default the row's value of this key; `node` is
   what it shows, if that differs. */
const WHICH = [
  { key: "id", title: "Sample", node: (row) => html`<a href=${address({ sample: row.id })}>${row.id}</a>` },
  { key: "task", title: "Task", narrow: "wide" },
  { key: "source", title: "Source", narrow: "wide" },
  { key: "label", title: "True label", value: (row) => row.targets.join(", ") },
];

/* The values of a kind in the rows of the chosen task. */
function kindsOf(rows, pick) {
  const task = state().get("task");
  return [...new Set(rows.filter((row) => !task || row.task === task).flatMap(pick))].sort();
}

/* The filters that both lists have; `fits` says whether a row passes, by default if its value is the chosen one. */
function whichFilters(rows, tasks) {
  return [
    { name: "task", label: "Task", choices: () => tasks },
    { name: "source", label: "Source", choices: () => kindsOf(rows, (row) => [row.source]) },
    {
      name: "label",
      label: "True label",
      choices: () => kindsOf(rows, labelsOf),
      fits: (row, value) => row.targets.includes(value),
    },
  ];
}

/* The column of a measure: `scoreFor` takes a row and the measure, `shown` formats the score. */
const scoreColumn = (measure, scoreFor, shown) => ({
  key: measure.name,
  title: measure.short,
  numeric: true,
  value: (row) => scoreFor(row, measure),
  node: (row) => shown(scoreFor(row, measure)),
});

const valueIn = (row, { key, value }) => (value ? value(row) : row[key]);

const PAGE_SIZE = 50;

/* One page of the rows at those places: `columns` are {key, title, value, node, numeric, narrow}. */
function Listing({ rows, columns, places }) {
  const pages = Math.max(1, Math.ceil(places.length / PAGE_SIZE));
  const page = Math.min(pages, Math.max(1, Number(state().get("page")) || 1));
  const shown = places.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE).map((place) => rows[place]);
  return html`
    <${Scroll} label="Samples">
      <table class="listing">
        <thead>
          <tr>${columns.map((column) => html`<${Heading} column=${column} />`)}</tr>
        </thead>
        <tbody>${shown.map((row) => html`<${Line} key=${row.id} row=${row} columns=${columns} />`)}</tbody>
      </table>
    <//>
    ${!shown.length && html`<p class="empty">No sample matches.</p>`}
    <${Pager} page=${page} pages=${pages} total=${places.length} />
  `;
}

/* The heading of a column; clicks sort by it: ascending, descending, not at all. */
function Heading({ column: { key, title, numeric, narrow } }) {
  const asked = state().get("sort") ?? "";
  const active = asked.replace(/^-/, "") === key;
  const next = asked === key ? `-${key}` : asked === `-${key}` ? null : key;
  const order = active ? (asked.startsWith("-") ? "descending" : "ascending") : "none";
  const arrow = { ascending: " ▲", descending: " ▼", none: "" }[order];
  return html`
    <th scope="col" aria-sort=${order} class=${classes(numeric && "number", narrow)}>
      <button type="button" class="plain" onClick=${() => go({ sort: next, page: null })}>${title + arrow}</button>
    </th>
  `;
}

function Line({ row, columns }) {
  const shown = (column) => (column.node ? column.node(row) : (valueIn(row, column) ?? "–"));
  return html`
    <tr data-place=${row.at}>
      ${columns.map((column) => html`<td class=${classes(column.numeric && "number", column.narrow)}>${shown(column)}</td>`)}
    </tr>
  `;
}

const Button = ({ label, disabled, press, children }) => html`
  <button type="button" aria-label=${label} disabled=${disabled} onClick=${press}>${children}</button>
`;

function Pager({ page, pages, total }) {
  const turn = (target) => {
    go({ page: target });
    byId("listing").scrollIntoView();
  };
  const to = (target, text, label) => {
    const disabled = target < 1 || target > pages || target === page;
    return html`<${Button} label=${label} disabled=${disabled} press=${() => turn(target)}>${text}<//>`;
  };
  return html`
    <nav class="pager" aria-label="Pages">
      ${to(1, "«", "First page")}
      ${to(page - 1, "‹", "Previous page")}
      <span>Page ${count(page)} of ${count(pages)}, ${many(total, "sample")}</span>
      ${to(page + 1, "›", "Next page")}
      ${to(pages, "»", "Last page")}
    </nav>
  `;
}

/* The places of rows in the order that the address asks for. */
function sorted(rows, columns, places) {
  const asked = state().get("sort") ?? "";
  const column = columns.find(({ key }) => key === asked.replace(/^-/, ""));
  if (!column) return places;
  const sign = asked.startsWith("-") ? -1 : 1;
  const values = new Map(places.map((place) => [place, valueIn(rows[place], column)]));
  return [...places].sort((one, other) => compareValues(values.get(one), values.get(other), sign) || one - other);
}

/* The order of two values; missing ones are last in both directions. */
function compareValues(one, other, sign) {
  const missing = (value) => value === null || value === undefined || value === "";
  if (missing(one) || missing(other)) return Number(missing(one)) - Number(missing(other));
  if (typeof one === "number" && typeof other === "number") return sign * (one - other);
  return sign * String(one).localeCompare(String(other));
}

/* The menu of a filter; a value from the address that is no choice is offered too. */
function Picker({ filter: { label, name, choices, titles } }) {
  const value = state().get(name) ?? "";
  return html`
    <${Menu}
      label=${label}
      name=${name}
      value=${value}
      choices=${[...new Set(["", ...choices(), value])]}
      titles=${{ ...titles, "": "all" }}
      choose=${(choice) => go({ [name]: choice, page: null })}
    />
  `;
}

/* `rows` have at, id and words; `textOf` returns the text of a record to search, `heading` and `body` what is shown. */
class Browser {
  #texts = [];
  #read = 0;
  #unread = null;
  #scrolled = 0;

  constructor({ rows, shards, columns, filters, textOf, heading, body }) {
    Object.assign(this, { rows, shards, columns, filters, textOf, heading, body, chosen: [] });
    this.#listen();
  }

  render() {
    const id = state().get("sample");
    const opened = !byId("sample").hidden;
    if (id && !opened) this.#scrolled = scrollY;
    this.#drawFilters();
    this.#drawList();
    byId("sample").hidden = !id;
    byId("overview").hidden = byId("banners").hidden = Boolean(id);
    if (id) {
      this.#open(id);
      scrollTo(0, 0);
    } else if (opened) {
      show("sample-body", null);
      scrollTo(0, this.#scrolled);
    }
    const part = state().get("at");
    if (!id && part) {
      byId(part)?.scrollIntoView();
      history.replaceState(null, "", address({ at: null }));
    }
  }

  /* Loads answers and steps for the search, after the first view. */
  async readTexts() {
    await new Promise((go) => (globalThis.requestIdleCallback ?? setTimeout)(go));
    try {
      await this.shards.eachShard((records, first) => {
        for (const [at, record] of records.entries()) this.#texts[first + at] = this.textOf(record).toLowerCase();
        this.#read += records.length;
        this.#showReading();
      });
    } catch (error) {
      this.#unread = error.message;
    }
    this.#showReading();
    document.body.dataset.searchable = "true";
    if (state().get("q")) this.#drawList();
  }

  #showReading() {
    const reading = this.#read < this.rows.length ? `loading answers: ${percent(this.#read / this.rows.length)} %` : "";
    byId("search-note").textContent = this.#unread ? `Answers and steps cannot be searched: ${this.#unread}` : reading;
  }

  #choose() {
    const asked = this.filters
      .filter(({ name }) => state().get(name))
      .map(({ name, fits = (row, value) => row[name] === value }) => [fits, state().get(name)]);
    const words = wordsOf(state().get("q") ?? "");
    const fits = (row) =>
      asked.every(([test, value]) => test(row, value)) &&
      words.every((word) => row.words.includes(word) || this.#texts[row.at]?.includes(word));
    return sorted(
      this.rows,
      this.columns,
      this.rows.filter(fits).map((row) => row.at),
    );
  }

  #drawList() {
    this.chosen = this.#choose();
    show("listing", html`<${Listing} rows=${this.rows} columns=${this.columns} places=${this.chosen} />`);
  }

  #drawFilters() {
    const active = [...this.filters.map(({ name }) => name), "q", "sort"].filter((name) => state().get(name));
    const nothing = Object.fromEntries([...active, "page"].map((name) => [name, null]));
    show(
      "filters",
      html`
        ${this.filters.map((filter) => html`<${Picker} key=${filter.name} filter=${filter} />`)}
        ${active.length > 0 && html`<${Button} press=${() => go(nothing)}>Clear<//>`}
      `,
    );
    if (document.activeElement !== byId("search")) byId("search").value = state().get("q") ?? "";
  }

  #drawBar(place) {
    const to = (other, text, label) => {
      const open = () => go({ sample: this.rows[other].id });
      return html`<${Button} label=${label} disabled=${other === undefined} press=${open}>${text}<//>`;
    };
    const where = place < 0 ? "not in the filtered list" : `${count(place + 1)} of ${count(this.chosen.length)}`;
    show(
      "sample-bar",
      html`
        <${Button} press=${() => go({ sample: null })}>✕ Close<//>
        ${to(this.chosen[place - 1], "‹ Previous", "Previous sample")}
        ${to(place < 0 ? undefined : this.chosen[place + 1], "Next ›", "Next sample")}
        <span class="note">${where}<span class="keys"> · keys: ← → or k j, space plays, Esc closes</span></span>
      `,
    );
  }

  async #open(id) {
    const row = this.rows.find((one) => one.id === id);
    this.#drawBar(this.chosen.indexOf(row?.at));
    const draw = (content) => {
      if (state().get("sample") !== id) return;
      show("sample-body", html`<h2 tabindex="-1" id="sample-title">${row ? this.heading(row) : id}</h2>${content}`);
      byId("sample-title").focus({ preventScroll: true });
    };
    try {
      draw(
        row
          ? this.body(await this.shards.record(row.at), row)
          : html`<p class="empty">There is no sample with this id.</p>`,
      );
    } catch (error) {
      draw(html`<p class="banner bad">${error.message} Keep the page and its folder together.</p>`);
    }
  }

  #listen() {
    let waiting;
    byId("search").addEventListener("input", ({ target }) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => go({ q: target.value.trim() || null, page: null }, { replace: true }), 60);
    });
    byId("search").addEventListener("keydown", (event) => event.key === "Escape" && event.target.blur());
    addEventListener("keydown", (event) => this.#press(event));
    addEventListener("beforeprint", () => {
      for (const one of document.querySelectorAll("details")) one.open = true;
    });
    for (const link of document.querySelectorAll(".contents a")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        byId(link.hash.slice(4)).scrollIntoView();
      });
    }
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "/" && !typing && !state().get("sample")) {
      event.preventDefault();
      byId("search").focus();
    }
    if (!state().get("sample") || typing) return;
    const video = document.querySelector("#sample video");
    const step = (name) => document.querySelector(`#sample-bar [aria-label="${name} sample"]:not(:disabled)`)?.click();
    if (event.key === "Escape") go({ sample: null });
    else if (event.target === video)
      return; // the player uses arrow keys and the space bar itself
    else if (["ArrowRight", "j"].includes(event.key)) step("Next");
    else if (["ArrowLeft", "k"].includes(event.key)) step("Previous");
    else if (event.key === " " && video && !event.target.closest?.("button, a, summary")) {
      event.preventDefault();
      if (video.paused) video.play();
      else video.pause();
    }
  }
}
