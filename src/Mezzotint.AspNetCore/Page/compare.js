// Compare: grids of images over up to three axes, whatever they are; what they cost, how good they are, and two of their cells
// laid over each other.
import { get, stream } from './api.js';
import { Controls, fieldNames, samplingBody, samplingFields } from './controls.js';
import { first } from './figures.js';
import { canvas, download, fileOf, load } from './images.js';
import { address, addressOf, announce, el, plural, seconds } from './page.js';
import { Reports } from './report.js';
import { Wipe } from './wipe.js';

const MOST_CELLS = 64, AT_ONCE = 4;
const NONE = 'nothing';
const AXES = ['across', 'down', 'third'];

/** The head of a row or a column; where nothing changes along it there is none. */
const head = (scope, value) => (value === null ? el('td', {}) : el('th', { scope }, value));

export class Compare {
  constructor(app) {
    const { model } = app;
    Object.assign(this, { app, model, cells: [], picked: [] });
    this.axes = axesOf(model, app.models);
    const axis = (name, label, value) => [{
      name, label, kind: 'choice', choices: [NONE, ...Object.keys(this.axes)], value, hint: 'what changes along it',
    }, {
      name: `${name}Values`, label: `${label}: values`, kind: 'text', value: this.axes[value]?.few.join(', ') ?? '',
      hint: 'with commas between',
    }];
    this.controls = new Controls([
      {
        name: 'prompt', label: 'Prompt', kind: 'text', value: model.class_names.at(-3) ?? first(model),
        hint: 'what all of them draw',
      },
      ...axis('across', 'Across', 'steps'), ...axis('down', 'Down', 'sampler'), ...axis('third', 'Tables', NONE),
      ...samplingFields(model),
    ], { go: (values) => this.go(values), stop: () => this.drawing.stop(), changed: () => this.#cost() });
    for (const name of AXES) this.controls.fields.get(name).input.addEventListener('change', (event) => {
      this.controls.put(`${name}Values`, this.axes[event.target.value]?.few.join(', ') ?? '');
      this.#cost();
    });
    this.drawing = { stop: () => this.stopping?.abort(new DOMException('stopped', 'AbortError')) };
    this.status = el('p', { className: 'status' });
    this.tables = el('div', {});
    this.measured = el('section', { className: 'measured', 'aria-label': 'How good they are' });
    this.slider = el('input', { type: 'range', id: 'cell-step', min: 1, max: 8, value: 8, oninput: () => this.#show() });
    this.stage = new Wipe(model.width, model.height);
    this.saving = [
      el('button', { type: 'button', disabled: true, onclick: () => this.#save() }, 'Download PNG'),
      el('button', { type: 'button', disabled: true, onclick: () => this.#csv() }, 'Download CSV'),
    ];
    this.element = el('div', { className: 'view top' }, this.controls.element,
      el('section', { className: 'plate', id: 'plate', 'aria-label': 'The grid' }, this.status,
        el('div', { className: 'line' }, el('label', { for: 'cell-step' }, 'Part of the walk'), this.slider),
        el('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Cells' }, this.tables), this.stage.element,
        el('div', { className: 'row' }, ...this.saving), this.measured, new Reports(app).element));
    if (model.classifier) this.#measuring();
    this.#cost();
    this.ready = this.#epochs();
  }

  /** An axis of what the trainings of this server have kept, where they have. */
  async #epochs() {
    const { runs } = await get('api/runs').catch(() => ({ runs: [] }));
    const kept = runs.filter((run) => run.models.length).sort((a, b) => b.updated - a.updated);
    if (!kept.length) return;
    this.axes.epoch = { few: kept[0].models.slice(-4) };
    for (const name of AXES)
      this.controls.fields.get(name).input.append(el('option', { value: 'epoch', textContent: 'epoch' }));
  }

  async show(values) {
    if (!Object.keys(values).length) return;
    if ([values.across, values.down, values.third].includes('epoch')) await this.ready;
    this.controls.set(values);
    this.#cost();
    await this.go(this.controls.values());
  }

  /** The cells of the grid: their values, and the request of each. */
  #plan(values) {
    const list = (name) => {
      if (values[name] === NONE) return [null];
      const found = values[`${name}Values`].split(',').map((value) => value.trim()).filter(Boolean);
      return found.length ? found : [null];
    };
    const [across, down, third] = AXES.map(list);
    const cells = third.flatMap((z) => down.flatMap((y) => across.map((x) => {
      const own = { ...values };
      for (const [axis, value] of [['across', x], ['down', y], ['third', z]])
        if (value !== null) own[values[axis]] = value;
      const body = samplingBody(this.model, own);
      const asked = own.epoch ?? own.model ?? this.model.id;
      if (asked !== this.model.id) delete body.classifier_guidance; // another model may have no classifier
      return { x, y, z, frames: [], body: { ...body, model: asked, prompt: own.prompt, n: 1 } };
    })));
    return { across, down, third, cells };
  }

  /** What the grid takes before it starts, as the server counts. */
  #cost() {
    clearTimeout(this.telling);
    this.telling = setTimeout(async () => {
      const { cells } = this.#plan(this.controls.values());
      if (cells.length > MOST_CELLS) {
        this.status.textContent = tooMany(cells.length);
        return;
      }
      try {
        const known = new Map();
        for (const { body } of cells) {
          const query = new URLSearchParams({ model: body.model, sampler: body.sampler, levels: body.levels, steps: body.steps,
            ...(body.guidance_scale === undefined ? {} : { guidance_scale: body.guidance_scale }) }).toString();
          if (!known.has(query)) known.set(query, (await get(`api/samplers?${query}`)).samplers[0].evaluations ?? 0);
          body.cost = known.get(query);
        }
        const sum = cells.reduce((total, { body }) => total + body.cost, 0);
        this.tellMeasuring?.(cells, sum);
        this.status.textContent = `${plural(cells.length, 'cell')}, ${plural(sum, 'evaluation')} of the network.`;
      } catch (error) {
        this.status.textContent = error.message;
      }
    }, 250);
  }

  async go(values) {
    const plan = this.#plan(values);
    address.put('compare', values);
    this.drawing.stop();
    if (plan.cells.length > MOST_CELLS) {
      this.controls.error.textContent = tooMany(plan.cells.length);
      return false;
    }
    const stopping = this.stopping = new AbortController();
    Object.assign(this, plan, { picked: [] });
    this.#lay(values);
    this.controls.clear();
    this.controls.busy(true);
    const queue = [...plan.cells].sort((a, b) => a.body.steps - b.body.steps); // from coarse to fine
    let done = 0;
    const work = async () => {
      for (let cell = queue.shift(); cell; cell = queue.shift()) {
        await this.#draw(cell, stopping.signal);
        this.status.textContent = `${++done} of ${plural(plan.cells.length, 'cell')}.`;
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      announce(`Done: ${plural(done, 'cell')}.`);
      return true;
    } catch (error) {
      if (this.stopping !== stopping) return false;
      if (error.name !== 'AbortError') {
        stopping.abort();
        this.controls.fail(error, fieldNames);
      } else this.status.textContent = `Stopped after ${done} of ${plural(plan.cells.length, 'cell')}; what is there is kept.`;
      return false;
    } finally {
      if (this.stopping === stopping) this.controls.busy(false);
    }
  }

  async #draw(cell, signal) {
    const { cost, ...body } = cell.body;
    cell.frames = [];
    await stream('v1/images/generations', { ...body, stream: true, partial_images: 7 }, signal, (event) => {
      cell.frames.push(addressOf(event.b64_json));
      cell.evaluations = event.evaluations ?? cell.evaluations;
      this.#show();
      if (event.evaluations) cell.said.textContent = plural(event.evaluations, 'evaluation');
      for (const button of this.saving) button.disabled = false;
    }, (text) => { this.status.textContent = text; });
  }

  #lay(values) {
    const side = Math.max(1, Math.floor(112 / this.model.width)) * this.model.width;
    const name = (axis) => (values[axis] === NONE ? '' : values[axis]);
    for (const cell of this.cells) {
      const words = [cell.z !== null && `${name('third')} ${cell.z}`, cell.y !== null && `${name('down')} ${cell.y}`,
        cell.x !== null && `${name('across')} ${cell.x}`]
          .filter(Boolean).join(', ') || 'the image';
      cell.words = words;
      cell.image = el('img', { alt: words, draggable: false });
      cell.said = el('span', {}, 'waiting');
      cell.button = el(
          'button', { type: 'button', className: 'tile', 'aria-pressed': 'false', onclick: () => this.#pick(cell) }, cell.image,
          cell.said);
    }
    const { across, down, third } = this;
    this.tables.style.setProperty('--w', `${side}px`);
    this.tables.style.setProperty('--h', `${side * this.model.height / this.model.width}px`);
    this.tables.replaceChildren(...third.map((z, page) => el('table', { className: 'cells' },
      el('caption', {}, [z !== null && `${name('third')} ${z}`, name('down') && `${name('down')} down`,
        name('across') && `${name('across')} across`].filter(Boolean).join(', ')),
      el('thead', {}, el('tr', {}, el('td', {}), ...across.map((x) => head('col', x)))),
      el('tbody', {}, ...down.map((y, row) => el('tr', {}, head('row', y),
        ...across.map((_, column) => el('td', {}, this.cells[(page * down.length + row) * across.length + column].button))))))));
    this.stage.hide();
  }

  /** One slider for all cells: the share of the walk that is seen. */
  #show() {
    const share = Number(this.slider.value) / Number(this.slider.max);
    for (const { frames, image } of this.cells) {
      const frame = frames[Math.max(0, Math.ceil(frames.length * share) - 1)];
      if (frame) image.src = frame;
    }
  }

  /** The last two cells that were pressed are laid over each other. */
  async #pick(cell) {
    if (!cell.frames.length) return;
    this.picked = [...this.picked.filter((one) => one !== cell), cell].slice(-2);
    for (const one of this.cells) one.button.setAttribute('aria-pressed', String(this.picked.includes(one)));
    if (this.picked.length < 2) return;
    const [a, b] = this.picked;
    const pictures = await Promise.all([a, b].map((one) => load(one.frames.at(-1))));
    this.stage.show(...pictures, `${a.words} and ${b.words}`);
  }

  async #save() {
    const scale = Math.max(1, Math.floor(112 / this.model.width));
    const [wide, high] = [this.model.width * scale + 8, this.model.height * scale + 8];
    const page = 32 + high * this.down.length;
    const drawn = canvas(120 + wide * this.across.length, page * this.third.length);
    const pen = drawn.getContext('2d');
    pen.fillStyle = '#f6f1e7';
    pen.fillRect(0, 0, drawn.width, drawn.height);
    pen.fillStyle = '#1b1714';
    pen.font = '14px system-ui, sans-serif';
    pen.imageSmoothingEnabled = false;
    this.third.forEach((z, k) => {
      pen.fillText(z ?? '', 8, k * page + 20, 104);
      this.across.forEach((x, i) => pen.fillText(x ?? '', 120 + i * wide, k * page + 20, wide - 8));
      this.down.forEach((y, i) => pen.fillText(y ?? '', 8, k * page + 32 + i * high + high / 2, 104));
    });
    for (const [i, cell] of this.cells.entries()) {
      if (!cell.frames.length) continue;
      const row = Math.floor(i / this.across.length), k = Math.floor(row / this.down.length);
      pen.drawImage(
          await load(cell.frames.at(-1)), 120 + (i % this.across.length) * wide, k * 32 + 32 + row * high, wide - 8, high - 8);
    }
    download(await fileOf(drawn), 'compare.png');
  }

  /** The figures of the cells, by a module that is fetched when they are asked for. */
  #measuring() {
    const count = el('input', { type: 'number', id: 'measured-count', min: 50, max: 2000, step: 50, value: 200 });
    const cost = el('p', { className: 'hint' });
    const go = el('button', { type: 'button' }, 'Measure');
    const stop = el('button', { type: 'button', disabled: true }, 'Stop measuring');
    const place = el('div', { className: 'figure' });
    this.tellMeasuring = async (cells, sum) => {
      const { speed } = await get('api/queue');
      const all = sum * Number(count.value);
      cost.textContent = `${plural(cells.length, 'cell')} of ${count.value} images: ${plural(all, 'evaluation')}`
          + `${speed ? `, about ${seconds(all / speed)}, and the measuring` : ''}. The seed is the first; all classes are drawn.`;
    };
    count.addEventListener('input', () => this.#cost());
    go.addEventListener('click', async () => {
      const { Measure } = await import('./measure.js');
      this.drawing.stop();
      const values = this.controls.values();
      const plan = this.#plan(values);
      const same = plan.cells.length === this.cells.length
          && plan.cells.every((cell, i) => sameBody(cell.body, this.cells[i].body));
      if (!same) {
        Object.assign(this, plan, { picked: [] });
        this.#lay(values);
      }
      const measure = new Measure(this.cells, Number(count.value), values);
      place.replaceChildren(measure.element);
      stop.onclick = () => measure.stop();
      [go.disabled, stop.disabled] = [true, false];
      await measure.run();
      [go.disabled, stop.disabled] = [false, true];
      for (const button of this.saving) button.disabled = false;
    });
    this.measured.append(el('h2', {}, 'How good they are'),
      el('div', { className: 'row' }, el('label', { for: count.id }, 'Images a cell'), count, go, stop), cost, place);
  }

  #csv() {
    const columns = ['model', 'prompt', 'sampler', 'steps', 'levels', 'guidance_scale', 'classifier_guidance', 'seed',
      'evaluations', ...(this.cells.some((cell) => cell.measured) ? FIGURES : [])];
    const quoted = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value ?? '');
    const rows = this.cells.map(
        ({ body, evaluations, measured }) => columns.map(
            (name) => quoted({ ...body, evaluations, ...(measured ? flat(measured) : {}) }[name])).join(','));
    download(new Blob([[columns.join(','), ...rows, ''].join('\n')], { type: 'text/csv' }), 'compare.csv');
  }
}

