// The system contracts through ethers, with nothing but their Solidity interfaces; and evidence from the node, checked by the
// independent checker.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { concat, Contract, isError, JsonRpcProvider, keccak256, toBeHex, Wallet, ZeroHash } from "ethers";
import { artifacts, closeProvider, eventually, fundedWallet, isCairn, networkUnderTest } from "../src/network.js";
import { violations } from "../src/openrpc.js";
import { Recorder } from "../src/recorder.js";
import { verifyBundle } from "../src/verify_bundle.js";

const network = networkUnderTest();
const skip = !isCairn(network) && "only a Cairn network has them";
const at = (last: string) => "0x" + last.padStart(40, "0");
let recorder: Recorder;
let provider: JsonRpcProvider;
let wallet: Wallet;

before(async () => {
    recorder = await Recorder.start(network.nodes[0]);
    provider = new JsonRpcProvider(recorder.rpc, network.chain_id, { pollingInterval: 100, cacheTimeout: -1 });
    if (!skip) wallet = (await fundedWallet(network, 5)).connect(provider);
});
after(async () => {
    await closeProvider(provider);
    await recorder.stop();
});

const contract = (name: string, address: string) => new Contract(address, artifacts[name].abi, wallet);

test("Members lists the organisations and validators of the genesis file", { skip }, async () => {
    const genesis = JSON.parse(readFileSync(network.genesis, "utf8"));
    const members = contract("IMembers", at("ca01"));
    assert.equal(await members.organisationCount(), BigInt(genesis.organisations.length));
    assert.equal(await members.validatorCount(), BigInt(genesis.validators.length));
    for (let i = 0; i < genesis.validators.length; ++i) {
        const validator = await members.validator(i);
        assert.equal(validator.name, genesis.validators[i].name);
        assert.equal(validator.key, genesis.validators[i].key);
        assert.equal((await members.organisation(validator.organisation)).name, genesis.validators[i].organisation);
    }
    await assert.rejects(members.setNetworkAddress.staticCall(genesis.validators[0].name, "elsewhere:1"), (error: any) => error.revert?.name === "NotAuthorised");
});

test("Parameters tells the chain's rules", { skip }, async () => {
    const parameters = contract("IParameters", at("ca03"));
    assert.equal(await parameters.get("chainId"), BigInt(network.chain_id));
    assert.equal((await provider.getBlock("latest"))!.gasLimit, await parameters.get("blockGasLimit"));
    await assert.rejects(parameters.get("nonsense"), (error: any) => isError(error, "CALL_EXCEPTION") && error.revert?.args[0] === "nonsense");
});

test("Roles: a refusal names its rule, and a proposal by a stranger is refused", { skip }, async () => {
    const roles = contract("IRoles", at("ca04"));
    const genesis = JSON.parse(readFileSync(network.genesis, "utf8"));
    for (const [account, names] of Object.entries<string[]>(genesis.roles))
        if (names.includes("security-administrator")) assert.equal(await roles.has(account, 1), true);
    // Denied by decision of the security administrator and an organisation.
    const stranger = at("dead");
    const administrator = network.accounts.find((account: any) => account.role === "security-administrator")!;
    const organisation = readFileSync(join(dirname(network.genesis), "organisations", "alpha", "administrator.key"), "utf8").trim();
    const propose = new Contract(at("ca05"), artifacts.IProposals.abi, new Wallet(administrator.private_key, provider));
    const approve = new Contract(at("ca05"), artifacts.IProposals.abi, new Wallet(organisation, provider));
    const deny = roles.interface.encodeFunctionData("setPolicy", [stranger, at("ca02"), "0x00000000", 3, 2]);
    const receipt = await (await propose.propose(at("ca04"), deny, "to see it refused")).wait();
    const id = receipt.logs.map((log: any) => propose.interface.parseLog(log)).find((log: any) => log?.name === "Proposed")!.args.id;
    const approved = await (await approve.approve(id)).wait();
    await eventually("the next block", async () => (await provider.getBlockNumber()) > approved.blockNumber || undefined);
    const count = new Contract(at("ca02"), artifacts.IRecords.abi).interface.encodeFunctionData("count", [ZeroHash]);
    await provider.call({ from: wallet.address, to: at("ca02"), data: count });
    await assert.rejects(provider.call({ from: stranger, to: at("ca02"), data: count }), (error: any) => {
        const told = roles.interface.parseError(error.data);
        assert.equal(told?.name, "PolicyDenied");
        assert.match(told!.args[0], /^policy: deny 0x/);
        assert.equal(BigInt(told!.args[1]), BigInt(stranger));
        assert.equal(BigInt(told!.args[2]), BigInt(at("ca02")));
        return true;
    });
    const proposals = contract("IProposals", at("ca05"));
    const data = roles.interface.encodeFunctionData("grant", [stranger, 4]);
    await assert.rejects(proposals.propose.staticCall(at("ca04"), data, "by myself"), (error: any) => error.revert?.name === "NotAuthorised");
});

