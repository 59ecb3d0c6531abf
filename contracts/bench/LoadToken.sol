// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The token that `cairn bench load --kind erc20` moves: ERC-20's transfer and nothing that is not needed for it.
/// @dev Compiled with the optimizer (200 runs) for Osaka by contracts/bench/compile.mjs; the result stands in src/cli/load_token.cpp.
contract LoadToken {
    string public constant name = "Load Token";
    string public constant symbol = "LOAD";
    uint8 public constant decimals = 18;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    error InsufficientBalance(uint256 available, uint256 required);

    /// @notice For measuring only: whoever asks gets tokens for all.
    function mint(address[] calldata accounts, uint256 value) external {
        totalSupply += value * accounts.length;
        for (uint256 i = 0; i < accounts.length; ++i) {
            balanceOf[accounts[i]] += value;
            emit Transfer(address(0), accounts[i], value);
        }
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 available = balanceOf[msg.sender];
        if (available < value) revert InsufficientBalance(available, value);
        unchecked {
            balanceOf[msg.sender] = available - value;
        }
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}
