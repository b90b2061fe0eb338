// Repair: a picture on a canvas; the model draws anew what the eraser took, or finishes the whole of it.
import { PixelCanvas } from './canvas.js';
import { Controls, fieldNames, samplingBody, samplingFields, samplingOptions } from './controls.js';
import { Details } from './details.js';
import { Drawing, estimates } from './drawing.js';
import { first } from './figures.js';
import { download, load } from './images.js';
import { Plate } from './plate.js';
import { Share, csharp, curlForm } from './share.js';
import { Wipe } from './wipe.js';
import { address, addressOf, announce, el } from './page.js';
import { stream } from './api.js';

/** A picture this large still fits into an address. */
const MOST_ADDRESS = 8000;

export class Repair {
  constructor(app) {
    const { model } = app;
    this.model = model;
    this.app = app;
    this.controls = new Controls([
      {
        name: 'prompt', label: 'Prompt', kind: 'text', value: model.class_names.at(-3) ?? first(model),
        hint: `what it shall become, ${model.asked_in_words ? 'in words' : 'a class by its name or number'}`,
      },
      {
        name: 'count', label: 'How many', kind: 'number', min: 1, max: model.limits.n, value: 4,
        hint: `images, up to ${model.limits.n}`,
      },
      {
        name: 'strength', label: 'Strength', kind: 'range', min: 0.05, max: 1, step: 0.05, value: 0.6,
        hint: 'how much noise it goes back to: the more, the less of the picture is left',
      },
      ...samplingFields(model),
    ], { go: (values) => this.go(values), stop: () => this.drawing.stop() });
    this.controls.fields.get('strength').input.addEventListener('input', () => { this.strengthChosen = true; });
    this.canvas = new PixelCanvas(model.width, model.height, () => this.#suggest());
    this.plate = new Plate(
        model, { told: (tile) => {
          this.details.tell(tile);
          this.#compare(tile);
        },
        filled: (filled) => { this.share.enable(filled); this.details.enable(filled); } }, 224);
    this.details = new Details(this.plate, app);
    this.share = new Share({
      plate: this.plate, name: () => `repaired-${this.drawn.seed}`, curl: () => this.#curl(), csharp: () => this.#csharp(),
    });
    this.plate.element.prepend(this.#bench());
    this.wipe = new Wipe(model.width, model.height);
    this.plate.element.append(this.details.element, this.wipe.element, this.share.element);
    this.element = el('div', { className: 'view top' }, this.controls.element, this.plate.element);
    this.drawing = new Drawing({ plate: this.plate, controls: this.controls, facts: app.facts, names: fieldNames });
  }

  /** The canvas and its tools. */
  #bench() {
    const tool = (name, words) => el('button', {
      type: 'button', 'data-tool': name, 'aria-pressed': String(this.canvas.tool === name), onclick: () => this.#use(name),
    }, words);
    const file = el('input', {
      type: 'file', accept: 'image/*', id: 'picture', className: 'unseen', onchange: () => this.#open(file.files[0]),
    });
    const size = el('input', {
      type: 'range', id: 'brush', min: 1, max: Math.max(4, Math.round(this.model.width / 3)), value: this.canvas.size,
      oninput: () => {
        this.canvas.size = Number(size.value);
        this.canvas.show();
      },
    });
    const ink = this.model.channels === 1
      ? el('input', {
        type: 'range', id: 'ink', min: 0, max: 255, value: 255,
        oninput: () => { this.canvas.ink = `rgb(${ink.value} ${ink.value} ${ink.value})`; },
      })
      : el('input', { type: 'color', id: 'ink', value: '#ffffff', oninput: () => { this.canvas.ink = ink.value; } });
    this.benchError = el('p', { className: 'error', role: 'alert' });
    this.tools = el('div', { className: 'tools' },
      el('div', { className: 'row', role: 'group', 'aria-label': 'Tools' }, tool('pen', 'Pen'), tool('eraser', 'Eraser'),
        el('button', { type: 'button', onclick: () => this.canvas.undo() }, 'Undo'),
        el('button', { type: 'button', onclick: () => this.canvas.clear() }, 'Clear')),
      el('div', { className: 'field' }, el('label', { for: 'brush' }, 'Width'), size),
      el('div', { className: 'field' }, el('label', { for: 'ink' }, 'Ink'), ink),
      el('div', { className: 'row' }, el('label', { className: 'button', for: 'picture' }, 'Open a picture'), file,
        el('button', {
          type: 'button', onclick: async () => download(await this.canvas.file(), 'picture.png'),
        }, 'Save the picture')),
      el('p', { className: 'hint' }, 'What the eraser takes is drawn anew, and the rest is kept to the bit. With nothing erased '
        + 'all of it is drawn over, from as much noise as the strength says. A picture can be dropped here.'),
      this.benchError);
    const bench = el('div', { className: 'bench' }, this.canvas.element, this.tools);
    bench.addEventListener('dragover', (event) => event.preventDefault());
    bench.addEventListener('drop', (event) => { event.preventDefault(); this.#open(event.dataTransfer.files[0]); });
    return bench;
  }

  #use(name) {
    this.canvas.tool = name;
    this.canvas.show();
    for (const button of this.tools.querySelectorAll('[data-tool]'))
      button.setAttribute('aria-pressed', String(button.dataset.tool === name));
    announce(name === 'pen' ? 'Pen.' : 'Eraser.');
  }

  async #open(file) {
    this.benchError.textContent = '';
    if (!file) return;
    const inside = URL.createObjectURL(file);
    try {
      this.canvas.put(await load(inside));
    } catch (error) {
      this.benchError.textContent = error.message;
    } finally {
      URL.revokeObjectURL(inside);
    }
  }

  /** The chosen image beside what was on the canvas. */
  async #compare(tile) {
    if (!tile.done || !this.source) {
      this.wipe.hide();
      return;
    }
    const [before, after] = await Promise.all([this.source, this.plate.frame(tile).src].map(load));
    this.wipe.show(before, after, 'Before and after');
  }

