// One encrypted file (format: cipher_format.hpp) behind the File interface, shared by all that have it open.
//
// It grows at its end only: write_at anywhere else is refused. `truncate` inside a frame writes the part that stays again,
// so it is not atomic over a loss of power for that frame; callers cut only what they have not acknowledged.
// Thread rule: reads from any thread; one writer; `move_to` from any thread at any time.
#pragma once

#include "storage/cipher_format.hpp"
#include "storage/file.hpp"
#include "storage/key_registry.hpp"

#include <memory>
#include <mutex>

namespace cairn::storage {

/// How a file is laid out, and when its bytes reach the file below.
struct CipherLayout {
    std::uint32_t page_bytes = kLogPageBytes;
    /// Whole pages only, until sync or flush: for tables, which nobody reads before they are complete.
    bool gathers_pages = false;
};
inline constexpr CipherLayout kLogLayout{};
inline constexpr CipherLayout kTableLayout{.page_bytes = kTablePageBytes, .gathers_pages = true};

enum class TornEnd : std::uint8_t { refuse, cut };

class CipherFile {
public:
    /// Writes the header into an empty file. `suite` must be known.
    static Result<std::shared_ptr<CipherFile>> create(std::string path, std::shared_ptr<File> below, FileKey key,
                                                      const CipherLayout& layout, CipherSuite suite);
    /// Under the suite that its header names. CipherPlain, CipherDamaged, CipherSuiteUnknown, RegistryMissing, and the vault's
    /// errors; all name the file. With TornEnd::cut a file whose header never came is made anew, under `suite`, and an
    /// incomplete last frame is cut off.
    static Result<std::shared_ptr<CipherFile>> open(std::string path, std::shared_ptr<File> below,
                                                    KeyRegistry& registry, TornEnd torn, CipherSuite suite);

    std::uint64_t size() const;
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const;
    Status write_at(std::uint64_t offset, BytesView data);
    Status truncate(std::uint64_t size);
    Status flush();
    Status sync();

    /// Copies the content into `fresh`, in steps; `pause` is called after each with its bytes and may sleep or return false
    /// to give up. At the end, with writers waiting, `replace` makes `fresh` take the file's place on disk, `settle` makes
    /// that durable, and all handles go on with it. Nothing changes unless `replace` succeeds; if only `settle` fails,
    /// nothing more is written.
    Status move_to(CipherFile& fresh, const std::function<bool(std::size_t bytes)>& pause,
                   const std::function<Status()>& replace, const std::function<Status()>& settle);

    FileId id() const;
    KeyVersion key_version() const;
    CipherSuite suite() const;
    std::uint32_t page_bytes() const;

private:
    /// What a reader needs; replaced as a whole.
    struct Body {
        std::shared_ptr<File> file;
        CipherHeader header;
        std::shared_ptr<const FileCipher> cipher;
    };
    struct View {
        std::shared_ptr<const Body> body;
        std::uint64_t physical_end = kCipherHeaderBytes;
        std::uint64_t logical_end = 0; // of what is in the file below
    };
    struct FramePlace {
        std::uint64_t physical = 0;
        FrameHeader header;
    };

    CipherFile(std::string path, View view, bool gathers_pages);
    View view() const;
    std::unexpected<Error> damaged(std::uint64_t physical, const char* what) const;
    Status find_end(TornEnd torn);
    Result<Bytes> read_below(const View& view, std::uint64_t physical, std::size_t bytes) const;
    Result<std::size_t> read_frames(const View& view, std::uint64_t offset, std::span<std::uint8_t> out) const;
    Result<std::uint64_t> page_holding(const View& view, std::uint64_t offset, std::uint64_t first) const;
    Result<FramePlace> frame_holding(const View& view, std::uint64_t offset) const;
    /// `gathered`: how many of the gathered bytes `data` is.
    Status append_below(BytesView data, std::size_t gathered);
    Status flush_locked(bool partial_page);
    Status truncate_locked(std::uint64_t size);
    crypto::AeadNonce next_nonce();

    const std::string path_;
    const bool gathers_pages_;

    std::mutex write_mutex_; // writers and move_to; taken before state_mutex_
    bool broken_ = false;    // guarded by write_mutex_: the file below is not as this object believes
    bool has_salt_ = false;
    std::array<std::uint8_t, 8> salt_{};
    std::uint32_t frames_ = 0; // written with this salt

    mutable std::mutex state_mutex_;
    View view_;      // guarded by state_mutex_; changed with write_mutex_ held as well
    Bytes gathered_; // likewise; stands behind view_.logical_end
};

} // namespace cairn::storage
