// A distribution in the plane as a drawing: its density, its score as arrows, and the ways that lead to it.
import { el } from './page.js';

const SIDE = 480;
export const EXTENT = 2; // the plane is seen from -2 to 2, both ways

export const SHAPES = [
  { value: 'moons', label: 'two moons' }, { value: 'spiral', label: 'a spiral' }, { value: 'two', label: 'two points' },
];

/** The plane as a drawing: y upwards, the centre in the middle. */
export class Plane {
  constructor() {
    this.element = el('canvas', {
      width: SIDE * 2, height: SIDE * 2, className: 'plane', tabIndex: 0, role: 'img',
      'aria-label': 'The plane. Arrow keys move the place, Enter follows the field from it.',
    });
    this.pen = this.element.getContext('2d');
  }

  /** A point of the page in the coordinates of the plane. */
  at(event) {
    const box = this.element.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width * 2 - 1) * EXTENT, y: (1 - (event.clientY - box.top) / box.height * 2) * EXTENT,
    };
  }

  #x(x) { return (x / EXTENT + 1) * SIDE; }

  #y(y) { return (1 - y / EXTENT) * SIDE; }

  colour(name) { return getComputedStyle(this.element).getPropertyValue(`--${name}`).trim(); }

  clear() {
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
    this.pen.globalAlpha = 1;
    this.pen.clearRect(0, 0, 2 * SIDE, 2 * SIDE);
  }

  density({ grid, log_density: log }) {
    const most = Math.max(...log);
    const side = 2 * SIDE / grid;
    this.pen.fillStyle = this.colour('copper');
    log.forEach((value, i) => {
      this.pen.globalAlpha = 0.45 * Math.exp(value - most);
      this.pen.fillRect((i % grid) * side, 2 * SIDE - (Math.floor(i / grid) + 1) * side, side + 0.5, side + 0.5);
    });
    this.pen.globalAlpha = 1;
  }

  arrows({ grid, score }) {
    const side = 2 * EXTENT / grid;
    this.pen.strokeStyle = this.colour('soft');
    this.pen.lineWidth = 2;
    for (let i = 0; i < grid * grid; i++) {
      const [sx, sy] = [score[2 * i], score[2 * i + 1]];
      const long = Math.hypot(sx, sy);
      if (long === 0) continue;
      const reach = 0.45 * side * long / (long + 2); // long ones are cut short: the direction is what is to be seen
      const [x, y] = [-EXTENT + ((i % grid) + 0.5) * side, -EXTENT + (Math.floor(i / grid) + 0.5) * side];
      const [dx, dy] = [sx / long, sy / long];
      this.#line([[x - reach * dx, y - reach * dy], [x + reach * dx, y + reach * dy]]);
      this.#line([
        [x + reach * (dx - 0.6 * (dx + dy)), y + reach * (dy - 0.6 * (dy - dx))], [x + reach * dx, y + reach * dy],
        [x + reach * (dx - 0.6 * (dx - dy)), y + reach * (dy - 0.6 * (dy + dx))],
      ]);
    }
  }

  dots(flat, radius, colour) {
    this.pen.fillStyle = this.colour(colour);
    for (let i = 0; i < flat.length; i += 2) {
      this.pen.beginPath();
      this.pen.arc(this.#x(flat[i]), this.#y(flat[i + 1]), radius, 0, 2 * Math.PI);
      this.pen.fill();
    }
  }

  path(points, { colour = 'ink', dash = [], dots = true } = {}) {
    this.pen.strokeStyle = this.colour(colour);
    this.pen.lineWidth = 3;
    this.pen.setLineDash(dash);
    this.#line(points);
    this.pen.setLineDash([]);
    if (dots) this.dots(points.flat(), 6, colour);
  }

  cross({ x, y }) {
    this.pen.strokeStyle = this.colour('ink');
    this.pen.lineWidth = 3;
    const r = 0.07;
    this.#line([[x - r, y], [x + r, y]]);
    this.#line([[x, y - r], [x, y + r]]);
  }

  #line(points) {
    this.pen.beginPath();
    points.forEach(([x, y], i) => (i ? this.pen.lineTo(this.#x(x), this.#y(y)) : this.pen.moveTo(this.#x(x), this.#y(y))));
    this.pen.stroke();
  }
}
