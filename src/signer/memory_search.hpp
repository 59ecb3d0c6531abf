// Looks for bytes in the memory of another process, for tests that show where private keys are and where not.
#pragma once

#include "base/bytes.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <optional>
#include <string>
#include <sys/types.h>
#include <unistd.h>

namespace cairn::signer {

/// Whether the bytes lie anywhere in the readable memory of the process. Nothing if its memory cannot be read.
inline std::optional<bool> memory_contains(pid_t process, BytesView needle) {
    std::ifstream maps("/proc/" + std::to_string(process) + "/maps");
    const int memory = ::open(("/proc/" + std::to_string(process) + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
    if (memory < 0 || !maps) return std::nullopt;
    bool found = false;
    std::uint64_t read_bytes = 0;
    std::string line;
    while (std::getline(maps, line) && !found) {
        std::uint64_t begin = 0, end = 0;
        char mode[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode) != 3 || mode[0] != 'r') continue;
        // Nothing real is so large: it is the address sanitizer's shadow, reserved and empty.
        if (end - begin > std::uint64_t{64} << 30) continue;
        constexpr std::uint64_t kStep = 4u << 20;
        Bytes bytes;
        for (auto at = begin; at < end && !found; at += kStep) {
            // Steps overlap, so that nothing hides on a border.
            bytes.resize(std::min(end - at, kStep + needle.size()));
            const auto count = ::pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(at));
            if (count <= 0) continue;
            read_bytes += static_cast<std::uint64_t>(count);
            // The library's search: gigabytes go through it, which a sanitized std::search takes minutes for.
            found = ::memmem(bytes.data(), static_cast<std::size_t>(count), needle.data(), needle.size()) != nullptr;
        }
    }
    ::close(memory);
    if (read_bytes == 0) return std::nullopt;
    return found;
}

} // namespace cairn::signer
