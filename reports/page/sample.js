"use strict";

/* One sample: what was asked, seen, heard, answered and judged. */

const ROLES = { model: "Model", extractor: "Extractor", judge: "Judge", listener: "Listener", repeats: "Repeats" };
const roleName = (role) => (Object.hasOwn(ROLES, role) ? ROLES[role] : role);

function ratingMark(rating) {
  const [right, of] = rating.split("/").map(Number);
  const share = of ? right / of : 0;
  const kind = share === 1 ? "passed" : share === 0 ? "failed" : "partly";
  return el(
    "span",
    { class: `rating ${kind}`, title: `rated ${rating}` },
    `${{ passed: "✓", failed: "✗", partly: "◐" }[kind]} ${rating}`,
  );
}

function stepNode(step, name) {
  const votes = Object.entries(step.votes ?? {});
  return el(
    "li",
    {},
    el(
      "div",
      { class: "step" },
      ratingMark(step.rating),
      el(
        "div",
        {},
        name && el("strong", {}, `${name}: `),
        el("span", { class: "said" }, step.text),
        step.reason && el("p", { class: "reason" }, el("span", { class: "by" }, "Judge: "), step.reason),
        votes.length > 0 && el("p", { class: "reason" }, votes.map(([judge, vote]) => `${judge} ${vote}`).join(" · ")),
      ),
    ),
  );
}

function stepsNode(record) {
  if (!record.prediction) return el("p", { class: "empty" }, "There are no rated steps: this sample has no score.");
  return el(
    "ol",
    { class: "steps" },
    record.steps.map((step) => stepNode(step)),
    stepNode(record.prediction, "Last step"),
  );
}

function labelsNode(record) {
  const kind = (label) => [record.targets.includes(label) && "true", record.predicted.includes(label) && "named"];
  const words = (label) =>
    kind(label)
      .filter(Boolean)
      .map((word) => (word === "named" ? "named" : "true label"))
      .join(", ");
  return el(
    "ul",
    { class: "labels" },
    record.label_set.map((label) =>
      el(
        "li",
        { class: kind(label).filter(Boolean).join(" ") },
        label,
        words(label) && el("small", {}, ` ${words(label)}`),
      ),
    ),
  );
}

function scoresNode(record, alpha) {
  const cot = record.recognition === null ? null : alpha * record.recognition + (1 - alpha) * record.reasoning;
  const scores = [
    ["Recognition", record.recognition],
    ["Reasoning", record.reasoning],
    [`CoT (α ${alpha})`, cot],
  ];
  return el(
    "dl",
    { class: "scores" },
    scores.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, percent(value)))),
  );
}

/* Peaks are loudness in 1/255; drawn as their square root, as ears hear quiet sounds better than a line shows them. */
function waveformNode(waveform, frames, video) {
  const peaks = waveform.peaks.match(/../g).map((pair) => Math.sqrt(parseInt(pair, 16) / 255));
  const path = peaks.map((peak, at) => `M${at + 0.5},${20 - 19 * peak}V${20 + 19 * peak + 0.5}`).join("");
  const x = (seconds) => (peaks.length * seconds) / Math.max(waveform.seconds, 0.001);
  const head = svg("line", { class: "playhead", x1: 0, x2: 0, y1: 0, y2: 40 });
  const drawing = svg(
    "svg",
    {
      class: "waveform",
      viewBox: `0 0 ${peaks.length} 40`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `Loudness over ${waveform.seconds.toFixed(1)} seconds`,
    },
    ...(frames?.seconds ?? []).map((at) => svg("line", { class: "seen", x1: x(at), x2: x(at), y1: 0, y2: 40 })),
    svg("path", { d: path }),
    head,
  );
  video.addEventListener("timeupdate", () => {
    head.setAttribute("x1", x(video.currentTime));
    head.setAttribute("x2", x(video.currentTime));
  });
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    video.currentTime = (waveform.seconds * (event.clientX - box.left)) / box.width;
  });
  return drawing;
}

/* The clip beside the page, or where the run found it. */
function clipOf({ id, clip }, { base, urls }) {
  return Object.hasOwn(urls, id)
    ? urls[id]
    : base && clip
      ? base + clip.split("/").map(encodeURIComponent).join("/")
      : null;
}

function videoNode(record, source) {
  const note = el("p", { class: "note", role: "status" });
  const video = el("video", { controls: true, preload: "metadata", src: source, "aria-label": `Clip of ${record.id}` });
  const missing =
    "The clip is not where the run found it. Put the data folder there, or make the report with --report-media.";
  const strange = "This browser cannot play the clip; --report-media puts a playable copy beside the report.";
  video.addEventListener("error", () => {
    note.textContent = video.error?.code === 4 && /\.(avi|mkv)$/i.test(source) ? strange : missing;
  });
  if (!source) note.textContent = "The clip lies outside the data folder and is not linked; --report-media copies it.";
  return [video, note];
}

