#include "cli/replacement.hpp"

#include "cli/files.hpp"
#include "cli/keystore.hpp"
#include "cli/transact.hpp"

namespace cairn::cli {
namespace {

class AccountKeyReplacement : public Replacement {
public:
    using Replacement::Replacement;

    /// Each way out is a step, so that what it returns says nothing more.
    bool run() {
        const std::string step = "new account key";
        const auto& owner = plan_.key.head.owner;
        if (!plan_.key.next.is_zero()) return done(step, key_text(plan_.key.next));
        const auto reset_of = [&] { return view_keys(rpc_, "resetOf(address)", {owner}, "(address,uint64)"); };
        auto reset = reset_of();
        if (reset && (*reset)[0].as_address().is_zero()) {
            if (plan_.proof.empty())
                return leave(step, "whoever shall hold it", "the holder of the new key proves that he has it",
                             "cairn key reset prove " + checksummed(owner) +
                                 " --to-key-file NEW.key --out proof.json, then " + kAgain +
                                 " with --proof proof.json");
            const auto text = read_file(plan_.proof);
            if (!text) return give_up(step, text.error());
            const auto proof = possession_from_json(plan_.proof, *text);
            if (!proof) return give_up(step, proof.error());
            if (proof->account != owner)
                return give_up(step, plan_.proof + " is for the account " + checksummed(proof->account));
            // Without a delay: a stopped key cannot object.
            const auto act = reset_call(rpc_, *proof, 0);
            if (!act) return give_up(step, act.error());
            if (!decide(ledger::kKeysContract, *act)) return false;
            reset = reset_of();
        }
        if (!reset) return give_up(step, reset.error());
        const auto height = head();
        if (!height) return give_up(step, height.error());
        const auto ready = (*reset)[1].number().low();
        if (*height + 1 < ready)
            return wait(step, "decided, and takes over from block " + std::to_string(ready) + " on; the last one is " +
                                  std::to_string(*height));
        const auto sent = send_keys(invocation_, rpc_, sender_, "finishReset(address)", {owner});
        const auto after = read_key(rpc_, plan_.key.id);
        if (after && !after->next.is_zero()) return done(step, key_text(after->next));
        return sent ? give_up(step, "the key of the account is the same as before") : give_up(step, sent.error());
    }
};

} // namespace

std::vector<ReplacementStep> replace_account_key(const ReplacementCase& of) {
    AccountKeyReplacement out{of};
    out.run();
    return std::move(out).steps();
}

} // namespace cairn::cli
