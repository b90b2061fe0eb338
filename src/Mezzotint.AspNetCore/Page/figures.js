// What the stops of Understand are made of: their frame, sliders, pictures of pixels, readings, equations.
import { addressOf, el, figure } from './page.js';

/** A labelled slider with its value beside it.
 * @param {{ name: string, label: string, min: number, max: number, step?: number, value: number,
 *   tell?: (value: number) => string, changed: (value: number) => void }} how */
export function slider({ name, label, min, max, step = 1, value, tell = String, changed }) {
  const input = el('input', { type: 'range', id: `stop-${name}`, min, max, step, value });
  const told = el('output', { for: input.id }, tell(value));
  const say = () => {
    told.textContent = tell(Number(input.value));
    input.setAttribute('aria-valuetext', told.textContent);
  };
  say();
  input.addEventListener('input', () => { say(); changed(Number(input.value)); });
  const element = el('div', { className: 'knob' }, el('label', { for: input.id }, label), input, told);
  return {
    element, input,
    /** To another place; its value stands for it where the slider has none so exact. */
    set(next, exact = null) {
      input.value = next;
      say();
      if (exact !== null) told.textContent = String(exact);
    },
  };
}

/** A labelled choice. */
export function choice({ name, label, choices, value, changed }) {
  const input = el('select', { id: `stop-${name}` }, ...choices.map((each) => el('option', {
    value: each.value ?? each, textContent: each.label ?? each, selected: (each.value ?? each) === value,
  })));
  input.addEventListener('change', () => changed(input.value));
  return { element: el('div', { className: 'knob' }, el('label', { for: input.id }, label), input), input };
}

/** A labelled field for words. */
export function text({ name, label, value, changed }) {
  const input = el('input', { type: 'text', id: `stop-${name}`, value, autocomplete: 'off', spellcheck: false });
  input.addEventListener('change', () => changed(input.value));
  return { element: el('div', { className: 'knob wide' }, el('label', { for: input.id }, label), input), input };
}

/** What the model is told, as a choice of its classes or in words. */
export function asked(model, value, changed) {
  const classes = !model.asked_in_words && model.class_names.length <= 64;
  return (classes ? choice : text)({
    name: 'prompt', label: classes ? 'Class' : 'Prompt', choices: model.class_names, value: value ?? first(model), changed,
  });
}

/** How many noises are asked for at once: fewer of large pictures, each of which takes its time. */
export const noises = (model, most) => Math.max(
    1, Math.min(most, model.limits.n, Math.floor(most * 96 * 96 / (model.width * model.height))));

/** What the stops show where nothing is asked for. */
export const first = (model) => (model.asked_in_words ? model.examples?.learned[0] ?? 'a red heart'
    : model.class_names[Math.min(3, model.class_names.length - 1)]);

/** A level of noise by a slider of 0 to 100: evenly over its logarithm. */
export function levels(model) {
  const most = model.noise.most;
  const least = Math.max(model.noise.least, most / 40_000); // below that nothing is seen of it
  const inside = (level) => Math.min(most, Math.max(model.noise.least, level));
  return {
    of: (at) => inside(Number((least * (most / least) ** (at / 100)).toPrecision(4))),
    at: (level) => Math.round(100 * Math.log(level / least) / Math.log(most / least)),
  };
}

/** A picture of pixels with what it is below it. */
export class Pixels {
  constructor(model, name, words, wide = 144) {
    this.image = el('img', { alt: '', draggable: false, 'data-name': name, className: 'pixels' });
    const scale = Math.max(1, Math.floor(wide / model.width));
    this.image.style.width = `${model.width * scale}px`;
    this.image.style.height = `${model.height * scale}px`;
    this.words = words;
    this.reading = el('span', { className: 'reading' });
    this.element = el('figure', {}, this.image, el('figcaption', {}, words), this.reading);
  }

  show(base64, alt, shares, names) {
    this.image.src = addressOf(base64);
    this.image.alt = alt ?? this.words;
    this.reading.textContent = shares ? reads(shares, names) : '';
  }
}

/** As “7, 98 %”: the class that a classifier gives the largest share. */
export function reads(shares, names) {
  const best = shares.indexOf(Math.max(...shares));
  return `reads ${names[best]}, ${Math.round(100 * shares[best])} %`;
}

const MATH = 'http://www.w3.org/1998/Math/MathML';

/** An equation of letters with indices, as "x_t = α x_0 + σ z". */
export function equation(source, words) {
  const made = (tag, ...children) => {
    const element = document.createElementNS(MATH, tag);
    element.append(...children);
    if (tag === 'mo') element.setAttribute('stretchy', 'false');
    return element;
  };
  const letter = (token) => made(/^[\d.]+$/.test(token) ? 'mn' : /^[\p{L}∇²]+$/u.test(token) ? 'mi' : 'mo', token);
  const parts = source.split(' ').map((token) => {
    const [base, index] = token.split('_');
    return index ? made('msub', letter(base), letter(index)) : letter(token);
  });
  const math = made('math', made('mrow', ...parts));
  math.setAttribute('aria-label', words ?? source.replaceAll('_', ' '));
  return el('p', { className: 'equation' }, math);
}

