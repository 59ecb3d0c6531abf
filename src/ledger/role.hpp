// Roles that an account can hold on chain: in genesis files, in the system contract Roles, and on the command line.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cairn::ledger {

/// The value is the number of the role in contracts/IRoles.sol, and its bit in a mask.
enum class Role : std::uint8_t {
    // Administrators: persons. An account that holds one of these holds nothing else, and administers no organisation.
    system_administrator,   // resources and parameters
    security_administrator, // rights, policies, labels, freezes
    audit_administrator,    // records of what the others do
    // Roles of organisations, held by their accounts; an account may hold several.
    validator,
    deployer,
    data_provider,
    regulator,
    auditor,
};

inline constexpr std::array<std::string_view, 8> kRoleNames{"system-administrator",
                                                            "security-administrator",
                                                            "audit-administrator",
                                                            "validator",
                                                            "deployer",
                                                            "data-provider",
                                                            "regulator",
                                                            "auditor"};

using RoleMask = std::uint16_t;
inline constexpr RoleMask mask_of(Role role) { return static_cast<RoleMask>(1u << static_cast<unsigned>(role)); }
inline constexpr RoleMask kAdministratorRoles =
    mask_of(Role::system_administrator) | mask_of(Role::security_administrator) | mask_of(Role::audit_administrator);

inline constexpr std::string_view name_of(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }
inline constexpr std::optional<Role> role_of(std::string_view name) {
    for (std::size_t i = 0; i < kRoleNames.size(); ++i)
        if (kRoleNames[i] == name) return static_cast<Role>(i);
    return std::nullopt;
}

} // namespace cairn::ledger
