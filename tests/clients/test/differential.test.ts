// The same signed transactions into anvil and into the network under test; whatever a client can see of them must be equal.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { decodeRlp, JsonRpcProvider, keccak256, parseEther, toBeHex, Wallet } from "ethers";
import { startAnvil } from "../src/anvil.js";
import { bindAccount, eventually, isCairn, Network, networkUnderTest } from "../src/network.js";
import { violations } from "../src/openrpc.js";
import { Recorder } from "../src/recorder.js";
import { Scenario } from "../src/scenario.js";
import { trieValue } from "../src/verify_bundle.js";

type Answer = { result?: any; error?: { code: number; message: string; data?: any } };

class Side {
    constructor(readonly network: Network, readonly recorder: Recorder) {}
    async ask(method: string, params: unknown[] = []): Promise<Answer> {
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
        const response = await fetch(this.recorder.rpc, { method: "POST", body, headers: { "content-type": "application/json" } });
        return (await response.json()) as Answer;
    }
    async result(method: string, params: unknown[] = []): Promise<any> {
        const answer = await this.ask(method, params);
        assert.ok(!answer.error, `${method} ${JSON.stringify(params)}: ${JSON.stringify(answer.error)}`);
        return answer.result;
    }
    receipt(hash: string): Promise<any> {
        return eventually(`receipt of ${hash}`, async () => (await this.result("eth_getTransactionReceipt", [hash])) ?? undefined);
    }
}

const under = networkUnderTest();
const anvil = await startAnvil(under.chain_id);
const sides: Side[] = [];
let scenario: Scenario;
const wallet = new Wallet(Wallet.createRandom().privateKey);
const poor = new Wallet(Wallet.createRandom().privateKey);

before(async () => {
    for (const network of [anvil.network, under]) {
        const side = new Side(network, await Recorder.start(network.nodes[0]));
        sides.push(side);
        const provider = new JsonRpcProvider(side.recorder.rpc, network.chain_id, { staticNetwork: true, pollingInterval: 100, cacheTimeout: -1 });
        const rich = new Wallet(network.accounts[4 % network.accounts.length].private_key, provider);
        await (await rich.sendTransaction({ to: wallet.address, value: parseEther("10") })).wait();
        for (const account of [wallet, poor]) await bindAccount(network, rich, account.address);
        provider.destroy();
    }
    scenario = await Scenario.make(wallet, under.chain_id);
    for (const side of sides)
        for (const step of scenario.steps) {
            assert.equal(await side.result("eth_sendRawTransaction", [step.raw]), step.hash, step.name);
            await side.receipt(step.hash);
        }
});
after(async () => {
    for (const side of sides) await side.recorder.stop();
    anvil.child.kill();
});

/** Compares `view` of both sides for every item and reports all differences, not only the first. */
async function compare<T>(items: T[], name: (item: T) => string, view: (side: Side, item: T) => Promise<unknown>): Promise<void> {
    const differences: string[] = [];
    for (const item of items) {
        const [reference, ours] = await Promise.all(sides.map((side) => view(side, item)));
        if (JSON.stringify(reference) !== JSON.stringify(ours))
            differences.push(`${name(item)}\n  anvil ${JSON.stringify(reference)?.slice(0, 1500)}\n  ours  ${JSON.stringify(ours)?.slice(0, 1500)}`);
    }
    assert.equal(differences.length, 0, `${differences.length} of ${items.length} differ\n${differences.join("\n")}`);
}

const lower = (value: string | null | undefined) => value?.toLowerCase() ?? null;
const stepName = (step: { name: string }) => step.name;

test("receipts: status, gas, logs, created contracts", async () => {
    await compare(scenario.steps, stepName, async (side, step) => {
        const r = await side.receipt(step.hash);
        return {
            status: r.status, type: r.type, gasUsed: r.gasUsed, price: r.effectiveGasPrice, from: lower(r.from), to: lower(r.to), created: lower(r.contractAddress),
            bloom: r.logsBloom, logs: r.logs.map((log: any) => [lower(log.address), log.topics, log.data, log.logIndex, log.removed]),
        };
    });
});

test("transactions as the chains give them back", async () => {
    await compare(scenario.steps, stepName, async (side, step) => {
        const t = await side.result("eth_getTransactionByHash", [step.hash]);
        return [t.hash, t.type, t.nonce, t.gas, t.value, t.input, lower(t.to), lower(t.from), t.r, t.s, t.chainId ?? null, t.maxFeePerGas ?? null, t.maxPriorityFeePerGas ?? null];
    });
});

