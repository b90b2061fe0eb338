// Score field: a distribution of which everything is known exactly, with noise of a level, and where its score leads.
import { get } from './api.js';
import { Numbers, Stop, choice, slider } from './figures.js';
import { EXTENT, Plane, SHAPES } from './plane.js';
import { announce, el, figure } from './page.js';

const GRID = 25;
const DATA = [...SHAPES, { value: 'own', label: 'points that you set' }];
const MOST_OWN = 64;
const OWN = '-1,0;0.5,0.8;0.9,-0.7';
const PARTICLES = 96;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** The levels of the plane, by a slider of 0 to 100: 0.05 to 10. */
const levelOf = (at) => Number((0.05 * 200 ** (at / 100)).toPrecision(3));
const atOf = (level) => Math.round(100 * Math.log(level / 0.05) / Math.log(200));

/** What the server is told of the distribution. */
const shapeOf = ({ shape, points }) => (shape === 'own' ? { points } : { shape });

export class Field extends Stop {
  constructor(app, put) {
    super(app, put, {
      title: 'Score field',
      sentences: [
        'Noise makes every distribution wide and smooth; its score points uphill, to where more of the data would lie.',
        'Here it is exact: lower the level and see the hills part, then press Enter or click, and follow the field from there.',
      ],
      equation: '∇ ln p_σ ( x ) = ( D ( x ) − x ) / σ²', spoken: 'the score at x is D of x minus x over sigma squared',
      file: '2-noise.md', about: 'noise',
    });
    this.values = { shape: 'moons', level: levelOf(50), x: 12, y: 12, points: undefined };
    this.plane = new Plane();
    const level = slider({
      name: 'level', label: 'Level of noise', min: 0, max: 100, value: 50, tell: (at) => String(levelOf(at)),
      changed: (at) => this.change({ level: levelOf(at) }),
    });
    const shape = choice({
      name: 'shape', label: 'Data', choices: DATA, value: 'moons',
      changed: (value) => this.change({ shape: value, points: value === 'own' ? this.values.points ?? OWN : undefined }),
    });
    this.numbers = new Numbers('level', 'x', 'y', 'score x', 'score y', 'D x', 'D y', 'ln p', 'ends at');
    this.plane.element.addEventListener('click', (event) => this.#press(this.plane.at(event)));
    this.hint = el('p', { className: 'hint' });
    this.figure.append(
      el('div', { className: 'knobs' }, this.knob('level', level, (value) => level.set(atOf(value), value)),
        this.knob('shape', shape),
        el('button', { type: 'button', onclick: () => this.#particles() }, 'Let particles go')),
      el('div', { className: 'beside' }, this.plane.element, el('div', {}, this.numbers.element, this.hint)));
  }

  leave() {
    super.leave();
    cancelAnimationFrame(this.frame);
  }

  /** Arrows move the place by the field's own grid, whose numbers the server told. */
  key(event) {
    if (document.activeElement !== this.plane.element) return false;
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const inside = (place) => Math.max(0, Math.min(GRID - 1, place));
    if (by) {
      Object.assign(this.values, { x: inside(this.values.x + by[0]), y: inside(this.values.y + by[1]), from: undefined });
      this.put(this.values);
      this.#tell();
      this.#paint();
    } else if (event.key === 'Enter') this.#follow();
    else if (event.key === ' ' && this.values.shape === 'own') this.#add(this.place);
    else return false;
    return true;
  }

  /** The middle of the place that is looked at. */
  get place() {
    const middle = (i) => Number((-EXTENT + 2 * EXTENT * (i + 0.5) / GRID).toFixed(4));
    return { x: middle(this.values.x), y: middle(this.values.y) };
  }

  #press({ x, y }) {
    const place = (value) => Math.max(0, Math.min(GRID - 1, Math.floor((value + EXTENT) / (2 * EXTENT) * GRID)));
    Object.assign(this.values, { x: place(x), y: place(y) });
    if (this.values.shape === 'own') this.#add({ x, y });
    else {
      this.put(this.values);
      this.#tell();
      this.#follow();
    }
  }

  #add({ x, y }) {
    const points = [...this.values.points.split(';').slice(1 - MOST_OWN), `${x.toFixed(2)},${y.toFixed(2)}`].join(';');
    this.change({ points });
  }

  change(changed) {
    cancelAnimationFrame(this.frame);
    super.change(changed);
    this.hint.textContent = this.values.shape === 'own'
      ? `Click the plane, or press Space where the cross is, to set a point: up to ${MOST_OWN}.` : '';
  }

  async compute(values, signal) {
    this.field = await get(`api/toy?${new URLSearchParams({ ...shapeOf(values), level: values.level, grid: GRID })}`, signal);
    this.way = null;
    this.#tell();
    this.#paint();
  }

  #tell() {
    if (!this.field) return;
    const { x, y } = this.place;
    const { level, score, denoised, log_density: density } = this.field;
    const i = this.values.y * GRID + this.values.x;
    this.numbers.tell({
      level, x, y, 'score x': score[2 * i], 'score y': score[2 * i + 1], 'D x': denoised[2 * i], 'D y': denoised[2 * i + 1],
      'ln p': density[i], 'ends at': this.way ? `${figure(this.way.end[0])}, ${figure(this.way.end[1])}` : '',
    });
  }

  /** The probability flow from the place and the level on, solved exactly. */
  #follow() {
    this.draw(async (signal) => {
      const { x, y } = this.place;
      const query = new URLSearchParams({
        ...shapeOf(this.values), from: Math.max(0.05, this.values.level), x, y, steps: 24, samplers: 'euler',
      });
      const { exact } = await get(`api/toy/paths?${query}`, signal);
      this.way = { points: exact.at, end: exact.at.at(-1) };
      this.#tell();
      this.#paint();
      announce(`It ends at ${figure(this.way.end[0])}, ${figure(this.way.end[1])}.`);
    });
  }

  /** Many walks at once, from the level of the slider to the data. */
  #particles() {
    this.draw(async (signal) => {
      const query = new URLSearchParams({
        ...shapeOf(this.values), from: Math.max(1.5, this.values.level), n: PARTICLES, seed: 0, steps: 40, samplers: 'heun',
      });
      const { paths } = await get(`api/toy/paths?${query}`, signal);
      const { at } = paths[0];
      const steps = calm.matches ? [0, 13, 26, 40].map((i) => at[i]) : at;
      let shown = 0, last = 0;
      const wait = calm.matches ? 600 : 60;
      const next = (now) => {
        if (now - last >= wait) {
          last = now;
          this.#paint(steps[shown++]);
        }
        if (shown < steps.length) this.frame = requestAnimationFrame(next);
        else announce(`${PARTICLES} particles have come to the data.`);
      };
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(next);
    });
  }

  #paint(particles = null) {
    const { plane } = this;
    plane.clear();
    plane.density(this.field);
    plane.arrows(this.field);
    plane.dots(this.field.points, 4, 'copper');
    if (this.way) plane.path(this.way.points.map(([x, y]) => [x, y]));
    plane.cross(this.place);
    if (particles) plane.dots(particles, 6, 'ink');
  }
}
