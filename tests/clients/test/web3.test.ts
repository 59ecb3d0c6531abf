// web3.js 4 as it comes, over HTTP and WebSocket.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Web3 } from "web3";
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

function scenario(name: string, url: () => string): void {
    test(`web3 over ${name}`, async (t) => {
        const web3 = new Web3(url());
        web3.transactionPollingInterval = 100;
        const wallet = await fundedWallet(network, 2);
        web3.eth.accounts.wallet.add(wallet.privateKey);
        const from = wallet.address;
        const friend = web3.eth.accounts.create().address;
        const deploy = async (contract: string, args: any[] = []): Promise<any> => {
            const { abi, bytecode } = artifacts[contract];
            const instance: any = await new web3.eth.Contract(abi as any).deploy({ data: bytecode, arguments: args }).send({ from });
            instance.setProvider(web3.provider);
            return instance;
        };

        await t.test("knows the chain", async () => {
            assert.equal(await web3.eth.getChainId(), BigInt(network.chain_id));
            assert.equal(await web3.eth.net.getId(), BigInt(network.chain_id));
            assert.equal(await web3.eth.getBalance(from), 100n * 10n ** 18n);
            assert.ok((await web3.eth.getBlock("latest")).hash);
        });

        await t.test("ERC-20: deploy, write, read, events, errors", async () => {
            const token = await deploy("Token", [from]);
            const receipt = await token.methods.transfer(friend, 7).send({ from });
            assert.equal(receipt.events.Transfer.returnValues.value, 7n);
            assert.equal(await token.methods.balanceOf(friend).call(), 7n);
            const events = await token.getPastEvents("Transfer", { filter: { to: friend }, fromBlock: 0 });
            assert.equal(events.length, 1);
            await assert.rejects(token.methods.failWithText().call(), (error: any) => /plain text reason/.test(JSON.stringify(error.cause?.message ?? error.innerError?.message ?? error.message)));
            await assert.rejects(token.methods.transfer("0x" + "0".repeat(40), 1).call({ from }), (error: any) => (error.innerError ?? error.cause)?.errorName === "ERC20InvalidReceiver");
        });

        await t.test("ERC-721 and AccessControl", async () => {
            const deed = await deploy("Deed");
            await deed.methods.issue(friend, "ipfs://y").send({ from });
            assert.equal(await deed.methods.ownerOf(0).call(), friend);
            const register = await deploy("Register", [from]);
            const clerk = await register.methods.CLERK().call();
            await register.methods.grantRole(clerk, from).send({ from });
            await register.methods.enter("by web3").send({ from });
            assert.equal(await register.methods.entry(0).call(), "by web3");
        });

        if (name === "WebSocket")
            await t.test("subscriptions to heads and logs", async () => {
                const token = await deploy("Token", [from]);
                const heads: bigint[] = [];
                const logs = new Map<string, any>(); // web3 also hands a subscription what others on the same socket get
                const newHeads = await web3.eth.subscribe("newBlockHeaders");
                newHeads.on("data", (head: any) => heads.push(head.number));
                const transfers = await web3.eth.subscribe("logs", { address: token.options.address });
                transfers.on("data", (log: any) => log.topics && logs.set(`${log.transactionHash} ${log.logIndex}`, log));
                for (const value of [1, 2]) await token.methods.transfer(friend, value).send({ from });
                await eventually("heads and logs", () => (heads.length >= 2 && logs.size >= 2) || undefined);
                const amounts = [...logs.values()].map((log) => BigInt(log.data));
                assert.deepEqual(amounts, [1n, 2n]);
                await newHeads.unsubscribe();
                await transfers.unsubscribe();
            });

        if (name === "WebSocket") web3.provider!.disconnect();
    });
}

scenario("HTTP", () => recorder.rpc);
scenario("WebSocket", () => recorder.ws);

test("every answer that web3 saw is as the OpenRPC document says", () => {
    assert.ok(recorder.exchanges.length > 50);
    if (isCairn(network)) assert.deepEqual(violations(recorder), []);
});
