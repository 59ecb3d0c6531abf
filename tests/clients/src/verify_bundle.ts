// A checker of proof bundles written from docs/reference/proof-bundle.md alone; it shares nothing with the node's own.
// Use: tsx src/verify_bundle.ts DOCUMENT BUNDLE GENESIS
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { AbiCoder, decodeRlp, encodeRlp, getBytes, hexlify, id, keccak256, toBeHex, toUtf8Bytes, toUtf8String } from "ethers";
import { verifySm2 } from "./sm2.js";

const recordsContract = "0x000000000000000000000000000000000000ca02";
const maxBytes = 4 * 1024 * 1024;
const metadataMax = 1024;
const executionVote = 5;
const finalizeVote = 4;

export type ProvenRecord = {
    digest: string;
    index: bigint;
    sender: string;
    blockNumber: bigint;
    timestamp: bigint;
    metadata: string;
    provenAt: bigint;
    votes: number;
    validators: number;
};

type Vote = { signature: string; validator: number };
// A missing algorithm is Ed25519.
type Validator = { name: string; organisation: string; key: string; address: string; algorithm?: string };
const isSm2 = (member: Validator) => member.algorithm === "sm2";
type ValidatorSet = { epoch: bigint; members: Validator[] };

function check(condition: unknown, step: string): asserts condition {
    if (!condition) throw new Error(step);
}

// Cairn's own encoding: little-endian integers, strings with a u32 length.
class Writer {
    private parts: Uint8Array[] = [];
    int(value: bigint | number, bytes: number): this {
        const out = new Uint8Array(bytes);
        let rest = BigInt(value);
        for (let i = 0; i < bytes; ++i, rest >>= 8n) out[i] = Number(rest & 0xffn);
        return this.raw(out);
    }
    raw(bytes: Uint8Array): this {
        this.parts.push(bytes);
        return this;
    }
    bytes(bytes: Uint8Array): this {
        return this.int(bytes.length, 4).raw(bytes);
    }
    text(text: string): this {
        return this.bytes(toUtf8Bytes(text));
    }
    word(value: bigint): this {
        return this.raw(getBytes(toBeHex(value, 32)));
    }
    done(): Uint8Array {
        return Buffer.concat(this.parts);
    }
}

class Reader {
    private at = 0;
    constructor(private data: Uint8Array, private step: string) {}
    raw(length: number): Uint8Array {
        check(length <= this.data.length - this.at, `${this.step}: ends early`);
        this.at += length;
        return this.data.slice(this.at - length, this.at);
    }
    int(bytes: number): bigint {
        return this.raw(bytes).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    }
    text(): string {
        return Buffer.from(this.raw(Number(this.int(4)))).toString("utf8");
    }
    isAtEnd(): boolean {
        return this.at === this.data.length;
    }
    end(): void {
        check(this.at === this.data.length, `${this.step}: bytes are left over`);
    }
}

function verifyVote(voter: Validator, message: Uint8Array, signature: string): boolean {
    if (isSm2(voter)) return verifySm2(getBytes(voter.key), message, getBytes(signature));
    return verifySignature(voter.key, message, signature);
}

function verifySignature(key: string, message: Uint8Array, signature: string): boolean {
    const prefix = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo of Ed25519
    const der = Buffer.concat([prefix, getBytes(key)]);
    const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
    return verify(null, message, publicKey, getBytes(signature));
}

function encodeValidators(set: ValidatorSet): Uint8Array {
    const out = new Writer().int(set.epoch, 8).int(set.members.length, 4);
    for (const member of set.members)
        out.text(member.name).text(member.organisation).raw(getBytes(member.key)).text(member.address);
    return out.done();
}

