// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

contract Register is AccessControl {
    bytes32 public constant CLERK = keccak256("CLERK");

    event Entered(uint256 indexed id, address indexed clerk, string text);

    string[] private entries;

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    function enter(string calldata text) external onlyRole(CLERK) {
        emit Entered(entries.length, msg.sender, text);
        entries.push(text);
    }

    function entry(uint256 id) external view returns (string memory) {
        return entries[id];
    }
}
