// Draw: images of a class, or of every class, out of the noise; the same seeds by several samplers, side by side.
import { get, picture, post } from './api.js';
import { Controls, defaultsOf, fieldNames, samplingBody, samplingFields, samplingOptions } from './controls.js';
import { Details } from './details.js';
import { Drawing, estimates } from './drawing.js';
import { Latest, reads } from './figures.js';
import { load } from './images.js';
import { Plate } from './plate.js';
import { Share, csharp, curl } from './share.js';
import { Around, shifted } from './around.js';
import { address, addressOf, el, figure, plural } from './page.js';

const EVERY = 'every class';
const LARGE = 288; // pixels of the screen that the chosen image is wide
const MOST_CLASSES = 16; // more than that are no plate but a wall
const SMALL = 96;        // that the noisy image beside it is wide
const MOST_NOISY = 128;  // pixels of a side of images whose noise is sent along: noise cannot be compressed

export class Draw {
  constructor(app) {
    const { model } = app;
    this.model = model;
    this.readings = new Latest(() => {}); // a reading that cannot be had is not missed
    const few = !model.asked_in_words && model.class_names.length <= MOST_CLASSES;
    this.controls = new Controls([
      ...promptFields(model, few),
      {
        name: 'count', label: 'How many', kind: 'number', min: 1, max: model.limits.n, value: few ? 1 : 9,
        hint: `images of each ${model.asked_in_words ? 'prompt' : 'class'}, up to ${model.limits.n}`,
      },
      ...samplingFields(model),
      {
        name: 'variations', label: 'Variations', kind: 'text', value: '', folded: true,
        hint: 'steps away from the noise of the seed, as 17:0.2: a share of the way to that of another seed',
      },
    ], {
      go: (values) => this.go(values), stop: () => this.drawing.stop(),
      changed: () => { this.#tellCost(); this.#tellTokens(); },
    });
    this.controls.extra.append(el('button', { type: 'button', onclick: () => this.#another() }, 'Another seed'), this.#compare());
    if (model.examples) this.controls.extra.append(this.#examples());
    this.plate = new Plate(model, {
      told: (tile) => {
        this.details.tell(tile);
        this.#large(tile);
      },
      filled: (filled) => { this.share.enable(filled); this.details.enable(filled); this.around.enable(filled); },
      moved: () => address.refine({ image: this.plate.tiles.indexOf(this.plate.selected) || null, step: this.plate.at }),
    });
    this.details = new Details(this.plate, app);
    this.share = new Share({
      plate: this.plate, name: () => `${this.drawn.prompt}-${this.drawn.seed}`.replaceAll(' ', '-'), curl: () => this.#curl(),
      csharp: () => this.#csharp(),
    });
    const scale = Math.max(1, Math.floor(LARGE / model.width));
    this.big = el('img', { className: 'pixels big idle', alt: '', draggable: false });
    this.big.style.width = `${scale * model.width}px`;
    this.big.style.height = `${scale * model.height}px`;
    this.reading = el('p', { className: 'reading' }, '\u00a0');
    const small = Math.max(1, Math.floor(SMALL / model.width));
    this.noisy = el('img', { className: 'pixels', alt: '', draggable: false, 'data-name': 'noisy' });
    this.noisy.style.width = `${small * model.width}px`;
    this.noisy.style.height = `${small * model.height}px`;
    this.level = el('figcaption', { className: 'hint' });
    this.pair = el('figure', { className: 'pair idle' }, this.noisy, this.level);
    this.around = new Around(this);
    this.element = el('div', { className: `view top draw${model.asked_in_words ? ' words' : ''}` }, this.controls.element,
      el('div', { className: 'sheet' }, this.plate.element,
        el('aside', { className: 'side', 'aria-label': 'The chosen image' }, this.big, this.reading, this.pair, this.plate.scrub,
          this.details.element, this.around.element, this.share.element)));
    this.drawing = new Drawing({ plate: this.plate, controls: this.controls, facts: app.facts, names: fieldNames });
    this.#tellCost();
    this.#tellTokens();
  }

  /** The chosen image, large, and how a classifier reads it. */
  #large(tile) {
    const frame = this.plate.frame(tile);
    this.big.src = frame.src;
    this.big.classList.remove('idle');
    this.#beside(tile, frame);
    this.around.tell(tile, frame);
    if (!this.model.classifier || this.read === frame.src || frame.step !== tile.steps) return;
    this.read = frame.src;
    this.reading.textContent = '\u00a0';
    this.readings.run(async (signal) => {
      const body = { model: this.model.id, label: 0, image: frame.src.split(',')[1], level: this.model.noise.least };
      const { image_reading: shares } = await post('api/denoise', body, signal);
      if (this.read === frame.src) this.reading.textContent = `A classifier ${reads(shares, this.model.class_names)}.`;
    });
  }

  /** What the estimate was made from: the image with the noise that was left. */
  #beside(tile, frame) {
    this.pair.classList.toggle('idle', !frame.noisy);
    if (!frame.noisy) return;
    this.noisy.src = frame.noisy;
    this.noisy.alt = `${tile.name} with noise of level ${figure(frame.sigma)}`;
    this.level.textContent = `x\u209c with noise of level ${figure(frame.sigma)}. Above is D(x\u209c), `
        + (frame.step === tile.steps ? 'where the last step ends.' : 'what the network takes the image to be.');
  }

  /** The noise that the images start from lies on their tiles. */
  async #veil(seed, count) {
    const n = Math.min(count, this.model.limits.n);
    try {
      const inside = await picture(`api/noise?${new URLSearchParams({ model: this.model.id, seed, n })}`);
      this.plate.veil(await load(inside), seed, n);
      URL.revokeObjectURL(inside);
    } catch { /* without it the tiles wait as they are */ }
  }

  /** The tokens that the prompt is cut into, under its field. */
  #tellTokens() {
    if (!this.model.asked_in_words) return;
    clearTimeout(this.cutting);
    this.cutting = setTimeout(async () => {
      const { prompt } = this.controls.values();
      try {
        const { pieces, cut_off: rest, most } = await get(
          `v1/tokens?prompt=${encodeURIComponent(prompt)}&model=${encodeURIComponent(this.model.id)}`);
        if (this.controls.values().prompt !== prompt) return; // an older answer that came later
        const read = pieces.map((piece) => piece.trim()).join(' · ');
        this.controls.hint('prompt', rest
          ? `${read}. Only ${plural(most, 'token')} fit: the model does not see “${rest}”`
          : `${plural(pieces.length, 'token')} of ${most}: ${read}`);
      } catch { /* what is wrong is told when it is drawn */ }
    }, 200);
  }

  /** Prompts to try: a press draws it. */
  #examples() {
    const kinds = [['in its training data', this.model.examples.learned], ['never seen by it', this.model.examples.unseen]];
    return el('details', { className: 'examples' }, el('summary', {}, 'Prompts to try'),
      ...kinds.filter(([, prompts]) => prompts.length).flatMap(([kind, prompts]) => [
        el('p', { className: 'hint' }, kind),
        el('div', { className: 'boxes' }, ...prompts.map((prompt) => el('button', {
          type: 'button', onclick: () => { this.controls.put('prompt', prompt); this.#tellTokens(); this.controls.submit(); },
        }, prompt))),
      ]));
  }

  #compare() {
    const own = defaultsOf(this.model).sampler;
    this.boxes = this.model.samplers.filter((name) => name !== own).map((name) => el('input', {
      type: 'checkbox', value: name, id: `compare-${name}`,
    }));
    return el('details', { className: 'compare' }, el('summary', {}, 'Compare samplers'),
      el('p', { className: 'hint' },
        'the same seeds by these too, each with as many steps as the evaluations of the one above suffice for'),
      el('div', { className: 'boxes' }, ...this.boxes.map((box) => el('label', { for: box.id }, box, box.value))));
  }

