"use strict";

/* One sample: what was asked, seen, heard, answered and judged. */

const ROLES = { model: "Model", extractor: "Extractor", judge: "Judge", listener: "Listener", repeats: "Repeats" };

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
      el("details", { open: replies.length < 3 }, el("summary", {}, ROLES[role] ?? role), el("pre", {}, text)),
    ),
  );
}

function spentCells(spent) {
  if (!spent.requests) return ["0", "–", "–", "–", "–"]; // asked nobody, or had the reply already
  const cost = spent.cost_usd === null ? "unknown" : spent.cost_usd.toFixed(4);
  return [
    count(spent.requests),
    count(spent.input_tokens),
    count(spent.output_tokens),
    `${spent.seconds.toFixed(2)} s`,
    cost,
  ];
}

function usageNode(record) {
  const rows = Object.entries(record.usage).map(([role, spent]) => [
    ROLES[role] ?? role,
    spent.model ?? "–",
    ...spentCells(spent),
  ]);
  const head = ["Role", "Answered by", "Requests", "Tokens in", "Tokens out", "Latency", "USD"];
  return rows.length ? section("Tokens, time, cost", plainTable([head, ...rows], { numeric: 2 })) : null;
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
  return [record.answer ?? "", ...steps.map((step) => `${step.text} ${step.reason ?? ""}`), record.error ?? ""].join(
    "\n",
  );
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

function sampleNode(record, { shards, clip, command, judge, alpha }) {
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
        section(
          "Answer",
          record.answer === null
            ? el("p", { class: "empty" }, "There is none.")
            : el("p", { class: "said answer" }, record.answer),
        ),
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
