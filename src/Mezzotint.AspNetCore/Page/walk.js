// Walk: a row of images whose noise lies on the great circle between that of two seeds; a slider and a play button lead along it.
import { Controls, fieldNames, samplingBody, samplingFields, samplingOptions } from './controls.js';
import { Drawing, estimates } from './drawing.js';
import { first } from './figures.js';
import { bytesOf, download } from './images.js';
import { Plate } from './plate.js';
import { Share, csharp, curl } from './share.js';
import { address, el } from './page.js';

const BEAT = 120; // milliseconds between two images
const STILL = 1000; // for those who asked for less motion: one picture after the other, and no film
const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class Walk {
  constructor(app) {
    const { model } = app;
    this.model = model;
    const fields = samplingFields(model);
    const seed = fields.find((field) => field.name === 'seed');
    Object.assign(seed, { label: 'From seed', hint: 'the noise that the walk begins with' });
    this.controls = new Controls([
      {
        name: 'prompt', label: 'Prompt', kind: 'text', value: first(model),
        hint: model.asked_in_words ? 'what the walk begins with, in words' : 'a class by its name or number',
      },
      ...(model.asked_in_words ? [{
        name: 'toPrompt', label: 'To prompt', kind: 'text', value: '',
        hint: 'what it ends with, in words; the same where it is empty',
      }] : []),
      seed,
      { name: 'to', label: 'To seed', kind: 'number', min: 0, max: 4294967295, value: 1, hint: 'the noise that it ends with' },
      {
        name: 'count', label: 'Images', kind: 'number', min: 2, max: model.limits.n, value: Math.min(24, model.limits.n),
        hint: `on the way, both ends included, up to ${model.limits.n}`,
      },
      ...fields.filter((field) => field !== seed),
    ], { go: (values) => this.go(values), stop: () => this.drawing.stop() });
    this.big = el('img', { className: 'big', alt: '', draggable: false });
    this.slider = el('input', {
      type: 'range', id: 'way', min: 0, max: 1, value: 0, oninput: () => this.to(Number(this.slider.value)),
    });
    this.where = el('output', { className: 'where', for: 'way' });
    this.playing = 0;
    this.player = el('button', { type: 'button', 'aria-pressed': 'false', onclick: () => this.play(!this.playing) }, 'Play');
    this.plate = new Plate(
        model, { chosen: (tile) => this.to(this.plate.tiles.indexOf(tile)),
        filled: (filled) => { this.share.enable(filled); this.player.disabled = !filled; } }, 96);
    this.plate.grid.setAttribute('aria-label', 'The images of the walk');
    this.plate.scrub.remove(); // the slider here leads along the walk
    this.plate.status.after(
      el('div', { className: 'stage' }, this.big,
        el('div', { className: 'line' }, el('label', { for: 'way' }, 'Along'), this.slider, this.where, this.player)));
    this.share = new Share({
      plate: this.plate, name: () => `walk-${this.drawn.seed}-${this.drawn.to}`,
      curl: () => curl('v1/images/generations', this.body), csharp: () => this.#csharp(),
    });
    this.share.add('Download film', async () => {
      const { film } = await import('./film.js');
      const files = this.plate.tiles.filter((tile) => tile.done).map((tile) => bytesOf(tile.frames.at(-1).src));
      download(film([...files, ...files.slice(1, -1).reverse()], BEAT), `walk-${this.drawn.seed}-${this.drawn.to}.png`);
    });
    this.plate.element.append(this.share.element);
    this.element = el('div', { className: 'view top walk' }, this.controls.element, this.plate.element);
    this.drawing = new Drawing({ plate: this.#watched(), controls: this.controls, facts: app.facts, names: fieldNames });
    new ResizeObserver(() => this.#fit()).observe(this.big.parentElement);
  }

  /** The plate, with the large image following what comes. */
  #watched() {
    const add = this.plate.add.bind(this.plate);
    this.plate.add = (tile, event, expected) => {
      add(tile, event, expected);
      if (this.plate.tiles.indexOf(tile) === this.at) this.to(this.at);
    };
    return this.plate;
  }

  async show(values) {
    if (Object.keys(values).length === 0 && this.drawn) {
      address.put('walk', this.drawn);
      return;
    }
    this.controls.set(values);
    if (await this.go(this.controls.values(), { at: values.at })) this.to(Number(values.at ?? 0));
  }

  async go(values, more = {}) {
    this.play(false);
    this.drawn = values;
    address.put('walk', { ...values, ...more });
    const count = Math.max(2, Math.min(Number(values.count) || 2, this.model.limits.n));
    this.body = {
      prompt: values.prompt, n: Number(values.count), interpolate_to: Number(values.to),
      ...(values.toPrompt ? { interpolate_to_prompt: values.toPrompt } : {}), ...samplingBody(this.model, values),
    };
    this.plate.begin([{
      images: Array.from({ length: count }, (_, i) => ({
        name: `${values.prompt}, ${i + 1} of ${count}`, seed: Number(values.seed),
      })),
    }]);
    this.plate.tiles.forEach((tile, i) => { tile.caption.textContent = i + 1; });
    this.slider.max = count - 1;
    this.at = 0;
    this.slider.value = 0;
    const partial = Math.min(8, estimates(this.model, Number(values.steps), count));
    return this.drawing.run([{
      group: this.plate.groups[0], address: 'v1/images/generations',
      body: { ...this.body, stream: true, partial_images: partial }, partial,
    }]);
  }

  to(index) {
    const { tiles } = this.plate;
    if (!tiles.length) return;
    this.at = Math.max(0, Math.min(tiles.length - 1, index));
    const tile = tiles[this.at];
    this.slider.value = this.at;
    const words = `${this.at + 1} of ${tiles.length}`;
    this.where.textContent = `${words}, ${Math.round(100 * this.at / (tiles.length - 1))} % of the way`;
    this.slider.setAttribute('aria-valuetext', words);
    if (this.plate.selected !== tile) this.plate.choose(tile);
    const frame = this.plate.frame(tile);
    if (frame) this.big.src = frame.src;
    this.big.alt = `${this.drawn.prompt}, ${words} between seed ${this.drawn.seed} and seed ${this.drawn.to}`;
    if (!this.playing) address.refine({ at: this.at || null });
  }

  /** There and back, until it is told to stop; with less motion once to the end, a still picture a second. */
  play(playing) {
    clearInterval(this.playing);
    this.playing = 0;
    this.player.setAttribute('aria-pressed', String(playing));
    this.player.textContent = playing ? 'Pause' : 'Play';
    if (!playing) return;
    let by = 1;
    if (calm.matches && this.at === this.plate.tiles.length - 1) this.to(0);
    this.playing = setInterval(() => {
      if (calm.matches && this.at === this.plate.tiles.length - 1) {
        this.play(false);
        return;
      }
      if (this.at + by < 0 || this.at + by >= this.plate.tiles.length) by = -by;
      this.to(this.at + by);
    }, calm.matches ? STILL : BEAT);
  }

  leave() { this.play(false); }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (steps) this.to(this.at + steps);
    else if (event.key === ' ' && !(document.activeElement instanceof HTMLButtonElement)) this.play(!this.playing);
    else return false;
    return true;
  }

  #fit() {
    const { width } = this.model;
    const scale = Math.max(1, Math.floor(Math.min(336, this.big.parentElement.clientWidth) / width));
    this.big.style.width = `${width * scale}px`;
    this.big.style.height = `${this.model.height * scale}px`;
  }

  #csharp() {
    const { prompt, n, interpolate_to: to, interpolate_to_prompt: other } = this.body;
    return csharp(
        this.model,
        `var images = pipeline.Generate(${JSON.stringify(prompt)}, new() { Count = ${n}, InterpolateTo = ${to}, `
          + `${other ? `InterpolateToPrompt = ${JSON.stringify(other)}, ` : ''}${samplingOptions(this.body)} });`);
  }
}
