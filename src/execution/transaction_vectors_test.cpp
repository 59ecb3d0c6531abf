// ethereum/tests TransactionTests: decoding, signature, shape and intrinsic gas, by the newest fork each file names.
#include "base/errors/codec.hpp"
#include "base/test_vectors.hpp"
#include "execution/fixture.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cairn::execution {
namespace {

using Json = nlohmann::json;

struct Judged {
    std::optional<Error> error;
    std::optional<ledger::SignedTransaction> transaction;
};

/// Shape before signature: where v is wrong, the vectors blame the chain id that it carries.
Judged judge(BytesView raw) {
    const auto body = ledger::decode_transaction(raw);
    if (!body) return {body.error(), std::nullopt};
    Rules rules;
    rules.revision = evm::Revision::cancun;
    rules.chain_id = U256{1};
    rules.accept_blobs = true;
    if (auto shape = check_shape(*body, rules); !shape) return {shape.error(), std::nullopt};
    auto decoded = ledger::decode_signed_transaction(raw);
    if (!decoded) return {decoded.error(), std::nullopt};
    return {std::nullopt, *decoded};
}

TEST(TransactionVectors, are_accepted_or_refused_as_expected) {
    const auto root = test::unpacked_vectors(CAIRN_SOURCE_DIR, "basic") / "TransactionTests";
    std::size_t accepted = 0, refused = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
        if (entry.path().extension() != ".json") continue;
        const auto file = Json::parse(test::read_text(entry.path()));
        for (const auto& [name, test] : file.items()) {
            const auto& results = test["result"];
            const auto& expected = results.contains("Cancun") ? results["Cancun"] : results["London"];
            ASSERT_TRUE(expected.is_object()) << name;
            const auto raw = from_hex(test["txbytes"].get<std::string>());
            const auto judged = raw ? judge(*raw) : Judged{Error{error::HexInvalid, ""}, std::nullopt};
            if (expected.contains("exception")) {
                EXPECT_TRUE(judged.error) << name << " is accepted";
                ++refused;
                continue;
            }
            ++accepted;
            ASSERT_FALSE(judged.error) << name << ": " << judged.error->text();
            const auto& tx = *judged.transaction;
            EXPECT_EQ(to_hex(tx.hash), expected["hash"].get<std::string>()) << name;
            EXPECT_EQ(to_hex(tx.sender), expected["sender"].get<std::string>()) << name;
            EXPECT_EQ(U256{intrinsic_gas(tx.body, evm::Revision::cancun).standard},
                      from_quantity(expected["intrinsicGas"].get<std::string>()))
                << name;
        }
    }
    EXPECT_GT(accepted, 40u);
    EXPECT_GT(refused, 140u);
}

TEST(TransactionVectors, reasons_of_refusal_are_of_the_expected_class) {
    const auto root = test::unpacked_vectors(CAIRN_SOURCE_DIR, "basic") / "TransactionTests";
    std::size_t checked = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
        if (entry.path().extension() != ".json") continue;
        const auto file = Json::parse(test::read_text(entry.path()));
        for (const auto& [name, test] : file.items()) {
            if (!test["result"].contains("Cancun")) continue;
            const auto& expected = test["result"]["Cancun"];
            if (!expected.contains("exception")) continue;
            const auto raw = from_hex(test["txbytes"].get<std::string>());
            ASSERT_TRUE(raw) << name;
            const auto judged = judge(*raw);
            ASSERT_TRUE(judged.error) << name;
            EXPECT_TRUE(matches_exception(*judged.error, expected["exception"].get<std::string>()))
                << name << ": " << judged.error->text() << ", expected " << expected["exception"];
            ++checked;
        }
    }
    EXPECT_GT(checked, 80u);
}

} // namespace
} // namespace cairn::execution
