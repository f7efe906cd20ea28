"use strict";

/* One sample: question, clip, frames, answer and ratings. */

const ROLES = { model: "Model", extractor: "Extractor", judge: "Judge", listener: "Listener", repeats: "Repeats" };
const roleName = (role) => (Object.hasOwn(ROLES, role) ? ROLES[role] : role);

function Rating({ rating }) {
  const [right, of] = rating.split("/").map(Number);
  const share = of ? right / of : 0;
  const kind = share === 1 ? "passed" : share === 0 ? "failed" : "partly";
  const mark = { passed: "✓", failed: "✗", partly: "◐" }[kind];
  return html`<span class="rating ${kind}" title="rated ${rating}">${mark} ${rating}</span>`;
}

function Step({ step, name }) {
  const votes = Object.entries(step.votes ?? {}).map(([judge, vote]) => `${judge} ${vote}`);
  return html`
    <li>
      <div class="step">
        <${Rating} rating=${step.rating} />
        <div>
          ${name && html`<strong>${name}: </strong>`}
          <span class="said">${step.text}</span>
          ${step.reason && html`<p class="reason"><span class="by">Judge: </span>${step.reason}</p>`}
          ${votes.length > 0 && html`<p class="reason">${votes.join(" · ")}</p>`}
        </div>
      </div>
    </li>
  `;
}

function Steps({ record: { prediction, steps, outcome } }) {
  if (!prediction) {
    const why = outcome === "error" ? "this sample has no score" : "this benchmark rates whole answers";
    return html`<p class="empty">No rated steps: ${why}.</p>`;
  }
  return html`
    <ol class="steps">
      ${steps.map((step) => html`<${Step} step=${step} />`)}
      <${Step} step=${prediction} name="Last step" />
    </ol>
  `;
}

function Labels({ choices, targets, predicted = [] }) {
  const item = (label) => {
    const [isTrue, isNamed] = [targets.includes(label), predicted.includes(label)];
    const words = [isTrue && "true label", isNamed && "named"].filter(Boolean).join(", ");
    return html`
      <li class=${classes(isTrue && "true", isNamed && "named")}>
        ${label}${words && html`<small> ${words}</small>`}
      </li>
    `;
  };
  return html`<ul class="labels">${choices.map(item)}</ul>`;
}

function Scores({ record }) {
  const score = (measure) => html`
    <div>
      <dt>${measure.title}${measure.mix && ` (α ${alpha()})`}</dt>
      <dd>${percent(scoreIn(record, measure))}</dd>
    </div>
  `;
  return html`<dl class="scores">${app.measures.map(score)}</dl>`;
}

function Trouble({ record: { stage, error, fault } }) {
  if (!error && !fault) return null;
  return html`
    <div class="banner bad">
      ${
        error
          ? html`<p><strong>No score (${stage}): </strong>${error}</p>`
          : html`<p><strong>Error besides the score: </strong>${fault.error} (${fault.place})</p>`
      }
      ${
        fault &&
        html`
          <details>
            <summary>Traceback; ${fault.blame}</summary>
            <pre>${fault.traceback}</pre>
          </details>
        `
      }
    </div>
  `;
}

const Badge = ({ kind, title, children }) => html`<span class="badge ${kind}" title=${title}>${children}</span>`;

/* Badges for an answer that did not end normally; `refusal` are the words for a refusal that has a score. */
function Ending({ record: { ending, refused, prediction }, about: { refusal } }) {
  return html`
    ${ending === "cut off" && html`<${Badge} kind="partly" title="The answer reached the token limit.">cut off<//>`}
    ${ending === "filtered" && html`<${Badge} kind="failed" title="The content filter of the provider stopped the answer.">filtered<//>`}
    ${
      ending === null &&
      html`<${Badge} kind="unknown" title="The server did not say whether the answer is complete.">ending unknown<//>`
    }
    ${refused && html`<${Badge} kind="partly">${prediction ? refusal : "a refusal"}<//>`}
  `;
}

/* The model that answered; `strange` are names that are not the requested model. */
function AnsweredBy({ model, about: { asked, strange } }) {
  if (!model) return null;
  if (model.model === null) return html`<span class="note">answered by an unknown model</span>`;
  if (!strange.includes(model.model)) return html`<span class="note">answered by ${model.model}</span>`;
  return html`<${Badge} kind="failed">⚠ answered by ${model.model} instead of ${asked}<//>`;
}

