// Whether an Ed25519 signature (RFC 8032) is good: by libsodium, as in a node.
//
// Libraries differ on keys and points of small order, and a verdict must not depend on where it is
// given; so this is the same library, compiled to WebAssembly, and no other.

import libsodium from "libsodium";

const SIGNATURE_BYTES = 64;
const KEY_BYTES = 32;

/** Answers (key, signature, message) => boolean. */
export async function ed25519() {
  const sodium = await libsodium();
  if (sodium._sodium_init() < 0) throw new Error("libsodium does not start");
  return (key, signature, message) => {
    if (key.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
    const room = sodium._malloc(KEY_BYTES + SIGNATURE_BYTES + message.length + 1);
    if (room === 0) throw new Error("no memory left for libsodium");
    try {
      const at = [room, room + KEY_BYTES, room + KEY_BYTES + SIGNATURE_BYTES];
      [key, signature, message].forEach((bytes, each) => sodium.HEAPU8.set(bytes, at[each]));
      // A length has 64 bits, handed over in two halves.
      return (
        sodium._crypto_sign_verify_detached(at[1], at[2], message.length, 0, at[0]) === 0
      );
    } finally {
      sodium._free(room);
    }
  };
}
