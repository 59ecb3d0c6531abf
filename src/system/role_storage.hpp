// Storage of Roles, entry by entry: contracts/IRoles.sol lists the slots. Private to this folder, but for the guard.
#pragma once

#include "ledger/selector.hpp"
#include "system/slots.hpp"
#include "system/subject.hpp"

#include <optional>
#include <string>

namespace cairn::system {

/// Which calls a policy is about. What is not named matches everything; the more is named, the more it weighs.
struct Pattern {
    std::optional<Address> account;
    std::optional<Address> contract; // the zero address stands for "no contract yet": deployment
    std::optional<ledger::Selector> method;

    static constexpr std::uint8_t kAccount = 1;
    static constexpr std::uint8_t kContract = 2;
    static constexpr std::uint8_t kMethod = 4;
    /// The bits of what it names.
    std::uint8_t shape() const;
    bool operator==(const Pattern&) const = default;
};

enum class Verdict : std::uint8_t { none, allow, deny };

struct MethodFreeze {
    Address contract;
    ledger::Selector method{};
    Freeze freeze;
};

inline constexpr std::size_t kReasonBytesMax = 256;
inline constexpr std::uint64_t kPoliciesMax = 65'536;      // that ever were
inline constexpr std::uint64_t kMethodFreezesMax = 65'536; // that ever were
inline constexpr std::uint64_t kAdministratorsMax = 256;   // that ever were

/// The variables of the contract over any storage. Indices must be below the counts.
class RoleStorage {
public:
    explicit RoleStorage(Slots& slots) : slots_(slots) {}

    /// One word that tells what there is to look for at all. A bit once set stays.
    struct Summary {
        bool enforced = false; // genesis gave roles
        bool freezes = false;
        bool method_freezes = false;
        bool labels = false;
        std::uint8_t shapes = 0; // bit n: a policy of shape n
        bool has_rules() const { return freezes || method_freezes || labels || shapes != 0; }
    };
    Summary summary();
    void enforce();

    Subject subject(const Address& address);
    /// Also lists it, and keeps the summary.
    void set_subject(const Address& address, const Subject& subject);
    std::uint64_t subject_count();
    Address subject_at(std::uint64_t index);
    std::string freeze_reason(const Address& address);
    void set_freeze_reason(const Address& address, std::string_view reason);

    Freeze method_freeze(const Address& contract, const ledger::Selector& method);
    void set_method_freeze(const MethodFreeze& entry, std::string_view reason);
    std::string method_freeze_reason(const Address& contract, const ledger::Selector& method);
    std::uint64_t method_freeze_count();
    MethodFreeze method_freeze_at(std::uint64_t index);

    Verdict verdict(const Pattern& pattern, std::uint64_t block);
    void set_verdict(const Pattern& pattern, Verdict verdict, std::uint64_t now);
    std::uint64_t policy_count();
    Pattern policy_at(std::uint64_t index);

    Label record_label(const Hash256& digest, std::uint64_t block);
    void set_record_label(const Hash256& digest, const Label& label, std::uint64_t now);

    /// Accounts that hold or have ever held one of the three administrators' roles.
    std::uint64_t administrator_count();
    Address administrator_at(std::uint64_t index);
    std::optional<std::uint64_t> administrator_index(const Address& account);

private:
    void set_bit(unsigned bit);
    std::uint64_t append(std::uint64_t array, const U256& word);

    Slots& slots_;
};

} // namespace cairn::system
