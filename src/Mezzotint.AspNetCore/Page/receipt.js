// A picture that is dropped on the page: its receipt restores the settings it was drawn with; without one it is repaired.
import { address, addressOf } from './page.js';
import { load } from './images.js';

const KEYWORD = 'Mezzotint';

/** The texts of a PNG by their keywords: chunks tEXt (Latin-1) and iTXt (UTF-8, here never compressed). */
export function texts(bytes) {
  const found = {};
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const latin = new TextDecoder('latin1');
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = latin.decode(bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, Math.min(bytes.length, at + 8 + length));
    at += 12 + length;
    if (type !== 'tEXt' && type !== 'iTXt') continue;
    const end = data.indexOf(0);
    if (end < 0) continue;
    const keyword = latin.decode(data.subarray(0, end));
    if (type === 'tEXt') found[keyword] = latin.decode(data.subarray(end + 1));
    else if (data[end + 1] === 0) { // two flags, then two more texts that end with 0: language and keyword in it
      const language = data.indexOf(0, end + 3);
      const translated = data.indexOf(0, language + 1);
      found[keyword] = new TextDecoder().decode(data.subarray(translated + 1));
    }
  }
  return found;
}

/** The address that draws again what a receipt tells; null where there is none that this page could draw. */
export function addressOfReceipt(bytes, models) {
  const json = texts(bytes)[KEYWORD];
  if (!json) return null;
  const receipt = JSON.parse(json);
  if (receipt.source || receipt.size) return null; // the picture that it began from is not in it
  const model = models.find(({ sha256 }) => sha256 === receipt.model_sha256) ?? models[0];
  const label = receipt.labels[0];
  const values = {
    model: model.id, sha: receipt.model_sha256?.slice(0, 8), prompt: receipt.prompts?.[label] ?? model.class_names[label],
    negative: receipt.negative_prompt, sampler: receipt.sampler, levels: receipt.levels, steps: receipt.steps,
    variations: receipt.variations, guidance: model.can_be_guided ? receipt.guidance?.weight ?? 1 : undefined,
  };
  const one = receipt.index ?? (receipt.labels.length === 1 ? 0 : null);
  if (receipt.interpolate_to !== undefined)
    return address.of('walk', { ...values, seed: receipt.seed, to: receipt.interpolate_to, count: receipt.labels.length });
  return address.of('draw', {
    ...values, seed: receipt.seed + (one ?? 0), count: one === null ? receipt.labels.length : 1,
  });
}

/** Takes a file that was dropped. */
export async function take(file, app) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const found = addressOfReceipt(bytes, app.models);
  if (found) {
    location.hash = found;
    return 'The settings of the picture are restored.';
  }
  const base64 = btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ''));
  await load(addressOf(base64));
  (await app.view('repair')).take(base64, null);
  location.hash = address.of('repair', {});
  return 'The picture says nothing of how it was drawn: it lies on the canvas.';
}
