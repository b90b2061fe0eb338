// Taking things along: the link, the grid as a file, the request for a shell and for C#.
import { KEY } from './api.js';
import { copy, download, fileOf, grid } from './images.js';
import { announce, el } from './page.js';

export class Share {
  /** @param {{ plate: Plate, name: () => string, curl: () => string, csharp: () => string }} of */
  constructor(of) {
    const copying = (words, text) => {
      const button = el('button', { type: 'button', onclick: async () => {
        await copy(text());
        button.textContent = 'Copied';
        announce(`${words}: copied.`);
        setTimeout(() => { button.textContent = words; }, 1500);
      } }, words);
      return button;
    };
    this.element = el('div', { className: 'row share' },
      copying('Copy link', () => location.href),
      el('button', {
        type: 'button', onclick: async () => download(await fileOf(await this.#grid(of.plate)), `${of.name()}.png`),
      }, 'Download grid'),
      copying('Copy as curl', of.curl),
      copying('Copy as C#', of.csharp));
    this.enable(false);
  }

  /** Another button, which waits for an image too. */
  add(words, press) { this.element.append(el('button', { type: 'button', disabled: true, onclick: press }, words)); }

  /** What needs an image waits for one; the link is always there. */
  enable(enabled) { for (const button of [...this.element.children].slice(1)) button.disabled = !enabled; }

  #grid(plate) {
    const seen = plate.tiles.filter((tile) => tile.frames.length);
    const columns = plate.groups.length > 1 ? plate.groups[0].tiles.length : Math.ceil(Math.sqrt(seen.length));
    return grid(
      seen.map((tile) => plate.frame(tile).src), Math.max(1, columns), Math.max(1, Math.floor(112 / plate.model.width)));
  }
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

const key = () => (sessionStorage.getItem(KEY) ? ` -H "Authorization: Bearer $MEZZOTINT_API_KEY"` : '');

const whole = (address) => new URL(address, location.href.split('#')[0]).href;

/** A request in JSON, for a shell. */
export const curl = (address, body) =>
    `curl ${whole(address)}${key()} -H 'Content-Type: application/json' --data-raw ${quoted(JSON.stringify(body))}`;

/** A form, for a shell: files by their names; a value that begins with @ or < is sent as it is and reads no file. */
export const curlForm = (address, files, body) => `curl ${whole(address)}${key()} ${[
  ...Object.entries(files).map(([name, file]) => `-F ${quoted(`${name}=@${file}`)}`),
  ...Object.entries(body).map(([name, value]) => `--form-string ${quoted(`${name}=${value}`)}`),
].join(' ')}`;

/** A program that draws the same. */
export const csharp = (model, ...lines) => [
  ...(lines.some((line) => line.includes('NoiseVariation')) ? ['using Mezzotint.Sampling;'] : []),
  'using Mezzotint.Serving;', '', `using var pipeline = DiffusionPipeline.Load(${JSON.stringify(`models/${model.id}`)});`,
  ...lines, 'images.SavePng("images.png", scale: 4);', '',
].join('\n');