const THOUGHTS = { rated: "rated, as reasoning before the answer", ignored: "not rated" };

function Thoughts({ thoughts, use }) {
  if (!thoughts) return null;
  return html`
    <details class="thoughts">
      <summary>
        Thoughts, ${many([...thoughts].length, "character")}
        ${Object.hasOwn(THOUGHTS, use) && html`<small> · ${THOUGHTS[use]}</small>`}
      </summary>
      <p class="said thinking">${thoughts}</p>
    </details>
  `;
}

/* The answer with its ending, its model and its thoughts; `about` describes the run. */
function Answer({ record, about }) {
  if (record.answer === null) return html`<p class="empty">There is no answer.</p>`;
  return html`
    <p class="how">
      <${Ending} record=${record} about=${about} />
      <${AnsweredBy} model=${record.usage.model} about=${about} />
    </p>
    <${Thoughts} thoughts=${record.thoughts} use=${about.thoughts} />
    ${
      record.answer.trim()
        ? html`<p class="said answer">${record.answer}</p>`
        : html`<p class="empty">(no answer after the thoughts)</p>`
    }
  `;
}

/* The messages of a dialogue; records of other questions do not have the key. */
const talkOf = (record) => record.talk ?? [];

const SPEAKERS = { user: "User, played by the judge", assistant: "Model", system: "System" };

/* A message of a dialogue; what its author thought, and what the judge noted before it, can be opened. */
function Said({ message: { speaker, text, thoughts, points, notes } }) {
  const aside = [...Object.entries(notes), ...(thoughts ? [["Thoughts", thoughts]] : [])];
  return html`
    <li class=${speaker}>
      <p class="by">${SPEAKERS[speaker]}${points !== null && ` · ${points} points`}</p>
      <p class="said">${text}</p>
      ${
        aside.length > 0 &&
        html`
          <details class="thoughts">
            <summary>${aside.map(([name]) => name).join(", ")}</summary>
            ${aside.map(([name, note]) => html`<p class="reason"><span class="by">${name}: </span>${note}</p>`)}
          </details>
        `
      }
    </li>
  `;
}

function Dialogue({ record }) {
  const talk = talkOf(record);
  return html`
    <${Section} title="Dialogue">
      <p class="how">
        <${Ending} record=${record} about=${app.answering} />
        <${AnsweredBy} model=${record.usage.model} about=${app.answering} />
      </p>
      ${record.has_clip && html`<${PointsChart} talk=${talk} />`}
      <ol class="talk">${talk.map((message) => html`<${Said} message=${message} />`)}</ol>
    <//>
  `;
}

function Replies({ rejected }) {
  const replies = Object.entries(rejected).flatMap(([role, texts]) => texts.map((text) => [role, text]));
  if (!replies.length) return null;
  const reply = ([role, text]) => html`
    <details open=${replies.length < 3}>
      <summary>${roleName(role)}</summary>
      <pre>${text}</pre>
    </details>
  `;
  return html`<${Section} title="Rejected replies (${replies.length})">${replies.map(reply)}<//>`;
}

/* A number of tokens, and how many of them are of each kind. */
function Tokens({ number, kinds }) {
  const parts = Object.entries(kinds).filter(([, part]) => part);
  const words = parts.map(([kind, part]) => `${count(part)} ${kind}`).join(", ");
  return html`${count(number)}${words && html`<small class="parts"> (${words})</small>`}`;
}

function spentCells(spent) {
  if (!spent.requests) return ["0", "–", "–", "–", "–"]; // no agent was asked, or the reply was in the cache
  const cost = spent.cost_usd === null ? "unknown" : spent.cost_usd.toFixed(4);
  const [read, heard] = [spent.cached_tokens, spent.audio_tokens];
  return [
    count(spent.requests),
    html`<${Tokens} number=${spent.input_tokens} kinds=${{ cached: read, sound: heard }} />`,
    html`<${Tokens} number=${spent.output_tokens} kinds=${{ thoughts: spent.thought_tokens }} />`,
    `${spent.seconds.toFixed(2)} s`,
    cost,
  ];
}

