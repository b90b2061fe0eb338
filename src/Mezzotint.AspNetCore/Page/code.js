// API: the current drawing as a request of other programs, what the server answers, and what it takes at most.
import { KEY, get, picture, stream } from './api.js';
import { first } from './figures.js';
import { copy, download } from './images.js';
import { curl } from './share.js';
import { samplingBody, samplingOptions, defaultsOf } from './controls.js';
import { address, announce, el, plural, seconds } from './page.js';

const WRONG = [
  ['a prompt that is not understood', { prompt: '' }], ['more images than are taken', { n: 100_000 }],
  ['a sampler that there is not', { sampler: 'fastest' }], ['a parameter that is misspelt', { sede: 1 }],
];

export class Code {
  constructor(app) {
    this.app = app;
    this.model = app.model;
    this.languages = el('div', { className: 'languages', role: 'group', 'aria-label': 'Languages' });
    this.text = el('pre', { tabIndex: 0, 'aria-label': 'The program' });
    this.answer = el('pre', { tabIndex: 0, 'aria-label': 'What the server answers' });
    this.error = el('p', { className: 'error', role: 'alert' });
    this.limits = el('dl', { className: 'numbers' });
    this.copying = el('button', { type: 'button', onclick: async () => {
      await copy(this.text.textContent);
      announce('Copied.');
    } }, 'Copy');
    this.element = el('div', { className: 'view single' }, el('section', { className: 'stop', 'aria-label': 'The API' },
      el('h2', {}, 'The current drawing, in other programs'), this.languages, this.text,
      el('p', { className: 'row' },
        el('button', { type: 'button', className: 'primary', onclick: () => this.#send() }, 'Send it'),
        this.copying, el('a', { className: 'button', href: 'openapi.json' }, 'The whole API (OpenAPI)')),
      el('h2', {}, 'What the server answers'), this.error, this.answer,
      el('h2', {}, 'Errors to try'),
      el('p', { className: 'row' }, ...WRONG.map(([words, wrong]) => el(
          'button', { type: 'button', onclick: () => this.#send(wrong) }, words))),
      el('h2', {}, 'What this server takes'), this.limits, ...this.#files()));
  }

  /** The model itself, where the server gives it away. */
  #files() {
    const { id, downloads, origin } = this.model;
    if (!downloads) return [];
    const file = (name, words) => el('a', {
      className: 'button', href: `api/models/${encodeURIComponent(id)}/${name}`, download: '', onclick: (event) => {
        if (!sessionStorage.getItem(KEY)) return; // the browser streams it to the disk by itself
        event.preventDefault();
        this.#fetch(event.target.getAttribute('href'), `${id}.${name.split('.')[1]}`);
      },
    }, words);
    return [
      el('h2', {}, `The model ${id}`), el('p', { className: 'hint' }, origin.provenance ?? 'Its licence is not known here.'),
      el('p', { className: 'row' }, file('model.onnx', 'Download ONNX'), file('model.safetensors', 'Download safetensors')),
    ];
  }

  /** With a key, which a link cannot send. */
  async #fetch(from, name) {
    this.error.textContent = '';
    try {
      const inside = await picture(from);
      download(inside, name);
      setTimeout(() => URL.revokeObjectURL(inside), 60_000);
    } catch (error) {
      this.error.textContent = error.message;
    }
  }

  /** The drawing that was made last, else the model's own way. */
  async show({ language }) {
    const drawn = this.app.views.draw?.drawn;
    const { sampler, levels, steps, guidance } = defaultsOf(this.model);
    const own = this.model.class_names.at(-3) ?? first(this.model);
    const values = drawn ?? { seed: 0, sampler, levels, steps, guidance: guidance ?? 1, count: 1 };
    const prompt = !drawn || drawn.prompt === 'every class' ? own : drawn.prompt;
    this.body = { prompt, n: Number(values.count), ...samplingBody(this.model, values) };
    this.language = language ?? this.language ?? 'curl';
    this.programs = programs(this.body, this.model);
    this.languages.replaceChildren(...Object.keys(this.programs).map((name) => el('button', {
      type: 'button', 'aria-pressed': String(name === this.language), onclick: () => {
        address.put('api', { language: name });
        this.show({ language: name });
      },
    }, name)));
    this.text.textContent = this.programs[this.language];
    const { n, steps: most } = this.model.limits;
    this.limits.replaceChildren(...Object.entries({
      'images a request': n, 'steps a request': most, samplers: this.model.samplers.length, models: this.app.models.length,
    }).map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
    if (!this.answer.textContent) {
      const health = await get('healthz');
      this.answer.textContent = `GET /healthz\n${JSON.stringify(health)}`;
    }
  }

  /** Sends the request, with something wrong where that is asked for, and tells what comes when. */
  async #send(wrong = {}) {
    const body = { ...this.body, ...wrong, stream: true, partial_images: 3 };
    const begun = performance.now();
    const lines = [`POST /v1/images/generations\n${JSON.stringify(body)}`];
    this.error.textContent = '';
    const tell = (line) => { lines.push(line); this.answer.textContent = lines.join('\n'); };
    try {
      await stream('v1/images/generations', body, undefined, (event) => {
        const { b64_json: file, ...rest } = event;
        const at = seconds((performance.now() - begun) / 1000);
        tell(`${at}  ${JSON.stringify(rest)}, ${plural(file.length, 'character')} of PNG`);
      }, tell);
    } catch (error) {
      tell(`${error.status} ${error.message}`);
      this.error.textContent = error.message;
    }
  }
}

/** The same request in the languages that people ask in. */
function programs(body, model) {
  const server = new URL('v1', location.href.split('#')[0]).href;
  const { prompt, n, ...rest } = body;
  const python = JSON.stringify(rest, null, 2).replaceAll('\n', '\n    ');
  return {
    curl: curl('v1/images/generations', body),
    'C#': [
      '// dotnet add package Mezzotint: drawn in this process', 'using Mezzotint.Serving;', '',
      `using var pipeline = DiffusionPipeline.Load(${JSON.stringify(`models/${model.id}`)});`,
      `var images = pipeline.Generate(${JSON.stringify(prompt)}, new() { Count = ${n}, ${samplingOptions(body)} });`,
      'images.SavePng("images.png");', '', '// dotnet add package OpenAI: drawn by this server', 'using OpenAI;',
      'using OpenAI.Images;', 'using System.ClientModel;', '',
      `var options = new OpenAIClientOptions { Endpoint = new Uri(${JSON.stringify(server)}) };`,
      `var client = new ImageClient(${JSON.stringify(model.id)}, new ApiKeyCredential("any"), options);`,
      `GeneratedImage image = await client.GenerateImageAsync(${JSON.stringify(prompt)});`, '',
      '// Microsoft.Extensions.AI: either of them behind one interface', 'using Microsoft.Extensions.AI;', '',
      'IImageGenerator generator = pipeline.AsImageGenerator();',
      `var answer = await generator.GenerateAsync(new ImageGenerationRequest(${JSON.stringify(prompt)}));`,
    ].join('\n'),
    Python: [
      'from openai import OpenAI', '', `client = OpenAI(base_url=${JSON.stringify(server)}, api_key="any")`,
      `answer = client.images.generate(`, `    prompt=${JSON.stringify(prompt)}, n=${n}, response_format="b64_json",`,
      `    extra_body=${python})`,
      'print(len(answer.data), "images")',
    ].join('\n'),
    JavaScript: [
      `const answer = await fetch(${JSON.stringify(`${server}/images/generations`)}, {`, '  method: "POST",',
      '  headers: { "Content-Type": "application/json" },', `  body: JSON.stringify(${JSON.stringify(body)}),`, '});',
      'const { data } = await answer.json();', 'const picture = `data:image/png;base64,${data[0].b64_json}`;',
    ].join('\n'),
  };
}
