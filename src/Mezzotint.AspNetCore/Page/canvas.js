// A canvas with pen, eraser and undo. What the eraser takes is not only dark: it is the region that the model draws anew.
import { canvas, fileOf } from './images.js';
import { el } from './page.js';

const UNDOS = 50;

export class PixelCanvas {
  /** @param {number} width @param {number} height of the model's images @param {() => void} changed */
  constructor(width, height, changed) {
    Object.assign(this, {
      width, height, changed, tool: 'pen', size: Math.max(2, Math.round(width / 12)), ink: '#ffffff',
      cursor: { x: width >> 1, y: height >> 1 }, past: [],
    });
    this.picture = canvas(width, height);
    this.pen = this.picture.getContext('2d', { willReadFrequently: true });
    this.pen.fillRect(0, 0, width, height);
    this.erased = new Uint8Array(width * height);
    this.scale = Math.max(1, Math.floor(Math.min(336, window.innerWidth - 32) / width));
    this.element = el('canvas', {
      width: width * this.scale, height: height * this.scale, tabIndex: 0, role: 'img', className: 'paint',
    });
    this.element.style.width = `${width * this.scale}px`;
    this.element.addEventListener('pointerdown', (event) => this.#down(event));
    this.element.addEventListener('pointermove', (event) => this.#moved(event));
    this.element.addEventListener('pointerup', () => { this.last = null; });
    this.element.addEventListener('pointercancel', () => { this.last = null; });
    this.element.addEventListener('focus', () => this.show());
    this.element.addEventListener('blur', () => this.show());
    this.show();
  }

  get isErased() { return this.erased.some((value) => value); }

  #down(event) {
    event.preventDefault();
    this.byKeys = false;
    this.element.focus();
    this.element.setPointerCapture(event.pointerId);
    this.remember();
    this.last = this.#at(event);
    this.dab(this.last);
  }

  #moved(event) {
    if (!this.last) return;
    const to = this.#at(event);
    const long = Math.max(1, Math.ceil(Math.hypot(to.x - this.last.x, to.y - this.last.y) * 2));
    for (let i = 1; i <= long; i++)
      this.dab(
        { x: this.last.x + (to.x - this.last.x) * i / long, y: this.last.y + (to.y - this.last.y) * i / long },
        i === long);
    this.last = to;
  }

  #at(event) {
    const box = this.element.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width * this.width, y: (event.clientY - box.top) / box.height * this.height };
  }

  /** One touch of the tool, in pixels of the picture. */
  dab({ x, y }, show = true) {
    const radius = this.size / 2;
    for (let row = Math.max(0, Math.floor(y - radius)); row < Math.min(this.height, y + radius); row++) {
      for (let column = Math.max(0, Math.floor(x - radius)); column < Math.min(this.width, x + radius); column++) {
        if (Math.hypot(column + 0.5 - x, row + 0.5 - y) > radius) continue;
        this.pen.fillStyle = this.tool === 'pen' ? this.ink : '#000000';
        this.pen.fillRect(column, row, 1, 1);
        this.erased[row * this.width + column] = this.tool === 'pen' ? 0 : 1;
      }
    }
    if (show) this.#done();
  }

  /** The keys of the canvas; whether it was one of them. */
  key(event) {
    const { cursor } = this;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (moves) {
      this.byKeys = true;
      cursor.x = Math.min(this.width - 1, Math.max(0, cursor.x + moves[0]));
      cursor.y = Math.min(this.height - 1, Math.max(0, cursor.y + moves[1]));
      if (event.shiftKey) this.dab({ x: cursor.x + 0.5, y: cursor.y + 0.5 });
      this.show();
      return true;
    }
    if (event.key !== ' ') return false;
    this.remember();
    this.dab({ x: cursor.x + 0.5, y: cursor.y + 0.5 });
    return true;
  }

  remember() {
    this.past.push({ pixels: this.pen.getImageData(0, 0, this.width, this.height), erased: this.erased.slice() });
    if (this.past.length > UNDOS) this.past.shift();
  }

  undo() {
    const before = this.past.pop();
    if (!before) return;
    this.pen.putImageData(before.pixels, 0, 0);
    this.erased = before.erased;
    this.#done();
  }

  clear() {
    this.remember();
    this.pen.fillStyle = '#000000';
    this.pen.fillRect(0, 0, this.width, this.height);
    this.erased.fill(0);
    this.#done();
  }

  /** Puts a picture on the canvas: as it is where it has the size, else fitted into it. */
  put(picture, mask = null) {
    this.remember();
    this.pen.fillStyle = '#000000';
    this.pen.fillRect(0, 0, this.width, this.height);
    const factor = Math.min(this.width / picture.width, this.height / picture.height);
    const [wide, high] = [picture.width * factor, picture.height * factor];
    this.pen.imageSmoothingQuality = 'high';
    this.pen.drawImage(picture, (this.width - wide) / 2, (this.height - high) / 2, wide, high);
    this.erased.fill(0);
    if (mask) {
      const read = canvas(this.width, this.height).getContext('2d');
      read.drawImage(mask, 0, 0);
      const { data } = read.getImageData(0, 0, this.width, this.height);
      this.erased = this.erased.map((_, i) => (data[4 * i] > 127 ? 1 : 0));
    }
    this.#done();
  }

  #done() {
    this.show();
    this.changed();
  }

  /** The picture, the erased region in copper hatching, and the cursor for those who draw with keys. */
  show() {
    const { scale } = this;
    const pen = this.element.getContext('2d');
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.picture, 0, 0, this.width * scale, this.height * scale);
    pen.fillStyle = '#d98a4e';
    for (let i = 0; i < this.erased.length; i++) {
      if (!this.erased[i]) continue;
      const [x, y] = [(i % this.width) * scale, Math.floor(i / this.width) * scale];
      for (let line = 0; line < scale; line++)
        if ((x + y + line) % 4 === 0)
          for (let k = 0; k < scale; k++) pen.fillRect(x + k, y + ((line + scale - k) % scale), 1, 1);
    }
    if (this.byKeys && document.activeElement === this.element) {
      pen.strokeStyle = '#b0602a';
      pen.lineWidth = 2;
      pen.strokeRect(
        (this.cursor.x + 0.5 - this.size / 2) * scale, (this.cursor.y + 0.5 - this.size / 2) * scale, this.size * scale,
        this.size * scale);
    }
    const erased = this.isErased ? `${this.erased.reduce((sum, value) => sum + value, 0)} pixels erased` : 'nothing erased';
    this.element.setAttribute(
      'aria-label', `Canvas of ${this.width} by ${this.height} pixels, ${this.tool}, ${erased}.`);
  }

  /** The picture as a file. */
  file() { return fileOf(this.picture); }

  /** The mask as a file, white where the model draws anew; null where nothing is erased. */
  async mask() {
    if (!this.isErased) return null;
    const drawn = canvas(this.width, this.height);
    const pen = drawn.getContext('2d');
    const image = pen.createImageData(this.width, this.height);
    this.erased.forEach((value, i) => image.data.set([255 * value, 255 * value, 255 * value, 255], 4 * i));
    pen.putImageData(image, 0, 0);
    return fileOf(drawn);
  }
}
