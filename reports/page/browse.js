"use strict";

/* Looking through samples: a table that is filtered, searched and sorted by the address, and one sample opened from it. */

/* Shows a page: `draw` fills what hangs on the data alone, `render` what hangs on the address too. */
async function openPage(app, { rowsOf, draw, render, filters, ...browsed }) {
  const page = await unpack(byId("page-data").textContent);
  Object.assign(app, page, { shards: new Shards(page.shards), rows: rowsOf(page.index) });
  put(
    "about",
    app.about.map(([name, value]) => el("span", {}, el("b", {}, `${name} `), value)),
  );
  put(
    "banners",
    app.banners.map((banner) => el("p", { class: "banner" }, el("span", { "aria-hidden": "true" }, "⚠ "), banner)),
  );
  draw();
  app.browser = new Browser({ rows: app.rows, shards: app.shards, filters: filters(), ...browsed });
  whenAddressChanges(render);
  render();
  document.body.dataset.ready = "true";
  app.browser.readTexts();
}

function startPage(app, parts) {
  openPage(app, parts).catch((error) =>
    put("banners", el("p", { class: "banner bad" }, `This page cannot be shown: ${error.message}`)),
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

/* The first groups in a table, the others in one that is folded. */
function groupTables(groups, shown, [head, line]) {
  const table = (part) => plainTable([["Task · true label · source", ...head], ...part.map(line)]);
  const rest = groups.slice(shown);
  return [
    table(groups.slice(0, shown)),
    rest.length > 0 && el("details", {}, el("summary", {}, many(rest.length, "smaller group")), table(rest)),
  ];
}

/* Which sample a row is about; columns have a row's value to sort by, and a node where that is not what is shown. */
const WHICH = [
  {
    key: "id",
    title: "Sample",
    value: (row) => row.id,
    node: (row) => el("a", { href: address({ sample: row.id }) }, row.id),
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

/* A paginated table of samples: `columns` are {key, title, value, node, numeric, narrow}. */
class Listing {
  constructor(place, rows, columns, { pageSize = 50 }) {
    Object.assign(this, { place, rows, columns, pageSize });
  }

  sorted(places) {
    const asked = state().get("sort") ?? "";
    const column = this.columns.find(({ key }) => key === asked.replace(/^-/, ""));
    if (!column) return places;
    const sign = asked.startsWith("-") ? -1 : 1;
    const values = new Map(places.map((place) => [place, column.value(this.rows[place])]));
    return [...places].sort((one, other) => compareValues(values.get(one), values.get(other), sign) || one - other);
  }

  show(places) {
    const pages = Math.max(1, Math.ceil(places.length / this.pageSize));
    const page = Math.min(pages, Math.max(1, Number(state().get("page")) || 1));
    const shown = places.slice((page - 1) * this.pageSize, page * this.pageSize);
    put(
      this.place,
      el(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "Samples" },
        el(
          "table",
          { class: "listing" },
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              this.columns.map((column) => this.heading(column)),
            ),
          ),
          el(
            "tbody",
            {},
            shown.map((place) => this.row(place)),
          ),
        ),
      ),
      !shown.length && el("p", { class: "empty" }, "No sample is like that."),
      this.pager(page, pages, places.length),
    );
  }

  heading({ key, title, numeric, narrow }) {
    const asked = state().get("sort") ?? "";
    const active = asked.replace(/^-/, "") === key;
    const next = asked === key ? `-${key}` : asked === `-${key}` ? null : key;
    const order = active ? (asked.startsWith("-") ? "descending" : "ascending") : "none";
    const arrow = { ascending: " ▲", descending: " ▼", none: "" }[order];
    return el(
      "th",
      { scope: "col", "aria-sort": order, class: [numeric && "number", narrow].filter(Boolean).join(" ") },
      el("button", { type: "button", class: "plain", onclick: () => go({ sort: next, page: null }) }, title + arrow),
    );
  }

  row(place) {
    return el(
      "tr",
      { "data-place": place },
      this.columns.map(({ node, value, numeric, narrow }) =>
        el(
          "td",
          { class: [numeric && "number", narrow].filter(Boolean).join(" ") },
          node ? node(this.rows[place]) : (value(this.rows[place]) ?? "–"),
        ),
      ),
    );
  }

  pager(page, pages, total) {
    const to = (target, text, label) =>
      el(
        "button",
        {
          type: "button",
          "aria-label": label,
          disabled: target < 1 || target > pages || target === page,
          onclick: () => {
            go({ page: target });
            byId(this.place).scrollIntoView();
          },
        },
        text,
      );
    return el(
      "nav",
      { class: "pager", "aria-label": "Pages" },
      to(1, "«", "First page"),
      to(page - 1, "‹", "Previous page"),
      el("span", {}, `Page ${count(page)} of ${count(pages)}, ${many(total, "sample")}`),
      to(page + 1, "›", "Next page"),
      to(pages, "»", "Last page"),
    );
  }
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

function picker({ label, name, choices, titles = {} }) {
  const asked = state().get(name);
  const offered = choices();
  const title = (choice) => (Object.hasOwn(titles, choice) ? titles[choice] : choice);
  return el(
    "label",
    {},
    el("span", {}, label),
    el(
      "select",
      { name, onchange: ({ target }) => go({ [name]: target.value, page: null }) },
      el("option", { value: "" }, "all"),
      [...offered, ...(asked && !offered.includes(asked) ? [asked] : [])].map((choice) =>
        el("option", { value: choice, selected: asked === choice }, title(choice)),
      ),
    ),
  );
}

/* `rows` have at, id and words; `textOf` gives a record's text to search, `heading` and `body` what is shown of one. */
class Browser {
  #texts = [];
  #read = 0;
  #unread = null;
  #scrolled = 0;

  constructor({ rows, shards, columns, filters, textOf, heading, body }) {
    Object.assign(this, { rows, shards, filters, textOf, heading, body, chosen: [] });
    this.listing = new Listing("listing", rows, columns, { pageSize: 50 });
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
      put("sample-body");
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
    return this.listing.sorted(this.rows.filter(fits).map((row) => row.at));
  }

  #drawList() {
    this.chosen = this.#choose();
    this.listing.show(this.chosen);
  }

  #drawFilters() {
    const active = [...this.filters.map(({ name }) => name), "q", "sort"].filter((name) => state().get(name));
    const nothing = Object.fromEntries([...active, "page"].map((name) => [name, null]));
    put(
      "filters",
      this.filters.map(picker),
      active.length > 0 && el("button", { type: "button", onclick: () => go(nothing) }, "Clear"),
    );
    if (document.activeElement !== byId("search")) byId("search").value = state().get("q") ?? "";
  }

  #drawBar(place) {
    const to = (other, text, label) =>
      el(
        "button",
        {
          type: "button",
          "aria-label": label,
          disabled: other === undefined,
          onclick: () => go({ sample: this.rows[other].id }),
        },
        text,
      );
    const where = place < 0 ? "not among the samples chosen" : `${count(place + 1)} of ${count(this.chosen.length)}`;
    put(
      "sample-bar",
      el("button", { type: "button", onclick: () => go({ sample: null }) }, "✕ Close"),
      to(this.chosen[place - 1], "‹ Previous", "Previous sample"),
      to(place < 0 ? undefined : this.chosen[place + 1], "Next ›", "Next sample"),
      el(
        "span",
        { class: "note" },
        where,
        el("span", { class: "keys" }, " · keys: ← → or k j, space plays, Esc closes"),
      ),
    );
  }

  async #open(id) {
    const row = this.rows.find((one) => one.id === id);
    this.#drawBar(this.chosen.indexOf(row?.at));
    const title = el("h2", { tabindex: "-1", id: "sample-title" }, row ? this.heading(row) : id);
    let content = [el("p", { class: "empty" }, "There is no such sample.")];
    try {
      if (row) content = this.body(await this.shards.record(row.at), row);
    } catch (error) {
      content = [el("p", { class: "banner bad" }, `${error.message} Keep the page and its folder together.`)];
    }
    if (state().get("sample") !== id) return;
    put("sample-body", title, ...content);
    title.focus({ preventScroll: true });
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
