// Noise: a picture, noise of a level, and what the model takes the picture to be.
import { post } from './api.js';
import { Numbers, Pixels, Stop, first, levels, noises } from './figures.js';
import { addressOf, el, plural } from './page.js';

const MOST = 16;

export class Noise extends Stop {
  constructor(app, put) {
    super(app, put, {
      title: 'Noise',
      sentences: [
        'A model of diffusion learns one thing: to say what picture lies under the noise.',
        'Drag the level: with little noise it knows the picture, with much it answers with the mean of all that it could be.',
      ],
      equation: 'x_t = α x_0 + σ z', spoken: 'x t is alpha times x zero plus sigma times z', file: '2-noise.md', about: 'noise',
    });
    this.count = noises(this.model, MOST);
    this.values = { prompt: first(this.model), seed: 0, noise: 1, level: levels(this.model).of(60) };
    const picture = (name, words) => new Pixels(this.model, name, words);
    this.pictures = {
      clean: picture('clean', 'the picture x₀'), noisy: picture('noisy', 'with noise, x\u209c'),
      estimate: picture('estimate', 'the estimate D(x\u209c)'), predicted: picture('predicted', 'the noise predicted'),
      noise: picture('noise', 'the noise z'),
    };
    this.numbers = new Numbers('level', 'alpha', 'sigma', 'log-SNR', 'error of D', 'error of the noise');
    this.many = Array.from({ length: this.count }, () => el('img', { alt: '', draggable: false, className: 'pixels' }));
    this.mean = new Pixels(this.model, 'mean', `the mean of ${plural(this.count, 'estimate')}`);
    this.figure.append(
      el('div', { className: 'knobs' }, this.levelKnob(), this.promptKnob(), this.next('Another picture'),
        this.next('Another noise', 'noise')),
      el('div', { className: 'pictures' }, ...Object.values(this.pictures).map((each) => each.element)),
      this.numbers.element,
      el('div', { className: 'row many' }, el('div', { className: 'mosaic', role: 'img', 'aria-label':
        `Estimates from ${plural(this.count, 'noise')}` }, ...this.many), this.mean.element));
    const side = Math.max(1, Math.floor(64 / this.model.width)) * this.model.width;
    for (const image of this.many) image.style.width = `${side}px`;
  }

  async compute({ prompt, seed, noise, level }, signal) {
    const key = `${prompt} ${seed}`;
    this.#tell(await post('api/denoise', {
      model: this.model.id, prompt, level, noise_seed: noise, n: this.count, brief: true,
      guidance_scale: this.model.can_be_guided ? 1 : undefined,
      ...(this.drawn?.key === key ? { image: this.drawn.image } : { seed }), // it is drawn once
    }, signal), prompt, key);
  }

  #tell(answer, prompt, key) {
    this.drawn = { key, image: answer.image };
    const [one] = answer.data;
    const names = this.model.class_names;
    this.pictures.clean.show(answer.image, `${prompt}, without noise`, answer.image_reading, names);
    this.pictures.noisy.show(one.noisy, `${prompt} with noise of level ${answer.level}`, one.noisy_reading, names);
    this.pictures.estimate.show(one.estimate, 'what the model takes the picture to be', one.estimate_reading, names);
    this.pictures.predicted.show(one.predicted, 'the noise that the model predicts');
    this.pictures.noise.show(one.noise, 'the noise that was added');
    this.numbers.tell({
      level: answer.level, alpha: answer.alpha, sigma: answer.std, 'log-SNR': 2 * answer.half_log_snr,
      'error of D': one.estimate_error, 'error of the noise': one.noise_error,
    });
    answer.data.forEach((each, i) => { this.many[i].src = addressOf(each.estimate); });
    this.mean.show(answer.mean, this.mean.words, answer.mean_reading, names);
  }
}
