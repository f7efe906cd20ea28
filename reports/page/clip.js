"use strict";

/* A clip: its player, its loudness, the frames that the judge saw, and the words for its sound. */

/* The URL of the clip: beside the page, or in the data folder. */
function clipOf({ id, clip }, { base, urls }) {
  if (Object.hasOwn(urls, id)) return urls[id];
  return base && clip ? base + clip.split("/").map(encodeURIComponent).join("/") : null;
}

const CLIP_TROUBLES = {
  outside: "The clip is outside the data folder, so it is not linked. Run with --report-media to copy it.",
  missing: "The clip was not found. Move the data folder back, or run with --report-media to copy the clips.",
  strange: "This browser cannot play the clip. Run with --report-media to make a playable copy.",
};

/* The clip, which may be a picture, and its loudness. `video` receives the player; the times of `seen` are marked. */
function Clip({ record: { id, waveform }, source, seen, video }) {
  const [trouble, setTrouble] = useState(source ? null : "outside");
  const [time, setTime] = useState(0);
  const fail = () => {
    const unknown = video.current.error?.code === 4 && /\.(avi|mkv)$/i.test(source);
    setTrouble(unknown ? "strange" : "missing");
  };
  if (source && /\.(jpe?g|png|webp)$/i.test(source))
    return html`
      <img class="still" src=${source} alt="Picture of ${id}" onError=${() => setTrouble("missing")} />
      <p class="note" role="status">${trouble && CLIP_TROUBLES[trouble]}</p>
    `;
  return html`
    <video
      ref=${video}
      controls
      preload="metadata"
      src=${source ?? undefined}
      aria-label="Clip of ${id}"
      onError=${fail}
      onTimeUpdate=${() => setTime(video.current.currentTime)}
    ></video>
    <p class="note" role="status">${trouble && CLIP_TROUBLES[trouble]}</p>
    ${waveform && html`<${Waveform} waveform=${waveform} seen=${seen} video=${video} time=${time} />`}
  `;
}

/* Peaks are loudness in 1/255, two hexadecimal digits each; the square root makes quiet sounds visible. */
function Waveform({ waveform: { peaks, seconds }, seen, video, time }) {
  const roots = peaks.match(/../g).map((pair) => Math.sqrt(Number.parseInt(pair, 16) / 255));
  const path = roots.map((root, at) => `M${at + 0.5},${20 - 19 * root}V${20 + 19 * root + 0.5}`).join("");
  const line = (name, at) => {
    const x = (roots.length * at) / Math.max(seconds, 0.001);
    return html`<line class=${name} x1=${x} x2=${x} y1="0" y2="40" />`;
  };
  const seek = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    video.current.currentTime = (seconds * (event.clientX - box.left)) / box.width;
  };
  return html`
    <svg
      class="waveform"
      viewBox="0 0 ${roots.length} 40"
      preserveAspectRatio="none"
      role="img"
      aria-label="Loudness over ${seconds.toFixed(1)} seconds"
      onClick=${seek}
    >
      ${(seen?.seconds ?? []).map((at) => line("seen", at))}
      <path d=${path} />
      ${line("playhead", time)}
    </svg>
  `;
}

/* The pictures that the judge was sent, from a file beside the page. */
function picturesOf({ key }, { folder }) {
  const known = /^[0-9a-f]{64}$/.test(key); // a key from a record must not lead to another folder
  return known ? load(`${folder}/frames/${key}.js`, key) : Promise.reject(new Error("no such file"));
}

function Frames({ record: { frames, prediction }, video, judge }) {
  const [pictures, setPictures] = useState([]);
  const [missing, setMissing] = useState(false);
  const [enlarged, setEnlarged] = useState(null);
  useEffect(() => {
    if (frames) picturesOf(frames, app.shards).then(setPictures, () => setMissing(true));
  }, [frames?.key]);
  if (!frames)
    return html`<p class="note">${prediction ? `${judge} looked at no frames.` : "The judge saw no frames of this clip."}</p>`;
  const { seconds } = frames;
  const frame = (picture, at) => html`
    <${Frame} picture=${picture} seconds=${seconds[at]} video=${video} enlarge=${() => setEnlarged(at)} />
  `;
  const times = seconds.map((at) => at.toFixed(1)).join(", ");
  return html`
    <ol class="frames" aria-label="Frames that the judge saw">
      ${pictures.slice(0, seconds.length).map(frame)}
      ${
        missing &&
        html`<li class="note">The judge saw ${many(seconds.length, "frame")}, at ${times} s; their file is missing. Run again with --report-media to decode them again.</li>`
      }
    </ol>
    ${
      enlarged !== null &&
      html`<${Enlarged} picture=${pictures[enlarged]} seconds=${seconds[enlarged]} close=${() => setEnlarged(null)} />`
    }
  `;
}

const pictureUrl = (picture) => `data:image/jpeg;base64,${picture}`;

function Frame({ picture, seconds, video, enlarge }) {
  const time = seconds.toFixed(1);
  const seek = () => {
    if (video.current) video.current.currentTime = seconds; // a picture has no player
  };
  return html`
    <li>
      <button type="button" class="plain" onClick=${enlarge} aria-label="Enlarge the frame at ${time} seconds">
        <img src=${pictureUrl(picture)} alt="Frame at ${time} seconds" decoding="async" />
      </button>
      <button type="button" class="plain time" onClick=${seek}>${time} s</button>
    </li>
  `;
}

function Enlarged({ picture, seconds, close }) {
  const dialog = useRef(null);
  useLayoutEffect(() => dialog.current.showModal(), []);
  const leave = ({ target }) => target === dialog.current && dialog.current.close();
  return html`
    <dialog
      ref=${dialog}
      class="enlarged"
      aria-label="Frame at ${seconds.toFixed(1)} seconds"
      onClose=${close}
      onClick=${leave}
    >
      <img src=${pictureUrl(picture)} alt="" />
      <form method="dialog"><button>Close</button></form>
    </dialog>
  `;
}

function Clue({ record: { audio_clue: clue } }) {
  return html`
    <${Section} title="Audio clue">
      ${clue ? html`<p class="said">${clue}</p>` : html`<p class="note">The sound of this clip was not described.</p>`}
    <//>
  `;
}
