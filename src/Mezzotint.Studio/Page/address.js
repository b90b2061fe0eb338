// What is on screen, as the part of the address behind '#': a view and its parameters, as in #draw?prompt=7&n=9&seed=0.
// It never leaves the browser, and reading it draws the same again.

/** The view and the parameters of the address. */
export function read() {
  const [view, query = ''] = location.hash.slice(1).split('?');
  return { view, values: Object.fromEntries(new URLSearchParams(query)) };
}

let served = {}; // what a link says of the model, for those views whose images it draws

/** The model that the page draws with: links name it, because another one draws other images from the same settings. */
export function serve({ id, sha256 }) { served = { model: id, sha: sha256?.slice(0, 8) }; }

/** The model that a link was made with, where it is not the served one; else null. Models of one name may differ in their
 * weights. */
export function otherModel({ model, sha }) {
  if (model === undefined || (model === served.model && (sha === undefined || sha === served.sha))) return null;
  return model === served.model ? `${model} (${sha})` : model;
}

/** The address of a view with parameters; what is empty is left out. */
export function of(view, values) {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const query = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return `#${view}${query ? `?${query}` : ''}`;
}

/** The state of a view. It replaces the one before: the back button leads to the view before, and fifty drawings are no fifty
 * pages. */
export function put(view, values) {
  const wanted = of(view, { ...served, ...values });
  if (wanted !== location.hash) history.replaceState(null, '', wanted);
}

let later = 0;

/** The same state, told more exactly: not at every step of a scrub, for browsers refuse to be told too often. */
export function refine(changes) {
  clearTimeout(later);
  const { view } = read();
  later = setTimeout(() => {
    const now = read();
    if (now.view === view) history.replaceState(null, '', of(view, { ...now.values, ...changes }));
  }, 300);
}
