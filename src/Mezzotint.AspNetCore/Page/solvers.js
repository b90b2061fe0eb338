// Solvers: the library's samplers from one start through the same field, step by step, with what they cost and miss.
import { get } from './api.js';
import { chart } from './chart.js';
import { Stop, choice, slider } from './figures.js';
import { Plane, SHAPES } from './plane.js';
import { el, figure } from './page.js';

const FROM = 1.2; // the level where the ways begin: most of their starts are seen
const COMPARED = ['euler', 'heun', 'dpmpp-2m', 'dpm2', 'unipc', 'lms'];
const LOOKS = [
  { colour: 'copper', dash: [] }, { colour: 'ink', dash: [] }, { colour: 'copper', dash: [12, 8] },
  { colour: 'ink', dash: [12, 8] }, { colour: 'soft', dash: [] }, { colour: 'soft', dash: [12, 8] },
];

export class Solvers extends Stop {
  constructor(app, put) {
    super(app, put, {
      title: 'Solvers',
      sentences: [
        'A solver follows the field in a few steps; where it ends beside the exact way, that is its error.',
        'Each step costs evaluations of the network: a good solver comes near with few.',
      ],
      equation: 'd x / d σ = ( x − D ( x ) ) / σ', spoken: 'the derivative of x by sigma is x minus D of x over sigma',
      file: '5-sampling.md', about: 'sampling',
    });
    this.values = { shape: 'moons', steps: 6, seed: 0, samplers: 'euler,heun,dpmpp-2m', step: 6 };
    this.plane = new Plane();
    this.plane.element.setAttribute('aria-label', 'The ways of the solvers in the plane.');
    const shape = choice({
      name: 'shape', label: 'Data', choices: SHAPES, value: 'moons', changed: (value) => this.change({ shape: value }),
    });
    const steps = slider({
      name: 'steps', label: 'Steps', min: 2, max: 30, value: 6, changed: (value) => this.change({ steps: value, step: value }),
    });
    this.step = slider({
      name: 'step', label: 'Seen to step', min: 0, max: 6, value: 6, changed: (step) => {
        this.values.step = step;
        this.put(this.values);
        this.#paint();
      },
    });
    this.boxes = COMPARED.map((name) => el('input', {
      type: 'checkbox', id: `solver-${name}`, value: name,
      onchange: () => this.change({ samplers: this.#chosen() }),
    }));
    this.table = el('tbody');
    this.plot = el('div', {});
    this.figure.append(
      el('div', { className: 'knobs' }, this.knob('steps', steps, steps.set), this.step.element, this.knob('shape', shape),
        this.next('Another start')),
      el('fieldset', { className: 'boxes inline' }, el('legend', {}, 'Solvers'),
        ...this.boxes.map((box) => el('label', { for: box.id }, box, box.value))),
      el('div', { className: 'beside' }, this.plane.element, el('div', {},
        el('table', {}, el('caption', {}, 'From this start'),
          el('thead', {}, el('tr', {}, ...['solver', 'evaluations', 'error'].map((word) => el('th', { scope: 'col' }, word)))),
          this.table), this.plot)));
  }

  show(asked) {
    super.show({ ...asked, step: asked.step ?? asked.steps });
  }

  #chosen() { return this.boxes.filter((box) => box.checked).map((box) => box.value).join(',') || 'euler'; }

  async compute({ shape, steps, seed, samplers, step }, signal) {
    const names = samplers.split(',');
    for (const box of this.boxes) box.checked = names.includes(box.value);
    this.step.input.max = steps;
    this.step.set(Math.min(step, steps));
    const query = new URLSearchParams({ shape, steps, seed, samplers, errors: true, from: FROM });
    this.told = await get(`api/toy/paths?${query}`, signal);
    this.table.replaceChildren(...this.told.paths.map((path) => el('tr', { 'data-sampler': path.sampler },
      el('th', { scope: 'row' }, path.sampler), el('td', {}, path.evaluations),
      el('td', { 'data-exact': path.error ?? '' }, path.error === undefined ? 'draws noise' : figure(path.error)))));
    const { errors } = this.told;
    this.plot.replaceChildren(el('figure', {}, el('figcaption', {}, 'Error of 32 ends, over evaluations'), chart(
        errors.map((each) => ({ name: each.sampler, x: each.evaluations, y: each.error, dots: true })),
        { label: 'Error over evaluations', x: 'evaluations', log: true, logX: true })));
    this.#paint();
  }

  #paint() {
    if (!this.told) return;
    const { plane, told } = this;
    plane.clear();
    plane.dots(told.points, 5, 'line');
    plane.path(told.exact.at.map(([x, y]) => [x, y]), { colour: 'soft', dash: [3, 5], dots: false });
    told.paths.forEach((path, i) => plane.path(
        path.at.slice(0, this.values.step + 1).map(([x, y]) => [x, y]), LOOKS[i % LOOKS.length]));
  }
}