function decodeValidators(data: Uint8Array, step: string): ValidatorSet {
    const reader = new Reader(data, step);
    const epoch = reader.int(8);
    const count = Number(reader.int(4));
    check(count >= 1 && count <= 100, `${step}: wrong number of validators`);
    const members: Validator[] = [];
    for (let i = 0; i < count; ++i)
        members.push({ name: reader.text(), organisation: reader.text(), key: hexlify(reader.raw(32)), address: reader.text() });
    check(new Set(members.map((member) => member.key)).size === count, `${step}: a key occurs twice`);
    if (!reader.isAtEnd()) {
        for (const member of members) {
            const algorithm = reader.int(1);
            check(algorithm <= 1n, `${step}: an unknown algorithm`);
            if (algorithm === 1n) member.algorithm = "sm2";
        }
        check(members.some(isSm2), `${step}: algorithms without need`);
    }
    reader.end();
    return { epoch, members };
}

/// In the order of their bits.
const ROLES = [
    "system-administrator", "security-administrator", "audit-administrator", "validator", "deployer", "data-provider",
    "regulator", "auditor",
];

function genesisHash(genesis: any): string {
    const p = genesis.parameters;
    const out = new Writer()
        .text("cairn-genesis-v1")
        .int(p.chain_id, 8)
        .int(p.fee_mode === "fixed" ? 1 : 0, 1)
        .word(BigInt(p.fixed_gas_price))
        .int(p.block_gas_limit, 8)
        .int(p.transaction_gas_cap, 8)
        .int(p.code_bytes_max, 4)
        .int(p.history_blocks, 8)
        .int(p.min_block_interval_ms, 4)
        .int({ international: 1, national: 2, mixed: 3 }[p.suite as string] ?? 0, 1)
        .int(genesis.timestamp, 8)
        .int(genesis.organisations.length, 4);
    for (const organisation of genesis.organisations)
        out.text(organisation.name)
            .text(organisation.ca_certificate_pem)
            .raw(getBytes(organisation.signing_key))
            .raw(getBytes(organisation.account));
    out.raw(encodeValidators({ epoch: 0n, members: genesis.validators }));
    const accounts = Object.entries<any>(genesis.accounts ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    out.int(accounts.length, 4);
    for (const [address, account] of accounts) {
        const storage = Object.entries<any>(account.storage ?? {}).map(([slot, value]) => [BigInt(slot), BigInt(value)]);
        storage.sort(([a], [b]) => (a < b ? -1 : 1));
        out.raw(getBytes(address))
            .word(BigInt(account.balance ?? 0))
            .int(account.nonce ?? 0, 8)
            .bytes(getBytes(account.code ?? "0x"))
            .int(storage.length, 4);
        for (const [slot, value] of storage) out.word(slot).word(value);
    }
    const roles = Object.entries<string[]>(genesis.roles ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    out.int(roles.length, 4);
    for (const [address, names] of roles)
        out.raw(getBytes(address)).int(names.reduce((mask, name) => mask | (1 << ROLES.indexOf(name)), 0), 2);
    const bound = accounts.filter(([, account]) => account.organisation);
    if (bound.length > 0 || p.account_binding === "required") {
        out.text("identities").int(p.account_binding === "required" ? 1 : 0, 1).int(bound.length, 4);
        for (const [address, account] of bound)
            out.raw(getBytes(address)).text(account.organisation).int(account.registrar ? 1 : 0, 1);
    }
    for (const member of genesis.validators)
        check(["sm2", "ed25519", undefined].includes(member.algorithm), "genesis: an unknown algorithm");
    if (genesis.validators.some(isSm2)) {
        out.text("voting-algorithms");
        for (const member of genesis.validators) out.int(isSm2(member) ? 1 : 0, 1);
    }
    return keccak256(out.done());
}

function checkGenesis(genesis: any, expected: string): void {
    const hash = genesisHash(genesis);
    check(hash === expected, `genesis: the file has hash ${hash}, the bundle is for ${expected}`);
    const message = Buffer.concat([Buffer.from("cairn-genesis-v1"), getBytes(hash)]);
    for (const organisation of genesis.organisations) {
        const signature = genesis.signatures?.[organisation.name];
        check(signature && verifySignature(organisation.signing_key, message, signature), `genesis: not signed by ${organisation.name}`);
    }
}

function checkVotes(
    chainId: number, set: ValidatorSet, votes: Vote[], kind: number, number: bigint, digest: string, step: string,
): void {
    const n = set.members.length;
    const quorum = Math.floor((n + Math.floor((n - 1) / 3)) / 2) + 1;
    check(votes.length >= quorum, `${step}: ${votes.length} of ${quorum} votes`);
    const message = new Writer()
        .raw(Buffer.from("cairn-vote-v1"))
        .int(chainId, 8)
        .int(kind, 1)
        .int(set.epoch, 8)
        .int(number, 8)
        .int(0, 2)
        .raw(getBytes(digest))
        .done();
    let last = -1;
    for (const vote of votes) {
        check(vote.validator > last && vote.validator < n, `${step}: voters`);
        last = vote.validator;
        check(verifyVote(set.members[vote.validator], message, vote.signature), `${step}: vote of ${vote.validator}`);
    }
}

function handOver(chainId: number, set: ValidatorSet, handover: any, step: string): ValidatorSet {
    const reader = new Reader(getBytes(handover.block), step);
    const epoch = reader.int(8);
    const view = reader.int(8);
    reader.raw(8 + 32 + 8); // height, parent, parent's view
    const lanes = Number(reader.int(4));
    check(lanes <= 100, `${step}: too many lanes`);
    reader.raw(lanes * 40 + 8 + 32 + 8 + 2); // tips, executed height and hash, time, leader
    check(reader.int(1) === 1n, `${step}: does not end its epoch`);
    const nextHash = hexlify(reader.raw(32));
    reader.end();
    check(epoch === set.epoch, `${step}: another epoch`);
    check(BigInt(handover.view) >= view, `${step}: finalized before its view`);
    checkVotes(chainId, set, handover.votes, finalizeVote, BigInt(handover.view), keccak256(handover.block), step);
    check(keccak256(handover.validators) === nextHash, `${step}: not the validators that the block names`);
    const next = decodeValidators(getBytes(handover.validators), step);
    check(next.epoch === set.epoch + 1n, `${step}: not the next epoch`);
    return next;
}

// Merkle Patricia trie. Items of nodes are hex strings, or arrays for nodes within their parent.
type Item = string | Item[];

function nibblesOf(hex: string): number[] {
    return [...hex.slice(2)].map((digit) => parseInt(digit, 16));
}

/** The value under the key, or undefined if the proof shows that there is none. */
export function trieValue(root: string, key: string, nodes: string[], step: string): string | undefined {
    const path = nibblesOf(key);
    let used = 0;
    const load = (reference: Item): Item[] => {
        if (Array.isArray(reference)) {
            check(getBytes(encodeRlp(reference as any)).length < 32, `${step}: a long node within another`);
            return reference;
        }
        check(reference.length === 66, `${step}: neither node nor hash`);
        check(used < nodes.length && keccak256(nodes[used]) === reference, `${step}: node ${used} has another hash`);
        const node = decodeRlp(nodes[used++]) as unknown as Item;
        check(Array.isArray(node), `${step}: a node is not a list`);
        return node;
    };
    const end = (value: string | undefined): string | undefined => {
        check(used === nodes.length, `${step}: nodes that are not on the way`);
        return value;
    };
    let node = load(root);
    while (true) {
        let child: Item;
        if (node.length === 17) {
            if (path.length === 0) return end(node[16] === "0x" ? undefined : (node[16] as string));
            child = node[path.shift()!];
            if (child === "0x") return end(undefined);
        } else {
            check(node.length === 2 && typeof node[0] === "string", `${step}: malformed node`);
            const prefix = nibblesOf(node[0]);
            const isLeaf = prefix[0] >= 2;
            const part = prefix.slice(prefix[0] % 2 === 1 ? 1 : 2);
            const matches = part.every((nibble, i) => path[i] === nibble);
            path.splice(0, part.length);
            if (isLeaf) return end(matches && path.length === 0 ? (node[1] as string) : undefined);
            check(part.length > 0, `${step}: extension without a path`);
            if (!matches) return end(undefined);
            child = node[1];
        }
        node = load(child);
    }
}

function word(value: bigint): string {
    return toBeHex(value & ((1n << 256n) - 1n), 32);
}

type Shown = { index: bigint; sender: string; blockNumber: bigint; timestamp: bigint; metadata: string };

function fromStorage(stateRoot: string, digest: string, proof: any): Shown {
    const leaf = trieValue(stateRoot, keccak256(recordsContract), proof.account_proof, "account proof");
    check(leaf !== undefined, "account proof: no such account");
    const storageRoot = (decodeRlp(leaf) as string[])[2];

    let used = 0;
    const load = (slot: bigint): bigint => {
        const step = `storage proof ${used}`;
        check(used < proof.storage_proofs.length, `${step}: is missing`);
        const value = trieValue(storageRoot, keccak256(word(slot)), proof.storage_proofs[used++], step);
        return value === undefined ? 0n : BigInt(decodeRlp(value) as string);
    };
    const array = BigInt(keccak256(digest + "00".repeat(32)));
    const headSlot = BigInt(keccak256(word(array))) + 2n * BigInt(proof.index);
    const head = load(headSlot);
    check(head !== 0n, "record: there is none");
    const text = load(headSlot + 1n);
    let content: Uint8Array;
    if ((text & 1n) === 0n) {
        const length = Number(text & 0xffn) / 2;
        check(length <= 31, "record: malformed metadata");
        content = getBytes(word(text)).slice(0, length);
    } else {
        check(text >> 1n >= 32n && text >> 1n <= BigInt(metadataMax), "record: malformed metadata");
        const length = Number(text >> 1n);
        const first = BigInt(keccak256(word(headSlot + 1n)));
        const words: Uint8Array[] = [];
        for (let i = 0n; i * 32n < length; ++i) words.push(getBytes(word(load(first + i))));
        content = Buffer.concat(words).subarray(0, length);
    }
    check(used === proof.storage_proofs.length, "storage proof: more than the record needs");
    return {
        index: BigInt(proof.index),
        sender: toBeHex(head & ((1n << 160n) - 1n), 20),
        blockNumber: (head >> 160n) & 0xffffffffffffn,
        timestamp: head >> 208n,
        metadata: toUtf8String(content),
    };
}

function fromReceipt(header: string[], digest: string, proof: any): Shown {
    const step = "receipt proof";
    const index = proof.transaction_index === 0 ? "0x" : toBeHex(proof.transaction_index);
    const leaf = trieValue(header[5], encodeRlp(index), proof.receipt_proof, step);
    check(leaf !== undefined, `${step}: no such transaction`);
    const isTyped = parseInt(leaf.slice(2, 4), 16) < 0xc0;
    const receipt = decodeRlp(isTyped ? "0x" + leaf.slice(4) : leaf) as any;
    const log = receipt[3][proof.log_index];
    check(log, "log: none there");
    const [address, topics, data] = log;
    check(address === recordsContract, "log: of another contract");
    check(topics.length === 3 && topics[0] === id("Recorded(bytes32,address,uint256,string)"), "log: another event");
    check(topics[1] === digest, "log: another digest");
    const [position, metadata] = AbiCoder.defaultAbiCoder().decode(["uint256", "string"], data);
    return {
        index: position,
        sender: "0x" + topics[2].slice(26),
        blockNumber: BigInt(header[8]),
        timestamp: BigInt(header[11]),
        metadata,
    };
}

/** The one text that a bundle has: keys sorted, indented by two. */
function canonical(value: any): string {
    const sorted = (v: any): any =>
        Array.isArray(v) ? v.map(sorted)
        : v !== null && typeof v === "object" ? Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])]))
        : v;
    return JSON.stringify(sorted(value), null, 2) + "\n";
}

