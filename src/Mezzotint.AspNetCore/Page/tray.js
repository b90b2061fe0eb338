// The tray: what was drawn before, newest first, kept in this browser; a press restores it.
import { canvas, download, load } from './images.js';
import { announce, addressOf, el } from './page.js';

const KEPT = 'mezzotint-history';
const MOST = 24, MOST_FILE = 40_000, SIDE = 48;

const read = () => {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? '[]');
  } catch {
    return []; // of another form, or cut off: nothing is lost that could be read
  }
};

/** Keeps a list; where the browser has no room, the oldest that are not pinned go. */
function write(entries) {
  const kept = [...entries];
  for (;;) {
    while (kept.length > MOST) kept.splice(oldest(kept), 1);
    try {
      localStorage.setItem(KEPT, JSON.stringify(kept));
      return;
    } catch {
      if (!kept.length) return;
      kept.splice(oldest(kept), 1);
    }
  }
}

const oldest = (entries) => {
  const at = entries.findLastIndex((entry) => !entry.pinned);
  return at < 0 ? entries.length - 1 : at;
};

/** Adds a drawing.
 * @param {string} hash where it is drawn again @param {string} words its settings in a line @param {string} base64 its picture */
export async function keep(hash, words, base64) {
  const entries = read();
  const known = entries.find((entry) => entry.hash === hash);
  const thumb = await small(base64);
  const entry = {
    hash, words, thumb, file: base64.length <= MOST_FILE ? base64 : null, pinned: known?.pinned ?? false, at: Date.now(),
  };
  write([entry, ...entries.filter((other) => other !== known)]);
  show();
}

async function small(base64) {
  const picture = await load(addressOf(base64));
  const share = Math.min(1, SIDE / picture.width);
  const drawn = canvas(Math.max(1, Math.round(picture.width * share)), Math.max(1, Math.round(picture.height * share)));
  drawn.getContext('2d').drawImage(picture, 0, 0, drawn.width, drawn.height);
  return drawn.toDataURL('image/png');
}

/** Shows what is kept. */
export function show() {
  const tray = document.getElementById('tray');
  const entries = read();
  tray.hidden = entries.length === 0;
  tray.replaceChildren(
    el('h2', {}, 'History'),
    el('ol', {}, ...entries.map((entry) => el('li', { className: entry.pinned ? 'pinned' : '' },
      el('a', { href: entry.hash, title: entry.words, draggable: true,
        ondragstart: (event) => event.dataTransfer.setData('text/plain', entry.hash) },
      el('img', { src: entry.thumb, alt: entry.words, width: SIDE, height: SIDE, draggable: false })),
      el('span', {},
        el('button', {
          type: 'button', 'aria-pressed': String(entry.pinned), 'aria-label': `Pin ${entry.words}`,
          onclick: () => change(entry.hash, (one) => ({ ...one, pinned: !one.pinned })),
        }, '•'),
        el('button', {
          type: 'button', 'aria-label': `Delete ${entry.words}`, onclick: () => change(entry.hash, () => null),
        }, '×'))))),
    el('div', { className: 'row' }, el('button', { type: 'button', onclick: exported }, 'Export'),
      el('button', { type: 'button', onclick: () => { write(read().filter((entry) => entry.pinned)); show(); } }, 'Clear')));
}

function change(hash, made) {
  write(read().map((entry) => (entry.hash === hash ? made(entry) : entry)).filter(Boolean));
  show();
}

/** The PNG files with their receipts as one archive. */
async function exported() {
  const { zip } = await import('./zip.js');
  const files = read().filter((entry) => entry.file).map((entry, i) => ({
    name: `${String(i + 1).padStart(2, '0')}-${entry.words.replaceAll(/[^\p{L}\p{N}]+/gu, '-').slice(0, 60)}.png`,
    bytes: Uint8Array.from(atob(entry.file), (letter) => letter.charCodeAt(0)),
  }));
  if (!files.length) {
    announce('No picture is small enough to be kept whole.');
    return;
  }
  download(zip(files), 'mezzotint-history.zip');
}
