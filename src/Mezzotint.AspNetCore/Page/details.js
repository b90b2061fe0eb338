// The image that is chosen: what it was drawn from, its trajectory, and where one can go from it.
import { download, fileOf, grid } from './images.js';
import { address, addressOf, el, figure } from './page.js';

export class Details {
  constructor(plate, app) {
    this.plate = plate;
    this.app = app;
    this.text = el('p', { className: 'about' }, '\u00a0');
    this.element = el('div', { className: 'details idle' }, this.text,
      el('div', { className: 'row' },
        el('button', { type: 'button', onclick: () => this.#image() }, 'Download PNG'),
        el('button', { type: 'button', onclick: () => this.#trajectory() }, 'Download its steps'),
        el('button', { type: 'button', onclick: () => this.#repair() }, 'Repair it'),
        el('button', { type: 'button', onclick: () => this.#walk() }, 'Walk from it')));
    this.enable(false);
  }

  /** Whether there is an image that its buttons could take. */
  enable(enabled) { for (const button of this.element.querySelectorAll('button')) button.disabled = !enabled; }

  tell(tile) {
    const frame = this.plate.frame(tile);
    this.element.classList.remove('idle');
    const step = frame.step === tile.steps
      ? `drawn in ${tile.steps} steps`
      : `what the network takes for the image at step ${frame.step} of ${tile.steps}, at noise level ${figure(frame.sigma)}`;
    this.text.textContent = `${tile.name}, seed ${tile.seed}: ${step}.`;
  }

  get #tile() { return this.plate.selected; }

  #image() {
    const frame = this.plate.frame(this.#tile);
    download(
      frame.src, `${this.#tile.name}-${this.#tile.seed}${frame.step === this.#tile.steps ? '' : `-step-${frame.step}`}.png`);
  }

  async #trajectory() {
    const { frames, name, seed } = this.#tile;
    download(
      await fileOf(await grid(frames.map((frame) => frame.src), Math.min(frames.length, 10), 2)), `${name}-${seed}-steps.png`);
  }

  async #repair() {
    const src = this.plate.frame(this.#tile).src;
    (await this.app.view('repair')).take(src.slice(addressOf('').length), this.#tile.name);
    location.hash = address.of('repair', {});
  }

  #walk() { location.hash = address.of('walk', { prompt: this.#tile.name, seed: this.#tile.seed, to: this.#tile.seed + 1 }); }
}
