// Starts anvil, writes its network file, runs a command with CLIENTS_NETWORK naming it, and ends anvil: to try the tests themselves.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAnvil } from "./anvil.js";

const { network, child } = await startAnvil(20260);
const folder = mkdtempSync(join(tmpdir(), "cairn-clients-"));
const file = join(folder, "network.json");
writeFileSync(file, JSON.stringify(network));
const [command, ...args] = process.argv.slice(2);
const run = spawn(command, args, { stdio: "inherit", env: { ...process.env, CLIENTS_NETWORK: file } });
run.on("close", (status) => {
    child.kill();
    rmSync(folder, { recursive: true });
    process.exit(status ?? 1);
});
