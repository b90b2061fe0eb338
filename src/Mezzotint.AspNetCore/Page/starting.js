// Trainings that are begun, resumed and stopped from the page, where the server allows it.
import { get, post } from './api.js';
import { address, announce, el, figure, plural, seconds } from './page.js';

const FOLDER = 'a folder of pictures';

export class Starting {
  constructor() {
    this.error = el('p', { className: 'error', role: 'alert' });
    const field = (name, label, made, hint) => {
      made.id = `new-${name}`;
      return el('p', { className: 'field', 'data-field': name }, el('label', { for: made.id }, label), made,
        hint ? el('span', { className: 'hint' }, hint) : null);
    };
    this.name = el('input', { type: 'text', autocomplete: 'off', spellcheck: false });
    this.template = el('select', { onchange: () => this.#fit() });
    this.data = el('input', { type: 'text', autocomplete: 'off', spellcheck: false });
    this.minutes = el('input', { type: 'number', min: 1, max: 100000, value: 60 });
    this.settings = el('textarea', { rows: 3, spellcheck: false });
    this.takes = el('p', { className: 'hint', role: 'status' });
    this.estimate = el('button', { type: 'button', onclick: () => this.#estimate() }, 'How long?');
    this.form = el('form', { className: 'new', onsubmit: (event) => { event.preventDefault(); this.#begin(); },
      oninput: () => { this.takes.textContent = ''; } }, // what is told is of these fields
      field('name', 'Name', this.name, 'of its folder'), field('template', 'From', this.template),
      field('data', 'Folder', this.data, 'on the server’s machine'), field('minutes', 'Minutes', this.minutes),
      field('settings', 'Settings', this.settings, 'a line each, as training.epochs=5'),
      el('p', { className: 'row' }, this.estimate, el('button', { className: 'primary' }, 'Begin')), this.takes, this.error);
    this.element = el('details', { hidden: true }, el('summary', {}, 'New training'), this.form);
    this.command = el('pre', { tabIndex: 0, 'aria-label': 'The command and what it says', hidden: true });
    this.stop = el('button', {
      type: 'button', hidden: true, onclick: () => this.#send(`/${encodeURIComponent(this.run)}/stop`, {}),
    }, 'Stop');
    this.resume = el(
        'button', { type: 'button', hidden: true, onclick: () => this.#send('', { name: this.run, resume: true }) }, 'Resume');
    this.failed = el('p', { className: 'error', role: 'alert' });
    this.beside = el('div', {}, el('div', { className: 'row' }, this.stop, this.resume), this.failed, this.command);
  }

  /** What can be done with a run.
   * @param {object|undefined} run as the list of runs has it @param {string|undefined} name its name,
   * also where it has no log yet */
  async tell(run, name, signal) {
    const told = await get('api/trainings', signal);
    this.element.hidden = !told.allowed;
    if (!told.allowed) return;
    const names = [...told.templates, FOLDER];
    if (this.template.options.length !== names.length)
      this.template.replaceChildren(...names.map((name) => el('option', { value: name, textContent: name })));
    this.#fit();
    this.run = name;
    const own = told.trainings.find(({ name }) => name === this.run);
    this.own = own;
    this.stop.hidden = !own?.running;
    this.resume.hidden = !run || run.state !== 'stopped' || Boolean(own?.running);
    this.command.hidden = !own;
    const text = own ? `${own.command}\n${own.output}${own.running ? '' : `\nended with ${own.exit_code}`}` : '';
    if (this.command.textContent !== text) this.command.textContent = text;
  }

  /** Minutes and a path are for a folder. */
  #fit() {
    for (const name of ['data', 'minutes'])
      this.form.querySelector(`[data-field=${name}]`).hidden = this.template.value !== FOLDER;
  }

  /** What is to be trained, as the server is asked. */
  get #what() {
    return {
      settings: this.settings.value || undefined,
      ...(this.template.value === FOLDER ? { data: this.data.value, minutes: Number(this.minutes.value) }
        : { template: this.template.value }),
    };
  }

  /** What the training would take, measured by a few steps. */
  async #estimate() {
    const asked = JSON.stringify(this.#what);
    this.error.textContent = '';
    this.takes.textContent = 'Measuring a few steps…';
    this.estimate.disabled = true;
    try {
      const told = await post('api/trainings/estimate', this.#what);
      if (JSON.stringify(this.#what) !== asked) return;
      this.takes.textContent = `About ${seconds(told.seconds)} and ${figure(told.memory_gigabytes)} GB of memory on this `
          + `machine: ${plural(told.epochs, 'epoch')} at ${figure(told.images_per_second)} images a second, `
          + `${plural(told.parameters, 'parameter')}.`;
    } catch (error) {
      this.takes.textContent = '';
      this.error.textContent = error.message;
      document.getElementById(`new-${error.param}`)?.focus();
    } finally {
      this.estimate.disabled = false;
    }
  }

  async #begin() {
    this.error.textContent = '';
    try {
      const { name } = await post('api/trainings', { name: this.name.value, ...this.#what });
      announce(`${name} has begun.`);
      this.element.open = false;
      location.hash = address.of('train', { name });
    } catch (error) {
      this.error.textContent = error.message;
      document.getElementById(`new-${error.param}`)?.focus();
    }
  }

  async #send(to, body) {
    this.failed.textContent = '';
    try {
      await post(`api/trainings${to}`, body);
    } catch (error) {
      this.failed.textContent = error.message;
    }
  }
}