const members = (value: any, keys: string[]) =>
    check(value !== null && typeof value === "object" && Object.keys(value).sort().join() === keys.join(), `file: not ${keys.join()}`);
const isHex = (value: any, bytes?: number) =>
    check(typeof value === "string" && /^0x([0-9a-f]{2})*$/.test(value) && (bytes === undefined || value.length === 2 + 2 * bytes), "file: not hex");
const isNumber = (value: any) => check(Number.isSafeInteger(value) && value >= 0, "file: not a number");
const isArray = (value: any, limit: number) => check(Array.isArray(value) && value.length <= limit, "file: not an array");

function checkVotesShape(votes: any): void {
    isArray(votes, 100);
    for (const vote of votes) {
        members(vote, ["signature", "validator"]);
        isHex(vote.signature, 64);
        isNumber(vote.validator);
    }
}

function checkNodes(nodes: any): void {
    isArray(nodes, 65);
    nodes.forEach((node: any) => isHex(node));
}

function parseBundle(text: string): any {
    check(Buffer.byteLength(text) <= maxBytes, "file: too long");
    const bundle = JSON.parse(text);
    check(canonical(bundle) === text, "file: not in the one form that a bundle has");
    members(bundle, ["chain_id", "digest", "format", "genesis", "handovers", "header", "record", "version", "votes"]);
    check(bundle.format === "cairn-proof-bundle" && bundle.version === 1, "file: format or version");
    isNumber(bundle.chain_id);
    isHex(bundle.digest, 32);
    isHex(bundle.genesis, 32);
    isHex(bundle.header);
    checkVotesShape(bundle.votes);
    isArray(bundle.handovers, 1000);
    for (const handover of bundle.handovers) {
        members(handover, ["block", "validators", "view", "votes"]);
        isHex(handover.block);
        isHex(handover.validators);
        isNumber(handover.view);
        checkVotesShape(handover.votes);
    }
    const record = bundle.record;
    if (record && "receipt_proof" in record) {
        members(record, ["log_index", "receipt_proof", "transaction_index"]);
        isNumber(record.log_index);
        isNumber(record.transaction_index);
        checkNodes(record.receipt_proof);
    } else {
        members(record, ["account_proof", "index", "storage_proofs"]);
        isNumber(record.index);
        checkNodes(record.account_proof);
        isArray(record.storage_proofs, 2 + metadataMax / 32);
        record.storage_proofs.forEach(checkNodes);
    }
    return bundle;
}

