// Train: the trainings of the runs folder, live while `mezzotint train` writes them.
import { get, pause, picture } from './api.js';
import { chart, figure } from './chart.js';
import { Overlay } from './overlay.js';
import { Starting } from './starting.js';
import { address, announce, el, plural, seconds } from './page.js';

const EVERY = 2000; // milliseconds

export class Train {
  constructor({ model }) {
    this.starting = new Starting();
    this.data = el('details', { className: 'data', ontoggle: async () => {
      if (!this.data.open) return;
      const { DataBrowser } = await import('./data.js');
      if (!this.browser) this.data.append((this.browser = new DataBrowser(model)).element);
      this.browser.show();
    } }, el('summary', {}, `The data of ${model.id}`));
    this.list = el('ul', { className: 'runs' });
    this.error = el('p', { className: 'error', role: 'alert' });
    this.title = el('h2', {});
    this.facts = el('p', { className: 'about' });
    this.charts = el('div', { className: 'charts' });
    this.grid = el('img', { className: 'sample', alt: '', hidden: true });
    this.slider = el('input', {
      type: 'range', id: 'sample', min: 0, max: 0, value: 0,
      oninput: () => {
        this.pinned = Number(this.slider.value) < Number(this.slider.max);
        this.#show();
      },
    });
    this.where = el('output', { className: 'where', for: 'sample' });
    this.samples = el(
      'div', { hidden: true }, this.grid,
      el('div', { className: 'line' }, el('label', { for: 'sample' }, 'Samples'), this.slider, this.where));
    this.text = el('pre', {});
    this.configuration = el('details', { hidden: true }, el('summary', {}, 'Configuration'), this.text);
    this.overlay = new Overlay((values) => address.put('train', { name: this.name, ...values }));
    this.run = el(
      'section', { className: 'run', 'aria-label': 'The training' }, this.title, this.facts, this.starting.beside, this.charts,
      this.overlay.element, this.samples, this.configuration);
    this.element = el(
      'div', { className: 'view' },
      el('nav', { className: 'controls runlist', 'aria-label': 'Trainings' }, this.list, this.error,
        this.starting.element), el('div', {}, this.run, el('section', { className: 'run', 'aria-label': 'Data' }, this.data)));
    this.pictures = new Map();
  }

  async show(values) {
    this.stopping?.abort();
    const stopping = this.stopping = new AbortController();
    this.asked = values;
    if (this.name !== values.name) {
      Object.assign(this, { name: values.name, files: [], known: '', pinned: false });
      this.pictures.forEach((inside) => URL.revokeObjectURL(inside));
      this.pictures.clear();
    }
    while (!stopping.signal.aborted) {
      try {
        await this.#tell(stopping.signal);
        this.error.textContent = '';
      } catch (error) {
        if (error.name === 'AbortError') return;
        this.error.textContent = error.message;
        if (error.status === 404) { // the run has gone, or never was
          this.run.hidden = true;
          return;
        }
      }
      await pause(EVERY, stopping.signal).catch(() => {});
    }
  }

  leave() { this.stopping?.abort(); }

  async #tell(signal) {
    const { runs } = await get('api/runs', signal);
    this.name ??= [...runs].sort((a, b) => b.updated - a.updated)[0]?.name;
    const link = (run) => el('a', {
      href: address.of('train', { name: run.name }), 'aria-current': run.name === this.name ? 'true' : null,
    }, run.name);
    this.list.replaceChildren(
      ...runs.map((run) => el('li', {}, link(run), el('span', { className: 'hint' }, summary(run)))));
    this.run.hidden = !this.name;
    const listed = runs.find((run) => run.name === this.name);
    await this.starting.tell(listed, this.name, signal);
    if (!listed && this.starting.own) { // it was begun from here, and has no log yet
      this.title.textContent = this.name;
      this.facts.textContent = this.starting.own.running ? 'It begins.' : 'It has ended before its first line.';
      this.charts.replaceChildren();
      return;
    }
    if (!runs.length && !this.name) {
      this.list.replaceChildren(el('li', { className: 'hint' }, 'There are no trainings yet: mezzotint train writes them into '
        + 'the folder runs, and mezzotint serve --runs FOLDER shows another.'));
      return;
    }
    const known = JSON.stringify(runs.find((run) => run.name === this.name) ?? null);
    if (known === this.known && known !== 'null') return; // nothing new
    const run = await get(`api/runs/${encodeURIComponent(this.name)}`, signal);
    this.known = known;
    this.#draw(run);
    this.overlay.show(runs.map((each) => each.name), this.name, this.asked);
    this.asked = {};
  }

  #draw({ run, curve, epochs, samples, configuration }) {
    this.title.textContent = run.name;
    this.facts.textContent = [
      `${plural(run.step, 'step')}, epoch ${figure(run.epoch)}`, `training loss ${figure(run.train_loss)}`,
      run.eval_loss === undefined ? null : `test loss ${figure(run.eval_loss)}`,
      `${figure(run.images_per_second)} images/s`, `${seconds(run.seconds)} of training`,
    ].filter(Boolean).join(', ') + `; ${STATES[run.state]}.`;
    const losses = [...curve.train_loss, ...epochs.map((epoch) => epoch.eval_loss)];
    this.charts.replaceChildren(
      el('figure', {}, el('figcaption', {}, 'Loss'), chart([
        { name: 'training', x: curve.step, y: curve.train_loss },
        { name: 'test', x: epochs.map((epoch) => epoch.step), y: epochs.map((epoch) => epoch.eval_loss), dots: true },
      ], { label: 'Loss over steps', x: 'steps', log: losses.length > 0 && Math.min(...losses) > 0 })),
      el('figure', {}, el('figcaption', {}, 'Speed'), chart(
        [{ name: 'images/s', x: curve.step, y: curve.images_per_second }], { label: 'Images a second over steps', x: 'steps' })));
    if (this.files?.length && samples.length > this.files.length) announce(`New samples: ${samples.at(-1)}.`);
    this.files = samples;
    this.samples.hidden = !samples.length;
    this.slider.max = samples.length - 1;
    if (!this.pinned) this.slider.value = samples.length - 1;
    this.#show();
    this.configuration.hidden = !configuration;
    this.text.textContent = configuration ?? '';
  }

  async #show() {
    const file = this.files[Number(this.slider.value)];
    if (!file) return;
    const words = file.replace(/\.png$/, '').replace('epoch-', 'epoch ').replace(/ 0+(?=\d)/, ' ');
    this.where.textContent = words;
    this.slider.setAttribute('aria-valuetext', words);
    try {
      if (!this.pictures.has(file))
        this.pictures.set(
          file, await picture(`api/runs/${encodeURIComponent(this.name)}/samples/${encodeURIComponent(file)}`));
    } catch (error) {
      this.error.textContent = error.message;
      return;
    }
    if (this.files[Number(this.slider.value)] !== file) return;
    this.grid.src = this.pictures.get(file);
    this.grid.alt = `Samples of ${this.name}, ${words}`;
    this.grid.hidden = false;
  }
}

const STATES = { training: 'it is training', stopped: 'it was stopped before its last epoch', finished: 'it is finished' };

const summary = (run) =>
    (run.step === 0 ? 'begins' : `epoch ${figure(run.epoch)}, loss ${figure(run.train_loss)}`) + `, ${run.state}`;
