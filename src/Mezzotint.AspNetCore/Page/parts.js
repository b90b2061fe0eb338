// Latents and words: what an autoencoder keeps of a picture, and which places of it a word decides.
import { post } from './api.js';
import { Numbers, Pixels, Stop, first, levels } from './figures.js';
import { difference } from './guidance.js';
import { el } from './page.js';

export class Latents extends Stop {
  constructor(app, put) {
    super(app, put, {
      title: 'Latents',
      sentences: [
        'This model does not draw pixels: an autoencoder writes a picture as fewer numbers, its latents, and draws it from them.',
        'What it does not keep, no sampler can draw.',
      ],
      equation: 'x_0 = encode ( picture )', spoken: 'x zero is the encoded picture', file: '9-latents.md', about: 'latents',
    });
    this.values = { prompt: first(this.model), seed: 0 };
    const picture = (name, words) => new Pixels(this.model, name, words);
    this.pictures = {
      clean: picture('clean', 'the picture'), latents: picture('latents', 'its latents, three of them as colours'),
      kept: picture('kept', 'drawn from the latents'), lost: picture('lost', 'what differs'),
    };
    this.numbers = new Numbers('error of a pixel');
    this.figure.append(
      el('div', { className: 'knobs' }, this.promptKnob(), this.next('Another picture')),
      el('div', { className: 'pictures' }, ...Object.values(this.pictures).map((each) => each.element)), this.numbers.element);
  }

  async compute({ prompt, seed }, signal) {
    const answer = await post(
        'api/denoise', { model: this.model.id, prompt, seed, level: this.model.noise.least }, signal);
    this.pictures.clean.show(answer.image);
    this.pictures.latents.show(answer.latents);
    this.pictures.kept.show(answer.kept);
    this.pictures.lost.show(await difference(answer.image, answer.kept));
    this.numbers.tell({ 'error of a pixel': answer.kept_error });
  }
}

const MOST_WORDS = 8;

export class Words extends Stop {
  constructor(app, put) {
    super(app, put, {
      title: 'Words',
      sentences: [
        'The model reads the prompt as tokens, and every place of the picture looks at all of them.',
        'Here each word is left out in turn, with the same noise: where the estimate changes, the word counts.',
      ],
      equation: 'D ( x_t , prompt ) − D ( x_t , prompt − word )', spoken: 'the estimate with the word minus that without it',
      file: '10-words.md', about: 'words',
    });
    this.values = { prompt: first(this.model), seed: 0, level: levels(this.model).of(75) };
    this.row = el('div', { className: 'pictures' });
    this.numbers = new Numbers('words', 'level', 'error of D');
    this.figure.append(
      el('div', { className: 'knobs' }, this.promptKnob(), this.levelKnob()), this.row, this.numbers.element);
  }

  async compute({ prompt, seed, level }, signal) {
    const words = prompt.split(/\s+/).filter(Boolean).slice(0, MOST_WORDS);
    const ask = (text, of) => post(
        'api/denoise', { model: this.model.id, prompt: text, level, guidance_scale: this.model.can_be_guided ? 1 : undefined,
        ...of }, signal);
    const all = await ask(prompt, { seed });
    const shown = [['the estimate', all.data[0].estimate], ['with noise', all.data[0].noisy]];
    for (const [i, word] of words.entries()) {
      const without = await ask(words.filter((_, k) => k !== i).join(' '), { image: all.image });
      shown.push([`“${word}”`, await difference(all.data[0].estimate, without.data[0].estimate)]);
    }
    this.row.replaceChildren(...shown.map(([name, picture]) => {
      const made = new Pixels(this.model, name, name);
      made.show(picture);
      return made.element;
    }));
    this.numbers.tell({ words: words.length, level: all.level, 'error of D': all.data[0].estimate_error });
  }
}