test("state: code, nonce, balance, storage", async () => {
    const addresses = [wallet.address, ...Object.values(scenario.contracts)];
    await compare(addresses, (address) => address, async (side, address) => ({
        code: await side.result("eth_getCode", [address, "latest"]),
        nonce: await side.result("eth_getTransactionCount", [address, "latest"]),
        balance: await side.result("eth_getBalance", [address, "latest"]),
        storage: await Promise.all(["0x0", "0x1", "0x2", "0x3", "0x4"].map((slot) => side.result("eth_getStorageAt", [address, slot, "latest"]))),
    }));
});

test("storage proofs hold, checked by the independent checker's trie", async () => {
    const slots = ["0", "2", "3"].map((slot) => "0x" + slot.padStart(64, "0"));
    for (const side of sides.filter(({ network }) => isCairn(network))) {
        for (const address of Object.values(scenario.contracts)) {
            const block = await side.result("eth_getBlockByNumber", ["latest", false]);
            const proof = await side.result("eth_getProof", [address, slots, block.number]);
            const account = trieValue(block.stateRoot, keccak256(address), proof.accountProof, "account")!;
            assert.equal((decodeRlp(account) as string[])[2], proof.storageHash);
            for (const { key, value, proof: nodes } of proof.storageProof) {
                const leaf = trieValue(proof.storageHash, keccak256(toBeHex(BigInt(key), 32)), nodes, "slot");
                assert.equal(leaf === undefined ? 0n : BigInt(decodeRlp(leaf) as string), BigInt(value));
                assert.equal(BigInt(await side.result("eth_getStorageAt", [address, key, block.number])), BigInt(value));
            }
        }
    }
    // anvil counts slots that were set back to zero as entries of the trie: compare where there are none.
    await compare(["CounterV1", "CounterV2", "CounterProxy"], (name) => name, async (side, name) => {
        const proof = await side.result("eth_getProof", [scenario.contracts[name], slots, "latest"]);
        return [proof.storageHash, proof.codeHash, proof.storageProof.map((one: any) => [one.value, one.proof])];
    });
});

test("calls: results, and errors with code and data", async () => {
    await compare(scenario.calls, stepName, async (side, { call }) => {
        const { result, error } = await side.ask("eth_call", [call, "latest"]);
        if (!error) return { result };
        const isRevert = error.code === 3;
        // anvil words the reason of a custom error and of out of gas in its own way.
        return isRevert ? { code: 3, data: error.data, message: error.message.startsWith("execution reverted") } : { failed: true };
    });
});

test("reverts are worded as geth does", async () => {
    const ours = sides[1];
    if (!isCairn(ours.network)) return;
    const of = async (name: string) => (await ours.ask("eth_call", [scenario.calls.find((call) => call.name === name)!.call, "latest"])).error;
    assert.equal((await of("Token.failWithText"))!.message, "execution reverted: plain text reason");
    assert.match((await of("Token.failWithPanic"))!.message, /^execution reverted: division or modulo by zero$/);
    assert.equal((await of("Token.transfer"))!.message, "execution reverted");
    assert.equal((await of("Token.failWithNothing"))!.message, "execution reverted");
    assert.match((await of("Probe.loopForEver"))!.message, /out of gas/);
});

test("estimates suffice and lie within 2 % of each other", async () => {
    const differences: string[] = [];
    for (const { name, call } of scenario.calls) {
        const [reference, ours] = await Promise.all(sides.map((side) => side.ask("eth_estimateGas", [{ from: call.from, to: call.to, data: call.data }])));
        if (Boolean(reference.error) !== Boolean(ours.error)) differences.push(`${name}: ${JSON.stringify(reference)} ${JSON.stringify(ours)}`);
        if (reference.error || ours.error) continue;
        const [a, b] = [Number(reference.result), Number(ours.result)];
        if (Math.abs(a - b) > 0.02 * a) differences.push(`${name}: anvil ${a}, ours ${b}`);
    }
    assert.deepEqual(differences, []);
});