/** Numbers by name, each of which a test and a reader can find. */
export class Numbers {
  constructor(...names) {
    this.values = new Map(names.map((name) => [name, el('dd', { 'data-number': name })]));
    this.element = el('dl', { className: 'numbers', 'aria-live': 'off' }, ...[...this.values].map(
        ([name, value]) => el('div', {}, el('dt', {}, name), value)));
  }

  tell(numbers) {
    for (const [name, number] of Object.entries(numbers)) {
      const value = this.values.get(name);
      value.textContent = typeof number === 'number' ? figure(number) : number;
      value.dataset.exact = number; // whole, where three figures are shown
    }
  }
}

/** Runs one piece of work at a time: what is asked for meanwhile waits, and only the latest of it is done. */
export class Latest {
  /** @param {(error: Error) => void} failed */
  constructor(failed) { Object.assign(this, { failed, running: null, next: null, stopping: null }); }

  run(work) {
    this.next = work;
    this.running ??= this.#go();
    return this.running;
  }

  /** Gives up what is under way. */
  stop() {
    this.next = null;
    this.stopping?.abort(new DOMException('stopped', 'AbortError'));
  }

  async #go() {
    while (this.next) {
      const work = this.next;
      this.next = null;
      this.stopping = new AbortController();
      try {
        await work(this.stopping.signal);
      } catch (error) {
        if (error.name !== 'AbortError') this.failed(error);
      }
    }
    this.running = null;
  }
}

/** What every stop has: its words, its figure, an equation, where to read more, and a place for what goes wrong. Its `values` are
 * what is on screen, and what the address tells; `compute` shows what they mean. */
export class Stop {
  /** @param {{ title: string, sentences: string[], equation: string, spoken: string, file: string, about: string }} what
   * @param {(values: object) => void} put tells the address what is on screen */
  constructor(app, put, what) {
    Object.assign(this, { app, model: app.model, put, knobs: new Map() });
    this.error = el('p', { className: 'error', role: 'alert' });
    this.latest = new Latest((error) => { this.error.textContent = error.message; });
    this.figure = el('div', { className: 'figure' });
    this.element = el('article', {},
      el('h2', {}, what.title), el('p', { className: 'lead' }, what.sentences.join(' ')), this.figure, this.error,
      equation(what.equation, what.spoken),
      el('p', { className: 'hint' }, `More in the chapter on ${what.about}, `, el('code', {}, `docs/${what.file}`), '.'));
  }

  /** A knob that changes one of the values, and follows it. */
  knob(name, made, follow = (value) => { made.input.value = value; }) {
    this.knobs.set(name, follow);
    return made.element;
  }

  /** The knob of what the model is told. */
  promptKnob() {
    return this.knob('prompt', asked(this.model, this.values.prompt, (prompt) => this.change({ prompt })));
  }

  /** The knob of the level of noise. */
  levelKnob() {
    const scale = levels(this.model);
    const made = slider({
      name: 'level', label: 'Level of noise', min: 0, max: 100, value: scale.at(this.values.level),
      tell: (at) => String(scale.of(at)), changed: (at) => this.change({ level: scale.of(at) }),
    });
    return this.knob('level', made, (level) => made.set(scale.at(level), level));
  }

  /** A button to the next seed. */
  next(words, name = 'seed') {
    return el('button', { type: 'button', onclick: () => this.change({ [name]: this.values[name] + 1 }) }, words);
  }

  /** Shows what the address asks for, and what is on screen where it says nothing. */
  show(asked) {
    if (!this.values) return;
    for (const [name, value] of Object.entries(this.values)) {
      if (asked[name] === undefined) continue;
      this.values[name] = typeof value === 'number' ? Number(asked[name]) : asked[name];
    }
    for (const [name, follow] of this.knobs) follow(this.values[name]);
    this.change({});
  }

  /** Changes values, tells the address and computes anew. */
  change(changed) {
    Object.assign(this.values, changed);
    this.put(this.values);
    this.draw((signal) => this.compute({ ...this.values }, signal));
  }

  /** Computes what is on screen, the latest of what was asked for. */
  draw(work) {
    this.element.setAttribute('aria-busy', 'true');
    this.error.textContent = '';
    return this.latest.run(work).finally(() => {
      if (!this.latest.running) this.element.setAttribute('aria-busy', 'false');
    });
  }

  leave() { this.latest.stop(); }
}
