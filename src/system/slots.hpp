// A system contract's storage as its code sees it: words by slot, and strings as Solidity lays them out. One piece of code
// reads and writes genesis, a running call and a finished state.
#pragma once

#include "base/bytes.hpp"
#include "base/u256.hpp"
#include "ledger/account.hpp"

#include <map>

namespace cairn::system {

class Slots {
public:
    virtual ~Slots() = default;
    virtual U256 load(const U256& slot) = 0;
    virtual void store(const U256& slot, const U256& value) = 0;
};

/// Storage that is only in memory: what genesis will hold.
class MemorySlots final : public Slots {
public:
    U256 load(const U256& slot) override;
    void store(const U256& slot, const U256& value) override;
    const std::map<U256, U256>& words() const { return words_; }

private:
    std::map<U256, U256> words_; // without zeros
};

/// One account's storage in a finished state; storing is a caller's bug. `view` must outlive it.
class ViewSlots final : public Slots {
public:
    ViewSlots(const ledger::StateView& view, const Address& address) : view_(view), address_(address) {}
    U256 load(const U256& slot) override { return view_.storage(address_, slot); }
    void store(const U256& slot, const U256& value) override;

private:
    const ledger::StateView& view_;
    Address address_;
};

/// A `string` or `bytes` variable; at most `limit` bytes of it, whatever the slot says.
std::string load_text(Slots& slots, const U256& slot, std::size_t limit);
/// Also clears what a longer value before has left.
void store_text(Slots& slots, const U256& slot, std::string_view text);

/// Valid UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
bool is_utf8(std::string_view text);
/// Valid UTF-8 of 1 to `limit` bytes without control characters.
bool is_name(std::string_view text, std::size_t limit);

} // namespace cairn::system
