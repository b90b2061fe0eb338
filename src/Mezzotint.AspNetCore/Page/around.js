// What lies around the chosen image: the training images that are nearest to it, and eight neighbours of its noise.
import { post } from './api.js';
import { Latest, Pixels, slider } from './figures.js';
import { samplingBody } from './controls.js';
import { addressOf, announce, el, figure, plural } from './page.js';

const NEAREST = 4, NEIGHBOURS = 8, SHARE = 0.2;
const FAR = 1_000_000; // from the seed of the image to those that its neighbours lead to
const SEEDS = 2 ** 32;

/** Steps with the seed of the last one counted on. */
export function shifted(variations, by) {
  const steps = variations.split(',').map((step) => step.trim());
  const [seed, share] = steps.at(-1).split(':');
  return [...steps.slice(0, -1), `${Number(seed) + by}:${share}`].join(',');
}

export class Around {
  /** @param {Draw} draw the view, whose chosen image this is about */
  constructor(draw) {
    Object.assign(this, { draw, model: draw.model, turn: 0 });
    const failed = (place) => (error) => {
      place.replaceChildren(el('p', { className: 'hint', role: 'alert' }, error.message));
    };
    this.near = el('div', { className: 'pictures', 'aria-live': 'polite' });
    this.nearest = new Latest(failed(this.near));
    this.grid = el('div', { className: 'neighbours', role: 'group', 'aria-label': 'Neighbours' });
    this.neighbours = new Latest(failed(this.grid));
    this.share = slider({
      name: 'share', label: 'Distance', min: 0.02, max: 1, step: 0.02, value: SHARE, tell: (value) => figure(value),
      changed: () => this.#vary(),
    });
    const part = (name, words, ...inside) => el(
        'details', { className: 'around', 'data-part': name, ontoggle: () => this.#refresh() }, el('summary', {}, words),
        ...inside);
    this.parts = {
      nearest: part('nearest', 'Nearest training images', this.near),
      neighbours: part('neighbours', 'Variations', this.share.element, this.grid,
        el('button', { type: 'button', onclick: () => { this.turn++; this.#vary(); } }, 'Other directions')),
    };
    this.element = el('div', { className: 'idle' }, ...Object.values(this.parts));
  }

  enable(enabled) { this.element.classList.toggle('idle', !enabled); }

  /** The image that is chosen, and what is seen of it. */
  tell(tile, frame) {
    const key = tile.done ? frame.src : null;
    if (key === this.key) return;
    Object.assign(this, { tile, frame, key });
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.#refresh(), 200); // not at every step of a scrub
  }

  #refresh() {
    if (!this.key) return;
    if (this.parts.nearest.open && this.sought !== this.key) this.#seek();
    if (this.parts.neighbours.open && this.varied !== this.tile) this.#vary();
  }

  #seek() {
    const { key } = this;
    this.sought = key;
    this.nearest.run(async (signal) => {
      const told = await post('api/nearest', { model: this.model.id, image: key.split(',')[1], n: NEAREST }, signal);
      this.near.replaceChildren(...told.nearest.map(({ index, label, distance, image }) => {
        const made = new Pixels(this.model, `near-${index}`, `${label ? `${label}, ` : ''}${figure(distance)}`, 60);
        made.show(image, `Training image ${index}${label ? `, a ${label}` : ''}, at distance ${figure(distance)}`);
        return made.element;
      }), el('p', { className: 'hint' },
        `The nearest of ${told.whole ? '' : 'the first '}${plural(told.images, 'training image')} of ${told.data}, by distance `
          + `in pixels${told.typical ? `; half of its test images lie within ${figure(told.typical)} of one` : ''}.`));
    });
  }

  /** The ways to eight noises around that of the image. */
  get #ways() {
    const before = this.tile.varied ? `${this.tile.varied},` : '';
    const depth = before.split(',').length;
    const seed = (Number(this.tile.seed) + depth * FAR + this.turn * NEIGHBOURS) % (SEEDS - NEIGHBOURS);
    return Array.from({ length: NEIGHBOURS }, (_, i) => `${before}${seed + i}:${this.share.input.value}`);
  }

  #vary() {
    if (!this.key) return;
    const { tile } = this;
    this.varied = tile;
    this.neighbours.run(async (signal) => {
      const ways = this.#ways;
      const { drawn } = this.draw;
      const told = await post('v1/images/generations', {
        prompt: tile.name, n: NEIGHBOURS, variations: ways[0], ...(drawn.negative ? { negative_prompt: drawn.negative } : {}),
        ...samplingBody(this.model, { ...drawn, seed: tile.seed }),
      }, signal);
      const scale = Math.max(1, Math.floor(88 / this.model.width));
      const picture = (src, alt) => {
        const image = el('img', { src, alt, draggable: false });
        image.style.width = `${scale * this.model.width}px`;
        image.style.height = `${scale * this.model.height}px`;
        return image;
      };
      const cells = told.data.map((one, i) => el(
          'button', { type: 'button', className: 'tile', onclick: () => this.#take(tile, ways[i]) },
          picture(addressOf(one.b64_json), `Variation ${i + 1} of ${NEIGHBOURS}`)));
      cells.splice(NEIGHBOURS / 2, 0, el('span', {}, picture(tile.frames.at(-1).src, 'The image itself'))); // in the middle
      this.grid.replaceChildren(...cells);
      announce(`${NEIGHBOURS} variations at distance ${figure(Number(this.share.input.value))}.`);
    });
  }

  /** A neighbour becomes the chosen image. */
  #take(tile, variations) {
    const { controls } = this.draw;
    for (const [name, value] of Object.entries({ prompt: tile.name, seed: tile.seed, count: 1, variations }))
      controls.put(name, value);
    for (const box of this.draw.boxes) box.checked = false;
    controls.submit();
  }
}
