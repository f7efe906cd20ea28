"use strict";

/* Drawn as SVG by Observable Plot; whatever is plotted is a number or becomes a text node. */

const SCORE_TITLES = { recognition: "Recognition", reasoning: "Reasoning", cot: "CoT" };
const OURS = "var(--accent)";
const THEIRS = "var(--dim)";

function plot(options, label) {
  const drawn = Plot.plot({
    style: { background: "none", fontFamily: "inherit", fontSize: "12px", overflow: "visible" },
    ...options,
  });
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", label);
  return drawn;
}

const withAlpha = (scores, alpha) => ({ ...scores, cot: alpha * scores.recognition + (1 - alpha) * scores.reasoning });

/* The run among the published models; `ours` is {name, value, interval}. */
function publishedChart({ models, doubtful }, place, score, alpha, ours) {
  const doubts = doubtful.filter(
    (cell) => cell.task === place && (score in cell.printed || (score === "cot" && "reasoning" in cell.printed)),
  );
  const rows = Object.entries(models)
    .map(([name, row]) => [name, place === "overall" ? row.overall : row.tasks[place]])
    .filter(([, scores]) => scores)
    .map(([name, scores]) => ({
      name,
      value: 100 * withAlpha(scores, alpha)[score],
      doubt: doubts.some((cell) => cell.model === name),
    }));
  const us = {
    name: `▸ ${ours.name}`,
    value: 100 * ours.value,
    low: 100 * (ours.interval?.[0] ?? ours.value),
    high: 100 * (ours.interval?.[1] ?? ours.value),
    us: true,
  };
  const all = [...rows, us].sort((one, other) => other.value - one.value);
  const rank = ours.comparable
    ? ` Rank ${all.indexOf(us) + 1} of ${all.length}.`
    : " The run does not compare with them; the top of the page says why.";
  const drawn = plot(
    {
      width: 640,
      height: 60 + 21 * all.length,
      marginLeft: 190,
      marginRight: 50,
      x: {
        label: `${SCORE_TITLES[score]}, percent`,
        domain: [0, Math.max(70, ...all.map((row) => row.high ?? row.value)) + 3],
        grid: true,
        nice: true,
      },
      y: { label: null, domain: all.map((row) => row.name), tickSize: 0 },
      marks: [
        Plot.ruleY([us], {
          x1: "low",
          x2: "high",
          y: "name",
          stroke: OURS,
          strokeWidth: 3,
          strokeOpacity: 0.45,
          strokeLinecap: "round",
        }),
        Plot.dot(all, {
          x: "value",
          y: "name",
          r: (row) => (row.us ? 6 : 4),
          fill: (row) => (row.us ? OURS : row.doubt ? "var(--paper)" : THEIRS),
          stroke: (row) => (row.us ? OURS : THEIRS),
          strokeWidth: 1.5,
        }),
        Plot.text(all, {
          x: (row) => row.high ?? row.value,
          y: "name",
          text: (row) => row.value.toFixed(1) + (row.doubt ? " ?" : ""),
          dx: 9,
          textAnchor: "start",
          fill: "currentColor",
        }),
      ],
    },
    `${SCORE_TITLES[score]} of ${ours.name} among the published models.${rank}`,
  );
  const said = doubts
    .map(({ model, printed, implied }) =>
      Object.keys(printed)
        .filter((name) => name === score || score === "cot")
        .map(
          (name) =>
            `${model}: ${SCORE_TITLES[name]} is printed as ${percent(printed[name])}, its other figures imply ${percent(implied[name])}.`,
        ),
    )
    .flat();
  return [
    drawn,
    el(
      "p",
      { class: "note" },
      rank.trim(),
      said.length > 0 &&
        ` Hollow, with a question mark, are printed cells that the paper's other figures contradict: ${said.join(" ")}`,
    ),
  ];
}

