// ethers 6 as it comes: deploy, write, read, events, custom errors, filters, subscriptions; over HTTP and WebSocket.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
    AbiCoder, AbstractProvider, Contract, ContractFactory, id, isError, JsonRpcProvider, NonceManager, parseEther, Wallet,
    WebSocketProvider, ZeroAddress, ZeroHash,
} from "ethers";
import { artifacts, bindAccount, closeProvider, eventually, fundedWallet, isCairn, networkUnderTest } from "../src/network.js";
import { violations } from "../src/openrpc.js";
import { Recorder } from "../src/recorder.js";

const network = networkUnderTest();
// Blocks come faster than the quarter of a second for which ethers remembers a nonce.
const options = { pollingInterval: 100, cacheTimeout: -1 };
let recorder: Recorder;

before(async () => {
    recorder = await Recorder.start(network.nodes[0]);
});
after(async () => {
    await recorder.stop();
});

async function deploy(name: string, wallet: Wallet | NonceManager, ...args: unknown[]): Promise<Contract> {
    const factory = new ContractFactory(artifacts[name].abi, artifacts[name].bytecode, wallet);
    const contract = await factory.deploy(...args);
    await contract.waitForDeployment();
    return contract as Contract;
}

async function mined(sent: Promise<any>): Promise<any> {
    const receipt = await (await sent).wait();
    assert.equal(receipt.status, 1);
    return receipt;
}

/** The custom error that a call reverts with, decoded by the contract's interface. */
async function customError(contract: Contract, call: Promise<unknown>): Promise<{ name: string; args: unknown[] }> {
    try {
        await call;
    } catch (error) {
        assert.ok(isError(error, "CALL_EXCEPTION"), String(error));
        const parsed = contract.interface.parseError(error.data!);
        assert.ok(parsed, String(error));
        return { name: parsed.name, args: [...parsed.args] };
    }
    throw new assert.AssertionError({ message: "did not revert" });
}