function Usage({ usage }) {
  const roles = Object.entries(usage);
  if (!roles.length) return null;
  const head = ["Role", "Answered by", "Requests", "Tokens in", "Tokens out", "Latency", "USD"];
  const rows = roles.map(([role, spent]) => [roleName(role), spent.model ?? "–", ...spentCells(spent)]);
  const yielded = roles
    .filter(([, spent]) => spent.left_out.length)
    .map(
      ([role, { left_out: names }]) =>
        `${roleName(role)}: the server refuses ${names.join(", ")}, so the run stopped sending it.`,
    );
  return html`
    <${Section} title="Tokens, time, cost">
      <${Table} rows=${[head, ...rows]} numeric=${2} />
      ${yielded.map((note) => html`<p class="note">${note}</p>`)}
    <//>
  `;
}

function Repeats({ repeats }) {
  if (!repeats) return null;
  if (repeats.error) return html`<${Section} title="Repeats"><p>${repeats.error}</p><//>`;
  const line = (name, marks) =>
    marks.map((mark, at) => [`${name} ${at + 1}`, ...app.measures.map((measure) => percent(mark[measure.name]))]);
  const rows = [
    ["", ...app.measures.map(({ title }) => title)],
    ...line("Answer", repeats.answers),
    ...line("Answer 1, judgement", repeats.judgements),
  ];
  return html`<${Section} title="Repeats"><${Table} rows=${rows} /><//>`;
}

function Command({ id, command }) {
  const [copied, setCopied] = useState(false);
  const quoted = `${command.case}[${id}]`.replaceAll("'", "'\\''");
  const text = `pytest '${quoted}' ${command.arguments}`;
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true));
  return html`
    <${Section} title="Run this case again">
      <div class="command">
        <code>${text}</code>
        <button type="button" onClick=${copy}>${copied ? "Copied" : "Copy"}</button>
      </div>
    <//>
  `;
}

/* The text of a record that is searched. */
function textOf(record) {
  const steps = [...record.steps, ...(record.prediction ? [record.prediction] : [])];
  const said = steps.map((step) => `${step.text} ${step.reason ?? ""}`);
  const talk = talkOf(record).map((message) => message.text);
  return [record.answer, record.thoughts, ...said, ...talk, record.error].map((text) => text ?? "").join("\n");
}

/* The clip, and what the judge saw and heard of it. */
function Watched({ record, video }) {
  return html`
    <div>
      <${Clip} record=${record} source=${clipOf(record, app.clips)} seen=${record.frames} video=${video} />
      ${!record.waveform && html`<p class="note">No waveform: the clip has no sound, or no agent needed it.</p>`}
      <h3>What the judge saw</h3>
      <${Frames} record=${record} video=${video} judge=${app.judge} />
      <${Clue} record=${record} />
    </div>
  `;
}

/* What stands in the place of a clip. */
function Beside({ record }) {
  const talk = talkOf(record);
  if (!talk.length) return html`<p class="note">No clip: this question is about a text.</p>`;
  return html`
    <div>
      <${Section} title="Points"><${PointsChart} talk=${talk} /><//>
    </div>
  `;
}

function Answered({ record }) {
  const doubted = record.by_rules && record.prediction && record.by_rules !== record.prediction.rating;
  return html`
    <${Section} title="Answer"><${Answer} record=${record} about=${app.answering} /><//>
    <${Section} title="Steps and ratings">
      <${Steps} record=${record} />
      ${doubted && html`<p class="note">The word list would rate the last step ${record.by_rules}.</p>`}
    <//>
  `;
}

function Sample({ record }) {
  const video = useRef(null);
  return html`
    <article>
      <div class="beside">
        ${record.has_clip ? html`<${Watched} record=${record} video=${video} />` : html`<${Beside} record=${record} />`}
        <div>
          <${Scores} record=${record} />
          <${Trouble} record=${record} />
          <${Section} title="Question">
            <p class="said">${record.question}</p>
            <${Labels} choices=${record.label_set} targets=${record.targets} predicted=${record.predicted} />
          <//>
          <${talkOf(record).length ? Dialogue : Answered} record=${record} />
        </div>
      </div>
      <${Replies} rejected=${record.rejected} />
      <${Repeats} repeats=${record.repeats} />
      <${Usage} usage=${record.usage} />
      <${Command} id=${record.id} command=${app.command} />
    </article>
  `;
}
