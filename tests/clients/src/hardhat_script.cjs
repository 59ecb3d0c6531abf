// What a project's deployment script does, run by `hardhat run`: only Hardhat's own provider and the compiled artefacts.
const assert = require("node:assert/strict");
const hre = require("hardhat");
const { AbiCoder, Interface } = require("ethers");

async function main() {
    const request = (method, params = []) => hre.network.provider.request({ method, params });
    const [from] = await request("eth_accounts");
    const mined = async (hash) => {
        for (let i = 0; i < 200; ++i) {
            const receipt = await request("eth_getTransactionReceipt", [hash]);
            if (receipt) return receipt;
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
        throw new Error(`no receipt of ${hash}`);
    };
    const artifact = await hre.artifacts.readArtifact("Token");
    const token = new Interface(artifact.abi);
    const data = artifact.bytecode + AbiCoder.defaultAbiCoder().encode(["address"], [from]).slice(2);
    const deployed = await mined(await request("eth_sendTransaction", [{ from, data }]));
    assert.equal(deployed.status, "0x1");
    const to = deployed.contractAddress;

    const transfer = token.encodeFunctionData("transfer", ["0x" + "ab".repeat(20), 12n]);
    const sent = await mined(await request("eth_sendTransaction", [{ from, to, data: transfer }]));
    assert.equal(sent.status, "0x1");
    assert.equal(token.parseLog(sent.logs[0]).args.value, 12n);
    const balance = await request("eth_call", [{ to, data: token.encodeFunctionData("balanceOf", ["0x" + "ab".repeat(20)]) }, "latest"]);
    assert.equal(BigInt(balance), 12n);

    const bad = token.encodeFunctionData("transfer", ["0x" + "00".repeat(20), 1n]);
    await assert.rejects(request("eth_estimateGas", [{ from, to, data: bad }]), (error) => {
        assert.equal(token.parseError(error.data?.data ?? error.data).name, "ERC20InvalidReceiver");
        return true;
    });
    console.log(`hardhat: deployed ${to}`);
}

main().then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
});
