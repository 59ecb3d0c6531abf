// Runs the code of one frame until it ends or wants another message run.
#pragma once

#include "evm/frame.hpp"

namespace cairn::evm {

enum class Exit : std::uint8_t {
    finished, // the message is over
    waits     // `pending` is to be run, its result given to the frame, and the frame run again
};

struct Halt {
    Exit exit;
    Outcome outcome; // when finished; the output is in the frame
};

/// One of the loops below. Continues at the frame's position, stack top and gas, and leaves them there.
using Interpreter = Halt (*)(Frame&);
Interpreter interpreter_for(Revision revision, bool traced);

} // namespace cairn::evm
