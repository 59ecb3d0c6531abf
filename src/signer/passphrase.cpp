#include "signer/passphrase.hpp"

#include "base/descriptor.hpp"
#include "base/errors/signer.hpp"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

namespace cairn::signer {
namespace {

/// Up to the end of the line or of the input.
Result<LockedBytes> read_line(int descriptor) {
    LockedBytes buffer(kPassphraseMax);
    std::size_t length = 0;
    while (length < buffer.bytes().size()) {
        const auto count = ::read(descriptor, buffer.bytes().data() + length, 1);
        if (count <= 0 || buffer.bytes()[length] == '\n') break;
        if (buffer.bytes()[length] != '\r') ++length;
    }
    if (length == 0) return fail(error::SignerPassphraseMissing, "the first line is empty");
    LockedBytes out(length);
    if (out.empty()) return fail(error::SignerPassphraseMissing, "no memory that can be locked");
    std::ranges::copy(buffer.view().first(length), out.bytes().begin());
    return out;
}

Result<Passphrase> ask(int terminal, const std::string& prompt) {
    termios before{};
    if (::tcgetattr(terminal, &before) != 0) return fail(error::SignerPassphraseMissing, "no terminal");
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(terminal, TCSAFLUSH, &silent);
    static_cast<void>(!::write(terminal, prompt.data(), prompt.size()));
    auto line = read_line(terminal);
    ::tcsetattr(terminal, TCSAFLUSH, &before);
    static_cast<void>(!::write(terminal, "\n", 1));
    if (!line) return std::unexpected(line.error());
    return Passphrase{std::move(*line), true};
}

} // namespace

Result<Passphrase> read_passphrase(std::optional<int> descriptor, const std::string& prompt) {
    if (descriptor) {
        const Descriptor given(*descriptor);
        CRN_TRY(line, read_line(given.get()));
        return Passphrase{std::move(line), false};
    }
    // Only the folder's name is in the environment; systemd sets it and keeps the files in memory.
    if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY")) { // NOLINT(concurrency-mt-unsafe): one thread
        const Descriptor file(::open((std::string{folder} + "/" + kCredential).c_str(), O_RDONLY | O_CLOEXEC));
        if (file.get() >= 0) {
            CRN_TRY(line, read_line(file.get()));
            return Passphrase{std::move(line), false};
        }
    }
    const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (terminal.get() < 0) return fail(error::SignerPassphraseMissing);
    return ask(terminal.get(), prompt);
}

} // namespace cairn::signer