/* The very pictures that the judge was sent, from a file beside the page. */
function framesNode(record, shards, video, judge) {
  if (!record.frames)
    return el(
      "p",
      { class: "note" },
      record.prediction ? `${judge} looked at no frames.` : "The judge saw no frames of it.",
    );
  const strip = el("ol", { class: "frames", "aria-label": "Frames that the judge saw" });
  const show = (pictures) =>
    strip.replaceChildren(...pictures.map((picture, at) => frameNode(picture, record.frames.seconds[at], video)));
  const known = /^[0-9a-f]{64}$/.test(record.frames.key); // no other name may lead anywhere
  const pictures = known
    ? load(`${shards.folder}/frames/${record.frames.key}.js`, record.frames.key)
    : Promise.reject(new Error("no such file"));
  pictures.then(show, () =>
    strip.replaceChildren(
      el(
        "li",
        { class: "note" },
        `The judge saw ${many(record.frames.seconds.length, "frame")}, at ${record.frames.seconds.map((at) => at.toFixed(1)).join(", ")} s; they are not beside this page. Run again with --report-media to decode them anew.`,
      ),
    ),
  );
  return strip;
}

function frameNode(picture, seconds, video) {
  const source = `data:image/jpeg;base64,${picture}`;
  const enlarge = () => {
    const large = el(
      "dialog",
      { class: "enlarged", "aria-label": `Frame at ${seconds.toFixed(1)} seconds` },
      el("img", { src: source, alt: "" }),
      el("form", { method: "dialog" }, el("button", {}, "Close")),
    );
    large.addEventListener("close", () => large.remove());
    large.addEventListener("click", ({ target }) => target === large && large.close());
    document.body.append(large);
    large.showModal();
  };
  return el(
    "li",
    {},
    el(
      "button",
      {
        type: "button",
        class: "plain",
        onclick: enlarge,
        "aria-label": `Enlarge the frame at ${seconds.toFixed(1)} seconds`,
      },
      el("img", { src: source, alt: `Frame at ${seconds.toFixed(1)} seconds`, decoding: "async" }),
    ),
    el(
      "button",
      {
        type: "button",
        class: "plain time",
        onclick: () => {
          video.currentTime = seconds;
        },
      },
      `${seconds.toFixed(1)} s`,
    ),
  );
}

function repliesNode(record) {
  const replies = Object.entries(record.rejected).flatMap(([role, texts]) => texts.map((text) => [role, text]));
  if (!replies.length) return null;
  return section(
    `Replies that had to be asked again (${replies.length})`,
    replies.map(([role, text]) =>
      el("details", { open: replies.length < 3 }, el("summary", {}, roleName(role)), el("pre", {}, text)),
    ),
  );
}

const badge = (kind, text, title) => el("span", { class: `badge ${kind}`, title }, text);

/* How the answer ended, where that is worth a word. */
function endingBadges({ ending, refused, prediction }) {
  return [
    ending === "cut off" && badge("partly", "cut off", "It ran into its limit of tokens."),
    ending === "filtered" && badge("failed", "filtered", "The provider's filter of contents ended it."),
    ending === null && badge("unknown", "ending unknown", "Nobody has said whether this is the whole answer."),
    refused && badge("partly", prediction ? "a refusal: Reasoning is 0" : "a refusal"),
  ];
}

/* Who gave the answer; `strange` are the names that are not those of the model under test. */
function answeredBy({ usage: { model } }, { asked, strange }) {
  if (!model) return null;
  if (model.model === null) return el("span", { class: "note" }, "who answered is unknown");
  if (!strange.includes(model.model)) return el("span", { class: "note" }, `answered by ${model.model}`);
  return badge("failed", `⚠ answered by ${model.model}; ${asked} was asked`);
}

const THOUGHTS = { rated: "rated, as reasoning before the answer", ignored: "not rated" };

function thoughtsNode({ thoughts }, { thoughts: use }) {
  if (!thoughts) return null;
  return el(
    "details",
    { class: "thoughts" },
    el(
      "summary",
      {},
      `Thoughts, ${many([...thoughts].length, "character")}`,
      Object.hasOwn(THOUGHTS, use) && el("small", {}, ` · ${THOUGHTS[use]}`),
    ),
    el("p", { class: "said thinking" }, thoughts),
  );
}

/* The answer, below how it ended, who gave it and what was thought before; `about` is of the whole run. */
function answerNode(record, about) {
  if (record.answer === null) return el("p", { class: "empty" }, "There is no answer.");
  return [
    el("p", { class: "how" }, endingBadges(record), answeredBy(record, about)),
    thoughtsNode(record, about),
    record.answer.trim()
      ? el("p", { class: "said answer" }, record.answer)
      : el("p", { class: "empty" }, "(no answer beyond its thoughts)"),
  ];
}

