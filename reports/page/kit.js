"use strict";

/* What all our pages are made with. Text never becomes markup: `el` makes nodes, strings become text nodes. */

function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function svg(tag, properties = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const byId = (id) => document.getElementById(id);

/* Fills a place anew; where the keyboard was in it, it stays with what has the same name. */
function put(place, ...children) {
  const holder = byId(place);
  const named = (node) => `${node.tagName} ${node.name || node.ariaLabel || node.textContent.replace(/[▲▼\s]/g, "")}`;
  const held = holder.contains(document.activeElement) ? named(document.activeElement) : null;
  holder.replaceChildren(...children.flat(Infinity).filter(Boolean));
  if (held)
    [...holder.querySelectorAll("button, select, a, summary")]
      .find((node) => named(node) === held)
      ?.focus({ preventScroll: true });
}
const sum = (values) => values.reduce((total, value) => total + value, 0);
const mean = (values) => (values.length ? sum(values) / values.length : null);

function percent(fraction) {
  return fraction === null || fraction === undefined || Number.isNaN(fraction) ? "–" : (100 * fraction).toFixed(1);
}

function points(fraction) {
  return `${fraction < 0 ? "−" : "+"}${Math.abs(100 * fraction).toFixed(1)}`;
}

const count = (number) => (number === null || number === undefined ? "unknown" : number.toLocaleString("en"));
const many = (number, one, several = `${one}s`) => `${count(number)} ${number === 1 ? one : several}`;

function span(seconds) {
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/* Data: deflated JSON in Base64, which cannot break out of a script whatever it holds. */

async function unpack(packed) {
  const signs = atob(packed);
  const bytes = new Uint8Array(signs.length);
  for (let at = 0; at < signs.length; at += 1) bytes[at] = signs.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

const expected = new Map();

/* A page opened from disk may not fetch its neighbours, but it may load scripts: each calls one of the two below. */
function load(source, name) {
  if (!expected.has(name)) {
    expected.set(
      name,
      new Promise((resolve, reject) => {
        const script = el("script", { src: source });
        const done = (settle) => (value) => {
          script.remove();
          expected.delete(name);
          settle(value);
        };
        expected.set(`${name} came`, done(resolve));
        script.addEventListener("error", () => done(reject)(new Error(`${source} is not beside this page.`)));
        script.addEventListener("load", () => expected.has(name) && done(reject)(new Error(`${source} is damaged.`)));
        document.head.append(script);
      }),
    );
  }
  return expected.get(name);
}

function came(name, value) {
  expected.get(`${name} came`)?.(value);
  expected.delete(`${name} came`);
}

globalThis.mmeShard = (name, packed) => came(name, packed);
globalThis.mmeFrames = (key, pictures) => came(key, pictures);

/* Records in shards: the last few looked at stay, the others are loaded again. */
class Shards {
  #recent = new Map();

  constructor({ folder, name, size, records }) {
    Object.assign(this, { folder, name, size, records });
  }

  get count() {
    return Math.ceil(this.records / this.size);
  }

  async shard(number) {
    const name = `${this.name}-${String(number).padStart(3, "0")}`;
    const found = this.#recent.get(name) ?? load(`${this.folder}/${name}.js`, name).then(unpack);
    this.#recent.delete(name);
    this.#recent.set(name, found);
    if (this.#recent.size > 4) this.#recent.delete(this.#recent.keys().next().value);
    found.catch(() => this.#recent.delete(name));
    return found;
  }

  async record(place) {
    return (await this.shard(Math.floor(place / this.size)))[place % this.size];
  }

  /* All records in turn, a shard at a time, without keeping the page from anything else. */
  async eachShard(visit) {
    for (let number = 0; number < this.count; number += 1) {
      const name = `${this.name}-${String(number).padStart(3, "0")}`;
      const records = await (this.#recent.get(name) ?? load(`${this.folder}/${name}.js`, name).then(unpack));
      visit(records, number * this.size);
      await new Promise((go) => setTimeout(go));
    }
  }
}

/* What the page shows is in its address, so that it can be linked, and Back goes back. */

const state = () => new URLSearchParams(location.hash.slice(1));

function address(changes) {
  const next = state();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "" || value === undefined) next.delete(name);
    else next.set(name, value);
  }
  return `#${next}`;
}

function go(changes, { replace = false } = {}) {
  const target = address(changes);
  if (target === (location.hash || "#")) return;
  if (replace) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  dispatchEvent(new Event("change of address"));
}

/* What every link to samples asks for besides. */
const standing = {};

const FILTERS = ["task", "source", "label", "predicted", "outcome", "ending", "again", "counted", "change"];

/* A link to the samples that are like that, whatever else was asked for before. */
function samplesLink(like, text, title) {
  const filters = { ...like, ...standing };
  const nothing = Object.fromEntries([...FILTERS, "q", "page", "sample"].map((name) => [name, null]));
  const follow = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go({ ...nothing, ...filters, at: "samples" });
  };
  return el("a", { href: `#${new URLSearchParams({ ...filters, at: "samples" })}`, onclick: follow, title }, text);
}

function whenAddressChanges(render) {
  addEventListener("change of address", render);
  addEventListener("hashchange", render);
  addEventListener("popstate", render);
}

/* Tables of strings and nodes; a first row of headings. */
function plainTable(rows, { caption, numeric = 1 } = {}) {
  const [head, ...body] = rows;
  const kind = (column) => (column >= numeric ? "number" : null);
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption ?? "table" },
    el(
      "table",
      {},
      caption && el("caption", {}, caption),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          head.map((cell, column) => el("th", { scope: "col", class: kind(column) }, cell)),
        ),
      ),
      el(
        "tbody",
        {},
        body.map((row) =>
          el(
            "tr",
            {},
            row.map((cell, column) =>
              el(column ? "td" : "th", { scope: column ? null : "row", class: kind(column) }, cell),
            ),
          ),
        ),
      ),
    ),
  );
}

/* Searching: every word, or "words in quotes", must be there. */
function wordsOf(text) {
  return [...text.toLowerCase().matchAll(/"([^"]+)"?|(\S+)/g)].map((found) => found[1] ?? found[2]);
}

const OUTCOMES = { passed: "✓ right", failed: "✗ wrong", error: "! unscored" };
const outcomeMark = (outcome) => el("span", { class: `outcome ${outcome}` }, OUTCOMES[outcome]);

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
