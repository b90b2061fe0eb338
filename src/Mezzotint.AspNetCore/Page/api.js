// Talking to the server: the key, errors as one sentence, streams of events.

/** Where the tab keeps the server's key. */
export const KEY = 'mezzotint-key';

/** An error that the server, or the way to it, has told. `param` names the control that it belongs to, `retryAfter` the seconds
 * after which it may be gone. */
export class ApiError extends Error {
  constructor(message, { status = 0, param = null, lost = false, retryAfter = 0 } = {}) {
    super(message);
    Object.assign(this, { status, param, lost, retryAfter });
  }
}

const lost = () => new ApiError('The server cannot be reached: see whether it still runs.', { lost: true });

/** fetch, with the key where there is one. A server that wants another one has it asked for, once for all requests that wait. */
async function ask(address, options = {}) {
  for (let wrong = false; ; wrong = true) {
    const key = sessionStorage.getItem(KEY);
    const headers = { ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
    let response;
    try {
      response = await fetch(address, { ...options, headers });
    } catch (error) {
      throw error.name === 'AbortError' ? error : lost();
    }
    if (response.status === 401) {
      if (sessionStorage.getItem(KEY) === key) await askForKey(wrong || key !== null);
      continue;
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

async function errorOf(response) {
  const retryAfter = [429, 503].includes(response.status) ? Number(response.headers.get('Retry-After')) || 0 : 0;
  try {
    const { error, detail, param } = await response.json(); // OpenAI's shape, or problem details
    return new ApiError(error?.message ?? detail, { status: response.status, param: error?.param ?? param, retryAfter });
  } catch {
    return new ApiError(`The server answered with status ${response.status}.`, { status: response.status, retryAfter });
  }
}

let asking = null;

function askForKey(wrong) {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById('key');
    const text = document.getElementById('key-text');
    document.getElementById('key-error').textContent = wrong ? 'The server does not accept this key: type it again.' : '';
    text.value = '';
    dialog.addEventListener('close', () => {
      if (text.value) sessionStorage.setItem(KEY, text.value);
      asking = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}

/** The JSON at an address. */
export const get = async (address, signal) => (await ask(address, { signal })).json();

/** The JSON that answers a request in JSON. A server whose queue is full is asked again when it says; the bar tells that. */
export async function post(address, body, signal) {
  const told = document.getElementById('queue');
  for (;;) {
    try {
      const options = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal };
      const answer = await (await ask(address, options)).json();
      told.textContent = '';
      return answer;
    } catch (error) {
      if (error.status !== 429) throw error;
      await countdown(error.message, error.retryAfter || 1, (text) => { told.textContent = text; }, signal);
    }
  }
}

/** Tells why one waits, and each second how much longer. */
async function countdown(why, wait, tell, signal) {
  for (let left = wait; left > 0; left--) {
    tell(`${why.replace(/[.:]( .*)?$/, '')}; trying again in ${left} s.`);
    await pause(1000, signal);
  }
}

/** A picture, as an address inside this page: an <img> could not send the key. The caller revokes it. */
export const picture = async (address, signal) => URL.createObjectURL(await (await ask(address, { signal })).blob());

/**
 * Posts a request and gives each event of the answering stream. After a broken connection the request is sent again: the same
 * seeds draw the same images, so the second stream has the same events as the first. A server whose queue is full gets the
 * request again when it says.
 * @param {string} address where to
 * @param {object|FormData} body what is asked for
 * @param {AbortSignal} signal stops it
 * @param {(event: object) => void} seen told each event
 * @param {(text: string) => void} waiting told why it waits and, each second, how much longer
 * @param {(place: string | null) => void} placed told the number of its place at the server
 */
export async function stream(address, body, signal, seen, waiting, placed = () => {}) {
  const form = body instanceof FormData;
  const options = {
    method: 'POST', signal,
    headers: form ? {} : { 'Content-Type': 'application/json' },
    body: form ? body : JSON.stringify(body),
  };
  for (let wait = 1; ; wait = Math.min(2 * wait, 15)) {
    try {
      const response = await ask(address, options);
      placed(response.headers.get('Mezzotint-Place'));
      return await events(response, seen);
    } catch (error) {
      if (!error.lost && !error.retryAfter) throw error;
      await countdown(error.lost ? 'The connection is lost' : error.message, error.retryAfter || wait, waiting, signal);
    }
  }
}

async function events(response, seen) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      throw error.name === 'AbortError' ? error : lost();
    }
    if (part.done) {
      return;
    }
    text += part.value;
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split('\n').filter((line) => line.startsWith('data: ')).map((line) => line.slice(6)).join('\n');
      const event = JSON.parse(data);
      if (event.error) throw new ApiError(event.error.message, { param: event.error.param });
      seen(event);
    }
  }
}

export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}