/* A number of tokens, and how many of them are of which kind. */
function tokensOf(tokens, kinds) {
  const parts = Object.entries(kinds).filter(([, part]) => part);
  const words = parts.map(([kind, part]) => `${count(part)} ${kind}`).join(", ");
  return [count(tokens), words && el("small", { class: "parts" }, ` (${words})`)];
}

function spentCells(spent) {
  if (!spent.requests) return ["0", "–", "–", "–", "–"]; // asked nobody, or had the reply already
  const cost = spent.cost_usd === null ? "unknown" : spent.cost_usd.toFixed(4);
  return [
    count(spent.requests),
    tokensOf(spent.input_tokens, { cached: spent.cached_tokens, sound: spent.audio_tokens }),
    tokensOf(spent.output_tokens, { thoughts: spent.thought_tokens }),
    `${spent.seconds.toFixed(2)} s`,
    cost,
  ];
}

function usageNode(record) {
  const roles = Object.entries(record.usage);
  const rows = roles.map(([role, spent]) => [roleName(role), spent.model ?? "–", ...spentCells(spent)]);
  const head = ["Role", "Answered by", "Requests", "Tokens in", "Tokens out", "Latency", "USD"];
  const yielded = roles
    .filter(([, spent]) => spent.left_out.length)
    .map(([role, { left_out: names }]) => `${roleName(role)}: its server refuses ${names.join(", ")}, which is not sent any more.`);
  if (!rows.length) return null;
  return section(
    "Tokens, time, cost",
    plainTable([head, ...rows], { numeric: 2 }),
    yielded.map((note) => el("p", { class: "note" }, note)),
  );
}

function repeatsNode(record) {
  if (!record.repeats) return null;
  if (record.repeats.error) return section("Asked again", el("p", {}, record.repeats.error));
  const line = (name, marks) =>
    marks.map((mark, at) => [
      `${name} ${at + 1}`,
      percent(mark.recognition),
      percent(mark.reasoning),
      percent(mark.cot),
    ]);
  return section(
    "Asked again",
    plainTable([
      ["", "Recognition", "Reasoning", "CoT"],
      ...line("Answer", record.repeats.answers),
      ...line("Judgement of answer 1,", record.repeats.judgements),
    ]),
  );
}

function section(title, ...content) {
  return el("section", {}, el("h3", {}, title), ...content);
}

function errorNode({ stage, error, fault }) {
  if (!error && !fault) return null;
  return el(
    "div",
    { class: "banner bad" },
    error
      ? el("p", {}, el("strong", {}, `No score (${stage}): `), error)
      : el("p", {}, el("strong", {}, "Beside the score: "), `${fault.error} (${fault.place})`),
    fault &&
      el(
        "details",
        {},
        el("summary", {}, `Traceback; ${fault.blame}`),
        el("pre", {}, fault.traceback),
      ),
  );
}

function clueNode({ audio_clue: clue }) {
  return section(
    "Audio clue",
    clue
      ? el("p", { class: "said" }, clue)
      : el("p", { class: "note" }, "Nobody has described the sound of this clip."),
  );
}

/* What is searched of a record. */
function textOf(record) {
  const steps = [...record.steps, ...(record.prediction ? [record.prediction] : [])];
  const said = steps.map((step) => `${step.text} ${step.reason ?? ""}`);
  return [record.answer, record.thoughts, ...said, record.error].map((text) => text ?? "").join("\n");
}

function commandNode(record, command) {
  const text = `pytest ${quoted(`${command.case}[${record.id}]`)} ${command.arguments}`;
  const copy = el(
    "button",
    {
      type: "button",
      onclick: () =>
        navigator.clipboard.writeText(text).then(() => {
          copy.textContent = "Copied";
        }),
    },
    "Copy",
  );
  return section("Run just this case again", el("div", { class: "command" }, el("code", {}, text), copy));
}

function sampleNode(record, { shards, clip, command, judge, answering, alpha }) {
  const [video, note] = videoNode(record, clip);
  return el(
    "article",
    { class: "sample" },
    el(
      "div",
      { class: "beside" },
      el(
        "div",
        { class: "material" },
        video,
        note,
        record.waveform
          ? waveformNode(record.waveform, record.frames, video)
          : el("p", { class: "note" }, "No waveform: the clip has no sound, or nobody had to read it."),
        el("h3", {}, "What the judge saw"),
        framesNode(record, shards, video, judge),
        clueNode(record),
      ),
      el(
        "div",
        { class: "text" },
        scoresNode(record, alpha),
        errorNode(record),
        section("Question", el("p", {}, record.question), labelsNode(record)),
        section("Answer", answerNode(record, answering)),
        section(
          "Steps and ratings",
          stepsNode(record),
          record.by_rules &&
            record.prediction &&
            record.by_rules !== record.prediction.rating &&
            el("p", { class: "note" }, `A list of words would rate the last step ${record.by_rules}.`),
        ),
      ),
    ),
    repliesNode(record),
    repeatsNode(record),
    usageNode(record),
    commandNode(record, command),
  );
}
