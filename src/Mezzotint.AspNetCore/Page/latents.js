// Latents: what an autoencoder keeps of a picture.
import { post } from './api.js';
import { Numbers, Pixels, Stop, first } from './figures.js';
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
