// The Solidity files say the same as contracts/interfaces.txt, which the C++ tests compare with the native contracts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { contractsFolder, interfaceLines } from "../src/interface_lines.js";

test("Solidity interfaces have the selectors and topics of the list", () => {
    const listed = readFileSync(`${contractsFolder}interfaces.txt`, "utf8")
        .split("\n")
        .filter((line) => line && !line.startsWith("#"));
    assert.deepEqual(interfaceLines(), listed);
});
