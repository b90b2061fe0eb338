// Training: what the model has learned at each level of noise, and how the same seeds looked on the way there.
import { get, picture, post } from './api.js';
import { chart } from './chart.js';
import { Stop, first, levels, noises, slider } from './figures.js';
import { el, figure, plural } from './page.js';

const LEVELS = 11, MOST = 8;

export class Learning extends Stop {
  constructor(app, put) {
    super(app, put, {
      title: 'Training',
      sentences: [
        'Training shows the network pictures with noise and corrects it towards the noise that was added; the loss is its error.',
        'With much noise D can only be a mean of pictures; with little, the noise itself is hard to tell from the picture.',
      ],
      equation: 'loss = E ‖ D ( x_0 + σ z ) − x_0 ‖²', spoken: 'the loss is the mean of the squared error of D',
      file: '4-training.md', about: 'training',
    });
    this.values = { prompt: first(this.model), seed: 0 };
    this.scale = levels(this.model);
    this.count = noises(this.model, MOST);
    this.table = el('tbody');
    this.plot = el('div', { className: 'charts' });
    this.run = el('section', { 'aria-label': 'The newest training', hidden: true });
    this.figure.append(
      el('div', { className: 'knobs' }, this.promptKnob(), this.next('Another picture')),
      el('div', { className: 'beside' }, this.plot, el('table', {},
        el('caption', {}, `Errors, the mean of ${plural(this.count, 'noise')}`),
        el('thead', {}, el('tr', {}, ...['level', 'of D', 'of the noise'].map((word) => el('th', { scope: 'col' }, word)))),
        this.table)),
      this.run);
  }

  show(asked) {
    super.show(asked);
    this.#newest();
  }

  async compute({ prompt, seed }, signal) {
    const rows = [];
    let image;
    for (let i = 0; i < LEVELS; i++) {
      const answer = await post('api/denoise', {
        model: this.model.id, prompt, level: this.scale.of(100 * i / (LEVELS - 1)), n: this.count, brief: true,
        ...(image ? { image } : { seed }),
      }, signal);
      image = answer.image;
      const mean = (name) => answer.data.reduce((sum, one) => sum + one[name], 0) / this.count;
      rows.push({ level: answer.level, estimate: mean('estimate_error'), noise: mean('noise_error') });
    }
    const x = rows.map((row) => row.level);
    this.plot.replaceChildren(el('figure', {}, el('figcaption', {}, 'Error by level of noise'), chart([
      { name: 'of D', x, y: rows.map((row) => row.estimate), dots: true },
      { name: 'of the noise', x, y: rows.map((row) => row.noise), dots: true },
    ], { label: 'Error by level of noise', x: 'level', log: true, logX: true })));
    this.table.replaceChildren(...rows.map((row) => el('tr', {},
      el('th', { scope: 'row' }, figure(row.level)), el('td', { 'data-exact': row.estimate }, figure(row.estimate)),
      el('td', {}, figure(row.noise)))));
  }

  /** The samples of the training that was written last: the same seeds at each epoch. */
  async #newest() {
    try {
      const { runs } = await get('api/runs');
      const [last] = [...runs].sort((a, b) => b.updated - a.updated);
      if (!last) return;
      const { samples } = await get(`api/runs/${encodeURIComponent(last.name)}`);
      if (!samples.length) return;
      const grid = el('img', { className: 'sample', alt: '' });
      const show = async (i) => {
        const inside = await picture(
            `api/runs/${encodeURIComponent(last.name)}/samples/${encodeURIComponent(samples[i])}`);
        grid.onload = () => URL.revokeObjectURL(inside);
        grid.src = inside;
        grid.alt = `Samples of ${last.name}, ${samples[i]}`;
      };
      const at = slider({
        name: 'epoch', label: 'Epoch', min: 0, max: samples.length - 1, value: samples.length - 1,
        tell: (i) => samples[i].replace(/\.png$/, ''), changed: show,
      });
      await show(samples.length - 1);
      this.run.hidden = false;
      this.run.replaceChildren(el('h3', {}, `The same seeds in ${last.name}, epoch by epoch`), at.element, grid);
    } catch { /* a run that cannot be read is told of where runs are looked at */ }
  }
}