test("logs by address, topic and range", async () => {
    const token = scenario.contracts.Token;
    const transfer = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
    const filters = [{ address: token }, { topics: [transfer] }, { topics: [[transfer, "0x" + "00".repeat(32)], null, "0x" + "00".repeat(12) + "ab".repeat(20)] }];
    await compare(filters, (filter) => JSON.stringify(filter), async (side, filter) => {
        const logs = await side.result("eth_getLogs", [{ fromBlock: "earliest", toBlock: "latest", ...filter }]);
        const known = new Set([...Object.values(scenario.contracts)].map((address) => address.toLowerCase()));
        return logs.filter((log: any) => known.has(log.address)).map((log: any) => [log.address, log.topics, log.data, log.transactionHash]);
    });
});

test("debug_traceTransaction: struct logs", async () => {
    const traces = await Promise.all(sides.map((side) => allTraces(side)));
    const differences: string[] = [];
    scenario.steps.forEach(({ name }, i) => {
        const [reference, ours] = traces.map((all) => all[i]);
        if (reference.gas !== ours.gas || reference.failed !== ours.failed || reference.steps.length !== ours.steps.length)
            differences.push(`${name}: gas ${reference.gas}/${ours.gas}, steps ${reference.steps.length}/${ours.steps.length}`);
        const first = reference.steps.findIndex((step, at) => step !== ours.steps[at]);
        if (first >= 0) differences.push(`${name} step ${first}\n  anvil ${reference.steps[first]}\n  ours  ${ours.steps[first]}`);
    });
    assert.equal(differences.length, 0, differences.join("\n"));
});

type Trace = { gas: number; failed: boolean; steps: string[] };

async function allTraces(side: Side): Promise<Trace[]> {
    const traces: Trace[] = [];
    for (const step of scenario.steps) {
        const trace = await side.result("debug_traceTransaction", [step.hash, { disableStorage: true }]);
        const seesTime = step.name.startsWith("Timelock."); // on its stack, and the chains' clocks differ
        const stack = (words: string[] = []) => (seesTime ? words.length : words.map((word) => BigInt(word).toString(16)));
        // geth, and we, give a creation's own cost, anvil adds the gas passed on; of an instruction that runs out of gas geth
        // gives what it would have cost, anvil what was left.
        const cost = (log: any) => (log.op.startsWith("CREATE") ? "own" : Math.min(log.gasCost, log.gas));
        const steps = trace.structLogs.map((log: any) => JSON.stringify([log.pc, log.op, log.gas, cost(log), log.depth, stack(log.stack)]));
        traces.push({ gas: trace.gas, failed: trace.failed, steps });
    }
    return traces;
}

test("debug_traceTransaction: callTracer", async () => {
    const frame = (call: any): unknown => [call.type, lower(call.from), lower(call.to), call.value ?? null, call.gasUsed, call.input, call.output ?? null, Boolean(call.error), (call.calls ?? []).map(frame)];
    await compare(scenario.steps, stepName, async (side, step) => frame(await side.result("debug_traceTransaction", [step.hash, { tracer: "callTracer" }])));
});

test("what the pool refuses, it refuses with the same words", async () => {
    const base = { chainId: under.chain_id, type: 2, to: wallet.address, gasLimit: 21_000, maxFeePerGas: 0, maxPriorityFeePerGas: 0 };
    const bad: [string, string, RegExp][] = [
        ["nonce too low", await wallet.signTransaction({ ...base, nonce: 0, value: 3n }), /nonce too low/i],
        ["no funds", await poor.signTransaction({ ...base, nonce: 0, value: 1n }), /insufficient funds for gas \* price \+ value/i],
        ["intrinsic gas", await wallet.signTransaction({ ...base, nonce: 10_000, gasLimit: 20_000 }), /intrinsic gas too low/i],
        ["wrong chain", await wallet.signTransaction({ ...base, nonce: 10_000, chainId: 1 }), /chain ?id/i],
        ["not a transaction", "0x1234", /./],
    ];
    for (const [name, raw, words] of bad) {
        const [reference, ours] = await Promise.all(sides.map((side) => side.ask("eth_sendRawTransaction", [raw])));
        assert.ok(reference.error, `${name}: ${JSON.stringify(reference)}`);
        assert.match(ours.error?.message ?? JSON.stringify(ours), words, name);
    }
});

test("every answer of the network under test is as the OpenRPC document says", () => {
    assert.ok(sides[1].recorder.exchanges.length > 100);
    if (isCairn(under)) assert.deepEqual(violations(sides[1].recorder), []);
});
