// Files in one archive, as they are: PNG files do not get smaller. (PKWARE's APPNOTE, 4.3: local headers, files, directory.)

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** CRC-32, as in PNG and zip. */
export function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/** Numbers of 2 or 4 bytes, the lowest byte first. */
function numbers(...pairs) {
  const bytes = [];
  for (const [value, size] of pairs) for (let i = 0; i < size; i++) bytes.push(Math.floor(value / 256 ** i) & 255);
  return Uint8Array.from(bytes);
}

const VERSION = 20, UTF8 = 0x800, STORED = 0, DAY = 0x21; // 1980-01-01: when it was drawn stands in the receipts

/** @param {{ name: string, bytes: Uint8Array }[]} files */
export function zip(files) {
  const parts = [], directory = [];
  let at = 0;
  for (const { name, bytes } of files) {
    const words = new TextEncoder().encode(name);
    const facts = [
      [VERSION, 2], [UTF8, 2], [STORED, 2], [0, 2], [DAY, 2], [crc(bytes), 4], [bytes.length, 4], [bytes.length, 4],
      [words.length, 2], [0, 2],
    ];
    const local = [numbers([0x04034b50, 4], ...facts), words, bytes];
    directory.push(numbers([0x02014b50, 4], [VERSION, 2], ...facts, [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]), words);
    parts.push(...local);
    at += local.reduce((sum, part) => sum + part.length, 0);
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = numbers([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [length, 4], [at, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: 'application/zip' });
}
