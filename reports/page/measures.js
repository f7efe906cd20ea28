"use strict";

/* What a page knows of scores. Its data name its measures, {name, title, short, bounded, mix}, and the first is the
   headline. Whatever has scores has a number, or null, by a measure's name. One that is `bounded` lies between 0 and 1.
   One with `mix: {of: [one, other]}` is made of two: α of the one and 1 − α of the other, and the reader chooses α. */

const headline = () => app.measures[0];

/* Those that are no mixture of others. */
const ownMeasures = () => app.measures.filter(({ mix }) => !mix);

const mixture = () => app.measures.find(({ mix }) => mix);

const titleOf = (name) => app.measures.find((measure) => measure.name === name)?.title ?? name;

const HALF = 0.5;

function alpha() {
  const asked = Number(state().get("alpha") ?? HALF);
  return asked >= 0 && asked <= 1 ? Math.round(app.alpha_steps * asked) / app.alpha_steps : HALF;
}

function scoreIn(scores, { name, mix }) {
  if (!mix) return scores?.[name] ?? null;
  const [one, other] = mix.of.map((part) => scores?.[part] ?? null);
  return one === null || other === null ? null : alpha() * one + (1 - alpha()) * other;
}

/* Where the true value lies; `path` leads to the scores in the report. */
function intervalOf(scores, { name, mix }, path) {
  if (!mix) return scores.intervals[name];
  return app.mixed_intervals[name]?.[path.join("\n")]?.[Math.round(alpha() * app.alpha_steps)];
}

/* Where an axis of the measures begins and ends, in percent; nothing where the values say. */
const axisOf = (...measures) => (measures.every(({ bounded }) => bounded) ? [0, 100] : undefined);

/* A row's numbers out of columns by the measures' names. */
const scoresAt = (columns, at) => Object.fromEntries(ownMeasures().map(({ name }) => [name, columns[name][at]]));
