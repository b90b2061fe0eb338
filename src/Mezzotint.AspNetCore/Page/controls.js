// A form of named fields: each with its default, its range and one line of what it does. Errors stand under their fields.
import { el } from './page.js';

export class Controls {
  /**
   * @param {object[]} fields name, label, hint, kind (text, number, range, choice), value, min, max, step, choices, folded
   * @param {{ go: (values: object) => void, stop: () => void, changed?: (values: object) => void }} events
   * @param {string} verb what the button says
   */
  constructor(fields, events, verb = 'Go') {
    this.fields = new Map();
    this.events = events;
    this.go = el('button', { type: 'submit', className: 'primary' }, verb);
    this.stop = el('button', { type: 'button', onclick: () => events.stop(), disabled: true }, 'Stop');
    this.drawer = el('button', {
      type: 'button', className: 'drawer', 'aria-expanded': 'false',
      onclick: () => this.open(!this.element.classList.contains('open')),
    }, 'Controls');
    this.error = el('p', { className: 'error', role: 'alert' });
    const open = fields.filter((field) => !field.folded).map((field) => this.#field(field));
    const folded = fields.filter((field) => field.folded).map((field) => this.#field(field));
    this.extra = el('div', { className: 'extra' });
    this.element = el(
        'form', { className: 'controls', noValidate: true, 'aria-label': 'Controls',
        onsubmit: (event) => { event.preventDefault(); this.submit(); } },
      el('div', { className: 'go' }, this.go, this.stop, this.drawer, this.error),
      el('div', { className: 'fields' }, ...open, this.extra,
        folded.length ? el('details', {}, el('summary', {}, 'More'), ...folded) : null));
    this.element.addEventListener('input', (event) => {
      this.error.textContent = '';
      const field = [...this.fields.values()].find((one) => one.input === event.target);
      // An error goes when its field is changed; what is out of range says so until it is in it.
      if (field?.error.textContent) this.#mark(field, wrong(field));
      events.changed?.(this.values());
    });
  }

  /** Draws, unless a number is not in its range: what can be told here is told here, in the words of the fields. */
  submit() {
    this.clear();
    if (this.#check()) this.events.go(this.values());
  }

  /** Tells what is wrong with the numbers; whether nothing is. */
  #check() {
    const bad = [...this.fields.values()].filter((field) => { this.#mark(field, wrong(field)); return field.error.textContent; });
    if (bad.length) this.#lead(bad[0]);
    return bad.length === 0;
  }

  #mark(field, text) {
    field.error.textContent = text;
    if (text) field.input.setAttribute('aria-invalid', 'true');
    else field.input.removeAttribute('aria-invalid');
  }

  /** To a field that is to be corrected. */
  #lead(field) {
    field.element.closest('details')?.setAttribute('open', '');
    this.open(true);
    field.input.focus();
  }

  #field(field) {
    const id = `field-${field.name}`;
    const input = field.kind === 'choice'
      ? el('select', { id }, ...field.choices.map((choice) => el('option', {
        value: choice.value ?? choice, textContent: choice.label ?? choice,
      })))
      : el('input', {
        id, type: field.kind, min: field.min, max: field.max, step: field.step, autocomplete: 'off', spellcheck: false,
      });
    input.value = field.value;
    const hint = el('p', { className: 'hint', id: `${id}-hint` }, field.hint);
    const error = el('p', { className: 'error', id: `${id}-error`, role: 'alert' });
    input.setAttribute('aria-describedby', `${hint.id} ${error.id}`);
    const told = field.kind === 'range' ? el('output', {}, field.value) : null;
    if (told) input.addEventListener('input', () => { told.textContent = input.value; });
    const element = el(
      'div', { className: `field ${field.kind}` }, el('label', { for: id }, field.label), told ?? field.beside ?? null, input,
      hint, error);
    this.fields.set(field.name, { ...field, input, hint, error, told, element });
    return element;
  }

  /** What the fields say; an empty one says its default. */
  values() {
    return Object.fromEntries(
      [...this.fields].map(
        ([name, field]) => [name, field.input.value.trim() === '' ? String(field.value) : field.input.value.trim()]));
  }

  /** Fills fields; those that are not named get their defaults. */
  set(values) {
    for (const [name, field] of this.fields) this.put(name, values[name] ?? field.value);
  }

  put(name, value) {
    const field = this.fields.get(name);
    field.input.value = value;
    if (field.told) field.told.textContent = value;
  }

  /** What a field's line says. */
  hint(name, text) { this.fields.get(name).hint.textContent = text; }

  /** Tells an error where it arose, by the names that the page has for the fields. */
  fail(error, names = {}) {
    const field = this.fields.get(names[error.param] ?? error.param);
    if (!field) {
      this.error.textContent = error.message;
      return;
    }
    this.#mark(field, named(error.message, error.param, field.label));
    this.#lead(field);
  }

  clear() {
    this.error.textContent = '';
    for (const field of this.fields.values()) this.#mark(field, '');
  }

  /** On narrow screens the fields lie in a drawer at the bottom. */
  open(open) {
    this.element.classList.toggle('open', open);
    this.drawer.setAttribute('aria-expanded', String(open));
  }

  busy(busy) {
    this.stop.disabled = !busy;
    this.element.setAttribute('aria-busy', String(busy));
    if (busy) this.open(false);
  }
}

/** What is wrong with the number in a field; empty where nothing is, or where only the server knows. */
function wrong({ kind, input, label, min, max, step }) {
  const text = input.value.trim();
  if (kind !== 'number' || (text === '' && !input.validity.badInput)) return '';
  const value = Number(text);
  const whole = step !== 'any';
  if (!input.validity.badInput && Number.isFinite(value) && value >= min && value <= max
      && (!whole || Number.isInteger(value))) return '';
  return `${label} must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}.`;
}

/** A message of the server, with the name that the page has for a parameter in place of its own: as “Seed” for 'seed', seed or
 * sampling.seed. */
function named(message, param, label) {
  const escaped = param.replaceAll(/[^a-z0-9_]/gi, '');
  return message.replaceAll(new RegExp(`'${escaped}'`, 'g'), `“${label}”`)
      .replace(new RegExp(`^(sampling\\.)?(${escaped}|guidance)(?= is )`), label);
}

/** The way that a model is best watched: its own where that is short, else a short one. */
export function defaultsOf(model) {
  const own = model.defaults;
  return own.steps <= 60 || !model.samplers.includes('dpmpp-2m') ? own
      : { ...own, sampler: 'dpmpp-2m', levels: 'karras', steps: 20 };
}

const NO_GUIDANCE = 1; // the weight at which the network is asked once

/** The fields that say how a model draws, for every view that draws. */
export function samplingFields(model, { steps = defaultsOf(model).steps } = {}) {
  const { sampler, levels, guidance = NO_GUIDANCE, classifier_guidance: classifier } = defaultsOf(model);
  const fields = [
    {
      name: 'sampler', label: 'Sampler', kind: 'choice', choices: model.samplers, value: sampler,
      hint: 'the solver that walks from noise to image',
    },
    {
      name: 'steps', label: 'Steps', kind: 'number', min: 1, max: model.limits.steps, value: steps,
      hint: 'evaluations of the network per image, for most samplers',
    },
    {
      name: 'seed', label: 'Seed', kind: 'number', min: 0, max: 4294967295, value: 0,
      hint: 'image i is drawn from seed + i alone',
    },
    {
      name: 'levels', label: 'Levels', kind: 'choice', choices: model.levels, value: levels,
      hint: 'how the levels of noise are spread over the steps', folded: true,
    },
  ];
  if (model.can_be_guided) {
    fields.splice(
        2, 0, { name: 'guidance', label: 'Guidance', kind: 'number', min: 0, max: 1000, step: 'any', value: guidance,
        hint: `how far away from images of ${model.asked_in_words ? 'the negative prompt' : 'no class'}: ${NO_GUIDANCE} is none, `
          + (guidance === NO_GUIDANCE ? '2 is strong' : `${guidance} is the model's own`) });
  }
  if (classifier !== undefined) {
    fields.push({
      name: 'classifier', label: 'Classifier guidance', kind: 'number', min: 0, max: 1000, step: 'any', value: classifier,
      hint: `how much the model's own classifier drives images to their label: 0 is not at all, ${classifier} the model's own`,
      folded: true });
  }
  return fields;
}

/** Those fields, as the server calls them. The model is named so that another one, on a server that has begun anew, does not draw
 * in its place. */
export function samplingBody(model, values) {
  const body =
      { model: model.id, seed: Number(values.seed), sampler: values.sampler, levels: values.levels, steps: Number(values.steps) };
  // What the field shows is what is used: left out, it would be the model's own, also where the field says none.
  if (model.can_be_guided) body.guidance_scale = Number(values.guidance);
  if (values.classifier !== undefined) body.classifier_guidance = Number(values.classifier);
  return body;
}

/** Those fields of a request as options in C#. */
export const samplingOptions = ({ seed, sampler, levels, steps, guidance_scale: guidance, classifier_guidance: classifier }) => [
  `Seed = ${seed}`, `Sampler = ${JSON.stringify(sampler)}`, `Levels = ${JSON.stringify(levels)}`, `Steps = ${steps}`,
      ...(guidance === undefined ? [] : [`GuidanceScale = ${guidance}`]),
      ...(classifier === undefined ? [] : [`ClassifierScale = ${classifier}`]),
].join(', ');

/** The server's names of fields, where the page's differ. */
export const fieldNames = {
  n: 'count', guidance_scale: 'guidance', classifier_guidance: 'classifier', label: 'prompt', negative_prompt: 'negative',
  interpolate_to: 'to', interpolate_to_prompt: 'toPrompt',
};
