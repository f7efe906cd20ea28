"use strict";

/* Measures are {name, title, short, bounded, mix}; the first is the headline. Scores are numbers, or null, by the name of
   a measure. A `bounded` measure is between 0 and 1. A measure with `mix: [one, other]` is α times the one plus 1 − α
   times the other, and the reader chooses α. */

const headline = () => app.measures[0];

/* The measures that are no mixture. */
const ownMeasures = () => app.measures.filter(({ mix }) => !mix);

/* The measures that single samples have too; accuracy is one, F1 over all samples is none. */
const markedMeasures = (rows) =>
  ownMeasures().filter((measure) => rows.some((row) => scoreIn(row.scores, measure) !== null));

const mixture = () => app.measures.find(({ mix }) => mix);

const titleOf = (name) => app.measures.find((measure) => measure.name === name)?.title ?? name;

const HALF = 0.5;

function alpha() {
  const asked = Number(state().get("alpha") ?? HALF);
  return asked >= 0 && asked <= 1 ? Math.round(app.alpha_steps * asked) / app.alpha_steps : HALF;
}

function scoreIn(scores, { name, mix }) {
  if (!mix) return scores?.[name] ?? null;
  const [one, other] = mix.map((part) => scores?.[part] ?? null);
  return one === null || other === null ? null : alpha() * one + (1 - alpha()) * other;
}

/* The 95 % interval of a score; `path` leads to the scores in the report. */
function intervalOf(scores, { name, mix }, path) {
  if (!mix) return scores.intervals[name];
  return app.mixed_intervals[name]?.[path.join("\n")]?.[Math.round(alpha() * app.alpha_steps)];
}

/* The ends of an axis of the measures, in percent; undefined if they follow from the values. */
const axisOf = (...measures) => (measures.every(({ bounded }) => bounded) ? [0, 100] : undefined);

/* The scores of a row, from columns by name. */
const scoresAt = (columns, at) => Object.fromEntries(ownMeasures().map(({ name }) => [name, columns[name][at]]));