const FIGURES = ['images', 'accuracy', 'accuracy_low', 'accuracy_high', 'accuracy_real', 'distance', 'distance_low',
  'distance_high', 'distance_real'];

/** Figures as columns. */
const flat = ({ images, accuracy, distance }) => ({
  images, ...Object.fromEntries(Object.entries({ accuracy, distance }).flatMap(
      ([name, { value, ...more }]) => [[name, value], ...Object.entries(more).map(([end, at]) => [`${name}_${end}`, at])])),
});

const sameBody = ({ cost: _, ...a }, { cost: __, ...b }) => JSON.stringify(a) === JSON.stringify(b);

const tooMany = (count) => `${count} cells are more than the ${MOST_CELLS} of a grid: name fewer values.`;

/** What can change along an axis, with some values to begin with. */
function axesOf(model, models) {
  const some = (names) => names.filter((name) => model.samplers.includes(name));
  const axes = {
    steps: { few: [4, 8, Math.min(16, model.limits.steps)] },
    sampler: { few: some(['euler', 'heun', 'dpmpp-2m']) },
    levels: { few: model.levels.filter((name) => ['karras', 'exponential', 'flow'].includes(name)) },
    seed: { few: [0, 1, 2, 3] },
    prompt: { few: model.asked_in_words ? model.examples?.learned.slice(0, 3) ?? [] : model.class_names.slice(0, 4) },
  };
  if (model.can_be_guided) axes.guidance = { few: [1, 2, 4] };
  if (models.length > 1) axes.model = { few: models.map(({ id }) => id) };
  return axes;
}
