// SM3 (GB/T 32905-2016): its compression function; padding and buffering are noble's.
// What it answers is held to the standard's example before a dossier is read (gm.py).

import { HashMD } from "@noble/hashes/_md.js";

const IV = [
  0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e,
];
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const LENGTH_BYTES = 8;

const rotate = (word, by) => (word << by) | (word >>> (32 - by)); // by is 0 to 31
const p0 = (x) => x ^ rotate(x, 9) ^ rotate(x, 17);
const p1 = (x) => x ^ rotate(x, 15) ^ rotate(x, 23);
const T = Int32Array.from({ length: 64 }, (_, j) =>
  j % 32 === 0 ? constant(j) : rotate(constant(j), j % 32),
);

function constant(round) {
  return round < 16 ? 0x79cc4519 : 0x7a879d8a;
}

class Sm3 extends HashMD {
  #state = Int32Array.from(IV);
  #words = new Int32Array(68);

  constructor() {
    super(BLOCK_BYTES, DIGEST_BYTES, LENGTH_BYTES, false);
  }

  get() {
    return Array.from(this.#state);
  }

  process(view, at) {
    const w = this.#words;
    for (let j = 0; j < 16; j++) w[j] = view.getInt32(at + 4 * j, false);
    for (let j = 16; j < 68; j++) {
      w[j] = p1(w[j - 16] ^ w[j - 9] ^ rotate(w[j - 3], 15)) ^ rotate(w[j - 13], 7) ^ w[j - 6];
    }
    let [a, b, c, d, e, f, g, h] = this.#state;
    for (let j = 0; j < 64; j++) {
      const a12 = rotate(a, 12);
      const ss1 = rotate((a12 + e + T[j]) | 0, 7);
      const ss2 = ss1 ^ a12;
      const ff = j < 16 ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
      const gg = j < 16 ? e ^ f ^ g : (e & f) | (~e & g);
      const tt1 = (ff + d + ss2 + (w[j] ^ w[j + 4])) | 0;
      const tt2 = (gg + h + ss1 + w[j]) | 0;
      [d, c, b, a] = [c, rotate(b, 9), a, tt1];
      [h, g, f, e] = [g, rotate(f, 19), e, p0(tt2)];
    }
    [a, b, c, d, e, f, g, h].forEach((word, at) => (this.#state[at] ^= word));
  }

  roundClean() {} // nothing here is secret

  destroy() {
    this.destroyed = true;
  }
}

/** The digest of a Uint8Array: 32 bytes. */
export function sm3(data) {
  return new Sm3().update(data).digest();
}
