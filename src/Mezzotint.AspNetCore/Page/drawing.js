// One drawing: some requests whose streams fill the plate, with what is told about it meanwhile and afterwards.
import { get, pause, stream } from './api.js';
import { announce, plural, seconds } from './page.js';

/** Browsers hold few connections to one server; the page needs some for other things. */
const AT_ONCE = 4;

const MOST_ESTIMATES = 100;
const MOST_PIXELS = 1 << 24;

/** How many estimates of each image are asked for: all, where that is not too much to keep. */
export const estimates = (model, steps, count) =>
  Math.max(0, Math.min(steps, MOST_ESTIMATES, Math.floor(MOST_PIXELS / (model.width * model.height * count)) - 1));

export class Drawing {
  /** @param {{ plate: Plate, controls: Controls, facts: (text: string) => void, names: object }} parts */
  constructor(parts) {
    Object.assign(this, parts);
    this.stopping = null;
  }

  get busy() { return this.stopping !== null; }

  stop() { this.stopping?.abort(new DOMException('stopped', 'AbortError')); }

  /**
   * Draws. A drawing that is under way is stopped first.
   * @param {{ group: object, address: string, body: object|FormData, partial: number, first?: number }[]} jobs each fills the
   *   tiles of its group from `first` on
   */
  async run(jobs) {
    this.stop();
    const stopping = this.stopping = new AbortController();
    const begun = performance.now();
    let evaluations = 0;
    let told = 0;
    this.controls.clear();
    this.controls.busy(true);
    announce(`Drawing ${plural(this.plate.tiles.length, 'image')}.`);
    const notes = new Map(); // why a job waits
    const tell = () => {
      const { progress } = this.plate;
      const left = ((performance.now() - begun) / 1000) * (1 - progress) / progress;
      const drawing = progress > 0 ? `Drawing: ${Math.floor(progress * 100)} %${progress > 0.1 ? `, ${seconds(left)} left` : ''}.`
          : '';
      const [note = drawing ? '' : 'Waiting for the first step.'] = notes.values();
      this.plate.status.textContent = [drawing, note].filter(Boolean).join(' ');
    };
    tell();
    const places = new Set();
    const others = watchQueue(places);
    const seen = (job) => (event) => {
      if (this.stopping !== stopping) return;
      notes.delete(job);
      const tile = job.group.tiles[(job.first ?? 0) + event.image_index];
      if (event.evaluations && !tile.done) evaluations += event.evaluations;
      this.plate.add(tile, event, Math.min(job.partial, event.steps - 1) + 1);
      tell();
      const quarter = Math.floor(this.plate.progress * 4);
      if (quarter > told && quarter < 4) announce(`${25 * (told = quarter)} percent.`);
    };
    const waiting = (job) => (text) => {
      if (this.stopping !== stopping) return;
      if (notes.size === 0) announce(text); // not each second of a countdown
      notes.set(job, text);
      this.plate.recall(); // what is there stays usable meanwhile
      tell();
    };
    const queue = [...jobs];
    const work = async () => {
      for (let job = queue.shift(); job; job = queue.shift()) await stream(
          job.address, job.body, stopping.signal, seen(job), waiting(job), (place) => { if (place) places.add(place); });
    };
    try {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, jobs.length) }, work));
      const took = (performance.now() - begun) / 1000;
      this.facts(`${seconds(took)}, ${plural(evaluations, 'evaluation')}`);
      this.plate.status.textContent = '';
      announce(`Done: ${plural(this.plate.tiles.length, 'image')} in ${seconds(took)}.`);
      return true;
    } catch (error) {
      if (this.stopping !== stopping) return false; // another one has begun, and the plate is its
      if (error.name === 'AbortError') {
        this.plate.status.textContent = `Stopped after ${Math.floor(this.plate.progress * 100)} %; what is there is kept.`;
        announce('Stopped.');
      } else {
        stopping.abort();
        this.plate.status.textContent = '';
        this.plate.restore();
        this.controls.fail(error, this.names);
      }
      return false;
    } finally {
      others.abort();
      if (this.stopping === stopping) {
        this.stopping = null;
        this.controls.busy(false);
      }
    }
  }
}

const MOST_PLACES = 64; // of the newest requests of a drawing

/** While something is drawn, the bar tells how many came before it, and when it is likely to be done. */
function watchQueue(places) {
  const ending = new AbortController();
  const told = document.getElementById('queue');
  const watch = async () => {
    for (;;) {
      await pause(1000, ending.signal);
      const asked = [...places].slice(-MOST_PLACES).join(',');
      const { before, seconds: left } = await get(`api/queue${asked ? `?places=${asked}` : ''}`, ending.signal);
      told.textContent =
          [before ? `${before} before you` : '', left === undefined ? '' : seconds(left)].filter(Boolean).join(', ');
    }
  };
  watch().catch(() => { told.textContent = ''; }); // at the end, and where the server is gone
  return ending;
}