  /** Inpainting starts from noise alone, unless somebody has chosen otherwise. */
  #suggest() {
    if (!this.strengthChosen) this.controls.put('strength', this.canvas.isErased ? 1 : 0.6);
  }

  /** A picture from another view, in base64. */
  take(base64, prompt) { this.taken = { base64, prompt }; }

  async show(values) {
    if (this.taken) {
      const { base64, prompt } = this.taken;
      this.taken = null;
      this.canvas.put(await load(addressOf(base64)));
      if (prompt !== null) this.controls.put('prompt', prompt);
      this.begun = true;
      return;
    }
    if (values.picture) {
      this.begun = true;
      this.strengthChosen = values.strength !== undefined;
      this.controls.set(values);
      this.canvas.put(
        await load(addressOf(fromAddress(values.picture))), values.mask ? await load(addressOf(fromAddress(values.mask))) : null);
      await this.go(this.controls.values());
      return;
    }
    if (!this.begun) {
      this.begun = true;
      this.controls.set(values);
      await this.#begin();
    } else if (this.drawn) address.put('repair', this.drawn);
  }

  /** Something is on the canvas from the start: the model's own. */
  async #begin() {
    const body = { prompt: this.controls.values().prompt, stream: true, ...samplingBody(this.model, this.controls.values()) };
    let drawn = null;
    try {
      await stream(
          'v1/images/generations', body, undefined, (event) => { drawn = event.b64_json; },
          (text) => { this.plate.status.textContent = text; });
      this.plate.status.textContent = '';
      const picture = await load(addressOf(drawn));
      if (!this.canvas.past.length) this.canvas.put(picture); // nobody has drawn meanwhile: theirs stays
    } catch (error) {
      this.controls.fail(error, fieldNames);
    }
  }

  async go(values) {
    const picture = await this.canvas.file();
    const mask = await this.canvas.mask();
    this.source = this.canvas.picture.toDataURL();
    this.body = {
      prompt: values.prompt, n: Number(values.count), strength: Number(values.strength), ...samplingBody(this.model, values),
    };
    this.masked = mask !== null;
    this.drawn = { ...values, picture: await toAddress(picture), mask: mask ? await toAddress(mask) : '' };
    if (this.drawn.picture.length + this.drawn.mask.length > MOST_ADDRESS) this.drawn = values;
    address.put('repair', this.drawn);
    const count = Math.max(1, Math.min(Number(values.count) || 1, this.model.limits.n));
    const form = new FormData();
    const partial = estimates(this.model, Number(values.steps), count);
    for (const [name, value] of Object.entries({ ...this.body, stream: true, partial_images: partial })) form.append(name, value);
    form.append('image', picture, 'picture.png');
    if (mask) form.append('mask', mask, 'mask.png');
    this.plate.begin([{
      images: Array.from({ length: count }, (_, i) => ({ name: values.prompt, seed: Number(values.seed) + i })),
    }]);
    return this.drawing.run([{ group: this.plate.groups[0], address: 'v1/images/edits', body: form, partial }]);
  }

  key(event) {
    if (document.activeElement !== this.canvas.element) return false;
    if (this.canvas.key(event)) return true;
    const tools = { p: () => this.#use('pen'), e: () => this.#use('eraser'), u: () => this.canvas.undo() };
    const tool = tools[event.key.toLowerCase()];
    tool?.();
    return tool !== undefined;
  }

  #curl() {
    return curlForm('v1/images/edits', { image: 'picture.png', ...(this.masked ? { mask: 'mask.png' } : {}) }, this.body);
  }

  #csharp() {
    const { prompt, n, strength } = this.body;
    return csharp(this.model,
      'var source = PictureFitting.Source(File.ReadAllBytes("picture.png"), '
        + `${this.masked ? 'File.ReadAllBytes("mask.png")' : 'null'}, ${strength}, pipeline.Model);`,
      `var images = pipeline.Generate(${JSON.stringify(prompt)}, `
        + `new() { Count = ${n}, ${samplingOptions(this.body)}, Source = source });`);
  }
}

const fromAddress = (text) => text.replaceAll('-', '+').replaceAll('_', '/');

async function toAddress(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
