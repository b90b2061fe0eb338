// What is on screen, as the part of the address behind '#': a view and its parameters, as in #draw?prompt=7&n=9&seed=0.
// It never leaves the browser, and reading it draws the same again.

/** The view and the parameters of the address. */
export function read() {
  const [view, query = ''] = location.hash.slice(1).split('?');
  return { view, values: Object.fromEntries(new URLSearchParams(query)) };
}

/** The address of a view with parameters; what is empty is left out. */
export function of(view, values) {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const query = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return `#${view}${query ? `?${query}` : ''}`;
}

/** Another state, that the back button leads away from; a view's first state only completes the address. */
export function push(view, values) {
  const wanted = of(view, values);
  if (wanted === location.hash) return;
  if (Object.keys(read().values).length === 0) history.replaceState(null, '', wanted);
  else history.pushState(null, '', wanted);
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
