// An account changes its key with unmodified ethers: the address stays, the new key's wallet just works, the old one is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Contract, getBytes, JsonRpcProvider, parseEther, Signature, Wallet } from "ethers";
import { closeProvider, fundedWallet, isCairn, networkUnderTest } from "../src/network.js";

const network = networkUnderTest();
const KEYS = "0x000000000000000000000000000000000000ca06";
const abi = [
    "function possession(address account, address newKey) view returns (bytes32)",
    "function rotate(address newKey, uint8 v, bytes32 r, bytes32 s)",
    "function keyOf(address account) view returns (address key, uint32 version)",
    "function goodAt(bytes32 id, uint64 height) view returns (bool)",
];

test("an account moves to a new key", { skip: !isCairn(network) && "only Cairn has this contract" }, async () => {
    const provider = new JsonRpcProvider(network.nodes[0].rpc, network.chain_id, {
        staticNetwork: true, pollingInterval: 100, cacheTimeout: -1,
    });
    try {
        const old = (await fundedWallet(network, 7)).connect(provider);
        const fresh = Wallet.createRandom().connect(provider);
        const friend = Wallet.createRandom().address;
        const keys = new Contract(KEYS, abi, old);

        const message = await keys.possession(old.address, fresh.address);
        const proof = Signature.from(await fresh.signMessage(getBytes(message)));
        const rotation = await (await keys.rotate(fresh.address, proof.v, proof.r, proof.s)).wait();
        assert.equal(rotation.status, 1);
        assert.equal((await keys.keyOf(old.address)).key, fresh.address);

        // A wallet knows only the address of its key, and asks for that one's nonce and balance.
        assert.equal(await provider.getTransactionCount(fresh.address), await provider.getTransactionCount(old.address));
        assert.equal(await provider.getBalance(fresh.address), await provider.getBalance(old.address));
        for (const value of [parseEther("1"), parseEther("2")]) {
            const sent = await fresh.sendTransaction({ to: friend, value });
            const receipt = await sent.wait();
            assert.equal(receipt!.status, 1);
            assert.equal(receipt!.from, old.address, "the account acts, whatever its key");
            assert.equal((await provider.getTransaction(sent.hash))!.from, old.address);
        }
        assert.equal(await provider.getBalance(friend), parseEther("3"));

        await assert.rejects(old.sendTransaction({ to: friend, value: 1n }), /signing key is retired/);
        const id = `0x${"00".repeat(12)}${old.address.slice(2)}`;
        assert.equal(await keys.goodAt(id, rotation.blockNumber), true);
        assert.equal(await keys.goodAt(id, rotation.blockNumber + 1), false);
    } finally {
        await closeProvider(provider);
    }
});