function scenario(transport: string, connect: () => AbstractProvider): void {
    let provider: AbstractProvider;
    let wallet: Wallet;
    let friend: string;

    test(`ethers over ${transport}`, async (t) => {
        provider = connect();
        wallet = (await fundedWallet(network, 0)).connect(provider);
        friend = Wallet.createRandom().address;

        await t.test("knows the chain", async () => {
            assert.equal((await provider.getNetwork()).chainId, BigInt(network.chain_id));
            assert.equal(await provider.getBalance(wallet.address), parseEther("100"));
            const block = await provider.getBlock("latest", true);
            assert.ok(block && block.number > 0 && block.hash);
            if (isCairn(network)) assert.ok((await provider.getBlock("finalized"))!.number >= block.number);
            assert.equal(await provider.getBlock("0x" + "12".repeat(32)), null);
            assert.equal(await provider.getTransaction("0x" + "12".repeat(32)), null);
        });

        await t.test("ERC-20: deploy, transfer, read, events, errors", async () => {
            const token = await deploy("Token", wallet, wallet.address);
            const receipt = await mined(token.transfer(friend, 25n));
            assert.equal(receipt.logs.length, 1);
            assert.equal(await token.balanceOf(friend), 25n);
            assert.equal(await token.name(), "Cairn Stone");
            const events = await token.queryFilter(token.filters.Transfer(wallet.address, friend), 0);
            assert.deepEqual(events.map((event: any) => event.args.value), [25n]);

            assert.deepEqual(await customError(token, token.transfer.staticCall(ZeroAddress, 1n)), { name: "ERC20InvalidReceiver", args: [ZeroAddress] });
            const limit = await token.LIMIT();
            assert.deepEqual(await customError(token, token.mint.estimateGas(friend, limit + 1n)), { name: "MintTooLarge", args: [limit + 1n, limit] });
            await assert.rejects(token.failWithText(), (error: any) => error.reason === "plain text reason");
            await assert.rejects(token.failWithPanic(0), (error: any) => /DIVIDE_BY_ZERO|0x12|18/.test(error.reason ?? error.message));
            await assert.rejects(token.failWithNothing(), (error: any) => isError(error, "CALL_EXCEPTION") && error.data === "0x");
        });

        await t.test("a failed transaction is in a block with status 0", async () => {
            const token = await deploy("Token", wallet, wallet.address);
            const sent = await token.transfer(friend, parseEther("5000"), { gasLimit: 100_000 });
            await assert.rejects(sent.wait(), (error: any) => isError(error, "CALL_EXCEPTION") && error.receipt?.status === 0);
        });

        await t.test("ERC-721", async () => {
            const deed = await deploy("Deed", wallet);
            await mined(deed.issue(friend, "ipfs://stone"));
            assert.equal(await deed.ownerOf(0n), friend);
            assert.equal(await deed.tokenURI(0n), "ipfs://stone");
            assert.deepEqual(await customError(deed, deed.ownerOf(7n)), { name: "ERC721NonexistentToken", args: [7n] });
        });

        await t.test("AccessControl", async () => {
            const register = await deploy("Register", wallet, wallet.address);
            const clerk = await register.CLERK();
            assert.deepEqual(await customError(register, register.enter.staticCall("x")), { name: "AccessControlUnauthorizedAccount", args: [wallet.address, clerk] });
            await mined(register.grantRole(clerk, wallet.address));
            await mined(register.enter("first entry"));
            assert.equal(await register.entry(0n), "first entry");
        });

        await t.test("TimelockController", async () => {
            const timelock = await deploy("Timelock", wallet, 1n, [wallet.address], wallet.address);
            const token = await deploy("Token", wallet, await timelock.getAddress());
            const call = token.interface.encodeFunctionData("transfer", [friend, 9n]);
            const operation = [await token.getAddress(), 0n, call, ZeroHash, id("salt")] as const;
            await mined(timelock.schedule(...operation, 1n));
            const operationId = await timelock.hashOperation(...operation);
            await eventually("the delay", async () => {
                // The latest block's time moves only with blocks: make one.
                await mined(wallet.sendTransaction({ to: wallet.address }));
                return (await timelock.isOperationReady(operationId)) || undefined;
            });
            await mined(timelock.execute(...operation));
            assert.equal(await token.balanceOf(friend), 9n);
            assert.equal(await timelock.isOperationDone(operationId), true);
        });

        await t.test("UUPS proxy: initialise, upgrade, keep state", async () => {
            const first = await deploy("CounterV1", wallet);
            const second = await deploy("CounterV2", wallet);
            const initialise = first.interface.encodeFunctionData("initialize", [wallet.address]);
            const proxy = await deploy("CounterProxy", wallet, await first.getAddress(), initialise);
            const counter = new Contract(await proxy.getAddress(), artifacts.CounterV1.abi, wallet);
            await mined(counter.increment());
            await mined(counter.upgradeToAndCall(await second.getAddress(), "0x"));
            await mined(counter.increment());
            assert.equal(await counter.version(), 2n);
            assert.equal(await counter.count(), 11n);
            assert.deepEqual(await customError(first, first.initialize.staticCall(friend)), { name: "InvalidInitialization", args: [] });
            const slot = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc"; // ERC-1967
            const stored = await provider.getStorage(await proxy.getAddress(), slot);
            assert.equal(AbiCoder.defaultAbiCoder().decode(["address"], stored)[0], await second.getAddress());
        });

        await t.test("filters and subscriptions report logs and blocks", async () => {
            const token = await deploy("Token", wallet, wallet.address);
            const transfers: bigint[] = [];
            const blocks: number[] = [];
            await token.on(token.filters.Transfer(wallet.address), (event: any) => transfers.push(event.args.value));
            await provider.on("block", (number: number) => blocks.push(number));
            for (const value of [1n, 2n, 3n]) await mined(token.transfer(friend, value));
            await eventually("three transfers and a block", () => (transfers.length >= 3 && blocks.length > 0) || undefined);
            assert.deepEqual(transfers, [1n, 2n, 3n]);
            await token.removeAllListeners();
        });

        await t.test("many transactions at once through a NonceManager", async () => {
            const manager = new NonceManager(wallet);
            const token = await deploy("Token", manager, wallet.address);
            const sent = [];
            for (let i = 1; i <= 20; ++i) sent.push(await (token.connect(manager) as Contract).transfer(friend, i, { gasLimit: 100_000 }));
            for (const one of sent) await mined(Promise.resolve(one));
            assert.equal(await token.balanceOf(friend), 210n);
        });

        await t.test("transactions of type 0, 1 and 2 with and without a fee", async () => {
            for (const overrides of [{ type: 0, gasPrice: 0 }, { type: 1, gasPrice: 0, accessList: [] }, { type: 2 },
                                     { type: 2, maxFeePerGas: 2_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n }]) {
                const receipt = await mined(wallet.sendTransaction({ to: friend, value: 1n, ...overrides }));
                assert.equal(receipt.gasUsed, 21_000n);
                assert.equal(receipt.type, overrides.type);
            }
        });

        await t.test("errors of the pool carry the codes that ethers knows", async () => {
            const poor = Wallet.createRandom().connect(provider);
            await bindAccount(network, new Wallet(network.accounts[0].private_key, provider), poor.address);
            await assert.rejects(poor.sendTransaction({ to: friend, value: 1n, gasLimit: 21_000n, type: 2, maxFeePerGas: 0, maxPriorityFeePerGas: 0, nonce: 0 }),
                                 (error: any) => isError(error, "INSUFFICIENT_FUNDS"));
            await assert.rejects(wallet.sendTransaction({ to: friend, nonce: 0, gasLimit: 21_000n }), (error: any) => isError(error, "NONCE_EXPIRED"));
        });

        await closeProvider(provider);
    });
}

scenario("HTTP", () => new JsonRpcProvider(recorder.rpc, undefined, options));
scenario("WebSocket", () => new WebSocketProvider(recorder.ws, undefined, options));

test("every answer that ethers saw is as the OpenRPC document says", () => {
    assert.ok(recorder.exchanges.length > 100);
    if (isCairn(network)) assert.deepEqual(violations(recorder), []);
});
