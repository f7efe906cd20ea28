"use strict";

/* Looking through samples: a table that is filtered, searched and sorted by the address, and one sample opened from it. */

/* Shows a page: `draw` fills what hangs on the data alone, `render` what hangs on the address too. */
async function openPage({ rowsOf, draw, render, filters, columns, ...browsed }) {
  const page = await unpack(byId("page-data").textContent);
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
  whenAddressChanges(render);
  render();
  document.body.dataset.ready = "true";
  app.browser.readTexts();
}

function startPage(parts) {
  openPage(parts).catch((error) =>
    show("banners", html`<p class="banner bad">This page cannot be shown: ${error.message}</p>`),
  );
}

/* Rows by task, true label and source, a group for each label that a row has; `add` counts a row into its group. */
function groupsOf(rows, empty, add) {
  const groups = new Map();
  for (const row of rows) {
    for (const label of row.targets) {
      const key = `${row.task}\n${label}\n${row.source}`;
      if (!groups.has(key)) groups.set(key, { task: row.task, label, source: row.source, of: 0, ...empty() });
      groups.get(key).of += 1;
      add(groups.get(key), row);
    }
  }
  return [...groups.values()];
}

/* The first groups in a table, the others in one that is folded; `line` makes a group's cells. */
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

/* Which sample a row is about; columns have a row's value to sort by, and a node where that is not what is shown. */
const WHICH = [
  {
    key: "id",
    title: "Sample",
    value: (row) => row.id,
    node: (row) => html`<a href=${address({ sample: row.id })}>${row.id}</a>`,
  },
  { key: "task", title: "Task", value: (row) => row.task, narrow: "wide" },
  { key: "source", title: "Source", value: (row) => row.source, narrow: "wide" },
  { key: "label", title: "True label", value: (row) => row.targets.join(", ") },
];

/* What there is of a kind among the rows of the task that the address asks for. */
function kindsOf(rows, pick) {
  const task = state().get("task");
  return [...new Set(rows.filter((row) => !task || row.task === task).flatMap(pick))].sort();
}

/* What the address may ask for; `fits` says whether a row is it. */
function whichFilters(rows, tasks) {
  return [
    { name: "task", label: "Task", choices: () => tasks, fits: (row, value) => row.task === value },
    {
      name: "source",
      label: "Source",
      choices: () => kindsOf(rows, (row) => [row.source]),
      fits: (row, value) => row.source === value,
    },
    {
      name: "label",
      label: "True label",
      choices: () => kindsOf(rows, (row) => row.targets),
      fits: (row, value) => row.targets.includes(value),
    },
  ];
}

const PAGE_SIZE = 50;

/* A paginated table of the rows at those places: `columns` are {key, title, value, node, numeric, narrow}. */
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
    ${!shown.length && html`<p class="empty">No sample is like that.</p>`}
    <${Pager} page=${page} pages=${pages} total=${places.length} />
  `;
}

/* A column's heading sorts by it: upwards, downwards, not at all. */
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
  const shown = ({ node, value }) => (node ? node(row) : (value(row) ?? "–"));
  return html`
    <tr data-place=${row.at}>
      ${columns.map((column) => html`<td class=${classes(column.numeric && "number", column.narrow)}>${shown(column)}</td>`)}
    </tr>
  `;
}

function Pager({ page, pages, total }) {
  const turn = (target) => {
    go({ page: target });
    byId("listing").scrollIntoView();
  };
  const to = (target, text, label) => html`
    <button
      type="button"
      aria-label=${label}
      disabled=${target < 1 || target > pages || target === page}
      onClick=${() => turn(target)}
    >${text}</button>
  `;
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

/* Those places of rows in the order that the address asks for. */
function sorted(rows, columns, places) {
  const asked = state().get("sort") ?? "";
  const column = columns.find(({ key }) => key === asked.replace(/^-/, ""));
  if (!column) return places;
  const sign = asked.startsWith("-") ? -1 : 1;
  const values = new Map(places.map((place) => [place, column.value(rows[place])]));
  return [...places].sort((one, other) => compareValues(values.get(one), values.get(other), sign) || one - other);
}

/* What is lacking goes last, whichever way the others go. */
function compareValues(one, other, sign) {
  const lacking = (value) => value === null || value === undefined || value === "";
  if (lacking(one) || lacking(other)) return Number(lacking(one)) - Number(lacking(other));
  return (
    sign *
    (typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other)))
  );
}

function Picker({ filter: { label, name, choices, titles = {} } }) {
  const asked = state().get(name) ?? "";
  const offered = choices();
  const all = asked && !offered.includes(asked) ? [...offered, asked] : offered;
  const title = (choice) => (Object.hasOwn(titles, choice) ? titles[choice] : choice);
  return html`
    <label>
      <span>${label}</span>
      <select name=${name} value=${asked} onChange=${({ target }) => go({ [name]: target.value, page: null })}>
        <option value="">all</option>
        ${all.map((choice) => html`<option key=${choice} value=${choice}>${title(choice)}</option>`)}
      </select>
    </label>
  `;
}

/* `rows` have at, id and words; `textOf` gives a record's text to search, `heading` and `body` what is shown of one. */
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

  /* Answers and steps are brought in behind the first view, for the search. */
  async readTexts() {
    await new Promise((go) => (globalThis.requestIdleCallback ?? setTimeout)(go));
    try {
      await this.shards.eachShard((records, first) => {
        records.forEach((record, at) => {
          this.#texts[first + at] = this.textOf(record).toLowerCase();
        });
        this.#read += records.length;
        this.#tellReading();
      });
    } catch (error) {
      this.#unread = error.message;
    }
    this.#tellReading();
    document.body.dataset.searchable = "true";
    if (state().get("q")) this.#drawList();
  }

  #tellReading() {
    const reading = this.#read < this.rows.length ? `reading answers: ${percent(this.#read / this.rows.length)} %` : "";
    byId("search-note").textContent = this.#unread ? `Answers and steps cannot be searched: ${this.#unread}` : reading;
  }

  #choose() {
    const asked = this.filters
      .filter(({ name }) => state().get(name))
      .map(({ name, fits }) => [fits, state().get(name)]);
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
        ${active.length > 0 && html`<button type="button" onClick=${() => go(nothing)}>Clear</button>`}
      `,
    );
    if (document.activeElement !== byId("search")) byId("search").value = state().get("q") ?? "";
  }

  #drawBar(place) {
    const to = (other, text, label) => html`
      <button
        type="button"
        aria-label=${label}
        disabled=${other === undefined}
        onClick=${() => go({ sample: this.rows[other].id })}
      >${text}</button>
    `;
    const where = place < 0 ? "not among the samples chosen" : `${count(place + 1)} of ${count(this.chosen.length)}`;
    show(
      "sample-bar",
      html`
        <button type="button" onClick=${() => go({ sample: null })}>✕ Close</button>
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
        row ? this.body(await this.shards.record(row.at), row) : html`<p class="empty">There is no such sample.</p>`,
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
    addEventListener("beforeprint", () =>
      document.querySelectorAll("details").forEach((one) => {
        one.open = true;
      }),
    );
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
      return; // a player has arrow keys and a space bar of its own
    else if (["ArrowRight", "j"].includes(event.key)) step("Next");
    else if (["ArrowLeft", "k"].includes(event.key)) step("Previous");
    else if (event.key === " " && video && !event.target.closest?.("button, a, summary")) {
      event.preventDefault();
      if (video.paused) video.play();
      else video.pause();
    }
  }
}
