// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

contract Child {
    uint256 public immutable value;

    constructor(uint256 value_) payable {
        value = value_;
    }

    function fail() external pure {
        revert("child says no");
    }
}

/// Exercises what a scenario of tokens does not: creations, transient storage, copies, logs of every size, refunds, inner calls.
contract Probe {
    event Topics0() anonymous;
    event Topics2(uint256 indexed a, bytes data);
    event Topics4(uint256 indexed a, uint256 indexed b, uint256 indexed c, bytes32 d);

    uint256[] public numbers;
    mapping(uint256 => bytes) public texts;
    address public last;

    receive() external payable {}

    function logs(bytes calldata data) external {
        emit Topics0();
        emit Topics2(1, data);
        emit Topics4(1, 2, 3, keccak256(data));
    }

    function fill(uint256 n) external {
        for (uint256 i = 0; i < n; ++i) numbers.push(i + 1);
    }

    function clear() external {
        delete numbers;
    }

    function put(uint256 key, bytes calldata data) external {
        texts[key] = data;
    }

    function create(uint256 value, bytes32 salt) external payable {
        Child first = new Child{value: msg.value}(value);
        Child second = new Child{salt: salt}(value + first.value());
        last = address(second);
    }

    function tryChild() external returns (string memory reason) {
        Child child = new Child(1);
        try child.fail() {
            reason = "did not fail";
        } catch Error(string memory text) {
            reason = text;
        }
        numbers.push(bytes(reason).length);
    }

    function transientAndCopy(bytes calldata data) external returns (bytes32 out) {
        bytes memory copy = data;
        assembly {
            tstore(0, calldatasize())
            mcopy(add(copy, 32), add(copy, 33), 8)
            out := add(keccak256(add(copy, 32), mload(copy)), tload(0))
        }
        numbers.push(uint256(out));
    }

    function hashes(bytes calldata data) external returns (bytes32) {
        bytes32 a = sha256(data);
        bytes20 b = ripemd160(data);
        address c = ecrecover(a, 27, a, a);
        numbers.push(uint256(a) ^ uint160(b) ^ uint160(c));
        return a;
    }

    function environment() external view returns (uint256, uint256, address, uint256, bytes32) {
        return (block.chainid, block.basefee, msg.sender, tx.gasprice, blockhash(block.number));
    }

    function burn(uint256 rounds) external view returns (uint256 sum) {
        for (uint256 i = 0; i < rounds; ++i) sum += gasleft();
    }

    function loopForEver() external pure {
        while (true) {}
    }
}