/** Throws with the step that failed. `digest` is of the document, `bundleText` and `genesisText` are the files. */
export function verifyBundle(digest: string, bundleText: string, genesisText: string): ProvenRecord {
    const bundle = parseBundle(bundleText);
    check(bundle.digest === digest, "digest: the bundle is about another document");
    const genesis = JSON.parse(genesisText);
    checkGenesis(genesis, bundle.genesis);
    const chainId = genesis.parameters.chain_id;
    check(bundle.chain_id === chainId, "genesis: another chain id");

    let set: ValidatorSet = { epoch: 0n, members: genesis.validators };
    bundle.handovers.forEach((handover: any, i: number) => (set = handOver(chainId, set, handover, `handover ${i}`)));

    const header = decodeRlp(bundle.header) as string[];
    check(Array.isArray(header) && header.length === 21 && encodeRlp(header) === bundle.header, "header: malformed");
    const number = header[8] === "0x" ? 0n : BigInt(header[8]);
    checkVotes(chainId, set, bundle.votes, executionVote, number, keccak256(bundle.header), "certificate");

    const shown =
        "receipt_proof" in bundle.record
            ? fromReceipt(header, digest, bundle.record)
            : fromStorage(header[3], digest, bundle.record);
    return { digest, ...shown, provenAt: number, votes: bundle.votes.length, validators: set.members.length };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
    const [document, bundle, genesis] = process.argv.slice(2);
    if (!genesis) throw new Error("usage: verify_bundle.ts DOCUMENT BUNDLE GENESIS");
    const digest = "0x" + createHash("sha256").update(readFileSync(document)).digest("hex");
    try {
        const proven = verifyBundle(digest, readFileSync(bundle, "utf8"), readFileSync(genesis, "utf8"));
        console.log(JSON.stringify(proven, (_, v) => (typeof v === "bigint" ? v.toString() : v), 2));
    } catch (error) {
        console.error(`refused: ${(error as Error).message}`);
        process.exitCode = 1;
    }
}
