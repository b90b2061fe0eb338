// The page: what the server draws with, the views and which of them is seen, the keys and the switches.
import { get, pause } from './api.js';
import { address, announce, el, plural, takesText } from './page.js';

const main = document.getElementById('main');
const notice = document.getElementById('notice');

/** The views, fetched when they are first opened; the tools of drawing belong to Draw. */
const VIEWS = {
  understand: async () => (await import('./understand.js')).Understand,
  draw: async () => (await import('./draw.js')).Draw,
  repair: async () => (await import('./repair.js')).Repair,
  walk: async () => (await import('./walk.js')).Walk,
  compare: async () => (await import('./compare.js')).Compare,
  train: async () => (await import('./train.js')).Train,
  api: async () => (await import('./code.js')).Code,
};
const TITLES = { api: 'API' };
const FAMILY = { repair: 'draw', walk: 'draw' };
const FORMER = { runs: 'train' }; // as links of before call it
const VISITED = 'mezzotint-visited';

let app;
let current;
let route = 0; // the latest: a view that arrives late must not take the place of another

/** The served models; a server that cannot be reached is asked again. */
async function load() {
  for (;;) {
    try {
      return (await get('v1/models')).data;
    } catch (error) {
      main.replaceChildren(el('p', { className: 'error', role: 'alert' }, error.message));
      await pause(2000);
    }
  }
}

/** A link that was made with another model draws other images than whoever made it saw. */
function tellModel(values) {
  const other = address.otherModel(values);
  notice.textContent = other
      ? `This link was made with the model ${other}. This server draws with ${app.model.id}, so the images differ.` : '';
}

/** Where nobody has said where to: on the first visit what explains, later what draws. */
function home() {
  const first = localStorage.getItem(VISITED) === null;
  localStorage.setItem(VISITED, 'true');
  return first ? 'understand' : 'draw';
}

async function show() {
  const turn = ++route;
  const { view: asked, values: { model: linked, sha, ...values } } = address.read();
  if (linked !== undefined && linked !== app.model.id && app.models.some(({ id }) => id === linked)) {
    location.reload(); // every view is made for one model
    return;
  }
  tellModel({ model: linked, sha });
  const view = FORMER[asked] ?? asked;
  const name = view in VIEWS ? view : home();
  const next = await app.view(name);
  if (turn !== route) return;
  if (next !== current) {
    current?.leave?.();
    current = next;
    main.replaceChildren(...[tools(name), next.element].filter(Boolean));
    for (const link of document.querySelectorAll('nav [data-view]')) {
      if (link.dataset.view === (FAMILY[name] ?? name)) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    document.title = `${TITLES[name] ?? `${name[0].toUpperCase()}${name.slice(1)}`} · Mezzotint`;
    next.controls?.go.focus({ preventScroll: true });
  }
  next.show(values);
}

/** What belongs to Draw, above each of its parts. */
function tools(name) {
  if (name !== 'draw' && !(name in FAMILY)) return null;
  const link = (tool, words) => el(
      'a', { href: `#${tool}`, 'data-tool-of': tool, 'aria-current': tool === name ? 'page' : null }, words);
  return el('nav', { className: 'tools-of', 'aria-label': 'Ways to draw' },
      link('draw', 'Plate'), link('repair', 'Repair'), link('walk', 'Walk'));
}

let leading = false; // whether g has been pressed: the next letter names a view

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') {
    current.drawing?.stop();
    return;
  }
  if (takesText(document.activeElement)) return;
  const led = leading;
  leading = false;
  const view = led && ['understand', 'draw', 'compare', 'train', 'api'].find((name) => name[0] === event.key);
  if (view) location.hash = view;
  else if (event.key === 'g') leading = true;
  else if (event.key === '?') document.getElementById('keys').showModal();
  else if (!current.key?.(event) && !onPlate(event)) return;
  event.preventDefault();
}

/** The keys of a view that has a plate; whether it was one of them. */
function onPlate(event) {
  if (document.activeElement instanceof HTMLInputElement || !current.plate) return false; // sliders have their arrows
  const action = {
    ArrowLeft: () => current.plate.moveBy(-1), ArrowRight: () => current.plate.moveBy(1),
    Home: () => current.plate.moveBy(-Infinity), End: () => current.plate.moveBy(Infinity),
    ArrowUp: () => current.plate.chooseNext(-1), ArrowDown: () => current.plate.chooseNext(1),
    Enter: document.activeElement === document.body ? () => current.controls?.element.requestSubmit() : undefined,
  }[event.key];
  if (!action || !current.plate.tiles.length && event.key !== 'Enter') return false;
  action();
  return true;
}

