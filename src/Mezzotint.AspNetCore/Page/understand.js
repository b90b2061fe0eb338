// Understand: short stops, each one figure to handle, two sentences, an equation and where to read more.
import { address, el } from './page.js';
import { Noise } from './noise.js';

/** The stops in their order. Those that are not first are fetched when they are first opened. */
const STOPS = [
  { name: 'noise', title: 'Noise', load: async () => Noise },
  { name: 'schedule', title: 'Schedule', load: async () => (await import('./schedule.js')).Schedule },
  { name: 'field', title: 'Score field', load: async () => (await import('./field.js')).Field },
  { name: 'solvers', title: 'Solvers', load: async () => (await import('./solvers.js')).Solvers },
  { name: 'guidance', title: 'Guidance', load: async () => (await import('./guidance.js')).Guidance },
  { name: 'latents', title: 'Latents', load: async () => (await import('./latents.js')).Latents, for: (model) => model.latent },
  { name: 'words', title: 'Words', load: async () => (await import('./words.js')).Words, for: (model) => model.asked_in_words },
  { name: 'training', title: 'Training', load: async () => (await import('./learning.js')).Learning },
];

export class Understand {
  constructor(app) {
    this.app = app;
    this.stops = STOPS.filter((stop) => stop.for?.(app.model) ?? true);
    this.made = new Map();
    this.links = this.stops.map((stop, i) => el(
        'a', { href: address.of('understand', { stop: stop.name }), 'data-stop': stop.name },
        el('b', {}, i + 1), ` ${stop.title}`));
    this.place = el('div', { className: 'place' });
    this.back = el('a', { rel: 'prev' }, 'Back');
    this.on = el('a', { rel: 'next' }, 'Next');
    this.element = el('div', { className: 'view understand' },
      el('nav', { className: 'stops', 'aria-label': 'Stops' }, ...this.links),
      el('section', { className: 'stop', 'aria-label': 'The stop' }, this.place,
        el('p', { className: 'row turn' }, this.back, this.on)));
  }

  async show({ stop: name, ...values }) {
    const at = Math.max(0, this.stops.findIndex((stop) => stop.name === name));
    const stop = this.stops[at];
    if (!this.made.has(stop.name)) {
      const Stop = await stop.load();
      this.made.set(stop.name, new Stop(this.app, (changed) => address.put('understand', { stop: stop.name, ...changed })));
    }
    const next = this.made.get(stop.name);
    if (this.current !== next) {
      this.current?.leave?.();
      this.current = next;
      this.place.replaceChildren(next.element);
    }
    this.links.forEach((link, i) => {
      if (i === at) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    });
    this.#turn(this.back, this.stops[at - 1], 'Back');
    this.#turn(this.on, this.stops[at + 1], 'Next');
    document.title = `${stop.title} · Mezzotint`;
    next.show(values);
  }

  leave() { this.current?.leave?.(); }

  /** The digits lead to the stops. */
  key(event) {
    if (this.current?.key?.(event)) return true;
    const stop = this.stops[Number(event.key) - 1];
    if (!stop) return false;
    location.hash = address.of('understand', { stop: stop.name });
    return true;
  }

  #turn(link, stop, word) {
    link.hidden = !stop;
    if (!stop) return;
    link.href = address.of('understand', { stop: stop.name });
    link.textContent = `${word}: ${stop.title}`;
  }
}

