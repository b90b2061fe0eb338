// What every view needs: elements and words, announcements to screen readers, and the address of what is on screen.
// No markup is ever made from text: what comes from outside stays text.

/** An element with properties (data-* and aria-* as attributes) and children. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name.includes('-') || name === 'role' || name === 'for' || name === 'list') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

let pending = 0;

/** Says something through the live region; what is said too soon after another is said in its place. */
export function announce(text) {
  clearTimeout(pending);
  pending = setTimeout(() => { document.getElementById('live').textContent = text; }, 250);
}

export const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

export function seconds(value) {
  if (value < 90) return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

/** A level of noise as one reads it: three figures. */
export const figure = (value) => (value === 0 ? '0' : Number(value.toPrecision(3)).toString());

/** Whether letters go into this element: keys then mean what they always mean. */
export function takesText(element) {
  return element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement
    || (element instanceof HTMLInputElement && !['range', 'checkbox', 'radio', 'button', 'file'].includes(element.type));
}

export const addressOf = (base64) => `data:image/png;base64,${base64}`;

// The address: what is on screen is its part behind '#', a view and its parameters, as in #draw?prompt=7&n=9&seed=0. It never
// leaves the browser, and reading it draws the same again.

/** The view and the parameters of the address. */
function read() {
  const [view, query = ''] = location.hash.slice(1).split('?');
  return { view, values: Object.fromEntries(new URLSearchParams(query)) };
}

let served = {}; // what a link says of the model, for those views whose images it draws

/** The model that the page draws with: links name it, because another one draws other images from the same settings. */
function serve({ id, sha256 }) { served = { model: id, sha: sha256?.slice(0, 8) }; }

/** The model that a link was made with, where it is not the served one; else null. Models of one name may differ in their
 * weights. */
function otherModel({ model, sha }) {
  if (model === undefined || (model === served.model && (sha === undefined || sha === served.sha))) return null;
  return model === served.model ? `${model} (${sha})` : model;
}

/** The address of a view with parameters; what is empty is left out. */
function of(view, values) {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const query = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return `#${view}${query ? `?${query}` : ''}`;
}

/** The address of a view with the served model, for links that are to draw the same elsewhere. */
const here = (view, values) => of(view, { ...served, ...values });

/** The state of a view. It replaces the one before: the back button leads to the view before, and fifty drawings are no fifty
 * pages. */
function put(view, values) {
  const wanted = here(view, values);
  if (wanted !== location.hash) history.replaceState(null, '', wanted);
}

let refining = 0;

/** The same state, told more exactly: not at every step of a scrub, for browsers refuse to be told too often. */
function refine(changes) {
  clearTimeout(refining);
  const { view } = read();
  refining = setTimeout(() => {
    const now = read();
    if (now.view === view) history.replaceState(null, '', of(view, { ...now.values, ...changes }));
  }, 300);
}

export const address = { read, serve, otherModel, of, here, put, refine };