/** A switch that is remembered; without a choice the system decides. */
function remembered(button, name, initially, apply) {
  let on = localStorage.getItem(`mezzotint-${name}`) === null ? initially : localStorage.getItem(`mezzotint-${name}`) === 'true';
  const tell = () => { button.setAttribute('aria-pressed', String(on)); apply(on); };
  button.addEventListener('click', () => { on = !on; localStorage.setItem(`mezzotint-${name}`, String(on)); tell(); });
  tell();
}

const root = document.documentElement;
remembered(document.getElementById('smooth'), 'smooth', false, (on) => root.classList.toggle('smooth', on));
remembered(document.getElementById('dark'), 'dark', matchMedia('(prefers-color-scheme: dark)').matches, (on) => {
  root.dataset.theme = on ? 'dark' : 'light';
});
document.getElementById('help').addEventListener('click', () => document.getElementById('keys').showModal());
document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  (document.getElementById('plate') ?? main).scrollIntoView();
  main.focus();
});
document.addEventListener('keydown', onKey);
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', async (event) => {
  if (event.defaultPrevented) return; // the canvas takes it
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  const link = event.dataTransfer.getData('text/plain');
  if (file) {
    try {
      announce(await (await import('./receipt.js')).take(file, app));
    } catch (error) {
      notice.textContent = error.message;
    }
  } else if (link.startsWith('#')) location.hash = link;
});
document.addEventListener('submit', (event) => { if (event.target === current?.controls?.element) notice.textContent = ''; });
// what is drawn from now on is the served model's own

const models = await load();
const linked = address.read().values.model;
let model = models.find(({ id }) => id === linked) ?? models[0];
if (linked !== undefined && model.id !== linked) { // it may be of a training
  const kept = await get(`v1/models/${encodeURIComponent(linked)}`).catch(() => null);
  if (kept) models.push(model = kept);
}
address.serve(model);

/** What is known of a model, in lines. */
function card({ title, class_names: classes, asked_in_words: words, origin, sha256: hash, device }) {
  return [
    title, words ? 'asked in words' : plural(classes.length, 'class').replace(/classs$/, 'classes'),
    origin.dataset && `learned from ${origin.dataset}`, origin.eval_loss && `test loss ${origin.eval_loss}`, origin.provenance,
    device, hash && `sha256 ${hash.slice(0, 16)}`,
  ].filter(Boolean).join('\n');
}

const chooser = document.getElementById('model');
chooser.replaceChildren(...models.map((each) => el(
    'option', { value: each.id, title: card(each), selected: each.id === model.id }, each.id)));
document.getElementById('card').textContent = card(model);
document.querySelector('details.card').addEventListener('toggle', async () => { // when it is first opened
  const told = await import('./report.js').then(({ summary }) => summary(model.id)).catch((error) => error.message);
  document.getElementById('card').textContent = `${card(model)}\n${told}`;
}, { once: true });
let asked = false;
chooser.addEventListener('focus', async () => { // what the trainings have kept, also while they go on
  if (asked) return;
  asked = true;
  const { runs } = await get('api/runs').catch(() => ({ runs: [] }));
  for (const run of runs.filter(({ models: kept }) => kept.length)) chooser.append(el('optgroup', { label: run.name },
    ...run.models.toReversed().map((id) => el('option', { value: id }, id === run.name ? `${id}, last epoch` : id))));
});
chooser.addEventListener('change', () => {
  history.pushState(null, '', address.of(address.read().view || 'draw', { model: chooser.value }));
  location.reload();
});
const facts = document.getElementById('facts');
facts.textContent = `${model.id} · ${model.device}`;
facts.title = model.title;
app = {
  model, models, views: {},
  facts: (text) => { facts.textContent = `${model.id} · ${model.device} · ${text}`; },
  /** A view, made when it is first asked for. */
  async view(name) {
    const View = await VIEWS[name]();
    return app.views[name] ??= new View(app);
  },
};
window.addEventListener('hashchange', show); // links and the back button; changes by the page itself do not raise it
await show();
if (localStorage.getItem('mezzotint-history')) (await import('./tray.js')).show();
announce(`${model.id} is ready.`);
