// The page: what the server draws with, the views and which of them is seen, the keys and the switches.
import { get, pause } from './api.js';
import * as address from './address.js';
import { Draw } from './draw.js';
import { Repair } from './repair.js';
import { Runs } from './runs.js';
import { Walk } from './walk.js';
import { announce, el, takesText } from './words.js';

const main = document.getElementById('main');
const notice = document.getElementById('notice');
let app;
let current;

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

function route() {
  const { view, values: { model: linked, sha, ...values } } = address.read();
  if (linked !== app.model.id && app.models.some(({ id }) => id === linked)) { // every view is made for one model
    location.reload();
    return;
  }
  tellModel({ model: linked, sha });
  const name = view in app.views ? view : 'draw';
  const next = app.views[name];
  if (next !== current) {
    current?.leave?.();
    current = next;
    main.replaceChildren(next.element);
    for (const link of document.querySelectorAll('nav [data-view]')) {
      if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    document.title = `${name[0].toUpperCase()}${name.slice(1)} · Mezzotint`;
    next.controls?.go.focus({ preventScroll: true });
  }
  next.show(values);
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (event.key === 'Escape') {
    current.drawing?.stop();
    return;
  }
  if (takesText(document.activeElement)) return;
  if (event.key === '?') {
    document.getElementById('keys').showModal();
    event.preventDefault();
    return;
  }
  if (current.key?.(event)) {
    event.preventDefault();
    return;
  }
  if (document.activeElement instanceof HTMLInputElement || !current.plate) return; // sliders have their arrows themselves
  const action = {
    ArrowLeft: () => current.plate.moveBy(-1), ArrowRight: () => current.plate.moveBy(1),
    Home: () => current.plate.moveBy(-Infinity), End: () => current.plate.moveBy(Infinity),
    ArrowUp: () => current.plate.chooseNext(-1), ArrowDown: () => current.plate.chooseNext(1),
    Enter: document.activeElement === document.body ? () => current.controls?.element.requestSubmit() : undefined,
  }[event.key];
  if (!action || !current.plate.tiles.length && event.key !== 'Enter') return;
  action();
  event.preventDefault();
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
document.addEventListener('submit', (event) => { if (event.target === current?.controls?.element) notice.textContent = ''; });
// what is drawn from now on is the served model's own

const models = await load();
const linked = address.read().values.model;
const model = models.find(({ id }) => id === linked) ?? models[0];
address.serve(model);
if (models.length > 1) {
  const chooser = document.getElementById('model');
  chooser.replaceChildren(...models.map(({ id, title }) => el('option', { value: id, title, selected: id === model.id }, id)));
  chooser.addEventListener('change', () => {
    history.pushState(null, '', address.of(address.read().view || 'draw', { model: chooser.value }));
    location.reload();
  });
  chooser.parentElement.hidden = false;
}
const facts = document.getElementById('facts');
facts.textContent = `${model.id} · ${model.device}`;
facts.title = model.title;
app = { model, models, facts: (text) => { facts.textContent = `${model.id} · ${model.device} · ${text}`; } };
app.views = { draw: new Draw(app), repair: new Repair(app), walk: new Walk(app), runs: new Runs() };
window.addEventListener('hashchange', route); // links and the back button; changes by the page itself do not raise it
route();
announce(`${model.id} is ready.`);
