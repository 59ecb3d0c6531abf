// SM2 signatures over SM3 (GB/T 32918.2-2016, 32918.5-2017), checked with the curve arithmetic of @noble/curves.
import { createHash } from "node:crypto";
import { createCurve } from "@noble/curves/_shortw_utils";
import { Field } from "@noble/curves/abstract/modular";
import { sha256 } from "@noble/hashes/sha256";

const p = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn;
const a = p - 3n;
const b = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n;
const n = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
const Gx = 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n;
const Gy = 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n;
const identity = "1234567812345678";

const Fp = Field(p);
// The hash is that of the library's own ECDSA, which is not used here.
const { ProjectivePoint: Point } = createCurve({ a, b, Fp, n, Gx, Gy, h: 1n, lowS: false }, sha256);

const bytesOf = (value: bigint) => Buffer.from(value.toString(16).padStart(64, "0"), "hex");
const numberOf = (bytes: Uint8Array) => BigInt("0x" + Buffer.from(bytes).toString("hex"));
const sm3 = (...parts: Uint8Array[]) => createHash("sm3").update(Buffer.concat(parts)).digest();

/** `key`: x of the point whose y is even; `signature`: r, then s; 32 bytes each. */
export function verifySm2(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (key.length !== 32 || signature.length !== 64) return false;
    let point;
    try {
        point = Point.fromHex(Buffer.concat([Buffer.from([2]), key]));
    } catch {
        return false; // no point has this x
    }
    const r = numberOf(signature.subarray(0, 32));
    const s = numberOf(signature.subarray(32));
    if (r === 0n || r >= n || s === 0n || s >= n) return false;
    const t = (r + s) % n;
    if (t === 0n) return false;
    const { x, y } = point.toAffine();
    const length = Buffer.from([0, identity.length * 8]); // in bits, two bytes
    const z = sm3(length, Buffer.from(identity), ...[a, b, Gx, Gy, x, y].map(bytesOf));
    const e = numberOf(sm3(z, message));
    const sum = Point.BASE.multiply(s).add(point.multiply(t));
    if (sum.equals(Point.ZERO)) return false;
    return (e + sum.toAffine().x) % n === r;
}
