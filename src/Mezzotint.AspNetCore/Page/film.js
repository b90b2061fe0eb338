// A film of pictures as an animated PNG: the first picture's file, and the data of the others as frames of it.
// (PNG, third edition, 11.3.7: chunks acTL, fcTL, fdAT.)
import { crc } from './zip.js';

const TYPE = new TextEncoder();

/** The chunks of a PNG: their types and data. */
function chunks(bytes) {
  const found = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) found.push({
    type: String.fromCharCode(...bytes.subarray(at + 4, at + 8)), data: bytes.subarray(at + 8, at + 8 + view.getUint32(at)),
  });
  return found;
}

function chunk(type, ...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(12 + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  bytes.set(TYPE.encode(type), 4);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  view.setUint32(8 + length, crc(bytes.subarray(4, 8 + length)));
  return bytes;
}

/** Numbers of 4 or 2 bytes, the highest byte first. */
function numbers(...pairs) {
  return Uint8Array.from(pairs.flatMap(
      ([value, size]) => Array.from({ length: size }, (_, i) => (value >>> (8 * (size - 1 - i))) & 255)));
}

/**
 * @param {Uint8Array[]} files PNG files of one size and kind, as one request draws them
 * @param {number} beat milliseconds a picture
 */
export function film(files, beat) {
  const pictures = files.map(chunks);
  const head = pictures[0].find(({ type }) => type === 'IHDR').data;
  const [width, height] = [head.slice(0, 4), head.slice(4, 8)];
  const parts = [files[0].subarray(0, 8), chunk('IHDR', head), chunk('acTL', numbers([files.length, 4], [0, 4]))];
  let order = 0;
  pictures.forEach((picture, i) => {
    const how = numbers([0, 4], [0, 4], [beat, 2], [1000, 2], [0, 1], [0, 1]); // where, how long, and nothing of the one before
    parts.push(chunk('fcTL', numbers([order++, 4]), width, height, how));
    for (const { type, data } of picture)
      if (type === 'IDAT') parts.push(i === 0 ? chunk('IDAT', data) : chunk('fdAT', numbers([order++, 4]), data));
  });
  return new Blob([...parts, chunk('IEND')], { type: 'image/png' });
}
