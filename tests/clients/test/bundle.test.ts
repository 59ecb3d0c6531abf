// The independent checker against bundles that the node's own code has written.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { verifySm2 } from "../src/sm2.js";
import { verifyBundle } from "../src/verify_bundle.js";

const data = (name: string) => readFileSync(new URL(`../data/${name}`, import.meta.url), "utf8");
const genesis = data("genesis.json");
const digest = "0x" + "d1".repeat(32);
const sender = "0x" + "77".repeat(20);
const metadata = "an example of metadata that is longer than a slot";

test("accepts a proof of storage", () => {
    const proven = verifyBundle(digest, data("storage.proof"), genesis);
    assert.equal(proven.sender, sender);
    assert.equal(proven.metadata, metadata);
    assert.equal(proven.blockNumber, 9n);
    assert.equal(proven.timestamp, 1_700_000_100n);
    assert.equal(proven.provenAt, 12n);
    assert.equal(proven.votes, 3);
});

test("accepts a proof by receipt and after a change of validators", () => {
    const proven = verifyBundle(digest, data("receipt.proof"), genesis);
    assert.equal(proven.sender, sender);
    assert.equal(proven.metadata, metadata);
    assert.equal(proven.blockNumber, 12n);
    assert.equal(verifyBundle(digest, data("handover.proof"), genesis).blockNumber, 9n);
});

// Of a network of the suite national: its validators have voted with SM2.
const nationalDigest = "0x91c1b35a3612f866267388ad3fee6f02143d01a3f22519d6d2d1e22c46511e31";

test("accepts a proof whose votes are SM2", () => {
    const proven = verifyBundle(nationalDigest, data("national.proof"), data("national.genesis.json"));
    assert.equal(proven.metadata, metadata);
    assert.equal(proven.validators, 4);
    assert.ok(proven.votes >= 3);
});

test("refuses a proof with one changed bit in an SM2 vote or key", () => {
    const text = data("national.genesis.json");
    const flip = (hex: string, at: number) => hex.slice(0, at) + (parseInt(hex[at], 16) ^ 1).toString(16) + hex.slice(at + 1);
    const bundle = JSON.parse(data("national.proof"));
    for (const at of [2, 40, 65, 66, 100, 129]) {
        const changed = structuredClone(bundle);
        changed.votes[1].signature = flip(changed.votes[1].signature, at);
        assert.throws(() => verifyBundle(nationalDigest, JSON.stringify(changed, null, 2) + "\n", text), /certificate: vote of/);
    }
    const genesis = JSON.parse(text);
    genesis.validators[0].key = flip(genesis.validators[0].key, 20);
    assert.throws(() => verifyBundle(nationalDigest, data("national.proof"), JSON.stringify(genesis)), /genesis: the file has hash/);
});

test("refuses SM2 signatures over another message, out of range, or of no point", () => {
    const bundle = JSON.parse(data("national.proof"));
    const key = Buffer.from(JSON.parse(data("national.genesis.json")).validators[bundle.votes[0].validator].key.slice(2), "hex");
    const signature = Buffer.from(bundle.votes[0].signature.slice(2), "hex");
    assert.equal(verifySm2(key, Buffer.from("another message"), signature), false);
    const n = Buffer.from("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123", "hex");
    for (const [r, s] of [[Buffer.alloc(32), signature.subarray(32)], [signature.subarray(0, 32), Buffer.alloc(32)], [n, n]])
        assert.equal(verifySm2(key, Buffer.from("m"), Buffer.concat([r, s])), false);
    assert.equal(verifySm2(Buffer.alloc(32, 0xff), Buffer.from("m"), signature), false, "no point");
});

for (const name of ["storage.proof", "receipt.proof", "handover.proof", "national.proof"])
    test(`refuses one changed byte in ${name}`, () => {
        const good = data(name);
        const national = name === "national.proof";
        const [about, of] = national ? [nationalDigest, data("national.genesis.json")] : [digest, genesis];
        for (let i = 0; i < good.length; ++i) {
            const code = good.charCodeAt(i);
            // The step spares time: every byte of hexadecimal text is like its neighbours.
            if (i % 31 !== 0 && /[0-9a-f]/.test(good[i])) continue;
            const changed = good.slice(0, i) + String.fromCharCode(code ^ 1) + good.slice(i + 1);
            assert.throws(() => verifyBundle(about, changed, of), `byte ${i}`);
        }
    });

test("refuses another document, another genesis and a missing signature", () => {
    const bundle = data("storage.proof");
    assert.throws(() => verifyBundle("0x" + "d2".repeat(32), bundle, genesis), /^Error: digest/);
    const later = JSON.parse(genesis);
    later.timestamp += 1;
    assert.throws(() => verifyBundle(digest, bundle, JSON.stringify(later)), /^Error: genesis/);
    const unsigned = JSON.parse(genesis);
    delete unsigned.signatures.Beta;
    assert.throws(() => verifyBundle(digest, bundle, JSON.stringify(unsigned)), /not signed by Beta/);
});

test("refuses a certificate below quorum", () => {
    const bundle = JSON.parse(data("storage.proof"));
    bundle.votes.pop();
    assert.throws(() => verifyBundle(digest, JSON.stringify(bundle, null, 2) + "\n", genesis), /certificate: 2 of 3/);
});
