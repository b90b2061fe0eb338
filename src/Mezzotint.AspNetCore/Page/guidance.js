// Guidance: the estimates with and without a class, their difference, and what more of it does to the images.
import { post } from './api.js';
import { Numbers, Pixels, Stop, first, levels, noises, slider } from './figures.js';
import { base64Of, canvas, load } from './images.js';
import { addressOf, el } from './page.js';

const MOST = 6;

export class Guidance extends Stop {
  constructor(app, put) {
    const words = app.model.asked_in_words ? 'the prompt' : 'the class';
    super(app, put, {
      title: 'Guidance',
      sentences: [
        `The model estimates the picture twice, with ${words} and without; guidance goes further in the direction of the `
          + 'difference.',
        'More of it makes images clearer and more alike; too much burns them.',
      ],
      equation: 'D_w = D_0 + w ( D − D_0 )', spoken: 'D w is D zero plus w times D minus D zero', file: '6-guidance.md',
      about: 'guidance',
    });
    if (!this.model.can_be_guided) {
      this.figure.append(el('p', {}, 'This model has not learned to draw without a class, so it has no second estimate: choose '
        + 'another model above.'));
      return;
    }
    this.values = { prompt: first(this.model), seed: 0, weight: 2, level: levels(this.model).of(65) };
    const weight = slider({
      name: 'weight', label: 'Weight w', min: 0, max: 8, step: 0.5, value: 2, changed: (value) => this.change({ weight: value }),
    });
    const picture = (name, text) => new Pixels(this.model, name, text, 112);
    this.pictures = {
      noisy: picture('noisy', 'with noise, x\u209c'), without: picture('without', `D₀, without ${words}`),
      with: picture('with', `D, with ${words}`), difference: picture('difference', 'D − D₀'),
      guided: picture('guided', 'guided by the weight'),
    };
    this.numbers = new Numbers('weight', 'level', 'error of D₀', 'error of D', 'error when guided', 'evaluations');
    this.samples = Array.from({ length: noises(this.model, MOST) }, (_, i) => picture(`sample-${i}`, `seed ${i}`));
    this.figure.append(
      el('div', { className: 'knobs' }, this.knob('weight', weight, weight.set), this.levelKnob(), this.promptKnob()),
      el('div', { className: 'pictures' }, ...Object.values(this.pictures).map((each) => each.element)), this.numbers.element,
      el('div', { className: 'pictures samples' }, ...this.samples.map((each) => each.element)));
  }

  async compute({ prompt, seed, weight, level }, signal) {
    const model = this.model.id;
    const ask = (w) => post('api/denoise', { model, prompt, seed, level, guidance_scale: w }, signal);
    const [none, one, guided] = await Promise.all([ask(0), ask(1), ask(weight)]);
    const show = (name, of) => this.pictures[name].show(of.data[0].estimate);
    this.pictures.noisy.show(one.data[0].noisy);
    show('without', none);
    show('with', one);
    show('guided', guided);
    this.pictures.difference.show(await difference(one.data[0].estimate, none.data[0].estimate));
    this.numbers.tell({
      weight, level: one.level, 'error of D₀': none.data[0].estimate_error, 'error of D': one.data[0].estimate_error,
      'error when guided': guided.data[0].estimate_error, evaluations: guided.evaluations,
    });
    const drawing = { model, prompt, seed: 0, n: this.samples.length, guidance_scale: weight };
    const drawn = await post('v1/images/generations', drawing, signal);
    drawn.data.forEach((image, i) => this.samples[i].show(image.b64_json, `${prompt}, seed ${i}, weight ${weight}`));
  }
}

/** Two pictures of the same size: grey where they are alike, lighter where the first one is. */
export async function difference(first, second) {
  const [a, b] = await Promise.all([first, second].map((base64) => load(addressOf(base64))));
  const drawn = canvas(a.width, a.height);
  const pen = drawn.getContext('2d', { willReadFrequently: true });
  const pixels = [a, b].map((picture) => {
    pen.drawImage(picture, 0, 0);
    return pen.getImageData(0, 0, a.width, a.height);
  });
  for (let i = 0; i < pixels[0].data.length; i++)
    if (i % 4 < 3) pixels[0].data[i] = 128 + (pixels[0].data[i] - pixels[1].data[i]) / 2;
  pen.putImageData(pixels[0], 0, 0);
  return base64Of(drawn);
}
