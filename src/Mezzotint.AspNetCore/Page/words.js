// Words: which words the places of a picture look at, and which of them a word decides.
import { post } from './api.js';
import { Numbers, Pixels, Stop, choice, first, levels } from './figures.js';
import { difference } from './guidance.js';
import { base64Of, canvas, load } from './images.js';
import { addressOf, el } from './page.js';

const MOST_LEFT_OUT = 8; // each is an evaluation
const COPPER = [176, 96, 42];

export class Words extends Stop {
  constructor(app, put) {
    super(app, put, {
      title: 'Words',
      sentences: [
        'The model reads the prompt as tokens, and every place of its maps looks at all of them: the first row shows how much.',
        'In the second row each word is left out in turn, with the same noise: where the estimate changes, the word counts.',
      ],
      equation: 'w = softmax ( Q Kᵀ / √d )',
      spoken: 'the weights are the softmax of Q times K transposed over the root of d', file: '10-words.md', about: 'words',
    });
    this.values = { prompt: first(this.model), seed: 0, level: levels(this.model).of(75), layer: '' };
    this.layers = choice({
      name: 'layer', label: 'Layer', choices: [MEAN], value: '', changed: (layer) => this.change({ layer }),
    });
    this.looks = el('div', { className: 'pictures', role: 'group', 'aria-label': 'How much each place looks at each word' });
    this.row = el('div', { className: 'pictures', role: 'group', 'aria-label': 'What changes where a word is left out' });
    this.numbers = new Numbers('words', 'level', 'error of D', 'rows', 'columns', 'shares of a place');
    this.figure.append(
      el('div', { className: 'knobs' }, this.promptKnob(), this.levelKnob(), this.knob('layer', this.layers),
        this.next('Another picture')),
      this.looks, this.row, this.numbers.element);
  }

  async compute({ prompt, seed, level, layer }, signal) {
    const ask = (text, of) => post('api/denoise', {
      model: this.model.id, prompt: text, level, guidance_scale: this.model.can_be_guided ? 1 : undefined, ...of,
    }, signal);
    const all = await ask(prompt, { seed });
    const { image } = all;
    const seen = await post('api/attention', { model: this.model.id, prompt, level, image, layer: layer || undefined }, signal);
    this.#offer(seen.layers, layer);
    await this.#look(image, seen);
    const words = prompt.split(/\s+/).filter(Boolean);
    const shown = [['the estimate', all.data[0].estimate], ['with noise', all.data[0].noisy]];
    for (const [i, word] of words.slice(0, MOST_LEFT_OUT).entries()) {
      const without = await ask(words.filter((_, k) => k !== i).join(' '), { image });
      shown.push([`without “${word}”`, await difference(all.data[0].estimate, without.data[0].estimate)]);
    }
    this.row.replaceChildren(...shown.map(([name, picture]) => this.#picture(name, name, picture).element));
    this.numbers.tell({
      words: seen.maps.filter((map) => map.kind === 'word').length, level: all.level, 'error of D': all.data[0].estimate_error,
      rows: seen.rows, columns: seen.columns, 'shares of a place': seen.maps.reduce((sum, map) => sum + map.mean, 0),
    });
  }

  /** The layers to choose from. */
  #offer(layers, chosen) {
    const choices = [MEAN, ...layers.map(({ name, rows, columns }) => (
      { value: name, label: `${name.replace(/\.transformer_blocks\.0\.attn2$/, '')}, ${rows} × ${columns}` }))];
    if (this.layers.input.length !== choices.length)
      this.layers.input.replaceChildren(...choices.map(({ value, label }) => el('option', { value, textContent: label })));
    this.layers.input.value = chosen;
  }

  /** The maps over the picture: copper from the least share of a map to its largest. */
  async #look(image, { rows, columns, maps }) {
    const below = await load(addressOf(image));
    this.looks.replaceChildren(...await Promise.all(maps.map(async ({ kind, text, mean, map }) => {
      const words = kind === 'word' ? `“${text}”` : `the ${text}`;
      const [least, most] = [Math.min(...map), Math.max(...map)];
      const strengths = map.map((share) => (most > least ? (share - least) / (most - least) : 0));
      const made = this.#picture(`looks ${text}`, words, await laidOver(below, strengths, rows, columns));
      made.image.dataset.kind = kind;
      made.image.dataset.mean = mean;
      made.reading.textContent = `${percent(mean)} (${percent(least)} to ${percent(most)})`;
      return made.element;
    })));
  }

  #picture(name, words, base64) {
    const made = new Pixels(this.model, name, words);
    made.show(base64);
    return made;
  }
}

const MEAN = { value: '', label: 'the mean of all' };

const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** A pale picture in grey, with copper of so much strength in each place, 0 to 1. */
async function laidOver(picture, strengths, rows, columns) {
  const drawn = canvas(picture.width, picture.height);
  const pen = drawn.getContext('2d', { willReadFrequently: true });
  pen.drawImage(picture, 0, 0);
  const pixels = pen.getImageData(0, 0, drawn.width, drawn.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const grey = 0.3 * pixels.data[i] + 0.59 * pixels.data[i + 1] + 0.11 * pixels.data[i + 2];
    const row = Math.floor(Math.floor(i / 4 / drawn.width) * rows / drawn.height);
    const column = Math.floor((i / 4 % drawn.width) * columns / drawn.width);
    const copper = 0.8 * strengths[row * columns + column];
    for (let c = 0; c < 3; c++) pixels.data[i + c] = (1 - copper) * (90 + 0.65 * grey) + copper * COPPER[c];
  }
  pen.putImageData(pixels, 0, 0);
  return base64Of(drawn);
}
