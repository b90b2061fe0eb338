// Two pictures over each other: a wipe between them, a flicker, their difference, and how far they are apart.
import { canvas } from './images.js';
import { el, figure } from './page.js';

const SIDE = 336, BEAT = 500; // milliseconds a picture is seen: less than three a second, which nobody's eyes are hurt by

export class Wipe {
  /** @param {number} width @param {number} height of the pictures */
  constructor(width, height) {
    const scale = Math.max(1, Math.floor(SIDE / width));
    this.title = el('h2', {});
    this.drawn = canvas(width * scale, height * scale);
    this.drawn.setAttribute('role', 'img');
    const paint = () => this.#paint();
    this.at = el('input', { type: 'range', id: 'wipe', min: 0, max: 100, value: 50, oninput: paint });
    this.differ = el('input', { type: 'checkbox', id: 'differ', onchange: paint });
    this.flicker = el('button', { type: 'button', 'aria-pressed': 'false', onclick: () => this.#flicker(!this.beating) },
      'Flicker');
    this.told = el('output', { className: 'psnr' });
    this.element = el('section', { className: 'over', 'aria-label': 'Two pictures', hidden: true }, this.title, this.drawn,
      el('div', { className: 'line' }, el('label', { for: 'wipe' }, 'Wipe'), this.at,
        el('label', { for: 'differ' }, this.differ, ' difference'), this.flicker), this.told);
  }

  /** @param {HTMLImageElement} first at the left of the wipe @param {HTMLImageElement} second at its right
   * @param {string} words what they are */
  show(first, second, words) {
    Object.assign(this, { first, second });
    this.element.hidden = false;
    this.title.textContent = words;
    this.drawn.setAttribute('aria-label', words);
    this.told.textContent = psnr(first, second);
    this.#flicker(false);
  }

  hide() {
    this.#flicker(false);
    this.element.hidden = true;
  }

  #flicker(on) {
    clearInterval(this.beating);
    this.beating = 0;
    this.turn = 0;
    this.flicker.setAttribute('aria-pressed', String(on));
    if (on) this.beating = setInterval(() => { this.turn = 1 - this.turn; this.#paint(); }, BEAT);
    this.#paint();
  }

  #paint() {
    if (!this.first) return;
    const { drawn, first, second } = this;
    const pen = drawn.getContext('2d');
    pen.imageSmoothingEnabled = false;
    pen.globalCompositeOperation = 'source-over';
    pen.drawImage(first, 0, 0, drawn.width, drawn.height);
    if (this.differ.checked) pen.globalCompositeOperation = 'difference';
    const at = this.beating ? this.turn : this.differ.checked ? 0 : Number(this.at.value) / 100;
    if (at < 1) pen.drawImage(second, at * second.width, 0, (1 - at) * second.width, second.height, at * drawn.width, 0,
        (1 - at) * drawn.width, drawn.height);
  }
}

/** The peak signal-to-noise ratio of two pictures, in words. */
function psnr(first, second) {
  const [a, b] = [first, second].map((picture) => {
    const pen = canvas(picture.width, picture.height).getContext('2d', { willReadFrequently: true });
    pen.drawImage(picture, 0, 0);
    return pen.getImageData(0, 0, picture.width, picture.height).data;
  });
  if (a.length !== b.length) return 'of two sizes';
  let sum = 0;
  for (let i = 0; i < a.length; i++) if (i % 4 < 3) sum += (a[i] - b[i]) ** 2;
  return sum === 0 ? 'alike to the bit' : `PSNR ${figure(10 * Math.log10(255 ** 2 / (sum / (0.75 * a.length))))} dB`;
}
