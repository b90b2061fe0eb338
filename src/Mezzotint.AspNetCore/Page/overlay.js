// Trainings over each other: their losses on one axis with a shared cursor, and what differs between their settings.
import { get, picture } from './api.js';
import { chart, figure } from './chart.js';
import { Latest, choice, slider } from './figures.js';
import { el } from './page.js';

const MOST = 6;
const AXES = [
  { value: 'step', label: 'steps' }, { value: 'epoch', label: 'epochs' }, { value: 'seconds', label: 'seconds of training' },
];

export class Overlay {
  /** @param {(values: { with?: string, x?: string, smooth?: number }) => void} put */
  constructor(put) {
    Object.assign(this, { put, values: { with: '', x: 'step', smooth: 0 }, runs: new Map() });
    this.boxes = el('fieldset', { className: 'boxes inline' });
    this.axis = choice({ name: 'axis', label: 'Over', choices: AXES, value: 'step', changed: (x) => this.change({ x }) });
    this.smooth = slider({
      name: 'smooth', label: 'Smoothing', min: 0, max: 0.95, step: 0.05, value: 0, changed: (smooth) => this.change({ smooth }),
    });
    this.cursor = slider({
      name: 'cursor', label: 'Read at', min: 0, max: 100, value: 100, tell: (at) => `${at} %`, changed: () => this.#read(),
    });
    this.plot = el('div', {});
    this.table = el('tbody');
    this.samples = el('div', { className: 'pictures' });
    this.pictures = new Map();
    this.latest = new Latest(() => {}); // what cannot be read is not shown
    this.difference = el('pre', { tabIndex: 0, 'aria-label': 'Settings that differ' });
    this.body = el('div', { className: 'figure', hidden: true },
      el('div', { className: 'knobs' }, this.axis.element, this.smooth.element, this.cursor.element), this.plot,
      el('table', {}, el('caption', {}, 'Training loss at the cursor'), this.table), this.samples, this.difference);
    this.element = el('section', { 'aria-label': 'Trainings over each other' }, this.boxes, this.body);
  }

  /** @param {string[]} names all trainings @param {string} name the one that is looked at */
  show(names, name, { with: others, x, smooth }) {
    this.name = name;
    this.values = {
      with: others ?? this.values.with, x: x ?? this.values.x, smooth: Number(smooth ?? this.values.smooth),
    };
    this.axis.input.value = this.values.x;
    this.smooth.set(this.values.smooth);
    const chosen = this.values.with.split(',');
    const known = names.filter((other) => other !== name).join();
    if (known !== this.known || this.of !== name) {
      [this.known, this.of] = [known, name];
      this.boxes.replaceChildren(el('legend', {}, 'Beside it'), ...names.filter((other) => other !== name).map((other, i) => {
        const box = el('input', {
          type: 'checkbox', id: `beside-${i}`, value: other, checked: chosen.includes(other),
          onchange: () => this.change({
            with: [...this.boxes.querySelectorAll('input')].filter((one) => one.checked).map((one) => one.value)
                .slice(0, MOST - 1).join(','),
          }),
        });
        return el('label', { for: box.id }, box, other);
      }));
      this.boxes.hidden = names.length < 2;
    }
    this.#draw();
  }

  change(changed) {
    Object.assign(this.values, changed);
    this.put(this.values);
    this.#draw();
  }

  async #draw() {
    const names = [this.name, ...this.values.with.split(',').filter((name) => name && name !== this.name)];
    this.body.hidden = names.length < 2;
    if (this.body.hidden) return;
    try {
      for (const name of names)
        if (!this.runs.has(name)) this.runs.set(name, await get(`api/runs/${encodeURIComponent(name)}`));
    } catch (error) {
      this.plot.replaceChildren(el('p', { className: 'error' }, error.message));
      return;
    }
    this.lines = names.map((name) => {
      const { curve } = this.runs.get(name);
      return { name, x: curve[this.values.x], y: smoothed(curve.train_loss, this.values.smooth) };
    });
    const least = Math.min(...this.lines.flatMap((line) => line.y));
    const { label } = AXES.find(({ value }) => value === this.values.x);
    this.plot.replaceChildren(el('figure', {}, el('figcaption', {}, 'Training loss'), chart(
        this.lines, { label: `Training loss over ${label}`, x: label, log: least > 0 })));
    this.difference.textContent = differ(names.map((name) => [name, this.runs.get(name).configuration ?? '']));
    this.difference.hidden = !this.difference.textContent;
    this.#read();
  }

  /** What all of them have at one place of the axis. */
  #read() {
    const most = Math.max(...this.lines.flatMap((line) => line.x));
    const at = most * Number(this.cursor.input.value) / 100;
    this.table.replaceChildren(...this.lines.map(({ name, x, y }) => {
      const i = x.findLastIndex((value) => value <= at);
      return el('tr', {}, el('th', { scope: 'row' }, name), el('td', {}, i < 0 ? 'not begun' : `at ${figure(x[i])}`),
        el('td', {}, i < 0 ? '' : figure(y[i])));
    }));
    this.latest.run(() => this.#draws(Number(this.cursor.input.value) / 100));
  }

  /** The samples of each, from the same seeds, as far on its way as the cursor. */
  async #draws(share) {
    const made = [];
    for (const { name } of this.lines) {
      const { samples } = this.runs.get(name);
      const file = samples[Math.round((samples.length - 1) * share)];
      if (!file) continue;
      const address = `api/runs/${encodeURIComponent(name)}/samples/${encodeURIComponent(file)}`;
      if (!this.pictures.has(address)) this.pictures.set(address, await picture(address));
      const words = `${name}, ${file.replace(/\.png$/, '')}`;
      made.push(el('figure', {}, el('img', { className: 'sample', src: this.pictures.get(address), alt: `Samples of ${words}` }),
        el('figcaption', {}, words)));
    }
    this.samples.replaceChildren(...made);
  }
}

/** A mean that forgets: of each line so much of the one before. */
function smoothed(values, share) {
  let mean = values[0];
  return values.map((value) => (mean = share * mean + (1 - share) * value));
}

/** The lines of configurations that not all have, each with its table. */
function differ(texts) {
  const settings = texts.map(([name, text]) => {
    let table = '';
    const lines = new Set();
    for (const line of text.split('\n').map((each) => each.replace(/\s*#.*$/, '').trim()).filter(Boolean)) {
      if (line.startsWith('[')) table = line;
      else lines.add(`${table} ${line}`);
    }
    return [name, lines];
  });
  return settings.map(([name, lines]) => {
    const own = [...lines].filter((line) => settings.some(([, others]) => !others.has(line)));
    return own.length ? `${name}\n${own.map((line) => `  ${line}`).join('\n')}` : '';
  }).filter(Boolean).join('\n');
}
