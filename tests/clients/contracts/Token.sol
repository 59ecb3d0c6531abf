// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

contract Token is ERC20 {
    error MintTooLarge(uint256 asked, uint256 limit);

    uint256 public constant LIMIT = 1_000_000 ether;

    constructor(address owner) ERC20("Cairn Stone", "STONE") {
        _mint(owner, 1000 ether);
    }

    function mint(address to, uint256 amount) external {
        if (amount > LIMIT) revert MintTooLarge(amount, LIMIT);
        _mint(to, amount);
    }

    function failWithText() external pure {
        require(false, "plain text reason");
    }

    function failWithPanic(uint256 divisor) external pure returns (uint256) {
        return 1 / divisor;
    }

    function failWithAssert() external pure {
        assert(false);
    }

    function failWithNothing() external pure {
        require(false);
    }
}
