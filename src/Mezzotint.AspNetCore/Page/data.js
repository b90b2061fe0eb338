// The data that the model learned from, and what augmentation makes of an image.
import { get } from './api.js';
import { Latest, Pixels, choice, slider } from './figures.js';
import { el, figure, plural } from './page.js';

const SHOWN = 48, CHANGED = 12, USUAL = 0.15;

export class DataBrowser {
  constructor(model) {
    this.model = model;
    this.values = { part: 'train', from: 0 };
    this.error = el('p', { className: 'error', role: 'alert' });
    this.latest = new Latest((error) => { this.error.textContent = error.message; });
    this.words = el('p', { className: 'hint', 'aria-live': 'polite' });
    this.grid = el('div', { className: 'pictures' });
    this.changed = el('section', { 'aria-label': 'What augmentation does', hidden: true });
    this.pictures = el('div', { className: 'pictures' });
    this.augment = slider({
      name: 'augment', label: 'Probability of each change', min: 0, max: 0.6, step: 0.05, value: USUAL,
      tell: (value) => figure(value), changed: () => this.#change(),
    });
    this.changed.append(el('h3', {}, 'The same image as training.augment changes it'), this.augment.element, this.pictures);
    const part = choice({
      name: 'part', label: 'Images', choices: [{ value: 'train', label: 'training' }, { value: 'test', label: 'test' }],
      value: 'train', changed: (value) => this.#to({ part: value, from: 0 }),
    });
    const turn = (words, by) => el('button', { type: 'button', onclick: () => this.#to({ from: this.values.from + by }) }, words);
    [this.back, this.on] = [turn('Back', -SHOWN), turn('Next', SHOWN)];
    this.element = el('div', { className: 'figure' },
      el('div', { className: 'knobs' }, part.element, this.back, this.on, this.words), this.error, this.grid, this.changed);
  }

  show() { if (!this.grid.children.length) this.#to({}); }

  #ask(more, signal) {
    return get(`api/data?${new URLSearchParams({ model: this.model.id, part: this.values.part, ...more })}`, signal);
  }

  #to(changed) {
    Object.assign(this.values, changed);
    this.error.textContent = '';
    this.latest.run(async (signal) => {
      const { from } = this.values;
      const told = await this.#ask({ from, n: SHOWN }, signal);
      this.words.textContent = `${from + 1} to ${from + told.pictures.length} of ${plural(told.images, 'image')} of ${told.data}`;
      this.back.disabled = from === 0;
      this.on.disabled = from + SHOWN >= told.images;
      this.grid.replaceChildren(...told.pictures.map(({ index, label, image }) => {
        const made = new Pixels(this.model, `data-${index}`, label ?? String(index), 56);
        made.show(image, `Image ${index}${label ? `, ${label}` : ''}`);
        return el('button', { type: 'button', className: 'tile', onclick: () => { this.index = index; this.#change(); } },
          made.element);
      }));
    });
  }

  #change() {
    this.latest.run(async (signal) => {
      const told = await this.#ask({ from: this.index, n: CHANGED, augment: this.augment.input.value }, signal);
      this.changed.hidden = false;
      this.pictures.replaceChildren(...told.pictures.map(({ image }, i) => {
        const made = new Pixels(this.model, `changed-${i}`, `draw ${i + 1}`, 84);
        made.show(image, `Image ${this.index}, changed, draw ${i + 1}`);
        return made.element;
      }));
    });
  }
}