test("Records: record, read, prove by eth_getProof and by a bundle", { skip }, async () => {
    const records = contract("IRecords", at("ca02"));
    const digest = "0x" + createHash("sha256").update(wallet.address).digest("hex");
    const metadata = "a statement of more than thirty-two bytes, to fill some slots";
    await assert.rejects(records.get(digest), (error: any) => error.revert?.name === "RecordUnknown");
    const receipt = await (await records.record(digest, metadata)).wait();
    const block = (await provider.getBlock(receipt.blockNumber))!;
    const event = records.interface.parseLog(receipt.logs[0])!;
    assert.deepEqual([...event.args], [digest, wallet.address, 0n, metadata]);
    assert.deepEqual([...(await records.get(digest))], [wallet.address, BigInt(block.number), BigInt(block.timestamp), metadata]);
    await (await records.record(digest, "again")).wait();
    assert.equal(await records.count(digest), 2n);
    assert.deepEqual((await records.history(digest, 0, 10)).map((entry: any) => entry.metadata), [metadata, "again"]);
    assert.equal((await records.queryFilter(records.filters.Recorded(digest), 0)).length, 2);

    const head = keccak256(keccak256(concat([digest, ZeroHash])));
    const proof = await provider.send("eth_getProof", [at("ca02"), [head], "latest"]);
    assert.equal(BigInt(proof.storageProof[0].value) & ((1n << 160n) - 1n), BigInt(wallet.address));
    assert.equal(await provider.getStorage(at("ca02"), BigInt(head)), toBeHex(BigInt(proof.storageProof[0].value), 32));

    const bundle = await provider.send("cairn_getProofBundle", [digest]);
    const text = typeof bundle === "string" ? bundle : canonicalText(bundle);
    const proven = verifyBundle(digest, text, readFileSync(network.genesis, "utf8"));
    assert.equal(proven.sender.toLowerCase(), wallet.address.toLowerCase());
    assert.equal(proven.blockNumber, BigInt(block.number));
    assert.equal(proven.timestamp, BigInt(block.timestamp));
    assert.equal(proven.metadata, metadata);
    const other = "0x" + createHash("sha256").update("another").digest("hex");
    assert.throws(() => verifyBundle(other, text, readFileSync(network.genesis, "utf8")), /digest/);
});

test("they refuse value and are seen as contracts", { skip }, async () => {
    for (const address of [at("ca01"), at("ca02"), at("ca03")]) {
        assert.equal(await provider.getCode(address), "0xfe");
        await assert.rejects(wallet.estimateGas({ to: address, value: 1n }), (error: any) => isError(error, "CALL_EXCEPTION"));
    }
});

test("every answer of theirs is as the OpenRPC document says", { skip }, () => {
    assert.ok(recorder.exchanges.length > 20);
    assert.deepEqual(violations(recorder), []);
});

function canonicalText(bundle: unknown): string {
    return JSON.stringify(bundle, null, 2) + "\n";
}