  get compared() { return this.boxes.filter((box) => box.checked).map((box) => box.value); }

  #another() {
    this.controls.put('seed', crypto.getRandomValues(new Uint32Array(1))[0] >>> 1);
    this.controls.submit();
  }

  /** The costs of the samplers with the settings of the form, all of them or of one name. */
  async #costs(query, { levels, guidance }, sampler) {
    const scale = this.model.can_be_guided ? `&guidance_scale=${Number(guidance)}` : '';
    const way = new URLSearchParams({ model: this.model.id, levels, sampler });
    const { samplers } = await get(`api/samplers?${query}&${way}${scale}`);
    return samplers[0];
  }

  /** What the steps cost, under their field. */
  #tellCost() {
    clearTimeout(this.telling);
    this.telling = setTimeout(async () => {
      const values = this.controls.values();
      const asked = this.asked = JSON.stringify(values);
      try {
        const { evaluations, order, stochastic, source } = await this.#costs(
            `steps=${Number(values.steps)}`, values, values.sampler);
        if (this.asked !== asked) return; // an older answer that came later
        this.controls.hint('sampler', `order ${order}, ${stochastic ? 'draws noise' : 'draws no noise'}: ${source}`);
        this.controls.hint(
          'steps',
          evaluations === undefined
            ? 'this sampler chooses its own steps between those of the levels'
            : `${plural(evaluations, 'evaluation')} of the network per image; up to ${this.model.limits.steps} steps`);
      } catch { /* what is wrong is told when it is drawn */ }
    }, 200);
  }

  /** What the address asks for. */
  async show(values) {
    if (Object.keys(values).length === 0 && this.drawn) {
      address.put('draw', this.drawn);
      return;
    }
    const { image, step } = values;
    this.controls.set(values);
    const compared = (values.compare ?? '').split(',');
    for (const box of this.boxes) box.checked = compared.includes(box.value);
    if (compared[0]) this.boxes[0].closest('details').open = true;
    this.#tellCost();
    if (!await this.go(this.controls.values(), { image, step })) return;
    if (image && this.plate.tiles[image]) this.plate.choose(this.plate.tiles[image]);
    if (step) this.plate.move(Number(step));
  }

  async go(values, more = {}) {
    const compare = this.compared.filter((name) => name !== values.sampler);
    this.drawn = { ...values, compare: compare.join(',') };
    address.put('draw', { ...this.drawn, ...more });
    this.drawing.stop();
    let rows;
    try {
      rows = await this.#rows(values, compare);
    } catch (error) {
      this.controls.clear();
      this.controls.fail(error, fieldNames);
      return false;
    }
    const count = Math.max(1, Math.min(Number(values.count) || 1, this.model.limits.n));
    const every = !this.model.asked_in_words && values.prompt.toLowerCase() === EVERY;
    const names = every ? this.model.class_names : [values.prompt];
    const seed = Number(values.seed);
    const groups = rows.map(({ caption }) => ({
      caption,
      images: names.flatMap((name, c) => Array.from({ length: count }, (_, i) => (values.variations
        ? { name, seed, varied: shifted(values.variations, c * count + i) } : { name, seed: seed + c * count + i }))),
    }));
    this.plate.begin(groups);
    if (!values.variations) this.#veil(seed, names.length * count);
    this.bodies = [];
    this.rows = rows;
    const jobs = rows.flatMap(({ sampler, levels, steps }, row) => names.map((name, c) => {
      // Image i of all is drawn from seed + i, as the library counts when it is given several classes.
      const body = {
        ...(every ? { label: c } : { prompt: name }), n: Number(values.count),
        ...(values.negative ? { negative_prompt: values.negative } : {}),
        ...samplingBody(
            this.model, { ...values, sampler, levels, steps, seed: values.variations ? seed : seed + c * count }),
        ...(values.variations ? { variations: shifted(values.variations, c * count) } : {}),
      };
      this.bodies.push(body);
      const partial = estimates(this.model, steps, count * names.length * rows.length);
      return {
        group: this.plate.groups[row], address: 'v1/images/generations',
        body: { ...body, stream: true, partial_images: partial, noisy: this.model.width <= MOST_NOISY },
        partial, first: c * count,
      };
    }));
    const done = await this.drawing.run(jobs);
    if (done && compare.length) this.#tellMeasured();
    if (done) this.#remember();
    return done;
  }

  /** Into the tray below. */
  async #remember() {
    const { prompt, seed, sampler, steps } = this.drawn;
    const src = this.plate.tiles[0].frames.at(-1).src;
    const tray = await import('./tray.js');
    await tray.keep(
        address.here('draw', this.drawn), `${prompt}, seed ${seed}, ${sampler}, ${plural(Number(steps), 'step')}`,
        src.slice(addressOf('').length));
  }

  /** In place of the numbers that were expected, those that the server counted. */
  #tellMeasured() {
    this.plate.groups.forEach(({ tiles, heading }, row) => {
      const counted = [...new Set(tiles.map((tile) => tile.evaluations))];
      if (counted.every(Number.isFinite)) heading.textContent = caption(
          this.rows[row].sampler, this.rows[row].steps,
          counted.length === 1 ? counted[0] : `${Math.min(...counted)} to ${Math.max(...counted)}`);
    });
  }

  /** The samplers of the rows: one, or several at equal evaluations. */
  async #rows(values, compare) {
    const first = { sampler: values.sampler, levels: values.levels, steps: Number(values.steps) };
    if (!compare.length) return [first];
    const own = await this.#costs(`steps=${first.steps}`, values, first.sampler);
    const most = own.evaluations ?? first.steps;
    const others = await Promise.all(compare.map((name) => this.#costs(`evaluations=${most}`, values, name)));
    return [
      { ...first, caption: caption(first.sampler, first.steps, own.evaluations) },
      ...others.map(
          ({ name, steps = first.steps, evaluations }) => (
          { sampler: name, levels: values.levels, steps, caption: caption(name, steps, evaluations) })),
    ];
  }

  #curl() { return this.bodies.map((body) => curl('v1/images/generations', body)).join('\n'); }

  #csharp() {
    const { prompt, negative, count, variations } = this.drawn;
    const what = !this.model.asked_in_words && prompt.toLowerCase() === EVERY
      ? `[${this.model.class_names.map((_, i) => i).join(', ')}]`
      : JSON.stringify(prompt);
    return csharp(
        this.model,
        `var images = pipeline.Generate(${what}, new() { Count = ${Number(count)}, `
          + `${negative ? `NegativePrompt = ${JSON.stringify(negative)}, ` : ''}`
          + `${variations ? `Variations = NoiseVariation.Parse(${JSON.stringify(variations)}), ` : ''}`
          + `${samplingOptions(samplingBody(this.model, this.drawn))} });`);
  }
}

/** The fields that say what to draw. */
function promptFields(model, few) {
  if (model.asked_in_words) return [
    {
      name: 'prompt', label: 'Prompt', kind: 'text', value: model.examples?.learned[0] ?? 'a red heart',
      hint: 'what to draw, in words',
    },
    {
      name: 'negative', label: 'Negative prompt', kind: 'text', value: '',
      hint: 'what guidance goes away from, in words; nothing where it is empty',
    },
  ];
  const { class_names: names } = model;
  return [{
    name: 'prompt', label: 'Prompt', kind: 'text', value: few ? EVERY : names[0],
    hint: few
      ? `a class by its name or number, as “${names.at(-3) ?? names[0]}”, or “${EVERY}”`
      : `one of ${names.length} classes, by its name or number`,
  }];
}

const caption = (sampler, steps, evaluations) =>
    `${sampler}: ${plural(steps, 'step')}, `
      + (evaluations === undefined ? 'its own number of evaluations' : plural(evaluations, 'evaluation'));