/* How scores go with the length of an answer: a tenth of the samples a point. */
function lengthChart(rows, unit) {
  const sorted = rows.filter((row) => row.length !== null).sort((one, other) => one.length - other.length);
  const size = sorted.length / Math.min(10, Math.max(1, Math.floor(sorted.length / 5)));
  const bins = [];
  for (let at = 0; at < sorted.length - 0.5; at += size) {
    const members = sorted.slice(Math.round(at), Math.round(at + size));
    const length = mean(members.map((row) => row.length));
    for (const [name, key] of [
      ["Recognition", "r"],
      ["Reasoning", "s"],
    ])
      bins.push({ name, length, value: 100 * mean(members.map((row) => row[key])), members: members.length });
  }
  return plot(
    {
      width: 560,
      height: 280,
      marginBottom: 44,
      marginRight: 90,
      x: { label: `Length of the answer, ${unit}`, nice: true },
      y: { label: "percent", domain: [0, 100], grid: true },
      color: { domain: ["Recognition", "Reasoning"], range: ["var(--accent)", "var(--second)"] },
      marks: [
        Plot.lineY(bins, { x: "length", y: "value", z: "name", stroke: "name", strokeWidth: 2 }),
        Plot.dot(bins, {
          x: "length",
          y: "value",
          fill: "name",
          r: 3.5,
          symbol: "name",
          title: (bin) => `${bin.name} ${bin.value.toFixed(1)} over ${bin.members} samples`,
        }),
        Plot.text(
          bins,
          Plot.selectLast({
            x: "length",
            y: "value",
            z: "name",
            text: "name",
            fill: "name",
            textAnchor: "start",
            dx: 8,
          }),
        ),
      ],
    },
    `Recognition and Reasoning by length of the answer in ${unit}`,
  );
}

/* Reasoning where Recognition was wrong, and where it was right. */
function reasoningChart(rows) {
  const groups = [
    ["wrong", (row) => row.r === 0],
    ["partly right", (row) => row.r > 0 && row.r < 1],
    ["right", (row) => row.r === 1],
  ];
  const bars = groups.flatMap(([name, fits]) => {
    const members = rows.filter(fits);
    return members.length ? [{ name, value: 100 * mean(members.map((row) => row.s)), members: members.length }] : [];
  });
  return plot(
    {
      width: 560,
      height: 56 + 40 * bars.length,
      marginLeft: 90,
      marginRight: 130,
      x: { label: "Reasoning, percent", domain: [0, 100], grid: true },
      y: { label: null, domain: bars.map((bar) => bar.name), tickSize: 0 },
      marks: [
        Plot.barX(bars, { x: "value", y: "name", fill: "var(--second)", insetTop: 6, insetBottom: 6 }),
        Plot.text(bars, {
          x: "value",
          y: "name",
          text: (bar) => `${bar.value.toFixed(1)}  (${many(bar.members, "sample")})`,
          textAnchor: "start",
          dx: 6,
          fill: "currentColor",
        }),
      ],
    },
    "Reasoning by whether the label was recognised",
  );
}

/* Who is taken for whom; a cell is a link to its samples. */
function confusionTable(rows, task) {
  const truths = [...new Set(rows.flatMap((row) => row.targets))].sort();
  const named = [...new Set(rows.flatMap((row) => row.predicted))].sort();
  const columns = [...new Set([...truths, ...named])].sort();
  const counts = new Map();
  const add = (truth, said) => counts.set(`${truth}\n${said}`, (counts.get(`${truth}\n${said}`) ?? 0) + 1);
  for (const row of rows)
    for (const truth of row.targets) for (const said of row.predicted.length ? row.predicted : [""]) add(truth, said);
  const totals = new Map(truths.map((truth) => [truth, rows.filter((row) => row.targets.includes(truth)).length]));
  const cell = (truth, said) => {
    const found = counts.get(`${truth}\n${said}`) ?? 0;
    const share = found / totals.get(truth);
    return el(
      "td",
      { class: `cell ${truth === said ? "diagonal" : ""}`, "--share": share.toFixed(3) },
      found > 0 &&
        samplesLink(
          { task, label: truth, predicted: said || "(none)" },
          String(found),
          `${truth} taken for ${said || "no label of the set"}: ${found} of ${totals.get(truth)}`,
        ),
    );
  };
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `Confusion matrix of ${task}` },
    el(
      "table",
      { class: "confusion" },
      el("caption", {}, "Rows: the true label. Columns: what the answer named."),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "col" }, "true ╲ named"),
          [...columns, "none"].map((name) => el("th", { scope: "col" }, el("span", {}, name))),
          el("th", { scope: "col" }, "samples"),
        ),
      ),
      el(
        "tbody",
        {},
        truths.map((truth) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, truth),
            [...columns, ""].map((said) => cell(truth, said)),
            el("td", { class: "number" }, count(totals.get(truth))),
          ),
        ),
      ),
    ),
  );
}
