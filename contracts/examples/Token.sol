// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title The token of the tour: an ordinary OpenZeppelin ERC-20 whose whole supply goes to its deployer.
contract Token is ERC20 {
    constructor(uint256 supply) ERC20("Cairn Tour Token", "CTT") {
        _mint(msg.sender, supply);
    }
}
