// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A contract small enough for tests of the command line. Counter.json is solc's artefact of it.
contract Counter {
    uint256 private number;

    error TooLarge(uint256 value, uint256 limit);
    event Set(uint256 value);

    constructor(uint256 first) {
        number = first;
    }

    function set(uint256 value) external {
        if (value > 100) revert TooLarge(value, 100);
        number = value;
        emit Set(value);
    }

    function get() external view returns (uint256) {
        return number;
    }
}
