// Any bytes as an encrypted file, as a sealed document, as a registry: decoding must end, stay inside, and accept only what
// encodes back to itself. With the first byte's upper bit the input becomes the content of a valid file that is then damaged.
#include "base/assert.hpp"
#include "storage/cipher_file.hpp"
#include "storage/faulty_files.hpp"
#include "storage/sealed_pair.hpp"
#include "storage/test_encryption.hpp"

namespace {

using namespace cairn;
using namespace cairn::storage;

struct Machine {
    explicit Machine(CipherSuite suite) : running(*TestEncryption::open(disk, "k", {}, test_root(), suite)) {}
    FaultyFileSystem disk{1};
    std::unique_ptr<TestEncryption> running;
};

/// Whatever opens must read as a prefix of what was written; anything else must be refused.
void damage_a_valid_file(BytesView data) {
    static Machine aes{CipherSuite::aes_256_gcm};
    static Machine sm4{CipherSuite::sm4_gcm};
    auto& machine = (data[0] & 0x20) != 0 ? sm4 : aes;
    const auto content = data.subspan(4);
    {
        auto file = *machine.running->files->create_as("d/f", {.page_bytes = 256});
        std::uint64_t at = 0;
        for (auto rest = content; !rest.empty();) {
            const auto part = rest.first(std::min<std::size_t>(rest.size(), 1 + data[1] % 97));
            CRN_ASSERT(file->write_at(at, part));
            at += part.size();
            rest = rest.subspan(part.size());
        }
    }
    auto& disk = machine.disk.content("d/f");
    const auto place = (data[2] | data[3] << 8) % disk.size();
    if ((data[0] & 0x40) != 0)
        disk.resize(place);
    else
        disk[place] ^= static_cast<std::uint8_t>(data[1] | 1);
    auto file = machine.running->files->open_last("d/f");
    if (file) {
        Bytes out(content.size());
        const auto read = (*file)->read_at(0, out);
        if (read)
            CRN_ASSERT(std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(*read), content.begin()));
        file->reset();
    }
    (void)machine.running->files->remove("d/f");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const BytesView data{bytes, size};
    static const auto key = *crypto::SecretKey::from(Bytes(32, 1));
    if (const auto header = decode_cipher_header(data)) {
        const auto again = encode_cipher_header(*header, key);
        CRN_ASSERT(std::equal(again.begin(), again.begin() + 48, data.begin()));
    }
    if (size >= kFrameHeaderBytes)
        if (const auto frame = decode_frame_header(data, kLogPageBytes))
            CRN_ASSERT(frame->length != 0 && frame->bytes() <= kLogPageBytes);
    (void)is_torn_end(data, kCipherHeaderBytes, kLogPageBytes);
    constexpr std::string_view kMagic{"CRNREG1\0", 8};
    (void)read_sealed_header(kMagic, data);
    (void)open_document(kMagic, key, data);
    if (const auto entries = decode_registry(data)) CRN_ASSERT(encode_registry(*entries) == to_bytes(data));
    if (size > 4 && (data[0] & 0x80) != 0) damage_a_valid_file(data.first(std::min<std::size_t>(size, 4000)));
    return 0;
}
