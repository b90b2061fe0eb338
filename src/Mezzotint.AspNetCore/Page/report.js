// Reports of evaluations: figures beside what real images get, and the pictures that tell more than they do.
import { get, picture } from './api.js';
import { el } from './page.js';

const WORST = 'worst_frechet';

const ask = (model) => get(`api/models/${encodeURIComponent(model)}/report`);

/** What an evaluation found of a model, in a line; where there is none, how to make one. */
export async function summary(model) {
  try {
    const { report: { figures }, same_model: same } = await ask(model);
    const worst = figures.find(({ key }) => key === WORST);
    return `${worst ? `${worst.name}: ${worst.written}${ratioOf(worst)}` : 'It has been evaluated'}${same ? ''
      : ', of other weights than these'}. Compare has the report.`;
  } catch (error) {
    return error.message;
  }
}

/** A report of this model, and of another one beside it. */
export class Reports {
  constructor({ model, models }) {
    this.model = model;
    this.other = el('select', { id: 'report-beside', onchange: () => this.#lay() }, el('option', { value: '' }, 'nothing'),
      ...models.filter(({ id }) => id !== model.id).map(({ id }) => el('option', { value: id }, id)));
    this.pair = el('div', { className: 'reports-pair' });
    this.element = el('details', { className: 'reports', ontoggle: () => { if (this.element.open) this.#lay(); } },
      el('summary', {}, 'Reports of evaluations'),
      el('p', { className: 'knob' }, el('label', { for: 'report-beside' }, 'Beside it'), this.other), this.pair);
  }

  async #lay() {
    const names = [this.model.id, this.other.value].filter(Boolean);
    const laid = await Promise.all(names.map(one));
    if (names[1] === (this.other.value || undefined)) this.pair.replaceChildren(...laid);
  }
}

async function one(model) {
  const made = el('section', { 'aria-label': `The report of ${model}` }, el('h2', {}, model));
  try {
    const { report, same_model: same, written } = await ask(model);
    if (!same) made.append(el('p', { className: 'error' }, 'It was made of other weights than those that are served.'));
    made.append(
      el('p', { className: 'hint' }, `Of ${new Date(1000 * written).toISOString().slice(0, 10)}. `,
        report.facts.map(({ name, text }) => `${name}: ${text}`).join('; ')),
      table(report.figures), ...await Promise.all(report.pictures.map((each) => shown(model, each))));
  } catch (error) {
    made.append(el('p', { className: 'hint', role: 'status' }, error.message));
  }
  return made;
}

/** The worst space first; then the figures by their groups. */
function table(figures) {
  const sorted = [...figures].sort((a, b) => (b.key === WORST) - (a.key === WORST));
  const row = ({ key, name, written, written_error: error, written_real: real, ratio, better, note }) => el('tr', {
    'data-figure': key, className: key === WORST ? 'worst' : '',
  }, el('th', { scope: 'row', title: note ?? '' }, name), el('td', {}, error ? `${written} ± ${error}` : written || '—'),
  el('td', {}, real || '—'), el('td', {}, ratio ? interval(ratio) : '—'), el('td', {}, better));
  const heads = ['figure', 'value', 'real images', 'times real (95 %)', 'better'];
  return el('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Figures of the report' }, el('table', {},
    el('thead', {}, el('tr', {}, ...heads.map((head) => el('th', { scope: 'col' }, head)))),
    el('tbody', {}, ...sorted.map(row))));
}

async function shown(model, { file, title, text, caption }) {
  const source = await picture(`api/models/${encodeURIComponent(model)}/report/${encodeURIComponent(file)}`);
  return el('figure', {}, el('figcaption', {}, el('b', {}, title), ` ${text}`),
    el('img', { src: source, alt: title, className: 'sample', onload: () => URL.revokeObjectURL(source) }),
    caption ? el('p', { className: 'hint' }, caption) : null);
}

const interval = ({ value, low, high }) => `${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;

const ratioOf = ({ ratio }) => (ratio ? `, ${interval(ratio)} times real` : '');
