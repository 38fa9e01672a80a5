// Whether an SM2 signature (GB/T 32918.2 §7.1) is good. The arithmetic of the curve is noble's.
//
// Here only the equation: that the numbers are in range and in their one spelling, and that the
// key is a point of the curve, federation/trust/sm2.py has seen to, as it does for libcrypto.

import { weierstrass } from "@noble/curves/abstract/weierstrass.js";

// GB/T 32918.5.
const n = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
const Point = weierstrass({
  p: 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn,
  n,
  h: 1n,
  a: 0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffcn,
  b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
  Gx: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  Gy: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
});
const remembered = new Map(); // public keys as points: a dossier has a handful
const MAX_REMEMBERED = 1024;

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const number = (bytes) => BigInt(`0x${hex(bytes)}`);

function point(key) {
  const name = hex(key);
  let found = remembered.get(name);
  if (found === undefined) {
    found = Point.fromBytes(key);
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(name, found);
  }
  return found;
}

/** key: 65 bytes, 0x04 x y; r, s, digest: 32 bytes each, big-endian; digest is SM3(Z, message). */
export function verifySm2(key, r, s, digest) {
  const [first, second] = [number(r), number(s)];
  const t = (first + second) % n;
  if (t === 0n) return false;
  const sum = Point.BASE.multiplyUnsafe(second).add(point(key).multiplyUnsafe(t));
  // Whoever has the private key can make the sum vanish; libcrypto refuses that, and so do we.
  if (sum.is0()) return false;
  return (number(digest) + sum.toAffine().x) % n === first;
}
