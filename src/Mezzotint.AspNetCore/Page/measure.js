// Measure: how good the images of each cell are, as points over what they cost.
import { post } from './api.js';
import { chart } from './chart.js';
import { announce, el, figure, plural } from './page.js';

/** What real images get: of each model, as each has its data and its classifier; of several seeds, which divide the real images
 * in other ways, their mean. */
function real(cells, name) {
  const known = new Map();
  for (const { body, measured } of cells) known.set(body.model, [...(known.get(body.model) ?? []), measured[name].real]);
  return [...known].map(([model, values]) => ({
    at: values.reduce((sum, value) => sum + value, 0) / values.length,
    name: known.size === 1 ? 'real images' : `real images, ${model}`,
  }));
}

export class Measure {
  /** @param {object[]} cells of the grid @param {number} count images of each @param {object} values of the form */
  constructor(cells, count, values) {
    Object.assign(this, { cells, count, values, stopping: new AbortController() });
    this.status = el('p', { className: 'status', role: 'status' });
    this.error = el('p', { className: 'error', role: 'alert' });
    this.plots = el('div', { className: 'charts' });
    this.table = el('tbody');
    this.element = el('div', { className: 'figure' }, this.status, this.error, this.plots,
      el('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Figures' }, el('table', {},
        el('caption', {}, 'With intervals of 95 %, beside what as many real images get'),
        el('thead', {}, el('tr', {}, ...['cell', 'evaluations', 'accuracy', 'of real images', 'distance', 'of real images'].map(
            (word) => el('th', { scope: 'col' }, word)))),
        this.table)));
  }

  stop() { this.stopping.abort(new DOMException('stopped', 'AbortError')); }

  /** One cell after the other: each takes all of the server that it is given. Prompts are not asked: all classes are drawn. */
  async run() {
    const known = new Map();
    let done = 0;
    try {
      for (const cell of this.cells) {
        this.status.textContent = `Measuring: ${done} of ${plural(this.cells.length, 'cell')}.`;
        const { cost: _, prompt: __, n: ___, ...body } = cell.body;
        const key = JSON.stringify(body);
        if (!known.has(key))
          known.set(key, await post('api/measure', { ...body, n: this.count }, this.stopping.signal));
        cell.measured = known.get(key);
        done++;
        this.#show();
      }
      const [{ measured: first }] = this.cells;
      this.status.textContent = `${plural(this.count, 'image')} a cell, read by ${first.classifier}, against `
          + `${plural(first.test_images, 'test image')} of ${first.data}.`;
      announce('Measured.');
    } catch (error) {
      this.status.textContent = `Stopped after ${done} of ${plural(this.cells.length, 'cell')}; what is there is kept.`;
      if (error.name !== 'AbortError') this.error.textContent = error.message;
    }
  }

  #show() {
    const done = this.cells.filter((cell) => cell.measured);
    const series = new Map();
    for (const cell of done) {
      const name = [cell.z, cell.y].filter((value) => value !== null).join(', ') || 'the model';
      series.set(name, [...(series.get(name) ?? []), cell.measured]);
    }
    const plot = (name, words) => el('figure', {}, el('figcaption', {}, words), chart(
        [...series].map(([each, found]) => {
          const sorted = [...found].sort((a, b) => a.evaluations - b.evaluations);
          const of = (end) => sorted.map((one) => one[name][end]);
          return {
            name: each, x: sorted.map((one) => one.evaluations), y: of('value'), low: of('low'), high: of('high'), dots: true,
          };
        }),
        { label: `${words} over evaluations`, x: 'evaluations an image', logX: true, log: name === 'distance',
          levels: real(done, name) }));
    this.plots.replaceChildren(plot('distance', 'Frechet distance'), plot('accuracy', 'Accuracy'));
    const told = ({ value, low, high }) => (low === undefined ? figure(value)
      : `${figure(value)} (${figure(low)} to ${figure(high)})`);
    this.table.replaceChildren(...done.map(({ words, measured: { evaluations, accuracy, distance } }) => el('tr', {},
      el('th', { scope: 'row' }, words), el('td', {}, evaluations), el('td', { 'data-exact': accuracy.value }, told(accuracy)),
      el('td', {}, figure(accuracy.real)), el('td', { 'data-exact': distance.value }, told(distance)),
      el('td', {}, figure(distance.real)))));
  }
}
