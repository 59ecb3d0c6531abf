#include "storage/cipher_file.hpp"

#include "base/assert.hpp"
#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "crypto/ed25519.hpp"

namespace cairn::storage {
namespace {

constexpr std::size_t kReadBytesMax = 1u << 20;    // from the file below, at once
constexpr std::size_t kCopyBytes = 256u << 10;     // step of move_to
constexpr std::uint64_t kTailBytesMax = 64u << 20; // of an end that does not open

bool all_zero(BytesView bytes) {
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

/// Where the next frame stands if the one before ends at `physical`.
std::uint64_t next_frame(std::uint64_t physical, std::uint32_t page_bytes) {
    const auto room = room_in_page(physical, page_bytes);
    return room <= kFrameOverheadBytes ? physical + room : physical;
}

} // namespace

CipherFile::CipherFile(std::string path, View view, bool gathers_pages)
    : path_(std::move(path)), gathers_pages_(gathers_pages), view_(std::move(view)) {}

Result<std::shared_ptr<CipherFile>> CipherFile::create(std::string path, std::shared_ptr<File> below, FileKey key,
                                                       const CipherLayout& layout, CipherSuite suite) {
    const CipherHeader header{
        .suite = suite, .page_bytes = layout.page_bytes, .key_version = key.made_under.value, .id = key.id};
    CRN_CHECK(below->write_at(0, encode_cipher_header(header, *key.key)));
    auto cipher = std::make_shared<const FileCipher>(suite, std::move(key.key));
    auto body = std::make_shared<const Body>(Body{std::move(below), header, std::move(cipher)});
    return std::shared_ptr<CipherFile>(
        new CipherFile(std::move(path), {.body = std::move(body)}, layout.gathers_pages));
}

Result<std::shared_ptr<CipherFile>> CipherFile::open(std::string path, std::shared_ptr<File> below,
                                                     KeyRegistry& registry, TornEnd torn, CipherSuite suite) {
    CRN_TRY(size, below->size());
    Bytes head(kCipherHeaderBytes);
    CRN_TRY(read, below->read_at(0, head));
    head.resize(read);
    if (read < kCipherHeaderBytes) {
        // A file that a crash left without a header never held anything.
        if (torn == TornEnd::refuse) return fail(error::CipherDamaged, path + " at offset 0: it has no header");
        CRN_CHECK(below->truncate(0));
        CRN_TRY(key, registry.take());
        return create(std::move(path), std::move(below), std::move(key), kLogLayout, suite);
    }
    if (!has_cipher_magic(head)) return fail(error::CipherPlain, path);
    const auto header = decode_cipher_header(head);
    if (!header) return fail(error::CipherDamaged, path + " at offset 0: the header is not valid");
    auto key = registry.find(header->id);
    if (!key) return fail(key.error().code, path + ": " + key.error().detail);
    if (!cipher_header_is_authentic(head, *key->key))
        return fail(error::CipherDamaged, path + " at offset 0: the header fails its authentication");
    // The file's key vouches for the number, so this is no damage.
    if (!is_known(header->suite))
        return fail(error::CipherSuiteUnknown,
                    path + ": suite " + std::to_string(static_cast<std::uint16_t>(header->suite)));
    auto cipher = std::make_shared<const FileCipher>(header->suite, std::move(key->key));
    auto body = std::make_shared<const Body>(Body{std::move(below), *header, std::move(cipher)});
    std::shared_ptr<CipherFile> file{new CipherFile(
        std::move(path), {std::move(body), std::max<std::uint64_t>(size, kCipherHeaderBytes), 0}, false)};
    CRN_CHECK(file->find_end(torn));
    return file;
}

std::unexpected<Error> CipherFile::damaged(std::uint64_t physical, const char* what) const {
    return fail(error::CipherDamaged, path_ + " at offset " + std::to_string(physical) + ": " + what);
}

CipherFile::View CipherFile::view() const {
    const std::lock_guard guard(state_mutex_);
    return view_;
}

FileId CipherFile::id() const { return view().body->header.id; }

KeyVersion CipherFile::key_version() const { return {view().body->header.key_version}; }

CipherSuite CipherFile::suite() const { return view().body->header.suite; }

std::uint32_t CipherFile::page_bytes() const { return view().body->header.page_bytes; }

std::uint64_t CipherFile::size() const {
    const std::lock_guard guard(state_mutex_);
    return view_.logical_end + gathered_.size();
}

Result<Bytes> CipherFile::read_below(const View& view, std::uint64_t physical, std::size_t bytes) const {
    if (physical >= view.physical_end) return Bytes{};
    Bytes out(std::min<std::uint64_t>(bytes, view.physical_end - physical));
    CRN_TRY(read, view.body->file->read_at(physical, out));
    if (read < out.size()) return damaged(physical + read, "the file is shorter than it was");
    return out;
}

/// Only while opening: no other thread knows the file yet.
Status CipherFile::find_end(TornEnd torn) {
    const auto& body = *view_.body;
    const auto page_bytes = body.header.page_bytes;
    const auto file_end = view_.physical_end;
    std::uint64_t end = kCipherHeaderBytes;
    std::uint64_t logical = 0;
    Bytes plain(page_bytes);
    // Backwards to the last page with a frame that opens.
    const auto pages = (file_end - kCipherHeaderBytes + page_bytes - 1) / page_bytes;
    for (auto page = pages; page > 0 && end == kCipherHeaderBytes; --page) {
        const auto start = page_start(page - 1, page_bytes);
        CRN_TRY(bytes, read_below(view_, start, page_bytes));
        BytesView rest{bytes};
        while (rest.size() >= kFrameHeaderBytes) {
            const auto header = decode_frame_header(rest, page_bytes);
            if (!header || header->bytes() > rest.size()) break;
            const auto physical = start + (bytes.size() - rest.size());
            if (!open_frame(*body.cipher, *header, physical, rest.first(header->bytes()),
                            std::span{plain}.first(header->length)))
                break;
            rest = rest.subspan(header->bytes());
            end = physical + header->bytes();
            logical = header->offset + header->length;
        }
    }
    crypto::wipe(plain);
    view_.physical_end = end;
    view_.logical_end = logical;
    if (end == file_end) return {};

    const auto tail_start = next_frame(end, page_bytes);
    View whole = view_;
    whole.physical_end = file_end;
    if (file_end - end > kTailBytesMax) return damaged(end, "the frame does not open");
    CRN_TRY(padding, read_below(whole, end, tail_start - end));
    if (!all_zero(padding)) return damaged(end, "the end of the page is not empty");
    if (tail_start < file_end) {
        CRN_TRY(tail, read_below(whole, tail_start, file_end - tail_start));
        for (std::size_t at = 1; at + kFrameHeaderBytes <= tail.size(); ++at) {
            const auto rest = BytesView{tail}.subspan(at);
            const auto header = decode_frame_header(rest, page_bytes);
            if (!header || header->bytes() > rest.size()) continue;
            Bytes content(header->length);
            if (open_frame(*body.cipher, *header, tail_start + at, rest.first(header->bytes()), content))
                return damaged(tail_start, "the frame does not open, but valid ones follow it");
        }
        if (!is_torn_end(tail, tail_start, page_bytes)) return damaged(tail_start, "the frame does not open");
        if (torn == TornEnd::refuse) return damaged(tail_start, "the file ends inside a frame");
        log(LogLevel::warning, "storage", "cut the incomplete end off an encrypted file",
            {{"file", path_}, {"offset", std::to_string(end)}, {"bytes", std::to_string(file_end - end)}});
    }
    if (torn == TornEnd::cut) return body.file->truncate(end);
    return {};
}

Result<std::size_t> CipherFile::read_at(std::uint64_t offset, std::span<std::uint8_t> out) const {
    View now;
    std::size_t from_gathered = 0;
    {
        const std::lock_guard guard(state_mutex_);
        now = view_;
        const auto end = now.logical_end + gathered_.size();
        if (offset >= end) return 0u;
        out = out.first(std::min<std::uint64_t>(out.size(), end - offset));
        if (offset + out.size() > now.logical_end) {
            const auto start = std::max(offset, now.logical_end);
            from_gathered = static_cast<std::size_t>(offset + out.size() - start);
            std::copy_n(gathered_.begin() + static_cast<std::ptrdiff_t>(start - now.logical_end), from_gathered,
                        out.end() - static_cast<std::ptrdiff_t>(from_gathered));
        }
    }
    CRN_TRY(read, read_frames(now, offset, out.first(out.size() - from_gathered)));
    return read + from_gathered;
}

Result<std::size_t> CipherFile::read_frames(const View& view, std::uint64_t offset, std::span<std::uint8_t> out) const {
    if (out.empty()) return 0u;
    const auto page_bytes = view.body->header.page_bytes;
    const auto content_max = page_bytes - kFrameOverheadBytes;
    std::size_t done = 0;
    Bytes partial;
    // No page holds more than content_max, so the right one is this or a later one.
    auto page = offset / content_max;
    bool found = false;
    while (done < out.size()) {
        const auto pages = std::clamp<std::uint64_t>((out.size() - done) / content_max + 1, 1,
                                                     std::max<std::uint64_t>(1, kReadBytesMax / page_bytes));
        const auto start = page_start(page, page_bytes);
        CRN_TRY(bytes, read_below(view, start, found ? pages * page_bytes : page_bytes));
        if (bytes.empty()) return damaged(view.physical_end, "content is missing");
        std::size_t at = 0;
        while (at < bytes.size() && done < out.size()) {
            const auto next = next_frame(start + at, page_bytes) - start;
            if (next != at) {
                if (!all_zero(BytesView{bytes}.subspan(at, std::min(next, bytes.size()) - at)))
                    return damaged(start + at, "the end of the page is not empty");
                at = next;
                continue;
            }
            const auto rest = BytesView{bytes}.subspan(at);
            if (rest.size() < kFrameHeaderBytes) return damaged(start + at, "the frame is incomplete");
            const auto header = decode_frame_header(rest, page_bytes);
            if (!header || header->bytes() > rest.size() || header->bytes() > room_in_page(start + at, page_bytes))
                return damaged(start + at, "the frame is not valid");
            const auto frame = rest.first(header->bytes());
            const auto wanted = offset + done;
            if (header->offset > wanted) return damaged(start + at, "the frame does not follow the one before");
            if (header->offset + header->length > wanted) {
                found = true;
                const auto skip = static_cast<std::size_t>(wanted - header->offset);
                const auto count = std::min<std::size_t>(header->length - skip, out.size() - done);
                const auto target = out.subspan(done, count);
                bool good = false;
                if (count == header->length) {
                    good = open_frame(*view.body->cipher, *header, start + at, frame, target);
                } else {
                    partial.resize(header->length);
                    good = open_frame(*view.body->cipher, *header, start + at, frame, partial);
                    if (good) std::copy_n(partial.begin() + static_cast<std::ptrdiff_t>(skip), count, target.begin());
                }
                if (!good) return damaged(start + at, "the frame fails its authentication");
                done += count;
            }
            at += header->bytes();
        }
        if (done == out.size()) break;
        if (found) {
            page += (bytes.size() + page_bytes - 1) / page_bytes;
        } else {
            CRN_TRY(holding, page_holding(view, offset, page + 1));
            page = holding;
            found = true;
        }
    }
    return done;
}

/// The last page, from `first` on, whose first frame does not begin behind `offset`.
Result<std::uint64_t> CipherFile::page_holding(const View& view, std::uint64_t offset, std::uint64_t first) const {
    const auto page_bytes = view.body->header.page_bytes;
    auto low = first;
    auto high = page_of(view.physical_end - 1, page_bytes);
    if (low > high) return damaged(view.physical_end, "content is missing");
    while (low < high) {
        const auto middle = low + (high - low + 1) / 2;
        CRN_TRY(bytes, read_below(view, page_start(middle, page_bytes), kFrameHeaderBytes));
        const auto header = bytes.size() == kFrameHeaderBytes ? decode_frame_header(bytes, page_bytes) : std::nullopt;
        if (!header) return damaged(page_start(middle, page_bytes), "the frame is not valid");
        if (header->offset <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

Result<CipherFile::FramePlace> CipherFile::frame_holding(const View& view, std::uint64_t offset) const {
    const auto page_bytes = view.body->header.page_bytes;
    CRN_TRY(page, page_holding(view, offset, 0));
    const auto start = page_start(page, page_bytes);
    CRN_TRY(bytes, read_below(view, start, page_bytes));
    for (std::size_t at = 0; at + kFrameHeaderBytes <= bytes.size();) {
        const auto header = decode_frame_header(BytesView{bytes}.subspan(at), page_bytes);
        if (!header || header->offset > offset) break;
        if (header->offset + header->length > offset) return FramePlace{start + at, *header};
        at += header->bytes();
    }
    return damaged(start, "no frame holds the place to cut at");
}

crypto::AeadNonce CipherFile::next_nonce() {
    if (!has_salt_) {
        crypto::system_random().fill(salt_);
        has_salt_ = true;
        frames_ = 0;
    }
    CRN_ASSERT(frames_ != 0xffff'ffff); // a file has far fewer bytes than that takes
    crypto::AeadNonce out;
    std::ranges::copy(salt_, out.bytes.begin());
    for (std::size_t i = 0; i < 4; ++i) out[8 + i] = static_cast<std::uint8_t>(frames_ >> (8 * i));
    ++frames_;
    return out;
}

/// All of `data`, or nothing, as far as the file's users see it.
Status CipherFile::append_below(BytesView data, std::size_t gathered) {
    const auto now = view();
    const auto page_bytes = now.body->header.page_bytes;
    auto physical = now.physical_end;
    auto logical = now.logical_end;
    Bytes out;
    out.reserve(data.size() + (data.size() / page_bytes + 2) * 2 * kFrameOverheadBytes);
    while (!data.empty()) {
        const auto start = next_frame(physical, page_bytes);
        out.resize(out.size() + (start - physical)); // zeros to the end of the page
        const auto room = room_in_page(start, page_bytes) - kFrameOverheadBytes;
        const auto part = data.first(std::min<std::uint64_t>(room, data.size()));
        append_frame(out, *now.body->cipher, next_nonce(), start, logical, part);
        physical = start + kFrameOverheadBytes + part.size();
        logical += part.size();
        data = data.subspan(part.size());
    }
    if (auto written = now.body->file->write_at(now.physical_end, out); !written) {
        // What was written of it must go, or the next frame would stand behind damage.
        if (!now.body->file->truncate(now.physical_end)) broken_ = true;
        return written;
    }
    const std::lock_guard guard(state_mutex_);
    view_.physical_end = physical;
    view_.logical_end = logical;
    gathered_.erase(gathered_.begin(), gathered_.begin() + static_cast<std::ptrdiff_t>(gathered));
    return {};
}

Status CipherFile::write_at(std::uint64_t offset, BytesView data) {
    const std::lock_guard writing(write_mutex_);
    if (broken_) return fail(error::StorageIo, path_ + ": an earlier write could not be undone");
    if (offset != size()) return fail(error::StorageIo, path_ + ": an encrypted file grows at its end only");
    if (!gathers_pages_) return append_below(data, 0);
    {
        const std::lock_guard guard(state_mutex_);
        append(gathered_, data);
    }
    return flush_locked(false);
}

Status CipherFile::flush_locked(bool partial_page) {
    if (gathered_.empty()) return {};
    const std::uint64_t content_max = view_.body->header.page_bytes - kFrameOverheadBytes;
    std::size_t count = gathered_.size();
    if (!partial_page) {
        // Up to the end of the last page that can be filled; most often the file ends at one already.
        const auto place = next_frame(view_.physical_end, view_.body->header.page_bytes);
        const auto first = room_in_page(place, view_.body->header.page_bytes) - kFrameOverheadBytes;
        if (count < first) return {};
        count = static_cast<std::size_t>(first + (count - first) / content_max * content_max);
    }
    // Only a writer changes what is gathered, and this is the writer; readers may look meanwhile.
    return append_below(BytesView{gathered_}.first(count), count);
}

Status CipherFile::flush() {
    const std::lock_guard writing(write_mutex_);
    return flush_locked(true);
}

Status CipherFile::sync() {
    const std::lock_guard writing(write_mutex_);
    if (broken_) return fail(error::StorageIo, path_ + ": an earlier write could not be undone");
    CRN_CHECK(flush_locked(true));
    return view().body->file->sync();
}

Status CipherFile::truncate(std::uint64_t size) {
    const std::lock_guard writing(write_mutex_);
    CRN_CHECK(flush_locked(true));
    return truncate_locked(size);
}

Status CipherFile::truncate_locked(std::uint64_t size) {
    const auto now = view();
    if (size > now.logical_end)
        return fail(error::StorageIo, path_ + ": an encrypted file is not made longer by a cut");
    if (size == now.logical_end) {
        // Also takes away what a failed write left.
        CRN_CHECK(now.body->file->truncate(now.physical_end));
        broken_ = false;
        return {};
    }
    FramePlace place{.physical = kCipherHeaderBytes, .header = {}};
    Bytes kept;
    if (size != 0) {
        CRN_TRY(found, frame_holding(now, size));
        place = found;
        kept.resize(size - found.header.offset);
        CRN_TRY(read, read_frames(now, found.header.offset, kept));
        (void)read;
    }
    CRN_CHECK(now.body->file->truncate(place.physical));
    {
        const std::lock_guard guard(state_mutex_);
        view_.physical_end = place.physical;
        view_.logical_end = place.header.offset;
    }
    broken_ = false;
    return append_below(kept, 0);
}

Status CipherFile::move_to(CipherFile& fresh, const std::function<bool(std::size_t)>& pause,
                           const std::function<Status()>& replace, const std::function<Status()>& settle) {
    Bytes step(kCopyBytes);
    std::uint64_t copied = 0;
    const auto copy_some = [&]() -> Result<std::size_t> {
        const auto now = view();
        if (copied >= now.logical_end) return 0u;
        const auto count = std::min<std::uint64_t>(step.size(), now.logical_end - copied);
        CRN_TRY(read, read_frames(now, copied, std::span{step}.first(count)));
        CRN_CHECK(fresh.write_at(copied, BytesView{step}.first(read)));
        copied += read;
        return read;
    };
    while (view().logical_end >= copied + kCopyBytes) {
        CRN_TRY(bytes, copy_some());
        if (bytes == 0) break;
        if (!pause(bytes)) return fail(error::StorageIo, path_ + ": the re-encryption was stopped");
    }
    // What a slow disk would make writers wait for is on it already.
    CRN_CHECK(fresh.sync());
    const std::lock_guard writing(write_mutex_);
    if (view().logical_end < copied) return fail(error::StorageIo, path_ + " was cut while it was copied");
    for (;;) {
        CRN_TRY(bytes, copy_some());
        if (bytes == 0) break;
    }
    CRN_CHECK(fresh.sync());
    crypto::wipe(step);
    CRN_CHECK(replace());
    auto settled = settle();
    // The old file has lost its name: there is no way back. If the exchange may not last, nothing more is promised.
    broken_ = !settled;
    has_salt_ = false;
    auto replaced = fresh.view();
    const std::lock_guard guard(state_mutex_);
    view_ = std::move(replaced);
    return settled;
}

} // namespace cairn::storage
