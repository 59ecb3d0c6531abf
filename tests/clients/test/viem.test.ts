// viem as it comes, over HTTP and WebSocket.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
    BaseError, ContractFunctionRevertedError, createPublicClient, createWalletClient, defineChain, encodeFunctionData, http, parseEther, Transport, webSocket, zeroAddress,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { artifacts, eventually, fundedWallet, isCairn, networkUnderTest } from "../src/network.js";
import { violations } from "../src/openrpc.js";
import { Recorder } from "../src/recorder.js";

const network = networkUnderTest();
let recorder: Recorder;
before(async () => {
    recorder = await Recorder.start(network.nodes[0]);
});
after(async () => {
    await recorder.stop();
});

function scenario(name: string, transport: () => Transport): void {
    test(`viem over ${name}`, async (t) => {
        const chain = defineChain({
            id: network.chain_id,
            name: "under test",
            nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
            rpcUrls: { default: { http: [recorder.rpc], webSocket: [recorder.ws] } },
        });
        const account = privateKeyToAccount((await fundedWallet(network, 1)).privateKey as `0x${string}`);
        const friend = privateKeyToAccount(generatePrivateKey()).address;
        const reader = createPublicClient({ chain, transport: transport(), pollingInterval: 100 });
        const writer = createWalletClient({ chain, transport: transport(), account, pollingInterval: 100 });
        const mined = async (hash: `0x${string}`) => {
            const receipt = await reader.waitForTransactionReceipt({ hash });
            assert.equal(receipt.status, "success");
            return receipt;
        };
        const deploy = async (contract: string, args: unknown[] = []) => {
            const { abi, bytecode } = artifacts[contract];
            const receipt = await mined(await writer.deployContract({ abi, bytecode, args }));
            return { address: receipt.contractAddress!, abi };
        };

        await t.test("knows the chain", async () => {
            assert.equal(await reader.getChainId(), network.chain_id);
            assert.equal(await reader.getBalance({ address: account.address }), parseEther("100"));
            const block = await reader.getBlock({ includeTransactions: true });
            assert.ok(block.number > 0n && block.transactions.length > 0);
            assert.equal(await reader.getTransactionCount({ address: account.address, blockTag: "pending" }), 0);
            await reader.getFeeHistory({ blockCount: 2, rewardPercentiles: [50] });
            await assert.rejects(reader.getTransaction({ hash: `0x${"12".repeat(32)}` }), { name: "TransactionNotFoundError" });
        });

        await t.test("ERC-20 with simulation, events and errors", async () => {
            const token = await deploy("Token", [account.address]);
            const { request } = await reader.simulateContract({ ...token, functionName: "transfer", args: [friend, 5n], account });
            await mined(await writer.writeContract(request));
            assert.equal(await reader.readContract({ ...token, functionName: "balanceOf", args: [friend] }), 5n);
            const events: any[] = await reader.getContractEvents({ ...token, eventName: "Transfer", args: { to: friend }, fromBlock: 0n });
            assert.deepEqual(events.map((event) => event.args.value), [5n]);
            await assert.rejects(
                reader.simulateContract({ ...token, functionName: "transfer", args: [zeroAddress, 1n], account }),
                (error: any) => {
                    const reverted = (error as BaseError).walk((e) => e instanceof ContractFunctionRevertedError) as ContractFunctionRevertedError;
                    return reverted?.data?.errorName === "ERC20InvalidReceiver";
                });
            await assert.rejects(
                reader.readContract({ ...token, functionName: "failWithText" }),
                (error: any) => /plain text reason/.test(error.message));
            const access = await reader.createAccessList({ to: token.address, data: "0x18160ddd" });
            assert.ok(access.gasUsed > 21_000n);
            const proof = await reader.getProof({ address: token.address, storageKeys: [`0x${"0".repeat(63)}2`] });
            assert.equal(proof.storageProof[0].value, parseEther("1000"));
        });

        await t.test("ERC-721, AccessControl and a UUPS proxy", async () => {
            const deed = await deploy("Deed");
            await mined(await writer.writeContract({ ...deed, functionName: "issue", args: [friend, "ipfs://x"] }));
            assert.equal(await reader.readContract({ ...deed, functionName: "ownerOf", args: [0n] }), friend);
            const register = await deploy("Register", [account.address]);
            const clerk = (await reader.readContract({ ...register, functionName: "CLERK" })) as `0x${string}`;
            await mined(await writer.writeContract({ ...register, functionName: "grantRole", args: [clerk, account.address] }));
            await mined(await writer.writeContract({ ...register, functionName: "enter", args: ["by viem"] }));
            assert.equal(await reader.readContract({ ...register, functionName: "entry", args: [0n] }), "by viem");
            const logic = await deploy("CounterV1");
            const initialise = encodeFunctionData({ abi: logic.abi, functionName: "initialize", args: [account.address] });
            const proxy = await deploy("CounterProxy", [logic.address, initialise]);
            const counter = { address: proxy.address, abi: logic.abi };
            await mined(await writer.writeContract({ ...counter, functionName: "increment" }));
            assert.equal(await reader.readContract({ ...counter, functionName: "count" }), 1n);
        });

        await t.test("watches events, blocks and pending transactions", async () => {
            const token = await deploy("Token", [account.address]);
            const seen: bigint[] = [];
            const blocks: bigint[] = [];
            const pending: string[] = [];
            const failed = (error: Error) => assert.fail(error);
            const stops = [
                reader.watchContractEvent({ ...token, eventName: "Transfer", onLogs: (logs: any[]) => seen.push(...logs.map((log) => log.args.value)), onError: failed }),
                reader.watchBlockNumber({ onBlockNumber: (number) => blocks.push(number), onError: failed }),
                reader.watchPendingTransactions({ onTransactions: (hashes) => pending.push(...hashes), onError: failed }),
            ];
            await new Promise((resolve) => setTimeout(resolve, 500)); // until the filters stand
            const hashes = [];
            for (const value of [1n, 2n, 3n]) {
                hashes.push(await writer.writeContract({ ...token, functionName: "transfer", args: [friend, value] }));
                await mined(hashes[hashes.length - 1]);
            }
            await eventually("events, blocks and pending transactions", () => (seen.length >= 3 && blocks.length > 0 && pending.length > 0) || undefined);
            assert.deepEqual(seen, [1n, 2n, 3n]);
            assert.ok(pending.some((hash) => hashes.includes(hash as `0x${string}`)));
            stops.forEach((stop) => stop());
        });

        await t.test("fees of its own choice, access lists and EIP-7702", async () => {
            await mined(await writer.sendTransaction({ to: friend, value: 1n, maxFeePerGas: 2_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n }));
            await mined(await writer.sendTransaction({ to: friend, value: 1n, gasPrice: 0n }));
            await mined(await writer.sendTransaction({ to: friend, value: 1n, accessList: [{ address: friend, storageKeys: [] }] }));
            const logic = await deploy("CounterV1");
            const authorization = await writer.signAuthorization({ contractAddress: logic.address, executor: "self" });
            const receipt = await mined(await writer.sendTransaction({ to: friend, authorizationList: [authorization] }));
            assert.equal(receipt.type, "eip7702");
            assert.equal((await reader.getCode({ address: account.address }))!.toLowerCase(), "0xef0100" + logic.address.slice(2).toLowerCase());
        });

        // A viem socket connects again for ever unless it is closed.
        for (const client of [reader, writer]) await (client.transport as any).getRpcClient?.().then((socket: any) => socket.close());
    });
}

scenario("HTTP", () => http(recorder.rpc));
scenario("WebSocket", () => webSocket(recorder.ws));

test("every answer that viem saw is as the OpenRPC document says", () => {
    assert.ok(recorder.exchanges.length > 100);
    if (isCairn(network)) assert.deepEqual(violations(recorder), []);
});
