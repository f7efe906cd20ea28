"use strict";

/* What all our pages are made with. Text never becomes markup: Preact makes nodes, strings become text nodes. */

const html = htm.bind(preact.h);
const { useEffect, useLayoutEffect, useRef, useState } = preactHooks;

const byId = (id) => document.getElementById(id);

/* Makes a place show this; what it shows already and is the same stays, and with it the keyboard's place. */
const show = (place, content) => preact.render(content, byId(place));

/* Those names of classes that apply. */
const classes = (...names) => names.filter(Boolean).join(" ") || undefined;

/* The data of the page, filled when they are unpacked. */
const app = {};

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
        const script = Object.assign(document.createElement("script"), { src: source });
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
function SamplesLink({ like, title, children }) {
  const filters = { ...like, ...standing };
  const nothing = Object.fromEntries([...FILTERS, "q", "page", "sample"].map((name) => [name, null]));
  const follow = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go({ ...nothing, ...filters, at: "samples" });
  };
  const target = `#${new URLSearchParams({ ...filters, at: "samples" })}`;
  return html`<a href=${target} onClick=${follow} title=${title}>${children}</a>`;
}

function whenAddressChanges(render) {
  addEventListener("change of address", render);
  addEventListener("hashchange", render);
  addEventListener("popstate", render);
}

/* What may be wider than the window; the keyboard scrolls it. */
const Scroll = ({ label, children }) =>
  html`<div class="scroll" tabindex="0" role="region" aria-label=${label}>${children}</div>`;

/* A table of strings and nodes; a first row of headings. Numbers begin at the column `numeric`. */
function Table({ rows, caption, numeric = 1 }) {
  const [head, ...body] = rows;
  const kind = (column) => (column >= numeric ? "number" : undefined);
  const cell = (content, column) =>
    column
      ? html`<td class=${kind(column)}>${content}</td>`
      : html`<th scope="row" class=${kind(column)}>${content}</th>`;
  return html`
    <${Scroll} label=${caption ?? "table"}>
      <table>
        ${caption && html`<caption>${caption}</caption>`}
        <thead>
          <tr>${head.map((title, column) => html`<th scope="col" class=${kind(column)}>${title}</th>`)}</tr>
        </thead>
        <tbody>${body.map((row) => html`<tr>${row.map(cell)}</tr>`)}</tbody>
      </table>
    <//>`;
}

/* Searching: every word, or "words in quotes", must be there. */
function wordsOf(text) {
  return [...text.toLowerCase().matchAll(/"([^"]+)"?|(\S+)/g)].map((found) => found[1] ?? found[2]);
}

const OUTCOMES = { passed: "✓ right", failed: "✗ wrong", error: "! unscored" };
const OutcomeMark = ({ outcome }) => html`<span class="outcome ${outcome}">${OUTCOMES[outcome]}</span>`;

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
