// The independent checker against bundles that the node's own code has written.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
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

for (const name of ["storage.proof", "receipt.proof", "handover.proof"])
    test(`refuses one changed byte in ${name}`, () => {
        const good = data(name);
        for (let i = 0; i < good.length; ++i) {
            const code = good.charCodeAt(i);
            // The step spares time: every byte of hexadecimal text is like its neighbours.
            if (i % 31 !== 0 && /[0-9a-f]/.test(good[i])) continue;
            const changed = good.slice(0, i) + String.fromCharCode(code ^ 1) + good.slice(i + 1);
            assert.throws(() => verifyBundle(digest, changed, genesis), `byte ${i}`);
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
