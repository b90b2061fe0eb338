// The plate: images in a grid, each with its running estimates; a slider and a filmstrip lead through the steps.
import { addressOf, el, figure } from './page.js';

const THUMBS = 24; // more of them are too small to see
const GAP = 8, CAPTION = 28, LARGE = 448;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

export class Plate {
  /**
   * @param {object} model the served model
   * @param {{ chosen?: (tile: object) => void, moved?: () => void, told?: (tile: object) => void,
   *   filled?: (filled: boolean) => void }} events `filled` tells whether there is an image
   * @param {number} [largest] the most pixels of the screen that an image is wide; without it a large screen has larger ones
   */
  constructor(model, events = {}, largest = undefined) {
    Object.assign(this, { model, events, largest, groups: [], tiles: [], selected: null, at: null, steps: 1, coming: null });
    this.status = el('p', { className: 'status' });
    this.grid = el('div', { className: 'grid', role: 'group', 'aria-label': 'Images' });
    this.slider = el('input', {
      type: 'range', id: 'scrub', min: 1, max: 1, step: 1, value: 1, 'aria-label': 'Step',
      oninput: () => this.move(Number(this.slider.value)),
    });
    this.where = el('output', { className: 'where', for: 'scrub' });
    this.strip = el('div', { className: 'strip', 'aria-hidden': 'true' });
    this.scrub = el(
        'div', { className: 'scrub idle' },
        el('div', { className: 'line' }, el('label', { for: 'scrub' }, 'Step'), this.slider, this.where), this.strip);
    this.element = el(
      'section', { className: 'plate', id: 'plate', 'aria-label': 'The plate' }, this.status, this.grid, this.scrub);
    new ResizeObserver(() => this.fit()).observe(this.grid);
  }

  /**
   * Clears the plate for new images.
   * @param {{ caption?: string, images: { name: string, seed: number }[] }[]} groups
   */
  begin(groups) {
    this.past = this.#state();
    this.coming = null;
    this.grid.replaceChildren();
    this.strip.replaceChildren();
    Object.assign(this, { tiles: [], selected: null, chosen: false, at: null, steps: 1 });
    this.groups = groups.map((group) => {
      const tiles = group.images.map((image) => this.#tile(image));
      this.tiles.push(...tiles);
      const caption = el('h2', {}, group.caption ?? '');
      const element = el(
        'div', { className: 'group' }, group.caption ? caption : null,
        el('div', { className: 'tiles' }, ...tiles.map((tile) => tile.element)));
      this.grid.append(element);
      return { ...group, tiles, heading: caption };
    });
    this.#tellFilled();
    this.fit();
  }

  /** The slider and the strip keep their place while there is nothing to lead through: what lies below does not move. */
  #tellFilled() {
    const filled = this.tiles.some((tile) => tile.frames.length);
    this.scrub.classList.toggle('idle', !filled || this.steps < 2);
    this.events.filled?.(filled);
  }

  /** Puts back what was there before, where nothing has come of what was to replace it. */
  restore() {
    if (this.coming) this.coming = null; // it is back already
    else if (this.past && !this.tiles.some((tile) => tile.frames.length)) this.#lay(this.past);
  }

  /** Shows what was there before for as long as nothing has come of what is to replace it. */
  recall() {
    const begun = ({ tiles }) => tiles.some((tile) => tile.frames.length);
    if (this.coming || !this.past || !begun(this.past) || begun(this)) return;
    this.coming = this.#state();
    this.#lay(this.past);
  }

