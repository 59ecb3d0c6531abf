// Hardhat 2 as it comes, with the local compiler: compiles, deploys and talks to the network under test.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isCairn, networkUnderTest } from "../src/network.js";
import { violations } from "../src/openrpc.js";
import { Recorder } from "../src/recorder.js";

const network = networkUnderTest();
const root = fileURLToPath(new URL("..", import.meta.url));
let recorder: Recorder;
before(async () => {
    recorder = await Recorder.start(network.nodes[0]);
});
after(async () => {
    await recorder.stop();
});

function hardhat(...args: string[]): Promise<{ status: number | null; output: string }> {
    return new Promise((resolve) => {
        const env = { ...process.env, CLIENTS_RPC: recorder.rpc, HARDHAT_DISABLE_TELEMETRY_PROMPT: "true", CI: "true" };
        const child = spawn("node", ["node_modules/hardhat/internal/cli/bootstrap.js", "--config", "hardhat.config.cjs", ...args], { cwd: root, env });
        let output = "";
        child.stdout.on("data", (data) => (output += data));
        child.stderr.on("data", (data) => (output += data));
        child.on("close", (status) => resolve({ status, output }));
    });
}

test("hardhat compiles with the local compiler, deploys, writes and reads", async () => {
    const compiled = await hardhat("compile", "--quiet");
    assert.equal(compiled.status, 0, compiled.output);
    const run = await hardhat("run", "--no-compile", "src/hardhat_script.cjs");
    assert.equal(run.status, 0, run.output);
    assert.match(run.output, /hardhat: deployed 0x/);
});

test("every answer that Hardhat saw is as the OpenRPC document says", () => {
    assert.ok(recorder.exchanges.length > 5);
    if (isCairn(network)) assert.deepEqual(violations(recorder), []);
});
