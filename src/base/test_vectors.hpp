// Where tests find the shared vectors. For *_test.cpp files only.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace cairn::test {

/// $CAIRN_VECTORS, else ../shared/vectors beside the source tree.
inline std::filesystem::path vectors(const std::string& source_dir) {
    const char* set = std::getenv("CAIRN_VECTORS");
    return set != nullptr ? std::filesystem::path{set} : std::filesystem::path{source_dir} / "../shared/vectors";
}

/// An unpacked archive: $CAIRN_VECTORS_UNPACKED/NAME, else build/vectors/NAME. Throws, and so fails the test, when missing.
inline std::filesystem::path unpacked_vectors(const std::string& source_dir, const std::string& name) {
    const char* set = std::getenv("CAIRN_VECTORS_UNPACKED");
    const auto base = set != nullptr ? std::filesystem::path{set} : std::filesystem::path{source_dir} / "build/vectors";
    if (!std::filesystem::is_directory(base / name))
        throw std::runtime_error("no folder " + (base / name).string() + ": run tests/unpack_vectors.sh first");
    return base / name;
}

/// Throws when the file cannot be read.
inline std::string read_text(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace cairn::test
