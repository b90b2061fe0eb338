// A chart of lines as an SVG: paper, ink, copper first. Its numbers are told to those who do not see it in a sentence.
const NS = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [480, 256, 48, 16, 12, 40];
const NAMES = 4; // in a row above the lines

function part(tag, attributes, text) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/**
 * @param {{ name: string, x: number[], y: number[], low?: number[], high?: number[], dots?: boolean }[]} series with the ends of
 *   intervals, where they are known
 * @param {{ label: string, x: string, log?: boolean, logX?: boolean, levels?: { at: number, name: string }[] }} how `levels` are
 *   lines across
 */
export function chart(series, how) {
  const drawn = series.filter((one) => one.x.length);
  const said = drawn.map((one) => `${one.name}: from ${figure(one.y[0])} to ${figure(one.y.at(-1))}`);
  const svg = part('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'chart', role: 'img', 'aria-label': `${how.label}. ${said.join('; ')}.`,
  });
  if (!drawn.length) return svg;
  const levels = (how.levels ?? []).filter(({ at }) => Number.isFinite(at));
  const all = (pick) => drawn.flatMap(pick).filter(Number.isFinite);
  const [x0, x1] = ends(all((one) => one.x), how.logX);
  const [y0, y1] = ends(
      all((one) => [...one.y, ...(one.low ?? []), ...(one.high ?? []), ...levels.map(({ at }) => at)]), how.log);
  const share = (log, from, to) => {
    const scaled = log ? Math.log : (value) => value;
    return (value) => (scaled(value) - scaled(from)) / (scaled(to) - scaled(from));
  };
  const [across, up] = [share(how.logX, x0, x1), share(how.log, y0, y1)];
  const rows = Math.ceil((drawn.length + levels.length) / NAMES); // names of lines above them
  const top = TOP + 16 * rows;
  const x = (value) => LEFT + (WIDTH - LEFT - RIGHT) * across(value);
  const y = (value) => HEIGHT - BOTTOM - (HEIGHT - top - BOTTOM) * up(value);
  for (const tick of how.log ? decades(y0, y1) : ticks(y0, y1)) {
    svg.append(
      part('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick), class: 'rule' }),
      part('text', { x: LEFT - 8, y: y(tick) + 4, 'text-anchor': 'end' }, figure(tick)));
  }
  for (const tick of how.logX ? decades(x0, x1) : ticks(x0, x1))
    svg.append(part('text', { x: x(tick), y: HEIGHT - BOTTOM + 18, 'text-anchor': 'middle' }, figure(tick)));
  svg.append(part('text', { x: WIDTH - RIGHT, y: HEIGHT - 6, 'text-anchor': 'end' }, how.x));
  for (const { at } of levels) svg.append(
    part('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y(at), y2: y(at), class: 'level' }));
  const legend = (i, look, name) => {
    const [at, row] = [LEFT + (i % NAMES) * 108, TOP + 16 * Math.floor(i / NAMES)];
    svg.append(
      part('line', { x1: at, x2: at + 20, y1: row, y2: row, class: look }), part('text', { x: at + 26, y: row + 4 }, name));
  };
  drawn.forEach((one, i) => {
    const points = one.x.map((value, k) => [x(value), y(one.y[k])]).filter((point) => point.every(Number.isFinite));
    svg.append(part('polyline', {
      points: points.map((point) => point.map((value) => value.toFixed(1)).join(',')).join(' '), class: `series s${i}`,
    }));
    if (one.dots || points.length === 1) for (const [cx, cy] of points) svg.append(
        part('circle', { cx, cy, r: 2.5, class: `dot s${i}` }));
    if (one.low) one.x.forEach((value, k) => {
      if (Number.isFinite(one.low[k]) && Number.isFinite(one.high[k])) svg.append(part('line', {
        x1: x(value), x2: x(value), y1: y(one.low[k]), y2: y(one.high[k]), class: `series s${i % 2} whole`,
      }));
    });
    legend(i, `series s${i}`, one.name);
  });
  levels.forEach(({ name }, i) => legend(drawn.length + i, 'named', name));
  return svg;
}

export const figure = (value) =>
  (Math.abs(value) >= 10000 ? `${Number((value / 1000).toPrecision(3))} k` : String(Number(value.toPrecision(3))));

function ends(values, log) {
  const low = Math.min(...values), high = Math.max(...values);
  if (log) return [low / 1.05, high * 1.3];
  const rest = (high - low || Math.abs(high) || 1) * 0.05;
  return low >= 0 ? [Math.max(0, low - rest), high + 2 * rest] : [low - rest, high + 2 * rest];
}

/** Four or so round numbers. */
function ticks(from, to) {
  const rough = (to - from) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) found.push(Number(tick.toPrecision(12)));
  return found;
}

/** 1, 2 and 5 of each power of ten; over many powers 1 alone. */
function decades(from, to) {
  const factors = to / from > 300 ? [1] : [1, 2, 5];
  const found = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power++)
    for (const factor of factors)
      if (factor * 10 ** power >= from && factor * 10 ** power <= to) found.push(factor * 10 ** power);
  return found.length > 1 ? found : ticks(from, to);
}
