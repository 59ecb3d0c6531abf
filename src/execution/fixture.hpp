// State-test fixtures of ethereum/tests and execution-spec-tests: loader and runner.
// Format and recipe: the README beside the vectors. Fixture files are untrusted input.
#pragma once

#include "base/result.hpp"
#include "evm/environment.hpp"
#include "evm/revision.hpp"
#include "execution/transaction.hpp"
#include "ledger/transaction.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cairn::execution {

inline constexpr std::size_t kFixtureBytesMax = 256u << 20;

struct FixtureAccount {
    std::uint64_t nonce = 0;
    U256 balance;
    Bytes code;
    std::map<U256, U256> storage; // without zero values
    bool operator==(const FixtureAccount&) const = default;
};
using FixtureAccounts = std::map<Address, FixtureAccount>;

/// One expectation: a transaction and what must come of it under one fork.
struct StateTestCase {
    evm::Revision revision = evm::Revision::osaka;
    std::size_t index = 0; // position in the fork's list
    /// The fields named by the indexes, without signature; nothing if one does not fit its type.
    std::optional<ledger::Transaction> transaction;
    std::optional<Bytes> txbytes;
    Hash256 root;
    Hash256 logs_hash;
    std::string exception;                                 // names separated by "|"; empty: the transaction is valid
    std::shared_ptr<const FixtureAccounts> expected_state; // null unless the fixture carries it
};

struct StateTest {
    std::string name;
    /// Without base fees that depend on the fork: blob_base_fee is filled in for each case.
    evm::BlockEnvironment block;
    std::uint64_t excess_blob_gas = 0;
    std::map<evm::Revision, std::uint64_t> blob_fee_fractions; // where the fixture overrides the fork's own
    FixtureAccounts accounts;
    std::optional<Address> sender;
    std::optional<crypto::AccountKey> secret_key;
    std::vector<StateTestCase> cases; // of Cancun, Prague and Osaka; entries of other forks are left out
};

/// FixtureInvalid with the place of the fault.
Result<std::vector<StateTest>> parse_state_tests(std::string_view json);

enum class Verdict { passed, failed, skipped };

struct CaseResult {
    Verdict verdict = Verdict::passed;
    /// What differs, with lines of account differences where the fixture carries the state; or why it was skipped.
    std::string reason;
};
/// Skipped is only what calls a precompile that the EVM does not have yet (BLS12-381, KZG) and fails for it.
CaseResult run_state_test_case(const StateTest& test, const StateTestCase& test_case);

std::string_view name_of(evm::Revision revision);
/// "Cancun", "Prague", "Osaka" in any case.
std::optional<evm::Revision> revision_from_name(std::string_view name);

/// Names in an expectException of which `error` is a proper instance: "TransactionException.A|TransactionException.B".
bool matches_exception(const Error& error, std::string_view expected);

struct StateTestResult {
    std::string file;
    std::string test;
    evm::Revision revision;
    std::size_t index;
    Verdict verdict;
    std::string reason; // of a failure or skip; one line, then differences
};

struct StateTestOptions {
    std::optional<evm::Revision> revision; // all if not set
    /// File path ends to leave out: for a caller who runs slow tests apart.
    std::vector<std::string_view> without;
};

struct StateTestReport {
    std::uint64_t passed = 0;
    std::uint64_t failed = 0;
    std::uint64_t skipped = 0;
    std::vector<StateTestResult> failures;
};

/// Runs all *.json files of `paths`, folders recursively in sorted order. A file that cannot be read or parsed is one
/// failure. `sink` sees every result as it comes; may be empty.
StateTestReport run_state_tests(const std::vector<std::string>& paths, const StateTestOptions& options,
                                const std::function<void(const StateTestResult&)>& sink);

} // namespace cairn::execution
