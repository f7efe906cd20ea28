"use strict";

/* What all pages use. Text never becomes markup: Preact makes nodes, and strings become text nodes. */

const html = htm.bind(preact.h);
const { useEffect, useLayoutEffect, useRef, useState } = preactHooks;

const byId = (id) => document.getElementById(id);

/* Renders content into the element with this id. Nodes that do not change stay, and so does the focus. */
const show = (place, content) => preact.render(content, byId(place));

/* The class attribute with the names that apply. */
const classes = (...names) => names.filter(Boolean).join(" ") || undefined;

/* The data of the page, filled when they have been unpacked. */
const app = {};

const sum = (values) => values.reduce((total, value) => total + value, 0);
const mean = (values) => (values.length ? sum(values) / values.length : null);

/* A number with one decimal, as Python rounds it: of the ties that a float can hold, .25 goes to .2 and .75 to .8. */
const tenths = (value) => (Math.abs(value % 1) === 0.25 ? Math.trunc(10 * value) / 10 : value).toFixed(1);

const percent = (fraction) => (Number.isFinite(fraction) ? tenths(100 * fraction) : "–");

function points(fraction) {
  if (fraction === null) return "–";
  return `${fraction < 0 ? "−" : "+"}${tenths(Math.abs(100 * fraction))}`;
}

const count = (number) => (number === null || number === undefined ? "unknown" : number.toLocaleString("en"));
const many = (number, one, several = `${one}s`) => `${count(number)} ${number === 1 ? one : several}`;

function span(seconds) {
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/* Unpacks deflated JSON in Base64, which cannot end a script whatever it contains. */
async function unpack(packed) {
  const signs = atob(packed);
  const bytes = new Uint8Array(signs.length);
  for (let at = 0; at < signs.length; at += 1) bytes[at] = signs.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

const expected = new Map();

/* Loads a script beside the page, which calls `mmeShard` or `mmeFrames`: a page opened from disk may not fetch files. */
function load(source, name) {
  if (!expected.has(name)) {
    const script = Object.assign(document.createElement("script"), { src: source });
    const { promise, resolve, reject } = Promise.withResolvers();
    const done = () => {
      script.remove();
      expected.delete(name);
    };
    script.addEventListener("error", () => reject(new Error(`${source} was not found.`)));
    script.addEventListener("load", () => reject(new Error(`${source} is damaged.`))); // no effect if it has resolved
    promise.then(done, done);
    expected.set(name, { promise, resolve });
    document.head.append(script);
  }
  return expected.get(name).promise;
}

globalThis.mmeShard = (name, packed) => expected.get(name)?.resolve(packed);
globalThis.mmeFrames = globalThis.mmeShard;

/* The records, in scripts of `size`: the last four that were opened stay in memory, others are loaded again. */
class Shards {
  #recent = new Map();

  constructor({ folder, name, size, records }) {
    Object.assign(this, { folder, name, size, records });
  }

  #read(number) {
    const name = `${this.name}-${String(number).padStart(3, "0")}`;
    return this.#recent.get(number) ?? load(`${this.folder}/${name}.js`, name).then(unpack);
  }

  shard(number) {
    const found = this.#read(number);
    this.#recent.delete(number);
    this.#recent.set(number, found);
    if (this.#recent.size > 4) this.#recent.delete(this.#recent.keys().next().value);
    found.catch(() => this.#recent.delete(number));
    return found;
  }

  async record(place) {
    return (await this.shard(Math.floor(place / this.size)))[place % this.size];
  }

  /* Visits all records, a shard at a time; the page stays responsive in between. */
  async eachShard(visit) {
    for (let first = 0; first < this.records; first += this.size) {
      visit(await this.#read(first / this.size), first);
      await new Promise((go) => setTimeout(go));
    }
  }
}

/* The view is in the address, so that it can be linked and the Back button works. */
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
  dispatchEvent(new PopStateEvent("popstate"));
}

/* Filters that every link to samples has. */
const standing = {};

const FILTERS = ["task", "source", "label", "predicted", "outcome", "ending", "again", "counted", "change"];

/* A link to the samples that pass the filters `like`; it resets all other filters. */
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

/* Content that may be wider than the window; the keyboard can scroll it. */
const Scroll = ({ label, children }) =>
  html`<div class="scroll" tabindex="0" role="region" aria-label=${label}>${children}</div>`;

/* A menu; `titles` are the words for those choices that are not shown as they are. */
const Menu = ({ label, name, value, choices, titles = {}, choose }) => html`
  <label>
    <span>${label}</span>
    <select name=${name} value=${value} onChange=${({ target }) => choose(target.value)}>
      ${choices.map(
        (choice) =>
          html`<option key=${choice} value=${choice}>${Object.hasOwn(titles, choice) ? titles[choice] : choice}</option>`,
      )}
    </select>
  </label>
`;

/* A table of strings and nodes. The first row has the headings; columns from `numeric` on are numbers. */
function Table({ rows, numeric = 1 }) {
  const [head, ...body] = rows;
  const kind = (column) => (column >= numeric ? "number" : undefined);
  const cell = (content, column) =>
    column
      ? html`<td class=${kind(column)}>${content}</td>`
      : html`<th scope="row" class=${kind(column)}>${content}</th>`;
  return html`
    <${Scroll} label="table">
      <table>
        <thead>
          <tr>${head.map((title, column) => html`<th scope="col" class=${kind(column)}>${title}</th>`)}</tr>
        </thead>
        <tbody>${body.map((row) => html`<tr>${row.map(cell)}</tr>`)}</tbody>
      </table>
    <//>`;
}

/* The words and "quoted phrases" of a search; a sample matches if it has all of them. */
function wordsOf(text) {
  return [...text.toLowerCase().matchAll(/"([^"]+)"?|(\S+)/g)].map((found) => found[1] ?? found[2]);
}

const OUTCOMES = { passed: "✓ right", failed: "✗ wrong", error: "! unscored" };
const OutcomeMark = ({ outcome }) => html`<span class="outcome ${outcome}">${OUTCOMES[outcome]}</span>`;

const Section = ({ title, children }) => html`<section><h3>${title}</h3>${children}</section>`;
