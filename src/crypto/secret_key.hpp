// A symmetric key of 256 bits that is wiped when it goes. Never printed, compared or copied by accident.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"

namespace cairn::crypto {

/// Movable; a copy is asked for by name. One owner at a time.
class SecretKey {
public:
    static constexpr std::size_t kBytes = 32;

    /// From the operating system's generator.
    static SecretKey generate();
    /// Of exactly kBytes; nothing for any other length. The caller wipes its own bytes.
    static std::optional<SecretKey> from(BytesView bytes);

    SecretKey(SecretKey&& other) noexcept;
    SecretKey& operator=(SecretKey&& other) noexcept;
    SecretKey(const SecretKey&) = delete;
    SecretKey& operator=(const SecretKey&) = delete;
    ~SecretKey();

    SecretKey copy() const;
    BytesView view() const { return bytes_; }
    /// HKDF-SHA-256 (RFC 5869) without salt: another key for another use.
    SecretKey derive(std::string_view use) const;
    /// Says which key it is and nothing about it: the first bytes of a derived value.
    FixedBytes<8, struct KeyCheckTag> check_value() const;

private:
    SecretKey() = default;
    std::array<std::uint8_t, kBytes> bytes_{};
};

using KeyCheck = FixedBytes<8, struct KeyCheckTag>;

/// Overwrites memory in a way that the compiler keeps.
void wipe(std::span<std::uint8_t> bytes);

} // namespace cairn::crypto
