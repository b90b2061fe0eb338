// Schedule: how processes mix picture and noise over their time, and the levels that a sampler walks over.
import { get, post } from './api.js';
import { chart } from './chart.js';
import { Numbers, Stop, choice, first, slider } from './figures.js';
import { addressOf, el, figure } from './page.js';

const KINDS = [
  { value: 'half_log_snr', label: 'ln(α / σ), half the log-SNR' }, { value: 'alpha', label: 'α, the share of the picture' },
  { value: 'std', label: 'σ, the noise' },
];
const MOST_PICTURES = 12;

export class Schedule extends Stop {
  constructor(app, put) {
    super(app, put, {
      title: 'Schedule',
      sentences: [
        'Processes differ in how fast the picture fades and the noise grows; what counts is their ratio, and on it all of them '
          + 'are one.',
        'A sampler walks down that ratio in steps: drag their number, and see where it takes them.',
      ],
      equation: 'SNR = α² / σ²', spoken: 'the signal to noise ratio is alpha squared over sigma squared', file: '2-noise.md',
      about: 'noise',
    });
    this.values = { of: 'half_log_snr', levels: this.model.defaults.levels, steps: 9 };
    const of = choice({
      name: 'of', label: 'Shown', choices: KINDS, value: this.values.of, changed: (value) => this.change({ of: value }),
    });
    const spread = choice({
      name: 'levels', label: 'Levels', choices: this.model.levels, value: this.values.levels,
      changed: (levels) => this.change({ levels }),
    });
    const steps = slider({
      name: 'steps', label: 'Steps', min: 1, max: Math.min(40, this.model.limits.steps), value: 9,
      changed: (value) => this.change({ steps: value }),
    });
    this.plots = el('div', { className: 'charts' });
    this.row = el('div', { className: 'pictures' });
    this.numbers = new Numbers('steps', 'most', 'least', 'levels');
    this.figure.append(
      el('div', { className: 'knobs' }, this.knob('steps', steps, steps.set), this.knob('levels', spread), this.knob('of', of)),
      this.plots, this.row, this.numbers.element);
  }

  async compute({ of, levels, steps }, signal) {
    const told = await get(`api/schedule?${new URLSearchParams({ model: this.model.id, levels, steps })}`, signal);
    this.#plot(told, of);
    this.numbers.tell({
      steps: told.steps, most: told.sigma[0], least: told.sigma[told.steps - 1], levels: told.sigma.map(figure).join(', '),
    });
    await this.#pictures(told, signal);
  }

  #plot(told, of) {
    const { label } = KINDS.find(({ value }) => value === of);
    const logarithmic = of === 'std';
    const walked = told[of].slice(0, told.steps); // level 0 has no logarithm
    this.plots.replaceChildren(
      el('figure', {}, el('figcaption', {}, `${label}, over the time of each process`), chart(told.processes.map((process) => ({
        name: process.name, x: process.time.map((_, i) => i / (process.time.length - 1)), y: process[of],
      })), { label: `${label} over time`, x: 'time, 0 to 1', log: logarithmic })),
      el('figure', {}, el('figcaption', {}, `${label}, at the levels of the sampler`), chart([
        { name: told.levels, x: walked.map((_, i) => i), y: walked, dots: true },
      ], { label: `${label} over steps`, x: 'step', log: logarithmic })));
  }

  /** The same picture at the levels of the walk, some of them where they are many. */
  async #pictures(told, signal) {
    const stride = Math.ceil(told.steps / MOST_PICTURES);
    const shown = told.sigma.slice(0, told.steps).filter((_, i) => i % stride === 0);
    const made = [];
    for (const level of shown) {
      const answer = await post('api/denoise', {
        model: this.model.id, prompt: first(this.model), level: Math.min(told.most, Math.max(told.least, level)),
        ...(this.image ? { image: this.image } : { seed: 0 }),
      }, signal);
      this.image = answer.image;
      made.push(el('figure', {}, el('img', {
        className: 'pixels', draggable: false, src: addressOf(answer.data[0].noisy), alt: `The picture at level ${figure(level)}`,
        width: this.model.width * Math.max(1, Math.floor(72 / this.model.width)),
      }), el('figcaption', {}, figure(level))));
    }
    this.row.replaceChildren(...made);
  }
}
