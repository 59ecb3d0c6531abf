// A file descriptor that is closed with its owner.
#pragma once

#include <unistd.h>

namespace cairn {

/// Negative: none. Closing reports no error: sync before, where it counts.
class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
    Descriptor& operator=(Descriptor&&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

} // namespace cairn