  #state() {
    const { groups, tiles, selected, chosen, at, steps } = this;
    return {
      groups, tiles, selected, chosen, at, steps, elements: [...this.grid.children], thumbs: [...this.strip.children],
    };
  }

  #lay({ elements, thumbs, ...state }) {
    Object.assign(this, state);
    this.grid.replaceChildren(...elements);
    this.strip.replaceChildren(...thumbs);
    this.slider.max = this.steps;
    this.#tellFilled();
    this.#tellWhere();
    this.fit();
  }

  #tile({ name, seed, varied }) {
    const image = el('img', { alt: `${name}, seed ${seed}, not begun`, draggable: false });
    const veil = el('canvas', { className: 'veil', hidden: true });
    const caption = el('span', {}, `${name} · `, el('i', {}, varied ? 'varied ' : 'seed '), seed);
    const tile = { name, seed, varied, frames: [], expected: 1, done: false, image, caption, veil };
    tile.element = el(
      'button', { type: 'button', className: 'tile', 'aria-pressed': 'false', onclick: () => this.choose(tile) }, image, veil,
        caption);
    return tile;
  }

  /** Adds what an event of a stream tells about an image. */
  add(tile, event, expected) {
    if (this.coming) {
      this.#lay(this.coming);
      this.coming = null;
    }
    // A stream that was taken up again tells once more what is known.
    if (tile.frames.some((frame) => frame.step === event.step)) return;
    tile.expected = expected;
    tile.steps = event.steps;
    tile.evaluations = event.evaluations ?? tile.evaluations;
    tile.done ||= event.type.endsWith('.completed');
    const noisy = event.noisy_b64_json;
    tile.frames.push({
      step: event.step, sigma: event.sigma, src: addressOf(event.b64_json), noisy: noisy && addressOf(noisy),
    });
    if (event.steps > this.steps) {
      this.steps = event.steps;
      this.slider.max = this.steps;
    }
    this.#show(tile);
    // Until somebody chooses, the first of those that have come is the chosen one.
    if (this.selected === null || !this.chosen && this.tiles.indexOf(tile) < this.tiles.indexOf(this.selected)) {
      this.#select(tile);
    } else if (tile === this.selected) {
      this.#thumb(tile, tile.frames.length - 1);
      this.#tellWhere();
    }
    this.#tellFilled();
  }

  /** Shows an image's strip and facts. */
  choose(tile) {
    this.chosen = true;
    this.#select(tile);
    this.events.chosen?.(tile);
    this.events.moved?.();
  }

  chooseNext(by) {
    const next = this.tiles[this.tiles.indexOf(this.selected) + by];
    if (!next) return;
    this.choose(next);
    next.element.focus();
  }

  #select(tile) {
    this.selected?.element.setAttribute('aria-pressed', 'false');
    this.selected = tile;
    tile.element.setAttribute('aria-pressed', 'true');
    this.strip.replaceChildren();
    tile.frames.forEach((_, i) => this.#thumb(tile, i));
    this.#tellWhere();
  }

  /** To a step of the longest walk; the last one is the images themselves. */
  move(step) {
    this.at = step >= this.steps ? null : Math.max(1, step);
    this.tiles.forEach((tile) => this.#show(tile));
    this.#tellWhere();
    this.events.moved?.();
  }

  moveBy(steps) { if (this.steps > 1) this.move((this.at ?? this.steps) + steps); }

  /** The estimate that is seen of an image. */
  frame(tile) {
    if (this.at === null) return tile.frames.at(-1);
    const step = Math.max(1, Math.round((this.at / this.steps) * (tile.steps ?? 1)));
    return tile.frames.findLast((frame) => frame.step <= step) ?? tile.frames[0];
  }

  /** Lays over each tile the noise that its image starts from: it clears as the steps come.
   * @param {HTMLImageElement} strip the noise of seeds, one below the other @param {number} first the first of the seeds
   * @param {number} count how many */
  veil(strip, first, count) {
    const height = strip.height / count;
    for (const tile of this.coming?.tiles ?? this.tiles) {
      const at = tile.seed - first;
      if (tile.done || at < 0 || at >= count) continue;
      [tile.veil.width, tile.veil.height] = [strip.width, height];
      tile.veil.getContext('2d').drawImage(strip, 0, at * height, strip.width, height, 0, 0, strip.width, height);
      tile.veil.hidden = false;
      this.#clear(tile);
    }
  }

  /** Noise of a level has this share of a picture that is as wide as the data; with less motion in four steps. */
  #clear(tile) {
    const last = tile.frames.at(-1);
    if (tile.done || this.at !== null) {
      tile.veil.hidden = true;
      return;
    }
    const share = last ? last.sigma / Math.hypot(1, last.sigma) : 1;
    tile.veil.style.opacity = calm.matches ? Math.ceil(share * 4) / 4 : share;
  }

  #show(tile) {
    const frame = this.frame(tile);
    if (!frame) return;
    this.#clear(tile);
    tile.image.src = frame.src;
    tile.image.alt = this.describe(tile);
  }

  /** As "7, seed 42, step 12 of 20". */
  describe(tile) {
    const frame = this.frame(tile);
    if (!frame) return `${tile.name}, seed ${tile.seed}, not begun`;
    return tile.done && frame.step === tile.steps
      ? `${tile.name}, seed ${tile.seed}`
      : `${tile.name}, seed ${tile.seed}, step ${frame.step} of ${tile.steps}`;
  }

  #tellWhere() {
    const frame = this.selected && this.frame(this.selected);
    if (!frame) return;
    this.slider.value = this.at
      ?? (this.selected.done ? this.steps : Math.round((frame.step / this.selected.steps) * this.steps));
    this.where.textContent = `${frame.step} of ${this.selected.steps}, level ${figure(frame.sigma)}`;
    this.slider.setAttribute('aria-valuetext', `step ${frame.step} of ${this.selected.steps}`);
    for (const thumb of this.strip.children) thumb.classList.toggle('here', Number(thumb.dataset.step) === frame.step);
    this.events.told?.(this.selected);
  }

  #thumb(tile, index) {
    const stride = Math.ceil(tile.expected / THUMBS);
    const frame = tile.frames[index];
    if (index % stride !== 0 && frame.step !== tile.steps) return;
    this.strip.append(el('button', {
      type: 'button', tabIndex: -1, 'data-step': frame.step,
      onclick: () => this.move(Math.round((frame.step / tile.steps) * this.steps)),
    }, el('img', { src: frame.src, alt: '', draggable: false })));
  }

  /** The largest whole factor at which all images are seen at once. */
  fit() {
    const { width, height } = this.model;
    const room = this.grid.clientWidth;
    if (!room || !this.tiles.length) return;
    const tall = Math.max(240, window.innerHeight - (window.innerWidth < 800 ? 340 : 300));
    let scale = Math.max(1, Math.floor(Math.min(this.largest ?? Math.max(LARGE, 0.35 * window.innerHeight), room - 4) / width));
    const fits = (factor) => {
      const columns = Math.max(1, Math.floor((room + GAP) / (width * factor + 4 + GAP)));
      const rows = this.groups.reduce((sum, group) => sum + Math.ceil(group.images.length / columns), 0);
      return rows * (height * factor + 4 + CAPTION + GAP) + this.groups.filter((group) => group.caption).length * 32 <= tall;
    };
    while (scale > Math.max(1, Math.ceil(48 / width)) && !fits(scale)) scale--;
    this.scale = scale;
    this.grid.style.setProperty('--w', `${width * scale}px`);
    this.grid.style.setProperty('--h', `${height * scale}px`);
    this.grid.classList.toggle('small', width * scale < 112);
    this.grid.classList.toggle('tiny', width * scale < 56);
  }

  /** The share of all steps that has been walked. */
  get progress() {
    if (this.coming) return 0;
    const part = (tile) => (tile.done ? 1 : (tile.frames.at(-1)?.step ?? 0) / (tile.steps ?? 1));
    return this.tiles.reduce((sum, tile) => sum + part(tile), 0) / Math.max(1, this.tiles.length);
  }
}
