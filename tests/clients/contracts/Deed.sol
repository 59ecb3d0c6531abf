// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";

contract Deed is ERC721URIStorage {
    uint256 public next;

    constructor() ERC721("Deed", "DEED") {}

    function issue(address to, string calldata uri) external returns (uint256 id) {
        id = next++;
        _safeMint(to, id);
        _setTokenURI(id, uri);
    }
}
